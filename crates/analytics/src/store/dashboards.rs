//! `analytics.dashboards` with their versions, and `analytics.dashboard_links`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A dashboard of a user.
#[derive(Debug, Clone)]
pub(crate) struct DashboardRow {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) version: i32,
    pub(crate) definition: Value,
    pub(crate) shared_with: Vec<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// Those that a user may look at, by title: the user's own and those that are shared with the role.
pub(crate) async fn visible(
    connection: &mut PgConnection,
    user: Uuid,
    role: &str,
) -> Result<Vec<DashboardRow>, StoreError> {
    sqlx::query_as!(
        DashboardRow,
        "select id, owner, version, definition, shared_with, created_at, updated_at
         from analytics.dashboards where owner = $1 or $2 = any(shared_with)
         order by lower(title), id limit 500",
        user,
        role
    )
    .fetch_all(connection)
    .await
    .store("dashboards_visible")
}

/// One that a user may look at.
pub(crate) async fn one(
    connection: &mut PgConnection,
    id: Uuid,
    user: Uuid,
    role: &str,
) -> Result<Option<DashboardRow>, StoreError> {
    sqlx::query_as!(
        DashboardRow,
        "select id, owner, version, definition, shared_with, created_at, updated_at
         from analytics.dashboards where id = $1 and (owner = $2 or $3 = any(shared_with))",
        id,
        user,
        role
    )
    .fetch_optional(connection)
    .await
    .store("dashboard_one")
}

/// One of a user's own, locked until the transaction ends.
pub(crate) async fn lock_own(
    connection: &mut PgConnection,
    id: Uuid,
    owner: Uuid,
) -> Result<Option<DashboardRow>, StoreError> {
    sqlx::query_as!(
        DashboardRow,
        "select id, owner, version, definition, shared_with, created_at, updated_at
         from analytics.dashboards where id = $1 and owner = $2 for update",
        id,
        owner
    )
    .fetch_optional(connection)
    .await
    .store("dashboard_lock")
}

/// How many a user has.
pub(crate) async fn count(connection: &mut PgConnection, owner: Uuid) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from analytics.dashboards where owner = $1"#,
        owner
    )
    .fetch_one(connection)
    .await
    .store("dashboards_count")
}

/// Adds a dashboard with its first version.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    row: &DashboardRow,
    title: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into analytics.dashboards
             (id, owner, title, version, definition, shared_with, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        row.id,
        row.owner,
        title,
        row.version,
        row.definition,
        &row.shared_with,
        row.created_at,
        row.updated_at
    )
    .execute(&mut *connection)
    .await
    .store("dashboard_insert")?;
    keep_version(connection, row).await
}

/// Replaces a dashboard by its next version.
pub(crate) async fn update(
    connection: &mut PgConnection,
    row: &DashboardRow,
    title: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update analytics.dashboards
         set title = $2, version = $3, definition = $4, shared_with = $5, updated_at = $6 where id = $1",
        row.id,
        title,
        row.version,
        row.definition,
        &row.shared_with,
        row.updated_at
    )
    .execute(&mut *connection)
    .await
    .store("dashboard_update")?;
    keep_version(connection, row).await
}

/// The latest hundred versions are kept.
async fn keep_version(connection: &mut PgConnection, row: &DashboardRow) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into analytics.dashboard_versions
             (dashboard_id, version, definition, shared_with, author, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        row.id,
        row.version,
        row.definition,
        &row.shared_with,
        row.owner,
        row.updated_at
    )
    .execute(&mut *connection)
    .await
    .store("dashboard_version_insert")?;
    sqlx::query!(
        "delete from analytics.dashboard_versions where dashboard_id = $1 and version <= $2::int - 100",
        row.id,
        row.version
    )
    .execute(connection)
    .await
    .store("dashboard_versions_delete")?;
    Ok(())
}

