//! `/oauth2/clients`: administrators register programs.

use ::http::StatusCode;
use axum::extract::State;
use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{FieldError, Json, Page, PageQuery, Path, Problem, Query};
use common::ids;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;

use crate::error::Error;
use crate::http::Client;
use crate::oauth::client::{AuthMethod, OAuthClient, SECRET_OVERLAP, hash, new_secret};
use crate::oauth::client_keys::ClientKeys;
use crate::oauth::metadata::{ClientMetadata, NewClient, Registrar};
use crate::record::Audited;
use crate::sessions::EndReason;
use crate::store::oauth_clients::ID_KEY;
use crate::{AppState, login, store};

/// A client as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ClientResponse {
    client_id: String,
    client_name: String,
    token_endpoint_auth_method: &'static str,
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
    grant_types: Vec<String>,
    response_types: [&'static str; 1],
    scope: String,
    id_token_signed_response_alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    first_party: bool,
    /// True when the program registered itself.
    self_registered: bool,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
    /// Shown once, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// As RFC 7591 wants it beside a secret: it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<i64>,
    client_id_issued_at: i64,
}

impl ClientResponse {
    pub(super) fn of(client: OAuthClient, secret: Option<&str>) -> Self {
        Self {
            client_id: client.id,
            client_name: client.name,
            token_endpoint_auth_method: client.auth_method.as_str(),
            redirect_uris: client.redirect_uris,
            post_logout_redirect_uris: client.post_logout_redirect_uris,
            grant_types: client.grant_types,
            response_types: ["code"],
            scope: client.scopes.join(" "),
            id_token_signed_response_alg: client.id_token_alg.as_str(),
            jwks: client.keys.as_ref().and_then(ClientKeys::jwks).cloned(),
            jwks_uri: client
                .keys
                .as_ref()
                .and_then(ClientKeys::jwks_uri)
                .map(str::to_owned),
            first_party: client.first_party,
            self_registered: client.created_by.is_none(),
            created_at: client.created_at,
            last_used_at: client.last_used_at,
            client_secret: secret.map(str::to_owned),
            client_secret_expires_at: secret.map(|_| 0),
            client_id_issued_at: client.created_at.timestamp(),
        }
    }
}

/// Clients by id.
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<ClientResponse>>, Problem> {
    let (limit, after) = (page.limit(), page.after::<String>()?);
    let mut connection = state.db.acquire().await.store("acquire")?;
    let after = after.filter(|after| !after.contains('\0'));
    let clients = store::oauth_clients::list(&mut connection, after.as_deref(), limit + 1).await?;
    let clients = clients
        .into_iter()
        .map(|client| ClientResponse::of(client, None))
        .collect();
    Ok(Json(Page::from_rows(
        clients,
        limit,
        |client: &ClientResponse| client.client_id.clone(),
    )))
}

/// One client.
pub(crate) async fn get(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<ClientResponse>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    Ok(Json(ClientResponse::of(
        existing(&mut connection, &id).await?,
        None,
    )))
}

