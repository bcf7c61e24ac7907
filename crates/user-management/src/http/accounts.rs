//! What is done to accounts: by their owner (the address), and by administrators.

use ::http::StatusCode;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use common::auth::{Identity, Permission};
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Path, Problem};
use common::{Locale, Text};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Client;
use super::registration::{Address, letter_sent, set_email};
use super::users::{UserResponse, violation};
use crate::account::{AccountKey, PersonName, User, UserState};
use crate::error::Error;
use crate::mail::{Letter, Mail, Notice};
use crate::record::Audited;
use crate::rights::may_change;
use crate::roles::ADMINISTRATOR;
use crate::sessions::EndReason;
use crate::store::{self, Turn};
use crate::{AppState, login, second_factors};

/// What may be changed of a profile. Anything else, such as a role, is refused rather than ignored.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    name: Option<String>,
    locale: Option<String>,
    /// By an administrator only.
    must_change_password: Option<bool>,
}

/// Changes one's own profile.
pub(crate) async fn update_me(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Json(body): Json<Profile>,
) -> Result<Json<UserResponse>, Problem> {
    if body.must_change_password.is_some() {
        let detail = Text::new("Это решает администратор.", "An administrator decides that.");
        return Err(violation("/must_change_password", detail));
    }
    update(&state, &identity, &client, identity.user_id, body).await
}

/// Changes a profile: one's own, or anybody's with `users:admin` whose rights are within one's own.
pub(crate) async fn update_user(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
    Json(body): Json<Profile>,
) -> Result<Json<UserResponse>, Problem> {
    let own = id == identity.user_id && body.must_change_password.is_none();
    if !own && !identity.may(Permission::UsersAdmin) {
        if id != identity.user_id && !identity.may(Permission::UsersRead) {
            return Err(Error::UserNotFound.into());
        }
        identity.require(Permission::UsersAdmin)?;
    }
    update(&state, &identity, &client, id, body).await
}

