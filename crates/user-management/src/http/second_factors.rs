//! `/users/me/second-factors`, `/users/me/totp`, `/users/me/recovery-codes`, and taking the factors
//! of somebody who has lost them.

use ::http::{HeaderMap, StatusCode};
use axum::extract::State;
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Path, Problem};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::login::{AccessResponse, no_store};
use super::passkeys::{PRODUCT, PasskeyResponse};
use super::{Client, secret};
use crate::account::{AccountKey, User};
use crate::error::Error;
use crate::login::{self, Method, Proof};
use crate::mail::Notice;
use crate::record::{self, Audited};
use crate::rights::may_change;
use crate::sessions::{self, EndReason};
use crate::{AppState, store};

/// The account of the caller.
pub(super) async fn own_account(connection: &mut PgConnection, identity: &Identity) -> Result<User, Error> {
    let user = store::users::find(connection, identity.user_id).await?;
    user.ok_or(Error::UserNotFound)
}

/// The account of the caller, held until the transaction ends.
pub(super) async fn held_account(connection: &mut PgConnection, identity: &Identity) -> Result<User, Error> {
    let user = store::users::find_locked(connection, identity.user_id).await?;
    user.ok_or(Error::UserNotFound)
}

/// What follows when an account that is held has lost a second factor: with the last one the recovery
/// codes go, and a password that is too short to be the only factor keeps it from going.
pub(super) async fn factor_removed(connection: &mut PgConnection, user: Uuid) -> Result<(), Error> {
    let methods = store::second_factors::methods(connection, user).await?;
    if !methods.is_empty() {
        return Ok(());
    }
    if store::users::password_needs_second_factor(connection, user).await? {
        return Err(Error::PasswordTooShortAlone);
    }
    store::second_factors::delete_recovery_codes(connection, user).await?;
    Ok(())
}

/// Tells the owner of an account of a change.
async fn notify(
    state: &AppState,
    connection: &mut PgConnection,
    user: &User,
    notice: Notice,
    client: &Client,
) -> Result<(), Error> {
    let now = state.clock.now();
    state
        .mailer
        .notify(connection, user, notice, None, client, now)
        .await
}

/// Secrets on their way to their owner.
pub(super) fn shown(codes: &[SecretString]) -> Vec<String> {
    codes.iter().map(|code| code.expose_secret().to_owned()).collect()
}

/// Recovery codes: shown once.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Codes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recovery_codes: Option<Vec<String>>,
}

/// By what the caller can confirm a login.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Factors {
    totp: bool,
    passkeys: Vec<PasskeyResponse>,
    recovery_codes_left: i64,
}

/// One's own second factors.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<Json<Factors>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let user = own_account(&mut connection, &identity).await?.id;
    let methods = store::second_factors::methods(&mut connection, user).await?;
    let passkeys = store::passkeys::list(&mut connection, user).await?;
    Ok(Json(Factors {
        totp: methods.contains(&Method::Otp),
        passkeys: passkeys.into_iter().map(PasskeyResponse::from).collect(),
        recovery_codes_left: store::recovery_codes::count_unused(&mut connection, user).await?,
    }))
}

/// What an authenticator application is given, as text and as the content of a QR code.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Enrolment {
    secret: String,
    uri: String,
}

/// Begins to add an application that makes codes.
pub(crate) async fn begin_totp(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<(StatusCode, HeaderMap, Json<Enrolment>), Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let user = own_account(&mut transaction, &identity).await?;
    let now = state.clock.now();
    let secret = state
        .second_factors
        .begin_totp(&mut transaction, user.id, now)
        .await?;
    transaction.commit().await.store("commit")?;
    let secret = secret.expose_secret().to_owned();
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let (issuer, account) = (encoded(PRODUCT), encoded(user.email.as_str()));
    let uri = format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
    );
    Ok((StatusCode::CREATED, no_store(), Json(Enrolment { secret, uri })))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Code {
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    code: SecretString,
}

/// The token tells of the code that has just been shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Confirmed {
    #[serde(flatten)]
    codes: Codes,
    #[serde(flatten)]
    access: AccessResponse,
}

