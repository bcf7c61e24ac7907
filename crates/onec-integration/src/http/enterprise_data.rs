//! `/soap/enterprise-data`: exchange of EnterpriseData messages with a node of 1C.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use common::auth::Identity;
use common::http::{ClientIp, Json, Problem, Query, Violations};
use common::{Text, ids};
use futures_util::{StreamExt, stream};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::Caller;
use super::services::{reach, record, too_large};
use crate::infobase::Connection;
use crate::soap::{Exchange, ExchangeError, Peer, Progress, Services, wait};
use crate::state::AppState;

/// Answers begin within the patience of a gateway, so a job of 1C is waited for no longer.
const LONGEST_WAIT: u64 = 25;
/// How long a job is waited for unless the caller says.
const USUAL_WAIT: u64 = 15;
/// Size of parts that are asked for unless the caller says, and of those sent.
const PART_KILOBYTES: u32 = 1024;
/// Largest parts that may be asked for: as Base64 they must fit an answer.
const LARGEST_PART_KILOBYTES: u32 = 16 * 1024;
/// Largest message that is sent.
const LARGEST_MESSAGE: usize = 64 * 1024 * 1024;

/// Our node, as 1C knows it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestRequest {
    infobase_id: Option<Uuid>,
    exchange_plan: String,
    peer_code: String,
}

/// Whether 1C is ready.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TestAnswer {
    ready: bool,
    /// What 1C says when it is not.
    message: Option<String>,
}

/// Asks 1C whether it is ready to exchange with a node.
pub(crate) async fn test(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(request): Json<TestRequest>,
) -> Result<Json<TestAnswer>, Problem> {
    let peer = peer(&request.exchange_plan, &request.peer_code, "/")?;
    let target = Target::reach(&state, &identity, ip, request.infobase_id, "/infobase_id").await?;
    let tested = target.exchange().test(peer).await;
    target.record("test", peer.plan, tested.as_ref().err()).await?;
    let message = tested?.err();
    Ok(Json(TestAnswer {
        ready: message.is_none(),
        message,
    }))
}

/// What to fetch.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FetchRequest {
    infobase_id: Option<Uuid>,
    exchange_plan: String,
    peer_code: String,
    /// Kilobytes of a part, 1 to 16384.
    part_size: Option<u32>,
    /// Of an earlier answer 202: goes on with that job.
    operation_id: Option<String>,
    /// How long to wait for the job, 0 to 25.
    wait_seconds: Option<u64>,
}

/// A job of 1C.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct JobAnswer {
    /// Names the job in further requests.
    operation_id: String,
    /// `active` or `completed`.
    status: &'static str,
}

impl JobAnswer {
    fn active(operation_id: String) -> Response {
        let answer = Self {
            operation_id,
            status: "active",
        };
        (StatusCode::ACCEPTED, [(RETRY_AFTER, "2")], Json(answer)).into_response()
    }
}

/// Makes 1C prepare a message and streams it: a ZIP with one XML. While 1C works the answer is 202,
/// and the same request with its `operation_id` goes on. The message is confirmed when the last
/// part has been read.
pub(crate) async fn fetch(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(request): Json<FetchRequest>,
) -> Result<Response, Problem> {
    let peer = peer(&request.exchange_plan, &request.peer_code, "/")?;
    let kilobytes = request.part_size.unwrap_or(PART_KILOBYTES);
    let mut violations = Violations::new();
    violations.check(
        (1..=LARGEST_PART_KILOBYTES).contains(&kilobytes),
        "/part_size",
        Text::new("От 1 до 16384 килобайт.", "1 to 16384 kilobytes."),
    );
    let patience = patience(request.wait_seconds, "/wait_seconds", &mut violations);
    violations.finish()?;
    let target = Target::reach(&state, &identity, ip, request.infobase_id, "/infobase_id").await?;
    let fetched = prepare(&target, peer, kilobytes, request.operation_id, patience).await;
    target.record("fetch", peer.plan, fetched.as_ref().err()).await?;
    let (job, progress, first) = fetched?;
    let Progress::Completed { file, parts } = progress else {
        return Ok(JobAnswer::active(job));
    };
    let source = Source {
        services: target.state.services.clone(),
        connection: target.connection.clone(),
        infobase: target.infobase,
        file,
        parts,
    };
    let headers = [
        (CONTENT_TYPE, "application/zip"),
        (CONTENT_DISPOSITION, "attachment; filename=\"message.zip\""),
    ];
    Ok((headers, Body::from_stream(source.stream(first))).into_response())
}

