//! `GET /chat/{message_id}/events`: a broken stream is read on, at any replica. `POST
//! /chat/{message_id}/cancel`.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use common::Text;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{Path, Problem, Query};
use common::telemetry::{Chain, RequestContext};
use futures_util::stream;
use http::{HeaderMap, HeaderName, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::event_stream::{encoded, of_known, response};
use crate::chat::events::{ChatEvent, Numbered};
use crate::chat::kept::{Kept, KeptEvent};
use crate::chat::replay;
use crate::chat::running::AnswerName;
use crate::error::Error;
use crate::metrics;
use crate::state::AppState;
use crate::store::conversations::{self as store, KeptAnswer};

/// What a client of server-sent events has seen last.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Where to read on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    after: Option<u64>,
}

/// The events of an answer from the beginning or after `Last-Event-ID`, also of one still being made.
#[tracing::instrument(name = "http.chat.events", skip_all)]
pub(crate) async fn events(
    State(state): State<AppState>,
    identity: Identity,
    Path(message): Path<Uuid>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let user = identity.user_id;
    let name = AnswerName { user, message };
    // A client that reconnects by itself repeats the address and tells more in the header.
    let after = last_event_id(&headers)?.or(query.after).unwrap_or(0);
    follow(&state, name, after).await
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    id.map(Some).ok_or_else(|| {
        Problem::bad_request(Text::new(
            "Last-Event-ID — это номер последнего полученного события.",
            "Last-Event-ID is the number of the last event that was received.",
        ))
    })
}

/// The events of an answer after that one: those that are kept and those to come, or the answer as it is
/// kept.
pub(super) async fn follow(state: &AppState, name: AnswerName, after: u64) -> Result<Response, Problem> {
    let kept = state.running.kept(name);
    match kept.latest().await {
        // The client has seen all of it; a browser comes no more after this.
        Ok(Some(latest)) if latest.is_last() && latest.id <= after => {
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Ok(Some(_)) => {
            let permit = state.running.reader().ok_or(Error::TooManyReaders)?;
            metrics::stream_resumed("events");
            Ok(following(state, name, kept, after, permit))
        }
        Ok(None) => of_answer(state, name, after).await,
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "kept events of an answer cannot be read");
            match of_answer(state, name, after).await {
                // It may be in the making.
                Err(problem) if problem.status() == StatusCode::NOT_FOUND => {
                    Err(Problem::unavailable("redis"))
                }
                answered => answered,
            }
        }
    }
}

/// The answer as it is kept: what was read of it before is void.
async fn of_answer(state: &AppState, name: AnswerName, after: u64) -> Result<Response, Problem> {
    let answer = answer(state, name).await?.ok_or(Error::MessageNotFound)?;
    metrics::stream_resumed("answer");
    let mut events = whole(answer);
    if after > 0 {
        events[0] = ChatEvent::Restart {};
    }
    Ok(of_known(events, after))
}

async fn answer(state: &AppState, name: AnswerName) -> Result<Option<KeptAnswer>, Error> {
    let mut db = state.db.acquire().await.store("acquire")?;
    Ok(store::answer_get(&mut db, name.user, name.message).await?)
}

/// All of an answer that is kept.
fn whole(kept: KeptAnswer) -> Vec<ChatEvent> {
    if let Some(answer) = kept.answer.and_then(|value| serde_json::from_value(value).ok()) {
        return replay::events_of(answer);
    }
    let start = ChatEvent::MessageStart {
        conversation_id: kept.conversation_id,
        message_id: kept.id,
        question_id: kept.question_id,
        model: String::new(),
        resumable: true,
    };
    let token = ChatEvent::Token { text: kept.content };
    vec![start, token, failed(Error::Cancelled)]
}

fn failed(error: Error) -> ChatEvent {
    let context = RequestContext::current().unwrap_or_else(RequestContext::background);
    let problem = Problem::from(error).to_json(context.locale, Some(&context.request_id));
    ChatEvent::Error { problem }
}

