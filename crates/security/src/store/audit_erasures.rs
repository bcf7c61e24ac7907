//! Erasing who and what of entries.

use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// An entry of which something can be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Erasable {
    pub(crate) sequence: i64,
    pub(crate) who: bool,
    pub(crate) what: bool,
}

/// Up to `limit` entries that a person did, or that are about that person, and that still tell so.
pub(crate) async fn about(
    connection: &mut PgConnection,
    user: Uuid,
    limit: i64,
) -> Result<Vec<Erasable>, StoreError> {
    let target = format!("user:{user}");
    sqlx::query_as!(
        Erasable,
        r#"select sequence, (actor_id is not distinct from $1) as "who!",
                  (what_salt is not null and action <> 'audit.erased') as "what!"
           from security.audit_entries
           where (actor_id = $1 or target = $2) order by sequence limit $3"#,
        user,
        target,
        limit
    )
    .fetch_all(connection)
    .await
    .store("audit_erasable_about")
}

/// Those of the entries with these ids that still tell something.
pub(crate) async fn of_ids(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Erasable>, StoreError> {
    sqlx::query_as!(
        Erasable,
        r#"select sequence, (who_salt is not null) as "who!",
                  (what_salt is not null and action <> 'audit.erased') as "what!"
           from security.audit_entries
           where id = any($1) and (who_salt is not null or what_salt is not null) order by sequence"#,
        ids
    )
    .fetch_all(connection)
    .await
    .store("audit_erasable_of_ids")
}

/// Erases who, and what, of entries.
pub(crate) async fn erase(
    connection: &mut PgConnection,
    who: &[i64],
    what: &[i64],
) -> Result<(), StoreError> {
    sqlx::query!("select security.erase_audit_entries($1, $2)", who, what)
        .execute(connection)
        .await
        .store("audit_erase")?;
    Ok(())
}
