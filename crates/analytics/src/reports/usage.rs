//! The own report `usage`: calls of models by day.

use common::Locale;
use common::contract::onec::ColumnKind::{Date, Integer, Quantity, Text};
use common::db::StoreError;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use super::Row;
use super::own::{Computed, Days, column, members};
use crate::store::overview::{self, DayUsage};

/// Computes the report.
pub(super) async fn compute(
    connection: &mut PgConnection,
    days: Days,
    limit: i64,
    locale: Locale,
) -> Result<Computed, StoreError> {
    let usage = overview::usage(connection, days.from, days.to, days.zone.name(), limit).await?;
    let column = |key, kind, ru, en| column(locale, key, kind, ru, en);
    Ok(Computed {
        columns: vec![
            column("day", Date, "День", "Day"),
            column("provider", Text, "Поставщик", "Provider"),
            column("model", Text, "Модель", "Model"),
            column("operation", Text, "Операция", "Operation"),
            column("calls", Integer, "Запросов", "Calls"),
            column("failures", Integer, "Ошибок", "Failures"),
            column("input_tokens", Integer, "Входных токенов", "Input tokens"),
            column("output_tokens", Integer, "Выходных токенов", "Output tokens"),
            // Fractions of a cent count, so it is not a money column, which has two decimals.
            column("cost_usd", Quantity, "Стоимость, USD", "Cost, USD"),
            column("average_ms", Integer, "Среднее время, мс", "Average time, ms"),
        ],
        totals: totals(&usage),
        rows: usage.iter().map(row).collect(),
    })
}

fn row(usage: &DayUsage) -> Row {
    members(json!({
        "day": usage.day,
        "provider": usage.provider,
        "model": usage.model,
        "operation": usage.operation,
        "calls": usage.calls,
        "failures": usage.failures,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": usage.cost_usd.map(|cost| cost.normalize().to_string()),
        "average_ms": usage.duration_ms / usage.calls.max(1),
    }))
}

fn totals(usage: &[DayUsage]) -> Map<String, Value> {
    let sum = |field: fn(&DayUsage) -> i64| usage.iter().map(field).sum::<i64>();
    let costs: Vec<Decimal> = usage.iter().filter_map(|usage| usage.cost_usd).collect();
    // Nothing is known of the sum when no price is known.
    let cost = (!costs.is_empty()).then(|| costs.iter().sum::<Decimal>().normalize().to_string());
    members(json!({
        "calls": sum(|usage| usage.calls),
        "failures": sum(|usage| usage.failures),
        "input_tokens": sum(|usage| usage.input_tokens),
        "output_tokens": sum(|usage| usage.output_tokens),
        "cost_usd": cost,
    }))
}
