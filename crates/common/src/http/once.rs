//! Requests that have an effect once, however often they are sent with one `Idempotency-Key`.
//!
//! The answer is kept as it was sent, sealed, since it may tell a secret. The work goes on when the client
//! goes away: whoever asks again gets its outcome.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderName, HeaderValue};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use tokio::sync::oneshot;
use tracing::Instrument;

use super::layers::panicked;
use super::{Problem, extract};
use crate::auth::Identity;
use crate::db::{Schema, StoreResult};
use crate::idempotency::{self, Claim, IDEMPOTENCY_KEY, Key};
use crate::sealing::{Sealer, Unspecified};
use crate::service::Context;
use crate::telemetry::{Chain, RequestContext};

/// Tells that an answer is one that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Headers that belong to an answer rather than to its journey.
const KEPT_HEADERS: [HeaderName; 3] = [CONTENT_TYPE, LOCATION, ETAG];

/// Where answers are kept. A service whose routes are added by
/// [`Routes::post_once`](super::routes::Routes::post_once) puts it around its router as an extension.
#[derive(Debug, Clone)]
pub struct FirstAnswers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    schema: &'static Schema,
    sealer: Sealer,
    context: Context,
}

/// An answer as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    /// In base64.
    body: String,
}

impl FirstAnswers {
    /// Keeps answers in `schema`, sealed under a secret of the service.
    ///
    /// # Errors
    /// Only when the cryptography library fails.
    pub fn new(
        pool: PgPool,
        schema: &'static Schema,
        secret: &SecretString,
        context: &Context,
    ) -> Result<Self, Unspecified> {
        Ok(Self(Arc::new(Inner {
            pool,
            schema,
            sealer: Sealer::new(secret, "first answers to idempotent requests")?,
            context: context.clone(),
        })))
    }

    async fn claim(&self, key: &Key) -> Result<Claim, Problem> {
        let mut connection = self.0.pool.acquire().await.store("acquire")?;
        let now = self.0.context.clock.now();
        Ok(idempotency::claim(&mut connection, self.0.schema, key, now).await?)
    }

    /// Keeps the answer, or gives the key back when it is a failure.
    async fn settle(&self, key: &Key, response: Response) -> Result<Response, Problem> {
        if !response.status().is_success() {
            let mut connection = self.0.pool.acquire().await.store("acquire")?;
            idempotency::release(&mut connection, self.0.schema, key).await?;
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        // The handler had it in memory, too.
        let body = to_bytes(body, usize::MAX).await.map_err(Problem::internal)?;
        let headers = KEPT_HEADERS.iter().filter_map(|name| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        let kept = Kept {
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body: STANDARD.encode(&body),
        };
        let kept = serde_json::to_vec(&kept).map_err(Problem::internal)?;
        let sealed = self.0.sealer.seal(&key.name(), &kept);
        let sealed = sealed.map_err(|_| Problem::internal("an answer cannot be sealed"))?;
        let answer = Value::String(STANDARD.encode(sealed));
        let response = Response::from_parts(parts, Body::from(body));
        let kept = async {
            let mut connection = self.0.pool.acquire().await.store("acquire")?;
            idempotency::complete(&mut connection, self.0.schema, key, &answer).await
        };
        if let Err(error) = kept.await {
            // What was asked for is done: the caller learns of that rather than of this.
            tracing::error!(error = %Chain(&error), "the answer to an idempotent request was not kept");
        }
        Ok(response)
    }

    fn replay(&self, key: &Key, answer: &Value) -> Result<Response, Problem> {
        let unreadable = || Problem::internal("a kept answer cannot be read: was the secret changed?");
        let sealed = answer.as_str().and_then(|text| STANDARD.decode(text).ok());
        let sealed = sealed.ok_or_else(unreadable)?;
        let kept = self
            .0
            .sealer
            .open(&key.name(), &sealed)
            .map_err(|_| unreadable())?;
        let kept: Kept = serde_json::from_slice(&kept).map_err(Problem::internal)?;
        let body = STANDARD.decode(kept.body).map_err(Problem::internal)?;
        let mut response = Response::builder().status(kept.status);
        for (name, value) in kept.headers {
            response = response.header(name, value);
        }
        response
            .header(REPLAYED, HeaderValue::from_static("true"))
            .body(Body::from(body))
            .map_err(Problem::internal)
    }
}

/// The layer: inside of the check of the caller, around the handler.
pub(super) async fn once(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(IDEMPOTENCY_KEY) {
        return next.run(request).await;
    }
    answer(request, next)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

async fn answer(request: Request, next: Next) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let identity = parts.extensions.get::<Identity>();
    let answers = parts.extensions.get::<FirstAnswers>().cloned();
    let Some((identity, answers)) = identity.zip(answers) else {
        return Err(Problem::internal("the router keeps no first answers"));
    };
    let user = identity.user_id;
    let whole = Request::from_parts(parts.clone(), body);
    let body = Bytes::from_request(whole, &()).await.map_err(extract::unread)?;
    let operation = format!("{} {}", parts.method, parts.uri.path());
    let query = parts.uri.query().unwrap_or_default();
    let request = [query.as_bytes(), b"\n", &body].concat();
    let Some(key) = Key::read(&parts.headers, user, operation, &request)? else {
        return Ok(next.run(Request::from_parts(parts, Body::from(body))).await);
    };
    if let Claim::Answered(answer) = answers.claim(&key).await? {
        return answers.replay(&key, &answer);
    }
    let request = Request::from_parts(parts, Body::from(body));
    let (sender, receiver) = oneshot::channel();
    let context = RequestContext::current().unwrap_or_else(RequestContext::background);
    let tasks = answers.0.context.clone();
    let work = async move {
        let response = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        let response = response.unwrap_or_else(|panic| panicked(&*panic).into_response());
        let settled = answers.settle(&key, response).await;
        // Nobody receives it when the client has gone.
        let _ = sender.send(settled);
    };
    tasks.spawn_transient(context.scope(work).in_current_span());
    receiver.await.map_err(Problem::internal)?
}
