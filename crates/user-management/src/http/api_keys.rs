//! `/api-keys`, and what they are exchanged for.

use ::http::StatusCode;
use ::http::header::CACHE_CONTROL;
use axum::extract::State;
use chrono::{DateTime, Duration, Utc};
use common::auth::{Companies, Identity, Infobases, Permission, PermissionSet};
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::openapi::Answer;
use common::http::{Json, Page, Path, Problem, Query, Violations};
use common::{Text, ids};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Client;
use super::rights::selected;
use crate::account::{PersonName, User};
use crate::api_keys::{
    ApiKey, DEFAULT_DAYS, MAX_DAYS, MAX_KEYS, MAX_OVERLAP_HOURS, OVERLAP_HOURS, Presented, TOKEN_LIFE,
    generate,
};
use crate::error::Error;
use crate::mail::Notice;
use crate::record::Audited;
use crate::rights::{Reach, Rights};
use crate::roles::parse_permissions;
use crate::store;
use crate::{AppState, login};

/// A key as it is shown; the key itself only once, when it is made.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyResponse {
    id: Uuid,
    owner: Uuid,
    name: String,
    permissions: PermissionSet,
    companies: Companies,
    infobases: Infobases,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
    replaced_by: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl KeyResponse {
    fn new(key: ApiKey, secret: Option<&SecretString>) -> Self {
        Self {
            id: key.id,
            owner: key.owner,
            name: key.name,
            permissions: key.rights.permissions,
            companies: key.rights.reach.companies,
            infobases: key.rights.reach.infobases,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            replaced_by: key.replaced_by,
            key: secret.map(|secret| secret.expose_secret().to_owned()),
        }
    }
}

/// A key to be made. Companies and infobases are the owner's when absent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// A service account; absent, the key is one's own.
    owner: Option<Uuid>,
    name: String,
    permissions: Vec<String>,
    companies: Option<Vec<String>>,
    infobases: Option<Vec<String>>,
    expires_in_days: Option<i64>,
}

/// Makes a key for oneself or, with `users:admin`, for a service account.
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Json(body): Json<NewKey>,
) -> Result<impl Answer, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let mut violations = Violations::new();
    let name = PersonName::parse(&body.name);
    if let Err(detail) = &name {
        violations.add("/name", detail.clone());
    }
    let permissions = parse_permissions(&body.permissions).unwrap_or_else(|wrong| {
        for (pointer, detail) in wrong {
            violations.add(&format!("/permissions{pointer}"), detail);
        }
        PermissionSet::EMPTY
    });
    let companies = selected(&mut violations, "/companies", body.companies.as_deref());
    let infobases = selected(&mut violations, "/infobases", body.infobases.as_deref());
    let days = body.expires_in_days.unwrap_or(DEFAULT_DAYS);
    within(&mut violations, "/expires_in_days", days, 1, MAX_DAYS);
    violations.finish()?;
    // Steady, so that no right of the owner goes while the key is made.
    let owner = match body.owner.filter(|owner| *owner != identity.user_id) {
        None => identity.user_id,
        Some(owner) => {
            identity.require(Permission::UsersAdmin)?;
            // Nobody makes keys by which they would act as another person.
            let account = store::service_accounts::find(&mut transaction, owner).await?;
            account.ok_or(Error::UserNotFound)?.id
        }
    };
    let owner = store::users::find_steady(&mut transaction, owner).await?;
    let owner = owner.ok_or(Error::UserNotFound)?;
    if store::api_keys::list(&mut transaction, owner.id, MAX_KEYS)
        .await?
        .len()
        >= to_usize(MAX_KEYS)
    {
        return Err(Error::TooManyKeys.into());
    }
    let rights = Rights {
        permissions,
        reach: Reach {
            companies: companies.unwrap_or_else(|| owner.companies.clone()),
            infobases: infobases.unwrap_or_else(|| owner.infobases.clone()),
        },
    };
    if !owner.rights().covers(&rights) || !Rights::from(&identity).covers(&rights) {
        return Err(Error::BeyondOwnRights.into());
    }
    let now = state.clock.now();
    let id = ids::new_id();
    let (secret, hash) = generate(id);
    let key = ApiKey {
        id,
        owner: owner.id,
        name: name.map_or(String::new(), |name| name.as_str().to_owned()),
        secret_hash: hash,
        rights,
        created_at: now,
        expires_at: now + Duration::days(days),
        last_used_at: None,
        replaced_by: None,
        revoked_at: None,
    };
    store::api_keys::insert(&mut transaction, &key, identity.user_id).await?;
    tell(
        &mut transaction,
        &state,
        &owner,
        Notice::ApiKeyCreated,
        &key,
        &client,
    )
    .await?;
    let details = json!({
        "owner": key.owner, "permissions": key.rights.permissions, "expires_at": key.expires_at,
    });
    record(
        &mut transaction,
        &state,
        &identity,
        &client,
        "api_keys.created",
        id,
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    let answer = Json(KeyResponse::new(key, Some(&secret)));
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], answer))
}

