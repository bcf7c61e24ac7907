//! `POST /chat`.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use common::Text;
use common::auth::Identity;
use common::http::{Json, Problem, Violations};
use common::idempotency::Key;
use common::telemetry::RequestContext;
use futures_util::{Stream, StreamExt, stream};
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::chat::events::{ChatEvent, Sink};
use crate::chat::run::{self, Job, Opened, Question};
use crate::error::Error;
use crate::state::AppState;

/// Characters of a question.
const MAX_CHARS: usize = 8000;
/// Proxies close connections that are silent for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A question.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatRequest {
    message: String,
    conversation_id: Option<Uuid>,
    company_id: Option<Uuid>,
    infobase_id: Option<Uuid>,
    model: Option<String>,
    #[serde(default)]
    stream: bool,
}

#[tracing::instrument(name = "http.chat", skip_all)]
pub(crate) async fn chat(
    State(state): State<AppState>,
    identity: Identity,
    headers: HeaderMap,
    Json(request): Json<ChatRequest>,
) -> Result<Response, Problem> {
    let mut violations = Violations::new();
    violations.check(
        !request.message.trim().is_empty(),
        "/message",
        Text::new("Вопрос пуст.", "The question is empty."),
    );
    violations.check(
        request.message.chars().count() <= MAX_CHARS,
        "/message",
        Text::new(
            "Вопрос длиннее 8000 символов.",
            "The question is longer than 8000 characters.",
        ),
    );
    violations.finish()?;
    let streamed = request.stream || accepts_events(&headers);
    let question = Question {
        message: request.message,
        conversation_id: request.conversation_id,
        company_id: request.company_id,
        infobase_id: request.infobase_id,
        model: request.model,
        fresh: wants_fresh(&headers),
    };
    let request = serde_json::to_vec(&question).map_err(Problem::internal)?;
    let key = Key::read(&headers, identity.user_id, "chat", &request)?;
    let job = match run::open(state.clone(), identity, question, key).await? {
        Opened::Replay(answer) if streamed => return Ok(replayed(answer)),
        Opened::Replay(answer) => return Ok(Json(answer).into_response()),
        Opened::Job(job) => job,
    };
    if streamed {
        return Ok(streaming(&state, *job).into_response());
    }
    // The task outlives this handler: when the client goes, the answering ends but the books are
    // still closed.
    let cancel = CancellationToken::new();
    let _guard = cancel.clone().drop_guard();
    let (sender, receiver) = oneshot::channel();
    state.context.spawn_transient(async move {
        let _ = sender.send(job.run(Sink::none(), cancel).await);
    });
    let answer = receiver.await.map_err(Problem::internal)??;
    Ok(Json(answer).into_response())
}

/// `Cache-Control: no-cache` (RFC 9111, section 5.2.1.4) asks for an answer that is made anew.
fn wants_fresh(headers: &HeaderMap) -> bool {
    headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|directive| matches!(directive.trim(), "no-cache" | "no-store"))
}

fn accepts_events(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/event-stream"))
}

/// The answer as a stream of events.
fn streaming(state: &AppState, job: Job) -> impl IntoResponse {
    let (sink, receiver) = Sink::stream();
    let cancel = CancellationToken::new();
    let guard = cancel.clone().drop_guard();
    sink.send(ChatEvent::Meta {
        conversation_id: job.conversation_id,
        message_id: job.message_id,
        model: job.model().to_owned(),
    });
    let context = RequestContext::current().unwrap_or_else(RequestContext::background);
    state.context.spawn_transient(async move {
        if let Err(error) = job.run(sink.clone(), cancel).await
            && !matches!(error, Error::Cancelled)
        {
            let problem = Problem::from(error).to_json(context.locale, Some(&context.request_id));
            sink.send(ChatEvent::Error { problem });
        }
    });
    events(receiver, guard)
}

fn events(
    receiver: mpsc::UnboundedReceiver<ChatEvent>,
    guard: DropGuard,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
    // The guard goes with the stream: a client that closes the connection cancels the answer.
    let events = stream::unfold((receiver, guard), |(mut receiver, guard)| async move {
        let event = receiver.recv().await?;
        Some((Ok(encoded(&event)), (receiver, guard)))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive"))
}

fn encoded(event: &ChatEvent) -> Event {
    let data = serde_json::to_string(event).unwrap_or_default();
    Event::default().event(event.name()).data(data)
}

/// A kept answer, for a client that repeats a request.
fn replayed(answer: serde_json::Value) -> Response {
    let done = Event::default().event("done").data(answer.to_string());
    Sse::new(stream::iter([Ok::<_, Infallible>(done)]).boxed()).into_response()
}
