//! `/bans`, `/allowed` and `/responses`: what is done against threats, by itself and by people.

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
use serde_json::json;
use uuid::Uuid;

use super::audit::own_entry;
use crate::detect::Response;
use crate::error::{BanRefusal, Error, UndoRefusal};
use crate::responses::{Subject, user_of};
use crate::state::AppState;
use crate::store::audit;
use crate::store::responses::{self as store, Allowed, Filter, NewResponse, ResponseRow};

/// The longest ban that somebody may ask for.
const LONGEST: i64 = 365 * 86_400;

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ResponseResponse {
    id: Uuid,
    threat_id: Option<Uuid>,
    action: String,
    subject: String,
    state: String,
    /// The rule, or the words of who asked for it.
    reason: String,
    created_at: DateTime<Utc>,
    /// Absent for what was done by itself.
    created_by: Option<Uuid>,
    expires_at: Option<DateTime<Utc>>,
    done_at: Option<DateTime<Utc>>,
    undone_at: Option<DateTime<Utc>>,
    undone_by: Option<Uuid>,
    attempts: i32,
    error: Option<String>,
}

impl From<ResponseRow> for ResponseResponse {
    fn from(row: ResponseRow) -> Self {
        Self {
            id: row.id,
            threat_id: row.threat_id,
            action: row.action,
            subject: row.subject,
            state: row.state,
            reason: row.reason,
            created_at: row.created_at,
            created_by: row.created_by,
            expires_at: row.expires_at,
            done_at: row.done_at,
            undone_at: row.undone_at,
            undone_by: row.undone_by,
            attempts: row.attempts,
            error: row.error,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    action: Option<Response>,
    subject: Option<String>,
    threat_id: Option<Uuid>,
}

/// What rules have done by themselves, the newest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<ResponseResponse>>, Problem> {
    let filter = Filter {
        action: query.action.map(|action| action.as_str().to_owned()),
        subject: query.subject,
        threat: query.threat_id,
        in_force: false,
    };
    page(&state, query.limit, query.cursor, &filter).await
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct BansQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    subject: Option<String>,
}

/// Bans in force.
pub(crate) async fn bans(
    State(state): State<AppState>,
    Query(query): Query<BansQuery>,
) -> Result<Json<Page<ResponseResponse>>, Problem> {
    let filter = Filter {
        subject: query.subject,
        in_force: true,
        ..Filter::default()
    };
    page(&state, query.limit, query.cursor, &filter).await
}

async fn page(
    state: &AppState,
    limit: Option<u32>,
    cursor: Option<String>,
    filter: &Filter,
) -> Result<Json<Page<ResponseResponse>>, Problem> {
    let page = PageQuery { limit, cursor };
    let (limit, before) = (page.limit(), page.after::<Uuid>()?);
    let mut connection = state.db.acquire().await.store("acquire")?;
    let rows = store::list(&mut connection, filter, before, limit + 1, state.clock.now()).await?;
    let items: Vec<ResponseResponse> = rows.into_iter().map(ResponseResponse::from).collect();
    Ok(Json(Page::from_rows(items, limit, |response| response.id)))
}

/// Whom to ban.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BanRequest {
    /// `ip:<address or network>`, `stranger:<address or network>`, `user:<id>` or `session:<id>`.
    subject: String,
    reason: String,
    /// Seconds, up to a year.
    seconds: i64,
}

