//! `security.alerts`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use common::ids;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::alerts::State;

/// An alert with the kind and subject of its threat.
#[derive(Debug, Clone)]
pub(crate) struct AlertRow {
    pub(crate) id: Uuid,
    pub(crate) threat_id: Uuid,
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) severity: String,
    pub(crate) state: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) acknowledged_at: Option<DateTime<Utc>>,
    pub(crate) acknowledged_by: Option<Uuid>,
    pub(crate) resolved_at: Option<DateTime<Utc>>,
    pub(crate) resolved_by: Option<Uuid>,
}

/// Opens the alert of a threat.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    threat: Uuid,
    severity: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into security.alerts (id, threat_id, severity, created_at) values ($1, $2, $3, $4)",
        ids::new_id(),
        threat,
        severity,
        now
    )
    .execute(connection)
    .await
    .store("alert_insert")?;
    Ok(())
}

/// The alert with this id.
pub(crate) async fn by_id(connection: &mut PgConnection, id: Uuid) -> Result<Option<AlertRow>, StoreError> {
    sqlx::query_as!(
        AlertRow,
        "select alert.id, alert.threat_id, threat.kind, threat.subject, alert.severity, alert.state,
                alert.created_at, alert.acknowledged_at, alert.acknowledged_by, alert.resolved_at,
                alert.resolved_by
         from security.alerts alert join security.threats threat on threat.id = alert.threat_id
         where alert.id = $1",
        id
    )
    .fetch_optional(connection)
    .await
    .store("alert_by_id")
}

/// Up to `limit` alerts, the latest first, before the alert `before`.
pub(crate) async fn list(
    connection: &mut PgConnection,
    severity: Option<&str>,
    state: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<AlertRow>, StoreError> {
    sqlx::query_as!(
        AlertRow,
        "select alert.id, alert.threat_id, threat.kind, threat.subject, alert.severity, alert.state,
                alert.created_at, alert.acknowledged_at, alert.acknowledged_by, alert.resolved_at,
                alert.resolved_by
         from security.alerts alert join security.threats threat on threat.id = alert.threat_id
         where ($1::uuid is null or alert.id < $1)
           and ($2::text is null or alert.severity = $2)
           and ($3::text is null or alert.state = $3)
         order by alert.id desc limit $4",
        before,
        severity,
        state,
        limit
    )
    .fetch_all(connection)
    .await
    .store("alert_list")
}

/// Brings an alert into a state, by a user.
pub(crate) async fn set_state(
    connection: &mut PgConnection,
    id: Uuid,
    state: State,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update security.alerts set
             state = $2,
             acknowledged_at = case when $2 = 'acknowledged' then $3 else acknowledged_at end,
             acknowledged_by = case when $2 = 'acknowledged' then $4 else acknowledged_by end,
             resolved_at = case when $2 = 'resolved' then $3 end,
             resolved_by = case when $2 = 'resolved' then $4 end
         where id = $1",
        id,
        state.as_str(),
        now,
        user
    )
    .execute(connection)
    .await
    .store("alert_set_state")?;
    Ok(())
}

/// Alerts that are not resolved, by severity.
pub(crate) async fn count_unresolved(
    connection: &mut PgConnection,
) -> Result<Vec<(String, i64)>, StoreError> {
    let rows = sqlx::query!(
        r#"select severity, count(*) as "count!" from security.alerts where state <> 'resolved' group by severity"#
    )
    .fetch_all(connection)
    .await
    .store("alert_count")?;
    Ok(rows.into_iter().map(|row| (row.severity, row.count)).collect())
}
