//! `identity.consents`: what users let clients do.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// A consent as its user sees it.
#[derive(Debug)]
pub(crate) struct Consent {
    pub(crate) client_id: String,
    pub(crate) client_name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) granted_at: DateTime<Utc>,
}

/// What the user has let the client do.
pub(crate) async fn find(
    connection: &mut PgConnection,
    user: Uuid,
    client: &str,
) -> Result<Option<Vec<String>>, StoreError> {
    sqlx::query_scalar!(
        "select scopes from identity.consents where user_id = $1 and client_id = $2",
        user,
        client
    )
    .fetch_optional(connection)
    .await
    .store("consents_find")
}

/// Adds to what the user lets the client do.
pub(crate) async fn put(
    connection: &mut PgConnection,
    user: Uuid,
    client: &str,
    scopes: &[String],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into identity.consents as c (user_id, client_id, scopes, granted_at)
         values ($1, $2, $3, $4)
         on conflict (user_id, client_id) do update
         set scopes = (select array_agg(distinct name) from unnest(c.scopes || excluded.scopes) as name),
             granted_at = excluded.granted_at",
        user,
        client,
        scopes,
        now
    )
    .execute(connection)
    .await
    .store("consents_put")?;
    Ok(())
}

/// All consents of a user.
pub(crate) async fn of_user(connection: &mut PgConnection, user: Uuid) -> Result<Vec<Consent>, StoreError> {
    sqlx::query_as!(
        Consent,
        r#"select c.client_id, o.name as client_name, c.scopes, c.granted_at
           from identity.consents c join identity.oauth_clients o on o.id = c.client_id
           where c.user_id = $1
           order by o.name, c.client_id"#,
        user
    )
    .fetch_all(connection)
    .await
    .store("consents_of_user")
}

/// Takes a consent back; false when there was none.
pub(crate) async fn delete(
    connection: &mut PgConnection,
    user: Uuid,
    client: &str,
) -> Result<bool, StoreError> {
    let deleted = sqlx::query!(
        "delete from identity.consents where user_id = $1 and client_id = $2",
        user,
        client
    )
    .execute(connection)
    .await
    .store("consents_delete")?;
    Ok(deleted.rows_affected() == 1)
}
