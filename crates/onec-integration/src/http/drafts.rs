//! `/documents`: writing into 1C, first as a draft, then by its confirmation.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use common::Text;
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Path, Problem, Violations};
use common::ids;
use common::telemetry::{Chain, RequestContext};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::entities::open;
use super::entity_rows::companies;
use super::{Caller, audit, audit_as, locale};
use crate::drafts::differences::named;
use crate::drafts::execute::{End, Written, carry_out, outcome, result};
use crate::drafts::plan::{self, Plan, Request, declared, expiry};
use crate::drafts::problem::Failure;
use crate::drafts::trace::{Trace, look};
use crate::drafts::values::presented;
use crate::error::Error;
use crate::state::AppState;
use crate::store::drafts::{self as store, Draft, Write};
use crate::store::infobases::{self, Infobase};
use crate::store::jobs::{self, Mode, NewJob};

/// How often a writer tells that it is at work.
const BEAT: Duration = Duration::from_secs(5);
/// One that has not told for so long has ended on the way.
const SILENT: TimeDelta = TimeDelta::seconds(30);

/// What to write.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateDraft {
    /// May be left out when there is one infobase.
    infobase_id: Option<Uuid>,
    /// The draft is to be of this company of the caller's.
    company_id: Option<Uuid>,
    /// `Document_X` or `Catalog_X`.
    entity: String,
    /// The object to change; a new one is made without it.
    r#ref: Option<Uuid>,
    values: Map<String, Value>,
    /// Post the document afterwards.
    #[serde(default)]
    post: bool,
}

/// A draft: what will be written when it is confirmed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DraftView {
    id: Uuid,
    infobase_id: Uuid,
    entity: String,
    r#ref: Uuid,
    is_new: bool,
    /// What people know the object by, when there is one.
    name: String,
    post: bool,
    /// `pending`, `writing`, `done`, `failed` or `expired`.
    state: String,
    /// What will be written, with the names of the objects that it refers to.
    values: Map<String, Value>,
    differences: Value,
    warnings: Vec<String>,
    /// To be sent back with the confirmation.
    digest: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
}

impl DraftView {
    fn new(draft: Draft, plan: &Plan, now: DateTime<Utc>) -> Self {
        let is_late = draft.state == "pending" && draft.expires_at <= now;
        let locale = locale();
        let warnings = plan.warnings.iter();
        Self {
            id: draft.id,
            infobase_id: draft.infobase_id,
            entity: draft.entity,
            r#ref: draft.reference,
            is_new: draft.is_new,
            name: plan.name.clone(),
            post: plan.post,
            state: if is_late {
                "expired".to_owned()
            } else {
                draft.state
            },
            values: presented(&plan.values, &plan.names),
            differences: named(&plan.differences, &plan.names),
            warnings: warnings
                .map(|warning| match locale {
                    common::Locale::Ru => warning.ru.clone(),
                    common::Locale::En => warning.en.clone(),
                })
                .collect(),
            digest: draft.digest,
            created_at: draft.created_at,
            expires_at: draft.expires_at,
            result: draft.result,
        }
    }
}

