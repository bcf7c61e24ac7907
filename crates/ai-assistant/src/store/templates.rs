//! Templates of users, each version of them.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A version of a template.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) owner_id: Uuid,
    pub(crate) shared: bool,
    /// The version at hand.
    pub(crate) version: i32,
    /// The latest one.
    pub(crate) latest: i32,
    pub(crate) definition: Value,
    pub(crate) updated_at: DateTime<Utc>,
}

/// A line of a template's history.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Version {
    pub(crate) version: i32,
    pub(crate) author_id: Uuid,
    pub(crate) created_at: DateTime<Utc>,
}

/// The templates that a user sees: their own and the shared ones.
pub(crate) async fn list(db: &mut PgConnection, user: Uuid, limit: i64) -> Result<Vec<Row>, StoreError> {
    sqlx::query_as!(
        Row,
        "select t.id, t.owner_id, t.shared, t.version, t.version as latest, v.definition, t.updated_at \
         from assistant.templates t \
         join assistant.template_versions v on v.template_id = t.id and v.version = t.version \
         where t.removed_at is null and (t.shared or t.owner_id = $1) order by t.id limit $2",
        user,
        limit,
    )
    .fetch_all(db)
    .await
    .store("templates_list")
}

/// A template that the user sees, in that version or the latest.
pub(crate) async fn get(
    db: &mut PgConnection,
    user: Uuid,
    id: Uuid,
    version: Option<i32>,
) -> Result<Option<Row>, StoreError> {
    sqlx::query_as!(
        Row,
        "select t.id, t.owner_id, t.shared, v.version, t.version as latest, v.definition, t.updated_at \
         from assistant.templates t \
         join assistant.template_versions v on v.template_id = t.id and v.version = coalesce($3, t.version) \
         where t.id = $2 and t.removed_at is null and (t.shared or t.owner_id = $1)",
        user,
        id,
        version,
    )
    .fetch_optional(db)
    .await
    .store("templates_get")
}

/// How many templates a user has.
pub(crate) async fn count(db: &mut PgConnection, owner: Uuid) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        "select count(*) as \"count!\" from assistant.templates where owner_id = $1 and removed_at is null",
        owner,
    )
    .fetch_one(db)
    .await
    .store("templates_count")
}

/// Keeps a new template as its version 1.
pub(crate) async fn create(
    db: &mut PgConnection,
    id: Uuid,
    owner: Uuid,
    shared: bool,
    definition: &Value,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into assistant.templates (id, owner_id, shared, version, created_at, updated_at) \
         values ($1, $2, $3, 1, $4, $4)",
        id,
        owner,
        shared,
        now,
    )
    .execute(&mut *db)
    .await
    .store("templates_create")?;
    version_add(db, id, 1, owner, definition, now).await
}

/// Makes the next version out of `seen`; false when there is a later one already.
pub(crate) async fn change(
    db: &mut PgConnection,
    id: Uuid,
    seen: i32,
    author: Uuid,
    shared: bool,
    definition: &Value,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let changed = sqlx::query!(
        "update assistant.templates set version = version + 1, shared = $3, updated_at = $4 \
         where id = $1 and version = $2 and removed_at is null",
        id,
        seen,
        shared,
        now,
    )
    .execute(&mut *db)
    .await
    .store("templates_change")?;
    if changed.rows_affected() == 0 {
        return Ok(false);
    }
    version_add(db, id, seen + 1, author, definition, now).await?;
    Ok(true)
}

async fn version_add(
    db: &mut PgConnection,
    id: Uuid,
    version: i32,
    author: Uuid,
    definition: &Value,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into assistant.template_versions (template_id, version, definition, author_id, created_at) \
         values ($1, $2, $3, $4, $5)",
        id,
        version,
        definition,
        author,
        now,
    )
    .execute(db)
    .await
    .store("template_versions_add")?;
    Ok(())
}

/// Removes the version that was seen; false when there is a later one.
pub(crate) async fn remove(
    db: &mut PgConnection,
    id: Uuid,
    seen: i32,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let removed = sqlx::query!(
        "update assistant.templates set removed_at = $3 where id = $1 and version = $2 and removed_at is null",
        id,
        seen,
        now,
    )
    .execute(db)
    .await
    .store("templates_remove")?;
    Ok(removed.rows_affected() == 1)
}

/// The history of a template, the latest version first.
pub(crate) async fn versions(db: &mut PgConnection, id: Uuid) -> Result<Vec<Version>, StoreError> {
    sqlx::query_as!(
        Version,
        "select version, author_id, created_at from assistant.template_versions where template_id = $1 \
         order by version desc limit 1000",
        id,
    )
    .fetch_all(db)
    .await
    .store("template_versions_list")
}
