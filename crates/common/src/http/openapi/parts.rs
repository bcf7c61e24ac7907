//! What arguments of handlers take from a request.

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, Request, State};
use http::{HeaderMap, Method, Uri};
use schemars::JsonSchema;
use serde_json::json;

use super::{Operation, Part};
use crate::auth::Identity;
use crate::http::{ClientIp, IfMatch, Json, Path, Query};

impl<S> Part for State<S> {}
impl<T> Part for Extension<T> {}
impl Part for HeaderMap {}
impl Part for Method {}
impl Part for Uri {}
impl Part for Identity {}
impl Part for ClientIp {}
impl Part for RawQuery {}

impl Part for IfMatch {
    fn describe(operation: &mut Operation<'_>) {
        operation.header(
            "If-Match",
            "The version that the client has seen, as `ETag` told it; another one now answers 412.",
        );
    }
}

impl<T: JsonSchema> Part for Path<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.path::<T>();
    }
}

impl<T: JsonSchema> Part for axum::extract::Path<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.path::<T>();
    }
}

impl<T: JsonSchema> Part for Query<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.query::<T>();
    }
}

impl<T: JsonSchema> Part for Json<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.json_body::<T>();
    }
}

/// Bodies that a handler reads by itself.
fn raw(operation: &mut Operation<'_>) {
    operation.body("*/*", &json!({}));
}

impl Part for Bytes {
    fn describe(operation: &mut Operation<'_>) {
        raw(operation);
    }
}

impl Part for String {
    fn describe(operation: &mut Operation<'_>) {
        raw(operation);
    }
}

impl Part for Body {
    fn describe(operation: &mut Operation<'_>) {
        raw(operation);
    }
}

impl Part for Request {
    fn describe(operation: &mut Operation<'_>) {
        raw(operation);
    }
}

/// An argument whose rejection the handler answers.
impl<T: Part, E> Part for Result<T, E> {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

impl<T: Part> Part for Option<T> {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}