/// Registers a client; the answer has its secret, this once.
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    caller: Client,
    Json(body): Json<ClientMetadata>,
) -> Result<(StatusCode, Json<ClientResponse>), Problem> {
    let new = checked(&state, body, ids::new_id().to_string())?;
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let made = insert(&state, &mut transaction, &new, Some(&identity), &caller).await?;
    transaction.commit().await.store("commit")?;
    // The first client is what makes the keys for ID tokens needed.
    state
        .provider
        .keeper()
        .id_tokens()
        .await
        .map_err(Problem::internal)?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Puts a client into the table, and returns it with its secret.
pub(super) async fn insert(
    state: &AppState,
    connection: &mut PgConnection,
    new: &NewClient,
    administrator: Option<&Identity>,
    caller: &Client,
) -> Result<ClientResponse, Error> {
    let now = state.clock.now();
    let secret = new.auth_method.has_secret().then(new_secret);
    let secret_hash = secret.as_ref().map(hash);
    let by = administrator.map(|identity| identity.user_id);
    store::oauth_clients::insert(connection, new, secret_hash.as_deref(), by, now)
        .await
        .map_err(|error| {
            if error.breaks(ID_KEY) {
                Error::OAuthClientExists
            } else {
                error.into()
            }
        })?;
    let what = json!({ "client_id": new.id, "redirect_uris": new.redirect_uris, "scopes": new.scopes,
                       "first_party": new.first_party });
    record(
        state,
        connection,
        "oauth.client_registered",
        what,
        administrator,
        caller,
    )
    .await?;
    let client = existing(connection, &new.id).await?;
    Ok(ClientResponse::of(
        client,
        secret.as_ref().map(|secret| secret.expose_secret()),
    ))
}

/// Puts other metadata in place. The id and the secret stay; so does whether there is a secret.
pub(crate) async fn replace(
    State(state): State<AppState>,
    identity: Identity,
    caller: Client,
    Path(id): Path<String>,
    Json(mut body): Json<ClientMetadata>,
) -> Result<Json<ClientResponse>, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let before = existing(&mut transaction, &id).await?;
    body.client_id = None;
    let method = body
        .token_endpoint_auth_method
        .get_or_insert_with(|| before.auth_method.as_str().to_owned());
    let another_kind =
        AuthMethod::from_name(method).is_some_and(|method| !method.is_of_one_kind_with(before.auth_method));
    if another_kind {
        return Err(Problem::validation(vec![FieldError {
            pointer: "/token_endpoint_auth_method".to_owned(),
            detail: common::Text::new(
                "Программа с секретом не может стать программой без него и наоборот: зарегистрируйте новую.",
                "A client with a secret cannot become one without, nor the other way round: register another.",
            ),
        }]));
    }
    if body.jwks.is_none() && body.jwks_uri.is_none() {
        body.jwks = before.keys.as_ref().and_then(ClientKeys::jwks).cloned();
        let published = before.keys.as_ref().and_then(ClientKeys::jwks_uri);
        body.jwks_uri = published.map(str::to_owned);
    }
    let new = checked(&state, body, id.clone())?;
    store::oauth_clients::update(&mut transaction, &new, state.clock.now()).await?;
    let what = json!({ "client_id": id, "redirect_uris": new.redirect_uris, "scopes": new.scopes,
                       "first_party": new.first_party });
    record(
        &state,
        &mut transaction,
        "oauth.client_changed",
        what,
        Some(&identity),
        &caller,
    )
    .await?;
    let client = existing(&mut transaction, &id).await?;
    transaction.commit().await.store("commit")?;
    Ok(Json(ClientResponse::of(client, None)))
}

/// Gives a client another secret; the former one is good for a day more.
pub(crate) async fn replace_secret(
    State(state): State<AppState>,
    identity: Identity,
    caller: Client,
    Path(id): Path<String>,
) -> Result<Json<ClientResponse>, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    if !existing(&mut transaction, &id).await?.auth_method.has_secret() {
        return Err(Error::OAuthClientPublic.into());
    }
    let (secret, now) = (new_secret(), state.clock.now());
    let former_until = now + SECRET_OVERLAP;
    store::oauth_clients::replace_secret(&mut transaction, &id, &hash(&secret), former_until, now).await?;
    let what = json!({ "client_id": id });
    record(
        &state,
        &mut transaction,
        "oauth.client_secret_replaced",
        what,
        Some(&identity),
        &caller,
    )
    .await?;
    let client = existing(&mut transaction, &id).await?;
    transaction.commit().await.store("commit")?;
    Ok(Json(ClientResponse::of(client, Some(secret.expose_secret()))))
}

/// Removes a client and ends all its sessions.
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    caller: Client,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    existing(&mut transaction, &id).await?;
    let (reason, now) = (EndReason::ClientRemoved, state.clock.now());
    let ended = store::oauth_sessions::end_of_client(&mut transaction, &id, None, reason, now).await?;
    store::oauth_clients::delete(&mut transaction, &id).await?;
    let what = json!({ "client_id": id, "sessions": ended.len() });
    record(
        &state,
        &mut transaction,
        "oauth.client_removed",
        what,
        Some(&identity),
        &caller,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn existing(connection: &mut PgConnection, id: &str) -> Result<OAuthClient, Error> {
    let client = store::oauth_clients::find(connection, id).await?;
    // Service accounts have routes of their own.
    let client = client.filter(|client| client.service_account.is_none());
    client.ok_or(Error::OAuthClientNotFound)
}

fn checked(state: &AppState, body: ClientMetadata, new_id: String) -> Result<NewClient, Problem> {
    let checked = body.check(Registrar::Administrator, state.provider.is_plain(), new_id);
    checked.map_err(|wrong| {
        let errors = wrong
            .into_iter()
            .map(|(pointer, detail)| FieldError { pointer, detail });
        Problem::validation(errors.collect())
    })
}

async fn record(
    state: &AppState,
    connection: &mut PgConnection,
    action: &'static str,
    details: serde_json::Value,
    administrator: Option<&Identity>,
    caller: &Client,
) -> Result<(), Error> {
    let audited = Audited {
        action,
        outcome: Outcome::Success,
        user: None,
        details,
    };
    let actor = administrator.map(Into::into);
    audited
        .append(connection, &state.clock, actor, Some(caller))
        .await?;
    Ok(())
}
