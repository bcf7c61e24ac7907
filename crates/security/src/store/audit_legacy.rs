//! `security.audit_log`, which earlier releases append to.

use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

use crate::audit::legacy::LegacyEntry;

/// Up to `limit` entries that the log of today does not have, in order, with the hash that the first of
/// them must continue from; `None` when another replica is at it. The caller's transaction keeps the others away.
pub(crate) async fn waiting(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Option<(i64, Option<Vec<u8>>, Vec<LegacyEntry>)>, StoreError> {
    let tip = sqlx::query!("select taken_over from security.audit_tip for update skip locked")
        .fetch_optional(&mut *connection)
        .await
        .store("audit_legacy_lock")?;
    let Some(tip) = tip else {
        return Ok(None);
    };
    let before = sqlx::query_scalar!(
        "select hash from security.audit_log where sequence = $1",
        tip.taken_over
    )
    .fetch_optional(&mut *connection)
    .await
    .store("audit_legacy_before")?;
    let entries = sqlx::query_as!(
        LegacyEntry,
        r#"select sequence, id, occurred_at, recorded_at, source, action, outcome, actor_id, actor_role,
                  target, ip, request_id, details::text as "details!", prev_hash, hash
           from security.audit_log where sequence > $1 order by sequence limit $2"#,
        tip.taken_over,
        limit
    )
    .fetch_all(connection)
    .await
    .store("audit_legacy")?;
    Ok(Some((tip.taken_over, before, entries)))
}

/// Remembers the last entry that was taken over.
pub(crate) async fn taken_over(connection: &mut PgConnection, sequence: i64) -> Result<(), StoreError> {
    sqlx::query!("update security.audit_tip set taken_over = $1", sequence)
        .execute(connection)
        .await
        .store("audit_legacy_taken_over")?;
    Ok(())
}
