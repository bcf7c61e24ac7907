//! What attempts to answer used.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

/// One attempt.
#[derive(Debug, Clone)]
pub(crate) struct Usage<'a> {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    pub(crate) conversation: Option<Uuid>,
    pub(crate) operation: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) model: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) error: Option<&'a str>,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cost_usd: Option<Decimal>,
    pub(crate) role: &'a str,
    /// The company that was asked about, when it was one.
    pub(crate) company: Option<Uuid>,
    /// The tokens are guessed.
    pub(crate) estimated: bool,
    /// It came out of the cache.
    pub(crate) cached: bool,
    pub(crate) tool_calls: u32,
    pub(crate) duration_ms: u64,
    pub(crate) at: DateTime<Utc>,
}

pub(crate) async fn usage_add(db: &mut PgConnection, usage: &Usage<'_>) -> Result<(), StoreError> {
    let bigint = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    sqlx::query!(
        "insert into assistant.usage (id, user_id, conversation_id, operation, provider, model, outcome, error, \
         input_tokens, output_tokens, cost_usd, tool_calls, duration_ms, created_at, role, company_id, estimated, cached) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        usage.id,
        usage.user,
        usage.conversation,
        usage.operation,
        usage.provider,
        usage.model,
        usage.outcome,
        usage.error,
        bigint(usage.input_tokens),
        bigint(usage.output_tokens),
        usage.cost_usd,
        i32::try_from(usage.tool_calls).unwrap_or(i32::MAX),
        bigint(usage.duration_ms),
        usage.at,
        usage.role,
        usage.company,
        usage.estimated,
        usage.cached,
    )
    .execute(db)
    .await
    .store("usage_add")?;
    Ok(())
}

/// Lines that are told.
pub(crate) const MOST_LINES: usize = 1000;

/// What usage is summed up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    #[default]
    Day,
    User,
    Role,
    Company,
    Provider,
    Model,
    Operation,
}

impl By {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::User => "user",
            Self::Role => "role",
            Self::Company => "company",
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Operation => "operation",
        }
    }
}

/// Which usage.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) from: DateTime<Utc>,
    /// The first moment after it.
    pub(crate) to: DateTime<Utc>,
    /// Where days begin.
    pub(crate) zone: Tz,
    pub(crate) by: By,
    /// `None` is everybody.
    pub(crate) user: Option<Uuid>,
    pub(crate) caller: Uuid,
    /// The companies that the caller may see; `None` are all. What the caller used is seen always.
    pub(crate) companies: Option<Vec<Uuid>>,
    pub(crate) company: Option<Uuid>,
    pub(crate) model: Option<&'a str>,
}

/// What attempts came to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Sum {
    pub(crate) attempts: u64,
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    /// Of the answered ones, out of the cache.
    pub(crate) cached: u64,
    pub(crate) tool_calls: u64,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    /// Of them, those of attempts whose provider told none.
    pub(crate) estimated_tokens: u64,
    /// US dollars of the attempts whose price is known; null when it is known of none.
    pub(crate) cost_usd: Option<Decimal>,
    /// Attempts whose price is not known.
    pub(crate) unpriced: u64,
}

/// The sum of all, and one for each key; keys of what belongs to nobody are empty. There is one line
/// more than [`MOST_LINES`] when they are not all.
pub(crate) async fn usage_sums(
    db: &mut PgConnection,
    asked: &Asked<'_>,
) -> Result<(Sum, Vec<(String, Sum)>), StoreError> {
    let count = |value: i64| u64::try_from(value).unwrap_or(0);
    let rows = sqlx::query!(
        r#"select key, count(*) as "attempts!",
             count(*) filter (where outcome = 'answered') as "answered!",
             count(*) filter (where outcome = 'failed') as "failed!",
             count(*) filter (where outcome = 'cancelled') as "cancelled!",
             count(*) filter (where cached) as "cached!",
             coalesce(sum(tool_calls), 0)::bigint as "tool_calls!",
             coalesce(sum(input_tokens), 0)::bigint as "input_tokens!",
             coalesce(sum(output_tokens), 0)::bigint as "output_tokens!",
             coalesce(sum(input_tokens + output_tokens) filter (where estimated), 0)::bigint as "estimated_tokens!",
             sum(cost_usd) as cost_usd, count(*) filter (where cost_usd is null) as "unpriced!"
           from (
             select case $4
                 when 'user' then user_id::text
                 when 'role' then coalesce(role, '')
                 when 'company' then coalesce(company_id::text, '')
                 when 'provider' then provider
                 when 'model' then model
                 when 'operation' then operation
                 else (created_at at time zone $3)::date::text end as key, u.*
             from assistant.usage u
             where created_at >= $1 and created_at < $2 and ($5::uuid is null or user_id = $5)
               and ($6::uuid[] is null or company_id = any ($6) or user_id = $7)
               and ($8::uuid is null or company_id = $8) and ($9::text is null or model = $9)
           ) u
           group by rollup (key) order by key nulls first limit $10"#,
        asked.from,
        asked.to,
        asked.zone.name(),
        asked.by.as_str(),
        asked.user,
        asked.companies.as_deref() as Option<&[Uuid]>,
        asked.caller,
        asked.company,
        asked.model,
        i64::try_from(MOST_LINES + 2).unwrap_or(i64::MAX),
    )
    .fetch_all(db)
    .await
    .store("usage_sums")?;
    let mut total = Sum {
        attempts: 0,
        answered: 0,
        failed: 0,
        cancelled: 0,
        cached: 0,
        tool_calls: 0,
        input_tokens: 0,
        output_tokens: 0,
        estimated_tokens: 0,
        cost_usd: Some(Decimal::ZERO),
        unpriced: 0,
    };
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let sum = Sum {
            attempts: count(row.attempts),
            answered: count(row.answered),
            failed: count(row.failed),
            cancelled: count(row.cancelled),
            cached: count(row.cached),
            tool_calls: count(row.tool_calls),
            input_tokens: count(row.input_tokens),
            output_tokens: count(row.output_tokens),
            estimated_tokens: count(row.estimated_tokens),
            cost_usd: row.cost_usd.map(|usd| usd.normalize()),
            unpriced: count(row.unpriced),
        };
        match row.key {
            Some(key) => lines.push((key, sum)),
            None if sum.attempts > 0 => total = sum,
            None => {}
        }
    }
    Ok((total, lines))
}
