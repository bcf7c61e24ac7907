//! Clients of language models and of MCP understand what they are told.

use axum::Router;
use axum::routing::post;
use common::auth::Permission;
use common::http::Problem;
use http::Method;
use serde_json::{Value, json};

use common::testing::Response;

use crate::world::World;

fn body_of(response: &Response) -> Value {
    serde_json::from_str(&response.text()).unwrap()
}

#[tokio::test]
async fn refusals_are_in_the_words_of_the_protocol() {
    let world = World::new().await;
    for client in [world.anonymous(), world.anonymous().with_token("nonsense")] {
        let openai = client.post("/v1/chat/completions", &json!({})).await;
        assert_eq!(openai.status, 401);
        let body = body_of(&openai);
        assert_eq!(body["error"]["code"], "invalid_api_key", "{body}");
        assert!(body.get("status").is_none());
        let anthropic = client.post("/v1/messages", &json!({})).await;
        assert_eq!(anthropic.status, 401);
        assert_eq!(body_of(&anthropic)["error"]["type"], "authentication_error");
    }
    // A limit tells in its own words when to come back.
    let world = World::builder().set("RATE_LIMIT_CHAT", "1").start().await;
    let user = world.user();
    assert_eq!(user.post("/v1/messages", &json!({})).await.status, 200);
    let limited = user.post("/v1/messages", &json!({})).await;
    assert_eq!(limited.status, 429);
    assert!(limited.headers.contains_key("retry-after"));
    assert_eq!(body_of(&limited)["error"]["type"], "rate_limit_error");
}

#[tokio::test]
async fn a_token_may_come_as_a_key() {
    let world = World::new().await;
    let token = world.issuer.token(&[Permission::Chat]);
    let request = world
        .anonymous()
        .request(Method::POST, "/v1/messages")
        .header("x-api-key", token.clone())
        .json(&json!({}));
    let seen: Value = world.anonymous().send(request).await.json();
    assert_eq!(seen["headers"]["authorization"], format!("Bearer {token}"));
    assert!(seen["headers"].get("x-api-key").is_none());
    // Only there: our own routes know keys and tokens apart.
    let request = world
        .anonymous()
        .request(Method::GET, "/api/ai/models")
        .header("x-api-key", token);
    world
        .anonymous()
        .send(request)
        .await
        .assert_problem(401, "auth.api_key_invalid");
}

#[tokio::test]
async fn mcp_clients_learn_where_to_log_in() {
    let refuse = || async { Problem::permission_denied("onec:read") };
    let world = World::builder()
        .assistant(Router::new().route("/mcp", post(refuse)))
        .start()
        .await;
    let refused = world.anonymous().post("/mcp", &json!({})).await;
    refused.assert_problem(401, "auth.token_required");
    let challenge = refused.headers["www-authenticate"].to_str().unwrap();
    let host = world.server.url().replace("http://", "");
    let metadata = format!(
        "resource_metadata=\"http://{}/.well-known/oauth-protected-resource/mcp\"",
        host.trim_end_matches('/')
    );
    assert!(
        challenge.starts_with("Bearer ") && challenge.contains(&metadata),
        "{challenge}"
    );
    let denied = world.user().post("/mcp", &json!({})).await;
    assert_eq!(denied.status, 403);
    let challenge = denied.headers["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains("insufficient_scope") && challenge.contains("onec:read"),
        "{challenge}"
    );
}
