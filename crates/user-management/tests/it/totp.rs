//! Codes of an authenticator application, and recovery codes.

use chrono::Duration;
use common::events::Stream;
use serde_json::{Value, json};

use crate::authenticator::code;
use crate::harness::{PASSWORD, Service, Session, anonymous_body, service};

pub(crate) const EMAIL: &str = "anna@example.com";

/// Somebody with an application; the secret that it was given, and the recovery codes.
pub(crate) struct Enrolled {
    pub(crate) session: Session,
    pub(crate) secret: String,
    pub(crate) recovery_codes: Vec<String>,
}

pub(crate) async fn enrolled(service: &Service) -> Enrolled {
    service.register(EMAIL).await;
    let mut session = service.login(EMAIL, PASSWORD).await;
    let begun = session.client.post("/users/me/totp", &json!({})).await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    let secret = begun.json::<Value>()["secret"].as_str().unwrap().to_owned();
    let shown = json!({ "code": code(&secret, service.clock.now()) });
    let confirmed = session.client.post("/users/me/totp/confirm", &shown).await;
    let confirmed: Value = confirmed.json();
    // The next code must be of a later step.
    service.clock.advance(Duration::seconds(30));
    session.client = service
        .client
        .with_token(confirmed["access_token"].as_str().unwrap());
    let codes = confirmed["recovery_codes"].as_array().unwrap().iter();
    Enrolled {
        session,
        secret,
        recovery_codes: codes.map(|code| code.as_str().unwrap().to_owned()).collect(),
    }
}

/// The challenge that a login by password leads to.
pub(crate) async fn challenge(service: &Service) -> Value {
    let answer = service.try_login(EMAIL, PASSWORD).await;
    answer.assert_problem(401, "auth.second_factor_required")
}

async fn answer(service: &Service, member: &str, value: &str) -> common::testing::Response {
    let challenge = challenge(service).await;
    let body = json!({ "challenge": challenge["challenge"], member: value });
    service.client.post("/auth/login/second-factor", &body).await
}

#[tokio::test]
async fn a_login_asks_for_the_code_and_the_token_tells_of_it() {
    let service = service().await;
    let anna = enrolled(&service).await;
    let asked = challenge(&service).await;
    assert_eq!(asked["methods"], json!(["code", "recovery_code"]));
    assert!(asked.get("access_token").is_none() && asked.get("public_key").is_none());
    let body = json!({
        "challenge": asked["challenge"],
        "code": code(&anna.secret, service.clock.now()),
    });
    let done = service.client.post("/auth/login/second-factor", &body).await;
    let session = service.session(&done);
    assert_eq!(done.headers["cache-control"], "no-store");
    let identity = service
        .other_service()
        .verify(&session.access_token)
        .await
        .unwrap();
    assert_eq!(identity.methods, ["pwd", "otp"]);
    assert_eq!(
        identity.authenticated_at.timestamp(),
        service.clock.now().timestamp()
    );

    let again = service.client.post("/auth/login/second-factor", &body).await;
    again.assert_problem(401, "auth.challenge_invalid");
    let events = service.events(Stream::Audit, "auth.login_succeeded", 2).await;
    assert_eq!(events[1].data["details"]["methods"], json!(["pwd", "otp"]));
    service.events(Stream::Audit, "users.totp_added", 1).await;
    let listed: Value = session.client.get("/users/me/second-factors").await.json();
    assert_eq!(
        listed,
        json!({ "totp": true, "passkeys": [], "recovery_codes_left": 10 })
    );
}

#[tokio::test]
async fn no_code_opens_twice() {
    let service = service().await;
    let anna = enrolled(&service).await;
    let code = code(&anna.secret, service.clock.now());
    assert_eq!(answer(&service, "code", &code).await.status, 200);
    let again = answer(&service, "code", &code).await;
    again.assert_problem(401, "auth.second_factor_wrong");
}