/// Job, progress, and the first part when there is one: what goes wrong up to here is a problem and
/// not an answer that breaks off.
async fn prepare(
    target: &Target<'_>,
    peer: Peer<'_>,
    kilobytes: u32,
    job: Option<String>,
    patience: Duration,
) -> Result<(String, Progress, Bytes), ExchangeError> {
    let exchange = target.exchange();
    let job = match job {
        Some(job) => job,
        None => exchange.prepare(peer, kilobytes).await?,
    };
    let progress = wait(patience, || exchange.prepared(&job)).await?;
    let first = match &progress {
        Progress::Completed { file, parts } if *parts > 0 => exchange.part(file, 1).await?,
        Progress::Completed { .. } => return Err(ExchangeError::Incomplete("PartCount")),
        Progress::Active => Bytes::new(),
    };
    Ok((job, progress, first))
}

/// A file of 1C that is read part by part.
struct Source {
    services: Arc<Services>,
    connection: Arc<Connection>,
    infobase: Uuid,
    file: String,
    parts: u32,
}

impl Source {
    fn stream(
        self,
        first: Bytes,
    ) -> impl stream::Stream<Item = Result<Bytes, ExchangeError>> + Send + 'static {
        let rest = stream::try_unfold((self, 2), |(source, number)| source.next(number));
        stream::iter([Ok(first)]).chain(rest)
    }

    /// The part of that number, and what comes after it.
    async fn next(self, number: u32) -> Result<Option<(Bytes, (Self, u32))>, ExchangeError> {
        let exchange = Exchange {
            services: &self.services,
            infobase: self.infobase,
            transport: &self.connection.transport,
        };
        if number <= self.parts {
            let part = exchange.part(&self.file, number).await?;
            return Ok(Some((part, (self, number + 1))));
        }
        if let Err(error) = exchange.confirm(&self.file).await {
            // All of it has come; 1C deletes what was not confirmed by itself.
            tracing::warn!(
                error.code = error.code(),
                "1C did not take the confirmation of a message"
            );
        }
        Ok(None)
    }
}

/// Where to put a message.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutQuery {
    infobase: Option<Uuid>,
    exchange_plan: String,
    peer_code: String,
    wait_seconds: Option<u64>,
}

/// Sends a message, a ZIP with one XML, and waits for 1C to load it; 202 while it does.
pub(crate) async fn put(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Query(query): Query<PutQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let peer = peer(&query.exchange_plan, &query.peer_code, "?")?;
    let mut violations = Violations::new();
    let patience = patience(query.wait_seconds, "?wait_seconds", &mut violations);
    violations.finish()?;
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !content_type.is_some_and(|value| value.starts_with("application/zip")) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "request.unsupported_media_type",
            Text::new("Неподдерживаемый тип содержимого", "Unsupported media type"),
        )
        .detail(Text::new(
            "Тело запроса должно иметь Content-Type: application/zip.",
            "The body must have Content-Type: application/zip.",
        )));
    }
    let target = Target::reach(&state, &identity, ip, query.infobase, "?infobase").await?;
    let sent = send(&target, body).await?;
    let loaded = match sent {
        Ok(file) => load(&target, peer, &file, patience).await,
        Err(error) => Err(error),
    };
    target.record("put", peer.plan, loaded.as_ref().err()).await?;
    let (operation_id, progress) = loaded?;
    Ok(loading(operation_id, &progress))
}

