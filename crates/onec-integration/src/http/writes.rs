//! `/documents/writes`: what was written into 1C, and taking it back.

use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use common::Text;
use common::auth::{Companies, Identity, Permission};
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{ClientIp, Cursor, Json, Page, PageQuery, Path, Problem, Query};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::drafts::{Writer, check_companies, finished, nudge};
use super::{Caller, audit, audit_as};
use crate::drafts::plan::declared;
use crate::drafts::problem::Failure;
use crate::drafts::undo::{HOURS, NotUndone, take_back};
use crate::error::Error;
use crate::sight::Sight;
use crate::state::AppState;
use crate::store::drafts::{self as store, Write};
use crate::store::infobases;

/// A change in the history.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WriteView {
    id: Uuid,
    draft_id: Uuid,
    infobase_id: Uuid,
    user_id: Uuid,
    entity: String,
    r#ref: Uuid,
    is_new: bool,
    /// `written`, `written_with_differences` or `unknown`.
    outcome: String,
    before: Option<Value>,
    meant: Value,
    after: Option<Value>,
    posted: bool,
    posting_refusal: Option<String>,
    written_at: DateTime<Utc>,
    undone_at: Option<DateTime<Utc>>,
    undone_how: Option<String>,
}

impl From<Write> for WriteView {
    fn from(write: Write) -> Self {
        Self {
            id: write.id,
            draft_id: write.draft_id,
            infobase_id: write.infobase_id,
            user_id: write.user_id,
            entity: write.entity,
            r#ref: write.reference,
            is_new: write.is_new,
            outcome: write.outcome,
            before: write.before,
            meant: write.meant,
            after: write.after,
            posted: write.is_posted,
            posting_refusal: write.posting_text,
            written_at: write.written_at,
            undone_at: write.undone_at,
            undone_how: write.undone_how,
        }
    }
}

/// What was written, the latest first: by the caller, or by all for an administrator of all companies.
pub(crate) async fn history(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<WriteView>>, Problem> {
    let before: Option<Uuid> = page.cursor.as_deref().map(Cursor::decode).transpose()?;
    let limit = page.limit();
    let sees_all = identity.may(Permission::OnecAdmin) && identity.companies == Companies::All;
    let user = (!sees_all).then_some(identity.user_id);
    let mut transaction = state.pool.begin().await.store("begin")?;
    let found = store::writes(&mut transaction, user, &Sight::of(&identity), before, limit + 1).await?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let details = json!({"all": sees_all, "rows": found.len()});
    let target = "documents:writes".to_owned();
    audit(
        &mut transaction,
        &state,
        &caller,
        "documents.viewed",
        target,
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    let items = found.into_iter().map(WriteView::from).collect();
    Ok(Json(Page::from_rows(items, limit, |item: &WriteView| item.id)))
}

/// Takes a change back.
pub(crate) async fn undo(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<Json<Value>, Problem> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let write = store::write(&mut connection, id, identity.user_id).await?;
    let write = write.filter(|write| identity.infobases.contains(write.infobase_id));
    let write = write.ok_or(Failure::WriteNotFound)?;
    let not_possible = |ru, en| Problem::from(Failure::UndoNotPossible(Text::new(ru, en)));
    if write.undone_at.is_some() {
        return Err(not_possible(
            "Запись уже отменена.",
            "The change was undone already.",
        ));
    }
    if write.outcome == "unknown" {
        return Err(not_possible(
            "Неизвестно, записан ли объект: проверьте его в 1С.",
            "It is not known whether the object was written: look at it in 1C.",
        ));
    }
    let now = state.clock.now();
    if write.written_at < now - TimeDelta::hours(HOURS) {
        return Err(not_possible(
            "Прошло больше суток: исправьте объект новой записью.",
            "More than a day has passed: change the object by another draft.",
        ));
    }
    let infobase = infobases::get(&mut connection, write.infobase_id).await?;
    let infobase = infobase.ok_or(Error::InfobaseNotFound)?;
    check_companies(&mut connection, &state, &identity, &infobase, &write.companies).await?;
    if !store::claim_undo(&mut connection, id, identity.user_id, now).await? {
        return Err(not_possible(
            "Запись уже отменена.",
            "The change was undone already.",
        ));
    }
    drop(connection);
    let writer = Writer {
        state,
        identity,
        ip,
        infobase: Arc::new(infobase),
    };
    finished(writer, async move |writer| put_back(writer, write).await)
        .await
        .map(Json)
}

async fn put_back(writer: Writer, write: Write) -> Result<Value, Problem> {
    let state = &writer.state;
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let published = declared(&mut connection, write.infobase_id, &write.entity).await;
    drop(connection);
    let end = match published {
        Ok(published) => Box::pin(take_back(state, &writer.infobase, &published, &write)).await,
        Err(problem) => Err(NotUndone::Unsent(problem)),
    };
    let (how, answer) = match end {
        Ok(how) => (
            Some(how),
            Ok(json!({"write_id": write.id, "ref": write.reference, "entity": write.entity, "undone": how})),
        ),
        Err(NotUndone::Unsent(problem)) => (None, Err(problem)),
        Err(NotUndone::Failed(failure)) => (None, Err(failure.into())),
        Err(NotUndone::Unknown) => {
            let unknown = Failure::OutcomeUnknown(write.entity.clone(), write.reference, write.id);
            (Some("unknown"), Err(unknown.into()))
        }
    };
    let mut transaction = state.pool.begin().await.store("begin")?;
    store::note_undone(&mut transaction, write.id, how).await?;
    let caller = Caller {
        identity: &writer.identity,
        ip: writer.ip,
    };
    let result = if answer.is_ok() {
        Outcome::Success
    } else {
        Outcome::Failure
    };
    let details =
        json!({"write_id": write.id, "infobase_id": write.infobase_id, "ref": write.reference, "how": how});
    let target = format!("entity:{}", write.entity);
    let action = ("documents.undone", result);
    audit_as(&mut transaction, state, &caller, action, target, details).await?;
    nudge(&mut transaction, &writer).await?;
    transaction.commit().await.store("commit")?;
    state.queued.notify_one();
    answer
}
