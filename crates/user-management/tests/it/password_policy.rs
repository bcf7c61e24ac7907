//! Passwords of accounts with and without a second factor.

use chrono::Duration;
use common::testing::Response;
use http::Method;
use serde_json::{Value, json};

use crate::authenticator::code;
use crate::harness::{PASSWORD, Service, Session, service, with_settings};
use crate::totp::{EMAIL, enrolled};

/// Enough beside a second factor only.
const SHORT: &str = "otter-11";

async fn change(session: &Session, new: &str) -> Response {
    let body = json!({ "current_password": PASSWORD, "new_password": new });
    session.client.post("/users/me/password", &body).await
}

async fn remove_totp(session: &Session) -> Response {
    let request = session.client.request(Method::DELETE, "/users/me/totp");
    session.client.send(request).await
}

#[tokio::test]
async fn a_short_password_needs_a_second_factor_and_keeps_it() {
    let service = service().await;
    let anna = enrolled(&service).await;
    let too_short = change(&anna.session, "otter-1").await;
    let problem = too_short.assert_problem(422, "request.validation_failed");
    assert!(problem.to_string().contains("короче 8 символов"), "{problem}");
    assert_eq!(change(&anna.session, SHORT).await.status, 204);
    let kept = remove_totp(&anna.session).await;
    kept.assert_problem(409, "users.password_too_short_alone");
    let listed: Value = anna.session.client.get("/users/me/second-factors").await.json();
    assert_eq!(listed["totp"], true, "nothing was taken away");
    assert_eq!(listed["recovery_codes_left"], 10);
    let body = json!({ "current_password": SHORT, "new_password": PASSWORD });
    let longer = anna.session.client.post("/users/me/password", &body).await;
    assert_eq!(longer.status, 204, "{}", longer.text());
    assert_eq!(remove_totp(&anna.session).await.status, 204);
    let alone = change(&anna.session, SHORT).await;
    let problem = alone.assert_problem(422, "request.validation_failed");
    assert!(problem.to_string().contains("короче 15 символов"), "{problem}");
}

#[tokio::test]
async fn whose_second_factor_an_administrator_took_needs_a_longer_password() {
    let service = service().await;
    let anna = enrolled(&service).await;
    assert_eq!(change(&anna.session, SHORT).await.status, 204);
    let admin = service.admin().await;
    let path = format!("/users/{}/second-factors", anna.session.id);
    let taken = admin
        .client
        .send(admin.client.request(Method::DELETE, &path))
        .await;
    assert_eq!(taken.status, 204, "{}", taken.text());
    let again = service.login(EMAIL, SHORT).await;
    let identity = service.other_service().verify(&again.access_token).await.unwrap();
    assert_eq!(
        identity.permissions.iter().count(),
        0,
        "nothing but a new password"
    );
    let body = json!({ "current_password": SHORT, "new_password": "otter-12" });
    let short = again.client.post("/users/me/password", &body).await;
    short.assert_problem(422, "request.validation_failed");
    let body = json!({ "current_password": SHORT, "new_password": PASSWORD });
    assert_eq!(again.client.post("/users/me/password", &body).await.status, 204);
    let renewed = service.session(&service.refresh(&again.refresh_token).await);
    let me: Value = renewed.client.get("/users/me").await.json();
    assert_eq!(me["must_change_password"], false);
}

/// Sets a password by a letter's secret, which is put in place by hand.
async fn reset(service: &Service, user: uuid::Uuid, password: &str) -> Response {
    use sha2::Digest;
    let hash = sha2::Sha256::digest("secret").to_vec();
    let now = service.clock.now();
    sqlx::query(
        "insert into identity.links (token_hash, purpose, user_id, email, created_at, expires_at)
         values ($1, 'reset_password', $2, $3, $4, $5) on conflict do nothing",
    )
    .bind(hash)
    .bind(user)
    .bind(EMAIL)
    .bind(now)
    .bind(now + Duration::minutes(30))
    .execute(&service.db)
    .await
    .unwrap();
    let body = json!({ "token": "secret", "password": password });
    service.client.post("/auth/password/reset", &body).await
}

#[tokio::test]
async fn a_reset_asks_for_the_length_that_the_account_needs() {
    let service = service().await;
    let anna = enrolled(&service).await;
    assert_eq!(reset(&service, anna.session.id, SHORT).await.status, 204);
    let asked = service.try_login(EMAIL, SHORT).await;
    let asked = asked.assert_problem(401, "auth.second_factor_required");
    let shown = code(&anna.secret, service.clock.now());
    let body = json!({ "challenge": asked["challenge"], "code": shown });
    let done = service.client.post("/auth/login/second-factor", &body).await;
    remove_totp(&service.session(&done))
        .await
        .assert_problem(409, "users.password_too_short_alone");

    let id = service.register("boris@example.com").await;
    let refused = reset(&service, id, SHORT).await;
    refused.assert_problem(422, "request.validation_failed");
}

#[tokio::test]
async fn the_shorter_length_is_a_setting() {
    let service = with_settings(&[("PASSWORD_MIN_LENGTH_WITH_SECOND_FACTOR", "12")]).await;
    let anna = enrolled(&service).await;
    let short = change(&anna.session, SHORT).await;
    short.assert_problem(422, "request.validation_failed");
    assert_eq!(change(&anna.session, "otters at 11").await.status, 204);
}
