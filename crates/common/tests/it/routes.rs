//! A small service with the table of routes, tokens and base layers.

use std::time::Duration;

use axum::extract::State;
use common::auth::{Claims, Companies, Identity, Infobases, Permission, PermissionSet};
use common::clock::Clock;
use common::http::routes::{Access, Routes};
use common::http::{Json, Problem, layers};
use common::service::{App, Check, Definition};
use common::testing::{Client, Grant, Issuer, TestServer, walk_routes};
use common::{config, ids};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DEFINITION: Definition = Definition {
    name: "sample",
    port: 0,
    version: "1",
    schema: None,
};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Order {
    quantity: u32,
}

fn routes() -> Routes<()> {
    Routes::new()
        .get("/open", Access::Public, || async { "open" })
        .get("/me", Access::Authenticated, |identity: Identity| async move {
            identity.user_id.to_string()
        })
        .get("/reports", Access::Permission(Permission::Reports), || async {
            "reports"
        })
        .post(
            "/orders",
            Access::Permission(Permission::OnecWrite),
            |State(()): State<()>, Json(order): Json<Order>| async move { Json(order) },
        )
        .get("/panic", Access::Public, || async {
            if DEFINITION.port == 0 {
                panic!("secret inside")
            }
            "never"
        })
        .get("/slow", Access::Public, || async {
            std::future::pending::<String>().await
        })
        .get("/broken", Access::Public, || async {
            Err::<(), _>(Problem::internal("postgres password is wrong"))
        })
}

async fn start(issuer: &Issuer) -> TestServer {
    let limits = layers::Limits {
        max_concurrent: 2,
        max_body_bytes: 1000,
        request_timeout: Duration::from_millis(300),
    };
    let checks = vec![
        Check::new("thing", || async { true }),
        Check::new("other", || async { false }),
    ];
    let app = App {
        router: routes().build((), issuer.authenticator()),
        checks,
    };
    TestServer::start_with(DEFINITION, app, limits).await
}

#[tokio::test]
async fn nobody_gets_in_without_the_permission() {
    let issuer = Issuer::new();
    let server = start(&issuer).await;
    walk_routes(&server.url(), routes().specs(), &issuer).await;
    let client = Client::anonymous(server.url());
    client
        .get("/reports")
        .await
        .assert_problem(401, "auth.token_required");
    let user = client.with_token(issuer.token(&[Permission::Reports]));
    assert_eq!(user.get("/reports").await.text(), "reports");
    user.post("/orders", &Order { quantity: 1 })
        .await
        .assert_problem(403, "auth.permission_denied");
}

