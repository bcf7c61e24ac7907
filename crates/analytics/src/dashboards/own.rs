//! Panels of the system itself, from the rollups.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::contract::events::{LOGIN_FAILED, LOGIN_SUCCEEDED, REFRESH_REUSED, REGISTERED};
use common::db::{StoreError, StoreResult};
use common::{Locale, Text};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use super::catalogue::OwnQuery;
use super::frame::{Field, FieldKind, Frame};
use super::time::{Range, Step};
use crate::quantile::Histogram;
use crate::services::Health;
use crate::state::AppState;
use crate::store::series::{self, Steps};
use crate::store::system;

/// What a query is asked with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) caller: &'a Identity,
    pub(super) range: Range,
    pub(super) step: Step,
    pub(super) compare: bool,
    pub(super) now: DateTime<Utc>,
    pub(super) locale: Locale,
}

/// A field: key, kind, Russian and English title.
type Heading = (&'static str, FieldKind, &'static str, &'static str);

use FieldKind::{Integer, Milliseconds, Money, Percent, Quantity, Text as Words, Time};

const REQUESTS: Heading = ("requests", Integer, "Запросы", "Requests");
const ERRORS: Heading = ("errors", Integer, "Ошибки", "Errors");
const ERROR_RATIO: Heading = ("error_ratio", Percent, "Доля ошибок", "Share of errors");
const P50: Heading = (
    "p50_ms",
    Milliseconds,
    "Половина быстрее, p50",
    "Half is faster, p50",
);
const P95: Heading = ("p95_ms", Milliseconds, "95 % быстрее, p95", "95% is faster, p95");
const P99: Heading = ("p99_ms", Milliseconds, "99 % быстрее, p99", "99% is faster, p99");
const CALLS: Heading = ("calls", Integer, "Вопросы", "Questions");
const FAILURES: Heading = ("failures", Integer, "Ошибки", "Failures");
const COST: Heading = ("cost", Money, "Стоимость", "Cost");
const USERS: Heading = ("users", Integer, "Активные пользователи", "Active users");
const IN: Heading = ("input_tokens", Integer, "Токены вопросов", "Input tokens");
const OUT: Heading = ("output_tokens", Integer, "Токены ответов", "Output tokens");
const AT: Heading = ("at", Time, "Время", "Time");

/// The answer of a query of ours.
pub(super) async fn ask(state: &AppState, query: OwnQuery, of: Asked<'_>) -> Result<Frame, StoreError> {
    // Not while a connection is held: services are asked over the network.
    let health = match query {
        OwnQuery::SystemServices => state.services.health().await,
        _ => Vec::new(),
    };
    let mut connection = state.reader.acquire().await.store("acquire")?;
    let connection: &mut PgConnection = &mut connection;
    let (rows, fields) = match query {
        OwnQuery::SystemTotals => return totals(connection, of, system_totals_fields()).await,
        OwnQuery::AiTotals => return totals(connection, of, ai_totals_fields()).await,
        OwnQuery::SecurityTotals => return totals(connection, of, security_totals_fields()).await,
        OwnQuery::SystemRequests => requests(connection, of).await?,
        OwnQuery::SystemLatency => latency(connection, of).await?,
        OwnQuery::SystemTraffic => traffic(connection, of).await?,
        OwnQuery::SystemServices => services(connection, of, health).await?,
        OwnQuery::SystemLoad => {
            let counts =
                series::requests_by_week_hour(connection, of.range.span, of.range.zone.name()).await?;
            week(&counts, REQUESTS, of.locale)
        }
        OwnQuery::AiLoad => {
            let counts =
                series::questions_by_week_hour(connection, of.range.span, of.range.zone.name()).await?;
            week(&counts, CALLS, of.locale)
        }
        OwnQuery::SystemSync => sync(connection, of).await?,
        OwnQuery::AiCalls => calls(connection, of).await?,
        OwnQuery::AiCost => cost(connection, of).await?,
        OwnQuery::AiTokens => tokens(connection, of).await?,
        OwnQuery::AiModels => models(connection, of).await?,
        OwnQuery::UsersActive => users(connection, of).await?,
        OwnQuery::SecurityLogins => logins(connection, of).await?,
        OwnQuery::SecurityRefusals => refusals(connection, of).await?,
        OwnQuery::SecurityEvents => events(connection, of).await?,
    };
    let fields = headings(&fields, of.locale);
    Ok(Frame {
        totals: sums(&fields, &rows),
        previous: None,
        row_count: rows.len() as u64,
        rows,
        fields,
        currency: "USD".to_owned(),
        as_of: of.now,
    })
}

fn headings(headings: &[Heading], locale: Locale) -> Vec<Field> {
    headings
        .iter()
        .map(|(key, kind, ru, en)| Field::new(key, Text::new(*ru, *en).get(locale), *kind))
        .collect()
}

type Rows = Vec<Map<String, Value>>;

/// Sums of what can be added up.
fn sums(fields: &[Field], rows: &Rows) -> Map<String, Value> {
    let mut totals = Map::new();
    for field in fields {
        if !matches!(field.kind, Integer | Money) {
            continue;
        }
        let values = || {
            rows.iter()
                .filter_map(|row| crate::charts::decimal(row.get(&field.key)?))
        };
        if values().next().is_some() {
            totals.insert(field.key.clone(), number(values().sum()));
        }
    }
    totals
}

/// A whole number as a number, another as a string.
fn number(value: Decimal) -> Value {
    let value = value.normalize();
    match i64::try_from(value) {
        Ok(whole) if value.scale() == 0 => whole.into(),
        _ => value.to_string().into(),
    }
}

fn row<const N: usize>(cells: [(&str, Value); N]) -> Map<String, Value> {
    cells
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn steps<'a>(of: Asked<'a>) -> Steps<'a> {
    Steps {
        span: of.range.aligned(of.step),
        step: of.step.as_str(),
        zone: of.range.zone.name(),
    }
}