#[tokio::test]
async fn a_recovery_code_stands_in_once() {
    let service = service().await;
    let anna = enrolled(&service).await;
    let typed = anna.recovery_codes[3].to_lowercase().replace('-', " ");
    let session = service.session(&answer(&service, "recovery_code", &typed).await);
    let identity = service
        .other_service()
        .verify(&session.access_token)
        .await
        .unwrap();
    assert_eq!(identity.methods, ["pwd", "recovery"]);
    let again = answer(&service, "recovery_code", &anna.recovery_codes[3]).await;
    again.assert_problem(401, "auth.second_factor_wrong");
    let used = service.events(Stream::Audit, "users.recovery_code_used", 1).await;
    assert_eq!(used[0].data["details"]["left"], 9);

    let renewed = session.client.post("/users/me/recovery-codes", &json!({})).await;
    let renewed: Value = renewed.json();
    assert_eq!(renewed["recovery_codes"].as_array().unwrap().len(), 10);
    let former = answer(&service, "recovery_code", &anna.recovery_codes[4]).await;
    former.assert_problem(401, "auth.second_factor_wrong");
    let new = renewed["recovery_codes"][0].as_str().unwrap();
    assert_eq!(answer(&service, "recovery_code", new).await.status, 200);
}

#[tokio::test]
async fn guessing_codes_is_locked_without_saying_so_and_passwords_are_not() {
    let service = service().await;
    let anna = enrolled(&service).await;
    let asked = challenge(&service).await;
    let guess = async |challenge: &Value, code: &str| {
        let body = json!({ "challenge": challenge["challenge"], "code": code });
        service.client.post("/auth/login/second-factor", &body).await
    };
    let wrong = guess(&asked, "000000x").await;
    wrong.assert_problem(401, "auth.second_factor_wrong");
    for _ in 0..4 {
        guess(&asked, "")
            .await
            .assert_problem(401, "auth.second_factor_wrong");
    }
    guess(&asked, "")
        .await
        .assert_problem(401, "auth.challenge_invalid");
    let right = code(&anna.secret, service.clock.now());
    let other = challenge(&service).await;
    let locked = guess(&other, &right).await;
    locked.assert_problem(401, "auth.second_factor_wrong");
    assert_eq!(anonymous_body(&locked), anonymous_body(&wrong));
    service.clock.advance(Duration::seconds(30));
    let right = code(&anna.secret, service.clock.now());
    assert_eq!(guess(&other, &right).await.status, 200);
    let failed = service.events(Stream::Auth, "auth.login_failed", 6).await;
    assert_eq!(failed[0].data["reason"], "wrong_code");
    assert_eq!(failed[0].data["user_id"], anna.session.id.to_string());
    assert_eq!(failed[5].data["reason"], "locked");
}

#[tokio::test]
async fn a_challenge_ends_after_five_minutes_and_opens_nothing_else() {
    let service = service().await;
    let anna = enrolled(&service).await;
    let asked = challenge(&service).await;
    let as_token = service.client.with_token(asked["challenge"].as_str().unwrap());
    as_token
        .get("/users/me")
        .await
        .assert_problem(401, "auth.token_invalid");
    service.clock.advance(Duration::minutes(5));
    let body = json!({
        "challenge": asked["challenge"],
        "code": code(&anna.secret, service.clock.now()),
    });
    let late = service.client.post("/auth/login/second-factor", &body).await;
    late.assert_problem(401, "auth.challenge_invalid");
    for wrong in [
        json!({ "challenge": "x" }),
        json!({ "code": "1" }),
        json!({ "challenge": 1, "code": "1" }),
    ] {
        let answer = service.client.post("/auth/login/second-factor", &wrong).await;
        answer.assert_problem(422, "request.validation_failed");
    }
    let both = json!({ "challenge": "x", "code": "1", "recovery_code": "2" });
    let both = service.client.post("/auth/login/second-factor", &both).await;
    both.assert_problem(422, "request.validation_failed");
}