/// Drafts a change.
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(request): Json<CreateDraft>,
) -> Result<(StatusCode, Json<DraftView>), Problem> {
    let (infobase, onec) = open(&state, &identity, request.infobase_id).await?;
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let companies = companies(
        &mut connection,
        state.profiles,
        &identity,
        &infobase,
        request.company_id,
    )
    .await?;
    drop(connection);
    let wanted = Request {
        entity: request.entity,
        reference: request.r#ref,
        values: request.values,
        post: request.post,
    };
    let plan = Box::pin(plan::make(&state, &infobase, &onec, companies.as_ref(), wanted)).await?;
    let now = state.clock.now();
    let draft = Draft {
        id: ids::new_id(),
        infobase_id: infobase.id,
        user_id: identity.user_id,
        entity: plan.entity.clone(),
        reference: plan.reference,
        is_new: plan.is_new,
        digest: plan.digest(),
        plan: serde_json::to_value(&plan).map_err(Problem::internal)?,
        state: "pending".to_owned(),
        result: None,
        created_at: now,
        expires_at: expiry(now),
    };
    let mut transaction = state.pool.begin().await.store("begin")?;
    store::remove_old(&mut transaction, now).await?;
    store::insert(&mut transaction, &draft).await?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let details = json!({"draft_id": draft.id, "infobase_id": infobase.id, "ref": draft.reference, "new": draft.is_new});
    let target = format!("entity:{}", draft.entity);
    audit(
        &mut transaction,
        &state,
        &caller,
        "documents.drafted",
        target,
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok((StatusCode::CREATED, Json(DraftView::new(draft, &plan, now))))
}

/// A draft of the caller's, with its plan.
async fn load(
    connection: &mut PgConnection,
    identity: &Identity,
    id: Uuid,
) -> Result<(Draft, Plan), Problem> {
    let draft = store::get(connection, id, identity.user_id).await?;
    // The caller may have lost the infobase since, or come with a key that does not reach it.
    let draft = draft.filter(|draft| identity.infobases.contains(draft.infobase_id));
    let draft = draft.ok_or(Failure::DraftNotFound)?;
    let plan = Plan::deserialize(&draft.plan).map_err(Problem::internal)?;
    Ok((draft, plan))
}

/// Tells a draft and what came of it.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<Json<DraftView>, Problem> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let (mut draft, mut plan) = load(&mut connection, &identity, id).await?;
    drop(connection);
    if draft.state == "writing" {
        // That 1C cannot be asked now is no reason to show nothing.
        if let Err(problem) = find_out(&state, &identity, ip, &draft, &plan).await {
            tracing::warn!(
                labels.code = problem.code(),
                "what came of a draft is not known yet"
            );
        }
        let mut connection = state.pool.acquire().await.store("acquire")?;
        (draft, plan) = load(&mut connection, &identity, id).await?;
    }
    Ok(Json(DraftView::new(draft, &plan, state.clock.now())))
}

/// Looks in 1C for what came of a draft whose writer has ended on the way, and notes it.
async fn find_out(
    state: &AppState,
    identity: &Identity,
    ip: ClientIp,
    draft: &Draft,
    plan: &Plan,
) -> Result<(), Problem> {
    let now = state.clock.now();
    let mut connection = state.pool.acquire().await.store("acquire")?;
    if !store::take_over(&mut connection, draft.id, now, now - SILENT).await? {
        return Ok(());
    }
    let infobase = infobases::get(&mut connection, draft.infobase_id).await?;
    let infobase = infobase.ok_or(Error::InfobaseNotFound)?;
    let published = declared(&mut connection, draft.infobase_id, &plan.entity).await;
    drop(connection);
    let found = match published {
        Ok(published) => look(state, &infobase, &published, plan).await,
        Err(problem) => Err(problem),
    };
    let found = match found {
        Ok(found) => found,
        Err(problem) => {
            // Whoever asks next looks again.
            let mut connection = state.pool.acquire().await.store("acquire")?;
            store::stay(&mut connection, draft.id, DateTime::UNIX_EPOCH).await?;
            return Err(problem);
        }
    };
    let end = match found {
        Trace::Written(written) => End::Written(written),
        Trace::Unclear => End::Unknown,
        Trace::Nothing => {
            let mut connection = state.pool.acquire().await.store("acquire")?;
            return Ok(store::release(&mut connection, draft.id).await?);
        }
    };
    let writer = Writer {
        state: state.clone(),
        identity: identity.clone(),
        ip,
        infobase: Arc::new(infobase),
    };
    // What is told of it is noted with the draft.
    let _told = settle(&writer, draft, plan, end).await;
    Ok(())
}

/// Throws a draft away.
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let (draft, _) = load(&mut connection, &identity, id).await?;
    if store::remove(&mut connection, draft.id, identity.user_id).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let (draft, _) = load(&mut connection, &identity, id).await?;
    Err(Failure::DraftUsed(draft.result).into())
}

/// What is confirmed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmDraft {
    /// The digest that the draft was shown with.
    digest: String,
}

/// Somebody who writes, for as long as it takes.
#[derive(Clone)]
pub(super) struct Writer {
    pub(super) state: AppState,
    pub(super) identity: Identity,
    pub(super) ip: ClientIp,
    pub(super) infobase: Arc<Infobase>,
}

