//! The limit on failed logins from one address.

use http::Method;
use serde_json::json;

use crate::harness::{ADMIN_EMAIL, ADMIN_PASSWORD, Service, with_settings};

async fn login_from(service: &Service, address: &str, password: &str) -> common::testing::Response {
    let body = json!({ "email": ADMIN_EMAIL, "password": password });
    let request = service.client.request(Method::POST, "/auth/login");
    let request = request.header("x-forwarded-for", address).json(&body);
    service.client.send(request).await
}

#[tokio::test]
async fn an_address_that_fails_too_often_has_to_wait_and_others_need_not() {
    let service = with_settings(&[("LOGIN_FAILURES_PER_ADDRESS", "3")]).await;
    for _ in 0..3 {
        let answer = login_from(&service, "203.0.113.9", "wrong").await;
        answer.assert_problem(401, "auth.invalid_credentials");
    }
    let answer = login_from(&service, "203.0.113.9", ADMIN_PASSWORD).await;
    answer.assert_problem(429, "auth.too_many_failures");
    let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=600).contains(&seconds), "{seconds}");
    let other = login_from(&service, "203.0.113.10", ADMIN_PASSWORD).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn without_redis_logins_go_on() {
    let service = with_settings(&[("LOGIN_FAILURES_PER_ADDRESS", "1")]).await;
    service.cache.cut();
    for _ in 0..2 {
        let answer = login_from(&service, "203.0.113.9", "wrong").await;
        answer.assert_problem(401, "auth.invalid_credentials");
    }
    let answer = login_from(&service, "203.0.113.9", ADMIN_PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}