/// Bans an address, a network, a user, a session or an API key.
pub(crate) async fn ban(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(request): Json<BanRequest>,
) -> Result<(StatusCode, Json<ResponseResponse>), Problem> {
    let parsed = Subject::parse(&request.subject);
    let reason = request.reason.trim();
    let mut violations = checked(parsed, reason);
    violations.check(
        (1..=LONGEST).contains(&request.seconds),
        "/seconds",
        Text::new("От секунды до года.", "From a second to a year."),
    );
    violations.finish()?;
    let Some(parsed) = parsed else {
        return Err(Error::NotFound("subject").into());
    };
    let refuse = |refusal| Error::CannotBan(request.subject.clone(), refusal);
    if parsed.is_too_wide() {
        return Err(refuse(BanRefusal::TooWide).into());
    }
    if parsed.is_own() {
        return Err(refuse(BanRefusal::Own).into());
    }
    let own_address = Subject::parse(&format!("ip:{}", ip.0));
    let oneself = [
        own_address,
        Some(Subject::User(identity.user_id)),
        Some(Subject::Session(identity.session_id)),
    ];
    if oneself.into_iter().flatten().any(|own| parsed.touches(own)) {
        return Err(refuse(BanRefusal::Oneself).into());
    }
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    let allowed = store::allowed(&mut transaction).await?;
    let is_allowed = |one: &Allowed| Subject::parse(&one.subject).is_some_and(|other| parsed.touches(other));
    if allowed.iter().any(is_allowed) {
        return Err(refuse(BanRefusal::Allowed).into());
    }
    let new = NewResponse {
        id: ids::new_id(),
        threat_id: None,
        action: Response::Ban.as_str(),
        subject: &request.subject,
        state: "pending",
        reason,
        created_by: Some(identity.user_id),
        expires_at: Some(now + Duration::seconds(request.seconds)),
        error: None,
    };
    store::add(&mut transaction, &new, now).await?;
    let details = json!({ "until": new.expires_at, "reason": reason });
    let entry = own_entry(
        &state,
        &identity,
        ip,
        "bans.added",
        request.subject.clone(),
        details,
    );
    audit::append(&mut transaction, vec![entry], now).await?;
    let row = store::locked(&mut transaction, new.id)
        .await?
        .ok_or(Error::NotFound("ban"))?;
    transaction.commit().await.store("commit")?;
    state.defence.ring();
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// Takes a response or a ban back.
pub(crate) async fn undo(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<Json<ResponseResponse>, Problem> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    let row = store::locked(&mut transaction, id)
        .await?
        .ok_or(Error::NotFound("response"))?;
    let in_force =
        matches!(row.state.as_str(), "pending" | "done") && row.expires_at.is_none_or(|until| until > now);
    if !in_force {
        return Err(Error::CannotUndo(UndoRefusal::NotInForce).into());
    }
    match Response::from_name(&row.action) {
        Some(Response::Ban) => {}
        Some(Response::ForcePasswordReset) if row.state == "done" => {
            let refused = Error::CannotUndo(UndoRefusal::NotConfigured);
            let service = state.defence.identity().ok_or(refused)?;
            let user = user_of(&row.subject).ok_or(Error::CannotUndo(UndoRefusal::NotInForce))?;
            service
                .require_new_password(user, false)
                .await
                .map_err(Error::from)?;
        }
        _ if row.state == "pending" => {}
        _ => return Err(Error::CannotUndo(UndoRefusal::Irreversible).into()),
    }
    store::undo(&mut transaction, &[id], identity.user_id, now).await?;
    let details = json!({ "action": row.action, "response_id": id, "reason": row.reason });
    let entry = own_entry(
        &state,
        &identity,
        ip,
        "responses.undone",
        row.subject.clone(),
        details,
    );
    audit::append(&mut transaction, vec![entry], now).await?;
    let row = store::locked(&mut transaction, id)
        .await?
        .ok_or(Error::NotFound("response"))?;
    transaction.commit().await.store("commit")?;
    state.defence.ring();
    Ok(Json(row.into()))
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AllowedResponse {
    id: Uuid,
    subject: String,
    reason: String,
    created_at: DateTime<Utc>,
    created_by: Uuid,
}

impl From<Allowed> for AllowedResponse {
    fn from(row: Allowed) -> Self {
        Self {
            id: row.id,
            subject: row.subject,
            reason: row.reason,
            created_at: row.created_at,
            created_by: row.created_by,
        }
    }
}

/// Who is never banned.
pub(crate) async fn allowed(State(state): State<AppState>) -> Result<Json<Page<AllowedResponse>>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let rows = store::allowed(&mut connection).await?;
    Ok(Json(Page {
        items: rows.into_iter().map(AllowedResponse::from).collect(),
        next_cursor: None,
    }))
}

/// Who is never to be banned.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AllowRequest {
    subject: String,
    reason: String,
}

/// Says who is never banned; bans that touch the subject are lifted.
pub(crate) async fn allow(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(request): Json<AllowRequest>,
) -> Result<(StatusCode, Json<AllowedResponse>), Problem> {
    let parsed = Subject::parse(&request.subject);
    let reason = request.reason.trim();
    checked(parsed, reason).finish()?;
    let Some(parsed) = parsed else {
        return Err(Error::NotFound("subject").into());
    };
    let now = state.clock.now();
    let new = Allowed {
        id: ids::new_id(),
        subject: request.subject,
        reason: reason.to_owned(),
        created_at: now,
        created_by: identity.user_id,
    };
    let mut transaction = state.db.begin().await.store("begin")?;
    if !store::allow(&mut transaction, &new).await? {
        return Err(Error::AllowedAlready.into());
    }
    let bans = store::bans_in_force(&mut transaction, now).await?;
    let touched =
        |ban: &&ResponseRow| Subject::parse(&ban.subject).is_some_and(|banned| parsed.touches(banned));
    let lifted: Vec<Uuid> = bans.iter().filter(touched).map(|ban| ban.id).collect();
    store::undo(&mut transaction, &lifted, identity.user_id, now).await?;
    let details = json!({ "reason": new.reason, "lifted": lifted });
    let entry = own_entry(
        &state,
        &identity,
        ip,
        "bans.allowed",
        new.subject.clone(),
        details,
    );
    audit::append(&mut transaction, vec![entry], now).await?;
    transaction.commit().await.store("commit")?;
    state.defence.ring();
    Ok((StatusCode::CREATED, Json(new.into())))
}

/// Takes a subject off the allow list.
pub(crate) async fn disallow(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let subject = store::disallow(&mut transaction, id)
        .await?
        .ok_or(Error::NotFound("entry"))?;
    let entry = own_entry(&state, &identity, ip, "bans.disallowed", subject, json!({}));
    audit::append(&mut transaction, vec![entry], state.clock.now()).await?;
    transaction.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}

fn checked(subject: Option<Subject>, reason: &str) -> Violations {
    let mut violations = Violations::new();
    violations.check(
        subject.is_some(),
        "/subject",
        Text::new(
            "Ожидается ip:<адрес или сеть>, stranger:<адрес или сеть>, user:<id> или session:<id>.",
            "Expected ip:<address or network>, stranger:<address or network>, user:<id> or session:<id>.",
        ),
    );
    violations.check(
        (1..=500).contains(&reason.chars().count()),
        "/reason",
        Text::new("От 1 до 500 символов.", "1 to 500 characters."),
    );
    violations
}
