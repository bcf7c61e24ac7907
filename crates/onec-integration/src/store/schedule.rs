//! What decides when and how an infobase is synchronised.

use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// An infobase that is synchronised by itself.
#[derive(Debug)]
pub(crate) struct Scheduled {
    pub(crate) infobase: Uuid,
    pub(crate) time_zone: String,
    /// Seconds between incremental jobs; none: as the service is set.
    pub(crate) interval_seconds: Option<i32>,
    /// Hour there at which everything is compared.
    pub(crate) reconcile_hour: i32,
    pub(crate) is_mirrored: bool,
}

/// Infobases that are due at some time: not paused, and not known to be out of reach, where the
/// probe tells when it is worth trying again.
pub(crate) async fn list(connection: &mut PgConnection) -> Result<Vec<Scheduled>, StoreError> {
    sqlx::query_as!(
        Scheduled,
        r#"select id as infobase, time_zone, sync_interval_seconds as interval_seconds, reconcile_hour,
                  mirrored_at is not null as "is_mirrored!"
           from onec.infobases
           where kind = 'odata' and not paused and deleted_at is null and reachable is distinct from false
           order by id"#
    )
    .fetch_all(connection)
    .await
    .store("schedule_list")
}

/// The exchange plan of an infobase, and the code of the node in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exchange {
    /// `ExchangePlan_X`.
    pub(crate) plan: Option<String>,
    /// None: the only node there is.
    pub(crate) node: Option<String>,
}

/// The exchange plan of an infobase.
pub(crate) async fn exchange(connection: &mut PgConnection, infobase: Uuid) -> Result<Exchange, StoreError> {
    let exchange = sqlx::query_as!(
        Exchange,
        "select exchange_plan as plan, exchange_node as node from onec.infobases where id = $1",
        infobase
    )
    .fetch_optional(connection)
    .await
    .store("schedule_exchange")?;
    Ok(exchange.unwrap_or_default())
}
