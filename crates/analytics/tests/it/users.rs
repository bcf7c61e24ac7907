//! A stand-in for user-management: gives keys, and tokens for them.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use axum::{Json, Router};
use common::http::Problem;
use common::testing::TestServer;
use common::{Text, ids};
use http::StatusCode;
use serde_json::{Value, json};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    token: String,
    made: Vec<Value>,
    revoked: Vec<String>,
    /// What keys and their tokens are refused with.
    refusal: Option<(StatusCode, &'static str)>,
}

pub(crate) struct StandIn {
    server: TestServer,
    shared: Shared,
}

impl StandIn {
    pub(crate) async fn start() -> Self {
        let shared = Shared::default();
        let router = Router::new()
            .route("/api-keys", post(create))
            .route("/api-keys/{id}", delete(revoke))
            .route("/auth/api-keys/token", post(exchange))
            .with_state(shared.clone());
        Self {
            server: TestServer::serve(router).await,
            shared,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// What keys are exchanged for from now on.
    pub(crate) fn give(&self, token: String) {
        self.shared.0.lock().unwrap().token = token;
    }

    pub(crate) fn refuse(&self, refusal: Option<(StatusCode, &'static str)>) {
        self.shared.0.lock().unwrap().refusal = refusal;
    }

    /// The requests that made keys.
    pub(crate) fn made(&self) -> Vec<Value> {
        self.shared.0.lock().unwrap().made.clone()
    }

    pub(crate) fn revoked(&self) -> Vec<String> {
        self.shared.0.lock().unwrap().revoked.clone()
    }
}

fn refusal(inner: &Inner) -> Option<Response> {
    let (status, code) = inner.refusal?;
    let problem = Problem::new(status, code, Text::same("Отказано")).detail(Text::same("Войдите заново."));
    Some(problem.into_response())
}

async fn create(State(shared): State<Shared>, Json(body): Json<Value>) -> Response {
    let mut inner = shared.0.lock().unwrap();
    if let Some(refused) = refusal(&inner) {
        return refused;
    }
    inner.made.push(body);
    let key = format!("ak_secret_{}", inner.made.len());
    (
        StatusCode::CREATED,
        Json(json!({"id": ids::new_id(), "key": key})),
    )
        .into_response()
}

async fn revoke(State(shared): State<Shared>, Path(id): Path<String>) -> StatusCode {
    shared.0.lock().unwrap().revoked.push(id);
    StatusCode::NO_CONTENT
}

async fn exchange(State(shared): State<Shared>, Json(body): Json<Value>) -> Response {
    let inner = shared.0.lock().unwrap();
    assert!(body["api_key"].as_str().unwrap().starts_with("ak_secret_"));
    if let Some(refused) = refusal(&inner) {
        return refused;
    }
    let token = json!({"access_token": inner.token, "token_type": "Bearer", "expires_in": 300});
    Json(token).into_response()
}
