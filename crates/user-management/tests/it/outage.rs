//! PostgreSQL and Redis going away and coming back.

use common::events::Stream;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN_EMAIL, ADMIN_PASSWORD, PASSWORD, eventually, service, with_settings};

#[tokio::test]
async fn without_the_database_every_route_says_so_and_keys_are_still_served() {
    let service = service().await;
    let admin = service.admin().await;
    service.postgres.cut();
    let id = admin.id;
    for (method, path, body) in [
        (
            Method::POST,
            "/auth/login",
            json!({ "email": ADMIN_EMAIL, "password": ADMIN_PASSWORD }),
        ),
        (
            Method::POST,
            "/auth/register",
            json!({ "email": "anna@example.com", "password": PASSWORD, "name": "Анна" }),
        ),
        (
            Method::POST,
            "/auth/refresh",
            json!({ "refresh_token": admin.refresh_token }),
        ),
        (Method::POST, "/auth/logout", json!({})),
        (Method::GET, "/users/me", json!({})),
        (Method::PATCH, "/users/me", json!({ "name": "Анна" })),
        (Method::GET, "/users", json!({})),
        (Method::GET, &format!("/users/{id}"), json!({})),
        (
            Method::PUT,
            &format!("/users/{id}/role"),
            json!({ "role": "user" }),
        ),
        (Method::GET, "/roles", json!({})),
    ] {
        let request = admin.client.request(method.clone(), path).json(&body);
        let answer = admin.client.send(request).await;
        answer.assert_problem(503, "dependency.unavailable");
        assert!(answer.headers.contains_key("retry-after"), "{method} {path}");
    }
    assert_eq!(service.client.get("/.well-known/jwks.json").await.status, 200);
    let health = service.client.get("/health").await;
    assert_eq!(health.status, 503);
    assert!(
        health.text().contains(r#""postgres":"down""#),
        "{}",
        health.text()
    );

    service.postgres.restore();
    eventually("the service is well again", async || {
        service.client.get("/health").await.status == 200
    })
    .await;
    assert_eq!(admin.client.get("/users/me").await.status, 200);
    assert_eq!(service.refresh(&admin.refresh_token).await.status, 200);
}

#[tokio::test]
async fn without_redis_everything_goes_on_and_events_come_later() {
    let service = service().await;
    service.cache.cut();
    let id = service.register("anna@example.com").await;
    let anna = service.login("anna@example.com", PASSWORD).await;
    let refreshed = service.session(&service.refresh(&anna.refresh_token).await);
    let me: Value = refreshed.client.get("/users/me").await.json();
    assert_eq!(me["id"], id.to_string());
    let admin = service.admin().await;
    assert_eq!(admin.client.get("/users").await.status, 200);
    let changed = admin
        .client
        .put(&format!("/users/{id}/role"), &json!({ "role": "manager" }))
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    refreshed
        .client
        .get("/users/me")
        .await
        .assert_problem(401, "auth.session_revoked");
    assert_eq!(
        service.client.get("/health").await.status,
        503,
        "and health tells"
    );

    service.cache.restore();
    service.events(Stream::Auth, "auth.registered", 1).await;
    service.events(Stream::Audit, "users.role_changed", 1).await;
}

#[tokio::test]
async fn more_logins_than_can_be_hashed_are_turned_away_and_may_come_again() {
    let service = with_settings(&[
        ("PASSWORD_HASH_CONCURRENCY", "1"),
        ("PASSWORD_HASH_QUEUE", "0"),
        ("PASSWORD_HASH_MEMORY_KIB", "65536"),
    ])
    .await;
    let logins = (0..8).map(|_| service.try_login(ADMIN_EMAIL, ADMIN_PASSWORD));
    let answers = futures_util::future::join_all(logins).await;
    let shed: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(
        !shed.is_empty() && shed.len() < answers.len(),
        "{} of 8",
        shed.len()
    );
    for answer in shed {
        answer.assert_problem(503, "auth.overloaded");
        assert_eq!(answer.headers["retry-after"], "1");
    }
    assert_eq!(service.try_login(ADMIN_EMAIL, ADMIN_PASSWORD).await.status, 200);
}
