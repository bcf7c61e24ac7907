//! The own report `logins`: what happened to accounts, by day.

use common::Locale;
use common::contract::onec::ColumnKind::{Date, Integer, Quantity};
use common::db::StoreError;
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgConnection;

use super::own::{Computed, Days, column, members};
use crate::store::report_figures::{self, DayLogins};

/// Computes the report.
pub(super) async fn compute(
    connection: &mut PgConnection,
    days: Days,
    locale: Locale,
) -> Result<Computed, StoreError> {
    let counted = report_figures::logins_by_day(connection, days.from, days.to, days.zone.name()).await?;
    let column = |key, kind, ru, en| column(locale, key, kind, ru, en);
    let sum = |field: fn(&DayLogins) -> i64| counted.iter().map(field).sum::<i64>();
    let (succeeded, failed) = (sum(|day| day.succeeded), sum(|day| day.failed));
    Ok(Computed {
        columns: vec![
            column("day", Date, "День", "Day"),
            column("succeeded", Integer, "Входов", "Logins"),
            column("failed", Integer, "Неудачных попыток", "Failed attempts"),
            column("failed_share", Quantity, "Доля неудачных, %", "Failed, %"),
            column("registered", Integer, "Регистраций", "Registrations"),
            column("logged_out", Integer, "Выходов", "Logouts"),
            column(
                "refresh_reused",
                Integer,
                "Повторов токена",
                "Reused refresh tokens",
            ),
        ],
        rows: counted
            .iter()
            .map(|day| {
                members(json!({
                    "day": day.day,
                    "succeeded": day.succeeded,
                    "failed": day.failed,
                    "failed_share": share(day.failed, day.succeeded + day.failed),
                    "registered": day.registered,
                    "logged_out": day.logged_out,
                    "refresh_reused": day.refresh_reused,
                }))
            })
            .collect(),
        totals: members(json!({
            "succeeded": succeeded,
            "failed": failed,
            "failed_share": share(failed, succeeded + failed),
            "registered": sum(|day| day.registered),
            "logged_out": sum(|day| day.logged_out),
            "refresh_reused": sum(|day| day.refresh_reused),
        })),
    })
}

fn share(part: i64, whole: i64) -> Option<String> {
    let percent = Decimal::from(part)
        .checked_mul(Decimal::ONE_HUNDRED)?
        .checked_div(Decimal::from(whole))?;
    Some(percent.round_dp(1).normalize().to_string())
}
