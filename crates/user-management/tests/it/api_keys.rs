//! /api-keys and /auth/api-keys/token

use chrono::Duration;
use common::auth::Permission;
use common::events::Stream;
use common::ids;
use common::testing::Response;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, Service, Session, eventually, service};

async fn exchange(service: &Service, key: &Value) -> Response {
    let body = json!({ "api_key": key });
    service.client.post("/auth/api-keys/token", &body).await
}

async fn token(service: &Service, key: &Value) -> String {
    let answer = exchange(service, key).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.json::<Value>()["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn make(session: &Session, permissions: &[&str]) -> Value {
    let body = json!({ "name": "Выгрузка", "permissions": permissions });
    let made = session.client.post("/api-keys", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

async fn revoke(session: &Session, key: &Value) -> Response {
    let path = format!("/api-keys/{}", key["id"].as_str().unwrap());
    session
        .client
        .send(session.client.request(Method::DELETE, &path))
        .await
}

#[tokio::test]
async fn a_key_does_what_it_was_made_for_until_it_is_revoked() {
    let service = service().await;
    let other_service = service.other_service();
    let anna = service.user_with_role("anna@example.com", "accountant").await;
    let key = make(&anna, &["onec:read"]).await;
    let access = token(&service, &key["key"]).await;
    let identity = other_service.verify(&access).await.unwrap();
    assert_eq!(identity.user_id, anna.id);
    assert!(identity.may(Permission::OnecRead) && !identity.may(Permission::Chat));
    assert!(identity.expires_at <= service.clock.now() + Duration::minutes(5));

    let listed: Value = anna.client.get("/api-keys").await.json();
    assert_eq!(listed["items"][0]["name"], "Выгрузка");
    assert!(listed["items"][0]["last_used_at"].is_string());
    assert!(listed["items"][0].get("key").is_none(), "shown once");
    let stored: Vec<u8> = sqlx::query_scalar("select secret_hash from identity.api_keys")
        .fetch_one(&service.db)
        .await
        .unwrap();
    assert_eq!(stored.len(), 32);

    // A key makes no keys.
    let by_key = service.client.with_token(&access);
    let body = json!({ "name": "x", "permissions": [] });
    by_key
        .post("/api-keys", &body)
        .await
        .assert_problem(403, "auth.not_by_key");

    assert_eq!(revoke(&anna, &key).await.status, 204);
    eventually("the other service refuses the token", async || {
        other_service.verify(&access).await.is_err()
    })
    .await;
    exchange(&service, &key["key"])
        .await
        .assert_problem(401, "auth.api_key_invalid");
    revoke(&anna, &key).await.assert_problem(404, "request.not_found");
    for kind in ["api_keys.created", "api_keys.revoked"] {
        service.events(Stream::Audit, kind, 1).await;
    }
}

#[tokio::test]
async fn a_key_never_does_more_than_its_owner() {
    let service = service().await;
    let other_service = service.other_service();
    let anna = service.user_with_role("anna@example.com", "accountant").await;
    let body = json!({ "name": "x", "permissions": ["users:admin"] });
    let problem = anna.client.post("/api-keys", &body).await;
    problem.assert_problem(403, "users.beyond_own_rights");
    let key = make(&anna, &["onec:read", "chat"]).await;
    let access = token(&service, &key["key"]).await;
    let admin = service.admin().await;
    let company = ids::new_id();
    let body = json!({ "role": "user", "companies": [company] });
    let path = format!("/users/{}/role", anna.id);
    assert_eq!(admin.client.put(&path, &body).await.status, 200);
    eventually("the token is refused", async || {
        let refused = other_service.verify(&access).await;
        refused.is_err_and(|problem| problem.code() == "auth.rights_changed")
    })
    .await;
    let access = token(&service, &key["key"]).await;
    let identity = other_service.verify(&access).await.unwrap();
    assert!(identity.may(Permission::Chat) && !identity.may(Permission::OnecRead));
    assert_eq!(identity.companies.restriction().unwrap(), [company]);
}

#[tokio::test]
async fn a_rotated_key_works_beside_its_successor_for_a_day() {
    let service = service().await;
    let anna = service.user_with_role("anna@example.com", "accountant").await;
    let former = make(&anna, &["chat"]).await;
    let path = format!("/api-keys/{}/rotate", former["id"].as_str().unwrap());
    let rotated = anna.client.post(&path, &json!({})).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    let key: Value = rotated.json();
    assert_ne!(key["key"], former["key"]);
    token(&service, &former["key"]).await;
    token(&service, &key["key"]).await;
    anna.client
        .post(&path, &json!({}))
        .await
        .assert_problem(409, "api_keys.not_rotatable");
    service.clock.advance(Duration::hours(24));
    exchange(&service, &former["key"])
        .await
        .assert_problem(401, "auth.api_key_expired");
    token(&service, &key["key"]).await;
    service.clock.advance(Duration::days(90));
    exchange(&service, &key["key"])
        .await
        .assert_problem(401, "auth.api_key_expired");
}

#[tokio::test]
async fn what_is_wrong_is_told_and_keys_of_others_do_not_exist() {
    let service = service().await;
    let anna = service.user_with_role("anna@example.com", "accountant").await;
    service.register("boris@example.com").await;
    let boris = service.login("boris@example.com", PASSWORD).await;
    let key = make(&anna, &["chat"]).await;
    revoke(&boris, &key)
        .await
        .assert_problem(404, "request.not_found");
    boris
        .client
        .get(&format!("/api-keys?owner={}", anna.id))
        .await
        .assert_problem(403, "auth.permission_denied");
    let body = json!({ "name": "", "permissions": ["fly"], "companies": ["x"], "expires_in_days": 0 });
    let problem = anna.client.post("/api-keys", &body).await;
    let problem = problem.assert_problem(422, "request.validation_failed");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 4);
    for wrong in [json!("ak_1_2_3"), json!("")] {
        exchange(&service, &wrong)
            .await
            .assert_problem(401, "auth.api_key_invalid");
    }
    service.postgres.cut();
    exchange(&service, &key["key"])
        .await
        .assert_problem(503, "dependency.unavailable");
    let answer = anna.client.get("/api-keys").await;
    answer.assert_problem(503, "dependency.unavailable");
}
