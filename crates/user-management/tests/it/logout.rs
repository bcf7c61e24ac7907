//! POST /auth/logout

use common::events::Stream;
use http::Method;
use serde_json::json;

use crate::harness::{PASSWORD, eventually, service};

#[tokio::test]
async fn a_logout_ends_the_session_everywhere() {
    let service = service().await;
    let other_service = service.other_service();
    let session = service.admin().await;
    let bystander = service.admin().await;
    assert!(other_service.verify(&session.access_token).await.is_ok());

    let answer = session
        .client
        .send(session.client.request(Method::POST, "/auth/logout"))
        .await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert!(answer.body.is_empty());
    // Here at once, elsewhere as soon as the message is there.
    let refused = session.client.get("/users/me").await;
    refused.assert_problem(401, "auth.session_revoked");
    eventually("the other service refuses the token", async || {
        other_service.verify(&session.access_token).await.is_err()
    })
    .await;
    let refused = service.refresh(&session.refresh_token).await;
    refused.assert_problem(401, "auth.refresh_invalid");
    assert!(other_service.verify(&bystander.access_token).await.is_ok());
    assert_eq!(bystander.client.get("/users/me").await.status, 200);

    let events = service.events(Stream::Auth, "auth.logged_out", 1).await;
    assert_eq!(events[0].actor.as_ref().unwrap().user_id, session.id);
    service.events(Stream::Audit, "auth.logged_out", 1).await;
}

#[tokio::test]
async fn a_refresh_token_ends_its_own_session_too_when_it_is_the_callers() {
    let service = service().await;
    service.register("anna@example.com").await;
    let (one, two) = (service.admin().await, service.admin().await);
    let anna = service.login("anna@example.com", PASSWORD).await;
    let body = json!({ "refresh_token": anna.refresh_token });
    assert_eq!(one.client.post("/auth/logout", &body).await.status, 204);
    assert_eq!(
        anna.client.get("/users/me").await.status,
        200,
        "somebody else's session goes on"
    );

    let three = service.admin().await;
    let body = json!({ "refresh_token": three.refresh_token });
    assert_eq!(two.client.post("/auth/logout", &body).await.status, 204);
    three
        .client
        .get("/users/me")
        .await
        .assert_problem(401, "auth.session_revoked");
}

#[tokio::test]
async fn an_empty_body_is_fine_and_a_broken_one_is_not() {
    let service = service().await;
    let session = service.admin().await;
    let request = |body: &'static str| {
        let request = session.client.request(Method::POST, "/auth/logout");
        request.header("content-type", "application/json").body(body)
    };
    let broken = session.client.send(request("{")).await;
    broken.assert_problem(400, "request.invalid_json");
    let wrong = session.client.send(request(r#"{"refresh_token":1}"#)).await;
    wrong.assert_problem(422, "request.validation_failed");
    assert_eq!(session.client.send(request("")).await.status, 204);
    let anonymous = service.client.post("/auth/logout", &json!({})).await;
    anonymous.assert_problem(401, "auth.token_required");
}

#[tokio::test]
async fn a_logout_while_redis_is_down_reaches_other_services_later() {
    let service = service().await;
    let other_service = service.other_service();
    let session = service.admin().await;
    assert!(other_service.verify(&session.access_token).await.is_ok());
    service.cache.cut();
    assert_eq!(session.client.post("/auth/logout", &json!({})).await.status, 204);
    session
        .client
        .get("/users/me")
        .await
        .assert_problem(401, "auth.session_revoked");
    assert!(
        other_service.verify(&session.access_token).await.is_ok(),
        "it cannot know yet"
    );
    service.cache.restore();
    eventually("the other service refuses the token", async || {
        other_service.verify(&session.access_token).await.is_err()
    })
    .await;
}
