//! A login that is under way at a provider. The browser carries it, sealed, in a cookie: nothing is
//! stored for somebody who sets out and never comes back, and nobody else can come back instead.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use common::BoxError;
use common::sealing::Sealer;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How long somebody may take at the provider.
pub(crate) const LIFETIME: Duration = Duration::minutes(10);
/// What a cookie is sealed as, beside its state.
const NAME: &[u8] = b"login at a provider";

/// How the names of the cookies begin.
pub(crate) const COOKIE: &str = "oidc_at_";

/// What is under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) provider: String,
    /// Names the attempt in the URL (RFC 6749, section 10.12).
    pub(crate) state: String,
    /// Comes back in the ID token.
    pub(crate) nonce: String,
    /// PKCE (RFC 7636): only who has it can use the code.
    pub(crate) verifier: String,
    pub(crate) purpose: Purpose,
    pub(crate) return_to: ReturnTo,
    expires_at: i64,
}

/// What it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// To log in.
    Login,
    /// To log in on our own page, for a program that sent the browser there.
    Authorize {
        /// The query of the program's request.
        request: String,
    },
    /// To link an identity to the account of somebody who has logged in.
    Link {
        /// Who.
        user: Uuid,
        /// In which session, which must not have ended meanwhile.
        session: Uuid,
    },
}

/// Seals and opens attempts.
#[derive(Debug)]
pub(crate) struct Attempts(Sealer);

impl Attempt {
    pub(crate) fn new(provider: &str, purpose: Purpose, return_to: ReturnTo, now: DateTime<Utc>) -> Self {
        Self {
            provider: provider.to_owned(),
            state: random(),
            nonce: random(),
            verifier: random(),
            purpose,
            return_to,
            expires_at: (now + LIFETIME).timestamp(),
        }
    }

    /// The PKCE challenge of the verifier, S256.
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier))
    }

    /// The name of its cookie: logins in two tabs have one each.
    pub(crate) fn cookie(state: &str) -> String {
        let start: String = state
            .chars()
            .take(8)
            .filter(char::is_ascii_alphanumeric)
            .collect();
        format!("{COOKIE}{start}")
    }
}

impl Attempts {
    pub(super) fn new(sealer: Sealer) -> Self {
        Self(sealer)
    }

    /// The value of the cookie.
    pub(crate) fn seal(&self, attempt: &Attempt) -> Result<String, BoxError> {
        let sealed = self.0.seal(NAME, &serde_json::to_vec(attempt)?)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The attempt of a cookie, when it is of this provider and state and not over.
    pub(crate) fn open(
        &self,
        cookie: &str,
        provider: &str,
        state: &str,
        now: DateTime<Utc>,
    ) -> Option<Attempt> {
        let sealed = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let opened = self.0.open(NAME, &sealed).ok()?;
        let attempt: Attempt = serde_json::from_slice(&opened).ok()?;
        verify_slices_are_equal(attempt.state.as_bytes(), state.as_bytes()).ok()?;
        (attempt.provider == provider && now.timestamp() < attempt.expires_at).then_some(attempt)
    }
}

/// 256 random bits in 43 characters, as RFC 7636 wants a verifier.
pub(super) fn random() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// A path on our own host, where a browser goes at the end. Never another host: that would make us
/// a stepping stone of phishing, and hand codes to strangers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReturnTo(String);

const MAX_PATH_BYTES: usize = 512;

impl ReturnTo {
    /// A path with its query; `None` when it could lead elsewhere.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = text.len() <= MAX_PATH_BYTES
            && text.starts_with('/')
            && !text.starts_with("//")
            // The fragment is ours. Browsers read a backslash as a slash, and skip control characters.
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#'));
        fits.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ReturnTo {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    fn attempts(secret: &str) -> Attempts {
        Attempts::new(Sealer::new(&SecretString::from(secret), "tests").unwrap())
    }

    #[test]
    fn only_the_same_browser_provider_and_state_come_back_in_time() {
        let now = DateTime::UNIX_EPOCH;
        let attempt = Attempt::new("google", Purpose::Login, ReturnTo::default(), now);
        let own = attempts("one");
        let cookie = own.seal(&attempt).unwrap();
        assert!(cookie.len() < 1024, "{}", cookie.len());
        let state = &attempt.state;
        let opened = own.open(&cookie, "google", state, now).unwrap();
        assert_eq!(opened.verifier, attempt.verifier);
        assert!(own.open(&cookie, "keycloak", state, now).is_none());
        assert!(own.open(&cookie, "google", "other", now).is_none());
        assert!(own.open(&cookie, "google", "", now).is_none());
        assert!(own.open(&cookie, "google", state, now + LIFETIME).is_none());
        assert!(own.open(&cookie[1..], "google", state, now).is_none());
        assert!(attempts("two").open(&cookie, "google", state, now).is_none());
    }

    #[test]
    fn a_challenge_is_the_hash_of_the_verifier() {
        let mut attempt = Attempt::new(
            "google",
            Purpose::Login,
            ReturnTo::default(),
            DateTime::UNIX_EPOCH,
        );
        // The example of RFC 7636, appendix B.
        attempt.verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        assert_eq!(attempt.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_browser_comes_back_to_our_own_host_only() {
        for path in ["/", "/reports?year=2026&q=a%2Fb", "/a//b"] {
            assert_eq!(ReturnTo::parse(path).unwrap().as_str(), path);
        }
        for path in [
            "",
            "reports",
            "https://evil.example.com",
            "//evil.example.com",
            "/\\evil.example.com",
            "/\t/evil.example.com",
            "/a\r\nset-cookie: x=y",
            "/#code=1",
            "/ a",
            "/é",
            &format!("/{}", "a".repeat(600)),
        ] {
            assert!(ReturnTo::parse(path).is_none(), "{path:?}");
        }
    }
}
