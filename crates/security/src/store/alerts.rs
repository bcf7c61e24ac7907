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
    pub(crate) resolution: Option<String>,
    pub(crate) assignee_id: Option<Uuid>,
    pub(crate) snoozed_until: Option<DateTime<Utc>>,
    pub(crate) count: i64,
    pub(crate) first_seen: DateTime<Utc>,
    pub(crate) last_seen: DateTime<Utc>,
}

/// Which alerts a list holds.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) severity: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) assignee: Option<Uuid>,
    /// Only those that are (true) or are not (false) snoozed at this moment.
    pub(crate) snoozed: Option<bool>,
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) to: Option<DateTime<Utc>>,
}

/// One line of an alert's history.
#[derive(Debug)]
pub(crate) struct EventRow {
    pub(crate) id: Uuid,
    pub(crate) at: DateTime<Utc>,
    pub(crate) kind: String,
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) details: serde_json::Value,
}

/// Opens the alert of a threat.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    threat: Uuid,
    severity: &str,
    now: DateTime<Utc>,
) -> Result<Uuid, StoreError> {
    let id = ids::new_id();
    sqlx::query!(
        "insert into security.alerts (id, threat_id, severity, created_at) values ($1, $2, $3, $4)",
        id,
        threat,
        severity,
        now
    )
    .execute(connection)
    .await
    .store("alert_insert")?;
    Ok(id)
}

/// The alert of a threat.
pub(crate) async fn of_threat(
    connection: &mut PgConnection,
    threat: Uuid,
) -> Result<Option<Uuid>, StoreError> {
    sqlx::query_scalar!("select id from security.alerts where threat_id = $1", threat)
        .fetch_optional(connection)
        .await
        .store("alert_of_threat")
}

/// Adds a line to an alert's history.
pub(crate) async fn tell(
    connection: &mut PgConnection,
    alert: Uuid,
    kind: &str,
    actor: Option<Uuid>,
    details: &serde_json::Value,
    now: DateTime<Utc>,
) -> Result<Uuid, StoreError> {
    let id = ids::new_id();
    sqlx::query!(
        "insert into security.alert_events (id, alert_id, at, kind, actor_id, details) values ($1, $2, $3, $4, $5, $6)",
        id,
        alert,
        now,
        kind,
        actor,
        details
    )
    .execute(connection)
    .await
    .store("alert_tell")?;
    Ok(id)
}

/// An alert's history, the oldest first.
pub(crate) async fn history(connection: &mut PgConnection, alert: Uuid) -> Result<Vec<EventRow>, StoreError> {
    sqlx::query_as!(
        EventRow,
        "select id, at, kind, actor_id, details from security.alert_events where alert_id = $1 order by id limit 1000",
        alert
    )
    .fetch_all(connection)
    .await
    .store("alert_history")
}

/// Changes how bad an alert is.
pub(crate) async fn set_severity(
    connection: &mut PgConnection,
    id: Uuid,
    severity: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update security.alerts set severity = $2 where id = $1",
        id,
        severity
    )
    .execute(connection)
    .await
    .store("alert_set_severity")?;
    Ok(())
}

/// Says who handles an alert and until when nobody is reminded of it.
pub(crate) async fn set_handling(
    connection: &mut PgConnection,
    id: Uuid,
    assignee: Option<Uuid>,
    snoozed_until: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update security.alerts set assignee_id = $2, snoozed_until = $3 where id = $1",
        id,
        assignee,
        snoozed_until
    )
    .execute(connection)
    .await
    .store("alert_set_handling")?;
    Ok(())
}