/// Rows of all steps, those without events too.
fn over_time<T>(
    of: Asked<'_>,
    found: &[T],
    at: impl Fn(&T) -> DateTime<Utc>,
    shown: impl Fn(&[&T]) -> Map<String, Value>,
) -> Rows {
    let mut by_step: BTreeMap<DateTime<Utc>, Vec<&T>> = BTreeMap::new();
    for one in found {
        by_step.entry(at(one)).or_default().push(one);
    }
    of.range
        .steps(of.step)
        .into_iter()
        .map(|start| {
            let mut row = shown(by_step.get(&start).map_or(&[][..], Vec::as_slice));
            row.insert("at".to_owned(), json!(start));
            row
        })
        .collect()
}

/// Percent with one decimal.
fn percent(part: i64, whole: i64) -> Value {
    if whole == 0 {
        return Value::Null;
    }
    number((Decimal::from(part) * Decimal::ONE_HUNDRED / Decimal::from(whole)).round_dp(2))
}

async fn requests(connection: &mut PgConnection, of: Asked<'_>) -> Result<(Rows, Vec<Heading>), StoreError> {
    let found = series::traffic(connection, steps(of)).await?;
    let rows = over_time(
        of,
        &found,
        |one| one.at,
        |step| {
            let all: i64 = step.iter().map(|one| one.count).sum();
            let errors: i64 = step
                .iter()
                .filter(|one| one.status_class == 5)
                .map(|one| one.count)
                .sum();
            row([("requests", all.into()), ("errors", errors.into())])
        },
    );
    Ok((rows, vec![AT, REQUESTS, ERRORS]))
}

async fn latency(connection: &mut PgConnection, of: Asked<'_>) -> Result<(Rows, Vec<Heading>), StoreError> {
    let found = series::latency(connection, steps(of)).await?;
    let rows = over_time(
        of,
        &found,
        |one| one.at,
        |step| {
            let mut durations = Histogram::default();
            for one in step {
                durations.add(one.bucket, one.count);
            }
            let quantile = |q| json!(durations.quantile(q));
            row([
                ("p50_ms", quantile(0.5)),
                ("p95_ms", quantile(0.95)),
                ("p99_ms", quantile(0.99)),
            ])
        },
    );
    Ok((rows, vec![AT, P50, P95, P99]))
}

/// A row for each step and service.
async fn traffic(connection: &mut PgConnection, of: Asked<'_>) -> Result<(Rows, Vec<Heading>), StoreError> {
    let found = series::traffic(connection, steps(of)).await?;
    let names: BTreeSet<&str> = found.iter().map(|one| one.upstream.as_str()).collect();
    let mut counts: BTreeMap<(DateTime<Utc>, &str), i64> = BTreeMap::new();
    for one in &found {
        *counts.entry((one.at, one.upstream.as_str())).or_default() += one.count;
    }
    let mut rows = Vec::new();
    for start in of.range.steps(of.step) {
        for name in &names {
            let count = counts.get(&(start, *name)).copied().unwrap_or(0);
            rows.push(row([
                ("at", json!(start)),
                ("service", service_name(name).into()),
                ("requests", count.into()),
            ]));
        }
    }
    Ok((rows, vec![AT, ("service", Words, "Сервис", "Service"), REQUESTS]))
}

