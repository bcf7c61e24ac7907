//! Tokens as user-management issues them.

use std::collections::BTreeSet;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use uuid::Uuid;

use crate::auth::{
    Authenticator, Claims, Companies, Infobases, Keys, Permission, PermissionSet, Revocations,
};
use crate::clock::Clock;
use crate::{config, ids};

/// An Ed25519 key of a test, and tokens signed with it.
pub struct Issuer {
    key: EncodingKey,
    kid: String,
    x: String,
    revocations: Revocations,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// What a test's token grants.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The user.
    pub user_id: Uuid,
    /// The session.
    pub session_id: Uuid,
    /// Name of the role.
    pub role: String,
    /// Permissions.
    pub permissions: PermissionSet,
    /// Companies.
    pub companies: Companies,
    /// Infobases.
    pub infobases: Infobases,
    /// Version of the user's rights.
    pub rights_version: i64,
}

impl Grant {
    /// A new user with these permissions, all companies and all infobases.
    #[must_use]
    pub fn new(permissions: &[Permission]) -> Self {
        Self {
            user_id: ids::new_id(),
            session_id: ids::new_id(),
            role: "test".to_owned(),
            permissions: permissions.iter().copied().collect(),
            companies: Companies::All,
            infobases: Infobases::All,
            rights_version: 1,
        }
    }

    /// The same with these companies only.
    #[must_use]
    pub fn companies(mut self, companies: impl IntoIterator<Item = Uuid>) -> Self {
        self.companies = Companies::Some(companies.into_iter().collect::<BTreeSet<_>>());
        self
    }

    /// The same with these infobases only.
    #[must_use]
    pub fn infobases(mut self, infobases: impl IntoIterator<Item = Uuid>) -> Self {
        self.infobases = Infobases::Some(infobases.into_iter().collect::<BTreeSet<_>>());
        self
    }
}

impl Default for Issuer {
    fn default() -> Self {
        Self::new()
    }
}

impl Issuer {
    /// A new key.
    ///
    /// # Panics
    /// When the machine has no randomness.
    #[must_use]
    pub fn new() -> Self {
        let pair = Ed25519KeyPair::generate().expect("a key pair");
        let pkcs8 = pair.to_pkcs8v1().expect("PKCS #8");
        Self {
            key: EncodingKey::from_ed_der(pkcs8.as_ref()),
            kid: ids::new_id().to_string(),
            x: URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
            revocations: Revocations::new(),
        }
    }

    /// The public key as a JWK set, to be served to a service under test.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid, "x": self.x,
        }]})
    }

    /// An authenticator that accepts this issuer's tokens.
    ///
    /// # Panics
    /// Never for a set of our own.
    #[must_use]
    pub fn authenticator(&self) -> Authenticator {
        let set: JwkSet = serde_json::from_value(self.jwks()).expect("a JWK set");
        let config = config::Auth {
            jwks_url: "http://127.0.0.1:9/unused".parse().expect("a URL"),
            issuer: config::Auth::ISSUER.to_owned(),
            audience: config::Auth::AUDIENCE.to_owned(),
        };
        Authenticator::new(
            &config,
            Keys::local(&set),
            self.revocations.clone(),
            Clock::system(),
        )
    }

    /// The revocations that [`Issuer::authenticator`] looks at.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// A token for a new user with these permissions and all companies.
    #[must_use]
    pub fn token(&self, permissions: &[Permission]) -> String {
        self.sign(&Grant::new(permissions))
    }

    /// A token for this user.
    #[must_use]
    pub fn sign(&self, grant: &Grant) -> String {
        let now = Clock::system().now().timestamp();
        self.sign_claims(&Claims {
            iss: config::Auth::ISSUER.to_owned(),
            sub: grant.user_id,
            sid: grant.session_id,
            aud: config::Auth::AUDIENCE.to_owned(),
            exp: now + 900,
            iat: now,
            jti: ids::new_id(),
            role: grant.role.clone(),
            perms: grant.permissions,
            companies: grant.companies.clone(),
            amr: vec!["pwd".to_owned()],
            auth_time: now,
            client_id: None,
            scope: None,
            infobases: grant.infobases.clone(),
            pv: grant.rights_version,
        })
    }

    /// A JWT of another type, or with claims that no token of ours has.
    ///
    /// # Panics
    /// Never with an Ed25519 key.
    #[must_use]
    pub fn sign_as(&self, typ: &str, claims: &serde_json::Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.key).expect("a signed token")
    }

    /// A token with exactly these claims.
    ///
    /// # Panics
    /// Never with an Ed25519 key.
    #[must_use]
    pub fn sign_claims(&self, claims: &Claims) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.key).expect("a signed token")
    }
}
