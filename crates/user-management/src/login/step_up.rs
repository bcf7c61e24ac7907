//! Proving again who one is, before something delicate (RFC 9470).

use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use secrecy::SecretString;
use serde_json::json;
use sqlx::PgConnection;

use super::proof::is_fresh;
use super::{Attempt, Method, Proof, second_factor};
use crate::account::{AccountKey, User};
use crate::challenges::{self, Challenge, Purpose};
use crate::error::Error;
use crate::http::Client;
use crate::record::Audited;
use crate::second_factors::Answer;
use crate::sessions::{self, Access};
use crate::{AppState, store};

/// Refuses a caller whose last proof is older than ten minutes, or lacks the second factor that the
/// account has. To be called by whatever would let the thief of a token make themselves at home.
pub(crate) async fn require_fresh(
    connection: &mut PgConnection,
    state: &AppState,
    identity: &Identity,
) -> Result<(), Error> {
    let methods = store::second_factors::methods(connection, identity.user_id).await?;
    let proof = Proof::from_names(&identity.methods, identity.authenticated_at);
    if is_fresh(&proof, !methods.is_empty(), state.clock.now()) {
        Ok(())
    } else {
        Err(Error::StepUpRequired)
    }
}

/// What somebody shows to prove again who they are.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) password: Option<SecretString>,
    pub(crate) second_factor: Option<Answer>,
    /// The challenge that a passkey signed.
    pub(crate) challenge: Option<SecretString>,
}

/// A challenge for the passkeys of the caller.
pub(crate) async fn begin(state: &AppState, identity: &Identity) -> Result<Challenge, Error> {
    let now = state.clock.now();
    let mut connection = state.db.acquire().await.store("acquire")?;
    let nothing = Proof::nothing(now);
    let (user, methods) = (Some(identity.user_id), vec![Method::Passkey]);
    challenges::begin(&mut connection, Purpose::StepUp, user, &nothing, methods, now).await
}

/// Proves it for the session that the caller has, whose next access token tells of it. A passkey is
/// enough; otherwise the password is due, and the second factor when the account has one.
pub(crate) async fn step_up(
    state: &AppState,
    client: &Client,
    identity: &Identity,
    shown: &Shown,
) -> Result<Access, Error> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let user = store::users::find(&mut connection, identity.user_id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    let credentials = store::users::credentials(&mut connection, &user.email).await?;
    let has_second_factor = !store::second_factors::methods(&mut connection, user.id)
        .await?
        .is_empty();
    drop(connection);
    let by_passkey = matches!(shown.second_factor, Some(Answer::Passkey(_)));
    let due = Due {
        password: !by_passkey && credentials.is_some() && shown.password.is_none(),
        second_factor: has_second_factor && shown.second_factor.is_none(),
    };
    if due.password || due.second_factor {
        return Err(Error::StepUpIncomplete(due));
    }
    let mut proof = Proof::nothing(state.clock.now());
    if let (Some(password), Some((_, hash, _))) = (&shown.password, credentials) {
        let account = AccountKey::of(user.email.as_str());
        let attempt = Attempt {
            account,
            // Counted by session: whoever has stolen it must not lock the owner out.
            counted_as: account.part("session", identity.session_id.as_bytes()),
            user: Some(user.id),
            verdict: state.passwords.verify(password, Some(hash)).await?,
        };
        if attempt.decide(state, client).await?.is_err() {
            return Err(Error::InvalidCredentials);
        }
        proof = proof.and(Method::Pwd, state.clock.now());
    }
    finish(state, client, identity, &user, shown, proof).await
}

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) password: bool,
    pub(crate) second_factor: bool,
}

async fn finish(
    state: &AppState,
    client: &Client,
    identity: &Identity,
    user: &User,
    shown: &Shown,
    mut proof: Proof,
) -> Result<Access, Error> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    if let Some(answer) = &shown.second_factor {
        let challenge = match &shown.challenge {
            Some(token) => Some(challenges::take(&mut transaction, token, Purpose::StepUp, now).await?),
            None => None,
        };
        let challenge = challenge.filter(|challenge| challenge.user_id == Some(user.id));
        let checked = second_factor::check(
            state,
            &mut transaction,
            client,
            user,
            challenge.as_ref(),
            answer,
            now,
        );
        match checked.await? {
            Ok(method) => proof = proof.and(method, now),
            Err(_) => {
                transaction.commit().await.store("commit")?;
                return Err(Error::SecondFactorWrong);
            }
        }
        if let Some(challenge) = &challenge {
            challenges::met(&mut transaction, challenge).await?;
        }
    }
    // An account with neither password nor second factor proves itself where it came from.
    if proof.methods.is_empty() {
        return Err(Error::StepUpRequired);
    }
    let audited = Audited {
        action: "auth.stepped_up",
        outcome: Outcome::Success,
        user: Some(user.id),
        details: json!({ "methods": proof.amr() }),
    };
    let session = identity.session_id;
    let access = sessions::prove(
        &mut transaction,
        &state.tokens,
        session,
        user.id,
        &proof,
        client,
        now,
    )
    .await?;
    audited
        .append(
            &mut transaction,
            &state.clock,
            Some(identity.into()),
            Some(client),
        )
        .await?;
    transaction.commit().await.store("commit")?;
    Ok(access)
}