/// Shows the first code of an application, which counts from now on. With the first second factor
/// of the account come recovery codes.
pub(crate) async fn confirm_totp(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Json(body): Json<Code>,
) -> Result<(HeaderMap, Json<Confirmed>), Problem> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let user = own_account(&mut transaction, &identity).await?;
    let first = store::second_factors::methods(&mut transaction, user.id)
        .await?
        .is_empty();
    let checked = state
        .second_factors
        .confirm_totp(&mut transaction, &user, &body.code, now)
        .await?;
    if let Err(failure) = checked {
        let account = AccountKey::of(user.email.as_str());
        record::login_failed(
            &mut transaction,
            &state.clock,
            &client,
            Some(user.id),
            account,
            failure,
        )
        .await?;
        transaction.commit().await.store("commit")?;
        return Err(Error::SecondFactorWrong.into());
    }
    let codes = if first {
        let codes = state
            .second_factors
            .make_recovery_codes(&mut transaction, user.id, now)
            .await?;
        Some(shown(&codes))
    } else {
        None
    };
    let proof = Proof::from_names(&identity.methods, identity.authenticated_at).and(Method::Otp, now);
    let session = identity.session_id;
    let access = sessions::prove(
        &mut transaction,
        &state.tokens,
        session,
        user.id,
        &proof,
        &client,
        now,
    )
    .await?;
    audit(
        &state,
        &mut transaction,
        &identity,
        &client,
        "users.totp_added",
        user.id,
    )
    .await?;
    notify(&state, &mut transaction, &user, Notice::TotpAdded, &client).await?;
    transaction.commit().await.store("commit")?;
    let access = AccessResponse {
        access_token: access.token,
        token_type: "Bearer",
        expires_in: access.expires_in,
    };
    let codes = Codes {
        recovery_codes: codes,
    };
    Ok((no_store(), Json(Confirmed { codes, access })))
}

/// Removes the application, and the recovery codes with the last second factor.
pub(crate) async fn remove_totp(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
) -> Result<StatusCode, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let user = held_account(&mut transaction, &identity).await?;
    if !store::totp::delete(&mut transaction, user.id).await? {
        return Err(Error::SecondFactorNotFound.into());
    }
    factor_removed(&mut transaction, user.id).await?;
    audit(
        &state,
        &mut transaction,
        &identity,
        &client,
        "users.totp_removed",
        user.id,
    )
    .await?;
    notify(&state, &mut transaction, &user, Notice::TotpRemoved, &client).await?;
    transaction.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}

/// New recovery codes in the place of the former ones.
pub(crate) async fn renew_recovery_codes(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
) -> Result<(StatusCode, HeaderMap, Json<Codes>), Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let user = own_account(&mut transaction, &identity).await?;
    if store::second_factors::methods(&mut transaction, user.id)
        .await?
        .is_empty()
    {
        return Err(Error::SecondFactorNotFound.into());
    }
    let now = state.clock.now();
    let codes = state
        .second_factors
        .make_recovery_codes(&mut transaction, user.id, now)
        .await?;
    audit(
        &state,
        &mut transaction,
        &identity,
        &client,
        "users.recovery_codes_made",
        user.id,
    )
    .await?;
    notify(
        &state,
        &mut transaction,
        &user,
        Notice::RecoveryCodesMade,
        &client,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    let codes = Codes {
        recovery_codes: Some(shown(&codes)),
    };
    Ok((StatusCode::CREATED, no_store(), Json(codes)))
}

/// Takes all second factors of somebody who has lost them, and ends their sessions. A password that is
/// too short to be the only factor grants nothing any more but changing it.
pub(crate) async fn reset(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let user = store::users::find_locked(&mut transaction, id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    if !may_change(&identity, &user, &user.rights()) {
        return Err(Error::BeyondOwnRights.into());
    }
    store::second_factors::delete_all(&mut transaction, id).await?;
    let now = state.clock.now();
    let ended = store::sessions::end_all(&mut transaction, id, EndReason::SecondFactorsReset, now).await?;
    let mut outdated = Vec::new();
    if store::users::password_needs_second_factor(&mut transaction, id).await? {
        store::users::set_must_change_password(&mut transaction, id, true, now).await?;
        outdated.push(store::rights::outdate(&mut transaction, id, now).await?);
    }
    audit(
        &state,
        &mut transaction,
        &identity,
        &client,
        "users.second_factors_reset",
        id,
    )
    .await?;
    notify(
        &state,
        &mut transaction,
        &user,
        Notice::SecondFactorsReset,
        &client,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    state.revoker.outdate(&outdated).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn audit(
    state: &AppState,
    connection: &mut PgConnection,
    identity: &Identity,
    client: &Client,
    action: &'static str,
    user: Uuid,
) -> Result<(), Error> {
    let audited = Audited {
        action,
        outcome: Outcome::Success,
        user: Some(user),
        details: json!({}),
    };
    audited
        .append(connection, &state.clock, Some(identity.into()), Some(client))
        .await?;
    Ok(())
}
