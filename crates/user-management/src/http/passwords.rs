//! Passwords: forgotten, reset, changed.

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Problem, Violations};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::registration::{Address, check_password, letter_sent};
use super::{Client, locale, secret};
use crate::account::{AccountKey, UserState};
use crate::error::Error;
use crate::links::{self, Purpose, Subject};
use crate::mail::{Letter, Mail, Notice};
use crate::record::Audited;
use crate::sessions::EndReason;
use crate::{AppState, login, store};

/// Sends a letter to set a new password, if the address has an account; nobody learns whether.
pub(crate) async fn forgot(
    State(state): State<AppState>,
    client: Client,
    Json(body): Json<Address>,
) -> Result<Response, Problem> {
    let email = body.parsed()?;
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    let mail = Mail {
        to: &email,
        letter: Letter::ResetPassword,
        locale: locale(),
    };
    let queued = state
        .mailer
        .enqueue_for_stranger(&mut transaction, mail, &client, now);
    queued.await?;
    let audited = Audited {
        action: "users.password_reset_asked",
        outcome: Outcome::Success,
        user: None,
        details: json!({ "email_hash": AccountKey::of(email.as_str()).to_hex() }),
    };
    audited
        .append(&mut transaction, &state.clock, None, Some(&client))
        .await?;
    transaction.commit().await.store("commit")?;
    Ok(letter_sent())
}

/// True when nothing stands beside the password of an account.
pub(super) async fn is_only_factor(state: &AppState, user: Uuid) -> Result<bool, Error> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let methods = store::second_factors::methods(&mut connection, user).await?;
    Ok(methods.is_empty())
}

/// Puts a password in place for an account that is held, unless it counted on a second factor that has
/// been removed meanwhile.
async fn put_password(
    state: &AppState,
    connection: &mut PgConnection,
    user: Uuid,
    password: &SecretString,
    hash: &str,
) -> Result<(), Error> {
    let needs_second_factor = state.passwords.needs_second_factor(password);
    if needs_second_factor && store::second_factors::methods(connection, user).await?.is_empty() {
        return Err(Error::PasswordTooShortAlone);
    }
    let now = state.clock.now();
    store::users::set_password(connection, user, hash, needs_second_factor, now).await?;
    Ok(())
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Reset {
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    pub(super) token: SecretString,
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    pub(super) password: SecretString,
}

/// Sets a new password by the secret of a letter. All sessions end; a second factor stays due at the
/// next login.
pub(crate) async fn reset(
    State(state): State<AppState>,
    client: Client,
    Json(body): Json<Reset>,
) -> Result<StatusCode, Problem> {
    let (token, purposes) = (links::hash(&body.token), [Purpose::ResetPassword]);
    let mut connection = state.db.acquire().await.store("acquire")?;
    // Asked before anything costly is done for a stranger, and again in the transaction.
    let opened = store::links::open(&mut connection, &token, &purposes, state.clock.now()).await?;
    let id = opened
        .and_then(|opened| opened.user_id)
        .ok_or(Error::LinkInvalid)?;
    let user = store::users::find(&mut connection, id).await?;
    let user = user.ok_or(Error::LinkInvalid)?;
    drop(connection);
    let mut violations = Violations::new();
    let only_factor = is_only_factor(&state, id).await?;
    check_password(
        &state,
        &mut violations,
        "/password",
        &body.password,
        &user.email,
        only_factor,
    )
    .await?;
    violations.finish()?;
    let hash = state.passwords.hash(&body.password).await.map_err(Error::from)?;

    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    let opened = store::links::open(&mut transaction, &token, &purposes, now).await?;
    let opened = opened.ok_or(Error::LinkInvalid)?;
    // Before the account is held: a login takes the two in this order.
    store::login_failures::clear(&mut transaction, AccountKey::of(user.email.as_str())).await?;
    let user = store::users::find_locked(&mut transaction, id).await?;
    let user = user
        .filter(|user| user.state != UserState::Disabled)
        .filter(|user| opened.email.as_deref() == Some(user.email.as_str()))
        .ok_or(Error::LinkInvalid)?;
    put_password(&state, &mut transaction, id, &body.password, &hash).await?;
    // The letter has reached the address.
    store::users::verify_email(&mut transaction, id, now).await?;
    store::links::use_up(&mut transaction, Purpose::ResetPassword, Subject::User(id)).await?;
    let ended = store::sessions::end_all(&mut transaction, id, EndReason::PasswordReset, now).await?;
    let notice = Notice::PasswordChanged;
    let told = state
        .mailer
        .notify(&mut transaction, &user, notice, None, &client, now);
    told.await?;
    let audited = Audited {
        action: "users.password_reset",
        outcome: Outcome::Success,
        user: Some(id),
        details: json!({}),
    };
    audited
        .append(&mut transaction, &state.clock, None, Some(&client))
        .await?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Change {
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    current_password: SecretString,
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    new_password: SecretString,
}

/// Changes one's own password. All other sessions end.
pub(crate) async fn change(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Json(body): Json<Change>,
) -> Result<StatusCode, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let user = store::users::find(&mut connection, identity.user_id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    drop(connection);
    let mut violations = Violations::new();
    check_password(
        &state,
        &mut violations,
        "/new_password",
        &body.new_password,
        &user.email,
        is_only_factor(&state, user.id).await?,
    )
    .await?;
    violations.finish()?;
    login::confirm_password(&state, &client, &identity, &user, &body.current_password).await?;
    let hash = state
        .passwords
        .hash(&body.new_password)
        .await
        .map_err(Error::from)?;

    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    let locked = store::users::find_locked(&mut transaction, user.id).await?;
    locked
        .filter(|user| user.state == UserState::Active)
        .ok_or(Error::UserNotFound)?;
    put_password(&state, &mut transaction, user.id, &body.new_password, &hash).await?;
    store::links::use_up(&mut transaction, Purpose::ResetPassword, Subject::User(user.id)).await?;
    let (kept, reason) = (identity.session_id, EndReason::PasswordChanged);
    let ended = store::sessions::end_others(&mut transaction, user.id, kept, reason, now).await?;
    let notice = Notice::PasswordChanged;
    let told = state
        .mailer
        .notify(&mut transaction, &user, notice, None, &client, now);
    told.await?;
    let audited = Audited {
        action: "users.password_changed",
        outcome: Outcome::Success,
        user: Some(user.id),
        details: json!({}),
    };
    let actor = Some((&identity).into());
    audited
        .append(&mut transaction, &state.clock, actor, Some(&client))
        .await?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    Ok(StatusCode::NO_CONTENT)
}