async fn update(
    state: &AppState,
    identity: &Identity,
    client: &Client,
    id: Uuid,
    body: Profile,
) -> Result<Json<UserResponse>, Problem> {
    if body.name.is_none() && body.locale.is_none() && body.must_change_password.is_none() {
        let detail = Text::new("Укажите, что изменить.", "Say what is to be changed.");
        return Err(violation("", detail));
    }
    let name = body.name.as_deref().map(PersonName::parse).transpose();
    let name = name.map_err(|detail| violation("/name", detail))?;
    let locale = match body.locale.as_deref() {
        None => None,
        Some("ru") => Some(Locale::Ru),
        Some("en") => Some(Locale::En),
        Some(_) => {
            let detail = Text::new("Языки: ru и en.", "The languages are ru and en.");
            return Err(violation("/locale", detail));
        }
    };
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    let user = store::users::find_locked(&mut transaction, id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    if id != identity.user_id && !may_change(identity, &user, &user.rights()) {
        return Err(Error::BeyondOwnRights.into());
    }
    let mut changed = Vec::new();
    if name.as_ref().is_some_and(|name| name.as_str() != user.name) {
        changed.push("name");
    }
    if locale.is_some_and(|locale| locale != user.locale) {
        changed.push("locale");
    }
    if !changed.is_empty() {
        let name = match name {
            Some(name) => name,
            None => PersonName::parse(&user.name).map_err(|detail| violation("/name", detail))?,
        };
        let locale = locale.unwrap_or(user.locale);
        store::users::set_profile(&mut transaction, &user, &name, locale, now).await?;
    }
    let must = body
        .must_change_password
        .filter(|must| *must != user.must_change_password);
    let mut ended = Vec::new();
    let mut outdated = Vec::new();
    if let Some(must) = must {
        changed.push("must_change_password");
        store::users::set_must_change_password(&mut transaction, id, must, now).await?;
        // No token with the former rights stays valid.
        ended = store::sessions::end_all(&mut transaction, id, EndReason::PasswordChanged, now).await?;
        outdated.push(store::rights::outdate(&mut transaction, id, now).await?);
    }
    if changed.is_empty() {
        return Ok(Json(user.into()));
    }
    let details = json!({ "changed": changed });
    audit(
        state,
        &mut transaction,
        identity,
        client,
        "users.profile_changed",
        id,
        details,
    )
    .await?;
    let user = store::users::find(&mut transaction, id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    state.revoker.outdate(&outdated).await;
    Ok(Json(user.into()))
}

async fn audit(
    state: &AppState,
    connection: &mut PgConnection,
    identity: &Identity,
    client: &Client,
    action: &'static str,
    user: Uuid,
    details: Value,
) -> Result<(), Error> {
    let audited = Audited {
        action,
        outcome: Outcome::Success,
        user: Some(user),
        details,
    };
    let actor = Some(identity.into());
    Ok(audited
        .append(connection, &state.clock, actor, Some(client))
        .await?)
}

/// Asks for another address. It takes the place of the present one when a letter has reached it; where
/// there are no letters, at once.
pub(crate) async fn change_email(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Json(body): Json<Address>,
) -> Result<Response, Problem> {
    let email = body.parsed()?;
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let user = store::users::find_locked(&mut transaction, identity.user_id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    if !state.mailer.is_on() {
        set_email(&mut transaction, &user, &email, false, now).await?;
        audit(
            &state,
            &mut transaction,
            &identity,
            &client,
            "users.email_changed",
            user.id,
            json!({}),
        )
        .await?;
        let user = store::users::find(&mut transaction, user.id).await?;
        let user = user.ok_or(Error::UserNotFound)?;
        transaction.commit().await.store("commit")?;
        return Ok(Json(UserResponse::from(user)).into_response());
    }
    let confirm = Mail {
        to: &email,
        letter: Letter::ChangeEmail { user: user.id },
        locale: user.locale,
    };
    let queued = state
        .mailer
        .enqueue_for_stranger(&mut transaction, confirm, &client, now);
    queued.await?;
    let notice = Notice::EmailChangeAsked;
    let told = state
        .mailer
        .notify(&mut transaction, &user, notice, None, &client, now);
    told.await?;
    audit(
        &state,
        &mut transaction,
        &identity,
        &client,
        "users.email_change_asked",
        user.id,
        json!({}),
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(letter_sent())
}

/// An account that the caller may open and shut, held until the transaction ends.
async fn held(
    connection: &mut PgConnection,
    identity: &Identity,
    id: Uuid,
    takes_away: bool,
) -> Result<User, Error> {
    store::take_turn(connection, Turn::Roles).await?;
    let user = store::users::find_locked(connection, id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    if !may_change(identity, &user, &user.rights()) {
        return Err(Error::BeyondOwnRights);
    }
    let is_administrator = user.role == ADMINISTRATOR && user.state == UserState::Active;
    if takes_away && is_administrator && store::users::count_with_role(connection, ADMINISTRATOR).await? <= 1
    {
        return Err(Error::LastAdministrator);
    }
    Ok(user)
}

/// Shuts an account: its sessions end, and what it offered is taken back.
pub(crate) async fn deactivate(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
) -> Result<Json<UserResponse>, Problem> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    let mut user = held(&mut transaction, &identity, id, true).await?;
    if user.state == UserState::Disabled {
        return Ok(Json(user.into()));
    }
    store::users::set_state(&mut transaction, id, UserState::Disabled, now).await?;
    store::invites::delete_of(&mut transaction, id).await?;
    let ended = store::sessions::end_all(&mut transaction, id, EndReason::Deactivated, now).await?;
    let outdated = store::rights::outdate(&mut transaction, id, now).await?;
    let notice = Notice::Deactivated;
    let told = state
        .mailer
        .notify(&mut transaction, &user, notice, None, &client, now);
    told.await?;
    audit(
        &state,
        &mut transaction,
        &identity,
        &client,
        "users.deactivated",
        id,
        json!({}),
    )
    .await?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    // The tokens of the user's keys belong to no session.
    state.revoker.outdate(&[outdated]).await;
    user.state = UserState::Disabled;
    Ok(Json(user.into()))
}

/// Opens an account that was shut.
pub(crate) async fn reactivate(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
) -> Result<Json<UserResponse>, Problem> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    let mut user = held(&mut transaction, &identity, id, false).await?;
    match user.state {
        UserState::Active => return Ok(Json(user.into())),
        UserState::Unverified => return Err(Error::WrongState.into()),
        UserState::Disabled => {}
    }
    store::users::set_state(&mut transaction, id, UserState::Active, now).await?;
    let notice = Notice::Reactivated;
    let told = state
        .mailer
        .notify(&mut transaction, &user, notice, None, &client, now);
    told.await?;
    audit(
        &state,
        &mut transaction,
        &identity,
        &client,
        "users.reactivated",
        id,
        json!({}),
    )
    .await?;
    transaction.commit().await.store("commit")?;
    user.state = UserState::Active;
    Ok(Json(user.into()))
}

/// Deletes an account: nothing personal stays but in the audit log, which names it by its id.
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let user = held(&mut transaction, &identity, id, true).await?;
    let ended = store::sessions::end_all(&mut transaction, id, EndReason::Deleted, now).await?;
    store::invites::delete_of(&mut transaction, id).await?;
    store::mails::delete_of(&mut transaction, id, user.email.as_str()).await?;
    store::registrations::delete_of(&mut transaction, user.email.as_str()).await?;
    store::known_devices::delete_of(&mut transaction, id).await?;
    let account = AccountKey::of(user.email.as_str());
    for key in [account, second_factors::failures_key(&user)] {
        store::login_failures::clear(&mut transaction, key).await?;
    }
    store::users::erase(&mut transaction, id, now).await?;
    let outdated = store::rights::outdate(&mut transaction, id, now).await?;
    audit(
        &state,
        &mut transaction,
        &identity,
        &client,
        "users.deleted",
        id,
        json!({}),
    )
    .await?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    state.revoker.outdate(&[outdated]).await;
    Ok(StatusCode::NO_CONTENT)
}
