//! Keys of programs: exchanged at user-management for a short-lived token, which the services see.
//!
//! A key is known again by its SHA-256 only, for as long as its token is good: the token ends, or
//! its key is revoked, or the rights of its owner change.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::Duration;
use common::Text;
use common::auth::{Authenticator, Identity, Revocations};
use common::clock::Clock;
use common::http::Problem;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use http_body_util::{BodyExt, Limited};
use secrecy::ExposeSecret;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::body::{Source, Upload};
use crate::forward::{self, Outgoing};
use crate::headers::{self, Origin};
use crate::recent::Recent;
use crate::routing::Service;
use crate::visit::Visit;
use crate::worker::Worker;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const PREFIX: &str = "ak_";
const MAX_KEY_BYTES: usize = 256;
/// Keys whose tokens are kept; about two kilobytes each.
const CAPACITY: usize = 4096;
/// A token is not used in its last seconds: it must still be good where it is going.
const MARGIN: Duration = Duration::seconds(30);
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Exchanges keys and remembers their tokens.
#[derive(Debug)]
pub(crate) struct ApiKeys {
    authenticator: Authenticator,
    revocations: Revocations,
    clock: Clock,
    known: Mutex<Recent<[u8; 32], Arc<Identity>>>,
}

/// The key of a request: `X-API-Key`, or a bearer token that begins like one.
pub(crate) fn key_of(headers: &HeaderMap) -> Option<String> {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    if let Some(key) = headers.get(X_API_KEY) {
        return Some(text(key).unwrap_or_default());
    }
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && key.starts_with(PREFIX)).then(|| key.to_owned())
}

/// Puts the token in the place of the key, which no other service sees.
pub(crate) fn present_token(headers: &mut HeaderMap, identity: &Identity) -> Result<(), Problem> {
    headers.remove(X_API_KEY);
    let bearer = format!("Bearer {}", identity.token.expose_secret());
    let mut value = HeaderValue::from_str(&bearer).map_err(Problem::internal)?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(())
}

impl ApiKeys {
    pub(crate) fn new(authenticator: Authenticator, revocations: Revocations, clock: Clock) -> Self {
        Self {
            authenticator,
            revocations,
            clock,
            known: Mutex::new(Recent::new(CAPACITY)),
        }
    }

    /// Whose key it is, with the token to be shown to services.
    pub(crate) async fn identify(
        &self,
        worker: &Worker,
        key: &str,
        visit: &Visit<'_>,
        patience: std::time::Duration,
    ) -> Result<Arc<Identity>, Problem> {
        if !key.starts_with(PREFIX) || key.len() > MAX_KEY_BYTES {
            return Err(invalid());
        }
        let hash: [u8; 32] = Sha256::digest(key).into();
        if let Some(identity) = self.known(&hash) {
            return Ok(identity);
        }
        let token = exchange(worker, key, visit, patience).await?;
        let identity = Arc::new(self.authenticator.verify(&token).await?);
        self.lock().insert(hash, identity.clone());
        Ok(identity)
    }

    fn known(&self, hash: &[u8; 32]) -> Option<Arc<Identity>> {
        let mut known = self.lock();
        let identity = known.get(hash)?.clone();
        let good = self.clock.now() + MARGIN < identity.expires_at
            && !self.revocations.contains(identity.session_id)
            && !self
                .revocations
                .outdated(identity.user_id, identity.rights_version);
        if !good {
            known.remove(hash);
            return None;
        }
        Some(identity)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Recent<[u8; 32], Arc<Identity>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn exchange(
    worker: &Worker,
    key: &str,
    visit: &Visit<'_>,
    patience: std::time::Duration,
) -> Result<String, Problem> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let origin = Origin {
        client: visit.client,
        secure: false,
        host: None,
        version: Version::HTTP_11,
    };
    headers::prepare_request(&mut headers, origin, &visit.context);
    let body = serde_json::json!({ "api_key": key }).to_string();
    let limit = body.len() as u64;
    let outgoing = Outgoing {
        method: Method::POST,
        path: PathAndQuery::from_static("/auth/api-keys/token"),
        headers,
        upload: Upload::new(Source::Own(Some(body.into())), limit),
        body_limit: limit,
        patience,
    };
    let answer = forward::forward(worker, worker.gateway.upstream(Service::UserManagement), outgoing).await?;
    let status = answer.status();
    let bytes = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
    let bytes = bytes
        .map_err(|error| Problem::unavailable("user-management").source(error))?
        .to_bytes();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    match (status, body["access_token"].as_str(), body["code"].as_str()) {
        (StatusCode::OK, Some(token), _) => Ok(token.to_owned()),
        (StatusCode::UNAUTHORIZED, _, Some("auth.api_key_expired")) => Err(expired()),
        (StatusCode::UNAUTHORIZED, _, _) => Err(invalid()),
        _ => Err(Problem::unavailable("user-management")),
    }
}

fn invalid() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "auth.api_key_invalid",
        Text::new("Недействительный ключ API", "Invalid API key"),
    )
}

fn expired() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "auth.api_key_expired",
        Text::new("Срок действия ключа API истёк", "The API key has expired"),
    )
    .detail(Text::new("Создайте новый ключ.", "Make a new key."))
}
