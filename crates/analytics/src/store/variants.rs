//! `analytics.report_variants`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A saved variant.
#[derive(Debug, Clone)]
pub(crate) struct VariantRow {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) name: String,
    pub(crate) shared: bool,
    pub(crate) definition: Value,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What may be changed of a variant.
#[derive(Debug)]
pub(crate) struct VariantValues<'a> {
    pub(crate) name: &'a str,
    pub(crate) shared: bool,
    pub(crate) definition: &'a Value,
}

/// Makes a variant; false when the owner has one of that name.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    owner: Uuid,
    values: &VariantValues<'_>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let inserted = sqlx::query!(
        "insert into analytics.report_variants (id, owner, name, shared, definition, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $6)
         on conflict on constraint report_variants_name do nothing",
        id,
        owner,
        values.name,
        values.shared,
        values.definition,
        now
    )
    .execute(connection)
    .await
    .store("variant_insert")?;
    Ok(inserted.rows_affected() == 1)
}

/// How many variants somebody has.
pub(crate) async fn count(connection: &mut PgConnection, owner: Uuid) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from analytics.report_variants where owner = $1"#,
        owner
    )
    .fetch_one(connection)
    .await
    .store("variants_count")
}

/// Somebody's own variants and those that are shared, the latest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    user: Uuid,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<VariantRow>, StoreError> {
    sqlx::query_as!(
        VariantRow,
        "select id, owner, name, shared, definition, version, created_at, updated_at
         from analytics.report_variants
         where (owner = $1 or shared) and ($2::uuid is null or id < $2)
         order by id desc limit $3",
        user,
        before,
        limit
    )
    .fetch_all(connection)
    .await
    .store("variants_list")
}

/// A variant that somebody may see.
pub(crate) async fn find(
    connection: &mut PgConnection,
    user: Uuid,
    id: Uuid,
) -> Result<Option<VariantRow>, StoreError> {
    sqlx::query_as!(
        VariantRow,
        "select id, owner, name, shared, definition, version, created_at, updated_at
         from analytics.report_variants where id = $2 and (owner = $1 or shared)",
        user,
        id
    )
    .fetch_optional(connection)
    .await
    .store("variant_find")
}

/// A variant of one's own, to be changed.
pub(crate) async fn find_own_locked(
    connection: &mut PgConnection,
    owner: Uuid,
    id: Uuid,
) -> Result<Option<VariantRow>, StoreError> {
    sqlx::query_as!(
        VariantRow,
        "select id, owner, name, shared, definition, version, created_at, updated_at
         from analytics.report_variants where id = $2 and owner = $1 for update",
        owner,
        id
    )
    .fetch_optional(connection)
    .await
    .store("variant_find_own")
}

/// Changes a variant; `None` when the owner has another of that name.
pub(crate) async fn update(
    connection: &mut PgConnection,
    id: Uuid,
    values: &VariantValues<'_>,
    now: DateTime<Utc>,
) -> Result<Option<VariantRow>, StoreError> {
    sqlx::query_as!(
        VariantRow,
        "update analytics.report_variants own set
             name = $2, shared = $3, definition = $4, version = version + 1, updated_at = $5
         where id = $1 and not exists (
             select from analytics.report_variants other
             where other.owner = own.owner and other.name = $2 and other.id <> $1)
         returning id, owner, name, shared, definition, version, created_at, updated_at",
        id,
        values.name,
        values.shared,
        values.definition,
        now
    )
    .fetch_optional(connection)
    .await
    .store("variant_update")
}

/// Removes a variant of one's own; false when there is none.
pub(crate) async fn delete(connection: &mut PgConnection, owner: Uuid, id: Uuid) -> Result<bool, StoreError> {
    let deleted = sqlx::query!(
        "delete from analytics.report_variants where id = $2 and owner = $1",
        owner,
        id
    )
    .execute(connection)
    .await
    .store("variant_delete")?;
    Ok(deleted.rows_affected() == 1)
}