#[tokio::test]
async fn an_application_counts_only_after_its_first_code_and_can_be_removed() {
    let service = service().await;
    service.register(EMAIL).await;
    let anna = service.login(EMAIL, PASSWORD).await;
    let begun: Value = anna.client.post("/users/me/totp", &json!({})).await.json();
    let uri = begun["uri"].as_str().unwrap();
    let expected = "otpauth://totp/AI%20Assistants%20for%201C:anna%40example%2Ecom?secret=";
    assert!(uri.starts_with(expected), "{uri}");
    assert_eq!(
        service.try_login(EMAIL, PASSWORD).await.status,
        200,
        "not confirmed"
    );
    let wrong = anna
        .client
        .post("/users/me/totp/confirm", &json!({ "code": "1" }))
        .await;
    wrong.assert_problem(401, "auth.second_factor_wrong");
    // Begun anew, the former secret counts no more.
    let former = code(begun["secret"].as_str().unwrap(), service.clock.now());
    let begun: Value = anna.client.post("/users/me/totp", &json!({})).await.json();
    let wrong = anna
        .client
        .post("/users/me/totp/confirm", &json!({ "code": former }))
        .await;
    wrong.assert_problem(401, "auth.second_factor_wrong");
    let right = code(begun["secret"].as_str().unwrap(), service.clock.now());
    let confirmed = anna
        .client
        .post("/users/me/totp/confirm", &json!({ "code": right }))
        .await;
    let fresh = service
        .client
        .with_token(confirmed.json::<Value>()["access_token"].as_str().unwrap());
    let twice = fresh.post("/users/me/totp", &json!({})).await;
    twice.assert_problem(409, "users.totp_exists");
    // The token from before lacks the code that the account now asks for.
    let stale = anna.client.delete("/users/me/totp").await;
    stale.assert_problem(401, "auth.step_up_required");
    assert_eq!(
        stale.headers["www-authenticate"],
        r#"Bearer error="insufficient_user_authentication", max_age=600"#
    );
    assert_eq!(fresh.delete("/users/me/totp").await.status, 204);
    fresh
        .delete("/users/me/totp")
        .await
        .assert_problem(404, "request.not_found");
    assert_eq!(service.try_login(EMAIL, PASSWORD).await.status, 200);
    assert_eq!(service.count("identity.recovery_codes").await, 0);
    let none = fresh.post("/users/me/recovery-codes", &json!({})).await;
    none.assert_problem(404, "request.not_found");
}

#[tokio::test]
async fn an_administrator_takes_the_factors_of_somebody_who_has_lost_them() {
    let service = service().await;
    let anna = enrolled(&service).await;
    let admin = service.admin().await;
    let path = format!("/users/{}/second-factors", anna.session.id);
    anna.session
        .client
        .delete(&path)
        .await
        .assert_problem(403, "auth.permission_denied");
    assert_eq!(admin.client.delete(&path).await.status, 204);
    let ended = anna.session.client.get("/users/me").await;
    ended.assert_problem(401, "auth.session_revoked");
    assert_eq!(service.try_login(EMAIL, PASSWORD).await.status, 200);
    service
        .events(Stream::Audit, "users.second_factors_reset", 1)
        .await;
    let nobody = format!("/users/{}/second-factors", uuid::Uuid::nil());
    admin
        .client
        .delete(&nobody)
        .await
        .assert_problem(404, "request.not_found");
    service.clock.advance(Duration::minutes(11));
    admin
        .client
        .delete(&path)
        .await
        .assert_problem(401, "auth.step_up_required");
}

#[tokio::test]
async fn nothing_at_rest_tells_a_code() {
    let service = service().await;
    let anna = enrolled(&service).await;
    challenge(&service).await;
    let rows: Vec<String> = sqlx::query_scalar(
        "select t::text from identity.totp t union all select c::text from identity.recovery_codes c
         union all select c::text from identity.challenges c union all select o::text from identity.outbox o",
    )
    .fetch_all(&service.db)
    .await
    .unwrap();
    let rows = rows.concat();
    assert!(!rows.contains(&anna.secret) && !rows.contains(&anna.recovery_codes[0]));
    let plain = anna.recovery_codes[0].replace('-', "");
    assert!(!rows.contains(&plain) && !rows.contains(&hex::encode(plain)));
}
