//! `GET /usage`: what was used, one's own or everybody's.

use axum::extract::State;
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use common::Text;
use common::auth::{Identity, Permission};
use common::db::StoreResult;
use common::http::{Json, Problem, Query, Violations};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::budget::{Payer, Period, Scope};
use crate::state::AppState;
use crate::store::budgets;
use crate::store::usage::{self as store, By, Sum};

/// Days of a range.
const MOST_DAYS: i64 = 400;

/// What is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsageQuery {
    /// The first day; the first of this month when absent.
    from: Option<NaiveDate>,
    /// The last day; today when absent.
    to: Option<NaiveDate>,
    /// What the lines are of.
    #[serde(default)]
    by: By,
    /// `own`, or `all` for those with `analytics:read`.
    #[serde(default)]
    scope: Whose,
    /// Of one user; takes `scope=all` unless it is oneself.
    user_id: Option<Uuid>,
    company_id: Option<Uuid>,
    model: Option<String>,
}

/// Whose usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Whose {
    #[default]
    Own,
    All,
}

/// What was used.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UsageResponse {
    from: NaiveDate,
    to: NaiveDate,
    time_zone: &'static str,
    by: By,
    items: Vec<Line>,
    /// True when there are more lines than are told; the total is of all.
    truncated: bool,
    total: Sum,
    /// The budgets that the caller is on; null with `scope=all`.
    limits: Option<Vec<OwnLimit>>,
}

/// One line.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Line {
    /// The user, model, company or day; null for usage that belongs to no single company.
    key: Option<String>,
    #[serde(flatten)]
    sum: Sum,
}

/// A budget that the caller is on.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OwnLimit {
    scope: Scope,
    period: Period,
    renews_at: DateTime<Utc>,
    soft_tokens: Option<u64>,
    hard_tokens: Option<u64>,
    soft_usd: Option<Decimal>,
    hard_usd: Option<Decimal>,
    /// Spent and held in this period; null before the first request.
    used_tokens: Option<u64>,
    used_usd: Option<Decimal>,
}

/// Tokens and money by day, user, model or company.
#[tracing::instrument(name = "http.usage", skip_all)]
pub(crate) async fn usage(
    State(state): State<AppState>,
    identity: Identity,
    Query(query): Query<UsageQuery>,
) -> Result<Json<UsageResponse>, Problem> {
    let of_all = query.scope == Whose::All;
    if of_all || query.user_id.is_some_and(|user| user != identity.user_id) {
        identity.require(Permission::AnalyticsRead)?;
    }
    let now = state.context.clock.now();
    let today = now.with_timezone(&state.zone).date_naive();
    let from = query.from.or_else(|| today.with_day(1)).unwrap_or(today);
    let to = query.to.unwrap_or(today);
    let mut violations = Violations::new();
    violations.check(
        from <= to,
        "?from",
        Text::new("Начало позже конца.", "The beginning is after the end."),
    );
    violations.check(
        (to - from).num_days() <= MOST_DAYS,
        "?from",
        Text::new("Больше 400 дней.", "More than 400 days."),
    );
    violations.finish()?;
    let user = match query.user_id {
        Some(user) => Some(user),
        None if of_all => None,
        None => Some(identity.user_id),
    };
    let asked = store::Asked {
        from: beginning(from, state.zone),
        to: beginning(to.succ_opt().unwrap_or(to), state.zone),
        zone: state.zone,
        by: query.by,
        user,
        caller: identity.user_id,
        companies: identity.companies.restriction(),
        company: query.company_id,
        model: query.model.as_deref(),
    };
    let mut db = state.db.acquire().await.store("acquire")?;
    let (total, mut lines) = store::usage_sums(&mut db, &asked).await?;
    let truncated = lines.len() > store::MOST_LINES;
    lines.truncate(store::MOST_LINES);
    let limits = if of_all {
        None
    } else {
        let payer = Payer::of(&identity, query.company_id);
        let held = budgets::limits_of(&mut db, &payer, state.zone, now).await?;
        Some(held.into_iter().map(OwnLimit::from).collect())
    };
    Ok(Json(UsageResponse {
        from,
        to,
        time_zone: state.zone.name(),
        by: query.by,
        items: lines
            .into_iter()
            .map(|(key, sum)| Line {
                key: Some(key).filter(|key| !key.is_empty()),
                sum,
            })
            .collect(),
        truncated,
        total,
        limits,
    }))
}

impl From<budgets::Held> for OwnLimit {
    fn from(held: budgets::Held) -> Self {
        Self {
            scope: held.scope,
            period: held.period,
            renews_at: held.renews,
            soft_tokens: held.soft_tokens,
            hard_tokens: held.hard_tokens,
            soft_usd: held.soft_usd.map(|usd| usd.normalize()),
            hard_usd: held.hard_usd.map(|usd| usd.normalize()),
            used_tokens: held.spent.map(|(tokens, _)| tokens),
            used_usd: held.spent.map(|(_, usd)| usd.normalize()),
        }
    }
}

/// When a day begins there; where the clocks skip midnight, when they go on.
fn beginning(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    let local = zone.from_local_datetime(&midnight).earliest().or_else(|| {
        zone.from_local_datetime(&(midnight + chrono::TimeDelta::hours(1)))
            .earliest()
    });
    local.map_or_else(|| midnight.and_utc(), |local| local.with_timezone(&Utc))
}