/// Alerts that an Alertmanager has to know of: all that are not resolved, and those that were of late.
pub(crate) async fn for_alertmanager(
    connection: &mut PgConnection,
    resolved_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<AlertRow>, StoreError> {
    sqlx::query_as!(
        AlertRow,
        "select alert.id, alert.threat_id, threat.kind, threat.subject, alert.severity, alert.state,
                alert.created_at, alert.acknowledged_at, alert.acknowledged_by, alert.resolved_at,
                alert.resolved_by, alert.resolution, alert.assignee_id, alert.snoozed_until, threat.count,
                threat.first_seen, threat.last_seen
         from security.alerts alert join security.threats threat on threat.id = alert.threat_id
         where (alert.state <> 'resolved' and (alert.snoozed_until is null or alert.snoozed_until <= $2))
            or alert.resolved_at >= $1
         order by alert.id desc limit 1000",
        resolved_since,
        now
    )
    .fetch_all(connection)
    .await
    .store("alert_for_alertmanager")
}

/// How many alerts were opened since a time, by kind, severity and state; and the seconds until somebody
/// acknowledged and resolved them, on average.
pub(crate) async fn statistics(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<Vec<StatisticsRow>, StoreError> {
    sqlx::query_as!(
        StatisticsRow,
        r#"select threat.kind, alert.severity, alert.state, alert.resolution, count(*) as "count!",
                  avg(extract(epoch from alert.acknowledged_at - alert.created_at))::float8 as to_acknowledge,
                  avg(extract(epoch from alert.resolved_at - alert.created_at))::float8 as to_resolve
           from security.alerts alert join security.threats threat on threat.id = alert.threat_id
           where alert.created_at >= $1
           group by 1, 2, 3, 4 order by 5 desc, 1, 2, 3, 4"#,
        since
    )
    .fetch_all(connection)
    .await
    .store("alert_statistics")
}

/// One group of [`statistics`].
#[derive(Debug)]
pub(crate) struct StatisticsRow {
    pub(crate) kind: String,
    pub(crate) severity: String,
    pub(crate) state: String,
    pub(crate) resolution: Option<String>,
    pub(crate) count: i64,
    pub(crate) to_acknowledge: Option<f64>,
    pub(crate) to_resolve: Option<f64>,
}

/// The alert with this id.
pub(crate) async fn by_id(connection: &mut PgConnection, id: Uuid) -> Result<Option<AlertRow>, StoreError> {
    sqlx::query_as!(
        AlertRow,
        "select alert.id, alert.threat_id, threat.kind, threat.subject, alert.severity, alert.state,
                alert.created_at, alert.acknowledged_at, alert.acknowledged_by, alert.resolved_at,
                alert.resolved_by, alert.resolution, alert.assignee_id, alert.snoozed_until, threat.count,
                threat.first_seen, threat.last_seen
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
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<AlertRow>, StoreError> {
    sqlx::query_as!(
        AlertRow,
        "select alert.id, alert.threat_id, threat.kind, threat.subject, alert.severity, alert.state,
                alert.created_at, alert.acknowledged_at, alert.acknowledged_by, alert.resolved_at,
                alert.resolved_by, alert.resolution, alert.assignee_id, alert.snoozed_until, threat.count,
                threat.first_seen, threat.last_seen
         from security.alerts alert join security.threats threat on threat.id = alert.threat_id
         where ($1::uuid is null or alert.id < $1)
           and ($2::text is null or alert.severity = $2)
           and ($3::text is null or alert.state = $3)
           and ($4::text is null or threat.kind = $4)
           and ($5::text is null or threat.subject = $5)
           and ($6::uuid is null or alert.assignee_id = $6)
           and ($7::boolean is null or (coalesce(alert.snoozed_until, '-infinity') > $8) = $7)
           and ($9::timestamptz is null or alert.created_at >= $9)
           and ($10::timestamptz is null or alert.created_at < $10)
         order by alert.id desc limit $11",
        before,
        filter.severity,
        filter.state,
        filter.kind,
        filter.subject,
        filter.assignee,
        filter.snoozed,
        now,
        filter.from,
        filter.to,
        limit
    )
    .fetch_all(connection)
    .await
    .store("alert_list")
}

/// Brings an alert into a state, by a user. An open one has neither been acknowledged nor resolved.
pub(crate) async fn set_state(
    connection: &mut PgConnection,
    id: Uuid,
    state: State,
    resolution: Option<&str>,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update security.alerts set
             state = $2,
             acknowledged_at = case $2 when 'acknowledged' then $3 when 'open' then null else acknowledged_at end,
             acknowledged_by = case $2 when 'acknowledged' then $4 when 'open' then null else acknowledged_by end,
             resolved_at = case when $2 = 'resolved' then $3 end,
             resolved_by = case when $2 = 'resolved' then $4 end,
             resolution = case when $2 = 'resolved' then $5 end
         where id = $1",
        id,
        state.as_str(),
        now,
        user,
        resolution
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