/// The token with one letter of its signature changed.
fn tampered(token: &str) -> String {
    let at = token.len() - 20;
    let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

#[tokio::test]
async fn forged_expired_and_revoked_tokens_are_refused() {
    let issuer = Issuer::new();
    let server = start(&issuer).await;
    let client = Client::anonymous(server.url());
    let now = Clock::system().now().timestamp();
    let claims = |exp: i64, aud: &str, iss: &str| Claims {
        iss: iss.to_owned(),
        sub: ids::new_id(),
        sid: ids::new_id(),
        aud: aud.to_owned(),
        exp,
        iat: now,
        jti: ids::new_id(),
        role: "admin".to_owned(),
        perms: PermissionSet::all(),
        companies: Companies::All,
        amr: Vec::new(),
        auth_time: now,
        client_id: None,
        scope: None,
        infobases: Infobases::All,
        pv: 0,
    };
    let (iss, aud) = (config::Auth::ISSUER, config::Auth::AUDIENCE);
    let good = issuer.sign_claims(&claims(now + 60, aud, iss));
    assert_eq!(client.with_token(&good).get("/reports").await.text(), "reports");
    for (token, code) in [
        (
            issuer.sign_claims(&claims(now - 31, aud, iss)),
            "auth.token_expired",
        ),
        (
            issuer.sign_claims(&claims(now + 60, "other", iss)),
            "auth.token_invalid",
        ),
        (
            issuer.sign_claims(&claims(now + 60, aud, "other")),
            "auth.token_invalid",
        ),
        (
            Issuer::new().sign_claims(&claims(now + 60, aud, iss)),
            "auth.token_invalid",
        ),
        (good.replace('.', "x"), "auth.token_invalid"),
        (tampered(&good), "auth.token_invalid"),
        (
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.".to_owned(),
            "auth.token_invalid",
        ),
    ] {
        client
            .with_token(token)
            .get("/reports")
            .await
            .assert_problem(401, code);
    }
    let grant = Grant::new(&[Permission::Reports]);
    let user = client.with_token(issuer.sign(&grant));
    assert_eq!(user.get("/reports").await.status, 200);
    issuer
        .revocations()
        .insert(grant.session_id, Clock::system().now());
    user.get("/reports")
        .await
        .assert_problem(401, "auth.session_revoked");
}

#[tokio::test]
async fn bad_requests_are_precise_and_internals_stay_inside() {
    let issuer = Issuer::new();
    let server = start(&issuer).await;
    let client = Client::anonymous(server.url());
    let user = client.with_token(issuer.token(&[Permission::OnecWrite]));
    let problem = user.post("/orders", &serde_json::json!({"quantity": -1})).await;
    assert_eq!(
        problem.assert_problem(422, "request.validation_failed")["errors"][0]["pointer"],
        "/quantity"
    );
    let text = user
        .request(http::Method::POST, "/orders")
        .header("content-type", "text/plain")
        .body("{}");
    user.send(text)
        .await
        .assert_problem(415, "request.unsupported_media_type");
    let broken = user
        .request(http::Method::POST, "/orders")
        .header("content-type", "application/json")
        .body("{");
    user.send(broken)
        .await
        .assert_problem(400, "request.invalid_json");
    let large = user
        .request(http::Method::POST, "/orders")
        .header("content-type", "application/json")
        .body("1".repeat(1001));
    user.send(large).await.assert_problem(413, "request.too_large");
    client
        .get("/nowhere")
        .await
        .assert_problem(404, "request.not_found");
    client
        .delete("/open")
        .await
        .assert_problem(405, "request.method_not_allowed");
    client.get("/slow").await.assert_problem(504, "request.timeout");
    for path in ["/panic", "/broken"] {
        let answer = client.get(path).await;
        answer.assert_problem(500, "internal");
        assert!(
            !answer.text().contains("secret") && !answer.text().contains("password"),
            "{}",
            answer.text()
        );
    }
    let english = client
        .with_language("en")
        .get("/nowhere")
        .await
        .assert_problem(404, "request.not_found");
    assert_eq!(english["title"], "Not found");
    assert_eq!(
        client
            .get("/nowhere")
            .await
            .assert_problem(404, "request.not_found")["title"],
        "Не найдено"
    );
}

#[tokio::test]
async fn overload_is_shed_and_request_ids_travel() {
    let issuer = Issuer::new();
    let server = start(&issuer).await;
    let client = Client::anonymous(server.url());
    let answers = futures_util::future::join_all((0..6).map(|_| client.get("/slow"))).await;
    let shed: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert_eq!(shed.len(), 4, "two of six fit");
    assert!(
        shed.iter()
            .all(|answer| answer.headers.contains_key("retry-after"))
    );
    let answer = client
        .send(
            client
                .request(http::Method::GET, "/open")
                .header("x-request-id", "abc-1"),
        )
        .await;
    assert_eq!(answer.headers["x-request-id"], "abc-1");
    let answer = client
        .send(
            client
                .request(http::Method::GET, "/open")
                .header("x-request-id", "a b"),
        )
        .await;
    assert_ne!(answer.headers["x-request-id"], "a b");
}

#[tokio::test]
async fn health_names_what_is_down() {
    let issuer = Issuer::new();
    let server = start(&issuer).await;
    let answer = Client::anonymous(server.url()).get("/health").await;
    assert_eq!(answer.status, 503);
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["checks"]["thing"], "up");
    assert_eq!(body["checks"]["other"], "down");
    assert_eq!(body["status"], "degraded");
}
