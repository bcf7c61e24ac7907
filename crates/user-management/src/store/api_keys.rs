//! `identity.api_keys`.

use chrono::{DateTime, Utc};
use common::auth::Selected;
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::api_keys::ApiKey;
use crate::rights::{Reach, Rights};
use crate::roles::{names_of, permissions_of};
use crate::sessions::Ended;

struct Row {
    id: Uuid,
    owner_id: Uuid,
    name: String,
    secret_hash: Vec<u8>,
    permissions: Vec<String>,
    all_companies: bool,
    companies: Vec<Uuid>,
    all_infobases: bool,
    infobases: Vec<Uuid>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
    replaced_by: Option<Uuid>,
    revoked_at: Option<DateTime<Utc>>,
}

impl From<Row> for ApiKey {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            owner: row.owner_id,
            name: row.name,
            secret_hash: row.secret_hash,
            rights: Rights {
                permissions: permissions_of(&row.permissions),
                reach: Reach {
                    companies: Selected::from_row(row.all_companies, row.companies),
                    infobases: Selected::from_row(row.all_infobases, row.infobases),
                },
            },
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            replaced_by: row.replaced_by,
            revoked_at: row.revoked_at,
        }
    }
}

/// Adds a key.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    key: &ApiKey,
    created_by: Uuid,
) -> Result<(), StoreError> {
    let companies = key.rights.reach.companies.restriction();
    let infobases = key.rights.reach.infobases.restriction();
    sqlx::query!(
        "insert into identity.api_keys
             (id, owner_id, name, secret_hash, permissions, all_companies, companies, all_infobases,
              infobases, created_at, created_by, expires_at, access_expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $10)",
        key.id,
        key.owner,
        key.name,
        &key.secret_hash,
        &names_of(key.rights.permissions),
        companies.is_none(),
        &companies.unwrap_or_default(),
        infobases.is_none(),
        &infobases.unwrap_or_default(),
        key.created_at,
        created_by,
        key.expires_at
    )
    .execute(connection)
    .await
    .store("api_keys_insert")?;
    Ok(())
}

/// The key.
pub(crate) async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<ApiKey>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select id, owner_id, name, secret_hash, permissions, all_companies, companies, all_infobases,
                infobases, created_at, expires_at, last_used_at, replaced_by, revoked_at
         from identity.api_keys where id = $1",
        id
    )
    .fetch_optional(connection)
    .await
    .store("api_keys_find")?;
    Ok(row.map(ApiKey::from))
}

/// The key, which nobody else changes until the transaction ends.
pub(crate) async fn find_locked(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<ApiKey>, StoreError> {
    sqlx::query!(
        "select 1 as one from identity.api_keys where id = $1 for update",
        id
    )
    .fetch_optional(&mut *connection)
    .await
    .store("api_keys_lock")?;
    find(connection, id).await
}

/// The keys of an account that have not been revoked, oldest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    owner: Uuid,
    limit: i64,
) -> Result<Vec<ApiKey>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select id, owner_id, name, secret_hash, permissions, all_companies, companies, all_infobases,
                infobases, created_at, expires_at, last_used_at, replaced_by, revoked_at
         from identity.api_keys
         where owner_id = $1 and revoked_at is null
         order by created_at, id
         limit $2",
        owner,
        limit
    )
    .fetch_all(connection)
    .await
    .store("api_keys_list")?;
    Ok(rows.into_iter().map(ApiKey::from).collect())
}

/// Remembers that a token is made for the key, and returns false when it was revoked meanwhile.
pub(crate) async fn used(
    connection: &mut PgConnection,
    id: Uuid,
    ip: &str,
    token_ends: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update identity.api_keys
         set last_used_at = $2, last_used_ip = $3, access_expires_at = greatest(access_expires_at, $4)
         where id = $1 and revoked_at is null",
        id,
        now,
        ip,
        token_ends
    )
    .execute(connection)
    .await
    .store("api_keys_used")?;
    Ok(done.rows_affected() == 1)
}

/// Lets another key take the place of this one, which works until `until`.
pub(crate) async fn replace(
    connection: &mut PgConnection,
    id: Uuid,
    by: Uuid,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.api_keys set replaced_by = $2, expires_at = least(expires_at, $3) where id = $1",
        id,
        by,
        until
    )
    .execute(connection)
    .await
    .store("api_keys_replace")?;
    Ok(())
}

/// Revokes a key.
pub(crate) async fn revoke(
    connection: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Ended>, StoreError> {
    sqlx::query_as!(
        Ended,
        "update identity.api_keys set revoked_at = $2 where id = $1 and revoked_at is null
         returning id, access_expires_at",
        id,
        now
    )
    .fetch_optional(connection)
    .await
    .store("api_keys_revoke")
}
