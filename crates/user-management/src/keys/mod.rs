//! The keys that tokens are signed with, made here and kept sealed in the database: Ed25519 for
//! access tokens, and RSA for ID tokens, which every client library can verify. RSA keys are made
//! only once there is an OAuth client.
//!
//! A key is `next` (published, so that every verifier knows it before its first token), then
//! `active` (signs), then `retired` (still published while its tokens live), then deleted.

pub(crate) mod rsa;

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use common::auth::Keys;
use common::db::{StoreError, StoreResult};
use common::sealing::Sealer;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};

use crate::store::{self, Turn};

/// The keys could not be had or made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The stored keys were sealed under another `JWT_SECRET_KEY`.
    #[error(
        "JWT_SECRET_KEY does not open signing key {kid} in the database: the secret has changed. Put the former \
         value back, or delete the rows of identity.signing_keys to begin with new keys, which ends all sessions"
    )]
    WrongSecret {
        /// The key.
        kid: String,
    },
    /// A key could not be made.
    #[error("a signing key could not be made")]
    Cryptography(#[from] Unspecified),
    /// The published form could not be made.
    #[error("the key set could not be put together")]
    Set(#[from] serde_json::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stage of a key's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyState {
    Next,
    Active,
    Retired,
}

impl KeyState {
    /// The state of that name in the database, whose check knows no fourth.
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "next" => Self::Next,
            "active" => Self::Active,
            _ => Self::Retired,
        }
    }
}

/// What keys are for; each kind is rotated by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Ed25519, for access tokens.
    AccessTokens,
    /// RSA, for ID tokens.
    IdTokens,
}

/// All keys, by what they are for.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoredKeys {
    pub(crate) access_tokens: Vec<StoredKey>,
    pub(crate) id_tokens: Vec<StoredKey>,
}

/// A key as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredKey {
    pub(crate) kid: String,
    pub(crate) state: KeyState,
    pub(crate) public_key: Vec<u8>,
    pub(crate) sealed_private_key: Vec<u8>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) activated_at: Option<DateTime<Utc>>,
    pub(crate) retired_at: Option<DateTime<Utc>>,
}

/// A key to be stored.
#[derive(Debug)]
pub(crate) struct NewKey {
    pub(crate) kid: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) sealed_private_key: Vec<u8>,
}

impl NewKey {
    async fn generate(family: Family, sealer: &Sealer) -> Result<Self, Unspecified> {
        let (public_key, private_key, kid) = match family {
            Family::AccessTokens => {
                let pair = Ed25519KeyPair::generate()?;
                let public_key = pair.public_key().as_ref().to_vec();
                let kid = thumbprint(&public_key);
                (public_key, pair.to_pkcs8v1()?.as_ref().to_vec(), kid)
            }
            Family::IdTokens => {
                // Finding the primes takes a good part of a second.
                let pair = tokio::task::spawn_blocking(|| RsaKeyPair::generate(KeySize::Rsa2048)).await;
                let pair = pair.map_err(|_| Unspecified)??;
                let public_key = pair.public_key().as_ref().to_vec();
                let kid = rsa::thumbprint(&public_key).ok_or(Unspecified)?;
                let private_key: Pkcs8V1Der<'_> = pair.as_der()?;
                (public_key, private_key.as_ref().to_vec(), kid)
            }
        };
        let sealed_private_key = sealer.seal(kid.as_bytes(), &private_key)?;
        Ok(Self {
            kid,
            public_key,
            sealed_private_key,
        })
    }
}

/// SHA-256 thumbprint of the public key (RFC 7638, with the members of RFC 8037).
fn thumbprint(public_key: &[u8]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public_key);
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
}

/// When keys change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    rotation: Duration,
    /// How long a key is published before it signs.
    lead: Duration,
    /// How long a retired key stays published.
    keep: Duration,
}

/// What the schedule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    AddNext,
    Promote,
    DeleteRetired,
}

impl Schedule {
    pub(crate) fn new(rotation: Duration, access_ttl: Duration) -> Self {
        Self {
            rotation,
            lead: Duration::hours(24).min(rotation / 2),
            keep: access_ttl + Duration::hours(24),
        }
    }

    /// The next thing to do, if anything is due.
    fn due(&self, keys: &[StoredKey], now: DateTime<Utc>) -> Option<Step> {
        let of = |state| keys.iter().find(|key| key.state == state);
        let next = of(KeyState::Next);
        let Some(active) = of(KeyState::Active) else {
            // The first start: nobody has a key yet, so that none must be announced.
            return Some(next.map_or(Step::AddNext, |_| Step::Promote));
        };
        let age = now - active.activated_at.unwrap_or(active.created_at);
        match next {
            None if age >= self.rotation - self.lead => return Some(Step::AddNext),
            Some(next) if age >= self.rotation && now - next.created_at >= self.lead => {
                return Some(Step::Promote);
            }
            _ => {}
        }
        let outlived = |key: &StoredKey| key.retired_at.is_some_and(|at| at < now - self.keep);
        keys.iter().any(outlived).then_some(Step::DeleteRetired)
    }
}

