//! `/reports/generate`: fetching the data while the caller's token is there, and leaving the file to
//! a job.

use std::time::{Duration, Instant};

use ::http::header::LOCATION;
use ::http::{HeaderMap, StatusCode};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Query};
use common::telemetry::RequestContext;
use common::{idempotency, ids};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::PUBLIC_PREFIX;
use super::report_audit::record;
use super::report_files::{load, serve};
use crate::error::Error;
use crate::orders::{self, Fetched, Order};
use crate::state::AppState;
use crate::store::reports as store;

/// How long a caller may wait for the file.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// Files that one user may have in the making.
const MOST_UNFINISHED: i64 = 20;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GenerateQuery {
    /// Seconds to wait for the file.
    wait: Option<u64>,
}

/// Tells whether two requests with the same idempotency key are the same.
fn hash(order: &Order) -> Result<[u8; 32], Error> {
    Ok(Sha256::digest(serde_json::to_vec(order)?).into())
}

#[derive(Debug, Serialize, JsonSchema)]
struct Accepted {
    job_id: Uuid,
    status_url: String,
}

/// Orders a report file; a job makes it.
pub(crate) async fn generate(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    headers: HeaderMap,
    Query(query): Query<GenerateQuery>,
    Json(order): Json<Order>,
) -> Result<Response, Error> {
    let wait = Duration::from_secs(query.wait.unwrap_or(0)).min(MAX_WAIT);
    let wanted = order.wanted(state.today())?;
    wanted.require(identity.permissions)?;
    let key = idempotency::text(&headers)?;
    let hash = hash(&order)?;
    if let Some(key) = key
        && let Some(job) = existing(&state, &identity, key, &hash).await?
    {
        return answer(&state, &identity, job, wait).await;
    }
    let mut connection = state.db.acquire().await.store("acquire")?;
    if store::count_unfinished(&mut connection, identity.user_id).await? >= MOST_UNFINISHED {
        return Err(Error::TooManyJobs);
    }
    drop(connection);
    let locale = RequestContext::current_locale();
    let fetched = orders::fetch(&state, &identity.token, &wanted, locale).await?;
    let job = create(&state, &identity, ip, key, &hash, &order, &fetched).await?;
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
    let job = store::job_by_key(&mut connection, identity.user_id, key, state.clock.now()).await?;
    match job {
        Some(job) if job.request_hash == hash => Ok(Some(job.id)),
        Some(_) => Err(Error::KeyReused),
        None => Ok(None),
    }
}

/// Makes the job, and tells the audit log of it in the same transaction.
async fn create(
    state: &AppState,
    identity: &Identity,
    ip: ClientIp,
    key: Option<&str>,
    hash: &[u8],
    order: &Order,
    fetched: &Fetched,
) -> Result<Uuid, Error> {
    let sheet = &fetched.sheet;
    let id = ids::new_id();
    let job = store::NewJob {
        id,
        owner: identity.user_id,
        idempotency_key: key,
        request_hash: hash,
        report: &order.report,
        format: order.format.as_str(),
        dialect: order.dialect.as_str(),
        locale: RequestContext::current_locale().tag(),
        title: &sheet.title,
        payload: serde_json::to_value(sheet)?,
        rows: i64::try_from(sheet.row_count).unwrap_or(i64::MAX),
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
    for (number, piece) in (0..).zip(&fetched.pieces) {
        store::insert_piece(&mut transaction, id, number, piece).await?;
    }
    let details = json!({
        "report": order.report, "format": order.format, "parameters": sheet.parameters, "rows": sheet.row_count,
    });
    let target = format!("report_job:{id}");
    record(
        &mut transaction,
        state,
        identity,
        ip,
        "reports.generated",
        target,
        details,
    )
    .await?;
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
        if matches!(job.state.as_str(), "failed" | "cancelled") || Instant::now() >= deadline {
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
