//! Logins and registrations that have been begun and wait for another message of the client.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Error;
use crate::login::{Method, Proof};
use crate::store;

/// How long a client may take.
const LIFETIME: Duration = Duration::minutes(5);

/// What has been begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A login whose second factor is due.
    SecondFactor,
}

impl Purpose {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SecondFactor => "second_factor",
        }
    }
}

/// What the client is given to go on with.
#[derive(Debug)]
pub(crate) struct Challenge {
    /// Names it; only its hash is stored.
    pub(crate) token: SecretString,
    /// By what it can be met.
    pub(crate) methods: Vec<Method>,
    /// What a passkey has to sign, when one can meet it.
    pub(crate) passkey_challenge: Option<[u8; 32]>,
}

/// A challenge as it is stored.
#[derive(Debug)]
pub(crate) struct NewChallenge<'a> {
    pub(crate) id_hash: [u8; 32],
    pub(crate) purpose: Purpose,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) proof: &'a Proof,
    pub(crate) passkey_challenge: Option<[u8; 32]>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Begins something that is met by one of `methods`.
pub(crate) async fn begin(
    connection: &mut PgConnection,
    purpose: Purpose,
    user_id: Option<Uuid>,
    proof: &Proof,
    methods: Vec<Method>,
    now: DateTime<Utc>,
) -> Result<Challenge, Error> {
    let token = format!("ch_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    let challenge = Challenge {
        token: SecretString::from(token),
        passkey_challenge: methods.contains(&Method::Passkey).then(rand::random),
        methods,
    };
    let new = NewChallenge {
        id_hash: hash(challenge.token.expose_secret()),
        purpose,
        user_id,
        proof,
        passkey_challenge: challenge.passkey_challenge,
        created_at: now,
        expires_at: now + LIFETIME,
    };
    store::challenges::insert(connection, &new).await?;
    Ok(challenge)
}

/// The name under which a challenge is stored.
fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
