//! What handlers answer.

use std::fmt::Display;

use axum::BoxError;
use axum::body::Bytes;
use axum::response::sse::Event;
use axum::response::{Html, IntoResponse, Redirect, Response, Sse};
use futures_util::Stream;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{Answer, Operation};
use crate::http::Json;

impl<T: JsonSchema + Serialize> Answer for Json<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.json_answer::<T>("200");
    }
}

/// Without a body.
impl Answer for StatusCode {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer("2XX", None);
    }
}

/// Without a body.
impl Answer for () {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer("200", None);
    }
}

fn text(operation: &mut Operation<'_>) {
    operation.answer("200", Some(("text/plain", &json!({"type": "string"}))));
}

impl Answer for String {
    fn describe(operation: &mut Operation<'_>) {
        text(operation);
    }
}

impl Answer for &'static str {
    fn describe(operation: &mut Operation<'_>) {
        text(operation);
    }
}

/// Without a body.
impl Answer for HeaderMap {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer("200", None);
    }
}

/// Bytes that were made before.
impl Answer for Bytes {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer("200", Some(("*/*", &json!({}))));
    }
}

/// Of a form that only the handler knows: a file, a stream, a redirection.
impl Answer for Response {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer("2XX", Some(("*/*", &json!({}))));
    }
}

impl<T> Answer for Html<T>
where
    Html<T>: IntoResponse,
{
    fn describe(operation: &mut Operation<'_>) {
        operation.answer("200", Some(("text/html", &json!({"type": "string"}))));
    }
}

impl Answer for Redirect {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer("3XX", None);
    }
}

impl<S, E> Answer for Sse<S>
where
    S: Stream<Item = Result<Event, E>> + Send + 'static,
    E: Into<BoxError>,
{
    fn describe(operation: &mut Operation<'_>) {
        operation.answer("200", Some(("text/event-stream", &json!({"type": "string"}))));
    }
}

/// A refusal has the same form on all routes and is told once for all.
impl<T: Answer, E: IntoResponse> Answer for Result<T, E> {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

impl<T: Answer> Answer for (StatusCode, T) {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
        operation.any_success();
    }
}

impl<T: Answer> Answer for (HeaderMap, T) {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

impl<T: Answer> Answer for (StatusCode, HeaderMap, T) {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
        operation.any_success();
    }
}

impl<T: Answer, V, const N: usize> Answer for ([(HeaderName, V); N], T)
where
    V: TryInto<HeaderValue>,
    V::Error: Display,
{
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

impl<T: Answer, V, const N: usize> Answer for (StatusCode, [(HeaderName, V); N], T)
where
    V: TryInto<HeaderValue>,
    V::Error: Display,
{
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
        operation.any_success();
    }
}

impl<T: Answer, V, W, const N: usize, const M: usize> Answer
    for (StatusCode, [(HeaderName, V); N], [(HeaderName, W); M], T)
where
    V: TryInto<HeaderValue>,
    V::Error: Display,
    W: TryInto<HeaderValue>,
    W::Error: Display,
{
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
        operation.any_success();
    }
}
