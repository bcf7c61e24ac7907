//! Programs come with keys, and services see tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use common::auth::Revocations;
use common::clock::Clock;
use common::http::Problem;
use common::testing::{Client, Grant, Proxy, TestServer};
use http::Method;
use serde_json::{Value, json};

use crate::world::{World, app, eventually, stand_in};

const KEY: &str = "ak_0_1_2";

/// A gateway before a stand-in that knows one key, and how often it was asked.
struct Bench {
    world: World,
    /// Between the gateway and user-management.
    between: Proxy,
    _users: TestServer,
    server: TestServer,
    grant: Grant,
    asked: Arc<AtomicUsize>,
}

async fn bench() -> Bench {
    let world = World::new().await;
    let grant = Grant::new(&[]);
    let asked = Arc::new(AtomicUsize::new(0));
    let (jwks, token) = (world.issuer.jwks(), world.issuer.sign(&grant));
    let counter = asked.clone();
    let exchange = move |axum::Json(body): axum::Json<Value>| {
        let token = token.clone();
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            if body["api_key"] == KEY {
                axum::Json(json!({ "access_token": token })).into_response()
            } else {
                Problem::token_required().into_response()
            }
        }
    };
    let router = Router::new()
        .route("/.well-known/jwks.json", get(move || async { axum::Json(jwks) }))
        .route("/auth/api-keys/token", post(exchange));
    let users = TestServer::serve(stand_in("user-management", router)).await;
    let address = users.url().replace("http://", "");
    let between = Proxy::start(address.trim_end_matches('/').parse().unwrap()).await;
    let (app, _context) = app(vec![
        ("REDIS_URL".to_owned(), world.redis.url().to_owned()),
        ("RATE_LIMIT_PATIENCE".to_owned(), "2s".to_owned()),
        (
            "JWKS_URL".to_owned(),
            format!("{}/.well-known/jwks.json", users.url()),
        ),
        (
            "USER_MANAGEMENT_URL".to_owned(),
            format!("http://{}", between.address()),
        ),
        ("AI_ASSISTANT_URL".to_owned(), users.url()),
    ])
    .await;
    Bench {
        server: TestServer::start_own(app).await,
        between,
        _users: users,
        world,
        grant,
        asked,
    }
}

impl Bench {
    async fn call(&self, header: &str, value: &str) -> common::testing::Response {
        let client = Client::anonymous(self.server.url());
        let request = client.request(Method::GET, "/api/users/me").header(header, value);
        client.send(request).await
    }
}

#[tokio::test]
async fn a_key_is_exchanged_once_and_seen_by_no_other_service() {
    let bench = bench().await;
    for (header, value) in [
        ("x-api-key", KEY.to_owned()),
        ("authorization", format!("Bearer {KEY}")),
        ("authorization", format!("bearer {KEY}")),
    ] {
        let answer = bench.call(header, &value).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let headers = &answer.json::<Value>()["headers"];
        assert!(headers.get("x-api-key").is_none());
        assert!(
            headers["authorization"]
                .as_str()
                .unwrap()
                .starts_with("Bearer ey")
        );
        assert!(!answer.text().contains(KEY));
    }
    assert_eq!(bench.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_revoked_key_is_asked_about_again_and_a_wrong_one_refused() {
    let bench = bench().await;
    assert_eq!(bench.call("x-api-key", KEY).await.status, 200);
    let until = Clock::system().now() + chrono::Duration::minutes(15);
    Revocations::new()
        .publish(&bench.world.redis.connect(), bench.grant.session_id, until)
        .await
        .unwrap();
    eventually("the revocation", async || {
        bench.call("x-api-key", KEY).await.status == 401
    })
    .await;
    let before = bench.asked.load(Ordering::SeqCst);
    for key in ["ak_9_9_9", "nonsense", ""] {
        let answer: common::testing::Response = bench.call("x-api-key", key).await;
        answer.assert_problem(401, "auth.api_key_invalid");
    }
    assert_eq!(
        bench.asked.load(Ordering::SeqCst),
        before + 1,
        "only what looks like a key"
    );
}

#[tokio::test]
async fn a_known_key_outlives_user_management_and_an_unknown_one_waits() {
    let bench = bench().await;
    assert_eq!(bench.call("x-api-key", KEY).await.status, 200);
    bench.between.cut();
    let unknown = bench.call("x-api-key", "ak_9_9_9").await;
    assert!(
        [502, 503].contains(&unknown.status.as_u16()),
        "{}",
        unknown.text()
    );
    let client = Client::anonymous(bench.server.url());
    let request = client
        .request(Method::GET, "/api/ai/chat")
        .header("x-api-key", KEY);
    assert_eq!(client.send(request).await.status, 200, "the key is known still");
}