/// Makes and rotates keys as the schedule asks, and returns them. Replicas take turns, so that two
/// of them never make a key for the same purpose. Keys for ID tokens are rotated when there are
/// any, and made when `id_tokens` says that they are needed.
pub(crate) async fn maintain(
    db: &PgPool,
    sealer: &Sealer,
    schedule: &Schedule,
    id_tokens: bool,
    now: DateTime<Utc>,
) -> Result<StoredKeys, KeyError> {
    let mut transaction = db.begin().await.store("begin")?;
    store::take_turn(&mut transaction, Turn::SigningKeys).await?;
    let access_tokens =
        maintain_family(&mut transaction, Family::AccessTokens, sealer, schedule, now).await?;
    let mut keys = store::signing_keys::list(&mut transaction, Family::IdTokens).await?;
    if id_tokens || !keys.is_empty() {
        keys = maintain_family(&mut transaction, Family::IdTokens, sealer, schedule, now).await?;
    }
    transaction.commit().await.store("commit")?;
    Ok(StoredKeys {
        access_tokens,
        id_tokens: keys,
    })
}

async fn maintain_family(
    connection: &mut PgConnection,
    family: Family,
    sealer: &Sealer,
    schedule: &Schedule,
    now: DateTime<Utc>,
) -> Result<Vec<StoredKey>, KeyError> {
    loop {
        let keys = store::signing_keys::list(connection, family).await?;
        // Checked before anything changes: a wrong secret must not mix its keys into the right ones.
        for key in keys.iter().filter(|key| key.state != KeyState::Retired) {
            open(sealer, key)?;
        }
        match schedule.due(&keys, now) {
            None => return Ok(keys),
            Some(Step::AddNext) => {
                let key = NewKey::generate(family, sealer).await?;
                store::signing_keys::insert_next(connection, family, &key, now).await?;
                tracing::info!("signing key {} is published", key.kid);
            }
            Some(Step::Promote) => {
                store::signing_keys::promote(connection, family, now).await?;
                tracing::info!("another signing key is active");
            }
            Some(Step::DeleteRetired) => {
                store::signing_keys::delete_retired(connection, family, now - schedule.keep).await?;
            }
        }
    }
}

fn open(sealer: &Sealer, key: &StoredKey) -> Result<Vec<u8>, KeyError> {
    sealer
        .open(key.kid.as_bytes(), &key.sealed_private_key)
        .map_err(|_| KeyError::WrongSecret { kid: key.kid.clone() })
}

/// The keys as this process uses them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct KeyRing(Arc<Inner>);

struct Inner {
    current: ArcSwap<Current>,
    id_tokens: ArcSwapOption<rsa::Signer>,
    verifying: Keys,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing")
            .field("active", &self.current.load().kid)
            .finish_non_exhaustive()
    }
}

/// What signs and what is published.
pub(crate) struct Current {
    pub(crate) kid: String,
    pub(crate) signing: EncodingKey,
    pub(crate) activated_at: DateTime<Utc>,
    /// The JWK set (RFC 7517) as it is served.
    pub(crate) published: Bytes,
    /// The same.
    set: JwkSet,
}

impl KeyRing {
    pub(crate) fn new(keys: &StoredKeys, sealer: &Sealer) -> Result<Self, KeyError> {
        let current = assemble(keys, sealer)?;
        Ok(Self(Arc::new(Inner {
            verifying: Keys::local(&current.set),
            id_tokens: ArcSwapOption::new(id_token_signer(keys, sealer)?),
            current: ArcSwap::from_pointee(current),
        })))
    }

    /// Takes over what has changed.
    pub(crate) fn replace(&self, keys: &StoredKeys, sealer: &Sealer) -> Result<(), KeyError> {
        let current = assemble(keys, sealer)?;
        // Verifying first: a token of the new key must not meet an authenticator without it.
        self.0.verifying.replace(&current.set);
        self.0.current.store(Arc::new(current));
        // Every minute the same key comes along; to take it apart again would cost a millisecond.
        let active = keys.id_tokens.iter().find(|key| key.state == KeyState::Active);
        let known = self.0.id_tokens.load();
        if known.as_ref().map(|signer| &signer.kid) != active.map(|key| &key.kid) {
            self.0.id_tokens.store(id_token_signer(keys, sealer)?);
        }
        Ok(())
    }

