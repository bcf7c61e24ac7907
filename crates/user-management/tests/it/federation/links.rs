//! GET /users/me/identities, POST and DELETE /users/me/identities/{provider}

use chrono::Duration;
use common::events::Stream;
use http::Method;
use serde_json::{Value, json};

use super::browser::page;
use super::federated;
use crate::harness::{PASSWORD, service};

const TEST: &str = "/users/me/identities/test";

#[tokio::test]
async fn an_account_is_linked_after_logging_in_to_it() {
    let federated = federated("", "").await;
    let service = &federated.service;
    service.register("anna@example.com").await;
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    let body = json!({ "code": fragment["link_code"] });
    let anna = service.login("anna@example.com", PASSWORD).await;
    // Somebody else's browser, and the code is gone with it.
    anna.client
        .post(TEST, &body)
        .await
        .assert_problem(401, "federation.code_invalid");
    let answer = browser.send(&anna.client, Method::POST, TEST, Some(body)).await;
    answer.assert_problem(401, "federation.code_invalid");

    let (_, fragment) = browser.log_in().await;
    service.clock.advance(Duration::minutes(5));
    let body = json!({ "code": fragment["link_code"] });
    let answer = browser.send(&anna.client, Method::POST, TEST, Some(body)).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    let (_, fragment) = browser.log_in().await;
    let again = service.session(&browser.complete(&fragment["oidc_code"]).await);
    assert_eq!(again.id, anna.id);
    let linked = service.events(Stream::Audit, "users.identity_linked", 1).await;
    assert_eq!(linked[0].data["target"], format!("user:{}", anna.id));
}

#[tokio::test]
async fn an_identity_is_linked_by_going_to_the_provider() {
    let federated = federated("", "").await;
    let service = &federated.service;
    let boris = service.user_with_role("boris@example.com", "manager").await;
    let mut browser = federated.browser();
    let body = json!({ "return_to": "/profile" });
    let answer = browser.send(&boris.client, Method::POST, TEST, Some(body)).await;
    let begun: Value = answer.json();
    let back = browser
        .at_provider(begun["authorization_url"].as_str().unwrap())
        .await;
    // Another browser cannot finish it: the identity would become the attacker's.
    let (_, fragment) = page(&federated.browser().get(&back).await);
    assert_eq!(fragment["oidc_error"], "federation.state_invalid");
    let (path, fragment) = page(&browser.get(&back).await);
    assert_eq!(
        (path.as_str(), fragment["oidc_linked"].as_str()),
        ("/profile", "test")
    );
    let identities: Value = boris.client.get("/users/me/identities").await.json();
    assert_eq!(
        identities["items"][0]["email"], "anna@example.com",
        "another address, on purpose"
    );
    assert_eq!(identities["items"][0]["last_used_at"], Value::Null);

    let (_, fragment) = browser.log_in().await;
    let again = service.session(&browser.complete(&fragment["oidc_code"]).await);
    assert_eq!(again.id, boris.id);
}

#[tokio::test]
async fn a_link_begun_in_a_session_that_has_ended_comes_to_nothing() {
    let federated = federated("", "").await;
    let boris = federated
        .service
        .user_with_role("boris@example.com", "manager")
        .await;
    let mut browser = federated.browser();
    let begun: Value = browser
        .send(&boris.client, Method::POST, TEST, Some(json!({})))
        .await
        .json();
    let back = browser
        .at_provider(begun["authorization_url"].as_str().unwrap())
        .await;
    assert_eq!(boris.client.post("/auth/logout", &json!({})).await.status, 204);
    let (_, fragment) = page(&browser.get(&back).await);
    assert_eq!(fragment["oidc_error"], "federation.state_invalid");
    assert_eq!(federated.service.count("identity.federated_identities").await, 0);
}

#[tokio::test]
async fn an_identity_belongs_to_one_account_and_an_account_has_one_of_each_provider() {
    let federated = federated("", "").await;
    let service = &federated.service;
    let mut browser = federated.browser();
    browser.log_in().await;
    let boris = service.user_with_role("boris@example.com", "manager").await;
    let link = async |claims: Value| {
        federated.provider.person(claims);
        let mut browser = federated.browser();
        let begun: Value = browser
            .send(&boris.client, Method::POST, TEST, Some(json!({})))
            .await
            .json();
        let back = browser
            .at_provider(begun["authorization_url"].as_str().unwrap())
            .await;
        let (_, fragment) = page(&browser.get(&back).await);
        fragment.get("oidc_error").cloned()
    };
    assert_eq!(
        link(json!({})).await.as_deref(),
        Some("federation.identity_taken"),
        "Anna's"
    );
    assert_eq!(link(json!({ "sub": "boris" })).await, None);
    assert_eq!(
        link(json!({ "sub": "boris" })).await,
        None,
        "again changes nothing"
    );
    assert_eq!(
        link(json!({ "sub": "boris-2" })).await.as_deref(),
        Some("federation.identity_taken")
    );
    assert_eq!(service.count("identity.federated_identities").await, 2);
}

#[tokio::test]
async fn an_identity_can_be_taken_away_unless_it_is_the_only_way_in() {
    let federated = federated("", "").await;
    let service = &federated.service;
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    let anna = service.session(&browser.complete(&fragment["oidc_code"]).await);
    anna.client
        .delete(TEST)
        .await
        .assert_problem(409, "federation.last_method");
    let other = "/users/me/identities/other";
    anna.client
        .delete(other)
        .await
        .assert_problem(404, "federation.not_linked");

    sqlx::query("update identity.users set password_hash = 'x' where id = $1")
        .bind(anna.id)
        .execute(&service.db)
        .await
        .unwrap();
    let answer = anna.client.delete(TEST).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    service.events(Stream::Audit, "users.identity_unlinked", 1).await;
    let (_, fragment) = browser.log_in().await;
    assert_eq!(fragment["oidc_error"], "federation.link_required");
}

#[tokio::test]
async fn links_are_changed_by_somebody_who_has_proved_lately_who_they_are() {
    let federated = federated("", "").await;
    let service = &federated.service;
    let boris = service.user_with_role("boris@example.com", "manager").await;
    service.clock.advance(Duration::minutes(11));
    let answer = boris.client.post(TEST, &json!({})).await;
    answer.assert_problem(401, "auth.step_up_required");
    let answer = boris.client.delete(TEST).await;
    answer.assert_problem(401, "auth.step_up_required");
    assert_eq!(boris.client.get("/users/me/identities").await.status, 200);

    for path in ["https://evil.example.com", "//evil.example.com", "profile"] {
        let admin = service.admin().await;
        let answer = admin.client.post(TEST, &json!({ "return_to": path })).await;
        let problem = answer.assert_problem(422, "request.validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/return_to");
    }
    let admin = service.admin().await;
    let answer = admin.client.post(TEST, &json!({ "user_id": "x" })).await;
    answer.assert_problem(422, "request.validation_failed");
}

#[tokio::test]
async fn without_a_token_nothing_is_shown_or_changed() {
    let service = service().await;
    for answer in [
        service.client.get("/users/me/identities").await,
        service.client.post(TEST, &json!({})).await,
        service.client.delete(TEST).await,
    ] {
        answer.assert_problem(401, "auth.token_required");
    }
}
