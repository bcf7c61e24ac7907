//! Whether a service and what it depends on work.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use futures_util::future::{BoxFuture, join_all};
use http::StatusCode;
use serde_json::json;
use sqlx::PgPool;

use crate::cache::Redis;
use crate::db;

/// A dependency that has not answered by then counts as down.
const PATIENCE: Duration = Duration::from_secs(3);

/// One dependency and how to ask whether it works.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    ask: Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

impl Check {
    /// A check of that name.
    pub fn new<F, Fut>(name: &'static str, ask: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        Self {
            name,
            ask: Arc::new(move || Box::pin(ask())),
        }
    }

    /// `postgres`: the database answers.
    #[must_use]
    pub fn postgres(pool: &PgPool) -> Self {
        let pool = pool.clone();
        Self::new("postgres", move || {
            let pool = pool.clone();
            async move { db::is_up(&pool).await }
        })
    }

    /// `redis`: Redis answers.
    #[must_use]
    pub fn redis(redis: &Redis) -> Self {
        let redis = redis.clone();
        Self::new("redis", move || {
            let redis = redis.clone();
            async move { redis.is_up().await }
        })
    }
}

/// The answer of `GET /health`: 200, or 503 when a dependency is down. It names dependencies and
/// nothing more, since anybody may ask.
pub async fn report(service: &'static str, version: &'static str, checks: &[Check]) -> Response {
    let asked = join_all(checks.iter().map(|check| async move {
        let up = tokio::time::timeout(PATIENCE, (check.ask)())
            .await
            .unwrap_or(false);
        (check.name, up)
    }))
    .await;
    let healthy = asked.iter().all(|(_, up)| *up);
    let checks: serde_json::Map<String, serde_json::Value> = asked
        .into_iter()
        .map(|(name, up)| (name.to_owned(), if up { "up" } else { "down" }.into()))
        .collect();
    let status = if healthy {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({
        "status": if healthy { "ok" } else { "degraded" },
        "service": service,
        "version": version,
        "checks": checks,
    });
    (status, Json(body)).into_response()
}
