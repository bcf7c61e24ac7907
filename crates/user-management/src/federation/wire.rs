//! Calls to providers: bounded in time and size, without redirects.

use std::sync::Arc;
use std::time::Duration;

use common::BoxError;
use common::http::address::Resolver;
use common::http::client;
use http::StatusCode;
use reqwest::{Client, RequestBuilder};
use serde::de::DeserializeOwned;

use crate::metrics;

/// A provider that takes longer is as good as down: somebody waits in front of a page.
const PATIENCE: Duration = Duration::from_secs(8);
/// Answers of providers are small; key sets are the largest.
const MAX_ANSWER_BYTES: usize = 512 * 1024;

/// What is asked of a provider, for metrics.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request {
    Discovery,
    Keys,
    Token,
    Userinfo,
}

impl Request {
    fn as_str(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Keys => "keys",
            Self::Token => "token",
            Self::Userinfo => "userinfo",
        }
    }
}

/// A client for calls to providers.
pub(super) fn new_client() -> reqwest::Result<Client> {
    client::builder().timeout(PATIENCE).build()
}

/// A client for calls to addresses that an administrator has typed in, which cannot be led to where the
/// machine keeps its secrets.
pub(crate) fn key_client() -> reqwest::Result<Client> {
    client::builder()
        .timeout(PATIENCE)
        .dns_resolver(Arc::new(Resolver))
        .build()
}

/// An answer that is not the one hoped for.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// There was none in time.
    #[error("there was no answer")]
    NoAnswer(#[source] reqwest::Error),
    /// It was too long.
    #[error("the answer is longer than {MAX_ANSWER_BYTES} bytes")]
    TooLong,
    /// It had another status than 200. The body is kept: OAuth puts the reason there.
    #[error("the answer has status {0}")]
    Status(StatusCode, Vec<u8>),
    /// It was not the JSON that it should be.
    #[error("the answer is not what it should be")]
    Unreadable(#[source] BoxError),
}

/// Sends a request and reads the JSON of its answer.
pub(super) async fn call<T: DeserializeOwned>(
    provider: &str,
    what: Request,
    request: RequestBuilder,
) -> Result<T, CallError> {
    let result = read(request).await;
    let outcome = match &result {
        Ok(_) => "success",
        Err(CallError::Status(status, _)) if status.is_client_error() => "refused",
        Err(_) => "failed",
    };
    metrics::provider_request(provider, what.as_str(), outcome);
    let bytes = result?;
    serde_json::from_slice(&bytes).map_err(|error| CallError::Unreadable(error.into()))
}

async fn read(request: RequestBuilder) -> Result<Vec<u8>, CallError> {
    let request = request.header("accept", "application/json");
    let mut response = client::send(request).await.map_err(CallError::NoAnswer)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(CallError::NoAnswer)? {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(CallError::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    match response.status() {
        StatusCode::OK => Ok(bytes),
        status => Err(CallError::Status(status, bytes)),
    }
}

/// A body of `application/x-www-form-urlencoded`.
pub(super) fn form(request: RequestBuilder, pairs: &[(&str, &str)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
}
