//! Nodes of exchange plans at which 1C registers everything that a mirror lacks.

use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// True when the mirror was whole once this node was known.
pub(crate) async fn is_set(
    connection: &mut PgConnection,
    infobase: Uuid,
    plan: &str,
    node: Uuid,
) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select exists (select 1 from onec.change_points
                          where infobase_id = $1 and plan = $2 and node = $3) as "is_set!""#,
        infobase,
        plan,
        node,
    )
    .fetch_one(connection)
    .await
    .store("change_point_is_set")
}

/// Notes that the mirror is whole but for what is registered at this node.
pub(crate) async fn set(
    connection: &mut PgConnection,
    infobase: Uuid,
    plan: &str,
    node: Uuid,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.change_points (infobase_id, plan, node) values ($1, $2, $3)
         on conflict (infobase_id) do update set plan = excluded.plan, node = excluded.node, since = now()
         where (change_points.plan, change_points.node) <> (excluded.plan, excluded.node)",
        infobase,
        plan,
        node,
    )
    .execute(connection)
    .await
    .store("change_point_set")?;
    Ok(())
}
