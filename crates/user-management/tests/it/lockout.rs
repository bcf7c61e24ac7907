//! Guessing, and that it cannot keep the owner out.

use chrono::Duration;
use common::events::Stream;
use common::testing::Response;
use http::Method;
use serde_json::json;

use crate::harness::{ADMIN_EMAIL, ADMIN_PASSWORD, PASSWORD, Service, service, with_settings};

const EMAIL: &str = "anna@example.com";

fn device(answer: &Response) -> String {
    let cookies = answer.headers.get_all("set-cookie").iter();
    let mut cookies = cookies.map(|value| value.to_str().unwrap());
    let cookie = cookies.find(|cookie| cookie.starts_with("device=")).unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

async fn login_on(service: &Service, cookie: &str, address: &str, password: &str) -> Response {
    let body = json!({ "email": EMAIL, "password": password });
    let request = service.client.request(Method::POST, "/auth/login");
    let request = request
        .header("cookie", cookie)
        .header("x-forwarded-for", address);
    service.client.send(request.json(&body)).await
}

#[tokio::test]
async fn a_stranger_cannot_lock_the_owner_out_of_a_known_device() {
    let settings = [("LOGIN_FAILURES_PER_ADDRESS", "8")];
    let service = with_settings(&settings).await;
    service.register(EMAIL).await;
    let known = device(&service.try_login(EMAIL, PASSWORD).await);
    for _ in 0..8 {
        login_on(&service, "", "203.0.113.9", "guess").await;
    }
    let elsewhere = login_on(&service, "", "198.51.100.1", PASSWORD).await;
    elsewhere.assert_problem(401, "auth.invalid_credentials");
    let same_office = login_on(&service, "", "203.0.113.9", PASSWORD).await;
    same_office.assert_problem(429, "auth.too_many_failures");
    let owner = login_on(&service, &known, "203.0.113.9", PASSWORD).await;
    assert_eq!(owner.status, 200, "{}", owner.text());
    // Whoever has the device guesses no faster than anybody else.
    for _ in 0..5 {
        login_on(&service, &known, "203.0.113.9", "guess").await;
    }
    let locked = login_on(&service, &known, "203.0.113.9", PASSWORD).await;
    locked.assert_problem(401, "auth.invalid_credentials");
    assert_eq!(login_on(&service, "", "198.51.100.1", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_device_is_known_for_the_account_that_logged_in_there() {
    let service = service().await;
    service.register(EMAIL).await;
    let admins = device(&service.try_login(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    for _ in 0..5 {
        login_on(&service, &admins, "203.0.113.9", "guess").await;
    }
    let locked = login_on(&service, &admins, "203.0.113.9", PASSWORD).await;
    locked.assert_problem(401, "auth.invalid_credentials");
    let forged = login_on(&service, "device=AAAA", "203.0.113.9", PASSWORD).await;
    forged.assert_problem(401, "auth.invalid_credentials");
}

#[tokio::test]
async fn addresses_of_one_network_count_together() {
    let service = with_settings(&[("LOGIN_FAILURES_PER_NETWORK", "6")]).await;
    service.register(EMAIL).await;
    for host in 1..=6 {
        let body = json!({ "email": format!("{host}@example.com"), "password": "guess" });
        let request = service.client.request(Method::POST, "/auth/login");
        let request = request.header("x-forwarded-for", format!("203.0.113.{host}"));
        service.client.send(request.json(&body)).await;
    }
    let refused = login_on(&service, "", "203.0.113.77", PASSWORD).await;
    refused.assert_problem(429, "auth.too_many_failures");
    assert_eq!(login_on(&service, "", "203.0.114.77", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn after_a_hundred_failures_a_password_opens_nothing_until_it_is_unlocked() {
    let service = service().await;
    let id = service.register(EMAIL).await;
    let known = device(&service.try_login(EMAIL, PASSWORD).await);
    for _ in 0..100 {
        let answer = service.try_login(EMAIL, "guess").await;
        answer.assert_problem(401, "auth.invalid_credentials");
        service.clock.advance(Duration::minutes(15));
    }
    service.clock.advance(Duration::days(1));
    let blocked = service.try_login(EMAIL, PASSWORD).await;
    blocked.assert_problem(401, "auth.invalid_credentials");
    let path = format!("/users/{id}/unlock");
    let stranger = service.login(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let owner = service.session(&login_on(&service, &known, "203.0.113.9", PASSWORD).await);
    owner
        .client
        .post(&path, &json!({}))
        .await
        .assert_problem(403, "auth.permission_denied");
    // The owner's login on the known device has lifted it; block once more for the administrator.
    sqlx::query("update identity.login_failures set consecutive = 100")
        .execute(&service.db)
        .await
        .unwrap();
    service.try_login(EMAIL, "guess").await;
    sqlx::query("update identity.login_failures set consecutive = 100")
        .execute(&service.db)
        .await
        .unwrap();
    let blocked = service.try_login(EMAIL, PASSWORD).await;
    blocked.assert_problem(401, "auth.invalid_credentials");
    assert_eq!(stranger.client.post(&path, &json!({})).await.status, 204);
    assert_eq!(service.try_login(EMAIL, PASSWORD).await.status, 200);
    service.events(Stream::Audit, "users.login_unlocked", 1).await;
    let nobody = format!("/users/{}/unlock", uuid::Uuid::nil());
    let nobody = stranger.client.post(&nobody, &json!({})).await;
    nobody.assert_problem(404, "request.not_found");
    let failed = service.events(Stream::Auth, "auth.login_failed", 103).await;
    assert_eq!(failed[100].data["reason"], "blocked");
}
