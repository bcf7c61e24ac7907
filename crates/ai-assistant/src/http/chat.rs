//! `POST /chat`.

use std::convert::Infallible;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use common::Text;
use common::auth::Identity;
use common::http::{Json, Problem, Violations};
use common::idempotency::{IdempotencyError, Key};
use common::telemetry::RequestContext;
use futures_util::stream;
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::answers::follow;
use super::event_stream::{encoded, of_known, response};
use crate::chat::events::{ChatEvent, Sink};
use crate::chat::place::Place;
use crate::chat::replay;
use crate::chat::run::{self, Answer, Job, Opened, Question};
use crate::chat::running::{Manner, RepeatKey};
use crate::error::Error;
use crate::state::AppState;

/// Characters of a question.
const MAX_CHARS: usize = 8000;

/// A question.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatRequest {
    #[serde(default)]
    message: String,
    conversation_id: Option<Uuid>,
    /// The question follows this message instead of the latest one.
    parent_id: Option<Uuid>,
    /// The question takes the place of this one.
    edit: Option<Uuid>,
    /// Instead of `message`: this question, or that of this answer, is asked again.
    regenerate: Option<Uuid>,
    company_id: Option<Uuid>,
    infobase_id: Option<Uuid>,
    model: Option<String>,
    /// Files that the question is about.
    #[serde(default)]
    attachments: Vec<Uuid>,
    #[serde(default)]
    stream: bool,
    /// The answer is made to its end although the connection breaks, and its events can be read again.
    #[serde(default)]
    resumable: bool,
}

/// Asks a question. With `stream` the answer comes as server-sent events (docs/chat.md), else as one JSON.
#[tracing::instrument(name = "http.chat", skip_all)]
pub(crate) async fn chat(
    State(state): State<AppState>,
    identity: Identity,
    headers: HeaderMap,
    Json(request): Json<ChatRequest>,
) -> Result<Response, Problem> {
    let place = request.place()?;
    let streamed = request.stream || accepts_events(&headers);
    let question = Question {
        message: request.message,
        conversation_id: request.conversation_id,
        company_id: request.company_id,
        infobase_id: request.infobase_id,
        model: request.model,
        fresh: wants_fresh(&headers) || matches!(place, Place::Again(_)),
        place,
        attachments: request.attachments,
    };
    let resumable = request.resumable;
    let repeat = RepeatKey::read(&headers, identity.user_id);
    let request = serde_json::to_vec(&question).map_err(Problem::internal)?;
    let key = Key::read(&headers, identity.user_id, "chat", &request)?;
    let user = identity.user_id;
    let job = match run::open(state.clone(), identity, question, key).await {
        Ok(Opened::Replay(answer)) if streamed => return replayed(answer),
        Ok(Opened::Replay(answer)) => return Ok(Json(answer).into_response()),
        Ok(Opened::Job(job)) => job,
        // Whoever repeats a request watches the answer in the making.
        Err(Error::Idempotency(IdempotencyError::InFlight)) if streamed => {
            let name = match &repeat {
                Some(repeat) => state.running.of_key(user, repeat).await,
                None => None,
            };
            let name = name.ok_or(Error::Idempotency(IdempotencyError::InFlight))?;
            return follow(&state, name, 0).await;
        }
        Err(error) => return Err(error.into()),
    };
    let manner = Manner {
        conversation: job.conversation_id,
        resumable,
        repeat,
    };
    if streamed {
        Ok(streaming(&state, *job, manner).await)
    } else {
        whole(&state, *job, manner).await
    }
}

