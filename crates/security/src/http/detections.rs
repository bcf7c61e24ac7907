//! `/detections`: the rules in force, trying one out over the past, and what is no threat here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use chrono::{DateTime, Duration, Utc};
use common::Text;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Page, Path, Problem, Violations};
use common::ids;
use common::telemetry::RequestContext;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::audit::own_entry;
use crate::detect::{Observation, Rule, evaluate};
use crate::error::Error;
use crate::network::Network;
use crate::state::AppState;
use crate::store;
use crate::store::exceptions::Exception;
use crate::threats::Severity;

/// Observations that a trial looks at.
const MOST_OBSERVATIONS: i64 = 100_000;
/// Findings that a trial shows.
const MOST_FINDINGS: usize = 100;
/// The longest past of a trial.
const LONGEST_PAST: Duration = Duration::days(92);

/// A rule as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RuleResponse {
    name: String,
    advice: String,
    rule: Rule,
}

/// The rules of detection, in force and switched off.
pub(crate) async fn list(State(state): State<AppState>) -> Json<Page<RuleResponse>> {
    let locale = RequestContext::current_locale();
    let rules = state.defence.rules().all().iter();
    let items = rules
        .map(|rule| RuleResponse {
            name: rule.title("…", locale),
            advice: rule.advice.get(locale).to_owned(),
            rule: Rule::clone(rule),
        })
        .collect();
    std::future::ready(Json(Page {
        items,
        next_cursor: None,
    }))
    .await
}

/// What to try out: a rule in force by its `id`, with the fields that differ; or a rule of one's own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DryRun {
    rule: Value,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

/// What the rule would have found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DryRunResponse {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    observations: usize,
    /// More observations than a trial looks at: shorten the time.
    truncated: bool,
    subjects: usize,
    /// Subjects that it would have found something about.
    found: usize,
    findings: Vec<DryFinding>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct DryFinding {
    subject: String,
    title: String,
    severity: Severity,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    count: u64,
    evidence: Value,
}

/// Tries a rule over what happened; nothing is recorded and nobody is told.
pub(crate) async fn dry_run(
    State(state): State<AppState>,
    Json(request): Json<DryRun>,
) -> Result<Json<DryRunResponse>, Problem> {
    let rule = Arc::new(tried(&state, request.rule)?);
    let now = state.clock.now();
    let to = request.to.unwrap_or(now);
    let from = request.from.unwrap_or(to - Duration::days(7));
    let mut violations = Violations::new();
    violations.check(
        from < to && to - from <= LONGEST_PAST,
        "/from",
        Text::new(
            "Раньше `to`, не больше чем на 92 дня.",
            "Before `to`, by 92 days at most.",
        ),
    );
    violations.finish()?;
    let rules = state.defence.rules().clone();
    let outdoing = rule.unless.iter().filter_map(|id| rules.get(id));
    let seen = [&rule].into_iter().chain(outdoing);
    let signals: Vec<String> = seen
        .flat_map(|rule| rule.signals.iter().chain(&rule.then))
        .cloned()
        .collect();
    let mut connection = state.db.acquire().await.store("acquire")?;
    let past = store::observations::history(&mut connection, &signals, (from, to), MOST_OBSERVATIONS).await?;
    drop(connection);
    let observations = past.len();
    let locale = RequestContext::current_locale();
    let judged = tokio::task::spawn_blocking(move || {
        let mut groups: HashMap<String, Vec<Observation>> = HashMap::new();
        for mut one in past {
            one.fresh = true;
            if let Some(key) = one.field(rule.by) {
                groups.entry(key.to_owned()).or_default().push(one);
            }
        }
        let subjects = groups.len();
        let mut findings: Vec<DryFinding> = groups
            .into_iter()
            .filter_map(|(key, group)| evaluate(&rule, &rules, &rule.by.subject(&key), &group))
            .map(|finding| DryFinding {
                title: rule.title(crate::threats::short(&finding.subject), locale),
                subject: finding.subject,
                severity: rule.severity,
                first_seen: finding.first_seen,
                last_seen: finding.last_seen,
                count: finding.count,
                evidence: finding.evidence,
            })
            .collect();
        findings.sort_by(|one, other| (other.count, &one.subject).cmp(&(one.count, &other.subject)));
        (subjects, findings)
    });
    let (subjects, mut findings) = judged.await.map_err(|error| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            Text::new("Внутренняя ошибка", "Internal error"),
        )
        .source(error)
    })?;
    let found = findings.len();
    findings.truncate(MOST_FINDINGS);
    Ok(Json(DryRunResponse {
        from,
        to,
        observations,
        truncated: i64::try_from(observations).is_ok_and(|count| count >= MOST_OBSERVATIONS),
        subjects,
        found,
        findings,
    }))
}

