//! `/alerts`: what people have to look at, and what they did.

use axum::extract::State;
use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use common::Text;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Page, PageQuery, Path, Problem, Query, Violations};
use common::telemetry::RequestContext;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::audit::own_entry;
use super::words;
use crate::alerts::{Resolution, State as AlertState, Transition};
use crate::channels::{Message, Told};
use crate::error::Error;
use crate::jobs::raise::announce;
use crate::state::AppState;
use crate::store;
use crate::store::alerts::{AlertRow, EventRow, Filter};
use crate::threats::{Severity, advice, title};

/// The longest comment.
const MAX_COMMENT: usize = 4000;
/// The longest time in which nobody is reminded of an alert.
const LONGEST_SNOOZE: Duration = Duration::days(30);

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    severity: Option<Severity>,
    state: Option<AlertState>,
    kind: Option<String>,
    subject: Option<String>,
    assignee: Option<Uuid>,
    snoozed: Option<bool>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AlertResponse {
    id: Uuid,
    threat_id: Uuid,
    kind: String,
    subject: String,
    severity: String,
    risk: u8,
    title: String,
    advice: Option<String>,
    state: String,
    resolution: Option<String>,
    assignee: Option<Uuid>,
    snoozed_until: Option<DateTime<Utc>>,
    count: i64,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    created_at: DateTime<Utc>,
    acknowledged_at: Option<DateTime<Utc>>,
    acknowledged_by: Option<Uuid>,
    resolved_at: Option<DateTime<Utc>>,
    resolved_by: Option<Uuid>,
}

impl AlertResponse {
    fn new(state: &AppState, row: AlertRow) -> Self {
        let (rules, locale) = (state.defence.rules(), RequestContext::current_locale());
        Self {
            title: title(rules, &row.kind, &row.subject, locale),
            advice: advice(rules, &row.kind, locale),
            risk: Severity::from_name(&row.severity).map_or(0, Severity::risk),
            id: row.id,
            threat_id: row.threat_id,
            kind: row.kind,
            subject: row.subject,
            severity: row.severity,
            state: row.state,
            resolution: row.resolution,
            assignee: row.assignee_id,
            snoozed_until: row.snoozed_until,
            count: row.count,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            created_at: row.created_at,
            acknowledged_at: row.acknowledged_at,
            acknowledged_by: row.acknowledged_by,
            resolved_at: row.resolved_at,
            resolved_by: row.resolved_by,
        }
    }
}

/// One line of an alert's history.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EventResponse {
    id: Uuid,
    at: DateTime<Utc>,
    kind: String,
    actor: Option<Uuid>,
    details: Value,
}

impl From<EventRow> for EventResponse {
    fn from(row: EventRow) -> Self {
        Self {
            id: row.id,
            at: row.at,
            kind: row.kind,
            actor: row.actor_id,
            details: row.details,
        }
    }
}

/// An alert with its history.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WholeAlert {
    #[serde(flatten)]
    alert: AlertResponse,
    timeline: Vec<EventResponse>,
}

/// Alerts, the newest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<AlertResponse>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let (limit, before) = (page.limit(), page.after::<Uuid>()?);
    let filter = Filter {
        severity: query.severity.map(|severity| severity.as_str().to_owned()),
        state: query.state.map(|state| state.as_str().to_owned()),
        kind: query.kind,
        subject: query.subject,
        assignee: query.assignee,
        snoozed: query.snoozed,
        from: query.from,
        to: query.to,
    };
    let mut connection = state.db.acquire().await.store("acquire")?;
    let rows = store::alerts::list(&mut connection, &filter, before, limit + 1, state.clock.now()).await?;
    let items: Vec<AlertResponse> = rows
        .into_iter()
        .map(|row| AlertResponse::new(&state, row))
        .collect();
    Ok(Json(Page::from_rows(items, limit, |alert| alert.id)))
}

/// One alert with its history.
pub(crate) async fn get(
    State(state): State<AppState>,
    Path(id): Path<Uuid>,
) -> Result<Json<WholeAlert>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let row = store::alerts::by_id(&mut connection, id)
        .await?
        .ok_or(Error::AlertNotFound)?;
    let timeline = store::alerts::history(&mut connection, id).await?;
    Ok(Json(WholeAlert {
        alert: AlertResponse::new(&state, row),
        timeline: timeline.into_iter().map(EventResponse::from).collect(),
    }))
}

/// What somebody says when an alert changes its state.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Decision {
    comment: Option<String>,
    /// With `resolve` only.
    resolution: Option<Resolution>,
}

impl Decision {
    /// Nothing need be said.
    fn read(body: &[u8]) -> Result<Self, Problem> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(body).map_err(|error| {
            Problem::bad_request(Text::new(
                format!("Ожидается {{\"comment\", \"resolution\"}} или ничего: {error}"),
                format!("Expected {{\"comment\", \"resolution\"}} or nothing: {error}"),
            ))
        })
    }
}