/// Somebody reads kept events.
struct Reader {
    state: AppState,
    name: AnswerName,
    kept: Kept,
    after: u64,
    waiting: VecDeque<Event>,
    is_over: bool,
    _permit: OwnedSemaphorePermit,
}

fn following(
    state: &AppState,
    name: AnswerName,
    kept: Kept,
    after: u64,
    permit: OwnedSemaphorePermit,
) -> Response {
    let reader = Reader {
        state: state.clone(),
        name,
        kept,
        after,
        waiting: VecDeque::new(),
        is_over: false,
        _permit: permit,
    };
    let context = RequestContext::current().unwrap_or_else(RequestContext::background);
    response(stream::unfold(
        (reader, context),
        |(mut reader, context)| async move {
            let event = context.clone().scope(Box::pin(reader.next())).await?;
            Some((Ok::<_, Infallible>(event), (reader, context)))
        },
    ))
}

impl Reader {
    /// The next event; `None` after the last one, and when it cannot be read now: the client comes back
    /// and goes on where it was.
    async fn next(&mut self) -> Option<Event> {
        let shutdown = self.state.context.shutdown.clone();
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            let read = tokio::select! {
                () = shutdown.cancelled() => return None,
                read = self.kept.after(self.after) => read,
            };
            match read {
                Ok(events) if events.is_empty() => self.look_whether_alive().await?,
                Ok(events) => {
                    for event in events {
                        self.pass(event).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "kept events of an answer cannot be read on");
                    return None;
                }
            }
        }
    }

    /// After a silence. `None` when Redis has gone.
    async fn look_whether_alive(&mut self) -> Option<()> {
        if self.state.running.is_alive(self.name).await.ok()? {
            return Some(());
        }
        // It may have ended since.
        let latest = self.kept.latest().await.ok()?;
        if latest.is_some_and(|latest| latest.id > self.after) {
            return Some(());
        }
        self.push(self.after + 1, failed(Error::AnswerLost));
        self.is_over = true;
        Some(())
    }

    async fn pass(&mut self, event: KeptEvent) {
        self.after = event.id;
        self.is_over = event.is_last();
        if !event.is_done() {
            let KeptEvent { id, name, data, .. } = event;
            self.waiting
                .push_back(Event::default().id(id.to_string()).event(name).data(data));
            return;
        }
        match answer(&self.state, self.name).await {
            Ok(Some(answer)) => {
                let mut events = whole(answer);
                let done = events.pop();
                if event.has_gaps {
                    events[0] = ChatEvent::Restart {};
                    // They share the number of the last one: whoever breaks off among them begins anew.
                    for missed in events {
                        self.waiting
                            .push_back(Event::default().event(missed.name()).data(missed.data()));
                    }
                }
                if let Some(done) = done {
                    self.push(event.id, done);
                }
            }
            // Its conversation has been deleted meanwhile.
            Ok(None) => self.push(event.id, failed(Error::MessageNotFound)),
            Err(error) => self.push(event.id, failed(error)),
        }
    }

    fn push(&mut self, id: u64, event: ChatEvent) {
        self.waiting.push_back(encoded(&Numbered { id, event }));
    }
}

/// Ends an answer that is being made; what there is of it is kept.
#[tracing::instrument(name = "http.chat.cancel", skip_all)]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    identity: Identity,
    Path(message): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let user = identity.user_id;
    let told = state.running.cancel(AnswerName { user, message }).await;
    if let Ok(true) = told {
        return Ok(StatusCode::ACCEPTED);
    }
    if answer(&state, AnswerName { user, message }).await?.is_some() {
        return Err(Error::AnswerEnded.into());
    }
    match told {
        Ok(_) => Err(Error::MessageNotFound.into()),
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "a cancellation cannot be told to the other replicas");
            Err(Problem::unavailable("redis"))
        }
    }
}
