//! Indices that a first load does without, and that are built at its end.

use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

/// Drops the indices that only reports need, while no infobase has any rows. False when somebody has, or
/// somebody reads: then they stay.
pub(crate) async fn defer(connection: &mut PgConnection) -> Result<bool, StoreError> {
    sqlx::query_scalar!(r#"select onec.defer_indexes() as "is_deferred!""#)
        .fetch_one(connection)
        .await
        .store("indexes_defer")
}

/// Builds those that wait, each in a transaction of its own; reports go on meanwhile.
pub(crate) async fn restore(connection: &mut PgConnection) -> Result<(), StoreError> {
    while sqlx::query_scalar!(r#"select onec.restore_index() as "more!""#)
        .fetch_one(&mut *connection)
        .await
        .store("index_restore")?
    {}
    Ok(())
}

/// True when indices wait, but no first load is at work that would build them: it has failed or was
/// cancelled, or its process has ended and will not go on.
pub(crate) async fn are_abandoned(connection: &mut PgConnection) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select exists (select 1 from onec.deferred_indexes)
              and not exists (select 1 from onec.sync_jobs j join onec.infobases i on i.id = j.infobase_id
                              where j.state = 'running' and j.full_read and i.mirrored_at is null
                                and i.deleted_at is null) as "are_abandoned!""#
    )
    .fetch_one(connection)
    .await
    .store("indexes_abandoned")
}
