//! Cookies that this service gives to browsers, and what keeps them from being forged or abused.
//!
//! Over https their names begin with `__Host-`, so that no other host and no plain connection can
//! set them. In development, where the page comes by plain http from the own machine, they do
//! without the prefix and without `Secure`.

use std::sync::Arc;

use ::http::header::COOKIE;
use ::http::{HeaderMap, HeaderValue};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use common::BoxError;
use common::config::Reader;
use common::sealing;
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use crate::account::AccountKey;
use crate::error::Error;
use crate::tokens::Presented;

/// What cookies depend on.
#[derive(Debug, Clone)]
pub(crate) struct CookieSettings {
    /// `PUBLIC_URL` (`http://localhost:3000` in development): where browsers find the gateway.
    pub(crate) public_url: Option<Url>,
    /// Whether browsers come by https: always, except to a plain `PUBLIC_URL` in development.
    pub(crate) secure: bool,
}

impl CookieSettings {
    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let strict = reader.environment().is_strict();
        let given = reader.optional::<Url>("PUBLIC_URL")?;
        if given
            .as_ref()
            .is_some_and(|url| !matches!(url.scheme(), "http" | "https") || url.host().is_none())
        {
            reader.invalid("PUBLIC_URL", "is no http or https address");
            return None;
        }
        let public_url = match given {
            None if !strict => Url::parse("http://localhost:3000").ok(),
            given => given,
        };
        let plain = public_url.as_ref().is_some_and(|url| url.scheme() == "http");
        if strict && plain {
            reader.invalid("PUBLIC_URL", "must begin with https:// outside development");
            return None;
        }
        Some(Self {
            public_url,
            secure: !plain,
        })
    }
}

/// Makes and reads cookies. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Cookies(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    secure: bool,
    device_key: hmac::Key,
    csrf_key: hmac::Key,
}

/// From which other pages a browser sends a cookie along.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SameSite {
    /// From none.
    Strict,
    /// From those that lead here by a link or a redirect.
    Lax,
}

impl SameSite {
    fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
        }
    }
}

impl Cookies {
    pub(crate) fn new(settings: &CookieSettings, secret: &SecretString) -> Result<Self, Unspecified> {
        let key = |purpose| {
            let key = sealing::derive(secret, purpose)?;
            Ok::<_, Unspecified>(hmac::Key::new(hmac::HMAC_SHA256, &key))
        };
        Ok(Self(Arc::new(Inner {
            secure: settings.secure,
            device_key: key("user-management device cookies")?,
            csrf_key: key("user-management CSRF tokens")?,
        })))
    }

    /// A `Set-Cookie` header; without `max_age` the cookie ends with the browser.
    pub(crate) fn set(
        &self,
        name: &str,
        value: &str,
        same_site: SameSite,
        max_age: Option<Duration>,
    ) -> Result<HeaderValue, BoxError> {
        let (prefix, secure) = if self.0.secure {
            ("__Host-", "; Secure")
        } else {
            ("", "")
        };
        let same_site = same_site.as_str();
        let max_age = max_age.map_or(String::new(), |age| format!("; Max-Age={}", age.num_seconds()));
        let cookie =
            format!("{prefix}{name}={value}; Path=/; HttpOnly{secure}; SameSite={same_site}{max_age}");
        Ok(cookie.parse()?)
    }

