//! `/service-accounts`: accounts of programs, with rights of their own.

use ::http::StatusCode;
use ::http::header::CACHE_CONTROL;
use axum::extract::State;
use chrono::{DateTime, Duration, Utc};
use common::auth::{Companies, Identity, Infobases, PermissionSet};
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::openapi::Answer;
use common::http::{IfMatch, Json, Page, PageQuery, Path, Problem, Query, Violations, etag};
use common::{Text, ids};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Client;
use super::api_keys::within;
use super::rights::{fits_into_token, selected};
use crate::account::{PersonName, User, UserState, folded};
use crate::api_keys::{MAX_OVERLAP_HOURS, OVERLAP_HOURS};
use crate::error::Error;
use crate::oauth::client::{AuthMethod, CLIENT_CREDENTIALS, IdTokenAlg, OAuthClient, hash, new_secret};
use crate::oauth::client_keys::ClientKeys;
use crate::oauth::metadata::{NewClient, checked_id, checked_keys, checked_method};
use crate::record::Audited;
use crate::rights::{Reach, Rights, may_change, may_give};
use crate::roles::parse_permissions;
use crate::service_accounts::Changed;
use crate::sessions::EndReason;
use crate::store::oauth_clients::ID_KEY;
use crate::store::service_accounts::NewServiceAccount;
use crate::{AppState, login, store};

/// How a service account may prove to be itself.
const METHODS: [AuthMethod; 3] = [AuthMethod::Basic, AuthMethod::Post, AuthMethod::PrivateKeyJwt];

/// A service account as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AccountResponse {
    id: Uuid,
    name: String,
    client_id: String,
    token_endpoint_auth_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    permissions: PermissionSet,
    companies: Companies,
    infobases: Infobases,
    state: UserState,
    created_by: Option<Uuid>,
    created_at: DateTime<Utc>,
    /// When it last got a token by its client, to the hour; keys have their own.
    last_used_at: Option<DateTime<Utc>>,
    version: i64,
    /// Shown once, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

impl AccountResponse {
    fn new(account: User, client: OAuthClient, secret: Option<&SecretString>) -> Self {
        Self {
            id: account.id,
            name: account.name,
            client_id: client.id,
            token_endpoint_auth_method: client.auth_method.as_str(),
            jwks: client.keys.as_ref().and_then(ClientKeys::jwks).cloned(),
            jwks_uri: client
                .keys
                .as_ref()
                .and_then(ClientKeys::jwks_uri)
                .map(str::to_owned),
            permissions: account.permissions,
            companies: account.companies,
            infobases: account.infobases,
            state: account.state,
            created_by: client.created_by,
            created_at: account.created_at,
            last_used_at: client.last_used_at,
            version: account.version,
            client_secret: secret.map(|secret| secret.expose_secret().to_owned()),
        }
    }
}

/// Parameters of the list.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListAccounts {
    limit: Option<u32>,
    cursor: Option<String>,
    /// Part of a name or of a client id.
    q: Option<String>,
    state: Option<UserState>,
}

/// Service accounts by name.
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListAccounts>,
) -> Result<Json<Page<AccountResponse>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let (limit, after) = (page.limit(), page.after::<(String, Uuid)>()?);
    let search = query.q.map(|q| folded(&q)).filter(|q| !q.is_empty());
    // PostgreSQL has no zero character in texts, so that nothing can be found by one or after one.
    let has_zero = |text: &str| text.contains('\0');
    if search.as_deref().is_some_and(has_zero) || after.as_ref().is_some_and(|(name, _)| has_zero(name)) {
        return Ok(Json(Page {
            items: Vec::new(),
            next_cursor: None,
        }));
    }
    let mut connection = state.db.acquire().await.store("acquire")?;
    let search = search.as_deref();
    let accounts =
        store::service_accounts::list(&mut connection, search, query.state, after.as_ref(), limit + 1)
            .await?;
    let ids: Vec<Uuid> = accounts.iter().map(|account| account.id).collect();
    let mut clients = store::oauth_clients::of_service_accounts(&mut connection, &ids).await?;
    let items = accounts.into_iter().filter_map(|account| {
        let of = |client: &OAuthClient| client.service_account == Some(account.id);
        let client = clients.swap_remove(clients.iter().position(of)?);
        Some(AccountResponse::new(account, client, None))
    });
    Ok(Json(Page::from_rows(
        items.collect(),
        limit,
        |account: &AccountResponse| (account.name.clone(), account.id),
    )))
}

