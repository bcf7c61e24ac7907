//! A demo server behind something that fails at a moment of a test's choice.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use common::testing::{Client, TestServer};
use onec_demo::ServerOptions;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::setup::{base, set_faults};

/// What becomes of an acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// 1C does not get it, and the connection breaks.
    LoseRequest,
    /// 1C does as it is told, and the connection breaks.
    LoseAnswer,
    /// 1C does not get it, and nothing is ever answered.
    HoldRequest,
    /// 1C does as it is told, and nothing is ever answered.
    HoldAnswer,
}

#[derive(Default)]
struct State {
    /// Faults that are switched on after so many calls more.
    coming: Option<(u32, Value)>,
    on_notify: Option<Turn>,
    /// Acknowledgements that wait for an answer.
    held: u32,
}

/// A demo server whose calls are counted.
pub(crate) struct Front {
    pub(crate) server: TestServer,
    /// The same without what is in front of it.
    demo: TestServer,
    state: Arc<Mutex<State>>,
}

impl Front {
    pub(crate) async fn start() -> Self {
        let router = onec_demo::router(base(), ServerOptions::default());
        let demo = TestServer::serve(router.clone()).await;
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let front =
            Router::new().fallback(move |request: Request| answer(router.clone(), shared.clone(), request));
        Self {
            server: TestServer::serve(front).await,
            demo,
            state,
        }
    }

    /// Switches faults on after so many calls.
    pub(crate) fn then(&self, calls: u32, faults: Value) {
        self.state.lock().unwrap().coming = Some((calls, faults));
    }

    /// Ends all troubles.
    pub(crate) async fn calm(&self) {
        *self.state.lock().unwrap() = State::default();
        set_faults(&self.demo, &json!({})).await;
    }

    /// What becomes of acknowledgements from now on.
    pub(crate) fn on_notify(&self, turn: Option<Turn>) {
        self.state.lock().unwrap().on_notify = turn;
    }

    /// How many acknowledgements wait for an answer.
    pub(crate) fn held(&self) -> u32 {
        self.state.lock().unwrap().held
    }

    /// People work in the base.
    pub(crate) async fn work(&self, documents: u32) {
        let client = Client::anonymous(self.demo.url());
        let done = client
            .post("/demo/_admin/changes", &json!({"documents": documents}))
            .await;
        assert_eq!(done.status, 200, "{}", done.text());
    }
}

async fn answer(demo: Router, state: Arc<Mutex<State>>, request: Request) -> Response {
    let is_call = request.uri().path().contains("/odata/");
    let due = {
        let mut state = state.lock().unwrap();
        match &mut state.coming {
            Some((0, _)) if is_call => state.coming.take().map(|(_, faults)| faults),
            Some((calls, _)) if is_call => {
                *calls -= 1;
                None
            }
            _ => None,
        }
    };
    if let Some(faults) = due {
        let switch = Request::post("/demo/_faults")
            .header("content-type", "application/json")
            .body(Body::from(faults.to_string()))
            .unwrap();
        let switched = demo.clone().oneshot(switch).await.into_response();
        assert_eq!(switched.status(), 200);
    }
    let turn = state.lock().unwrap().on_notify;
    let turn = turn.filter(|_| request.uri().path().ends_with("/NotifyChangesReceived"));
    match turn {
        None => demo.oneshot(request).await.into_response(),
        Some(Turn::LoseRequest) => broken(),
        Some(Turn::LoseAnswer) => {
            let _lost = demo.oneshot(request).await.into_response();
            broken()
        }
        Some(Turn::HoldRequest) => held(&state).await,
        Some(Turn::HoldAnswer) => {
            let _lost = demo.oneshot(request).await.into_response();
            held(&state).await
        }
    }
}

async fn held(state: &Mutex<State>) -> Response {
    state.lock().unwrap().held += 1;
    std::future::pending().await
}

/// An answer whose connection breaks before the first byte of its body.
fn broken() -> Response {
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let body = futures_util::stream::iter([Err::<axum::body::Bytes, _>(broken)]);
    Response::new(Body::from_stream(body))
}