impl ChatRequest {
    /// Checks the request and tells where its question goes.
    fn place(&self) -> Result<Place, Problem> {
        let mut violations = Violations::new();
        let is_empty = self.message.trim().is_empty();
        violations.check(
            !is_empty || self.regenerate.is_some(),
            "/message",
            Text::new("Вопрос пуст.", "The question is empty."),
        );
        violations.check(
            is_empty || self.regenerate.is_none(),
            "/message",
            Text::new(
                "При regenerate вопрос задаётся прежний.",
                "With regenerate the question is the one that was asked.",
            ),
        );
        violations.check(
            self.message.chars().count() <= MAX_CHARS,
            "/message",
            Text::new(
                "Вопрос длиннее 8000 символов.",
                "The question is longer than 8000 characters.",
            ),
        );
        let after = self.parent_id.map(Place::After);
        let edit = self.edit.map(Place::InPlaceOf);
        let again = self.regenerate.map(Place::Again);
        let mut places = [("/parent_id", after), ("/edit", edit), ("/regenerate", again)]
            .into_iter()
            .filter_map(|(pointer, place)| Some((pointer, place?)));
        let first = places.next();
        if let Some((pointer, _)) = first {
            violations.check(
                self.conversation_id.is_some(),
                "/conversation_id",
                Text::new(
                    "Нужна беседа, в которой это сообщение.",
                    "The conversation of the message is needed.",
                ),
            );
            violations.check(
                places.next().is_none(),
                pointer,
                Text::new(
                    "Из parent_id, edit и regenerate можно указать одно.",
                    "One of parent_id, edit and regenerate may be given.",
                ),
            );
        }
        violations.finish()?;
        Ok(first.map_or(Place::Latest, |(_, place)| place))
    }
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

/// The answer as one JSON object.
async fn whole(state: &AppState, job: Job, manner: Manner) -> Result<Response, Problem> {
    let resumable = manner.resumable;
    let begun = state.running.begin(&state.context, job.name(), manner).await;
    let sink = begun.keeping(Sink::none());
    sink.send(job.start(resumable && begun.is_kept));
    // When the client goes, the answering ends, unless it is to go on; the books are closed in any case.
    let _guard = (!resumable).then(|| begun.cancel.clone().drop_guard());
    let (sender, receiver) = oneshot::channel();
    let context = RequestContext::current().unwrap_or_else(RequestContext::background);
    state.context.spawn_transient(async move {
        let answered = answered(job, sink, &context, begun.cancel.clone()).await;
        drop(begun);
        let _ = sender.send(answered);
    });
    let answer = receiver.await.map_err(Problem::internal)??;
    Ok(Json(answer).into_response())
}

/// The answer as a stream of events.
async fn streaming(state: &AppState, job: Job, manner: Manner) -> Response {
    let resumable = manner.resumable;
    let begun = state.running.begin(&state.context, job.name(), manner).await;
    let (sink, receiver) = Sink::stream();
    let sink = begun.keeping(sink);
    sink.send(job.start(resumable && begun.is_kept));
    // The guard goes with the stream: a client that closes the connection cancels the answer.
    let guard = (!resumable).then(|| begun.cancel.clone().drop_guard());
    let context = RequestContext::current().unwrap_or_else(RequestContext::background);
    state.context.spawn_transient(async move {
        // Whoever watches gets the problem as an event.
        let _ = answered(job, sink, &context, begun.cancel.clone()).await;
        drop(begun);
    });
    response(stream::unfold(
        (receiver, guard),
        |(mut receiver, guard)| async move {
            let event = encoded(&receiver.recv().await?);
            Some((Ok::<_, Infallible>(event), (receiver, guard)))
        },
    ))
}

/// Answers, and tells of the problem when there is none.
async fn answered(
    job: Job,
    sink: Sink,
    context: &RequestContext,
    cancel: CancellationToken,
) -> Result<Answer, Problem> {
    let (conversation, message) = (job.conversation_id, job.message_id);
    job.run(sink.clone(), cancel).await.map_err(|error| {
        let cancelled = matches!(error, Error::Cancelled);
        let mut problem = Problem::from(error);
        if cancelled {
            // What was made of it is kept.
            problem = problem
                .extension("conversation_id", conversation.to_string())
                .extension("message_id", message.to_string());
        }
        sink.send(ChatEvent::Error {
            problem: problem.to_json(context.locale, Some(&context.request_id)),
        });
        problem
    })
}

/// A kept answer, for a client that repeats a request.
fn replayed(answer: serde_json::Value) -> Result<Response, Problem> {
    let answer: Answer = serde_json::from_value(answer).map_err(Problem::internal)?;
    Ok(of_known(replay::events_of(answer), 0))
}
