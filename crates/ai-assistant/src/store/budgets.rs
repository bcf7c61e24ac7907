//! Limits and counters of spending. The rules of counting are functions of the database, so that one
//! statement holds in all counters of a request or in none.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::budget::{Limit, Payer, Period, Scope, Standing};

/// What is to be held.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) id: Uuid,
    pub(crate) payer: &'a Payer,
    pub(crate) zone: Tz,
    pub(crate) now: DateTime<Utc>,
    pub(crate) expires: DateTime<Utc>,
    pub(crate) tokens: u64,
    /// `None` when the price is not known.
    pub(crate) usd: Option<Decimal>,
    /// Where money is limited, an unknown price is refused.
    pub(crate) price_needed: bool,
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is held; where the limits stand, with their soft bounds. None: no limit holds, nor is
    /// anything held.
    Held(Vec<Standing>),
    /// Nothing is held; the limit that renews last, with its hard bound.
    Refused(Standing),
}

fn bigint(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// Holds in all counters or in none.
pub(crate) async fn reserve(db: &mut PgConnection, asked: &Asked<'_>) -> Result<Verdict, StoreError> {
    let payer = asked.payer;
    let rows = sqlx::query!(
        r#"select verdict as "verdict!", scope as "scope!", subject as "subject!", period as "period!",
           renews as "renews!", tokens as "tokens!", usd as "usd!", cap_tokens, cap_usd
           from assistant.budget_reserve($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"#,
        asked.id,
        payer.user,
        &payer.role,
        payer.companies.as_deref() as Option<&[Uuid]>,
        asked.zone.name(),
        asked.now,
        asked.expires,
        bigint(asked.tokens),
        asked.usd,
        asked.price_needed,
    )
    .fetch_all(db)
    .await
    .store("budget_reserve")?;
    let mut standings = Vec::with_capacity(rows.len());
    for row in rows {
        let (Some(scope), Some(period)) = (Scope::from_name(&row.scope), Period::from_name(&row.period))
        else {
            continue;
        };
        let standing = Standing {
            scope,
            subject: row.subject,
            period,
            renews: Some(row.renews),
            tokens: count(row.tokens),
            usd: row.usd,
            cap_tokens: row.cap_tokens.map(count),
            cap_usd: row.cap_usd,
        };
        if row.verdict == "refused" {
            return Ok(Verdict::Refused(standing));
        }
        standings.push(standing);
    }
    Ok(Verdict::Held(standings))
}

/// Puts what was used in the place of what was held; tells of soft limits that are reached by it.
/// Nothing happens when nothing is held under that id.
pub(crate) async fn settle(
    db: &mut PgConnection,
    id: Uuid,
    tokens: u64,
    usd: Option<Decimal>,
) -> Result<Vec<Standing>, StoreError> {
    let rows = sqlx::query!(
        r#"select scope as "scope!", subject as "subject!", period as "period!", tokens as "tokens!",
           usd as "usd!", cap_tokens, cap_usd from assistant.budget_settle($1, $2, $3)"#,
        id,
        bigint(tokens),
        usd,
    )
    .fetch_all(db)
    .await
    .store("budget_settle")?;
    let standings = rows.into_iter().filter_map(|row| {
        Some(Standing {
            scope: Scope::from_name(&row.scope)?,
            subject: row.subject,
            period: Period::from_name(&row.period)?,
            renews: None,
            tokens: count(row.tokens),
            usd: row.usd,
            cap_tokens: row.cap_tokens.map(count),
            cap_usd: row.cap_usd,
        })
    });
    Ok(standings.collect())
}

/// Gives back what nobody settled in time; tells how many reservations there were.
pub(crate) async fn sweep(db: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let swept = sqlx::query_scalar!(r#"select assistant.budget_sweep($1) as "swept!""#, now)
        .fetch_one(db)
        .await
        .store("budget_sweep")?;
    Ok(count(swept))
}

/// A limit, and what its subject has spent and holds now; nothing is known of spending when the limit
/// is one of many subjects, or when nobody has asked for anything in this period.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) limit: Limit,
    pub(crate) spent: Option<Spent>,
}

/// What is spent and held.
#[derive(Debug)]
pub(crate) struct Spent {
    pub(crate) tokens: u64,
    pub(crate) usd: Decimal,
    /// Attempts whose price is not known.
    pub(crate) unpriced: u64,
    pub(crate) held_tokens: u64,
    pub(crate) held_usd: Decimal,
}

/// All limits.
pub(crate) async fn limits(
    db: &mut PgConnection,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<Vec<Listed>, StoreError> {
    let rows = sqlx::query!(
        r#"select l.id, l.scope, l.subject, l.period, l.time_zone, l.soft_tokens, l.hard_tokens, l.soft_usd,
           l.hard_usd, l.updated_at, c.tokens as "tokens?", c.usd as "usd?", c.unpriced as "unpriced?",
           c.held_tokens as "held_tokens?", c.held_usd as "held_usd?"
           from assistant.budget_limits l
           left join assistant.budget_counters c
             on c.scope = l.scope and c.subject = l.subject and c.period = l.period
             and c.starts = date_trunc(l.period, $1::timestamptz at time zone coalesce(l.time_zone, $2))::date
           order by array_position(array['all', 'company', 'role', 'user'], l.scope), l.subject, l.period"#,
        now,
        zone.name(),
    )
    .fetch_all(db)
    .await
    .store("budget_limits")?;
    let listed = rows.into_iter().filter_map(|row| {
        let limit = Limit {
            id: row.id,
            scope: Scope::from_name(&row.scope)?,
            subject: row.subject,
            period: Period::from_name(&row.period)?,
            time_zone: row.time_zone,
            soft_tokens: row.soft_tokens.map(count),
            hard_tokens: row.hard_tokens.map(count),
            soft_usd: row.soft_usd,
            hard_usd: row.hard_usd,
            updated_at: row.updated_at,
        };
        let spent = row.tokens.map(|tokens| Spent {
            tokens: count(tokens),
            usd: row.usd.unwrap_or_default(),
            unpriced: count(row.unpriced.unwrap_or_default()),
            held_tokens: count(row.held_tokens.unwrap_or_default()),
            held_usd: row.held_usd.unwrap_or_default(),
        });
        Some(Listed { limit, spent })
    });
    Ok(listed.collect())
}

/// Sets the limit of a subject in a period; tells the id that it has.
pub(crate) async fn limit_put(db: &mut PgConnection, limit: &Limit, user: Uuid) -> Result<Uuid, StoreError> {
    let id = sqlx::query_scalar!(
        "insert into assistant.budget_limits (id, scope, subject, period, time_zone, soft_tokens, hard_tokens, \
         soft_usd, hard_usd, updated_by, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         on conflict on constraint budget_limits_key do update set time_zone = excluded.time_zone, \
         soft_tokens = excluded.soft_tokens, hard_tokens = excluded.hard_tokens, soft_usd = excluded.soft_usd, \
         hard_usd = excluded.hard_usd, updated_by = excluded.updated_by, updated_at = excluded.updated_at \
         returning id",
        limit.id,
        limit.scope.as_str(),
        &limit.subject,
        limit.period.as_str(),
        limit.time_zone.as_deref(),
        limit.soft_tokens.map(bigint),
        limit.hard_tokens.map(bigint),
        limit.soft_usd,
        limit.hard_usd,
        user,
        limit.updated_at,
    )
    .fetch_one(db)
    .await
    .store("budget_limit_put")?;
    Ok(id)
}

/// Takes a limit away; its scope, subject and period, when there was one.
pub(crate) async fn limit_delete(
    db: &mut PgConnection,
    id: Uuid,
) -> Result<Option<(String, String, String)>, StoreError> {
    let row = sqlx::query!(
        "delete from assistant.budget_limits where id = $1 returning scope, subject, period",
        id
    )
    .fetch_optional(db)
    .await
    .store("budget_limit_delete")?;
    Ok(row.map(|row| (row.scope, row.subject, row.period)))
}

/// A limit that holds for a caller, and what is spent of it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) scope: Scope,
    pub(crate) period: Period,
    pub(crate) renews: DateTime<Utc>,
    pub(crate) soft_tokens: Option<u64>,
    pub(crate) hard_tokens: Option<u64>,
    pub(crate) soft_usd: Option<Decimal>,
    pub(crate) hard_usd: Option<Decimal>,
    /// Spent and held; `None` when nobody has asked for anything in this period.
    pub(crate) spent: Option<(u64, Decimal)>,
}

/// The limits that hold for a caller.
pub(crate) async fn limits_of(
    db: &mut PgConnection,
    payer: &Payer,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<Vec<Held>, StoreError> {
    let rows = sqlx::query!(
        r#"select b.scope as "scope!", b.period as "period!", b.renews as "renews!", b.soft_tokens, b.hard_tokens,
           b.soft_usd, b.hard_usd, c.tokens + c.held_tokens as tokens, c.usd + c.held_usd as usd
           from assistant.budgets_of($1, $2, $3, $4, $5) b
           left join assistant.budget_counters c
             on (c.scope, c.subject, c.period, c.starts) = (b.scope, b.subject, b.period, b.starts)
           order by b.scope, b.subject, b.period"#,
        payer.user,
        &payer.role,
        payer.companies.as_deref() as Option<&[Uuid]>,
        zone.name(),
        now,
    )
    .fetch_all(db)
    .await
    .store("budget_limits_of")?;
    let held = rows.into_iter().filter_map(|row| {
        Some(Held {
            scope: Scope::from_name(&row.scope)?,
            period: Period::from_name(&row.period)?,
            renews: row.renews,
            soft_tokens: row.soft_tokens.map(count),
            hard_tokens: row.hard_tokens.map(count),
            soft_usd: row.soft_usd,
            hard_usd: row.hard_usd,
            spent: row.tokens.map(count).zip(row.usd),
        })
    });
    Ok(held.collect())
}
