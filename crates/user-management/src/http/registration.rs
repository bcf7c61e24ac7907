//! Registering, confirming an address, and the first administrator by a secret of the log.

use ::http::StatusCode;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use common::Text;
use common::auth::Companies;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Problem, Violations};
use common::ids;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::users::UserResponse;
use super::{Client, locale, secret};
use crate::AppState;
use crate::account::{AccountKey, Email, PersonName, User, UserState, locale_of};
use crate::config::Registration;
use crate::error::Error;
use crate::links::{self, Purpose, Subject};
use crate::mail::{Letter, Mail, Notice};
use crate::record::{self, Audited};
use crate::roles::{ADMINISTRATOR, NEWCOMER};
use crate::store::links::Opened;
use crate::store::registrations::NewRegistration;
use crate::store::users::{EMAIL_KEY, NewUser};
use crate::store::{self, Turn};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Register {
    email: String,
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    password: SecretString,
    name: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Registered {
    pub(super) user: UserResponse,
}

/// Makes an account of the least role, without companies. Where addresses have to be confirmed, only
/// a letter is sent, and nobody learns whether there is such an account.
pub(crate) async fn register(
    State(state): State<AppState>,
    client: Client,
    Json(body): Json<Register>,
) -> Result<Response, Problem> {
    if state.registration != Registration::Open {
        return Err(Error::RegistrationClosed.into());
    }
    let (email, name) = checked(&state, &body.email, &body.password, &body.name).await?;
    let password_hash = state.passwords.hash(&body.password).await.map_err(Error::from)?;
    let (id, now) = (ids::new_id(), state.clock.now());
    let mut transaction = state.db.begin().await.store("begin")?;
    if state.mailer.verification() {
        let mail = Mail {
            to: &email,
            letter: Letter::Registration { registration: id },
            locale: locale(),
        };
        let queued = state
            .mailer
            .enqueue_for_stranger(&mut transaction, mail, &client, now);
        queued.await?;
        let registration = NewRegistration {
            id,
            email: &email,
            name: &name,
            password_hash: &password_hash,
            locale: locale(),
            created_at: now,
            expires_at: now + Purpose::Registration.lifetime(),
        };
        store::registrations::insert(&mut transaction, &registration).await?;
        transaction.commit().await.store("commit")?;
        return Ok(letter_sent());
    }
    let new = NewUser {
        id,
        email: &email,
        name: &name,
        password_hash: Some(&password_hash),
        role: NEWCOMER,
        companies: &no_companies(),
        created_at: now,
        state: UserState::Active,
        email_verified: false,
        locale: locale(),
    };
    let user = make(&state, &mut transaction, &client, &new).await?;
    transaction.commit().await.store("commit")?;
    Ok((StatusCode::CREATED, Json(Registered { user: user.into() })).into_response())
}

/// 202: if anything is to be told, it is told by mail.
pub(super) fn letter_sent() -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "status": "letter_sent" }))).into_response()
}

fn no_companies() -> Companies {
    Companies::Some(std::collections::BTreeSet::new())
}

