//! `/invites`, and accepting one.

use ::http::StatusCode;
use axum::extract::State;
use chrono::{DateTime, Utc};
use common::auth::{Companies, Identity};
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Page, PageQuery, Path, Problem, Query, Violations};
use common::{Text, ids};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::registration::{Registered, checked, make, not_an_email};
use super::{Client, locale, secret};
use crate::AppState;
use crate::account::{Email, UserState};
use crate::config::Registration;
use crate::error::Error;
use crate::invites::Invite;
use crate::links::{self, Link, Purpose, Subject};
use crate::mail::{Letter, Mail};
use crate::record::Audited;
use crate::rights::{Reach, Rights, may_give, parse_selected};
use crate::store::users::NewUser;
use crate::store::{self, Turn};

/// An invite as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InviteResponse {
    id: Uuid,
    email: String,
    role: String,
    companies: Companies,
    invited_by: Uuid,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// Once, where no letters are sent: the administrator hands it over.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl From<Invite> for InviteResponse {
    fn from(invite: Invite) -> Self {
        Self {
            id: invite.id,
            email: invite.email.as_str().to_owned(),
            role: invite.role,
            companies: invite.companies,
            invited_by: invite.invited_by,
            created_at: invite.created_at,
            expires_at: invite.expires_at,
            link: None,
            token: None,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInvite {
    email: String,
    role: String,
    companies: Vec<String>,
}

/// Offers an account, in place of any former offer to the same address.
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Json(body): Json<NewInvite>,
) -> Result<(StatusCode, Json<InviteResponse>), Problem> {
    if state.registration == Registration::Closed {
        return Err(Error::InvitesClosed.into());
    }
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    store::take_turn(&mut transaction, Turn::Roles).await?;
    let roles = store::roles::list(&mut transaction).await?;
    let role = roles.into_iter().find(|role| role.name == body.role);
    let email = body.email.parse::<Email>();
    let companies = parse_selected(&body.companies);
    let mut violations = Violations::new();
    violations.check(email.is_ok(), "/email", not_an_email());
    violations.check(
        role.is_some(),
        "/role",
        Text::new("Такой роли нет.", "There is no such role."),
    );
    for (pointer, detail) in companies.as_ref().err().into_iter().flatten() {
        violations.add(&format!("/companies{pointer}"), detail.clone());
    }
    violations.finish()?;
    let (Ok(email), Some(role), Ok(companies)) = (email, role, companies) else {
        return Err(Problem::internal(
            "a wrong member was not recorded as a violation",
        ));
    };
    let asked = Rights {
        permissions: role.permissions,
        reach: Reach::of_companies(companies.clone()),
    };
    if !may_give(&identity, &asked) {
        return Err(Error::BeyondOwnRights.into());
    }
    if store::users::find_by_email(&mut transaction, &email)
        .await?
        .is_some()
    {
        return Err(Error::EmailTaken.into());
    }
    let invite = Invite {
        id: ids::new_id(),
        email,
        role: role.name,
        companies,
        locale: locale(),
        invited_by: identity.user_id,
        created_at: now,
        expires_at: now + Purpose::Invite.lifetime(),
    };
    store::invites::replace(&mut transaction, &invite).await?;
    let mut response = InviteResponse::from(invite.clone());
    if state.mailer.is_on() {
        let mail = Mail {
            to: &invite.email,
            letter: Letter::Invite { invite: invite.id },
            locale: invite.locale,
        };
        state.mailer.enqueue(&mut transaction, mail, now).await?;
    } else {
        let token = links::new_token();
        let subject = Subject::Invite(invite.id);
        let link = Link::new(&token, Purpose::Invite, subject, None, now);
        store::links::insert(&mut transaction, &link).await?;
        response.link = Some(links::address(state.mailer.base(), Purpose::Invite, &token));
        response.token = Some(token.expose_secret().to_owned());
    }
    audit(
        &state,
        &mut transaction,
        &identity,
        &client,
        "users.invited",
        &invite,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok((StatusCode::CREATED, Json(response)))
}

async fn audit(
    state: &AppState,
    connection: &mut sqlx::PgConnection,
    identity: &Identity,
    client: &Client,
    action: &'static str,
    invite: &Invite,
) -> Result<(), Error> {
    let audited = Audited {
        action,
        outcome: Outcome::Success,
        user: None,
        details: json!({ "invite": invite.id, "role": invite.role, "companies": invite.companies }),
    };
    let actor = Some(identity.into());
    Ok(audited
        .append(connection, &state.clock, actor, Some(client))
        .await?)
}

/// Invites that wait to be accepted, oldest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<InviteResponse>>, Problem> {
    let (limit, after) = (query.limit(), query.after::<(DateTime<Utc>, Uuid)>()?);
    let mut connection = state.db.acquire().await.store("acquire")?;
    let invites = store::invites::list(&mut connection, after, limit + 1, state.clock.now()).await?;
    let invites = invites.into_iter().map(InviteResponse::from).collect();
    let page = Page::from_rows(invites, limit, |invite: &InviteResponse| {
        (invite.created_at, invite.id)
    });
    Ok(Json(page))
}

/// Takes an invite back.
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let invite = store::invites::find(&mut transaction, id, state.clock.now()).await?;
    let invite = invite.ok_or(Error::InviteNotFound)?;
    if !store::invites::delete(&mut transaction, id).await? {
        return Err(Error::InviteNotFound.into());
    }
    audit(
        &state,
        &mut transaction,
        &identity,
        &client,
        "users.invite_revoked",
        &invite,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Accept {
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    pub(super) token: SecretString,
    pub(super) name: String,
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    pub(super) password: SecretString,
}

/// An invite that waits, with the title of its role.
pub(super) async fn offered(state: &AppState, id: Uuid) -> Result<Option<(Invite, Text)>, Error> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let invite = store::invites::find(&mut connection, id, state.clock.now()).await?;
    let Some(invite) = invite else {
        return Ok(None);
    };
    let roles = store::roles::list(&mut connection).await?;
    let role = roles.into_iter().find(|role| role.name == invite.role);
    Ok(role.map(|role| (invite, role.title)))
}

/// Makes the account that was offered. Whoever offered it must still be able to.
pub(crate) async fn accept(
    State(state): State<AppState>,
    client: Client,
    Json(body): Json<Accept>,
) -> Result<(StatusCode, Json<Registered>), Problem> {
    let (token, purposes) = (links::hash(&body.token), [Purpose::Invite]);
    let mut connection = state.db.acquire().await.store("acquire")?;
    // Asked before anything costly is done for a stranger, and again in the transaction.
    let opened = store::links::open(&mut connection, &token, &purposes, state.clock.now()).await?;
    let id = opened
        .and_then(|opened| opened.invite_id)
        .ok_or(Error::LinkInvalid)?;
    let invite = store::invites::find(&mut connection, id, state.clock.now()).await?;
    let invite = invite.ok_or(Error::LinkInvalid)?;
    drop(connection);
    let (email, name) = checked(&state, invite.email.as_str(), &body.password, &body.name).await?;
    let password_hash = state.passwords.hash(&body.password).await.map_err(Error::from)?;

    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    store::take_turn(&mut transaction, Turn::Roles).await?;
    let opened = store::links::open(&mut transaction, &token, &purposes, now).await?;
    let opened = opened.ok_or(Error::LinkInvalid)?;
    let invite = store::invites::find(&mut transaction, id, now).await?;
    let invite = invite.ok_or(Error::LinkInvalid)?;
    let inviter = store::users::find_steady(&mut transaction, invite.invited_by).await?;
    let inviter = inviter.ok_or(Error::LinkInvalid)?;
    let roles = store::roles::list(&mut transaction).await?;
    let role = roles.into_iter().find(|role| role.name == invite.role);
    let role = role.ok_or(Error::LinkInvalid)?;
    let offered = Rights {
        permissions: role.permissions,
        reach: Reach::of_companies(invite.companies.clone()),
    };
    let inviters = Rights {
        permissions: inviter.granted(),
        reach: inviter.reach(),
    };
    if !inviters.covers(&offered) {
        return Err(Error::LinkInvalid.into());
    }
    let new = NewUser {
        id: ids::new_id(),
        email: &email,
        name: &name,
        password_hash: Some(&password_hash),
        role: &invite.role,
        companies: &invite.companies,
        created_at: now,
        state: UserState::Active,
        // A secret that was not sent by mail says nothing of the address.
        email_verified: opened.email.is_some(),
        locale: invite.locale,
    };
    let user = make(&state, &mut transaction, &client, &new).await?;
    store::invites::delete(&mut transaction, id).await?;
    transaction.commit().await.store("commit")?;
    Ok((StatusCode::CREATED, Json(Registered { user: user.into() })))
}
