//! The own report `usage`: calls of models by day.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use common::contract::onec::{Column, ColumnKind};
use common::db::StoreError;
use common::{Locale, Text};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use super::Sheet;
use crate::store::overview::{self, DayUsage};

/// Name of the report.
pub(crate) const ID: &str = "usage";

/// Its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsageQuery {
    /// The first day; of this month when absent.
    pub(crate) from: Option<NaiveDate>,
    /// The last day; today when absent.
    pub(crate) to: Option<NaiveDate>,
}

/// Computes the report; one row more than `limit` tells that there are too many.
pub(crate) async fn compute(
    connection: &mut PgConnection,
    query: &UsageQuery,
    now: DateTime<Utc>,
    time_zone: Tz,
    limit: u32,
    locale: Locale,
) -> Result<Sheet, StoreError> {
    let today = now.with_timezone(&time_zone).date_naive();
    let to = query.to.unwrap_or(today);
    let from = query.from.unwrap_or_else(|| to.with_day(1).unwrap_or(to));
    let usage = overview::usage(connection, from, to, time_zone.name(), i64::from(limit) + 1).await?;
    Ok(Sheet {
        report: ID.to_owned(),
        title: Text::new("Использование моделей", "Use of models")
            .get(locale)
            .to_owned(),
        parameters: json!({ "from": from, "to": to }),
        currency: None,
        columns: columns(locale),
        row_count: usage.len() as u64,
        totals: totals(&usage),
        rows: usage.iter().map(row).collect(),
        as_of: now,
        citations: Vec::new(),
    })
}

fn columns(locale: Locale) -> Vec<Column> {
    let column = |key: &str, kind, ru: &'static str, en: &'static str| Column {
        key: key.to_owned(),
        title: Text::new(ru, en).get(locale).to_owned(),
        kind,
    };
    vec![
        column("day", ColumnKind::Date, "День", "Day"),
        column("provider", ColumnKind::Text, "Поставщик", "Provider"),
        column("model", ColumnKind::Text, "Модель", "Model"),
        column("operation", ColumnKind::Text, "Операция", "Operation"),
        column("calls", ColumnKind::Integer, "Запросов", "Calls"),
        column("failures", ColumnKind::Integer, "Ошибок", "Failures"),
        column(
            "input_tokens",
            ColumnKind::Integer,
            "Входных токенов",
            "Input tokens",
        ),
        column(
            "output_tokens",
            ColumnKind::Integer,
            "Выходных токенов",
            "Output tokens",
        ),
        // Fractions of a cent count, so it is not a money column, which has two decimals.
        column("cost_usd", ColumnKind::Quantity, "Стоимость, USD", "Cost, USD"),
        column(
            "average_ms",
            ColumnKind::Integer,
            "Среднее время, мс",
            "Average time, ms",
        ),
    ]
}

fn row(usage: &DayUsage) -> Map<String, Value> {
    let row = json!({
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
    });
    match row {
        Value::Object(row) => row,
        _ => Map::new(),
    }
}

fn totals(usage: &[DayUsage]) -> Map<String, Value> {
    let sum = |field: fn(&DayUsage) -> i64| Value::from(usage.iter().map(field).sum::<i64>());
    let costs: Vec<Decimal> = usage.iter().filter_map(|usage| usage.cost_usd).collect();
    // Nothing is known of the sum when no price is known.
    let cost = (!costs.is_empty()).then(|| costs.iter().sum::<Decimal>().normalize().to_string());
    let mut totals = Map::new();
    totals.insert("calls".to_owned(), sum(|usage| usage.calls));
    totals.insert("failures".to_owned(), sum(|usage| usage.failures));
    totals.insert("input_tokens".to_owned(), sum(|usage| usage.input_tokens));
    totals.insert("output_tokens".to_owned(), sum(|usage| usage.output_tokens));
    totals.insert("cost_usd".to_owned(), cost.into());
    totals
}