/// Requests without an upstream are those that the gateway answered itself.
fn service_name(upstream: &str) -> &str {
    if upstream.is_empty() { "gateway" } else { upstream }
}

async fn services(
    connection: &mut PgConnection,
    of: Asked<'_>,
    health: Vec<Health>,
) -> Result<(Rows, Vec<Heading>), StoreError> {
    let mut found: BTreeMap<String, (Histogram, i64)> = BTreeMap::new();
    for one in series::requests(connection, steps(of)).await? {
        let upstream = service_name(&one.upstream);
        // Every request came through the gateway.
        let names: &[&str] = if upstream == "gateway" {
            &["gateway"]
        } else {
            &["gateway", upstream]
        };
        for name in names {
            let (histogram, errors) = found.entry((*name).to_owned()).or_default();
            histogram.add(one.bucket, one.count);
            *errors += if one.status_class == 5 { one.count } else { 0 };
        }
    }
    let rows = health
        .into_iter()
        .map(|service| {
            let empty = (Histogram::default(), 0);
            let (histogram, errors) = found.get(service.name).unwrap_or(&empty);
            row([
                ("service", service.name.into()),
                ("up", service.up.into()),
                (
                    "replicas",
                    format!("{}/{}", service.replicas_up, service.replicas).into(),
                ),
                ("version", json!(service.version)),
                ("requests", histogram.count().into()),
                ("error_ratio", percent(*errors, histogram.count())),
                ("p95_ms", json!(histogram.quantile(0.95))),
            ])
        })
        .collect();
    let fields = vec![
        ("service", Words, "Сервис", "Service"),
        ("up", FieldKind::Boolean, "Работает", "Up"),
        ("replicas", Words, "Копий", "Replicas"),
        ("version", Words, "Версия", "Version"),
        REQUESTS,
        ERROR_RATIO,
        P95,
    ];
    Ok((rows, fields))
}

/// A row for each hour of the week.
fn week(counts: &[series::WeekHour], measure: Heading, locale: Locale) -> (Rows, Vec<Heading>) {
    let days = [
        ("Пн", "Mon"),
        ("Вт", "Tue"),
        ("Ср", "Wed"),
        ("Чт", "Thu"),
        ("Пт", "Fri"),
        ("Сб", "Sat"),
        ("Вс", "Sun"),
    ];
    let mut rows = Vec::new();
    for (weekday, (ru, en)) in (1..).zip(days) {
        for hour in 0..24 {
            let count = counts
                .iter()
                .find(|one| one.weekday == weekday && one.hour == hour)
                .map_or(0, |one| one.count);
            rows.push(row([
                ("weekday", Text::new(ru, en).get(locale).into()),
                ("hour", format!("{hour:02}").into()),
                (measure.0, count.into()),
            ]));
        }
    }
    let fields = vec![
        ("weekday", Words, "День недели", "Day of the week"),
        ("hour", Words, "Час", "Hour"),
        measure,
    ];
    (rows, fields)
}

async fn sync(connection: &mut PgConnection, of: Asked<'_>) -> Result<(Rows, Vec<Heading>), StoreError> {
    let found = system::infobases(connection, of.range.span, &of.caller.infobases).await?;
    let rows = found
        .into_iter()
        .map(|one| {
            let age = one.last_success_at.map(|at| {
                number((Decimal::from((of.now - at).num_seconds()) / Decimal::from(60)).round_dp(1))
            });
            let outcome = match one.last_outcome.as_str() {
                "succeeded" => Text::new("успешно", "succeeded"),
                "failed" => Text::new("ошибка", "failed"),
                "cancelled" => Text::new("отменена", "cancelled"),
                other => Text::same(other.to_owned()),
            };
            row([
                ("infobase_id", json!(one.infobase_id)),
                ("infobase", one.infobase.into()),
                ("age_minutes", age.unwrap_or_default()),
                ("last_success_at", json!(one.last_success_at)),
                ("last_outcome", outcome.get(of.locale).into()),
                ("last_error", json!(one.last_error)),
                ("syncs", one.syncs.into()),
                ("failures", one.failures.into()),
                ("rows", one.rows.into()),
            ])
        })
        .collect();
    let fields = vec![
        ("infobase_id", FieldKind::Id, "id", "Id"),
        ("infobase", Words, "База", "Infobase"),
        ("age_minutes", Quantity, "Возраст данных, мин", "Age of data, min"),
        ("last_success_at", Time, "Последняя успешная", "Last success"),
        ("last_outcome", Words, "Итог последней", "Last outcome"),
        ("last_error", Words, "Ошибка", "Error"),
        ("syncs", Integer, "Обновлений", "Synchronisations"),
        ("failures", Integer, "Ошибок", "Failures"),
        ("rows", Integer, "Строк", "Rows"),
    ];
    Ok((rows, fields))
}

