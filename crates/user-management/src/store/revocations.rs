//! Tokens that end before their time: those of `identity.sessions` that have ended and of
//! `identity.api_keys` that were revoked, and whether Redis has been told. The two have no id in common.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::sessions::Ended;

/// What Redis has not been told of and had access tokens after `since`.
pub(crate) async fn unpublished(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Ended>, StoreError> {
    sqlx::query_as!(
        Ended,
        r#"select id as "id!", access_expires_at as "access_expires_at!"
           from (select id, access_expires_at from identity.sessions
                 where ended_at is not null and not revocation_published and access_expires_at > $1
                 union all
                 select id, access_expires_at from identity.api_keys
                 where revoked_at is not null and not revocation_published and access_expires_at > $1) as ended
           order by access_expires_at desc
           limit $2"#,
        since,
        limit
    )
    .fetch_all(connection)
    .await
    .store("revocations_unpublished")
}

/// Remembers that Redis has been told.
pub(crate) async fn mark_published(connection: &mut PgConnection, ids: &[Uuid]) -> Result<(), StoreError> {
    sqlx::query!(
        "with keys as (update identity.api_keys set revocation_published = true where id = any($1))
         update identity.sessions set revocation_published = true where id = any($1)",
        ids
    )
    .execute(connection)
    .await
    .store("revocations_mark_published")?;
    Ok(())
}

/// Makes everything that still matters wait for publication again: Redis may have lost it.
pub(crate) async fn mark_unpublished(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with keys as (
             update identity.api_keys set revocation_published = false
             where revoked_at is not null and revocation_published and access_expires_at > $1)
         update identity.sessions set revocation_published = false
         where ended_at is not null and revocation_published and access_expires_at > $1",
        since
    )
    .execute(connection)
    .await
    .store("revocations_mark_unpublished")?;
    Ok(())
}
