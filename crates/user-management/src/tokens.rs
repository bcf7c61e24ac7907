//! Access tokens (JWT) and refresh tokens.

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use common::auth::{Claims, PermissionSet};
use common::sealing;
use common::{config, ids};
use jsonwebtoken::{Algorithm, Header};
use secrecy::SecretString;
use uuid::Uuid;

use crate::account::User;
use crate::config::TokenSettings;
use crate::keys::KeyRing;
use crate::rights::Rights;
use crate::sessions::{Kind, Session};

/// Makes tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Tokens(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ring: KeyRing,
    refresh_key: hmac::Key,
    issuer: String,
    audience: String,
    lifetimes: Lifetimes,
}

/// How long tokens live.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    pub(crate) access: Duration,
    pub(crate) refresh_idle: Duration,
    pub(crate) refresh: Duration,
    pub(crate) web_idle: Duration,
    pub(crate) web: Duration,
    pub(crate) grace: Duration,
}

impl Lifetimes {
    /// How long a session lives without use, and altogether: a browser is left open on a desk, a
    /// program is not.
    pub(crate) fn of(self, kind: Kind) -> (Duration, Duration) {
        match kind {
            Kind::Bearer => (self.refresh_idle, self.refresh),
            Kind::Cookie => (self.web_idle, self.web),
        }
    }
}

/// A refresh token as somebody presented it: well formed, not yet known to be ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presented {
    pub(crate) session: Uuid,
    pub(crate) generation: i32,
    mac: [u8; MAC_BYTES],
}

const PREFIX: &str = "rt_";
const ID_BYTES: usize = 16;
const GENERATION_BYTES: usize = 4;
const MAC_BYTES: usize = 32;

/// What an access token is made for.
#[derive(Clone, Copy)]
enum Issue<'a> {
    Session(&'a Session),
    Key(Uuid),
}

impl Tokens {
    pub(crate) fn new(
        settings: &TokenSettings,
        auth: &config::Auth,
        ring: KeyRing,
    ) -> Result<Self, Unspecified> {
        let lifetime = |duration| Duration::from_std(duration).unwrap_or(Duration::MAX);
        Ok(Self(Arc::new(Inner {
            ring,
            refresh_key: hmac::Key::new(
                hmac::HMAC_SHA256,
                &sealing::derive(&settings.secret, "user-management refresh tokens")?,
            ),
            issuer: auth.issuer.clone(),
            audience: auth.audience.clone(),
            lifetimes: Lifetimes {
                access: lifetime(settings.access_ttl),
                refresh_idle: lifetime(settings.refresh_idle_ttl),
                refresh: lifetime(settings.refresh_ttl),
                web_idle: lifetime(settings.web_idle_ttl),
                web: lifetime(settings.web_ttl),
                grace: lifetime(settings.refresh_grace),
            },
        })))
    }

    pub(crate) fn ring(&self) -> &KeyRing {
        &self.0.ring
    }

    pub(crate) fn lifetimes(&self) -> Lifetimes {
        self.0.lifetimes
    }

    /// An access token: `typ` `at+jwt` (RFC 9068), EdDSA. It grants what the user may do, or of
    /// that what the session's scope names.
    pub(crate) fn access(
        &self,
        user: &User,
        session: &Session,
        now: DateTime<Utc>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        self.sign(user, Issue::Session(session), now + self.0.lifetimes.access, now)
    }

    fn sign(
        &self,
        user: &User,
        issue: Issue<'_>,
        ends: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let inner = &self.0;
        let key = inner.ring.current();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(key.kid.clone());
        let session = match issue {
            Issue::Session(session) => Some(session),
            Issue::Key(_) => None,
        };
        let scope = session.and_then(|session| session.scope.as_deref());
        let claims = Claims {
            iss: inner.issuer.clone(),
            sub: user.id,
            sid: match issue {
                Issue::Session(session) => session.id,
                Issue::Key(id) => id,
            },
            aud: inner.audience.clone(),
            exp: ends.timestamp(),
            iat: now.timestamp(),
            jti: ids::new_id(),
            role: user.role.clone(),
            perms: narrowed(user.granted(), scope),
            companies: user.companies.clone(),
            // Nobody has proved who they are when a key opens the door.
            amr: session.map(|session| session.amr.clone()).unwrap_or_default(),
            auth_time: session.map_or(0, |session| session.auth_time.timestamp()),
            client_id: session.and_then(|session| session.client_id.clone()),
            scope: scope.map(|names| names.join(" ")),
            infobases: user.infobases.clone(),
            pv: user.rights_version,
        };
        jsonwebtoken::encode(&header, &claims, &key.signing)
    }

    /// An access token for a key of the user, with these of the user's rights only.
    pub(crate) fn of_key(
        &self,
        owner: &User,
        rights: &Rights,
        key: Uuid,
        ends: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let limited = User {
            permissions: rights.permissions,
            companies: rights.reach.companies.clone(),
            infobases: rights.reach.infobases.clone(),
            ..owner.clone()
        };
        self.sign(&limited, Issue::Key(key), ends, now)
    }

    /// The session's active refresh token. It is derived and not stored, so that it can be given
    /// once more to a client whose answer got lost, and cannot be read from the database.
    pub(crate) fn refresh(&self, session: &Session) -> SecretString {
        let mac = hmac::sign(
            &self.0.refresh_key,
            &message(session.id, session.generation, &session.refresh_seed),
        );
        let mut bytes = Vec::with_capacity(ID_BYTES + GENERATION_BYTES + MAC_BYTES);
        bytes.extend_from_slice(session.id.as_bytes());
        bytes.extend_from_slice(&session.generation.to_be_bytes());
        bytes.extend_from_slice(mac.as_ref());
        SecretString::from(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// True when the token is one that we made for the session, in whatever generation.
    pub(crate) fn made(&self, presented: &Presented, session: &Session) -> bool {
        let message = message(session.id, presented.generation, &session.refresh_seed);
        presented.session == session.id && hmac::verify(&self.0.refresh_key, &message, &presented.mac).is_ok()
    }
}

impl Presented {
    /// The parts of a token; `None` when it cannot be one of ours.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
        let (id, rest) = bytes.split_first_chunk::<ID_BYTES>()?;
        let (generation, mac) = rest.split_first_chunk::<GENERATION_BYTES>()?;
        Some(Self {
            session: Uuid::from_bytes(*id),
            generation: i32::from_be_bytes(*generation),
            mac: mac.try_into().ok()?,
        })
    }
}

/// What of `permissions` a scope leaves: those that it names. Other names, such as `openid`, grant
/// nothing here.
fn narrowed(permissions: PermissionSet, scope: Option<&[String]>) -> PermissionSet {
    scope.map_or(permissions, |names| {
        permissions.intersection(PermissionSet::from_names(names.iter().map(String::as_str)))
    })
}

/// Parts of fixed length first, so that no two messages run into each other.
fn message(session: Uuid, generation: i32, seed: &[u8]) -> Vec<u8> {
    [session.as_bytes().as_slice(), &generation.to_be_bytes(), seed].concat()
}
