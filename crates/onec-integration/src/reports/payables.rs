//! Whom we owe.

use common::Locale;
use common::db::StoreError;
use sqlx::PgConnection;

use super::receivables::{Side, settlements};
use super::scope::Scope;
use super::table::Table;

/// How an advance is called.
pub(super) const ADVANCE: (&str, &str) = ("Аванс выданный", "Advance paid");

/// The report: receivables seen from the other side.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    live: Option<&str>,
    locale: Locale,
) -> Result<Table, StoreError> {
    let side = Side {
        accounts: &scope.profile.chart.payables,
        sign: -1,
        advance: ADVANCE,
    };
    settlements(connection, scope, live, locale, &side).await
}
