//! Programs that may log their users in with us.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::OAuthError;
use super::params::Params;

/// How a client shows at the token endpoint that it is itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthMethod {
    /// Not at all: it runs where its users could read a secret.
    None,
    /// By a secret as HTTP Basic authentication.
    Basic,
    /// By a secret in the body.
    Post,
}

impl AuthMethod {
    pub(crate) const ALL: [Self; 3] = [Self::Basic, Self::Post, Self::None];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

/// What ID tokens of a client are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdTokenAlg {
    /// RSA, which every client library has.
    Rs256,
    /// Ed25519.
    EdDsa,
}

impl IdTokenAlg {
    pub(crate) const ALL: [Self; 2] = [Self::Rs256, Self::EdDsa];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == name)
    }
}

/// The grant by which a client gets its first tokens.
pub(crate) const AUTHORIZATION_CODE: &str = "authorization_code";
/// The grant by which it gets later ones.
pub(crate) const REFRESH_TOKEN: &str = "refresh_token";
/// How long the former secret is accepted beside a new one.
pub(crate) const SECRET_OVERLAP: Duration = Duration::hours(24);

/// A registered client.
#[derive(Debug, Clone)]
pub(crate) struct OAuthClient {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) auth_method: AuthMethod,
    pub(crate) secret_hash: Option<Vec<u8>>,
    pub(crate) previous_secret_hash: Option<Vec<u8>>,
    pub(crate) previous_secret_until: Option<DateTime<Utc>>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) post_logout_redirect_uris: Vec<String>,
    pub(crate) grant_types: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) id_token_alg: IdTokenAlg,
    pub(crate) first_party: bool,
    /// `None` when it registered itself.
    pub(crate) created_by: Option<Uuid>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
}

impl OAuthClient {
    pub(crate) fn is_public(&self) -> bool {
        self.auth_method == AuthMethod::None
    }

    /// True when the client may be given refresh tokens.
    pub(crate) fn refreshes(&self) -> bool {
        self.grant_types.iter().any(|grant| grant == REFRESH_TOKEN)
    }

    /// True when the secret is the present one, or the former one for a day after.
    fn has_secret(&self, secret: &SecretString, now: DateTime<Utc>) -> bool {
        let shown = hash(secret);
        let is = |stored: &Option<Vec<u8>>| {
            stored
                .as_deref()
                .is_some_and(|stored| verify_slices_are_equal(stored, &shown).is_ok())
        };
        let former_counts = self.previous_secret_until.is_some_and(|until| now < until);
        is(&self.secret_hash) || (former_counts && is(&self.previous_secret_hash))
    }

    /// Checks what was shown. A secret is accepted by whichever of the two ways it comes, since
    /// client libraries try them in turn; a client that has one must show it, and one that has none
    /// must not.
    ///
    /// # Errors
    /// `invalid_client`.
    pub(crate) fn check(&self, shown: &Credentials, now: DateTime<Utc>) -> Result<(), OAuthError> {
        let right = match (&shown.secret, self.auth_method) {
            (None, AuthMethod::None) => true,
            (Some(secret), AuthMethod::Basic | AuthMethod::Post) => self.has_secret(secret, now),
            (Some(_), AuthMethod::None) | (None, _) => false,
        };
        if right { Ok(()) } else { Err(shown.refused()) }
    }
}

/// A new secret of 256 bits.
pub(crate) fn new_secret() -> SecretString {
    SecretString::from(format!(
        "cs_{}",
        URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
    ))
}

/// The form in which a secret is stored: it has 256 bits of randomness and needs no slow hash.
pub(crate) fn hash(secret: &SecretString) -> Vec<u8> {
    Sha256::digest(secret.expose_secret()).to_vec()
}

/// What a client shows of itself at an endpoint.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) client_id: String,
    pub(crate) secret: Option<SecretString>,
    /// True when it came as HTTP Basic authentication.
    pub(crate) basic: bool,
}

