//! The admin port, which is never routed from outside.
//!
//! - `GET /live`: 200 while the process runs.
//! - `GET /ready`: 200 while the service takes requests; 503 before it has started and while it
//!   drains.
//! - `GET /metrics`: Prometheus text format.
//! - pages of a service that serves by itself, once it has started.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tower::ServiceExt;

use crate::telemetry;

/// The router of the admin port.
pub(super) fn router(ready: Arc<AtomicBool>, own_pages: Arc<OnceLock<Router>>) -> Router {
    let is_ready = move || {
        let ready = ready.load(Ordering::SeqCst);
        async move {
            if ready {
                (StatusCode::OK, "ready\n")
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
            }
        }
    };
    Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(is_ready))
        .route(
            "/metrics",
            get(|| async {
                (
                    [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
                    telemetry::render_metrics(),
                )
                    .into_response()
            }),
        )
        .fallback(move |request: Request| {
            let pages = own_pages.get().cloned();
            async move {
                match pages {
                    Some(pages) => pages.oneshot(request).await.into_response(),
                    None => StatusCode::NOT_FOUND.into_response(),
                }
            }
        })
}
