//! POST /auth/refresh

use chrono::Duration;
use common::events::Stream;
use serde_json::{Value, json};

use crate::harness::{ADMIN_EMAIL, ADMIN_PASSWORD, PASSWORD, anonymous_body, eventually, service};

#[tokio::test]
async fn a_refresh_replaces_both_tokens() {
    let service = service().await;
    let first = service.admin().await;
    service.clock.advance(Duration::minutes(20));
    first
        .client
        .get("/users/me")
        .await
        .assert_problem(401, "auth.token_expired");
    let answer = service.refresh(&first.refresh_token).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body: Value = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["user"]["email"], ADMIN_EMAIL);
    let second = service.session(&answer);
    assert_ne!(second.refresh_token, first.refresh_token);
    assert_eq!(second.client.get("/users/me").await.status, 200);
    let third = service.session(&service.refresh(&second.refresh_token).await);
    assert_ne!(third.refresh_token, second.refresh_token);
}

#[tokio::test]
async fn tabs_that_refresh_at_once_all_get_the_same_new_token() {
    let service = service().await;
    let session = service.admin().await;
    let tabs = (0..4).map(|_| service.refresh(&session.refresh_token));
    let answers = futures_util::future::join_all(tabs).await;
    let tokens: std::collections::BTreeSet<String> = answers
        .iter()
        .map(|answer| service.session(answer).refresh_token)
        .collect();
    assert_eq!(tokens.len(), 1, "one successor");
    // And once more, for a client whose answer got lost.
    service.clock.advance(Duration::seconds(10));
    let late = service.session(&service.refresh(&session.refresh_token).await);
    assert!(tokens.contains(&late.refresh_token));
    assert_eq!(late.client.get("/users/me").await.status, 200);
    let next = service.refresh(&late.refresh_token).await;
    assert_eq!(next.status, 200, "{}", next.text());
}

#[tokio::test]
async fn a_token_used_again_later_ends_the_session() {
    let service = service().await;
    let stolen = service.admin().await;
    let owner = service.session(&service.refresh(&stolen.refresh_token).await);
    let bystander = service.admin().await;
    service.clock.advance(Duration::seconds(11));
    let answer = service.refresh(&stolen.refresh_token).await;
    answer.assert_problem(401, "auth.refresh_reused");

    let revoked = owner.client.get("/users/me").await;
    revoked.assert_problem(401, "auth.session_revoked");
    let answer = service.refresh(&owner.refresh_token).await;
    answer.assert_problem(401, "auth.refresh_invalid");
    let again = service.refresh(&stolen.refresh_token).await;
    again.assert_problem(401, "auth.refresh_invalid");
    assert_eq!(
        bystander.client.get("/users/me").await.status,
        200,
        "another session goes on"
    );

    let events = service.events(Stream::Auth, "auth.refresh_reused", 1).await;
    assert_eq!(events[0].data["user_id"], owner.id.to_string());
    let audited = service.events(Stream::Audit, "auth.refresh_reused", 1).await;
    assert_eq!(audited[0].data["outcome"], "denied");
}

#[tokio::test]
async fn a_grandparent_ends_the_session_within_the_grace_time_too() {
    let service = service().await;
    let first = service.admin().await;
    let second = service.session(&service.refresh(&first.refresh_token).await);
    service.session(&service.refresh(&second.refresh_token).await);
    let answer = service.refresh(&first.refresh_token).await;
    answer.assert_problem(401, "auth.refresh_reused");
}

#[tokio::test]
async fn a_session_ends_for_want_of_use_and_after_thirty_days_anyway() {
    let service = service().await;
    let idle = service.admin().await;
    let mut busy = service.admin().await;
    for _ in 0..4 {
        service.clock.advance(Duration::days(6));
        busy = service.session(&service.refresh(&busy.refresh_token).await);
    }
    let answer = service.refresh(&idle.refresh_token).await;
    answer.assert_problem(401, "auth.refresh_invalid");
    service.clock.advance(Duration::days(5));
    let answer = service.refresh(&busy.refresh_token).await;
    let body: Value = answer.json();
    assert_eq!(
        body["refresh_expires_in"], 86_400,
        "not past the end of the session"
    );
    service.clock.advance(Duration::days(1));
    let last = service.session(&answer);
    let answer = service.refresh(&last.refresh_token).await;
    answer.assert_problem(401, "auth.refresh_invalid");
}

#[tokio::test]
async fn what_is_no_token_of_ours_opens_nothing_and_ends_nothing() {
    let service = service().await;
    let session = service.admin().await;
    let other = service.admin().await;
    let token = &session.refresh_token;
    // The session of one token with the seal of another.
    let mixed = format!("{}{}", &token[..30], &other.refresh_token[30..]);
    let mut bodies = Vec::new();
    for wrong in [
        "",
        "rt_",
        "nonsense",
        &token[..token.len() - 1],
        &mixed,
        &session.access_token,
    ] {
        let answer = service.refresh(wrong).await;
        answer.assert_problem(401, "auth.refresh_invalid");
        bodies.push(anonymous_body(&answer));
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    service
        .client
        .post("/auth/refresh", &json!({}))
        .await
        .assert_problem(422, "request.validation_failed");
    assert_eq!(service.refresh(token).await.status, 200);
    // A refresh token is not an access token.
    let answer = service
        .client
        .with_token(&other.refresh_token)
        .get("/users/me")
        .await;
    answer.assert_problem(401, "auth.token_invalid");
}

#[tokio::test]
async fn no_token_can_be_read_from_the_database() {
    let service = service().await;
    let session = service.admin().await;
    let rows: Vec<String> = sqlx::query_scalar("select s::text from identity.sessions s")
        .fetch_all(&service.db)
        .await
        .unwrap();
    let secret = &session.refresh_token[session.refresh_token.len() - 40..];
    assert_eq!(rows.len(), 1);
    assert!(!rows[0].contains(secret));
}

#[tokio::test]
async fn rights_are_read_anew_at_each_refresh() {
    let service = service().await;
    let id = service.register("anna@example.com").await;
    let session = service.login("anna@example.com", PASSWORD).await;
    // As an older release would have done it, without ending the session.
    sqlx::query("update identity.users set role = 'manager' where id = $1")
        .bind(id)
        .execute(&service.db)
        .await
        .unwrap();
    let body: Value = service.refresh(&session.refresh_token).await.json();
    assert_eq!(body["user"]["role"], "manager");
}

#[tokio::test]
async fn a_deleted_user_cannot_refresh() {
    let service = service().await;
    let id = service.register("anna@example.com").await;
    let session = service.login("anna@example.com", PASSWORD).await;
    sqlx::query("delete from identity.users where id = $1")
        .bind(id)
        .execute(&service.db)
        .await
        .unwrap();
    let answer = service.refresh(&session.refresh_token).await;
    answer.assert_problem(401, "auth.refresh_invalid");
}

#[tokio::test]
async fn a_reuse_reaches_other_services() {
    let service = service().await;
    let other = service.other_service();
    let stolen = service.login(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let owner = service.session(&service.refresh(&stolen.refresh_token).await);
    assert!(other.verify(&owner.access_token).await.is_ok());
    service.clock.advance(Duration::seconds(11));
    service.refresh(&stolen.refresh_token).await;
    eventually("the other service refuses the token", async || {
        other.verify(&owner.access_token).await.is_err()
    })
    .await;
}
