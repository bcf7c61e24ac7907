//! `identity.oauth_clients`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::oauth::client::{AuthMethod, IdTokenAlg, OAuthClient};
use crate::oauth::client_keys::ClientKeys;
use crate::oauth::metadata::NewClient;

/// Name of the constraint that keeps ids unique.
pub(crate) const ID_KEY: &str = "oauth_clients_pkey";

struct ClientRow {
    id: String,
    name: String,
    auth_method: String,
    secret_hash: Option<Vec<u8>>,
    previous_secret_hash: Option<Vec<u8>>,
    previous_secret_until: Option<DateTime<Utc>>,
    jwks: Option<serde_json::Value>,
    jwks_uri: Option<String>,
    service_account: Option<Uuid>,
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
    grant_types: Vec<String>,
    scopes: Vec<String>,
    id_token_alg: String,
    first_party: bool,
    created_by: Option<Uuid>,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
}

impl From<ClientRow> for OAuthClient {
    fn from(row: ClientRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            // The checks of the table know no others.
            auth_method: AuthMethod::from_name(&row.auth_method).unwrap_or(AuthMethod::Basic),
            secret_hash: row.secret_hash,
            previous_secret_hash: row.previous_secret_hash,
            previous_secret_until: row.previous_secret_until,
            keys: ClientKeys::from_row(row.jwks, row.jwks_uri),
            service_account: row.service_account,
            redirect_uris: row.redirect_uris,
            post_logout_redirect_uris: row.post_logout_redirect_uris,
            grant_types: row.grant_types,
            scopes: row.scopes,
            id_token_alg: IdTokenAlg::from_name(&row.id_token_alg).unwrap_or(IdTokenAlg::Rs256),
            first_party: row.first_party,
            created_by: row.created_by,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// Registers a client; breaks [`ID_KEY`] when there is one of that id.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    client: &NewClient,
    secret_hash: Option<&[u8]>,
    created_by: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into identity.oauth_clients
             (id, name, auth_method, secret_hash, redirect_uris, post_logout_redirect_uris, grant_types,
              scopes, id_token_alg, first_party, created_by, created_at, updated_at, jwks, jwks_uri,
              service_account)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14, $15)",
        client.id,
        client.name,
        client.auth_method.as_str(),
        secret_hash,
        &client.redirect_uris,
        &client.post_logout_redirect_uris,
        &client.grant_types,
        &client.scopes,
        client.id_token_alg.as_str(),
        client.first_party,
        created_by,
        now,
        client.keys.as_ref().and_then(ClientKeys::jwks),
        client.keys.as_ref().and_then(ClientKeys::jwks_uri),
        client.service_account
    )
    .execute(connection)
    .await
    .store("oauth_clients_insert")?;
    Ok(())
}

/// The client.
pub(crate) async fn find(connection: &mut PgConnection, id: &str) -> Result<Option<OAuthClient>, StoreError> {
    // PostgreSQL has no zero character in texts, so that no id has one.
    if id.contains('\0') {
        return Ok(None);
    }
    let row = sqlx::query_as!(
        ClientRow,
        "select id, name, auth_method, secret_hash, previous_secret_hash, previous_secret_until, jwks, jwks_uri,
                service_account, redirect_uris, post_logout_redirect_uris, grant_types, scopes, id_token_alg,
                first_party, created_by, created_at, last_used_at
         from identity.oauth_clients where id = $1",
        id
    )
    .fetch_optional(connection)
    .await
    .store("oauth_clients_find")?;
    Ok(row.map(OAuthClient::from))
}

/// A piece of the list by id; without the clients that are service accounts.
pub(crate) async fn list(
    connection: &mut PgConnection,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<OAuthClient>, StoreError> {
    let rows = sqlx::query_as!(
        ClientRow,
        "select id, name, auth_method, secret_hash, previous_secret_hash, previous_secret_until, jwks, jwks_uri,
                service_account, redirect_uris, post_logout_redirect_uris, grant_types, scopes, id_token_alg,
                first_party, created_by, created_at, last_used_at
         from identity.oauth_clients
         where service_account is null and ($1::text is null or id > $1)
         order by id
         limit $2",
        after,
        limit
    )
    .fetch_all(connection)
    .await
    .store("oauth_clients_list")?;
    Ok(rows.into_iter().map(OAuthClient::from).collect())
}

/// Puts other metadata in place; the secret stays.
pub(crate) async fn update(
    connection: &mut PgConnection,
    client: &NewClient,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.oauth_clients
         set name = $2, redirect_uris = $3, post_logout_redirect_uris = $4, grant_types = $5, scopes = $6,
             id_token_alg = $7, first_party = $8, auth_method = $9, updated_at = $10, jwks = $11, jwks_uri = $12
         where id = $1",
        client.id,
        client.name,
        &client.redirect_uris,
        &client.post_logout_redirect_uris,
        &client.grant_types,
        &client.scopes,
        client.id_token_alg.as_str(),
        client.first_party,
        client.auth_method.as_str(),
        now,
        client.keys.as_ref().and_then(ClientKeys::jwks),
        client.keys.as_ref().and_then(ClientKeys::jwks_uri)
    )
    .execute(connection)
    .await
    .store("oauth_clients_update")?;
    Ok(())
}

