//! What attempts to answer used.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
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
    pub(crate) tool_calls: u32,
    pub(crate) duration_ms: u64,
    pub(crate) at: DateTime<Utc>,
}

pub(crate) async fn usage_add(db: &mut PgConnection, usage: &Usage<'_>) -> Result<(), StoreError> {
    let bigint = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    sqlx::query!(
        "insert into assistant.usage (id, user_id, conversation_id, operation, provider, model, outcome, error, \
         input_tokens, output_tokens, cost_usd, tool_calls, duration_ms, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
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
    )
    .execute(db)
    .await
    .store("usage_add")?;
    Ok(())
}
