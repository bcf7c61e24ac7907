//! Totals of the ledger, which make reports quick.

use chrono::NaiveDateTime;
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::profile::Chart;

/// Brings the totals up to date after entries were written: month by month, each in a transaction
/// of its own, so that whoever writes meanwhile waits for one month at most. Reports are right
/// before and after; they only are slower before. Returns how many months were computed, of the
/// ledger and of sales; the cost of those is found by the accounts of `chart`.
pub(crate) async fn refresh(
    connection: &mut PgConnection,
    infobase: Uuid,
    chart: &Chart,
) -> Result<u32, StoreError> {
    let mut months = 0;
    while sqlx::query_scalar!(r#"select onec.totals_advance($1) as "more!""#, infobase)
        .fetch_one(&mut *connection)
        .await
        .store("totals_advance")?
    {
        months += 1;
    }
    while sqlx::query_scalar!(
        r#"select onec.sales_advance($1, $2, $3) as "more!""#,
        infobase,
        &chart.cost_of_sales,
        &chart.sold,
    )
    .fetch_one(&mut *connection)
    .await
    .store("sales_advance")?
    {
        months += 1;
    }
    Ok(months)
}

/// Brings the totals of the ledger up to date as far as months have ended before a moment, up to which
/// everything was written that there is.
pub(crate) async fn refresh_until(
    connection: &mut PgConnection,
    infobase: Uuid,
    until: NaiveDateTime,
) -> Result<(), StoreError> {
    while sqlx::query_scalar!(
        r#"select onec.totals_advance_until($1, $2) as "more!""#,
        infobase,
        until
    )
    .fetch_one(&mut *connection)
    .await
    .store("totals_advance_until")?
    {}
    Ok(())
}
