//! `/notifications`: who is told of alerts, what was told, and when nobody is.

use ::http::StatusCode;
use axum::extract::State;
use chrono::{DateTime, Duration, Utc};
use common::Text;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Page, PageQuery, Path, Problem, Query, Violations};
use common::ids;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::audit::own_entry;
use crate::channels::{Channel, Message, Told};
use crate::detect::Words;
use crate::error::Error;
use crate::state::AppState;
use crate::store;
use crate::store::deliveries::Delivery;
use crate::store::exceptions::Silence;
use crate::threats::Severity;

/// The longest silence.
const LONGEST_SILENCE: Duration = Duration::days(30);

/// Who is told.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChannelsResponse {
    channels: Vec<&'static str>,
    alertmanager: bool,
    min_severity: Severity,
    pending: i64,
    dead: i64,
}

/// The channels, and how their messages fare.
pub(crate) async fn channels(State(state): State<AppState>) -> Result<Json<ChannelsResponse>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let (pending, dead) = store::deliveries::waiting_and_dead(&mut connection).await?;
    let channels = state.defence.channels();
    Ok(Json(ChannelsResponse {
        channels: channels.configured().into_iter().map(Channel::as_str).collect(),
        alertmanager: channels.alertmanager().is_some(),
        min_severity: channels.least(),
        pending,
        dead,
    }))
}

/// Which channel to try.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestRequest {
    channel: String,
}

/// Leaves a message for a channel, to try it.
pub(crate) async fn test(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(request): Json<TestRequest>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let channel = Channel::from_name(&request.channel)
        .filter(|channel| state.defence.channels().configured().contains(channel))
        .ok_or(Error::ChannelNotConfigured)?;
    let now = state.clock.now();
    let message = Message {
        told: Told::Test,
        at: now,
        alert_id: None,
        threat_id: None,
        rule: "test".to_owned(),
        severity: Severity::Low.as_str().to_owned(),
        risk: 0,
        technique: None,
        subject: format!("user:{}", identity.user_id),
        title: Words {
            ru: "оповещения доходят".to_owned(),
            en: "notifications arrive".to_owned(),
        },
        advice: None,
        count: 0,
        first_seen: now,
        last_seen: now,
        evidence: json!({}),
    };
    let payload = serde_json::to_value(&message).unwrap_or_default();
    let mut transaction = state.db.begin().await.store("begin")?;
    let told = message.told.as_str();
    let id = store::deliveries::add(&mut transaction, channel.as_str(), None, told, &payload, now).await?;
    let target = format!("channel:{}", channel.as_str());
    let entry = own_entry(&state, &identity, ip, "notifications.tested", target, json!({}));
    store::audit::append(&mut transaction, vec![entry], now).await?;
    transaction.commit().await.store("commit")?;
    state.defence.ring();
    Ok((StatusCode::ACCEPTED, Json(json!({ "delivery_id": id }))))
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum DeliveryState {
    Pending,
    Delivered,
    Dead,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DeliveriesQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    state: Option<DeliveryState>,
    alert_id: Option<Uuid>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeliveryResponse {
    id: Uuid,
    channel: String,
    alert_id: Option<Uuid>,
    event: String,
    state: String,
    attempts: i32,
    created_at: DateTime<Utc>,
    next_attempt_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    error: Option<String>,
}

impl From<Delivery> for DeliveryResponse {
    fn from(row: Delivery) -> Self {
        Self {
            next_attempt_at: (row.state == "pending").then_some(row.next_attempt_at),
            id: row.id,
            channel: row.channel,
            alert_id: row.alert_id,
            event: row.event,
            state: row.state,
            attempts: row.attempts,
            created_at: row.created_at,
            delivered_at: row.delivered_at,
            error: row.error,
        }
    }
}

/// Messages, the newest first.
pub(crate) async fn deliveries(
    State(state): State<AppState>,
    Query(query): Query<DeliveriesQuery>,
) -> Result<Json<Page<DeliveryResponse>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let (limit, before) = (page.limit(), page.after::<Uuid>()?);
    let wanted = query.state.map(|state| match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Dead => "dead",
    });
    let mut connection = state.db.acquire().await.store("acquire")?;
    let rows = store::deliveries::list(&mut connection, wanted, query.alert_id, before, limit + 1).await?;
    let items: Vec<DeliveryResponse> = rows.into_iter().map(DeliveryResponse::from).collect();
    Ok(Json(Page::from_rows(items, limit, |delivery| delivery.id)))
}