async fn calls(connection: &mut PgConnection, of: Asked<'_>) -> Result<(Rows, Vec<Heading>), StoreError> {
    let found = series::usage(connection, steps(of)).await?;
    let rows = over_time(
        of,
        &found,
        |one| one.at,
        |step| {
            let with = |outcome: &str| -> Value {
                let calls = step.iter().filter(|one| one.outcome == outcome);
                calls.map(|one| one.calls).sum::<i64>().into()
            };
            row([
                ("answered", with("answered")),
                ("failed", with("failed")),
                ("cancelled", with("cancelled")),
            ])
        },
    );
    let fields = vec![
        AT,
        ("answered", Integer, "Отвечено", "Answered"),
        ("failed", Integer, "Ошибки", "Failed"),
        ("cancelled", Integer, "Отменено", "Cancelled"),
    ];
    Ok((rows, fields))
}

/// A row for each step and model that cost something.
async fn cost(connection: &mut PgConnection, of: Asked<'_>) -> Result<(Rows, Vec<Heading>), StoreError> {
    let found = series::usage(connection, steps(of)).await?;
    let models: BTreeSet<&str> = found
        .iter()
        .filter(|one| one.cost_usd.is_some())
        .map(|one| one.model.as_str())
        .collect();
    let mut costs: BTreeMap<(DateTime<Utc>, &str), Decimal> = BTreeMap::new();
    for one in &found {
        if let Some(cost) = one.cost_usd {
            *costs.entry((one.at, one.model.as_str())).or_default() += cost;
        }
    }
    let mut rows = Vec::new();
    for start in of.range.steps(of.step) {
        for model in &models {
            let cost = costs.get(&(start, *model)).copied().unwrap_or_default();
            rows.push(row([
                ("at", json!(start)),
                ("model", (*model).into()),
                ("cost", cost.normalize().to_string().into()),
            ]));
        }
    }
    Ok((rows, vec![AT, ("model", Words, "Модель", "Model"), COST]))
}

async fn tokens(connection: &mut PgConnection, of: Asked<'_>) -> Result<(Rows, Vec<Heading>), StoreError> {
    let found = series::usage(connection, steps(of)).await?;
    let rows = over_time(
        of,
        &found,
        |one| one.at,
        |step| {
            let sum = |field: fn(&series::ModelUsage) -> i64| -> Value {
                step.iter().map(|one| field(one)).sum::<i64>().into()
            };
            row([
                ("input_tokens", sum(|one| one.input_tokens)),
                ("output_tokens", sum(|one| one.output_tokens)),
            ])
        },
    );
    Ok((rows, vec![AT, IN, OUT]))
}

async fn models(connection: &mut PgConnection, of: Asked<'_>) -> Result<(Rows, Vec<Heading>), StoreError> {
    #[derive(Default)]
    struct Sum {
        calls: i64,
        failures: i64,
        input: i64,
        output: i64,
        cost: Option<Decimal>,
        unpriced: i64,
        milliseconds: i64,
    }
    let found = series::usage(connection, steps(of)).await?;
    let mut models: BTreeMap<(String, String), Sum> = BTreeMap::new();
    for one in found {
        let sum = models.entry((one.provider, one.model)).or_default();
        sum.calls += one.calls;
        sum.failures += if one.outcome == "failed" { one.calls } else { 0 };
        sum.input += one.input_tokens;
        sum.output += one.output_tokens;
        sum.milliseconds += one.duration_ms;
        sum.unpriced += one.unpriced;
        if let Some(cost) = one.cost_usd {
            sum.cost = Some(sum.cost.unwrap_or_default() + cost);
        }
    }
    let mut models: Vec<_> = models.into_iter().collect();
    models.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.calls));
    let rows = models
        .into_iter()
        .map(|((provider, model), sum)| {
            row([
                ("provider", provider.into()),
                ("model", model.into()),
                ("calls", sum.calls.into()),
                ("failures", sum.failures.into()),
                ("input_tokens", sum.input.into()),
                ("output_tokens", sum.output.into()),
                ("cost", json!(sum.cost.map(|cost| cost.normalize().to_string()))),
                ("unpriced", sum.unpriced.into()),
                ("average_ms", (sum.milliseconds / sum.calls.max(1)).into()),
            ])
        })
        .collect();
    let fields = vec![
        ("provider", Words, "Поставщик", "Provider"),
        ("model", Words, "Модель", "Model"),
        CALLS,
        FAILURES,
        IN,
        OUT,
        COST,
        ("unpriced", Integer, "Без цены", "Without a price"),
        ("average_ms", Milliseconds, "В среднем", "On average"),
    ];
    Ok((rows, fields))
}

