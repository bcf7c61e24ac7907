//! The own report `availability`: how requests went, by day and service.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use common::Locale;
use common::contract::onec::ColumnKind::{Date, Integer, Quantity, Text};
use common::db::StoreError;
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgConnection;

use super::own::{Computed, Days, column, members};
use crate::quantile::Histogram;
use crate::store::report_figures;

/// Requests of one service on one day.
#[derive(Debug, Default)]
struct Day {
    durations: Histogram,
    requests: i64,
    failures: i64,
}

/// Computes the report.
pub(super) async fn compute(
    connection: &mut PgConnection,
    days: Days,
    locale: Locale,
) -> Result<Computed, StoreError> {
    let counts = report_figures::requests_by_day(connection, days.from, days.to, days.zone.name()).await?;
    let mut services: BTreeMap<(NaiveDate, String), Day> = BTreeMap::new();
    for count in counts {
        let day = services.entry((count.day, count.upstream)).or_default();
        day.durations.add(count.bucket, count.count);
        day.requests += count.count;
        day.failures += count.failures;
    }
    let (mut requests, mut failures) = (0, 0);
    let mut rows = Vec::with_capacity(services.len());
    for ((day, service), counted) in &services {
        requests += counted.requests;
        failures += counted.failures;
        rows.push(members(json!({
            "day": day,
            // What the gateway answers itself.
            "service": if service.is_empty() { "gateway" } else { service.as_str() },
            "requests": counted.requests,
            "failures": counted.failures,
            "availability": availability(counted.requests, counted.failures),
            "p50_ms": counted.durations.quantile(0.5),
            "p95_ms": counted.durations.quantile(0.95),
            "p99_ms": counted.durations.quantile(0.99),
        })));
    }
    let column = |key, kind, ru, en| column(locale, key, kind, ru, en);
    Ok(Computed {
        columns: vec![
            column("day", Date, "День", "Day"),
            column("service", Text, "Сервис", "Service"),
            column("requests", Integer, "Запросов", "Requests"),
            column("failures", Integer, "Отказов", "Failures"),
            column("availability", Quantity, "Доступность, %", "Availability, %"),
            column("p50_ms", Integer, "p50, мс", "p50, ms"),
            column("p95_ms", Integer, "p95, мс", "p95, ms"),
            column("p99_ms", Integer, "p99, мс", "p99, ms"),
        ],
        rows,
        totals: members(json!({
            "requests": requests,
            "failures": failures,
            "availability": availability(requests, failures),
        })),
    })
}

/// The share of requests that did not fail on our side, in percent; unknown without any.
fn availability(requests: i64, failures: i64) -> Option<String> {
    let good = Decimal::from(requests - failures).checked_mul(Decimal::ONE_HUNDRED)?;
    let share = good.checked_div(Decimal::from(requests))?;
    // Never rounded up to a hundred that it is not.
    let digits = share.trunc_with_scale(3);
    Some(digits.normalize().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_not_rounded_away() {
        assert_eq!(availability(3, 0).as_deref(), Some("100"));
        assert_eq!(availability(10_000_000, 1).as_deref(), Some("99.999"));
        assert_eq!(availability(3, 1).as_deref(), Some("66.666"));
        assert_eq!(availability(0, 0), None);
    }
}