/// Makes an account and tells of it.
pub(super) async fn make(
    state: &AppState,
    connection: &mut PgConnection,
    client: &Client,
    new: &NewUser<'_>,
) -> Result<User, Error> {
    store::users::insert(connection, new).await.map_err(|error| {
        if error.breaks(EMAIL_KEY) {
            Error::EmailTaken
        } else {
            error.into()
        }
    })?;
    store::registrations::delete_of(connection, new.email.as_str()).await?;
    let user = store::users::find(connection, new.id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    let account = AccountKey::of(new.email.as_str());
    record::registered(connection, &state.clock, client, &user, account).await?;
    Ok(user)
}

/// The address and the name, when they and the password are acceptable.
pub(super) async fn checked(
    state: &AppState,
    email: &str,
    password: &SecretString,
    name: &str,
) -> Result<(Email, PersonName), Problem> {
    let mut violations = Violations::new();
    let email = email.parse::<Email>();
    let name = PersonName::parse(name);
    match &email {
        Ok(email) => {
            // A new account has no second factor.
            check_password(state, &mut violations, "/password", password, email, true).await?;
        }
        Err(_) => violations.add("/email", not_an_email()),
    }
    if let Err(detail) = &name {
        violations.add("/name", detail.clone());
    }
    violations.finish()?;
    match (email, name) {
        (Ok(email), Ok(name)) => Ok((email, name)),
        _ => Err(Problem::internal(
            "a wrong member was not recorded as a violation",
        )),
    }
}

pub(super) fn not_an_email() -> Text {
    Text::new(
        "Это не адрес электронной почты.",
        "This is not an e-mail address.",
    )
}

/// Records what is wrong with a new password, which is the only factor of its account or is not.
pub(super) async fn check_password(
    state: &AppState,
    violations: &mut Violations,
    pointer: &str,
    password: &SecretString,
    email: &Email,
    only_factor: bool,
) -> Result<(), Error> {
    for objection in state.passwords.objections(password, email, only_factor).await? {
        violations.add(pointer, objection);
    }
    Ok(())
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Token {
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    pub(super) token: SecretString,
}

/// Uses the secret of a letter that confirms an address: of a registration, which becomes an account,
/// of an account, or of a new address of one.
pub(crate) async fn verify_email(
    State(state): State<AppState>,
    client: Client,
    Json(body): Json<Token>,
) -> Result<Json<Registered>, Problem> {
    let now = state.clock.now();
    let purposes = [Purpose::Registration, Purpose::VerifyEmail, Purpose::ChangeEmail];
    let mut transaction = state.db.begin().await.store("begin")?;
    let opened = store::links::open(&mut transaction, &links::hash(&body.token), &purposes, now).await?;
    let opened = opened.ok_or(Error::LinkInvalid)?;
    let user = if let Some(registration) = opened.registration_id {
        confirm_registration(&state, &mut transaction, &client, registration).await?
    } else if opened.purpose == Purpose::ChangeEmail.as_str() {
        confirm_new_email(&state, &mut transaction, &client, &opened).await?
    } else {
        confirm_email(&state, &mut transaction, &client, &opened).await?
    };
    transaction.commit().await.store("commit")?;
    Ok(Json(Registered { user: user.into() }))
}

async fn confirm_registration(
    state: &AppState,
    connection: &mut PgConnection,
    client: &Client,
    registration: Uuid,
) -> Result<User, Error> {
    let registration = store::registrations::find(connection, registration, state.clock.now()).await?;
    let registration = registration.ok_or(Error::LinkInvalid)?;
    let email = Email::from_stored(registration.email);
    let name = PersonName::parse(&registration.name).map_err(|_| Error::LinkInvalid)?;
    let new = NewUser {
        id: registration.id,
        email: &email,
        name: &name,
        password_hash: Some(&registration.password_hash),
        role: NEWCOMER,
        companies: &no_companies(),
        created_at: state.clock.now(),
        state: UserState::Active,
        email_verified: true,
        locale: locale_of(&registration.locale),
    };
    make(state, connection, client, &new).await
}

/// The account that a secret is of, held, if the secret still fits it.
async fn subject(connection: &mut PgConnection, opened: &Opened) -> Result<User, Error> {
    let id = opened.user_id.ok_or(Error::LinkInvalid)?;
    let user = store::users::find_locked(connection, id).await?;
    user.filter(|user| user.state != UserState::Disabled)
        .ok_or(Error::LinkInvalid)
}

async fn confirm_email(
    state: &AppState,
    connection: &mut PgConnection,
    client: &Client,
    opened: &Opened,
) -> Result<User, Error> {
    let user = subject(connection, opened).await?;
    if opened.email.as_deref() != Some(user.email.as_str()) {
        return Err(Error::LinkInvalid);
    }
    store::users::verify_email(connection, user.id, state.clock.now()).await?;
    store::links::use_up(connection, Purpose::VerifyEmail, Subject::User(user.id)).await?;
    audit(state, connection, client, "users.email_verified", user.id).await?;
    store::users::find(connection, user.id)
        .await?
        .ok_or(Error::LinkInvalid)
}

async fn confirm_new_email(
    state: &AppState,
    connection: &mut PgConnection,
    client: &Client,
    opened: &Opened,
) -> Result<User, Error> {
    let user = subject(connection, opened).await?;
    let now = state.clock.now();
    let email = Email::from_stored(opened.email.clone().ok_or(Error::LinkInvalid)?);
    set_email(connection, &user, &email, true, now).await?;
    store::links::use_up(connection, Purpose::ChangeEmail, Subject::User(user.id)).await?;
    let notice = Notice::EmailChanged;
    let told = state.mailer.notify(connection, &user, notice, None, client, now);
    told.await?;
    audit(state, connection, client, "users.email_changed", user.id).await?;
    store::users::find(connection, user.id)
        .await?
        .ok_or(Error::LinkInvalid)
}

pub(super) async fn set_email(
    connection: &mut PgConnection,
    user: &User,
    email: &Email,
    verified: bool,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), Error> {
    let set = store::users::set_email(connection, user, email, verified, now).await;
    set.map_err(|error| {
        if error.breaks(EMAIL_KEY) {
            Error::EmailTaken
        } else {
            error.into()
        }
    })
}

async fn audit(
    state: &AppState,
    connection: &mut PgConnection,
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
    Ok(audited
        .append(connection, &state.clock, None, Some(client))
        .await?)
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Address {
    pub(super) email: String,
}

impl Address {
    pub(super) fn parsed(&self) -> Result<Email, Problem> {
        self.email.parse().map_err(|_| {
            let mut violations = Violations::new();
            violations.add("/email", not_an_email());
            violations.finish().err().unwrap_or_else(Problem::not_found)
        })
    }
}

/// Sends the letter that confirms an address once more, if there is anything to confirm.
pub(crate) async fn resend(
    State(state): State<AppState>,
    client: Client,
    Json(body): Json<Address>,
) -> Result<Response, Problem> {
    let email = body.parsed()?;
    let mut connection = state.db.acquire().await.store("acquire")?;
    let mail = Mail {
        to: &email,
        letter: Letter::VerifyEmail,
        locale: locale(),
    };
    let now = state.clock.now();
    let queued = state
        .mailer
        .enqueue_for_stranger(&mut connection, mail, &client, now);
    queued.await?;
    Ok(letter_sent())
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Setup {
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    pub(super) token: SecretString,
    pub(super) email: String,
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    pub(super) password: SecretString,
    pub(super) name: String,
}

/// Makes the first administrator.
pub(crate) async fn setup(
    State(state): State<AppState>,
    client: Client,
    Json(body): Json<Setup>,
) -> Result<(StatusCode, Json<Registered>), Problem> {
    let (token, purposes) = (links::hash(&body.token), [Purpose::Setup]);
    let mut connection = state.db.acquire().await.store("acquire")?;
    // Asked before anything costly is done for a stranger, and again in the transaction.
    let opened = store::links::open(&mut connection, &token, &purposes, state.clock.now()).await?;
    opened.ok_or(Error::LinkInvalid)?;
    drop(connection);
    let (email, name) = checked(&state, &body.email, &body.password, &body.name).await?;
    let password_hash = state.passwords.hash(&body.password).await.map_err(Error::from)?;
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    store::take_turn(&mut transaction, Turn::Roles).await?;
    let opened = store::links::open(&mut transaction, &token, &purposes, now).await?;
    opened.ok_or(Error::LinkInvalid)?;
    if store::users::count_with_role(&mut transaction, ADMINISTRATOR).await? > 0 {
        return Err(Error::LinkInvalid.into());
    }
    let new = NewUser {
        id: ids::new_id(),
        email: &email,
        name: &name,
        password_hash: Some(&password_hash),
        role: ADMINISTRATOR,
        companies: &Companies::All,
        created_at: now,
        state: UserState::Active,
        email_verified: true,
        locale: locale(),
    };
    let user = make(&state, &mut transaction, &client, &new).await?;
    store::links::use_up(&mut transaction, Purpose::Setup, Subject::Nobody).await?;
    audit(
        &state,
        &mut transaction,
        &client,
        "users.administrator_created",
        user.id,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok((StatusCode::CREATED, Json(Registered { user: user.into() })))
}
