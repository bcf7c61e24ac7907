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

/// How often it may be tried to meet one.
const MOST_TRIES: i16 = 5;

/// What has been begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A login whose second factor is due.
    SecondFactor,
    /// A login by passkey alone; the passkey tells whose it is.
    PasskeyLogin,
    /// A passkey that is being added.
    PasskeyRegistration,
    /// A user who proves again who they are.
    StepUp,
}

impl Purpose {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SecondFactor => "second_factor",
            Self::PasskeyLogin => "passkey_login",
            Self::PasskeyRegistration => "passkey_registration",
            Self::StepUp => "step_up",
        }
    }
}

/// What the client is given to go on with.
#[derive(Debug)]
pub(crate) struct Challenge {
    /// Names it; only its hash is stored.
    pub(crate) token: SecretString,
    /// Whose it is; `None` when the passkey will tell.
    pub(crate) user_id: Option<Uuid>,
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
        user_id,
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

/// A challenge that somebody tries to meet.
#[derive(Debug)]
pub(crate) struct Taken {
    id_hash: [u8; 32],
    /// Whose it is; `None` when the passkey will tell.
    pub(crate) user_id: Option<Uuid>,
    /// What has been proved already.
    pub(crate) proof: Proof,
    pub(crate) passkey_challenge: Option<Vec<u8>>,
}

/// Counts a try at a challenge. The transaction is to be committed even when it fails.
pub(crate) async fn take(
    connection: &mut PgConnection,
    token: &SecretString,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Taken, Error> {
    let id_hash = hash(token.expose_secret());
    let stored = store::challenges::take_try(connection, &id_hash, purpose, MOST_TRIES, now).await?;
    let stored = stored.ok_or(Error::ChallengeInvalid)?;
    Ok(Taken {
        id_hash,
        user_id: stored.user_id,
        proof: Proof {
            password: stored.password_version,
            ..Proof::from_names(&stored.amr, stored.created_at)
        },
        passkey_challenge: stored.passkey_challenge,
    })
}

/// Ends a challenge that has been met: none is met twice.
pub(crate) async fn met(connection: &mut PgConnection, taken: &Taken) -> Result<(), Error> {
    Ok(store::challenges::delete(connection, &taken.id_hash).await?)
}

/// The name under which a challenge is stored.
fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
