//! Calls to other services and to the outside.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, RequestBuilder, Response};

use crate::telemetry::RequestContext;

/// A builder with our time limits: 5 s to connect, 60 s for a whole call, and idle connections
/// kept for less than the 10 s after which our servers close them, so that a call does not meet a
/// connection that is just being closed. Callers may change them.
pub fn builder() -> ClientBuilder {
    crate::service::install_crypto_provider();
    Client::builder()
        .user_agent(concat!("ai-assistants-1c/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(60))
        .pool_idle_timeout(Duration::from_secs(8))
        .redirect(reqwest::redirect::Policy::none())
}

/// Sends a request with `X-Request-Id` and `traceparent` of the request being handled.
///
/// # Errors
/// As [`RequestBuilder::send`].
pub async fn send(request: RequestBuilder) -> reqwest::Result<Response> {
    let request = match RequestContext::current() {
        Some(context) => request
            .header("x-request-id", &context.request_id)
            .header("traceparent", context.trace.child().to_string())
            .header("accept-language", context.locale.tag()),
        None => request,
    };
    #[expect(clippy::disallowed_methods, reason = "the one place that sends")]
    let response = request.send();
    response.await
}
