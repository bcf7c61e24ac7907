//! What browsers are told.

use axum::Router;
use axum::routing::{get, post};
use http::Method;

use crate::world::World;

const PAGE: &str = "https://app.example.org";

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let world = World::new().await;
    for path in ["/api/users/auth/login", "/api/users/me", "/nowhere"] {
        let answer = world.anonymous().get(path).await;
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        assert_eq!(
            answer.headers["content-security-policy"],
            "frame-ancestors 'none'"
        );
        assert!(!answer.headers.contains_key("strict-transport-security"));
    }
    let world = World::builder()
        .set("TLS_TERMINATED", "true")
        .set("TRUSTED_PROXIES", "192.0.2.1")
        .start()
        .await;
    let answer = world.user().get("/api/users/me").await;
    assert_eq!(answer.headers["strict-transport-security"], "max-age=31536000");
    let seen: serde_json::Value = answer.json();
    assert_eq!(seen["headers"]["x-forwarded-proto"], "https");
}

#[tokio::test]
async fn pages_of_other_origins_may_call_only_when_listed() {
    let world = World::builder().set("CORS_ALLOWED_ORIGINS", PAGE).start().await;
    let user = world.user();
    let call = async |method: Method, origin: &str| {
        let request = user
            .request(method, "/api/users/me")
            .header("origin", origin)
            .header("access-control-request-method", "PATCH");
        user.send(request).await
    };
    let asked = call(Method::OPTIONS, PAGE).await;
    assert_eq!(asked.status, 204);
    assert_eq!(asked.headers["access-control-allow-origin"], PAGE);
    let headers = asked.headers["access-control-allow-headers"].to_str().unwrap();
    assert!(headers.contains("authorization"), "{headers}");
    let answer = call(Method::GET, PAGE).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["access-control-allow-origin"], PAGE);
    assert_eq!(answer.headers["vary"], "origin");
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    let other = call(Method::GET, "https://evil.example").await;
    assert!(!other.headers.contains_key("access-control-allow-origin"));

    // By default there is no such page, and OPTIONS is a method as any other.
    let world = World::new().await;
    let request = world
        .anonymous()
        .request(Method::OPTIONS, "/api/users/me")
        .header("origin", PAGE)
        .header("access-control-request-method", "PATCH");
    let refused = world.anonymous().send(request).await;
    refused.assert_problem(401, "auth.token_required");
    assert!(!refused.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn the_provider_says_itself_which_pages_may_call_it() {
    let provider = || {
        let answer = || async { ([("access-control-allow-origin", PAGE), ("vary", "origin")], "{}") };
        Router::new()
            .route("/oauth2/token", post(answer).options(answer))
            .route("/users/me", get(answer))
    };
    let call = async |world: &World, method: Method, path: &str| {
        let request = world.user().request(method, path);
        let request = request
            .header("origin", PAGE)
            .header("access-control-request-method", "POST");
        world.user().send(request).await
    };
    let world = World::builder().users(provider()).start().await;
    for method in [Method::OPTIONS, Method::POST] {
        let answer = call(&world, method, "/api/users/oauth2/token").await;
        assert_eq!(answer.headers["access-control-allow-origin"], PAGE);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
    // Elsewhere the gateway alone decides.
    let answer = call(&world, Method::GET, "/api/users/me").await;
    assert_eq!(answer.status, 200);
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    // A listed page is told by the gateway, once.
    let world = World::builder()
        .users(provider())
        .set("CORS_ALLOWED_ORIGINS", PAGE)
        .start()
        .await;
    let answer = call(&world, Method::POST, "/api/users/oauth2/token").await;
    let told = answer.headers.get_all("access-control-allow-origin");
    assert_eq!(told.iter().collect::<Vec<_>>(), [PAGE]);
}