/// Removes a dashboard, its versions and its links.
pub(crate) async fn delete(connection: &mut PgConnection, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from analytics.dashboard_links where dashboard = $1",
        id.to_string()
    )
    .execute(&mut *connection)
    .await
    .store("dashboard_links_delete")?;
    sqlx::query!("delete from analytics.dashboards where id = $1", id)
        .execute(connection)
        .await
        .store("dashboard_delete")?;
    Ok(())
}

/// A version that a dashboard had.
#[derive(Debug)]
pub(crate) struct VersionRow {
    pub(crate) version: i32,
    pub(crate) definition: Value,
    pub(crate) shared_with: Vec<String>,
    pub(crate) author: Uuid,
    pub(crate) created_at: DateTime<Utc>,
}

/// Versions, the latest first.
pub(crate) async fn versions(connection: &mut PgConnection, id: Uuid) -> Result<Vec<VersionRow>, StoreError> {
    sqlx::query_as!(
        VersionRow,
        "select version, definition, shared_with, author, created_at
         from analytics.dashboard_versions where dashboard_id = $1 order by version desc",
        id
    )
    .fetch_all(connection)
    .await
    .store("dashboard_versions")
}

/// A link for people without an account.
#[derive(Debug, Clone)]
pub(crate) struct LinkRow {
    pub(crate) id: Uuid,
    pub(crate) dashboard: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// Adds a link with what it shows.
pub(crate) async fn insert_link(
    connection: &mut PgConnection,
    link: &LinkRow,
    owner: Uuid,
    token_hash: &[u8],
    snapshot: &Value,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into analytics.dashboard_links
             (id, dashboard, owner, token_hash, snapshot, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        link.id,
        link.dashboard,
        owner,
        token_hash,
        snapshot,
        link.created_at,
        link.expires_at
    )
    .execute(connection)
    .await
    .store("dashboard_link_insert")?;
    Ok(())
}

/// The links to a dashboard that a user made, the latest first.
pub(crate) async fn links(
    connection: &mut PgConnection,
    dashboard: &str,
    owner: Uuid,
) -> Result<Vec<LinkRow>, StoreError> {
    sqlx::query_as!(
        LinkRow,
        "select id, dashboard, created_at, expires_at, revoked_at
         from analytics.dashboard_links where dashboard = $1 and owner = $2 order by id desc limit 200",
        dashboard,
        owner
    )
    .fetch_all(connection)
    .await
    .store("dashboard_links")
}

/// Ends a link and forgets what it showed. False when the user has no such link.
pub(crate) async fn revoke_link(
    connection: &mut PgConnection,
    id: Uuid,
    dashboard: &str,
    owner: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let revoked = sqlx::query!(
        "update analytics.dashboard_links set revoked_at = coalesce(revoked_at, $4), snapshot = null
         where id = $1 and dashboard = $2 and owner = $3",
        id,
        dashboard,
        owner,
        now
    )
    .execute(connection)
    .await
    .store("dashboard_link_revoke")?;
    Ok(revoked.rows_affected() == 1)
}

/// What a link shows.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) snapshot: Option<Value>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// What the link with this secret shows.
pub(crate) async fn shared(
    connection: &mut PgConnection,
    token_hash: &[u8],
) -> Result<Option<Shared>, StoreError> {
    sqlx::query_as!(
        Shared,
        "select snapshot, expires_at, revoked_at from analytics.dashboard_links where token_hash = $1",
        token_hash
    )
    .fetch_optional(connection)
    .await
    .store("dashboard_shared")
}

/// Forgets what expired links showed, and the links themselves a month later.
pub(crate) async fn expire_links(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    forgotten: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update analytics.dashboard_links set snapshot = null where expires_at < $1 and snapshot is not null",
        now
    )
    .execute(&mut *connection)
    .await
    .store("dashboard_links_expire")?;
    sqlx::query!(
        "delete from analytics.dashboard_links where expires_at < $1",
        forgotten
    )
    .execute(connection)
    .await
    .store("dashboard_links_forget")?;
    Ok(())
}