/// Whose keys.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListKeys {
    owner: Option<Uuid>,
}

/// One's own keys or, with `users:admin`, those of anybody. There are few, on one page.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Query(query): Query<ListKeys>,
) -> Result<Json<Page<KeyResponse>>, Problem> {
    let owner = query.owner.unwrap_or(identity.user_id);
    if owner != identity.user_id {
        identity.require(Permission::UsersAdmin)?;
    }
    let mut connection = state.db.acquire().await.store("acquire")?;
    let keys = store::api_keys::list(&mut connection, owner, i64::from(u32::MAX)).await?;
    Ok(Json(Page {
        items: keys.into_iter().map(|key| KeyResponse::new(key, None)).collect(),
        next_cursor: None,
    }))
}

/// Revokes a key: its tokens are refused at once.
pub(crate) async fn revoke(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let (key, owner) = own_key(&mut transaction, &identity, id).await?;
    let ended = store::api_keys::revoke(&mut transaction, key.id, state.clock.now()).await?;
    tell(
        &mut transaction,
        &state,
        &owner,
        Notice::ApiKeyRevoked,
        &key,
        &client,
    )
    .await?;
    let details = json!({ "owner": key.owner });
    record(
        &mut transaction,
        &state,
        &identity,
        &client,
        "api_keys.revoked",
        id,
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(ended.as_slice()).await;
    Ok(StatusCode::NO_CONTENT)
}

/// How long the former key goes on working.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotate {
    overlap_hours: Option<i64>,
}

/// Makes a key that takes the place of another, which goes on working for a while.
pub(crate) async fn rotate(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
    Json(body): Json<Rotate>,
) -> Result<impl Answer, Problem> {
    let overlap = body.overlap_hours.unwrap_or(OVERLAP_HOURS);
    let mut violations = Violations::new();
    within(&mut violations, "/overlap_hours", overlap, 0, MAX_OVERLAP_HOURS);
    violations.finish()?;
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let (former, owner) = own_key(&mut transaction, &identity, id).await?;
    let now = state.clock.now();
    if former.replaced_by.is_some() || former.expires_at <= now {
        return Err(Error::KeyNotRotatable.into());
    }
    let new = ids::new_id();
    let (secret, hash) = generate(new);
    let key = ApiKey {
        id: new,
        secret_hash: hash,
        // What the owner has lost meanwhile is not given anew.
        rights: former.rights.and(&owner.rights()),
        created_at: now,
        expires_at: now + (former.expires_at - former.created_at),
        last_used_at: None,
        ..former
    };
    store::api_keys::insert(&mut transaction, &key, identity.user_id).await?;
    store::api_keys::replace(&mut transaction, id, new, now + Duration::hours(overlap)).await?;
    let ended = if overlap == 0 {
        store::api_keys::revoke(&mut transaction, id, now).await?
    } else {
        None
    };
    tell(
        &mut transaction,
        &state,
        &owner,
        Notice::ApiKeyRotated,
        &key,
        &client,
    )
    .await?;
    let details = json!({ "owner": key.owner, "replaced_by": new, "overlap_hours": overlap });
    record(
        &mut transaction,
        &state,
        &identity,
        &client,
        "api_keys.rotated",
        id,
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(ended.as_slice()).await;
    let answer = Json(KeyResponse::new(key, Some(&secret)));
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], answer))
}