async fn users(connection: &mut PgConnection, of: Asked<'_>) -> Result<(Rows, Vec<Heading>), StoreError> {
    let found = series::users(connection, steps(of)).await?;
    let rows = over_time(
        of,
        &found,
        |one| one.at,
        |step| row([("users", step.iter().map(|one| one.users).sum::<i64>().into())]),
    );
    Ok((rows, vec![AT, USERS]))
}

async fn logins(connection: &mut PgConnection, of: Asked<'_>) -> Result<(Rows, Vec<Heading>), StoreError> {
    let found = series::logins(connection, steps(of)).await?;
    let rows = over_time(
        of,
        &found,
        |one| one.at,
        |step| {
            let with = |kind: &str| -> Value {
                let counts = step.iter().filter(|one| one.kind == kind);
                counts.map(|one| one.count).sum::<i64>().into()
            };
            row([
                ("succeeded", with(LOGIN_SUCCEEDED)),
                ("failed", with(LOGIN_FAILED)),
            ])
        },
    );
    let fields = vec![
        AT,
        ("succeeded", Integer, "Успешные входы", "Logins"),
        ("failed", Integer, "Неудачные входы", "Failed logins"),
    ];
    Ok((rows, fields))
}

async fn refusals(connection: &mut PgConnection, of: Asked<'_>) -> Result<(Rows, Vec<Heading>), StoreError> {
    let found = series::traffic(connection, steps(of)).await?;
    let rows = over_time(
        of,
        &found,
        |one| one.at,
        |step| {
            let refused = step.iter().filter(|one| one.status_class == 4);
            row([("refused", refused.map(|one| one.count).sum::<i64>().into())])
        },
    );
    let fields = vec![AT, ("refused", Integer, "Отклонено", "Refused")];
    Ok((rows, fields))
}

async fn events(connection: &mut PgConnection, of: Asked<'_>) -> Result<(Rows, Vec<Heading>), StoreError> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for one in series::logins(connection, steps(of)).await? {
        *counts.entry(one.kind).or_default() += one.count;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rows = counts
        .into_iter()
        .map(|(kind, count)| {
            let title = match kind.as_str() {
                LOGIN_SUCCEEDED => Text::new("Вход выполнен", "Logged in"),
                LOGIN_FAILED => Text::new("Вход не удался", "Login failed"),
                REGISTERED => Text::new("Новая учётная запись", "New account"),
                REFRESH_REUSED => Text::new("Повторное использование токена", "A token was used twice"),
                other => Text::same(other.to_owned()),
            };
            row([
                ("event", title.get(of.locale).into()),
                ("kind", kind.as_str().into()),
                ("count", count.into()),
            ])
        })
        .collect();
    let fields = vec![
        ("event", Words, "Событие", "Event"),
        ("kind", Words, "Вид", "Kind"),
        ("count", Integer, "Сколько", "Count"),
    ];
    Ok((rows, fields))
}

fn system_totals_fields() -> Vec<Heading> {
    vec![REQUESTS, ERRORS, ERROR_RATIO, P95, USERS]
}

fn ai_totals_fields() -> Vec<Heading> {
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

fn security_totals_fields() -> Vec<Heading> {
    vec![
        ("succeeded", Integer, "Успешные входы", "Logins"),
        ("failed", Integer, "Неудачные входы", "Failed logins"),
        ("failed_ratio", Percent, "Доля неудачных", "Share of failed ones"),
        ("refused", Integer, "Отклонённые запросы", "Refused requests"),
    ]
}

/// A frame without rows: sums, and those of the period before.
async fn totals(
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