/// One service account.
pub(crate) async fn get(State(state): State<AppState>, Path(id): Path<Uuid>) -> Result<impl Answer, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let account = store::service_accounts::find(&mut connection, id).await?;
    let account = account.ok_or(Error::UserNotFound)?;
    let client = client_of(&mut connection, &account).await?;
    Ok((
        etag(account.version),
        Json(AccountResponse::new(account, client, None)),
    ))
}

/// A service account to be made. Companies and infobases are the maker's when absent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    name: String,
    client_id: Option<String>,
    permissions: Vec<String>,
    companies: Option<Vec<String>>,
    infobases: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
}

/// Makes a service account of no more rights than the maker's own; the answer has its secret, this once.
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Json(body): Json<NewAccount>,
) -> Result<impl Answer, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let own = Rights::from(&identity);
    let wish = Wish {
        name: Some(&body.name),
        permissions: Some(&body.permissions),
        companies: body.companies.as_deref(),
        infobases: body.infobases.as_deref(),
        state: None,
    };
    let mut violations = Violations::new();
    let changed = wish.over(&mut violations, None, &own.reach);
    let mut wrong = Vec::new();
    let id = ids::new_id();
    let client_id = checked_id(&mut wrong, body.client_id).unwrap_or_else(|| id.to_string());
    let auth_method = checked_method(&mut wrong, body.token_endpoint_auth_method.as_deref(), &METHODS);
    let (jwks_uri, plain) = (body.jwks_uri.as_deref(), state.provider.is_plain());
    let keys = checked_keys(&mut wrong, auth_method, body.jwks, jwks_uri, plain);
    for (pointer, detail) in wrong {
        violations.add(&pointer, detail);
    }
    violations.finish()?;
    let changed = changed.ok_or_else(|| Problem::internal("a mistake was not recorded as a violation"))?;
    fits_into_token(&changed.rights.reach)?;
    let act = Act {
        state: &state,
        identity: &identity,
        client: &client,
        account: id,
    };
    if !may_give(&identity, &changed.rights) {
        act.refuse(&mut transaction, "service_accounts.created").await?;
        transaction.commit().await.store("commit")?;
        return Err(Error::BeyondOwnRights.into());
    }
    let now = state.clock.now();
    let account = NewServiceAccount {
        id,
        client_id: &client_id,
        changed: &changed,
        created_at: now,
    };
    store::service_accounts::insert(&mut transaction, &account).await?;
    let new = NewClient {
        id: client_id,
        name: changed.name.as_str().to_owned(),
        auth_method,
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        grant_types: vec![CLIENT_CREDENTIALS.to_owned()],
        scopes: Vec::new(),
        id_token_alg: IdTokenAlg::Rs256,
        first_party: false,
        keys,
        service_account: Some(id),
    };
    let secret = auth_method.has_secret().then(new_secret);
    let secret_hash = secret.as_ref().map(hash);
    let by = Some(identity.user_id);
    store::oauth_clients::insert(&mut transaction, &new, secret_hash.as_deref(), by, now)
        .await
        .map_err(|error| {
            if error.breaks(ID_KEY) {
                Error::OAuthClientExists
            } else {
                error.into()
            }
        })?;
    let mut details = described(&changed);
    details["client_id"] = json!(new.id);
    details["method"] = json!(auth_method.as_str());
    act.record(&mut transaction, "service_accounts.created", details)
        .await?;
    let made = act.shown(&mut transaction, secret.as_ref()).await?;
    transaction.commit().await.store("commit")?;
    Ok((
        StatusCode::CREATED,
        etag(made.version),
        [(CACHE_CONTROL, "no-store")],
        Json(made),
    ))
}

/// What may be changed of a service account; what is absent stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangedAccount {
    name: Option<String>,
    permissions: Option<Vec<String>>,
    companies: Option<Vec<String>>,
    infobases: Option<Vec<String>>,
    state: Option<UserState>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
}