/// Sends the body in parts; returns the id of the file. The outer error is the caller's.
async fn send(target: &Target<'_>, body: Body) -> Result<Result<String, ExchangeError>, Problem> {
    let file = ids::new_id().to_string();
    let exchange = target.exchange();
    let part = PART_KILOBYTES as usize * 1024;
    let (mut waiting, mut total, mut number) = (BytesMut::new(), 0, 0);
    let mut body = body.into_data_stream();
    loop {
        let chunk = body.next().await.transpose().map_err(|error| {
            Problem::bad_request(Text::new(
                "Тело запроса не дочитано.",
                "The body could not be read.",
            ))
            .source(error)
        })?;
        let is_last = chunk.is_none();
        if let Some(chunk) = chunk {
            total += chunk.len();
            if total > LARGEST_MESSAGE {
                return Err(too_large());
            }
            waiting.extend_from_slice(&chunk);
        }
        if number == 0 && (is_last || waiting.len() >= 4) && !waiting.starts_with(b"PK\x03\x04") {
            return Err(Problem::validation(vec![common::http::FieldError {
                pointer: String::new(),
                detail: Text::new("Тело запроса — не архив ZIP.", "The body is not a ZIP archive."),
            }]));
        }
        while waiting.len() >= part || (is_last && !waiting.is_empty()) {
            let data = waiting.split_to(part.min(waiting.len()));
            number += 1;
            if let Err(error) = exchange.put_part(&file, number, &data).await {
                return Ok(Err(error));
            }
        }
        if is_last {
            return Ok(Ok(file));
        }
    }
}

async fn load(
    target: &Target<'_>,
    peer: Peer<'_>,
    file: &str,
    patience: Duration,
) -> Result<(String, Progress), ExchangeError> {
    let exchange = target.exchange();
    let job = exchange.put(peer, file).await?;
    let progress = wait(patience, || exchange.loaded(&job)).await?;
    Ok((job, progress))
}

fn loading(operation_id: String, progress: &Progress) -> Response {
    match progress {
        Progress::Active => JobAnswer::active(operation_id),
        Progress::Completed { .. } => Json(JobAnswer {
            operation_id,
            status: "completed",
        })
        .into_response(),
    }
}

/// Which loading.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResultRequest {
    infobase_id: Option<Uuid>,
    operation_id: String,
    wait_seconds: Option<u64>,
}

/// How far the loading of a message has come.
pub(crate) async fn result(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(request): Json<ResultRequest>,
) -> Result<Response, Problem> {
    let mut violations = Violations::new();
    let patience = patience(request.wait_seconds, "/wait_seconds", &mut violations);
    violations.finish()?;
    let target = Target::reach(&state, &identity, ip, request.infobase_id, "/infobase_id").await?;
    let exchange = target.exchange();
    let job = request.operation_id;
    let progress = wait(patience, || exchange.loaded(&job)).await;
    target.record("put_result", "", progress.as_ref().err()).await?;
    Ok(loading(job.clone(), &progress?))
}

/// The infobase of a request and who asks.
struct Target<'a> {
    state: &'a AppState,
    caller: Caller<'a>,
    infobase: Uuid,
    connection: Arc<Connection>,
}

impl<'a> Target<'a> {
    async fn reach(
        state: &'a AppState,
        identity: &'a Identity,
        ip: ClientIp,
        infobase: Option<Uuid>,
        pointer: &str,
    ) -> Result<Self, Problem> {
        let (infobase, connection) = reach(state, identity, infobase, pointer).await?;
        Ok(Self {
            state,
            caller: Caller { identity, ip },
            infobase: infobase.id,
            connection,
        })
    }

    fn exchange(&self) -> Exchange<'_> {
        Exchange {
            services: &self.state.services,
            infobase: self.infobase,
            transport: &self.connection.transport,
        }
    }

    async fn record(
        &self,
        operation: &str,
        plan: &str,
        error: Option<&ExchangeError>,
    ) -> Result<(), Problem> {
        let called = json!({"operation": operation, "exchange_plan": plan});
        let failure = error.map(ExchangeError::code);
        let action = "enterprise_data.exchanged";
        record(self.state, &self.caller, self.infobase, action, called, failure).await
    }
}

/// `prefix` is that of pointers.
fn peer<'a>(plan: &'a str, code: &'a str, prefix: &str) -> Result<Peer<'a>, Problem> {
    let mut violations = Violations::new();
    for (name, value) in [("exchange_plan", plan), ("peer_code", code)] {
        violations.check(
            (1..=150).contains(&value.trim().chars().count()),
            &format!("{prefix}{name}"),
            Text::new("От 1 до 150 символов.", "1 to 150 characters."),
        );
    }
    violations.finish()?;
    Ok(Peer { plan, code })
}

fn patience(seconds: Option<u64>, pointer: &str, violations: &mut Violations) -> Duration {
    let seconds = seconds.unwrap_or(USUAL_WAIT);
    violations.check(
        seconds <= LONGEST_WAIT,
        pointer,
        Text::new("От 0 до 25 секунд.", "0 to 25 seconds."),
    );
    Duration::from_secs(seconds)
}