    /// What signs access tokens now.
    pub(crate) fn current(&self) -> Arc<Current> {
        self.0.current.load_full()
    }

    /// What signs ID tokens now; `None` before there is an OAuth client.
    pub(crate) fn id_tokens(&self) -> Option<Arc<rsa::Signer>> {
        self.0.id_tokens.load_full()
    }

    /// The public key of that id, of whatever family.
    pub(crate) fn published_key(&self, kid: &str) -> Option<DecodingKey> {
        DecodingKey::from_jwk(self.0.current.load().set.find(kid)?).ok()
    }

    /// The public keys, for this service's own authenticator.
    pub(crate) fn verifying(&self) -> Keys {
        self.0.verifying.clone()
    }
}

fn id_token_signer(keys: &StoredKeys, sealer: &Sealer) -> Result<Option<Arc<rsa::Signer>>, KeyError> {
    let Some(active) = keys.id_tokens.iter().find(|key| key.state == KeyState::Active) else {
        return Ok(None);
    };
    let signer = rsa::Signer::new(active.kid.clone(), &open(sealer, active)?)?;
    Ok(Some(Arc::new(signer)))
}

fn assemble(keys: &StoredKeys, sealer: &Sealer) -> Result<Current, KeyError> {
    let active = keys
        .access_tokens
        .iter()
        .find(|key| key.state == KeyState::Active);
    let active = active.ok_or(Unspecified)?;
    let mut published: Vec<serde_json::Value> = keys
        .access_tokens
        .iter()
        .map(|key| {
            json!({
                "kty": "OKP",
                "crv": "Ed25519",
                "alg": "EdDSA",
                "use": "sig",
                "kid": key.kid,
                "x": URL_SAFE_NO_PAD.encode(&key.public_key),
            })
        })
        .collect();
    published.extend(
        keys.id_tokens
            .iter()
            .filter_map(|key| rsa::jwk(&key.kid, &key.public_key)),
    );
    let published = json!({ "keys": published });
    Ok(Current {
        kid: active.kid.clone(),
        signing: EncodingKey::from_ed_der(&open(sealer, active)?),
        activated_at: active.activated_at.unwrap_or(active.created_at),
        published: serde_json::to_vec(&published)?.into(),
        set: serde_json::from_value(published)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::hours(hours)
    }

    fn key(state: KeyState, created: i64, activated: Option<i64>, retired: Option<i64>) -> StoredKey {
        StoredKey {
            kid: format!("{state:?}"),
            state,
            public_key: Vec::new(),
            sealed_private_key: Vec::new(),
            created_at: at(created),
            activated_at: activated.map(at),
            retired_at: retired.map(at),
        }
    }

    #[test]
    fn a_key_is_announced_a_day_before_it_signs_and_kept_a_day_after() {
        let schedule = Schedule::new(Duration::days(30), Duration::minutes(15));
        let active = key(KeyState::Active, 0, Some(0), None);
        let day = 24;
        assert_eq!(schedule.due(&[], at(0)), Some(Step::AddNext));
        assert_eq!(
            schedule.due(&[key(KeyState::Next, 0, None, None)], at(0)),
            Some(Step::Promote)
        );
        let alone = [active.clone()];
        assert_eq!(schedule.due(&alone, at(0)), None);
        assert_eq!(schedule.due(&alone, at(29 * day - 1)), None);
        assert_eq!(schedule.due(&alone, at(29 * day)), Some(Step::AddNext));
        let announced = [active.clone(), key(KeyState::Next, 29 * day, None, None)];
        assert_eq!(schedule.due(&announced, at(30 * day - 1)), None);
        assert_eq!(schedule.due(&announced, at(30 * day)), Some(Step::Promote));
        // After a long stop the key is announced late, and still a day before it signs.
        let late = [active, key(KeyState::Next, 40 * day, None, None)];
        assert_eq!(schedule.due(&late, at(40 * day + 23)), None);
        assert_eq!(schedule.due(&late, at(41 * day)), Some(Step::Promote));
        let rotated = [
            key(KeyState::Retired, 0, Some(0), Some(30 * day)),
            key(KeyState::Active, 29 * day, Some(30 * day), None),
        ];
        assert_eq!(
            schedule.due(&rotated, at(31 * day)),
            None,
            "a token may still live"
        );
        assert_eq!(
            schedule.due(&rotated, at(31 * day + 1)),
            Some(Step::DeleteRetired)
        );
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let public_key = URL_SAFE_NO_PAD.decode(x).unwrap();
        assert_eq!(
            thumbprint(&public_key),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }
}
