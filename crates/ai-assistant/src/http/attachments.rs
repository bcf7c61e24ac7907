//! `/attachments`: files that the caller gives along with questions.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Page, PageQuery, Path, Problem, Query};
use common::{Text, ids};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::attachments::{self, Content, Kind, Sheet, Unreadable};
use crate::error::Error;
use crate::state::AppState;
use crate::store::attachments::{self as store, Listed, Position, Row};
use crate::{metrics, record};

/// Files that are read at the same time: each may take as much memory as a workbook unpacks to.
static READING: Semaphore = Semaphore::const_new(2);
/// Rows and lines of a preview.
const PREVIEW: usize = 5;

/// A file as it was understood.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AttachmentResponse {
    /// To be named in `attachments` of a question.
    id: Uuid,
    name: String,
    kind: String,
    /// Bytes of the file.
    size: i64,
    created_at: DateTime<Utc>,
    /// Rows or lines that it has.
    row_count: u64,
    /// True when there are more than are read.
    truncated: bool,
    /// Of a text: its first lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sheets: Vec<SheetPreview>,
}

/// A sheet with its first rows.
#[derive(Debug, Serialize, JsonSchema)]
struct SheetPreview {
    name: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    row_count: u64,
}

impl From<Sheet> for SheetPreview {
    fn from(mut sheet: Sheet) -> Self {
        sheet.rows.truncate(PREVIEW);
        Self {
            name: sheet.name,
            columns: sheet.columns,
            rows: sheet.rows,
            row_count: sheet.row_count,
        }
    }
}

impl AttachmentResponse {
    fn new(row: Row) -> Result<Self, Error> {
        let content: Content =
            serde_json::from_value(row.content).map_err(|error| Error::File(error.into()))?;
        let (row_count, truncated) = (content.row_count(), !content.is_whole());
        let (text, sheets) = match content {
            Content::Text { text, .. } => {
                let lines: Vec<&str> = text.lines().take(PREVIEW).collect();
                (Some(lines.join("\n")), Vec::new())
            }
            Content::Sheets(sheets) => (None, sheets.into_iter().map(SheetPreview::from).collect()),
        };
        Ok(Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            size: row.size,
            created_at: row.created_at,
            row_count,
            truncated,
            text,
            sheets,
        })
    }
}

/// Takes a file for questions: a text, a CSV or an XLSX workbook, as the body.
#[tracing::instrument(name = "http.attachments.create", skip_all)]
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let row = accept(&state, &identity, &headers, body).await;
    metrics::attachment_read(match &row {
        Ok(row) => row.kind.as_str(),
        Err(_) => "refused",
    });
    let row = row?;
    let location = format!("/attachments/{}", row.id);
    let response = Json(AttachmentResponse::new(row)?);
    Ok((StatusCode::CREATED, [(LOCATION, location)], response).into_response())
}

async fn accept(
    state: &AppState,
    identity: &Identity,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Row, Problem> {
    let body = body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::from(Error::AttachmentTooLarge(attachments::MAX_BYTES))
        } else {
            let said = Text::new("Тело запроса не дочитано.", "The body could not be read.");
            Problem::bad_request(said).source(rejection)
        }
    })?;
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let upload = attachments::upload(content_type, &body).map_err(Error::NoUpload)?;
    if upload.bytes.len() > attachments::MAX_BYTES {
        return Err(Error::AttachmentTooLarge(attachments::MAX_BYTES).into());
    }
    let (name, size) = (upload.name.clone(), upload.bytes.len());
    let (kind, content) = read(upload).await?;
    let content = serde_json::to_value(content).map_err(Problem::internal)?;
    let now = state.context.clock.now();
    let row = Row {
        id: ids::new_id(),
        name,
        kind: kind.as_str().to_owned(),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        content,
        created_at: now,
    };
    let stored = i64::try_from(row.content.to_string().len()).unwrap_or(i64::MAX);
    let user = identity.user_id;
    let mut tx = state.db.begin().await.store("begin")?;
    store::remove_old(&mut tx, user, now - TimeDelta::days(attachments::KEPT_DAYS)).await?;
    let kept = store::kept(&mut tx, user).await?;
    if kept.files >= attachments::MAX_OF_USER || kept.stored.saturating_add(stored) > attachments::MAX_STORED
    {
        return Err(Error::TooManyAttachments.into());
    }
    store::add(&mut tx, user, &row, stored).await?;
    let target = Some(format!("attachment:{}", row.id));
    let details = json!({"kind": kind, "size": size});
    record::audit(
        &mut tx,
        state,
        identity,
        "attachments.added",
        Outcome::Success,
        target,
        details,
    )
    .await?;
    tx.commit().await.store("commit")?;
    Ok(row)
}

/// Reads a file beside the threads that answer requests.
async fn read(upload: attachments::Upload) -> Result<(Kind, Content), Problem> {
    let permit = READING.acquire().await.map_err(Problem::internal)?;
    let reading = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        attachments::read(&upload)
    });
    let read: Result<_, Unreadable> = reading.await.map_err(Problem::internal)?;
    Ok(read.map_err(Error::Unreadable)?)
}

/// One's own attachments, the newest first.
#[tracing::instrument(name = "http.attachments.list", skip_all)]
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Listed>>, Problem> {
    let after = page.after::<Position>()?;
    let mut db = state.db.acquire().await.store("acquire")?;
    let rows = store::page(&mut db, identity.user_id, after, page.limit() + 1).await?;
    Ok(Json(Page::from_rows(rows, page.limit(), |row| Position(row.id))))
}

/// An attachment: its columns and how many rows it has.
#[tracing::instrument(name = "http.attachments.get", skip_all)]
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<AttachmentResponse>, Problem> {
    let mut db = state.db.acquire().await.store("acquire")?;
    let row = store::get(&mut db, identity.user_id, id).await?;
    let row = row.ok_or(Error::AttachmentNotFound)?;
    Ok(Json(AttachmentResponse::new(row)?))
}

/// Deletes an attachment.
#[tracing::instrument(name = "http.attachments.delete", skip_all)]
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut tx = state.db.begin().await.store("begin")?;
    if !store::remove(&mut tx, identity.user_id, id).await? {
        return Err(Error::AttachmentNotFound.into());
    }
    let target = Some(format!("attachment:{id}"));
    record::audit(
        &mut tx,
        &state,
        &identity,
        "attachments.removed",
        Outcome::Success,
        target,
        json!({}),
    )
    .await?;
    tx.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}
