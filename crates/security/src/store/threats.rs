//! `security.threats`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use common::ids;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::threats::Finding;

/// A threat, as the table has it.
#[derive(Debug)]
pub(crate) struct ThreatRow {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) severity: String,
    pub(crate) subject: String,
    pub(crate) first_seen: DateTime<Utc>,
    pub(crate) last_seen: DateTime<Utc>,
    pub(crate) count: i64,
    pub(crate) evidence: Value,
    pub(crate) status: String,
}

/// Which threats a list holds.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) kind: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) status: Option<String>,
}

/// Adds the finding to the open threat of its kind and subject, or opens one. Returns the id of a
/// threat that was opened.
pub(crate) async fn record(
    connection: &mut PgConnection,
    finding: &Finding,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>, StoreError> {
    let count = |events: u64| i64::try_from(events).unwrap_or(i64::MAX);
    let row = sqlx::query!(
        r#"insert into security.threats as threat
               (id, kind, severity, subject, first_seen, last_seen, count, evidence, created_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           on conflict (kind, subject) where status = 'open' do update set
               first_seen = least(threat.first_seen, excluded.first_seen),
               last_seen = greatest(threat.last_seen, excluded.last_seen),
               count = threat.count + $10,
               evidence = excluded.evidence
           returning id, (xmax = 0) as "opened!""#,
        ids::new_id(),
        finding.kind.as_str(),
        finding.kind.severity().as_str(),
        finding.subject,
        finding.first_seen,
        finding.last_seen,
        count(finding.count),
        finding.evidence,
        now,
        count(finding.fresh),
    )
    .fetch_one(connection)
    .await
    .store("threat_record")?;
    Ok(row.opened.then_some(row.id))
}

/// Up to `limit` threats, the latest first, before the threat `before`.
pub(crate) async fn list(
    connection: &mut PgConnection,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ThreatRow>, StoreError> {
    sqlx::query_as!(
        ThreatRow,
        "select id, kind, severity, subject, first_seen, last_seen, count, evidence, status
         from security.threats
         where ($1::uuid is null or id < $1)
           and ($2::text is null or kind = $2)
           and ($3::text is null or severity = $3)
           and ($4::text is null or status = $4)
         order by id desc limit $5",
        before,
        filter.kind,
        filter.severity,
        filter.status,
        limit
    )
    .fetch_all(connection)
    .await
    .store("threat_list")
}

/// Locks the threat of an alert, which every change of the two does first.
pub(crate) async fn lock_of_alert(connection: &mut PgConnection, alert: Uuid) -> Result<bool, StoreError> {
    let locked = sqlx::query!(
        "select id from security.threats
         where id = (select threat_id from security.alerts where id = $1)
         for update",
        alert
    )
    .fetch_optional(connection)
    .await
    .store("threat_lock")?;
    Ok(locked.is_some())
}

/// Closes a threat: more of the same opens a new one.
pub(crate) async fn close(connection: &mut PgConnection, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!("update security.threats set status = 'closed' where id = $1", id)
        .execute(connection)
        .await
        .store("threat_close")?;
    Ok(())
}