/// The rule that a trial names.
fn tried(state: &AppState, wanted: Value) -> Result<Rule, Problem> {
    let known = wanted
        .get("id")
        .and_then(Value::as_str)
        .and_then(|id| state.defence.rules().get(id));
    let mut fields: BTreeMap<String, Value> = match known {
        Some(rule) => serde_json::to_value(&**rule)
            .and_then(serde_json::from_value)
            .unwrap_or_default(),
        None => BTreeMap::new(),
    };
    if let Value::Object(members) = wanted {
        fields.extend(members);
    }
    let rule: Result<Rule, String> = serde_json::to_value(fields)
        .and_then(serde_json::from_value)
        .map_err(|error: serde_json::Error| error.to_string());
    let rule = rule.and_then(|rule| match rule.mistake() {
        Some(mistake) => Err(mistake),
        None => Ok(rule),
    });
    rule.map_err(|mistake| {
        let mut violations = Violations::new();
        violations.check(
            false,
            "/rule",
            Text::new(
                format!("Такое правило не работает: {mistake}"),
                format!("Such a rule cannot work: {mistake}"),
            ),
        );
        violations.finish().err().unwrap_or_else(Problem::not_found)
    })
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ExceptionResponse {
    id: Uuid,
    rule: Option<String>,
    network: Option<String>,
    subject: Option<String>,
    until: Option<DateTime<Utc>>,
    reason: String,
    created_at: DateTime<Utc>,
    created_by: Uuid,
}

impl From<Exception> for ExceptionResponse {
    fn from(row: Exception) -> Self {
        Self {
            id: row.id,
            rule: row.rule,
            network: row.network,
            subject: row.subject,
            until: row.until,
            reason: row.reason,
            created_at: row.created_at,
            created_by: row.created_by,
        }
    }
}

/// What was said to be no threat.
pub(crate) async fn exceptions(
    State(state): State<AppState>,
) -> Result<Json<Page<ExceptionResponse>>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let rows = store::exceptions::active(&mut connection, state.clock.now()).await?;
    Ok(Json(Page {
        items: rows.into_iter().map(ExceptionResponse::from).collect(),
        next_cursor: None,
    }))
}

/// What is no threat. A rule alone is snoozed: until a time only.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExceptionRequest {
    rule: Option<String>,
    /// An address or a network.
    network: Option<String>,
    /// `ip:<address>`, `user:<id>`, `account:<hash>`.
    subject: Option<String>,
    until: Option<DateTime<Utc>>,
    reason: String,
}

/// Says that something is no threat, until a moment.
pub(crate) async fn add_exception(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(request): Json<ExceptionRequest>,
) -> Result<(StatusCode, Json<ExceptionResponse>), Problem> {
    let now = state.clock.now();
    let reason = request.reason.trim().to_owned();
    let narrow = request.network.is_some() || request.subject.is_some();
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
        request
            .network
            .as_deref()
            .is_none_or(|network| network.parse::<Network>().is_ok()),
        "/network",
        Text::new(
            "Ожидается адрес или сеть, например 10.0.0.0/8.",
            "Expected an address or a network such as 10.0.0.0/8.",
        ),
    );
    violations.check(
        request
            .subject
            .as_deref()
            .is_none_or(|subject| subject.len() <= 200 && subject.contains(':')),
        "/subject",
        Text::new(
            "Ожидается, например, user:<id>.",
            "Expected for example user:<id>.",
        ),
    );
    violations.check(
        narrow || (request.rule.is_some() && request.until.is_some()),
        "",
        Text::new(
            "Назовите сеть или субъект; правило целиком можно отложить только до срока `until`.",
            "Name a network or a subject; a whole rule can be snoozed only, `until` a time.",
        ),
    );
    violations.check(
        request.until.is_none_or(|until| until > now),
        "/until",
        Text::new("В будущем.", "In the future."),
    );
    violations.check(
        (1..=500).contains(&reason.chars().count()),
        "/reason",
        Text::new("От 1 до 500 символов.", "1 to 500 characters."),
    );
    violations.finish()?;
    let exception = Exception {
        id: ids::new_id(),
        rule: request.rule,
        network: request.network,
        subject: request.subject,
        until: request.until,
        reason,
        created_at: now,
        created_by: identity.user_id,
    };
    let mut transaction = state.db.begin().await.store("begin")?;
    store::exceptions::add(&mut transaction, &exception).await?;
    let details = json!({
        "rule": exception.rule, "network": exception.network, "subject": exception.subject,
        "until": exception.until, "reason": exception.reason,
    });
    let target = format!("exception:{}", exception.id);
    let entry = own_entry(
        &state,
        &identity,
        ip,
        "detections.exception_added",
        target,
        details,
    );
    store::audit::append(&mut transaction, vec![entry], now).await?;
    transaction.commit().await.store("commit")?;
    Ok((StatusCode::CREATED, Json(exception.into())))
}

/// Ends an exception.
pub(crate) async fn end_exception(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    if !store::exceptions::end(&mut transaction, id, identity.user_id, now).await? {
        return Err(Error::NotFound("exception").into());
    }
    let target = format!("exception:{id}");
    let entry = own_entry(
        &state,
        &identity,
        ip,
        "detections.exception_ended",
        target,
        json!({}),
    );
    store::audit::append(&mut transaction, vec![entry], now).await?;
    transaction.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}
