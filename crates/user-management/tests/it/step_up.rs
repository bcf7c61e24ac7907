//! POST /auth/step-up, and what needs it.

use chrono::Duration;
use common::events::Stream;
use serde_json::{Value, json};

use crate::authenticator::{Algorithm, Device, code};
use crate::harness::{ADMIN_PASSWORD, PASSWORD, service};
use crate::totp::enrolled;

#[tokio::test]
async fn an_old_login_gives_no_roles_until_the_password_is_shown_again() {
    let service = service().await;
    let id = service.register("boris@example.com").await;
    let admin = service.admin().await;
    service.clock.advance(Duration::minutes(10));
    let path = format!("/users/{id}/role");
    let changed = admin.client.put(&path, &json!({ "role": "manager" })).await;
    assert_eq!(changed.status, 200, "ten minutes are not too long");
    service.clock.advance(Duration::minutes(1));
    let refused = admin.client.put(&path, &json!({ "role": "accountant" })).await;
    refused.assert_problem(401, "auth.step_up_required");
    assert_eq!(
        refused.headers["www-authenticate"],
        r#"Bearer error="insufficient_user_authentication", max_age=600"#
    );
    // A refresh proves nothing.
    let refreshed = service.session(&service.refresh(&admin.refresh_token).await);
    let refused = refreshed
        .client
        .put(&path, &json!({ "role": "accountant" }))
        .await;
    refused.assert_problem(401, "auth.step_up_required");

    let nothing = refreshed.client.post("/auth/step-up", &json!({})).await;
    let nothing = nothing.assert_problem(422, "request.validation_failed");
    assert_eq!(nothing["errors"][0]["pointer"], "/password");
    let wrong = refreshed
        .client
        .post("/auth/step-up", &json!({ "password": "wrong" }))
        .await;
    wrong.assert_problem(401, "auth.invalid_credentials");
    let body = json!({ "password": ADMIN_PASSWORD });
    let proved = refreshed.client.post("/auth/step-up", &body).await;
    assert_eq!(proved.headers["cache-control"], "no-store");
    let proved: Value = proved.json();
    let proved = service
        .client
        .with_token(proved["access_token"].as_str().unwrap());
    let changed = proved.put(&path, &json!({ "role": "accountant" })).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    // It is the same session, whose later tokens tell of it too.
    let again = service.session(&service.refresh(&refreshed.refresh_token).await);
    let changed = again.client.put(&path, &json!({ "role": "user" })).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let listed: Value = again.client.get("/users/me/sessions").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    service.events(Stream::Audit, "auth.stepped_up", 1).await;
    service
        .client
        .post("/auth/step-up", &body)
        .await
        .assert_problem(401, "auth.token_required");
}

#[tokio::test]
async fn who_has_a_second_factor_has_to_show_it() {
    let service = service().await;
    let anna = enrolled(&service).await;
    service.clock.advance(Duration::minutes(11));
    let client = &anna.session.client;
    let step_up = async |body: Value| client.post("/auth/step-up", &body).await;
    let missing = step_up(json!({ "password": PASSWORD })).await;
    let missing = missing.assert_problem(422, "request.validation_failed");
    assert_eq!(missing["errors"][0]["pointer"], "/code");
    let wrong = step_up(json!({ "password": PASSWORD, "code": "000" })).await;
    wrong.assert_problem(401, "auth.second_factor_wrong");
    let right = code(&anna.secret, service.clock.now());
    let no_password = step_up(json!({ "code": right })).await;
    no_password.assert_problem(422, "request.validation_failed");
    let proved: Value = step_up(json!({ "password": PASSWORD, "code": right }))
        .await
        .json();
    let token = proved["access_token"].as_str().unwrap();
    let identity = service.other_service().verify(token).await.unwrap();
    assert_eq!(identity.methods, ["pwd", "otp"]);
    let client = service.client.with_token(token);
    assert_eq!(
        client.post("/users/me/recovery-codes", &json!({})).await.status,
        201
    );
}

#[tokio::test]
async fn a_passkey_alone_is_enough() {
    let service = service().await;
    let admin = service.admin().await;
    let mut device = Device::new(Algorithm::Es256);
    let begun: Value = admin
        .client
        .post("/users/me/passkeys/options", &json!({}))
        .await
        .json();
    let body = json!({
        "challenge": begun["challenge"],
        "name": "x",
        "passkey": device.create(&begun["public_key"]),
    });
    assert_eq!(admin.client.post("/users/me/passkeys", &body).await.status, 201);
    let refused = admin.client.post("/users/me/totp", &json!({})).await;
    refused.assert_problem(401, "auth.step_up_required");
    let begun: Value = admin
        .client
        .post("/auth/step-up/options", &json!({}))
        .await
        .json();
    assert_eq!(
        begun["public_key"]["allowCredentials"].as_array().unwrap().len(),
        1
    );
    let shown = json!({ "challenge": begun["challenge"], "passkey": device.get(&begun["public_key"]) });
    let proved: Value = admin.client.post("/auth/step-up", &shown).await.json();
    let proved = service
        .client
        .with_token(proved["access_token"].as_str().unwrap());
    assert_eq!(proved.post("/users/me/totp", &json!({})).await.status, 201);
    let again = admin.client.post("/auth/step-up", &shown).await;
    again.assert_problem(401, "auth.challenge_invalid");
}

#[tokio::test]
async fn guessing_with_a_stolen_token_does_not_lock_the_owner_out() {
    let service = service().await;
    service.register("anna@example.com").await;
    let stolen = service.login("anna@example.com", PASSWORD).await;
    for _ in 0..6 {
        let answer = stolen
            .client
            .post("/auth/step-up", &json!({ "password": "wrong" }))
            .await;
        answer.assert_problem(401, "auth.invalid_credentials");
    }
    let locked = stolen
        .client
        .post("/auth/step-up", &json!({ "password": PASSWORD }))
        .await;
    locked.assert_problem(401, "auth.invalid_credentials");
    assert_eq!(service.try_login("anna@example.com", PASSWORD).await.status, 200);
    let failed = service.events(Stream::Auth, "auth.login_failed", 7).await;
    assert_eq!(failed[6].data["reason"], "locked");
}

#[tokio::test]
async fn an_ended_session_proves_nothing() {
    let service = service().await;
    let admin = service.admin().await;
    sqlx::query("update identity.sessions set ended_at = now()")
        .execute(&service.db)
        .await
        .unwrap();
    let body = json!({ "password": ADMIN_PASSWORD });
    let answer = admin.client.post("/auth/step-up", &body).await;
    answer.assert_problem(401, "auth.session_revoked");
}