    /// The names, without our prefix, of the cookies that the browser sent and that begin like this.
    pub(crate) fn names<'a>(&self, headers: &'a HeaderMap, beginning: &str) -> Vec<&'a str> {
        let prefix = if self.0.secure { "__Host-" } else { "" };
        let cookies = headers.get_all(COOKIE).iter();
        cookies
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('=')?.0.strip_prefix(prefix))
            .filter(|name| name.starts_with(beginning))
            .collect()
    }

    /// The value of a cookie that the browser sent; `None` also when it sent several of the name.
    pub(crate) fn get<'a>(&self, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        let prefix = if self.0.secure { "__Host-" } else { "" };
        let mut values = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, _)| key.strip_prefix(prefix) == Some(name))
            .map(|(_, value)| value);
        values.next().filter(|_| values.next().is_none())
    }

    /// The refresh token that the browser keeps.
    pub(crate) fn refresh_token<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        self.get(headers, REFRESH)
    }

    /// A `Set-Cookie` header with a refresh token.
    pub(crate) fn keep_refresh_token(&self, token: &str, seconds: i64) -> Result<HeaderValue, BoxError> {
        self.set(REFRESH, token, SameSite::Strict, Some(Duration::seconds(seconds)))
    }

    /// A `Set-Cookie` header that makes the browser forget it.
    pub(crate) fn forget_refresh_token(&self) -> Result<HeaderValue, BoxError> {
        self.set(REFRESH, "", SameSite::Strict, Some(Duration::zero()))
    }

    /// What a page shows beside the cookie to prove that it could read our answers: it is bound to
    /// the session (OWASP, "Cross-Site Request Forgery Prevention", HMAC based tokens).
    pub(crate) fn csrf_token(&self, session: Uuid) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0.csrf_key, session.as_bytes()))
    }

    /// Refuses a request with a refresh token as a cookie that another page may have caused.
    pub(crate) fn require_own_page(&self, headers: &HeaderMap, refresh_token: &str) -> Result<(), Error> {
        let session = Presented::parse(refresh_token).map(|presented| presented.session);
        let shown = headers.get(X_CSRF_TOKEN).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let (Some(session), Some(shown)) = (session, shown) else {
            return Err(Error::CrossSite);
        };
        let bound = hmac::verify(&self.0.csrf_key, session.as_bytes(), &shown);
        if bound.is_ok() && is_same_origin(headers) {
            Ok(())
        } else {
            Err(Error::CrossSite)
        }
    }

    /// The cookie of a browser in which somebody has logged in to an account before.
    pub(crate) fn device(&self, headers: &HeaderMap, now: DateTime<Utc>) -> Option<DeviceCookie> {
        let bytes = URL_SAFE_NO_PAD.decode(self.get(headers, DEVICE)?).ok()?;
        let (content, mac) = bytes.split_at_checked(DEVICE_BYTES)?;
        hmac::verify(&self.0.device_key, content, mac).ok()?;
        let (nonce, rest) = content.split_first_chunk()?;
        let (account, made_at) = rest.split_first_chunk()?;
        let made_at = DateTime::from_timestamp(i64::from_be_bytes(made_at.try_into().ok()?), 0)?;
        (now - made_at < DEVICE_IS_KNOWN_FOR).then_some(DeviceCookie {
            nonce: *nonce,
            account: *account,
        })
    }

    /// A `Set-Cookie` header by which the browser is known for the account from now on. The device
    /// keeps its number when it was known before.
    pub(crate) fn know_device(
        &self,
        known: Option<&DeviceCookie>,
        account: AccountKey,
        now: DateTime<Utc>,
    ) -> Result<HeaderValue, BoxError> {
        let nonce = known
            .filter(|device| device.is_of(account))
            .map_or_else(rand::random, |device| device.nonce);
        let mut bytes = Vec::with_capacity(DEVICE_BYTES + 32);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(account.as_bytes());
        bytes.extend_from_slice(&now.timestamp().to_be_bytes());
        let mac = hmac::sign(&self.0.device_key, &bytes);
        bytes.extend_from_slice(mac.as_ref());
        let value = URL_SAFE_NO_PAD.encode(bytes);
        self.set(DEVICE, &value, SameSite::Strict, Some(DEVICE_IS_KNOWN_FOR))
    }
}

/// The header with the token of [`Cookies::csrf_token`].
const X_CSRF_TOKEN: &str = "x-csrf-token";
const REFRESH: &str = "refresh";

