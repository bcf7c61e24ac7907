//! What the planner of PostgreSQL knows of the mirror.

use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

/// Has those tables analysed that have grown to four times what the planner knows of them. During a first
/// load autovacuum comes too late: the checks of foreign keys, whose plans were made for empty
/// tables, would go through all documents for every line.
pub(crate) async fn refresh(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!("select onec.analyze_grown()")
        .execute(connection)
        .await
        .store("analyze_grown")?;
    Ok(())
}
