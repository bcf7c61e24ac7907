//! `/reports/generate`: fetching the data while the caller's token is there, and leaving the file to
//! a job.

use std::time::{Duration, Instant};

use ::http::header::LOCATION;
use ::http::{HeaderMap, StatusCode};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use common::auth::{Identity, Permission};
use common::contract::events::{AUDIT_RECORDED, AuditEvent, Outcome};
use common::contract::onec::{ReportId, ReportQuery};
use common::db::StoreResult;
use common::events::{Event, Stream, outbox};
use common::http::{ClientIp, Json, Query};
use common::idempotency;
use common::telemetry::RequestContext;
use common::{Text, ids};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::PUBLIC_PREFIX;
use super::report_files::{load, serve};
use crate::DEFINITION;
use crate::error::Error;
use crate::onec::MAX_ROWS;
use crate::reports::usage::{self, UsageQuery};
use crate::reports::{Dialect, Format, Sheet};
use crate::state::AppState;
use crate::store::SCHEMA;
use crate::store::reports as store;

/// How long a caller may wait for the file.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// How long onec-integration may take; the caller's token is needed until then.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GenerateRequest {
    report: String,
    #[serde(default = "no_parameters")]
    parameters: Value,
    format: Format,
    #[serde(default)]
    dialect: Dialect,
}

