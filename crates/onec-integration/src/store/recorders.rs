//! Versions of documents that are not mirrored but write into the ledger.

use chrono::NaiveDateTime;
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use super::documents::VersionColumns;

/// True when versions of a set were ever kept.
pub(crate) async fn is_known(
    connection: &mut PgConnection,
    infobase: Uuid,
    set: &str,
) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select exists (select 1 from onec.recorder_versions
                          where infobase_id = $1 and object_set = $2) as "is_known!""#,
        infobase,
        set,
    )
    .fetch_one(connection)
    .await
    .store("recorders_known")
}

/// Which of the documents are new or have another version, date or state.
pub(crate) async fn changed(
    connection: &mut PgConnection,
    infobase: Uuid,
    set: &str,
    theirs: &VersionColumns,
) -> Result<Vec<Uuid>, StoreError> {
    sqlx::query_scalar!(
        r#"select theirs.ref as "ref!"
           from unnest($3::uuid[], $4::text[], $5::timestamp[], $6::bool[])
                as theirs (ref, data_version, date, posted)
           left join onec.recorder_versions ours
                  on ours.infobase_id = $1 and ours.object_set = $2 and ours.ref = theirs.ref
           where (ours.data_version, ours.date, ours.posted)
                 is distinct from (theirs.data_version, theirs.date, theirs.posted)"#,
        infobase,
        set,
        &theirs.refs,
        &theirs.versions,
        &theirs.dates,
        &theirs.posted,
    )
    .fetch_all(connection)
    .await
    .store("recorders_changed")
}

/// Documents that were in a span of time but are not among `present`.
pub(crate) async fn missing(
    connection: &mut PgConnection,
    infobase: Uuid,
    set: &str,
    (from, to): (NaiveDateTime, NaiveDateTime),
    present: &[Uuid],
) -> Result<Vec<Uuid>, StoreError> {
    sqlx::query_scalar!(
        "select ref from onec.recorder_versions
         where infobase_id = $1 and object_set = $2 and date >= $3 and date < $4 and ref <> all($5)",
        infobase,
        set,
        from,
        to,
        present,
    )
    .fetch_all(connection)
    .await
    .store("recorders_missing")
}

/// Keeps the versions of the documents named.
pub(crate) async fn write(
    connection: &mut PgConnection,
    infobase: Uuid,
    set: &str,
    theirs: &VersionColumns,
    changed: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.recorder_versions (infobase_id, object_set, ref, data_version, date, posted)
         select $1, $2, theirs.ref, theirs.data_version, theirs.date, theirs.posted
         from unnest($3::uuid[], $4::text[], $5::timestamp[], $6::bool[])
              as theirs (ref, data_version, date, posted)
         where theirs.ref = any($7)
         on conflict (infobase_id, object_set, ref) do update
         set data_version = excluded.data_version, date = excluded.date, posted = excluded.posted",
        infobase,
        set,
        &theirs.refs,
        &theirs.versions,
        &theirs.dates,
        &theirs.posted,
        changed,
    )
    .execute(connection)
    .await
    .store("recorders_write")?;
    Ok(())
}

/// Forgets documents.
pub(crate) async fn remove(
    connection: &mut PgConnection,
    infobase: Uuid,
    set: &str,
    refs: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from onec.recorder_versions where infobase_id = $1 and object_set = $2 and ref = any($3)",
        infobase,
        set,
        refs,
    )
    .execute(connection)
    .await
    .store("recorders_remove")?;
    Ok(())
}
