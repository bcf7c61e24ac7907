//! The queue of files of exchanges that are to be imported, and the history of those that were.
//!
//! An import is held under a lease, and writes its end in the transaction that writes what it
//! read: one that was taken over by another replica changes nothing.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// Seconds that a holder may be silent.
const LEASE_SECONDS: f64 = 20.0;
/// How often an import is begun before it is given up.
const MOST_ATTEMPTS: i32 = 5;

/// Where an import is.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) done: i64,
    pub(crate) counts: Value,
    pub(crate) error_code: Option<String>,
    pub(crate) error_text: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
}

/// An import that this replica holds.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) id: Uuid,
    pub(crate) infobase_id: Uuid,
    pub(crate) session_id: Uuid,
    pub(crate) file_id: Uuid,
    pub(crate) name: String,
    pub(crate) attempt: i32,
}

/// Queues the import of a file, or of a member of an archive, unless it is there already.
pub(crate) async fn enqueue(
    connection: &mut PgConnection,
    id: Uuid,
    infobase: Uuid,
    session: Uuid,
    file: Uuid,
    name: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.exchange_imports (id, infobase_id, session_id, file_id, name, state)
         values ($1, $2, $3, $4, $5, 'queued') on conflict (file_id, name) do nothing",
        id,
        infobase,
        session,
        file,
        name,
    )
    .execute(connection)
    .await
    .store("import_enqueue")?;
    Ok(())
}

/// The import of a file or member.
pub(crate) async fn find(
    connection: &mut PgConnection,
    file: Uuid,
    name: &str,
) -> Result<Option<Import>, StoreError> {
    sqlx::query_as!(
        Import,
        "select id, name, state, done, counts, error_code, error_text, created_at, finished_at
         from onec.exchange_imports where file_id = $1 and name = $2",
        file,
        name,
    )
    .fetch_optional(connection)
    .await
    .store("import_find")
}

/// The imports of an exchange after a position, the latest first.
pub(crate) async fn history(
    connection: &mut PgConnection,
    infobase: Uuid,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Import>, StoreError> {
    sqlx::query_as!(
        Import,
        "select id, name, state, done, counts, error_code, error_text, created_at, finished_at
         from onec.exchange_imports where infobase_id = $1 and ($2::uuid is null or id < $2)
         order by id desc limit $3",
        infobase,
        after,
        limit,
    )
    .fetch_all(connection)
    .await
    .store("import_history")
}

/// Takes the next import; of one infobase they go one by one, in the order in which 1C asked.
pub(crate) async fn take(connection: &mut PgConnection, owner: &str) -> Result<Option<Held>, StoreError> {
    sqlx::query_as!(
        Held,
        "update onec.exchange_imports set state = 'running', owner = $1, attempt = attempt + 1,
                lease_until = now() + make_interval(secs => $2)
         where id = (
             select i.id from onec.exchange_imports i
             where (i.state = 'queued' or (i.state = 'running' and i.lease_until < now()))
               and exists (select 1 from onec.infobases b where b.id = i.infobase_id and b.deleted_at is null)
               and not exists (
                   select 1 from onec.exchange_imports other
                   where other.infobase_id = i.infobase_id and other.id <> i.id
                     and ((other.state = 'running' and other.lease_until >= now())
                          or (other.state in ('queued', 'running') and other.id < i.id)))
             order by i.id limit 1 for update skip locked)
         returning id, infobase_id, session_id, file_id, name, attempt",
        owner,
        LEASE_SECONDS,
    )
    .fetch_optional(connection)
    .await
    .store("import_take")
}

/// Holds an import for longer; false when it was taken over.
pub(crate) async fn extend(
    connection: &mut PgConnection,
    held: &Held,
    done: i64,
) -> Result<bool, StoreError> {
    let extended = sqlx::query!(
        "update onec.exchange_imports set lease_until = now() + make_interval(secs => $3), done = $4
         where id = $1 and attempt = $2 and state = 'running'",
        held.id,
        held.attempt,
        LEASE_SECONDS,
        done,
    )
    .execute(connection)
    .await
    .store("import_extend")?;
    Ok(extended.rows_affected() == 1)
}

/// Notes the end of an import; false when it was taken over.
pub(crate) async fn succeed(
    connection: &mut PgConnection,
    held: &Held,
    at: DateTime<Utc>,
    done: i64,
    counts: &Value,
) -> Result<bool, StoreError> {
    let ended = sqlx::query!(
        "update onec.exchange_imports
         set state = 'succeeded', finished_at = $3, done = $4, counts = $5, lease_until = null
         where id = $1 and attempt = $2 and state = 'running'",
        held.id,
        held.attempt,
        at,
        done,
        counts,
    )
    .execute(connection)
    .await
    .store("import_succeed")?;
    Ok(ended.rows_affected() == 1)
}

/// Notes that a file could not be imported.
pub(crate) async fn fail(
    connection: &mut PgConnection,
    held: &Held,
    at: DateTime<Utc>,
    code: &str,
    text: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.exchange_imports
         set state = 'failed', finished_at = $3, error_code = $4, error_text = $5, lease_until = null
         where id = $1 and attempt = $2 and state = 'running'",
        held.id,
        held.attempt,
        at,
        code,
        text,
    )
    .execute(connection)
    .await
    .store("import_fail")?;
    Ok(())
}

/// Lets an import go after trouble of ours; it is begun again unless that happened too often.
pub(crate) async fn release(connection: &mut PgConnection, held: &Held) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.exchange_imports
         set state = case when attempt < $3 then 'queued' else 'failed' end,
             error_code = case when attempt < $3 then null else 'onec.exchange_interrupted' end,
             finished_at = case when attempt < $3 then null else now() end, lease_until = null
         where id = $1 and attempt = $2 and state = 'running'",
        held.id,
        held.attempt,
        MOST_ATTEMPTS,
    )
    .execute(connection)
    .await
    .store("import_release")?;
    Ok(())
}

/// Lets go what an earlier process of this replica held.
pub(crate) async fn release_own(connection: &mut PgConnection, owner: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.exchange_imports set state = 'queued', lease_until = null
         where owner = $1 and state = 'running'",
        owner
    )
    .execute(connection)
    .await
    .store("import_release_own")?;
    Ok(())
}
