//! Programs that may log their users in with us.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::assertion::{self, ASSERTION_TYPE};
use super::client_keys::ClientKeys;
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
    /// By a token that it signs with a key of its own (RFC 7523).
    PrivateKeyJwt,
}

impl AuthMethod {
    pub(crate) const ALL: [Self; 4] = [Self::Basic, Self::Post, Self::PrivateKeyJwt, Self::None];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// True when the client has a secret of ours.
    pub(crate) fn has_secret(self) -> bool {
        match self {
            Self::Basic | Self::Post => true,
            Self::None | Self::PrivateKeyJwt => false,
        }
    }

    /// True when one can take the place of the other: the client keeps what it proves itself by.
    pub(crate) fn is_of_one_kind_with(self, other: Self) -> bool {
        self == other || (self.has_secret() && other.has_secret())
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
/// The grant by which a service account gets tokens of its own.
pub(crate) const CLIENT_CREDENTIALS: &str = "client_credentials";
/// The grant by which a client gets later tokens.
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
    /// What it signs with, when it proves itself by that.
    pub(crate) keys: Option<ClientKeys>,
    /// The account that the client is; `None` for clients that log people in.
    pub(crate) service_account: Option<Uuid>,
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
    /// must not. Assertions never pass here.
    ///
    /// # Errors
    /// `invalid_client`.
    pub(crate) fn check(&self, shown: &Credentials, now: DateTime<Utc>) -> Result<(), OAuthError> {
        let right = match (&shown.proof, self.auth_method) {
            (Shown::Nothing, AuthMethod::None) => true,
            (Shown::Secret(secret), AuthMethod::Basic | AuthMethod::Post) => self.has_secret(secret, now),
            // Assertions are checked by `assertion`, with the keys of the client.
            _ => false,
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

/// By what a client shows that it is itself.
#[derive(Debug)]
pub(crate) enum Shown {
    Nothing,
    Secret(SecretString),
    /// A token that it has signed.
    Assertion(SecretString),
}

/// What a client shows of itself at an endpoint.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) client_id: String,
    pub(crate) proof: Shown,
    /// True when it came as HTTP Basic authentication.
    pub(crate) basic: bool,
}

impl Credentials {
    /// What the `Authorization` header or the body shows (RFC 6749, section 2.3; RFC 7521, section 4.2).
    ///
    /// # Errors
    /// `invalid_request` when there are two proofs, `invalid_client` when nothing names a client.
    pub(crate) fn read(authorization: Option<&str>, params: &Params) -> Result<Self, OAuthError> {
        let of_body = params.get("client_id");
        let secret_of_body = params.get("client_secret");
        if let Some(assertion) = params.get("client_assertion") {
            if authorization.is_some() || secret_of_body.is_some() {
                return Err(TWO_PROOFS);
            }
            return Self::of_assertion(assertion, of_body, params.get("client_assertion_type"));
        }
        let Some(authorization) = authorization else {
            let client_id = of_body.ok_or(OAuthError::InvalidClient { basic: false })?;
            return Ok(Self {
                client_id: client_id.to_owned(),
                proof: secret_of_body.map_or(Shown::Nothing, |secret| Shown::Secret(secret.into())),
                basic: false,
            });
        };
        let (client_id, secret) = basic(authorization).ok_or(OAuthError::InvalidClient { basic: true })?;
        if secret_of_body.is_some() || of_body.is_some_and(|other| other != client_id) {
            return Err(TWO_PROOFS);
        }
        Ok(Self {
            client_id,
            proof: Shown::Secret(secret.into()),
            basic: true,
        })
    }

    fn of_assertion(text: &str, client_id: Option<&str>, kind: Option<&str>) -> Result<Self, OAuthError> {
        if kind != Some(ASSERTION_TYPE) {
            return Err(OAuthError::InvalidRequest(
                "client_assertion_type is not urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ));
        }
        let of = assertion::client_of(text);
        let of = of.ok_or(OAuthError::InvalidAssertion(
            "client_assertion is no JWT with sub",
        ))?;
        if client_id.is_some_and(|client_id| client_id != of) {
            return Err(OAuthError::InvalidAssertion(
                "client_id is not sub of the assertion",
            ));
        }
        Ok(Self {
            client_id: of,
            proof: Shown::Assertion(text.into()),
            basic: false,
        })
    }

    /// The refusal of these.
    pub(crate) fn refused(&self) -> OAuthError {
        OAuthError::InvalidClient { basic: self.basic }
    }
}

const TWO_PROOFS: OAuthError = OAuthError::InvalidRequest("two ways of client authentication at once");

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
            secret_hash: auth_method.has_secret().then(|| hash(secret)),
            previous_secret_hash: None,
            previous_secret_until: None,
            keys: None,
            service_account: None,
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

    fn secret_of(shown: Credentials) -> Option<String> {
        match shown.proof {
            Shown::Secret(secret) => Some(secret.expose_secret().to_owned()),
            Shown::Nothing | Shown::Assertion(_) => None,
        }
    }

    #[test]
    fn an_assertion_names_its_client_and_comes_alone() {
        // {"sub":"erp"}
        let assertion = format!("x.{}.x", URL_SAFE_NO_PAD.encode(r#"{"sub":"erp"}"#));
        let body =
            |more: &str| format!("client_assertion_type={ASSERTION_TYPE}&client_assertion={assertion}{more}");
        let read = shown(None, &body("&client_id=erp")).unwrap();
        assert_eq!(read.client_id, "erp");
        assert!(matches!(read.proof, Shown::Assertion(_)));
        for more in ["&client_id=other", "&client_secret=x"] {
            assert!(shown(None, &body(more)).is_err(), "{more}");
        }
        assert!(shown(Some("Basic ZXJwOng="), &body("")).is_err());
        for body in [
            format!("client_assertion={assertion}"),
            format!("client_assertion_type={ASSERTION_TYPE}&client_assertion=x"),
        ] {
            assert!(shown(None, &body).is_err(), "{body}");
        }
        let signing = client(AuthMethod::PrivateKeyJwt, &new_secret());
        assert!(signing.check(&read, DateTime::UNIX_EPOCH).is_err(), "never here");
    }

    #[test]
    fn a_secret_comes_by_header_or_body_and_not_by_both() {
        // "grafana:a+b%3A%D1%8F" in base64.
        let header = format!("Basic {}", STANDARD.encode("grafana:a+b%3A%D1%8F"));
        let basic = shown(Some(&header), "").unwrap();
        assert_eq!(basic.client_id, "grafana");
        assert_eq!(secret_of(basic).as_deref(), Some("a b:я"));
        let post = shown(None, "client_id=grafana&client_secret=x").unwrap();
        assert_eq!(secret_of(post).as_deref(), Some("x"));
        assert_eq!(secret_of(shown(None, "client_id=mcp").unwrap()), None);
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
            proof: secret.map_or(Shown::Nothing, |secret| Shown::Secret(secret.clone())),
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
        let shown = |proof| Credentials {
            client_id: "mcp".to_owned(),
            proof,
            basic: false,
        };
        let check = |proof| client.check(&shown(proof), DateTime::UNIX_EPOCH);
        assert!(check(Shown::Nothing).is_ok());
        assert!(check(Shown::Secret(new_secret())).is_err());
        assert!(check(Shown::Assertion(new_secret())).is_err());
    }
}