/// Changes a service account. Its tokens of other rights, or of an account that is switched off, are
/// refused within a second, those of its keys too.
pub(crate) async fn update(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
    if_match: IfMatch,
    Json(body): Json<ChangedAccount>,
) -> Result<impl Answer, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let account = store::service_accounts::find_locked(&mut transaction, id).await?;
    let account = account.ok_or(Error::UserNotFound)?;
    if_match.check(account.version)?;
    let oauth_client = client_of(&mut transaction, &account).await?;
    let wish = Wish {
        name: body.name.as_deref(),
        permissions: body.permissions.as_deref(),
        companies: body.companies.as_deref(),
        infobases: body.infobases.as_deref(),
        state: body.state,
    };
    let mut violations = Violations::new();
    let changed = wish.over(&mut violations, Some(&account), &account.reach());
    let keys = changed_keys(
        &mut violations,
        &oauth_client,
        body.jwks,
        body.jwks_uri.as_deref(),
        state.provider.is_plain(),
    );
    violations.finish()?;
    let changed = changed.ok_or_else(|| Problem::internal("a mistake was not recorded as a violation"))?;
    fits_into_token(&changed.rights.reach)?;
    let is_same = changed.name.as_str() == account.name
        && changed.rights == account.rights()
        && changed.state == account.state
        && keys == oauth_client.keys;
    if is_same {
        let shown = AccountResponse::new(account, oauth_client, None);
        return Ok((etag(shown.version), Json(shown)));
    }
    let act = Act {
        state: &state,
        identity: &identity,
        client: &client,
        account: id,
    };
    if !may_change(&identity, &account, &changed.rights) {
        act.refuse(&mut transaction, "service_accounts.changed").await?;
        transaction.commit().await.store("commit")?;
        return Err(Error::BeyondOwnRights.into());
    }
    let now = state.clock.now();
    store::service_accounts::update(&mut transaction, id, &oauth_client.id, &changed, now).await?;
    let name = changed.name.as_str();
    store::oauth_clients::rename(&mut transaction, &oauth_client.id, name, keys.as_ref(), now).await?;
    let mut outdated = Vec::new();
    let mut ended = Vec::new();
    if changed.rights != account.rights() || changed.state != account.state {
        outdated.push(store::rights::outdate(&mut transaction, id, now).await?);
    }
    if changed.state == UserState::Disabled {
        ended = store::sessions::end_all(&mut transaction, id, EndReason::Deactivated, now).await?;
    }
    let mut details = described(&changed);
    details["keys_replaced"] = json!(keys != oauth_client.keys);
    act.record(&mut transaction, "service_accounts.changed", details)
        .await?;
    let shown = act.shown(&mut transaction, None).await?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    state.revoker.outdate(&outdated).await;
    Ok((etag(shown.version), Json(shown)))
}

/// Deletes a service account with its client and its keys.
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let account = held(&mut transaction, &identity, id).await?;
    let ended = store::sessions::end_all(&mut transaction, id, EndReason::Deleted, now).await?;
    store::service_accounts::erase(&mut transaction, id, now).await?;
    let outdated = store::rights::outdate(&mut transaction, id, now).await?;
    let act = Act {
        state: &state,
        identity: &identity,
        client: &client,
        account: id,
    };
    let details = json!({ "name": account.name });
    act.record(&mut transaction, "service_accounts.deleted", details)
        .await?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    state.revoker.outdate(&[outdated]).await;
    Ok(StatusCode::NO_CONTENT)
}

/// How long the former secret goes on working.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplaceSecret {
    overlap_hours: Option<i64>,
}

/// Gives a service account another secret; the former one is good for a while more.
pub(crate) async fn replace_secret(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
    Json(body): Json<ReplaceSecret>,
) -> Result<impl Answer, Problem> {
    let overlap = body.overlap_hours.unwrap_or(OVERLAP_HOURS);
    let mut violations = Violations::new();
    within(&mut violations, "/overlap_hours", overlap, 0, MAX_OVERLAP_HOURS);
    violations.finish()?;
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let account = held(&mut transaction, &identity, id).await?;
    let oauth_client = client_of(&mut transaction, &account).await?;
    if !oauth_client.auth_method.has_secret() {
        return Err(Error::OAuthClientPublic.into());
    }
    let secret = new_secret();
    let former_until = now + Duration::hours(overlap);
    store::oauth_clients::replace_secret(
        &mut transaction,
        &oauth_client.id,
        &hash(&secret),
        former_until,
        now,
    )
    .await?;
    let act = Act {
        state: &state,
        identity: &identity,
        client: &client,
        account: id,
    };
    let details = json!({ "client_id": oauth_client.id, "overlap_hours": overlap });
    act.record(&mut transaction, "service_accounts.secret_replaced", details)
        .await?;
    let shown = act.shown(&mut transaction, Some(&secret)).await?;
    transaction.commit().await.store("commit")?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(shown)))
}

/// What a request says of an account.
struct Wish<'a> {
    name: Option<&'a str>,
    permissions: Option<&'a [String]>,
    companies: Option<&'a [String]>,
    infobases: Option<&'a [String]>,
    state: Option<UserState>,
}