/// Carries a draft out, once.
pub(crate) async fn confirm(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
    Json(request): Json<ConfirmDraft>,
) -> Result<Json<Value>, Problem> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let (mut draft, mut plan) = load(&mut connection, &identity, id).await?;
    let mut violations = Violations::new();
    violations.check(
        draft.digest == request.digest,
        "/digest",
        Text::new(
            "Это не то, что было показано: нужен digest черновика.",
            "This is not what was shown: the digest of the draft is needed.",
        ),
    );
    violations.finish()?;
    if draft.state == "writing" {
        drop(connection);
        Box::pin(find_out(&state, &identity, ip, &draft, &plan)).await?;
        connection = state.pool.acquire().await.store("acquire")?;
        (draft, plan) = load(&mut connection, &identity, id).await?;
    }
    if let Some(answer) = earlier(&draft)? {
        return Ok(Json(answer));
    }
    let infobase = infobases::get(&mut connection, draft.infobase_id).await?;
    let infobase = infobase.ok_or(Error::InfobaseNotFound)?;
    check_companies(&mut connection, &state, &identity, &infobase, &plan.companies).await?;
    if !store::claim(&mut connection, id, state.clock.now()).await? {
        let (draft, _) = load(&mut connection, &identity, id).await?;
        return match earlier(&draft)? {
            Some(answer) => Ok(Json(answer)),
            None => Err(Failure::DraftExpired.into()),
        };
    }
    drop(connection);
    let writer = Writer {
        state,
        identity,
        ip,
        infobase: Arc::new(infobase),
    };
    finished(writer, async move |writer| write(writer, draft, plan).await)
        .await
        .map(Json)
}

/// What came of a draft that was confirmed before; none when it still can be.
fn earlier(draft: &Draft) -> Result<Option<Value>, Failure> {
    match draft.state.as_str() {
        "pending" => Ok(None),
        "done" => Ok(draft.result.clone()),
        _ => Err(Failure::DraftUsed(draft.result.clone())),
    }
}

/// Runs a change to its end, also when the client goes away meanwhile.
pub(super) async fn finished<F>(
    writer: Writer,
    change: impl FnOnce(Writer) -> F + Send + 'static,
) -> Result<Value, Problem>
where
    F: Future<Output = Result<Value, Problem>> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let connections = writer.state.connections.clone();
    let context = RequestContext::current().unwrap_or_else(RequestContext::background);
    connections.spawn(context.scope(async move {
        // Nobody waits when the client has gone.
        let _gone = sender.send(change(writer).await);
    }));
    receiver.await.map_err(Problem::internal)?
}

/// That a caller restricted to companies may still write an object that belongs to these.
pub(super) async fn check_companies(
    connection: &mut PgConnection,
    state: &AppState,
    identity: &Identity,
    infobase: &Infobase,
    belongs_to: &[Uuid],
) -> Result<(), Problem> {
    let Some(companies) = companies(connection, state.profiles, identity, infobase, None).await? else {
        return Ok(());
    };
    let is_own = belongs_to
        .iter()
        .all(|company| companies.references.contains(company));
    if belongs_to.is_empty() || !is_own {
        return Err(Failure::NotOwn.into());
    }
    Ok(())
}

async fn write(writer: Writer, draft: Draft, plan: Plan) -> Result<Value, Problem> {
    let state = &writer.state;
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let published = declared(&mut connection, draft.infobase_id, &plan.entity).await;
    let published = match published {
        Ok(published) => published,
        Err(problem) => {
            store::release(&mut connection, draft.id).await?;
            return Err(problem);
        }
    };
    drop(connection);
    let end = tokio::select! {
        end = Box::pin(carry_out(state, &writer.infobase, &published, &plan)) => end,
        never = stay(state, draft.id) => match never {},
    };
    settle(&writer, &draft, &plan, end).await
}

/// Tells that a draft is being carried out, for as long as it is.
async fn stay(state: &AppState, draft: Uuid) -> Infallible {
    loop {
        tokio::time::sleep(BEAT).await;
        let Ok(mut connection) = state.pool.acquire().await else {
            continue;
        };
        if let Err(error) = store::stay(&mut connection, draft, state.clock.now()).await {
            tracing::warn!(error = %Chain(&error), "a draft at work could not be marked");
        }
    }
}

