//! Sums of a period, and of the one before it.

use common::contract::events::{LOGIN_FAILED, LOGIN_SUCCEEDED};
use common::db::StoreError;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use super::frame::FieldKind::{Integer, Money, Percent};
use super::frame::Frame;
use super::own::{
    Asked, CALLS, COST, ERROR_RATIO, ERRORS, FAILURES, Heading, IN, OUT, P95, REQUESTS, USERS, headings,
    percent, steps,
};
use crate::quantile::Histogram;
use crate::store::series;

/// Of the system.
pub(super) fn system() -> Vec<Heading> {
    vec![REQUESTS, ERRORS, ERROR_RATIO, P95, USERS]
}

/// Of the assistant.
pub(super) fn ai() -> Vec<Heading> {
    vec![
        CALLS,
        FAILURES,
        COST,
        ("cost_per_call", Money, "Стоимость вопроса", "Cost of a question"),
        IN,
        OUT,
        USERS,
    ]
}

/// Of logins and refusals.
pub(super) fn security() -> Vec<Heading> {
    vec![
        ("succeeded", Integer, "Успешные входы", "Logins"),
        ("failed", Integer, "Неудачные входы", "Failed logins"),
        ("failed_ratio", Percent, "Доля неудачных", "Share of failed ones"),
        ("refused", Integer, "Отклонённые запросы", "Refused requests"),
    ]
}

/// A frame without rows: sums, and those of the period before.
pub(super) async fn ask(
    connection: &mut PgConnection,
    of: Asked<'_>,
    fields: Vec<Heading>,
) -> Result<Frame, StoreError> {
    let current = sums_of(connection, of, &fields).await?;
    let previous = if of.compare {
        let range = of.range.previous();
        let before = Asked {
            range,
            step: range.step(),
            ..of
        };
        Some(sums_of(connection, before, &fields).await?)
    } else {
        None
    };
    Ok(Frame {
        fields: headings(&fields, of.locale),
        rows: Vec::new(),
        totals: current,
        previous,
        row_count: 0,
        currency: "USD".to_owned(),
        as_of: of.now,
    })
}

async fn sums_of(
    connection: &mut PgConnection,
    of: Asked<'_>,
    fields: &[Heading],
) -> Result<Map<String, Value>, StoreError> {
    let has = |key: &str| fields.iter().any(|field| field.0 == key);
    let mut sums = Map::new();
    let mut put = |key: &str, value: Value| {
        if has(key) && !value.is_null() {
            sums.insert(key.to_owned(), value);
        }
    };
    if has("p95_ms") {
        let found = series::requests(connection, steps(of)).await?;
        let mut durations = Histogram::default();
        for one in &found {
            durations.add(one.bucket, one.count);
        }
        let errors = found.iter().filter(|one| one.status_class == 5);
        let errors: i64 = errors.map(|one| one.count).sum();
        put("requests", durations.count().into());
        put("errors", errors.into());
        put("error_ratio", percent(errors, durations.count()));
        put("p95_ms", json!(durations.quantile(0.95)));
    }
    if has("refused") {
        let found = series::traffic(connection, steps(of)).await?;
        let refused = found.iter().filter(|one| one.status_class == 4);
        put("refused", refused.map(|one| one.count).sum::<i64>().into());
    }
    if has("users") {
        put(
            "users",
            series::distinct_users(connection, steps(of)).await?.into(),
        );
    }
    if has("calls") {
        let found = series::usage(connection, steps(of)).await?;
        let sum = |field: fn(&series::ModelUsage) -> i64| -> i64 { found.iter().map(field).sum() };
        let calls = sum(|one| one.calls);
        put("calls", calls.into());
        put(
            "failures",
            sum(|one| if one.outcome == "failed" { one.calls } else { 0 }).into(),
        );
        put("input_tokens", sum(|one| one.input_tokens).into());
        put("output_tokens", sum(|one| one.output_tokens).into());
        let cost: Decimal = found.iter().filter_map(|one| one.cost_usd).sum();
        // Nothing is known of the cost when no price is.
        let priced = calls - sum(|one| one.unpriced);
        if priced > 0 {
            put("cost", cost.normalize().to_string().into());
            let each = cost / Decimal::from(priced);
            put("cost_per_call", each.round_dp(6).normalize().to_string().into());
        }
    }
    if has("succeeded") {
        let found = series::logins(connection, steps(of)).await?;
        let kind = |kind: &str| -> i64 {
            let of_kind = found.iter().filter(|one| one.kind == kind);
            of_kind.map(|one| one.count).sum()
        };
        let (succeeded, failed) = (kind(LOGIN_SUCCEEDED), kind(LOGIN_FAILED));
        put("succeeded", succeeded.into());
        put("failed", failed.into());
        put("failed_ratio", percent(failed, succeeded + failed));
    }
    Ok(sums)
}
