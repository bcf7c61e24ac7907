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
    pub(crate) technique: Option<String>,
    pub(crate) confidence: i16,
    pub(crate) escalations: i32,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) alert_id: Option<Uuid>,
}

/// Which threats a list holds.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) kind: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) status: Option<String>,
    /// `ip:<address>` and so on.
    pub(crate) subject: Option<String>,
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) to: Option<DateTime<Utc>>,
    /// Part of the subject, of the kind or of the evidence.
    pub(crate) text: Option<String>,
}

/// What became of a finding.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) id: Uuid,
    /// No open threat had it.
    pub(crate) opened: bool,
    pub(crate) severity: String,
    pub(crate) count: i64,
    pub(crate) escalations: i32,
}

/// Adds the finding to the open threat of its kind and subject, or opens one.
pub(crate) async fn record(
    connection: &mut PgConnection,
    finding: &Finding,
    escalations: i32,
    now: DateTime<Utc>,
) -> Result<Recorded, StoreError> {
    let count = |events: u64| i64::try_from(events).unwrap_or(i64::MAX);
    sqlx::query_as!(
        Recorded,
        r#"insert into security.threats as threat
               (id, kind, severity, subject, first_seen, last_seen, count, evidence, created_at, technique,
                confidence, escalations, updated_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $11, $12, $13, $9)
           on conflict (kind, subject) where status = 'open' do update set
               first_seen = least(threat.first_seen, excluded.first_seen),
               last_seen = greatest(threat.last_seen, excluded.last_seen),
               count = threat.count + $10,
               evidence = excluded.evidence,
               updated_at = excluded.updated_at
           returning id, (xmax = 0) as "opened!", severity, count, escalations"#,
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
        finding.kind.technique(),
        i16::from(finding.kind.confidence()),
        escalations,
    )
    .fetch_one(connection)
    .await
    .store("threat_record")
}

/// Makes a threat worse.
pub(crate) async fn escalate(
    connection: &mut PgConnection,
    id: Uuid,
    severity: &str,
    escalations: i32,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update security.threats set severity = $2, escalations = $3 where id = $1",
        id,
        severity,
        escalations
    )
    .execute(connection)
    .await
    .store("threat_escalate")?;
    Ok(())
}

/// The threat with this id.
pub(crate) async fn by_id(connection: &mut PgConnection, id: Uuid) -> Result<Option<ThreatRow>, StoreError> {
    sqlx::query_as!(
        ThreatRow,
        r#"select threat.id, threat.kind, threat.severity, threat.subject, threat.first_seen, threat.last_seen,
                  threat.count, threat.evidence, threat.status, threat.technique, threat.confidence,
                  threat.escalations, threat.created_at, alert.id as "alert_id?"
           from security.threats threat left join security.alerts alert on alert.threat_id = threat.id
           where threat.id = $1"#,
        id
    )
    .fetch_optional(connection)
    .await
    .store("threat_by_id")
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
        r#"select threat.id, threat.kind, threat.severity, threat.subject, threat.first_seen, threat.last_seen,
                  threat.count, threat.evidence, threat.status, threat.technique, threat.confidence,
                  threat.escalations, threat.created_at, alert.id as "alert_id?"
           from security.threats threat left join security.alerts alert on alert.threat_id = threat.id
           where ($1::uuid is null or threat.id < $1)
             and ($2::text is null or threat.kind = $2)
             and ($3::text is null or threat.severity = $3)
             and ($4::text is null or threat.status = $4)
             and ($5::text is null or threat.subject = $5)
             and ($6::timestamptz is null or threat.last_seen >= $6)
             and ($7::timestamptz is null or threat.first_seen < $7)
             and ($8::text is null or strpos(threat.subject, $8) > 0 or strpos(threat.kind, $8) > 0
                  or strpos(threat.evidence::text, $8) > 0)
           order by threat.id desc limit $9"#,
        before,
        filter.kind,
        filter.severity,
        filter.status,
        filter.subject,
        filter.from,
        filter.to,
        filter.text,
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

/// Opens a closed threat again; false when another of its kind and subject is open.
pub(crate) async fn reopen(connection: &mut PgConnection, id: Uuid) -> Result<bool, StoreError> {
    let reopened = sqlx::query!(
        "update security.threats threat set status = 'open' where id = $1 and not exists (
             select 1 from security.threats other
             where other.kind = threat.kind and other.subject = threat.subject and other.status = 'open')",
        id
    )
    .execute(connection)
    .await
    .store("threat_reopen")?;
    Ok(reopened.rows_affected() == 1)
}