/// Notes how a draft ended, unless somebody else has, and tells it.
async fn settle(writer: &Writer, draft: &Draft, plan: &Plan, end: End) -> Result<Value, Problem> {
    let state = &writer.state;
    let mut transaction = state.pool.begin().await.store("begin")?;
    if !store::hold(&mut transaction, draft.id).await? {
        let (draft, _) = load(&mut transaction, &writer.identity, draft.id).await?;
        return earlier(&draft)?.ok_or_else(|| Failure::DraftUsed(None).into());
    }
    let caller = Caller {
        identity: &writer.identity,
        ip: writer.ip,
    };
    let target = format!("entity:{}", draft.entity);
    let mut details = json!({"draft_id": draft.id, "infobase_id": draft.infobase_id, "ref": draft.reference});
    let answer = match end {
        End::Unsent(problem) => {
            store::release(&mut transaction, draft.id).await?;
            Err(problem)
        }
        End::Refused(failure) => {
            let problem = Problem::from(failure);
            fail(&mut transaction, draft.id, &problem).await?;
            details["code"] = problem.code().into();
            let how = ("documents.written", Outcome::Failure);
            audit_as(&mut transaction, state, &caller, how, target, details).await?;
            Err(problem)
        }
        End::Unknown => {
            let record = record(draft, plan, None, state.clock.now());
            store::record(&mut transaction, &record).await?;
            let unknown = Failure::OutcomeUnknown(draft.entity.clone(), draft.reference, record.id);
            let problem = Problem::from(unknown);
            fail(&mut transaction, draft.id, &problem).await?;
            details["code"] = problem.code().into();
            let how = ("documents.written", Outcome::Failure);
            audit_as(&mut transaction, state, &caller, how, target, details).await?;
            nudge(&mut transaction, writer).await?;
            Err(problem)
        }
        End::Written(written) => {
            let record = record(draft, plan, Some(&written), state.clock.now());
            store::record(&mut transaction, &record).await?;
            let told = result(plan, &written, record.id);
            store::finish(&mut transaction, draft.id, "done", &told).await?;
            details["ref"] = record.reference.to_string().into();
            details["write_id"] = record.id.to_string().into();
            details["outcome"] = record.outcome.as_str().into();
            let written_details = details.clone();
            audit(
                &mut transaction,
                state,
                &caller,
                "documents.written",
                target.clone(),
                written_details,
            )
            .await?;
            if plan.post {
                let how = if written.was_posted_now {
                    Outcome::Success
                } else {
                    Outcome::Failure
                };
                let how = ("documents.posted", how);
                audit_as(&mut transaction, state, &caller, how, target, details).await?;
            }
            nudge(&mut transaction, writer).await?;
            Ok(told)
        }
    };
    transaction.commit().await.store("commit")?;
    state.queued.notify_one();
    answer
}

/// Notes that nothing came of a draft, or that nobody knows.
async fn fail(connection: &mut PgConnection, draft: Uuid, problem: &Problem) -> Result<(), Problem> {
    let told = problem.to_json(locale(), None);
    Ok(store::finish(connection, draft, "failed", &told).await?)
}

/// Has the mirror brought up to date soon; what is at work already comes to it as well, or the next.
pub(super) async fn nudge(connection: &mut PgConnection, writer: &Writer) -> Result<(), Problem> {
    if writer.infobase.as_of.is_none() || writer.infobase.paused {
        return Ok(());
    }
    let new = NewJob {
        id: ids::new_id(),
        infobase: writer.infobase.id,
        mode: Mode::Incremental,
        scope: &[],
        requested_by: Some(writer.identity.user_id),
    };
    jobs::enqueue(connection, &new).await?;
    Ok(())
}

/// The entry of the history.
fn record(draft: &Draft, plan: &Plan, written: Option<&Written>, now: DateTime<Utc>) -> Write {
    let after = written.map(|written| {
        let values = &written.object.values;
        let is = |name: &String| (name.clone(), values.get(name).cloned().unwrap_or_default());
        Value::Object(plan.values.keys().map(is).collect())
    });
    Write {
        id: ids::new_id(),
        draft_id: draft.id,
        infobase_id: draft.infobase_id,
        user_id: draft.user_id,
        entity: draft.entity.clone(),
        reference: written.map_or(draft.reference, |written| written.reference),
        is_new: plan.is_new,
        outcome: written.map_or("unknown", outcome).to_owned(),
        before: plan.before.clone().map(Value::Object),
        meant: plan.values.clone().into(),
        after,
        was_posted: plan.was_posted,
        is_posted: written.map_or(plan.was_posted, |written| written.object.is_posted),
        posted_now: written.is_some_and(|written| written.was_posted_now),
        posting_text: written.and_then(|written| written.posting_refusal.clone()),
        undo: plan.undo.clone(),
        companies: plan.companies.clone(),
        data_version: written.and_then(|written| written.object.version.clone()),
        written_at: now,
        undone_at: None,
        undone_how: None,
    }
}
