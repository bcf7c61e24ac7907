//! What a client learns about a user, in ID tokens and at the userinfo endpoint.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256, Sha512};

use super::client::IdTokenAlg;
use super::scope::has;
use crate::account::User;
use crate::sessions::Session;

/// Facts about the user that the scopes name (OpenID Connect Core, section 5.4). `groups` and
/// `roles` say the same: programs ask for it by either name. A program that asks for the profile
/// gets them too, since most cannot be told to ask for more.
pub(crate) fn of_user(user: &User, scopes: Option<&[String]>) -> Map<String, Value> {
    let wants = |name: &str| scopes.is_none_or(|scopes| has(scopes, name));
    let mut claims = Map::new();
    let mut add = |name: &str, value: Value| {
        claims.insert(name.to_owned(), value);
    };
    add("sub", json!(user.id));
    if wants("profile") {
        add("name", json!(user.name));
        add("preferred_username", json!(user.email.as_str()));
    }
    if wants("email") {
        add("email", json!(user.email.as_str()));
        // A program may link accounts by this.
        add("email_verified", json!(user.email_verified));
    }
    if wants("profile") || wants("groups") || wants("roles") {
        add("groups", json!([user.role]));
        add("roles", json!([user.role]));
    }
    claims
}

/// What an ID token is made of.
#[derive(Debug)]
pub(crate) struct IdToken<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) alg: IdTokenAlg,
    pub(crate) scopes: &'a [String],
    pub(crate) nonce: Option<&'a str>,
    pub(crate) access_token: &'a str,
    pub(crate) lifetime: Duration,
}

impl IdToken<'_> {
    /// The claims.
    pub(crate) fn claims(&self, user: &User, session: &Session, now: DateTime<Utc>) -> Map<String, Value> {
        let mut claims = of_user(user, Some(self.scopes));
        let mut add = |name: &str, value: Value| {
            claims.insert(name.to_owned(), value);
        };
        add("iss", json!(self.issuer));
        add("aud", json!(self.client_id));
        add("azp", json!(self.client_id));
        add("iat", json!(now.timestamp()));
        add("exp", json!((now + self.lifetime).timestamp()));
        add("auth_time", json!(session.auth_time.timestamp()));
        add("amr", json!(session.amr));
        add("sid", json!(session.id));
        add("at_hash", json!(at_hash(self.access_token, self.alg)));
        if let Some(nonce) = self.nonce {
            add("nonce", json!(nonce));
        }
        claims
    }
}

/// Binds the access token to the ID token: the left half of its hash, by the hash of the signature
/// (Core, section 3.1.3.6); that of Ed25519 is SHA-512.
fn at_hash(access_token: &str, alg: IdTokenAlg) -> String {
    match alg {
        IdTokenAlg::Rs256 => URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token)[..16]),
        IdTokenAlg::EdDsa => URL_SAFE_NO_PAD.encode(&Sha512::digest(access_token)[..32]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_specification() {
        // OpenID Connect Core, appendix A.3.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(at_hash(token, IdTokenAlg::Rs256), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(at_hash(token, IdTokenAlg::EdDsa).len(), 43);
    }
}