/// Tries a message that was given up for another day.
pub(crate) async fn retry(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    if !store::deliveries::revive(&mut transaction, id, now).await? {
        return Err(Error::NotFound("delivery").into());
    }
    let target = format!("delivery:{id}");
    let entry = own_entry(&state, &identity, ip, "notifications.retried", target, json!({}));
    store::audit::append(&mut transaction, vec![entry], now).await?;
    transaction.commit().await.store("commit")?;
    state.defence.ring();
    Ok(StatusCode::ACCEPTED)
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SilenceResponse {
    id: Uuid,
    rule: Option<String>,
    up_to: Option<String>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    reason: String,
    created_at: DateTime<Utc>,
    created_by: Uuid,
}

impl From<Silence> for SilenceResponse {
    fn from(row: Silence) -> Self {
        Self {
            id: row.id,
            rule: row.rule,
            up_to: row.up_to,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            reason: row.reason,
            created_at: row.created_at,
            created_by: row.created_by,
        }
    }
}

/// Silences that have not ended.
pub(crate) async fn silences(State(state): State<AppState>) -> Result<Json<Page<SilenceResponse>>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let rows = store::exceptions::silences(&mut connection, state.clock.now()).await?;
    Ok(Json(Page {
        items: rows.into_iter().map(SilenceResponse::from).collect(),
        next_cursor: None,
    }))
}

/// When nobody is to be told. Threats are recorded and answered all the same.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SilenceRequest {
    rule: Option<String>,
    /// Worse threats are told.
    up_to: Option<Severity>,
    starts_at: Option<DateTime<Utc>>,
    ends_at: DateTime<Utc>,
    reason: String,
}

/// Holds messages back until a moment.
pub(crate) async fn add_silence(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(request): Json<SilenceRequest>,
) -> Result<(StatusCode, Json<SilenceResponse>), Problem> {
    let now = state.clock.now();
    let starts_at = request.starts_at.unwrap_or(now);
    let reason = request.reason.trim().to_owned();
    let mut violations = Violations::new();
    violations.check(
        request
            .rule
            .as_deref()
            .is_none_or(|rule| state.defence.rules().get(rule).is_some()),
        "/rule",
        Text::new("Такого правила нет.", "There is no such rule."),
    );
    violations.check(
        request.ends_at > starts_at
            && request.ends_at > now
            && request.ends_at - starts_at <= LONGEST_SILENCE,
        "/ends_at",
        Text::new(
            "Позже начала, не больше чем на 30 дней.",
            "After its start, by 30 days at most.",
        ),
    );
    violations.check(
        (1..=500).contains(&reason.chars().count()),
        "/reason",
        Text::new("От 1 до 500 символов.", "1 to 500 characters."),
    );
    violations.finish()?;
    let silence = Silence {
        id: ids::new_id(),
        rule: request.rule,
        up_to: request.up_to.map(|severity| severity.as_str().to_owned()),
        starts_at,
        ends_at: request.ends_at,
        reason,
        created_at: now,
        created_by: identity.user_id,
    };
    let mut transaction = state.db.begin().await.store("begin")?;
    store::exceptions::silence(&mut transaction, &silence).await?;
    let details = json!({
        "rule": silence.rule, "up_to": silence.up_to, "starts_at": starts_at, "ends_at": silence.ends_at,
        "reason": silence.reason,
    });
    let target = format!("silence:{}", silence.id);
    let entry = own_entry(&state, &identity, ip, "notifications.silenced", target, details);
    store::audit::append(&mut transaction, vec![entry], now).await?;
    transaction.commit().await.store("commit")?;
    Ok((StatusCode::CREATED, Json(silence.into())))
}

/// Ends a silence.
pub(crate) async fn end_silence(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    if !store::exceptions::end_silence(&mut transaction, id, now).await? {
        return Err(Error::NotFound("silence").into());
    }
    let target = format!("silence:{id}");
    let entry = own_entry(
        &state,
        &identity,
        ip,
        "notifications.silence_ended",
        target,
        json!({}),
    );
    store::audit::append(&mut transaction, vec![entry], now).await?;
    transaction.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}