/// Takes an alert in hand.
pub(crate) async fn acknowledge(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
    body: Bytes,
) -> Result<Json<AlertResponse>, Problem> {
    change(
        &state,
        &identity,
        ip,
        id,
        AlertState::Acknowledged,
        Decision::read(&body)?,
    )
    .await
}

/// Ends an alert, with what it was.
pub(crate) async fn resolve(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
    body: Bytes,
) -> Result<Json<AlertResponse>, Problem> {
    change(
        &state,
        &identity,
        ip,
        id,
        AlertState::Resolved,
        Decision::read(&body)?,
    )
    .await
}

/// Opens an alert again that had ended.
pub(crate) async fn reopen(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
    body: Bytes,
) -> Result<Json<AlertResponse>, Problem> {
    change(
        &state,
        &identity,
        ip,
        id,
        AlertState::Open,
        Decision::read(&body)?,
    )
    .await
}

async fn change(
    state: &AppState,
    identity: &Identity,
    ip: ClientIp,
    id: Uuid,
    to: AlertState,
    decision: Decision,
) -> Result<Json<AlertResponse>, Problem> {
    let comment = decision
        .comment
        .as_deref()
        .map(|comment| checked(comment, "/comment"))
        .transpose()?;
    if decision.resolution.is_some() && to != AlertState::Resolved {
        let mut violations = Violations::new();
        violations.check(
            false,
            "/resolution",
            Text::new("Только при закрытии.", "When an alert is resolved only."),
        );
        violations.finish()?;
    }
    let (mut transaction, alert) = locked(state, id).await?;
    let from = AlertState::from_name(&alert.state).ok_or(Error::AlertNotFound)?;
    match from.transition(to) {
        Transition::Keep => return Ok(Json(AlertResponse::new(state, alert))),
        Transition::Refuse => return Err(Error::WrongTransition { from, to }.into()),
        Transition::Change => {}
    }
    let now = state.clock.now();
    match to {
        AlertState::Resolved => store::threats::close(&mut transaction, alert.threat_id).await?,
        AlertState::Open if !store::threats::reopen(&mut transaction, alert.threat_id).await? => {
            return Err(Error::AlertSuperseded.into());
        }
        _ => {}
    }
    let resolution = decision.resolution.map(Resolution::as_str);
    store::alerts::set_state(&mut transaction, id, to, resolution, identity.user_id, now).await?;
    let name = if to == AlertState::Open {
        "reopened"
    } else {
        to.as_str()
    };
    let told = json!({ "comment": comment, "resolution": resolution });
    store::alerts::tell(&mut transaction, id, name, Some(identity.user_id), &told, now).await?;
    if to == AlertState::Resolved {
        let severity = Severity::from_name(&alert.severity).unwrap_or(Severity::Critical);
        announce(
            &mut transaction,
            &state.defence,
            id,
            severity,
            &resolved(state, &alert, now),
            now,
        )
        .await?;
    }
    let action = format!("alerts.{name}");
    let details = json!({
        "from": from.as_str(), "severity": alert.severity, "kind": alert.kind, "resolution": resolution,
    });
    let entry = own_entry(state, identity, ip, &action, format!("alert:{id}"), details);
    store::audit::append(&mut transaction, vec![entry], now).await?;
    finish(state, transaction, id).await
}

fn resolved(state: &AppState, alert: &AlertRow, now: DateTime<Utc>) -> Message {
    let rules = state.defence.rules();
    let rule = rules.get(&alert.kind);
    Message {
        told: Told::Resolved,
        at: now,
        alert_id: Some(alert.id),
        threat_id: Some(alert.threat_id),
        rule: alert.kind.clone(),
        severity: alert.severity.clone(),
        risk: Severity::from_name(&alert.severity).map_or(0, Severity::risk),
        technique: rule.and_then(|rule| rule.technique.clone()),
        subject: alert.subject.clone(),
        title: words(|locale| title(rules, &alert.kind, &alert.subject, locale)),
        advice: None,
        count: alert.count,
        first_seen: alert.first_seen,
        last_seen: alert.last_seen,
        evidence: json!({}),
    }
}

/// What an administrator of security changes of an alert. A member that is absent stays, `null` empties it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Handling {
    #[serde(default, deserialize_with = "present")]
    assignee: Option<Option<Uuid>>,
    #[serde(default, deserialize_with = "present")]
    snoozed_until: Option<Option<DateTime<Utc>>>,
}

