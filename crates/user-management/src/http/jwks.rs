//! `GET /.well-known/jwks.json`: the public keys (RFC 7517), from memory.

use ::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::extract::State;

use super::oauth::cors::ANY_ORIGIN;
use common::http::openapi::Answer;

use crate::AppState;

/// The set of keys. A key is published a day before its first use, so that a cache may keep the
/// set for five minutes.
pub(crate) async fn get(State(state): State<AppState>) -> impl Answer {
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "public, max-age=300"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ANY_ORIGIN,
    ];
    (headers, state.tokens.ring().current().published.clone())
}
