//! `security.audit_segments`: months of the log that are in the archive.

use chrono::{DateTime, NaiveDate, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

/// A part of the log that is in the archive.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) first_sequence: i64,
    pub(crate) last_sequence: i64,
    pub(crate) month: NaiveDate,
    /// Name within the folder of the archive.
    pub(crate) file: String,
    pub(crate) bytes: i64,
    pub(crate) sha256: Vec<u8>,
    pub(crate) sealed_at: DateTime<Utc>,
    /// When its last row had left the database.
    pub(crate) removed_at: Option<DateTime<Utc>>,
}

/// All segments, in order.
pub(crate) async fn all(connection: &mut PgConnection) -> Result<Vec<Segment>, StoreError> {
    sqlx::query_as!(
        Segment,
        "select first_sequence, last_sequence, month, file, bytes, sha256, sealed_at, removed_at
         from security.audit_segments order by last_sequence"
    )
    .fetch_all(connection)
    .await
    .store("audit_segments")
}

/// When the first row after the archive was recorded, and its number.
pub(crate) async fn first_after(
    connection: &mut PgConnection,
    sequence: i64,
) -> Result<Option<(i64, DateTime<Utc>)>, StoreError> {
    let row = sqlx::query!(
        "select sequence, recorded_at from security.audit_entries
         where sequence > $1 order by sequence limit 1",
        sequence
    )
    .fetch_optional(connection)
    .await
    .store("audit_segment_first")?;
    Ok(row.map(|row| (row.sequence, row.recorded_at)))
}

/// The last entry before the first that was recorded at `time` or later, among those after `sequence`.
pub(crate) async fn last_before(
    connection: &mut PgConnection,
    sequence: i64,
    time: DateTime<Utc>,
) -> Result<Option<i64>, StoreError> {
    sqlx::query_scalar!(
        "select coalesce(
             (select min(sequence) - 1 from security.audit_entries where sequence > $1 and recorded_at >= $2),
             (select max(sequence) from security.audit_entries where sequence > $1))",
        sequence,
        time
    )
    .fetch_one(connection)
    .await
    .store("audit_segment_last")
}

/// Remembers a segment whose file is complete.
pub(crate) async fn insert(connection: &mut PgConnection, segment: &Segment) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into security.audit_segments
             (first_sequence, last_sequence, month, file, bytes, sha256, sealed_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        segment.first_sequence,
        segment.last_sequence,
        segment.month,
        segment.file,
        segment.bytes,
        segment.sha256,
        segment.sealed_at
    )
    .execute(connection)
    .await
    .store("audit_segment_insert")?;
    Ok(())
}

/// Remembers that a file was written anew, without what was erased in it.
pub(crate) async fn replaced(
    connection: &mut PgConnection,
    last_sequence: i64,
    bytes: i64,
    sha256: &[u8],
) -> Result<(), StoreError> {
    sqlx::query!(
        "update security.audit_segments set bytes = $2, sha256 = $3 where last_sequence = $1",
        last_sequence,
        bytes,
        sha256
    )
    .execute(connection)
    .await
    .store("audit_segment_replaced")?;
    Ok(())
}

/// Removes up to `at_most` rows that are in the archive; how many there were.
pub(crate) async fn remove(
    connection: &mut PgConnection,
    up_to: i64,
    at_most: i64,
) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select security.remove_archived_audit_entries($1, $2) as "removed!""#,
        up_to,
        at_most
    )
    .fetch_one(connection)
    .await
    .store("audit_remove")
}

/// Remembers that the rows of the segment are gone.
pub(crate) async fn removed(
    connection: &mut PgConnection,
    last_sequence: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update security.audit_segments set removed_at = $2 where last_sequence = $1",
        last_sequence,
        now
    )
    .execute(connection)
    .await
    .store("audit_segment_removed")?;
    Ok(())
}