#[expect(clippy::option_option, reason = "absent and null are different")]
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Changes who handles an alert, or until when it is quiet.
pub(crate) async fn update(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
    Json(handling): Json<Handling>,
) -> Result<Json<AlertResponse>, Problem> {
    let now = state.clock.now();
    let mut violations = Violations::new();
    let snooze = handling.snoozed_until.flatten();
    violations.check(
        snooze.is_none_or(|until| until > now && until <= now + LONGEST_SNOOZE),
        "/snoozed_until",
        Text::new("В пределах следующих 30 дней.", "Within the next 30 days."),
    );
    violations.finish()?;
    let (mut transaction, alert) = locked(&state, id).await?;
    let assignee = handling.assignee.unwrap_or(alert.assignee_id);
    let snoozed_until = handling.snoozed_until.unwrap_or(alert.snoozed_until);
    if (assignee, snoozed_until) == (alert.assignee_id, alert.snoozed_until) {
        return Ok(Json(AlertResponse::new(&state, alert)));
    }
    store::alerts::set_handling(&mut transaction, id, assignee, snoozed_until).await?;
    let mut details = json!({});
    if assignee != alert.assignee_id {
        details["assignee"] = json!(assignee);
    }
    if snoozed_until != alert.snoozed_until {
        details["snoozed_until"] = json!(snoozed_until);
    }
    store::alerts::tell(
        &mut transaction,
        id,
        "changed",
        Some(identity.user_id),
        &details,
        now,
    )
    .await?;
    let entry = own_entry(
        &state,
        &identity,
        ip,
        "alerts.changed",
        format!("alert:{id}"),
        details,
    );
    store::audit::append(&mut transaction, vec![entry], now).await?;
    finish(&state, transaction, id).await
}

/// A remark.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Comment {
    text: String,
}

/// Adds a comment to an alert.
pub(crate) async fn comment(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
    Json(comment): Json<Comment>,
) -> Result<(::http::StatusCode, Json<EventResponse>), Problem> {
    let text = checked(&comment.text, "/text")?;
    let (mut transaction, _) = locked(&state, id).await?;
    let now = state.clock.now();
    let details = json!({ "text": text });
    let told = store::alerts::tell(
        &mut transaction,
        id,
        "commented",
        Some(identity.user_id),
        &details,
        now,
    )
    .await?;
    // Who commented, not what.
    let entry = own_entry(
        &state,
        &identity,
        ip,
        "alerts.commented",
        format!("alert:{id}"),
        json!({}),
    );
    store::audit::append(&mut transaction, vec![entry], now).await?;
    transaction.commit().await.store("commit")?;
    let response = EventResponse {
        id: told,
        at: now,
        kind: "commented".to_owned(),
        actor: Some(identity.user_id),
        details,
    };
    Ok((::http::StatusCode::CREATED, Json(response)))
}

fn checked(text: &str, pointer: &str) -> Result<String, Problem> {
    let text = text.trim();
    let mut violations = Violations::new();
    violations.check(
        (1..=MAX_COMMENT).contains(&text.chars().count()),
        pointer,
        Text::new("От 1 до 4000 символов.", "1 to 4000 characters."),
    );
    violations.finish()?;
    Ok(text.to_owned())
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct StatisticsQuery {
    since: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Statistics {
    since: DateTime<Utc>,
    total: i64,
    groups: Vec<StatisticsGroup>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct StatisticsGroup {
    kind: String,
    severity: String,
    state: String,
    resolution: Option<String>,
    count: i64,
    seconds_to_acknowledge: Option<f64>,
    seconds_to_resolve: Option<f64>,
}

/// How many alerts there are, and how soon they are handled.
pub(crate) async fn statistics(
    State(state): State<AppState>,
    Query(query): Query<StatisticsQuery>,
) -> Result<Json<Statistics>, Problem> {
    let since = query.since.unwrap_or(state.clock.now() - Duration::days(30));
    let mut connection = state.db.acquire().await.store("acquire")?;
    let rows = store::alerts::statistics(&mut connection, since).await?;
    Ok(Json(Statistics {
        since,
        total: rows.iter().map(|row| row.count).sum(),
        groups: rows
            .into_iter()
            .map(|row| StatisticsGroup {
                kind: row.kind,
                severity: row.severity,
                state: row.state,
                resolution: row.resolution,
                count: row.count,
                seconds_to_acknowledge: row.to_acknowledge,
                seconds_to_resolve: row.to_resolve,
            })
            .collect(),
    }))
}

/// The alert, with its threat locked against others.
async fn locked(state: &AppState, id: Uuid) -> Result<(Transaction<'static, Postgres>, AlertRow), Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    if !store::threats::lock_of_alert(&mut transaction, id).await? {
        return Err(Error::AlertNotFound.into());
    }
    let alert = store::alerts::by_id(&mut transaction, id)
        .await?
        .ok_or(Error::AlertNotFound)?;
    Ok((transaction, alert))
}

async fn finish(
    state: &AppState,
    mut transaction: Transaction<'static, Postgres>,
    id: Uuid,
) -> Result<Json<AlertResponse>, Problem> {
    let alert = store::alerts::by_id(&mut transaction, id)
        .await?
        .ok_or(Error::AlertNotFound)?;
    transaction.commit().await.store("commit")?;
    state.defence.ring();
    Ok(Json(AlertResponse::new(state, alert)))
}
