//! The first administrator.

use serde_json::Value;

use crate::harness::{ADMIN_EMAIL, ADMIN_PASSWORD, Options, PASSWORD, service, with};

#[tokio::test]
async fn there_is_one_who_may_do_everything() {
    let service = service().await;
    let admin = service.admin().await;
    let me: Value = admin.client.get("/users/me").await.json();
    assert_eq!(me["role"], "admin");
    service
        .events(common::events::Stream::Audit, "users.administrator_created", 1)
        .await;
}

#[tokio::test]
async fn settings_that_change_later_make_no_second_one_and_set_no_password() {
    let service = service().await;
    let again = with(Options {
        settings: &[("ADMIN_EMAIL", "other@example.com"), ("ADMIN_PASSWORD", PASSWORD)],
        database_url: Some(service.database_url.clone()),
        ..Options::default()
    })
    .await;
    assert_eq!(again.try_login("other@example.com", PASSWORD).await.status, 401);
    assert_eq!(again.try_login(ADMIN_EMAIL, ADMIN_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn an_account_that_somebody_made_in_that_name_is_taken_over() {
    let service = service().await;
    service.register("boss@example.com").await;
    let squatter = service.login("boss@example.com", PASSWORD).await;
    sqlx::query("delete from identity.users where email = $1")
        .bind(ADMIN_EMAIL)
        .execute(&service.db)
        .await
        .unwrap();
    let again = with(Options {
        settings: &[("ADMIN_EMAIL", "boss@example.com")],
        database_url: Some(service.database_url.clone()),
        ..Options::default()
    })
    .await;
    let refused = again
        .client
        .with_token(&squatter.access_token)
        .get("/users/me")
        .await;
    refused.assert_problem(401, "auth.session_revoked");
    assert_eq!(again.try_login("boss@example.com", PASSWORD).await.status, 401);
    let boss = again.login("boss@example.com", ADMIN_PASSWORD).await;
    let me: Value = boss.client.get("/users/me").await.json();
    assert_eq!(me["role"], "admin");
    assert_eq!(me["companies"], serde_json::json!(["*"]));
}

#[tokio::test]
async fn without_settings_there_is_none_and_the_service_starts() {
    let service = with(Options {
        settings: &[("ADMIN_EMAIL", ""), ("ADMIN_PASSWORD", "")],
        ..Options::default()
    })
    .await;
    assert_eq!(service.count("identity.users").await, 0);
}
