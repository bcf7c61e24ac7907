//! The second step of a login, and logins by passkey alone.

use chrono::{DateTime, Utc};
use common::contract::events::Outcome;
use common::db::StoreResult;
use secrecy::SecretString;
use serde_json::json;
use sqlx::PgConnection;

use super::{Method, Proof};
use crate::account::{AccountKey, User};
use crate::challenges::{self, Purpose, Taken};
use crate::error::Error;
use crate::http::Client;
use crate::mail::Notice;
use crate::record::{self, Audited, LoginFailure};
use crate::second_factors::Answer;
use crate::webauthn::Assertion;
use crate::{AppState, metrics, store};

/// Meets the challenge of a login that has got past its first factor.
pub(crate) async fn by_second_factor(
    state: &AppState,
    client: &Client,
    token: &SecretString,
    answer: &Answer,
) -> Result<(User, Proof), Error> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    let taken = challenges::take(&mut transaction, token, Purpose::SecondFactor, now).await?;
    let user = owner(&mut transaction, &taken).await?;
    let checked = check(state, &mut transaction, client, &user, Some(&taken), answer, now).await?;
    if checked.is_ok() {
        challenges::met(&mut transaction, &taken).await?;
    }
    transaction.commit().await.store("commit")?;
    match checked {
        Ok(method) => Ok((user, taken.proof.and(method, now))),
        Err(failure) => {
            metrics::login(failure.as_str());
            state.address_limit.count(client.ip).await;
            Err(Error::SecondFactorWrong)
        }
    }
}

/// Checks a second factor of a user, and records how it ended. The transaction is to be committed
/// whatever the result.
pub(super) async fn check(
    state: &AppState,
    connection: &mut PgConnection,
    client: &Client,
    user: &User,
    challenge: Option<&Taken>,
    answer: &Answer,
    now: DateTime<Utc>,
) -> Result<Result<Method, LoginFailure>, Error> {
    let checked = state
        .second_factors
        .check(connection, user, challenge, answer, now)
        .await?;
    match checked {
        Ok(Method::Recovery) => {
            let left = store::recovery_codes::count_unused(connection, user.id).await?;
            let audited = Audited {
                action: "users.recovery_code_used",
                outcome: Outcome::Success,
                user: Some(user.id),
                details: json!({ "left": left }),
            };
            audited
                .append(connection, &state.clock, None, Some(client))
                .await?;
            let notice = Notice::RecoveryCodeUsed;
            state
                .mailer
                .notify(connection, user, notice, None, client, now)
                .await?;
        }
        Ok(_) => {}
        Err(failure) => {
            let account = AccountKey::of(user.email.as_str());
            record::login_failed(connection, &state.clock, client, Some(user.id), account, failure).await?;
        }
    }
    Ok(checked)
}

/// Logs in by a passkey alone, which tells whose it is.
pub(crate) async fn by_passkey(
    state: &AppState,
    client: &Client,
    token: &SecretString,
    assertion: &Assertion,
) -> Result<(User, Proof), Error> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    let taken = challenges::take(&mut transaction, token, Purpose::PasskeyLogin, now).await?;
    let expected = taken
        .passkey_challenge
        .as_deref()
        .ok_or(Error::ChallengeInvalid)?;
    let second_factors = &state.second_factors;
    let checked = second_factors
        .check_passkey(&mut transaction, None, expected, assertion, now)
        .await?;
    let user = match checked {
        Ok(id) => store::users::find_steady(&mut transaction, id)
            .await?
            .ok_or(LoginFailure::UnknownAccount),
        Err(failure) => Err(failure),
    };
    match &user {
        Ok(_) => challenges::met(&mut transaction, &taken).await?,
        Err(failure) => {
            record::login_failed(&mut transaction, &state.clock, client, None, None, *failure).await?
        }
    }
    transaction.commit().await.store("commit")?;
    match user {
        Ok(user) => Ok((user, Proof::by(Method::Passkey, now))),
        Err(failure) => {
            metrics::login(failure.as_str());
            state.address_limit.count(client.ip).await;
            Err(Error::SecondFactorWrong)
        }
    }
}

async fn owner(connection: &mut PgConnection, taken: &Taken) -> Result<User, Error> {
    let id = taken.user_id.ok_or(Error::ChallengeInvalid)?;
    let user = store::users::find_steady(connection, id).await?;
    user.ok_or(Error::ChallengeInvalid)
}
