//! An answer as a stream of server-sent events.

use std::convert::Infallible;

use axum::response::Response;
use axum::response::sse::Event;
use common::telemetry::RequestContext;
use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::answering::{Answering, End, Told};
use crate::http::event_stream;

/// What a protocol writes.
#[derive(Debug)]
pub(super) enum Step {
    /// The head of the stream.
    Begin,
    Text(String),
    End(Box<End>),
    /// The problem that ended the stream, as JSON.
    Failed(Value),
}

/// The stream, each step written by `write`. A client that closes it cancels the answer.
pub(super) fn response<W>(answering: Answering, write: W) -> Response
where
    W: FnMut(Step) -> Vec<Event> + Send + 'static,
{
    struct State<W> {
        answering: Answering,
        write: W,
        begun: bool,
        ended: bool,
        context: RequestContext,
    }
    let context = RequestContext::current().unwrap_or_else(RequestContext::background);
    let state = State {
        answering,
        write,
        begun: false,
        ended: false,
        context,
    };
    let events = stream::unfold(state, |mut state| async move {
        if state.ended {
            return None;
        }
        if !state.begun {
            state.begun = true;
            let written = (state.write)(Step::Begin);
            return Some((written, state));
        }
        let step = match state.answering.next().await {
            Told::Began => return Some((Vec::new(), state)),
            Told::Text(text) => Step::Text(text),
            Told::End(end) => Step::End(end),
            Told::Failed(problem) => {
                Step::Failed(problem.to_json(state.context.locale, Some(&state.context.request_id)))
            }
        };
        state.ended = matches!(step, Step::End(_) | Step::Failed(_));
        let written = (state.write)(step);
        Some((written, state))
    });
    let events = events.flat_map(|written| stream::iter(written.into_iter().map(Ok::<_, Infallible>)));
    event_stream::response(events)
}

/// An event without a name, as Chat Completions has them.
pub(super) fn data(value: &Value) -> Event {
    Event::default().data(value.to_string())
}

/// An event with a name: SDKs drop those without one.
pub(super) fn named(name: &str, value: &Value) -> Event {
    Event::default().event(name).data(value.to_string())
}
