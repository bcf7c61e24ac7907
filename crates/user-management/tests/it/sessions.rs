//! Seeing sessions and ending them.

use chrono::Duration;
use common::events::Stream;
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{PASSWORD, Service, Session, eventually, service};

async fn login_with(service: &Service, program: &str) -> Session {
    let body = json!({ "email": "anna@example.com", "password": PASSWORD });
    let request = service.client.request(Method::POST, "/auth/login");
    let request = request
        .header("user-agent", program)
        .header("x-forwarded-for", "203.0.113.9")
        .json(&body);
    let answer = service.client.send(request).await;
    service.session(&answer)
}

async fn sessions(session: &Session) -> Vec<Value> {
    let listed: Value = session.client.get("/users/me/sessions").await.json();
    listed["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn one_sees_where_one_is_logged_in_and_ends_it() {
    let service = service().await;
    service.register("anna@example.com").await;
    let telephone = login_with(&service, "Firefox on a telephone").await;
    service.clock.advance(Duration::minutes(1));
    let desk = login_with(&service, "Firefox on a desk").await;
    service.clock.advance(Duration::minutes(1));
    let telephone = service.session(&service.refresh(&telephone.refresh_token).await);

    let listed = sessions(&desk).await;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["user_agent"], "Firefox on a telephone", "used last");
    assert_eq!(listed[0]["ip"], "203.0.113.9");
    assert_eq!(
        listed[0]["last_ip"], "127.0.0.1",
        "the refresh came from elsewhere"
    );
    assert_eq!(
        (&listed[0]["current"], &listed[1]["current"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(listed[0]["methods"], json!(["pwd"]));
    assert_eq!(listed[0]["kind"], "bearer");
    let text = json!(listed).to_string();
    assert!(!text.contains("refresh_seed") && !text.contains(&desk.refresh_token));

    let other = service.other_service();
    assert!(other.verify(&telephone.access_token).await.is_ok());
    let path = format!("/users/me/sessions/{}", listed[0]["id"].as_str().unwrap());
    assert_eq!(desk.client.delete(&path).await.status, 204);
    let ended = telephone.client.get("/users/me").await;
    ended.assert_problem(401, "auth.session_revoked");
    let ended = service.refresh(&telephone.refresh_token).await;
    ended.assert_problem(401, "auth.refresh_invalid");
    eventually("other services refuse it", async || {
        other.verify(&telephone.access_token).await.is_err()
    })
    .await;
    desk.client
        .delete(&path)
        .await
        .assert_problem(404, "request.not_found");
    assert_eq!(sessions(&desk).await.len(), 1);
    let audited = service.events(Stream::Audit, "users.sessions_ended", 1).await;
    assert_eq!(audited[0].data["details"]["sessions"], json!([listed[0]["id"]]));
}

#[tokio::test]
async fn all_others_end_at_once() {
    let service = service().await;
    service.register("anna@example.com").await;
    let own = login_with(&service, "a").await;
    let others = [login_with(&service, "b").await, login_with(&service, "c").await];
    let admin = service.admin().await;
    assert_eq!(own.client.delete("/users/me/sessions").await.status, 204);
    for other in others {
        let ended = other.client.get("/users/me").await;
        ended.assert_problem(401, "auth.session_revoked");
    }
    assert_eq!(own.client.get("/users/me").await.status, 200);
    assert_eq!(
        admin.client.get("/users/me").await.status,
        200,
        "somebody else's goes on"
    );
}

#[tokio::test]
async fn nobody_sees_or_ends_sessions_of_others_without_the_right_to() {
    let service = service().await;
    let id = service.register("anna@example.com").await;
    let anna = login_with(&service, "a").await;
    let admin = service.admin().await;
    let own = sessions(&admin).await;
    let foreign = format!("/users/me/sessions/{}", own[0]["id"].as_str().unwrap());
    anna.client
        .delete(&foreign)
        .await
        .assert_problem(404, "request.not_found");
    assert_eq!(admin.client.get("/users/me").await.status, 200);
    let path = format!("/users/{}/sessions", admin.id);
    anna.client
        .get(&path)
        .await
        .assert_problem(403, "auth.permission_denied");
    anna.client
        .delete(&path)
        .await
        .assert_problem(403, "auth.permission_denied");
    service
        .client
        .get(&path)
        .await
        .assert_problem(401, "auth.token_required");

    let path = format!("/users/{id}/sessions");
    let listed: Value = admin.client.get(&path).await.json();
    let one = format!("{path}/{}", listed["items"][0]["id"].as_str().unwrap());
    assert_eq!(admin.client.delete(&one).await.status, 204);
    anna.client
        .get("/users/me")
        .await
        .assert_problem(401, "auth.session_revoked");
    let anna = login_with(&service, "a").await;
    assert_eq!(admin.client.delete(&path).await.status, 204);
    anna.client
        .get("/users/me")
        .await
        .assert_problem(401, "auth.session_revoked");
    let nobody = format!("/users/{}/sessions", Uuid::nil());
    admin
        .client
        .get(&nobody)
        .await
        .assert_problem(404, "request.not_found");
    admin
        .client
        .delete(&nobody)
        .await
        .assert_problem(404, "request.not_found");
    let wrong = admin.client.get("/users/x/sessions").await;
    assert!(wrong.status.is_client_error());
}