/// A key to be exchanged.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    #[serde(deserialize_with = "super::secret")]
    #[schemars(with = "String")]
    api_key: SecretString,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
}

/// An access token for a key: what the key may be used for and its owner may do at this moment.
pub(crate) async fn exchange(
    State(state): State<AppState>,
    client: Client,
    Json(body): Json<Exchange>,
) -> Result<impl Answer, Problem> {
    let presented = Presented::parse(body.api_key.expose_secret()).ok_or(Error::ApiKeyInvalid)?;
    let mut transaction = state.db.begin().await.store("begin")?;
    let key = store::api_keys::find(&mut transaction, presented.id).await?;
    let key = key
        .filter(|key| presented.is(key) && key.revoked_at.is_none())
        .ok_or(Error::ApiKeyInvalid)?;
    let now = state.clock.now();
    if key.expires_at <= now {
        return Err(Error::ApiKeyExpired.into());
    }
    // Steady, so that a change of rights finds the token that is made meanwhile.
    let owner = store::users::find_steady(&mut transaction, key.owner).await?;
    let owner = owner.ok_or(Error::ApiKeyInvalid)?;
    let ends = key.expires_at.min(now + TOKEN_LIFE);
    let ip = client.ip.to_string();
    if !store::api_keys::used(&mut transaction, key.id, &ip, ends, now).await? {
        return Err(Error::ApiKeyInvalid.into());
    }
    let rights = key.rights.and(&owner.rights());
    let token = state
        .tokens
        .of_key(&owner, &rights, key.id, ends, now)
        .map_err(Error::from)?;
    transaction.commit().await.store("commit")?;
    let answer = TokenResponse {
        access_token: token,
        token_type: "Bearer",
        expires_in: (ends - now).num_seconds(),
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)))
}

/// Tells the owner of a key what happened to it.
async fn tell(
    connection: &mut PgConnection,
    state: &AppState,
    owner: &User,
    notice: Notice,
    key: &ApiKey,
    client: &Client,
) -> Result<(), Error> {
    let (about, now) = (Some(key.name.as_str()), state.clock.now());
    state
        .mailer
        .notify(connection, owner, notice, about, client, now)
        .await
}

/// A key of the caller, or one that an administrator may take.
async fn own_key(
    connection: &mut PgConnection,
    identity: &Identity,
    id: Uuid,
) -> Result<(ApiKey, User), Problem> {
    let key = store::api_keys::find_locked(connection, id).await?;
    let key = key
        .filter(|key| key.revoked_at.is_none())
        .ok_or(Error::KeyNotFound)?;
    let owner = store::users::find_any(connection, key.owner).await?;
    let owner = owner.ok_or(Error::KeyNotFound)?;
    if key.owner == identity.user_id {
        return Ok((key, owner));
    }
    if !identity.may(Permission::UsersAdmin) {
        return Err(Error::KeyNotFound.into());
    }
    if Rights::from(identity).covers(&owner.rights()) {
        Ok((key, owner))
    } else {
        Err(Error::BeyondOwnRights.into())
    }
}

pub(super) async fn record(
    connection: &mut PgConnection,
    state: &AppState,
    identity: &Identity,
    client: &Client,
    action: &'static str,
    key: Uuid,
    details: serde_json::Value,
) -> Result<(), Error> {
    let audited = Audited {
        action,
        outcome: Outcome::Success,
        user: None,
        details,
    };
    let target = Some(format!("api_key:{key}"));
    let actor = Some(identity.into());
    audited
        .append_about(connection, &state.clock, target, actor, Some(client))
        .await?;
    Ok(())
}

pub(super) fn within(violations: &mut Violations, pointer: &str, value: i64, least: i64, most: i64) {
    violations.check(
        (least..=most).contains(&value),
        pointer,
        Text::new(
            format!("Нужно число от {least} до {most}."),
            format!("Must be a number from {least} to {most}."),
        ),
    );
}

fn to_usize(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