impl Wish<'_> {
    /// What the account will be; `None` where something of it is wrong, which is recorded.
    fn over(&self, violations: &mut Violations, before: Option<&User>, reach: &Reach) -> Option<Changed> {
        let former_name = before.map(|before| before.name.as_str());
        let name = PersonName::parse(self.name.or(former_name).unwrap_or_default());
        if let Err(detail) = &name {
            violations.add("/name", detail.clone());
        }
        let permissions = match self.permissions.map(parse_permissions) {
            None => before.map_or(PermissionSet::EMPTY, |before| before.permissions),
            Some(Ok(permissions)) => permissions,
            Some(Err(wrong)) => {
                for (pointer, detail) in wrong {
                    violations.add(&format!("/permissions{pointer}"), detail);
                }
                PermissionSet::EMPTY
            }
        };
        let companies = selected(violations, "/companies", self.companies);
        let infobases = selected(violations, "/infobases", self.infobases);
        violations.check(
            self.state != Some(UserState::Unverified),
            "/state",
            Text::new("Возможно: active, disabled.", "Possible: active, disabled."),
        );
        Some(Changed {
            name: name.ok()?,
            rights: Rights {
                permissions,
                reach: Reach {
                    companies: companies.unwrap_or_else(|| reach.companies.clone()),
                    infobases: infobases.unwrap_or_else(|| reach.infobases.clone()),
                },
            },
            state: self
                .state
                .or(before.map(|before| before.state))
                .unwrap_or(UserState::Active),
        })
    }
}

/// The keys that a client has after a change.
fn changed_keys(
    violations: &mut Violations,
    client: &OAuthClient,
    jwks: Option<Value>,
    jwks_uri: Option<&str>,
    plain: bool,
) -> Option<ClientKeys> {
    if jwks.is_none() && jwks_uri.is_none() {
        return client.keys.clone();
    }
    if client.auth_method != AuthMethod::PrivateKeyJwt {
        let detail = Text::new(
            "Эта учётная запись входит по секрету; для входа по ключу создайте новую.",
            "This account has a secret; make another one for keys.",
        );
        violations.add(if jwks.is_some() { "/jwks" } else { "/jwks_uri" }, detail);
        return None;
    }
    ClientKeys::check(jwks, jwks_uri, plain)
        .map_err(|(pointer, detail)| violations.add(pointer, detail))
        .ok()
}

/// What the audit log is told of an account.
fn described(changed: &Changed) -> Value {
    json!({
        "name": changed.name.as_str(),
        "permissions": changed.rights.permissions,
        "companies": changed.rights.reach.companies,
        "infobases": changed.rights.reach.infobases,
        "state": changed.state,
    })
}

/// A service account whose rights are within the caller's own, held until the transaction ends.
async fn held(connection: &mut PgConnection, identity: &Identity, id: Uuid) -> Result<User, Error> {
    let account = store::service_accounts::find_locked(connection, id).await?;
    let account = account.ok_or(Error::UserNotFound)?;
    if may_change(identity, &account, &account.rights()) {
        Ok(account)
    } else {
        Err(Error::BeyondOwnRights)
    }
}

/// The client that the account is: it is made with it and goes with it.
async fn client_of(connection: &mut PgConnection, account: &User) -> Result<OAuthClient, Error> {
    let clients = store::oauth_clients::of_service_accounts(connection, &[account.id]).await?;
    clients.into_iter().next().ok_or(Error::UserNotFound)
}

/// Something that is done to a service account.
struct Act<'a> {
    state: &'a AppState,
    identity: &'a Identity,
    client: &'a Client,
    account: Uuid,
}

impl Act<'_> {
    async fn record(
        &self,
        connection: &mut PgConnection,
        action: &'static str,
        details: Value,
    ) -> Result<(), Error> {
        self.append(connection, action, Outcome::Success, details).await
    }

    /// Records that the caller lacks the rights for it.
    async fn refuse(&self, connection: &mut PgConnection, action: &'static str) -> Result<(), Error> {
        let details = json!({ "reason": "beyond_own_rights" });
        self.append(connection, action, Outcome::Denied, details).await
    }

    async fn append(
        &self,
        connection: &mut PgConnection,
        action: &'static str,
        outcome: Outcome,
        details: Value,
    ) -> Result<(), Error> {
        let audited = Audited {
            action,
            outcome,
            user: Some(self.account),
            details,
        };
        let actor = Some(self.identity.into());
        audited
            .append(connection, &self.state.clock, actor, Some(self.client))
            .await?;
        Ok(())
    }

    /// The account as it is now.
    async fn shown(
        &self,
        connection: &mut PgConnection,
        secret: Option<&SecretString>,
    ) -> Result<AccountResponse, Error> {
        let account = store::service_accounts::find(connection, self.account).await?;
        let account = account.ok_or(Error::UserNotFound)?;
        let client = client_of(connection, &account).await?;
        Ok(AccountResponse::new(account, client, secret))
    }
}
