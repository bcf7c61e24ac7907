//! Who may invite, and what an invite is worth.

use chrono::Duration;
use http::Method;
use serde_json::{Value, json};

use crate::accounts::with_mail;
use crate::harness::{PASSWORD, Service, Session, service, with_settings};

async fn delete(session: &Session, path: &str) -> common::testing::Response {
    let request = session.client.request(Method::DELETE, path);
    session.client.send(request).await
}

fn offer(email: &str, role: &str) -> Value {
    json!({ "email": email, "role": role, "companies": [] })
}

/// Somebody who administrates users and has few rights beside.
async fn personnel(service: &Service, admin: &Session) -> Session {
    let role = json!({
        "name": "personnel", "titles": { "ru": "Кадры" }, "permissions": ["users:admin", "users:read", "chat", "generate"],
    });
    let made = admin.client.post("/roles", &role).await;
    assert_eq!(made.status, 201, "{}", made.text());
    service.user_with_role("personnel@example.com", "personnel").await
}

#[tokio::test]
async fn without_a_token_or_the_right_nobody_sees_makes_or_takes_back_invites() {
    let service = service().await;
    let admin = service.admin().await;
    let invite: Value = admin
        .client
        .post("/invites", &offer("a@example.com", "user"))
        .await
        .json();
    let path = format!("/invites/{}", invite["id"].as_str().unwrap());
    let director = service.user_with_role("director@example.com", "director").await;
    for (method, path) in [
        (Method::GET, "/invites"),
        (Method::POST, "/invites"),
        (Method::DELETE, &path),
    ] {
        let body = offer("b@example.com", "user");
        let request = |client: &common::testing::Client| client.request(method.clone(), path).json(&body);
        let nobody = service.client.send(request(&service.client)).await;
        nobody.assert_problem(401, "auth.token_required");
        let powerless = director.client.send(request(&director.client)).await;
        powerless.assert_problem(403, "auth.permission_denied");
    }
    let listed: Value = admin.client.get("/invites").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_offers_more_than_their_own_rights_and_an_offer_ends_with_them() {
    let service = service().await;
    let admin = service.admin().await;
    let personnel = personnel(&service, &admin).await;
    for role in ["admin", "accountant", "director"] {
        let beyond = personnel
            .client
            .post("/invites", &offer("a@example.com", role))
            .await;
        beyond.assert_problem(403, "users.beyond_own_rights");
    }
    let made = personnel
        .client
        .post("/invites", &offer("a@example.com", "user"))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let invite: Value = made.json();
    // Who invited loses the rights before the invite is accepted.
    let shut = format!("/users/{}/deactivate", personnel.id);
    assert_eq!(admin.client.post(&shut, &json!({})).await.status, 200);
    let accept = json!({ "token": invite["token"], "name": "Анна", "password": PASSWORD });
    let answer = service.client.post("/auth/invites/accept", &accept).await;
    answer.assert_problem(400, "auth.link_invalid");
    assert_eq!(service.try_login("a@example.com", PASSWORD).await.status, 401);
}

#[tokio::test]
async fn an_invite_is_worth_nothing_after_three_days_or_when_another_takes_its_place() {
    let service = service().await;
    let admin = service.admin().await;
    let offer = offer("a@example.com", "user");
    let first: Value = admin.client.post("/invites", &offer).await.json();
    let second: Value = admin.client.post("/invites", &offer).await.json();
    let accept = async |invite: &Value| {
        let body = json!({ "token": invite["token"], "name": "Анна", "password": PASSWORD });
        service.client.post("/auth/invites/accept", &body).await
    };
    accept(&first).await.assert_problem(400, "auth.link_invalid");
    service.clock.advance(Duration::hours(73));
    accept(&second).await.assert_problem(400, "auth.link_invalid");
    let short = json!({ "token": "x", "name": "", "password": "" });
    let unknown = service.client.post("/auth/invites/accept", &short).await;
    unknown.assert_problem(400, "auth.link_invalid");
}

#[tokio::test]
async fn where_registration_is_closed_nobody_is_invited_and_what_is_offered_can_be_taken_back() {
    let closed = with_settings(&[("REGISTRATION", "closed")]).await;
    let admin = closed.admin().await;
    let refused = admin
        .client
        .post("/invites", &offer("a@example.com", "user"))
        .await;
    refused.assert_problem(403, "users.invites_closed");
    let listed: Value = admin.client.get("/invites").await.json();
    assert_eq!(listed["items"], json!([]));
    let unknown = delete(&admin, "/invites/0190d0c0-0000-7000-8000-000000000000").await;
    unknown.assert_problem(404, "request.not_found");
}

#[tokio::test]
async fn invite_is_the_rule_under_which_only_the_invited_have_accounts() {
    let service = with_settings(&[("REGISTRATION", "invite")]).await;
    let body = json!({ "email": "a@example.com", "password": PASSWORD, "name": "Анна" });
    let refused = service.client.post("/auth/register", &body).await;
    refused.assert_problem(403, "auth.registration_closed");
    let admin = service.admin().await;
    let invite: Value = admin
        .client
        .post("/invites", &offer("a@example.com", "user"))
        .await
        .json();
    let accept = json!({ "token": invite["token"], "name": "Анна", "password": PASSWORD });
    let made = service.client.post("/auth/invites/accept", &accept).await;
    let made: Value = made.json();
    assert_eq!(
        made["user"]["email_verified"], false,
        "a secret that was handed over says nothing of the address"
    );
    service.login("a@example.com", PASSWORD).await;
}

#[tokio::test]
async fn without_the_database_invites_say_so() {
    let (service, _office) = with_mail().await;
    let admin = service.admin().await;
    service.postgres.cut();
    for (method, path) in [
        (Method::GET, "/invites"),
        (Method::POST, "/invites"),
        (Method::DELETE, "/invites/0190d0c0-0000-7000-8000-000000000000"),
    ] {
        let request = admin.client.request(method.clone(), path);
        let answer = admin
            .client
            .send(request.json(&offer("a@example.com", "user")))
            .await;
        answer.assert_problem(503, "dependency.unavailable");
        assert!(answer.headers.contains_key("retry-after"), "{method}");
    }
}
