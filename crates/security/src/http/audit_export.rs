//! `GET /audit/export`: the log as a stream, for other systems and for auditors.

use ::http::HeaderMap;
use ::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use common::auth::Identity;
use common::db::{StoreError, StoreResult};
use common::http::{ClientIp, Problem, Query};
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::audit::own_entry;
use super::audit_query::SearchQuery;
use crate::audit::formats::Format;
use crate::state::AppState;
use crate::store::audit::{self as store, Filter};

/// Entries that are read at once.
const ROWS: i64 = 1000;

/// The audit log as a file: NDJSON, CSV, CEF, ECS or OCSF.
pub(crate) async fn export(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Query(query): Query<SearchQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter(&identity)?;
    let format = query.format.unwrap_or(Format::Ndjson);
    let now = state.clock.now();
    // Who took a copy of the log is in the log; the copy ends before that.
    let mut transaction = state.db.begin().await.store("begin")?;
    let end = store::length(&mut transaction).await?;
    let details = json!({"format": format.name(), "filter": query.told()});
    let record = own_entry(
        &state,
        &identity,
        ip,
        "audit.exported",
        "audit_log".to_owned(),
        details,
    );
    store::append(&mut transaction, vec![record], now).await?;
    transaction.commit().await.store("commit")?;

    let after = query.first.unwrap_or(1).max(1) - 1;
    let up_to = query.last.map_or(end, |last| last.min(end));
    let head = format.head().map(Bytes::from);
    let pages = stream::try_unfold(Some(after), move |after| {
        let (state, filter) = (state.clone(), filter.clone());
        async move {
            match after {
                Some(after) if after < up_to => page(&state, &filter, format, after, up_to).await.map(Some),
                _ => Ok(None),
            }
        }
    });
    let pages = stream::iter(head.map(Ok::<_, StoreError>)).chain(pages);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, format.content_type());
    let name = format!(
        "attachment; filename=\"audit-{}.{}\"",
        now.format("%Y%m%d-%H%M%S"),
        format.extension()
    );
    if let Ok(name) = name.parse() {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    Ok((headers, Body::from_stream(pages)).into_response())
}

async fn page(
    state: &AppState,
    filter: &Filter,
    format: Format,
    after: i64,
    up_to: i64,
) -> Result<(Bytes, Option<i64>), StoreError> {
    // A transaction of its own for each page: a slow reader must not hold one open.
    let mut transaction = state.db.begin().await.store("begin")?;
    store::prepare_search(&mut transaction).await?;
    let rows = store::list_forward(&mut transaction, filter, after, Some(up_to), ROWS).await?;
    transaction.rollback().await.store("rollback")?;
    let last = rows.last().map(|entry| entry.sequence);
    let text: String = rows.iter().map(|entry| format.line(entry)).collect();
    Ok((Bytes::from(text), last))
}
