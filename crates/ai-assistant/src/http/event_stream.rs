//! Events as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, HeaderName};

use crate::chat::events::{ChatEvent, Numbered};

/// Proxies close connections that are silent for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The response with that stream.
pub(crate) fn response<S>(events: S) -> Response
where
    S: Stream<Item = Result<Event, Infallible>> + Send + 'static,
{
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // nginx passes such a stream on piece by piece.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

/// An event with its number, by which the stream is read on.
pub(super) fn encoded(numbered: &Numbered) -> Event {
    let Numbered { id, event } = numbered;
    Event::default()
        .id(id.to_string())
        .event(event.name())
        .data(event.data())
}

/// The stream of events that are all known, numbered after that one.
pub(super) fn of_known(events: Vec<ChatEvent>, after: u64) -> Response {
    let numbered = (after + 1..).zip(events);
    let events: Vec<_> = numbered
        .map(|(id, event)| Ok(encoded(&Numbered { id, event })))
        .collect();
    response(stream::iter(events))
}
