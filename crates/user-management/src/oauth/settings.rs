//! What the provider is set up with.

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use common::BoxError;
use common::config::Reader;
use common::sealing;
use secrecy::SecretString;
use url::Url;

use super::client_keys::PublishedKeys;
use crate::jobs::signing_keys::Keeper;

/// Where the provider is, and who may register clients.
#[derive(Debug, Clone)]
pub(crate) struct ProviderSettings {
    /// `OIDC_ISSUER` (`PUBLIC_URL` with `/api/users`): the address below which clients find the
    /// endpoints, and the `iss` of ID tokens.
    pub(crate) issuer: String,
    /// `CLIENT_REGISTRATION` (`closed`): with `open` programs may register themselves (RFC 7591),
    /// as MCP clients do; otherwise administrators register them.
    pub(crate) registration_open: bool,
}

const DEVELOPMENT_URL: &str = "http://localhost:3000";
/// Where the gateway publishes this service.
const PATH: &str = "/api/users";

impl ProviderSettings {
    pub(crate) fn read(reader: &mut Reader, public_url: Option<&Url>) -> Option<Self> {
        let given = reader.optional::<Url>("OIDC_ISSUER");
        let registration = reader.one_of("CLIENT_REGISTRATION", &["closed", "open"], "closed");
        let issuer = match given? {
            None => {
                let url = public_url.map_or(DEVELOPMENT_URL, Url::as_str);
                format!("{}{PATH}", url.trim_end_matches('/'))
            }
            Some(url) => {
                let plain = url.scheme() == "http" && reader.environment().is_strict();
                let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
                if !bare || url.host().is_none() || !matches!(url.scheme(), "http" | "https") {
                    reader.invalid("OIDC_ISSUER", "is no http or https address without query");
                    return None;
                }
                if plain {
                    reader.invalid("OIDC_ISSUER", "must begin with https:// outside development");
                    return None;
                }
                url.as_str().trim_end_matches('/').to_owned()
            }
        };
        Some(Self {
            issuer,
            registration_open: registration? == "open",
        })
    }
}

/// What handlers of the provider share. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Provider(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: ProviderSettings,
    cookie_key: hmac::Key,
    form_key: hmac::Key,
    keeper: Keeper,
    published_keys: PublishedKeys,
}

impl Provider {
    pub(crate) fn new(
        settings: ProviderSettings,
        secret: &SecretString,
        keeper: Keeper,
    ) -> Result<Self, BoxError> {
        let key = |purpose| {
            let key = sealing::derive(secret, purpose)?;
            Ok::<_, Unspecified>(hmac::Key::new(hmac::HMAC_SHA256, &key))
        };
        Ok(Self(Arc::new(Inner {
            settings,
            cookie_key: key("user-management login cookies")?,
            form_key: key("user-management forms")?,
            keeper,
            published_keys: PublishedKeys::new()?,
        })))
    }

    /// The issuer, without a slash at its end.
    pub(crate) fn issuer(&self) -> &str {
        &self.0.settings.issuer
    }

    /// True when the issuer itself does without TLS, as in development.
    pub(crate) fn is_plain(&self) -> bool {
        self.issuer().starts_with("http://")
    }

    /// The address of something of ours, such as `/oauth2/token`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer())
    }

    /// True when programs may register themselves.
    pub(crate) fn registration_open(&self) -> bool {
        self.0.settings.registration_open
    }

    /// Makes the cookies of logged-in browsers.
    pub(crate) fn cookie_key(&self) -> &hmac::Key {
        &self.0.cookie_key
    }

    /// Makes the tokens of forms.
    pub(crate) fn form_key(&self) -> &hmac::Key {
        &self.0.form_key
    }

    /// Asks clients for the keys that they publish.
    pub(crate) fn published_keys(&self) -> &PublishedKeys {
        &self.0.published_keys
    }

    /// Looks after the keys.
    pub(crate) fn keeper(&self) -> &Keeper {
        &self.0.keeper
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(values: &[(&str, &str)], public: Option<&str>) -> Option<String> {
        let mut reader = Reader::from_values(values.iter().copied());
        let public = public.map(|url| Url::parse(url).unwrap());
        let settings = ProviderSettings::read(&mut reader, public.as_ref());
        reader.finish(settings).ok().map(|settings| settings.issuer)
    }

    #[test]
    fn the_issuer_is_where_the_gateway_publishes_us() {
        assert_eq!(issuer(&[], None).unwrap(), "http://localhost:3000/api/users");
        assert_eq!(
            issuer(&[], Some("https://assist.example.ru/")).unwrap(),
            "https://assist.example.ru/api/users"
        );
        let own = [("OIDC_ISSUER", "https://id.example.ru/")];
        assert_eq!(issuer(&own, None).unwrap(), "https://id.example.ru");
        for wrong in [
            "https://id.example.ru/?a=1",
            "ftp://id.example.ru",
            "mailto:a@b.c",
        ] {
            assert_eq!(issuer(&[("OIDC_ISSUER", wrong)], None), None, "{wrong}");
        }
        let plain = [
            ("ENVIRONMENT", "production"),
            ("OIDC_ISSUER", "http://id.example.ru"),
        ];
        assert_eq!(issuer(&plain, None), None);
    }
}