impl Credentials {
    /// What the `Authorization` header or the body shows (RFC 6749, section 2.3).
    ///
    /// # Errors
    /// `invalid_request` when both do, `invalid_client` when neither names a client.
    pub(crate) fn read(authorization: Option<&str>, params: &Params) -> Result<Self, OAuthError> {
        let of_body = params.get("client_id");
        let secret_of_body = params.get("client_secret");
        let Some(authorization) = authorization else {
            let client_id = of_body.ok_or(OAuthError::InvalidClient { basic: false })?;
            return Ok(Self {
                client_id: client_id.to_owned(),
                secret: secret_of_body.map(SecretString::from),
                basic: false,
            });
        };
        let (client_id, secret) = basic(authorization).ok_or(OAuthError::InvalidClient { basic: true })?;
        if secret_of_body.is_some() || of_body.is_some_and(|other| other != client_id) {
            return Err(OAuthError::InvalidRequest(
                "two ways of client authentication at once",
            ));
        }
        Ok(Self {
            client_id,
            secret: Some(SecretString::from(secret)),
            basic: true,
        })
    }

    /// The refusal of these.
    pub(crate) fn refused(&self) -> OAuthError {
        OAuthError::InvalidClient { basic: self.basic }
    }
}

/// Id and secret, each percent-encoded before they were put together (RFC 6749, section 2.3.1).
fn basic(authorization: &str) -> Option<(String, String)> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |part: &str| {
        let part = part.replace('+', " ");
        percent_decode_str(&part).decode_utf8().ok().map(String::from)
    };
    Some((decode(id)?, decode(secret)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(auth_method: AuthMethod, secret: &SecretString) -> OAuthClient {
        OAuthClient {
            id: "grafana".to_owned(),
            name: "Grafana".to_owned(),
            auth_method,
            secret_hash: (auth_method != AuthMethod::None).then(|| hash(secret)),
            previous_secret_hash: None,
            previous_secret_until: None,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            grant_types: Vec::new(),
            scopes: Vec::new(),
            id_token_alg: IdTokenAlg::Rs256,
            first_party: false,
            created_by: None,
            created_at: DateTime::UNIX_EPOCH,
            last_used_at: None,
        }
    }

    fn shown(authorization: Option<&str>, body: &str) -> Result<Credentials, OAuthError> {
        Credentials::read(authorization, &Params::parse(body.as_bytes()))
    }

    #[test]
    fn a_secret_comes_by_header_or_body_and_not_by_both() {
        // "grafana:a+b%3A%D1%8F" in base64.
        let header = format!("Basic {}", STANDARD.encode("grafana:a+b%3A%D1%8F"));
        let basic = shown(Some(&header), "").unwrap();
        assert_eq!(basic.client_id, "grafana");
        assert_eq!(basic.secret.unwrap().expose_secret(), "a b:я");
        let post = shown(None, "client_id=grafana&client_secret=x").unwrap();
        assert_eq!(post.secret.unwrap().expose_secret(), "x");
        assert!(shown(None, "client_id=mcp").unwrap().secret.is_none());
        for (header, body) in [
            (None, ""),
            (Some(header.as_str()), "client_secret=x"),
            (Some(header.as_str()), "client_id=other"),
            (Some("Basic %%%"), ""),
            (Some("Bearer x"), "client_id=grafana"),
        ] {
            assert!(shown(header, body).is_err(), "{header:?} {body}");
        }
    }

    #[test]
    fn the_former_secret_is_good_for_a_day() {
        let (one, two) = (new_secret(), new_secret());
        let now = DateTime::UNIX_EPOCH;
        let mut client = client(AuthMethod::Basic, &two);
        client.previous_secret_hash = Some(hash(&one));
        client.previous_secret_until = Some(now + SECRET_OVERLAP);
        let shown = |secret: Option<&SecretString>| Credentials {
            client_id: "grafana".to_owned(),
            secret: secret.cloned(),
            basic: true,
        };
        assert!(client.check(&shown(Some(&two)), now).is_ok());
        assert!(client.check(&shown(Some(&one)), now).is_ok());
        assert!(client.check(&shown(Some(&one)), now + SECRET_OVERLAP).is_err());
        assert!(client.check(&shown(None), now).is_err());
        assert!(client.check(&shown(Some(&new_secret())), now).is_err());
    }

    #[test]
    fn a_public_client_shows_no_secret() {
        let client = client(AuthMethod::None, &new_secret());
        let shown = |secret| Credentials {
            client_id: "mcp".to_owned(),
            secret,
            basic: false,
        };
        assert!(client.check(&shown(None), DateTime::UNIX_EPOCH).is_ok());
        assert!(
            client
                .check(&shown(Some(new_secret())), DateTime::UNIX_EPOCH)
                .is_err()
        );
    }
}
