//! `/reports`.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use common::Text;
use common::auth::Identity;
use common::contract::onec::{DataSource, ReportId, ReportInfo, ReportQuery};
use common::db::StoreResult;
use common::http::{ClientIp, FieldError, Json, Path, Problem, parse_query};
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Uri};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Caller, audit, locale};
use crate::error::Error;
use crate::infobase::InfobaseError;
use crate::jobs::probe;
use crate::live;
use crate::odata::OdataError;
use crate::reports::{Scope, compute, csv_lines, info, validate};
use crate::state::AppState;

/// How many rows there are, in answers that cannot tell otherwise: a file holds 50 000 at most.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// `{items: […]}`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Catalogue {
    items: Vec<ReportInfo>,
}

/// What reports there are.
pub(crate) async fn list(identity: Identity) -> Json<Catalogue> {
    tracing::trace!(user.id = %identity.user_id, "report catalogue");
    let locale = locale();
    let items = ReportId::ALL
        .into_iter()
        .map(|report| info(report, locale))
        .collect();
    Json(Catalogue { items })
}

/// Computes a report.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(name): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let report = ReportId::from_name(&name).ok_or(Error::ReportNotFound)?;
    let (format, query) = parameters(&uri)?;
    let csv = wants_csv(format.as_deref(), &headers)?;
    validate(report, &query)?;
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let scope = Scope::resolve(&mut connection, &state, &identity, report, query, csv).await?;
    let is_live = scope.query.source == Some(DataSource::Live);
    drop(connection);
    let live = if is_live {
        Some(fetch_live(&state, report, &scope).await?)
    } else {
        None
    };
    let mut transaction = state.pool.begin().await.store("begin")?;
    let computed = compute(&mut transaction, report, &scope, live.as_deref(), locale()).await?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    // Which report with which parameters; none of the figures.
    let details = serde_json::to_value(&computed.parameters).unwrap_or_default();
    audit(
        &mut transaction,
        &state,
        &caller,
        "reports.viewed",
        format!("report:{report}"),
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    if !csv {
        return Ok(Json(computed).into_response());
    }
    let disposition = format!("attachment; filename=\"{report}.csv\"");
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (CONTENT_DISPOSITION, disposition),
        (TOTAL_COUNT, computed.row_count.to_string()),
    ];
    let lines = csv_lines(computed, locale()).map(|line| Ok::<_, Infallible>(Bytes::from(line)));
    Ok((headers, Body::from_stream(futures_util::stream::iter(lines))).into_response())
}

/// `format` is for the answer as a whole; the rest are the report's own.
fn parameters(uri: &Uri) -> Result<(Option<String>, ReportQuery), Problem> {
    let given = uri.query().unwrap_or_default();
    let mut format = None;
    let mut rest = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(given.as_bytes()) {
        if name == "format" {
            format = Some(value.into_owned());
        } else {
            rest.append_pair(&name, &value);
        }
    }
    Ok((format, parse_query(&rest.finish())?))
}

/// True when CSV is asked for, by `format` or by `Accept`.
fn wants_csv(format: Option<&str>, headers: &HeaderMap) -> Result<bool, Problem> {
    match format {
        Some("csv") => Ok(true),
        Some("json") => Ok(false),
        Some(_) => Err(Problem::validation(vec![FieldError {
            pointer: "?format".to_owned(),
            detail: Text::new("Допустимо: json, csv.", "One of json, csv."),
        }])),
        None => Ok(headers
            .get(ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.trim_start().starts_with("text/csv"))),
    }
}

async fn fetch_live(state: &AppState, report: ReportId, scope: &Scope) -> Result<String, Problem> {
    let connection = state.connections.of(&scope.infobase).await.map_err(Error::from)?;
    let fetched = live::fetch(&state.pool, &connection, report, scope).await;
    if let Err(Error::Infobase(InfobaseError::Odata(OdataError::NotPublished(_)))) = &fetched {
        // What is published has changed.
        connection.forget_plan().await;
    }
    // Others learn at once that 1C does not answer.
    match &fetched {
        Ok(_) => probe::note(state, scope.infobase.id, None).await?,
        Err(Error::Infobase(error @ InfobaseError::Odata(_))) => {
            probe::note(state, scope.infobase.id, Some(error)).await?;
        }
        Err(_) => {}
    }
    Ok(fetched?)
}
