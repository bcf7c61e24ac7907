//! Policies of privacy, and the tokens of conversations.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::privacy::{Kind, Mode, Policies, Policy, Secret};

/// Tokens of a conversation that are read.
const MAX_TOKENS: i64 = 20_000;
/// Bytes of what a token stands for, that its index can hold.
const MAX_KEY: usize = 1000;

/// All policies. What another release wrote and this one cannot read counts as the strictest.
pub(crate) async fn policies(db: &mut PgConnection) -> Result<Policies, StoreError> {
    let rows = sqlx::query!(
        "select company_id, mode, mask_items, keep from assistant.privacy_policies order by company_id"
    )
    .fetch_all(db)
    .await
    .store("privacy_policies")?;
    let mut policies = Policies::default();
    for row in rows {
        let keep: BTreeSet<Kind> = row.keep.iter().filter_map(|name| Kind::from_name(name)).collect();
        let policy = Policy {
            mode: Mode::from_name(&row.mode).unwrap_or(Mode::Forbid),
            mask_items: row.mask_items,
            keep,
        };
        if row.company_id.is_nil() {
            policies.default = policy;
        } else {
            policies.companies.push((row.company_id, policy));
        }
    }
    Ok(policies)
}

/// Sets the policy of a company, or the default one.
pub(crate) async fn policy_put(
    db: &mut PgConnection,
    company: Option<Uuid>,
    policy: &Policy,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let keep: Vec<String> = policy.keep.iter().map(|kind| kind.as_str().to_owned()).collect();
    sqlx::query!(
        "insert into assistant.privacy_policies (company_id, mode, mask_items, keep, updated_by, updated_at) \
         values ($1, $2, $3, $4, $5, $6) on conflict (company_id) do update set \
         mode = excluded.mode, mask_items = excluded.mask_items, keep = excluded.keep, \
         updated_by = excluded.updated_by, updated_at = excluded.updated_at",
        company.unwrap_or(Uuid::nil()),
        policy.mode.as_str(),
        policy.mask_items,
        &keep,
        user,
        now,
    )
    .execute(db)
    .await
    .store("privacy_policy_put")?;
    Ok(())
}

/// Takes a company's own policy away; false when it has none.
pub(crate) async fn policy_delete(db: &mut PgConnection, company: Uuid) -> Result<bool, StoreError> {
    let deleted = sqlx::query!(
        "delete from assistant.privacy_policies where company_id = $1",
        company
    )
    .execute(db)
    .await
    .store("privacy_policy_delete")?;
    Ok(deleted.rows_affected() == 1)
}

/// Remembers what a question of a conversation is about; no company means all.
pub(crate) async fn subject_add(
    db: &mut PgConnection,
    conversation: Uuid,
    company: Option<Uuid>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into assistant.privacy_subjects (conversation_id, company_id) values ($1, $2) on conflict do nothing",
        conversation,
        company.unwrap_or(Uuid::nil()),
    )
    .execute(db)
    .await
    .store("privacy_subject_add")?;
    Ok(())
}

/// What the questions of a conversation were about; `None` stands for all companies.
pub(crate) async fn subjects(
    db: &mut PgConnection,
    conversation: Uuid,
) -> Result<Vec<Option<Uuid>>, StoreError> {
    let companies = sqlx::query_scalar!(
        "select company_id from assistant.privacy_subjects where conversation_id = $1",
        conversation,
    )
    .fetch_all(db)
    .await
    .store("privacy_subjects")?;
    Ok(companies
        .into_iter()
        .map(|company| (!company.is_nil()).then_some(company))
        .collect())
}

/// The tokens of a conversation.
pub(crate) async fn tokens(db: &mut PgConnection, conversation: Uuid) -> Result<Vec<Secret>, StoreError> {
    let rows = sqlx::query!(
        "select kind, number, key, value from assistant.privacy_tokens \
         where conversation_id = $1 order by number limit $2",
        conversation,
        MAX_TOKENS,
    )
    .fetch_all(db)
    .await
    .store("privacy_tokens")?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(Secret {
                kind: Kind::from_name(&row.kind)?,
                number: u32::try_from(row.number).ok()?,
                key: row.key,
                value: row.value,
            })
        })
        .collect())
}

/// Keeps new tokens. Of two requests that give the same number at the same time the first one is
/// kept: each has its own, and only the next question looks here. A conversation that has been
/// deleted meanwhile keeps none.
pub(crate) async fn tokens_add(
    db: &mut PgConnection,
    conversation: Uuid,
    secrets: &[Secret],
) -> Result<(), StoreError> {
    let kept: Vec<&Secret> = secrets
        .iter()
        .filter(|secret| secret.key.len() <= MAX_KEY)
        .collect();
    if kept.is_empty() {
        return Ok(());
    }
    let kinds: Vec<String> = kept
        .iter()
        .map(|secret| secret.kind.as_str().to_owned())
        .collect();
    let numbers: Vec<i32> = kept
        .iter()
        .map(|secret| i32::try_from(secret.number).unwrap_or(i32::MAX))
        .collect();
    let keys: Vec<String> = kept.iter().map(|secret| secret.key.clone()).collect();
    let values: Vec<String> = kept.iter().map(|secret| secret.value.clone()).collect();
    sqlx::query!(
        "insert into assistant.privacy_tokens (conversation_id, kind, number, key, value) \
         select c.id, t.kind, t.number, t.key, t.value \
         from unnest($2::text[], $3::int[], $4::text[], $5::text[]) as t (kind, number, key, value) \
         join assistant.conversations c on c.id = $1 on conflict do nothing",
        conversation,
        &kinds,
        &numbers,
        &keys,
        &values,
    )
    .execute(db)
    .await
    .store("privacy_tokens_add")?;
    Ok(())
}