/// True when the browser says that the page is of the same origin as what it asks. Old browsers
/// tell the page's origin only, whose host is then that of the request.
pub(crate) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text("origin").and_then(|origin| origin.split_once("://"));
    let host = text("x-forwarded-host").or_else(|| text("host"));
    matches!((origin, host), (Some((_, origin)), Some(host)) if origin.eq_ignore_ascii_case(host))
}

const DEVICE: &str = "device";
/// Nonce, account and time.
const DEVICE_BYTES: usize = 16 + 32 + 8;
/// How long a browser is known after a login.
const DEVICE_IS_KNOWN_FOR: Duration = Duration::days(180);

/// A browser in which somebody has logged in to an account before. It opens nothing; it only has
/// failures of its own counted, so that a stranger who guesses cannot lock the owner out (OWASP,
/// "Slow Down Online Guessing Attacks with Device Cookies").
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeviceCookie {
    nonce: [u8; 16],
    account: [u8; 32],
}

impl DeviceCookie {
    /// True when the login was to this account.
    pub(crate) fn is_of(&self, account: AccountKey) -> bool {
        self.account == account.as_bytes()
    }

    /// Under what the failures of this device are counted.
    pub(crate) fn key(&self, account: AccountKey) -> AccountKey {
        account.part("device", &self.nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(secure: bool) -> Cookies {
        let settings = CookieSettings {
            public_url: None,
            secure,
        };
        Cookies::new(&settings, &SecretString::from("a secret of the tests")).unwrap()
    }

    fn sent_back(set_cookie: &HeaderValue) -> HeaderMap {
        let pair = set_cookie.to_str().unwrap().split(';').next().unwrap();
        HeaderMap::from_iter([(COOKIE, format!("theme=dark; {pair}").parse().unwrap())])
    }

    #[test]
    fn a_device_is_known_for_one_account_and_a_time() {
        let (now, account) = (DateTime::UNIX_EPOCH, AccountKey::of("anna@example.com"));
        let cookies = cookies(true);
        let set = cookies.know_device(None, account, now).unwrap();
        let text = set.to_str().unwrap();
        assert!(text.starts_with("__Host-device="), "{text}");
        assert!(
            text.ends_with("; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=15552000"),
            "{text}"
        );
        let headers = sent_back(&set);
        let device = cookies.device(&headers, now).unwrap();
        assert!(device.is_of(account));
        assert!(!device.is_of(AccountKey::of("boris@example.com")));
        assert!(cookies.device(&headers, now + Duration::days(180)).is_none());

        let again = cookies
            .know_device(Some(&device), account, now + Duration::days(1))
            .unwrap();
        let again = cookies.device(&sent_back(&again), now).unwrap();
        assert_eq!(again.key(account), device.key(account));
        let other = cookies
            .know_device(Some(&device), AccountKey::of("x"), now)
            .unwrap();
        let other = cookies.device(&sent_back(&other), now).unwrap();
        assert_ne!(
            other.nonce, device.nonce,
            "accounts of one browser are not linked"
        );
    }

    #[test]
    fn forged_and_doubled_cookies_count_as_none() {
        let (now, account) = (DateTime::UNIX_EPOCH, AccountKey::of("anna@example.com"));
        let cookies = cookies(false);
        let set = cookies.know_device(None, account, now).unwrap();
        assert!(!set.to_str().unwrap().contains("Secure"));
        let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        let read = |cookie: String| {
            let headers = HeaderMap::from_iter([(COOKIE, cookie.parse().unwrap())]);
            cookies.device(&headers, now)
        };
        assert!(read(pair.clone()).is_some());
        assert!(read(format!("{pair}; device=x")).is_none());
        assert!(read(pair[..pair.len() - 2].to_owned()).is_none());
        assert!(read(pair.replacen("device=", "device=A", 1)).is_none());
        assert!(read("device=".to_owned()).is_none());
    }
}