/// Gives a client another name and other keys; the secret stays.
pub(crate) async fn rename(
    connection: &mut PgConnection,
    id: &str,
    name: &str,
    keys: Option<&ClientKeys>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.oauth_clients set name = $2, jwks = $3, jwks_uri = $4, updated_at = $5 where id = $1",
        id,
        name,
        keys.and_then(ClientKeys::jwks),
        keys.and_then(ClientKeys::jwks_uri),
        now
    )
    .execute(connection)
    .await
    .store("oauth_clients_rename")?;
    Ok(())
}

/// The clients that these service accounts are.
pub(crate) async fn of_service_accounts(
    connection: &mut PgConnection,
    accounts: &[Uuid],
) -> Result<Vec<OAuthClient>, StoreError> {
    let rows = sqlx::query_as!(
        ClientRow,
        "select id, name, auth_method, secret_hash, previous_secret_hash, previous_secret_until, jwks, jwks_uri,
                service_account, redirect_uris, post_logout_redirect_uris, grant_types, scopes, id_token_alg,
                first_party, created_by, created_at, last_used_at
         from identity.oauth_clients where service_account = any($1)",
        accounts
    )
    .fetch_all(connection)
    .await
    .store("oauth_clients_of_service_accounts")?;
    Ok(rows.into_iter().map(OAuthClient::from).collect())
}

/// True when a page of that origin belongs to a client without a secret: it is where the client is sent
/// back to.
pub(crate) async fn has_origin(connection: &mut PgConnection, origin: &str) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select exists(
               select 1 from identity.oauth_clients, unnest(redirect_uris) as uri
               where auth_method = 'none'
                 and (uri = $1 or starts_with(uri, $1 || '/') or starts_with(uri, $1 || '?'))
           ) as "exists!""#,
        origin
    )
    .fetch_one(connection)
    .await
    .store("oauth_clients_has_origin")
}

/// Puts another secret in place; the former one counts until `former_until`.
pub(crate) async fn replace_secret(
    connection: &mut PgConnection,
    id: &str,
    secret_hash: &[u8],
    former_until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.oauth_clients
         set previous_secret_hash = secret_hash, previous_secret_until = $3, secret_hash = $2, updated_at = $4
         where id = $1",
        id,
        secret_hash,
        former_until,
        now
    )
    .execute(connection)
    .await
    .store("oauth_clients_replace_secret")?;
    Ok(())
}

/// Notes that the client got tokens, to the hour; true when they are the first within one.
pub(crate) async fn touch(
    connection: &mut PgConnection,
    id: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update identity.oauth_clients set last_used_at = $2
         where id = $1 and (last_used_at is null or last_used_at < $3)",
        id,
        now,
        now - chrono::Duration::hours(1)
    )
    .execute(connection)
    .await
    .store("oauth_clients_touch")?;
    Ok(done.rows_affected() == 1)
}

/// Deletes a client; false when there is none.
pub(crate) async fn delete(connection: &mut PgConnection, id: &str) -> Result<bool, StoreError> {
    let deleted = sqlx::query!("delete from identity.oauth_clients where id = $1", id)
        .execute(connection)
        .await
        .store("oauth_clients_delete")?;
    Ok(deleted.rows_affected() == 1)
}

/// How many clients registered themselves and have not got a token yet.
pub(crate) async fn count_unused(connection: &mut PgConnection) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from identity.oauth_clients
           where created_by is null and last_used_at is null"#
    )
    .fetch_one(connection)
    .await
    .store("oauth_clients_count_unused")
}

/// Deletes clients that registered themselves before `before` and never got a token.
pub(crate) async fn delete_unused(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from identity.oauth_clients
         where created_by is null and last_used_at is null and created_at < $1",
        before
    )
    .execute(connection)
    .await
    .store("oauth_clients_delete_unused")?;
    Ok(())
}