fn no_parameters() -> Value {
    json!({})
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GenerateQuery {
    /// Seconds to wait for the file.
    wait: Option<u64>,
}

/// A report with its parameters understood.
enum Wanted {
    Onec(ReportId, Box<ReportQuery>),
    Usage(UsageQuery),
}

impl GenerateRequest {
    fn wanted(&self) -> Result<Wanted, Error> {
        if self.report == usage::ID {
            return Ok(Wanted::Usage(self.parsed()?));
        }
        let report = ReportId::from_name(&self.report).ok_or_else(|| {
            Error::member(
                "/report",
                Text::new("Такого отчёта нет.", "There is no such report."),
            )
        })?;
        let mut query: ReportQuery = self.parsed()?;
        if query.limit.is_some() {
            return Err(Error::member(
                "/parameters/limit",
                Text::new(
                    "В файл попадают все строки: limit не задаётся.",
                    "A file has all rows: there is no limit to set.",
                ),
            ));
        }
        query.limit = Some(MAX_ROWS);
        Ok(Wanted::Onec(report, Box::new(query)))
    }

    fn parsed<T: for<'de> Deserialize<'de>>(&self) -> Result<T, Error> {
        T::deserialize(&self.parameters)
            .map_err(|error| Error::member("/parameters", Text::same(error.to_string())))
    }

    /// Tells whether two requests with the same idempotency key are the same.
    fn hash(&self) -> Result<[u8; 32], Error> {
        Ok(Sha256::digest(serde_json::to_vec(self)?).into())
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Accepted {
    job_id: Uuid,
    status_url: String,
}

/// POST /reports/generate
pub(crate) async fn generate(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    headers: HeaderMap,
    Query(query): Query<GenerateQuery>,
    Json(request): Json<GenerateRequest>,
) -> Result<Response, Error> {
    let wait = Duration::from_secs(query.wait.unwrap_or(0)).min(MAX_WAIT);
    let wanted = request.wanted()?;
    if matches!(wanted, Wanted::Usage(_)) {
        identity.require(Permission::AnalyticsRead)?;
    }
    let key = idempotency::text(&headers)?;
    let hash = request.hash()?;
    if let Some(key) = key
        && let Some(job) = existing(&state, &identity, key, &hash).await?
    {
        return answer(&state, &identity, job, wait).await;
    }
    let sheet = fetch(&state, &identity, wanted).await?;
    let job = create(&state, &identity, ip, key, &hash, &request, &sheet).await?;
    state.work.notify_one();
    answer(&state, &identity, job, wait).await
}

/// The id of the job that this key has made already.
async fn existing(
    state: &AppState,
    identity: &Identity,
    key: &str,
    hash: &[u8],
) -> Result<Option<Uuid>, Error> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let job = store::job_by_key(&mut connection, identity.user_id, key).await?;
    match job {
        Some(job) if job.request_hash == hash => Ok(Some(job.id)),
        Some(_) => Err(Error::KeyReused),
        None => Ok(None),
    }
}

/// All rows of the report, with the caller's rights.
async fn fetch(state: &AppState, identity: &Identity, wanted: Wanted) -> Result<Sheet, Error> {
    let (sheet, complete) = match wanted {
        Wanted::Onec(report, query) => {
            let report = state.onec.report(identity, report, &query, PATIENCE).await?;
            let complete = !report.truncated && report.row_count == report.rows.len() as u64;
            (Sheet::from(report), complete)
        }
        Wanted::Usage(query) => {
            let (now, locale) = (state.clock.now(), RequestContext::current_locale());
            let mut connection = state.db.acquire().await.store("acquire")?;
            let sheet =
                usage::compute(&mut connection, &query, now, state.time_zone, MAX_ROWS, locale).await?;
            let complete = sheet.row_count <= u64::from(MAX_ROWS);
            (sheet, complete)
        }
    };
    if complete {
        Ok(sheet)
    } else {
        Err(Error::RowLimitExceeded {
            limit: MAX_ROWS,
            actual: sheet.row_count,
        })
    }
}

/// Makes the job, and tells the audit log of it in the same transaction.
async fn create(
    state: &AppState,
    identity: &Identity,
    ClientIp(ip): ClientIp,
    key: Option<&str>,
    hash: &[u8],
    request: &GenerateRequest,
    sheet: &Sheet,
) -> Result<Uuid, Error> {
    let id = ids::new_id();
    let job = store::NewJob {
        id,
        owner: identity.user_id,
        idempotency_key: key,
        request_hash: hash,
        report: &request.report,
        format: request.format.as_str(),
        dialect: request.dialect.as_str(),
        locale: RequestContext::current_locale().tag(),
        payload: serde_json::to_value(sheet)?,
        rows: i64::try_from(sheet.rows.len()).unwrap_or(i64::MAX),
        created_at: state.clock.now(),
    };
    let mut transaction = state.db.begin().await.store("begin")?;
    if !store::insert(&mut transaction, &job).await? {
        // A request with the same key was faster.
        transaction.rollback().await.store("rollback")?;
        let key = key.unwrap_or_default();
        return existing(state, identity, key, hash)
            .await?
            .ok_or(Error::KeyReused);
    }
    let audit = AuditEvent {
        action: "reports.generated".to_owned(),
        outcome: Outcome::Success,
        target: Some(format!("report_job:{id}")),
        ip: Some(ip.to_string()),
        details: json!({
            "report": request.report, "format": request.format, "parameters": sheet.parameters,
            "rows": sheet.rows.len(),
        }),
    };
    let event = Event::new(DEFINITION.name, AUDIT_RECORDED, &state.clock, &audit).actor(identity);
    outbox::append(&mut transaction, &SCHEMA, Stream::Audit, &event).await?;
    transaction.commit().await.store("commit")?;
    Ok(id)
}

/// The file when it is ready within the time the caller waits, else where to look for it.
async fn answer(state: &AppState, identity: &Identity, id: Uuid, wait: Duration) -> Result<Response, Error> {
    let deadline = Instant::now() + wait;
    while !wait.is_zero() {
        let job = load(state, identity, id).await?;
        if let Some(file) = job.file_id {
            return serve(state, identity, file).await;
        }
        if job.state == "failed" || Instant::now() >= deadline {
            break;
        }
        // The builder may be another replica, so the table is what tells.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let status_url = format!("{PUBLIC_PREFIX}/reports/jobs/{id}");
    let headers = [(LOCATION, status_url.clone())];
    let body = Json(Accepted {
        job_id: id,
        status_url,
    });
    Ok((StatusCode::ACCEPTED, headers, body).into_response())
}
