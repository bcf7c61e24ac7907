//! POST /auth/login

use chrono::Duration;
use common::auth::{Companies, Permission};
use common::events::Stream;
use serde_json::{Value, json};

use crate::harness::{
    ADMIN_EMAIL, ADMIN_PASSWORD, Options, PASSWORD, anonymous_body, service, with, with_settings,
};

#[tokio::test]
async fn a_login_gives_tokens_that_other_services_accept() {
    let service = service().await;
    let answer = service.try_login("Admin@EXAMPLE.com", ADMIN_PASSWORD).await;
    let body: Value = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 900);
    assert_eq!(body["refresh_expires_in"], 7 * 86_400);
    assert_eq!(body["user"]["role"], "admin");
    assert_eq!(body["user"]["companies"], json!(["*"]));
    assert_eq!(
        body["user"]["permissions"].as_array().unwrap().len(),
        Permission::ALL.len()
    );
    assert_eq!(answer.headers["cache-control"], "no-store");

    let session = service.session(&answer);
    let header = jsonwebtoken::decode_header(&session.access_token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let identity = service
        .other_service()
        .verify(&session.access_token)
        .await
        .unwrap();
    assert_eq!(identity.user_id, session.id);
    assert_eq!(identity.role, "admin");
    assert!(identity.may(Permission::UsersAdmin));
    assert_eq!(identity.companies, Companies::All);
    assert_eq!(
        identity.expires_at.timestamp(),
        (service.clock.now() + Duration::minutes(15)).timestamp()
    );

    service.clock.advance(Duration::minutes(16));
    let late = session.client.get("/users/me").await;
    late.assert_problem(401, "auth.token_expired");
}

#[tokio::test]
async fn events_tell_of_success_and_failure_without_the_address() {
    let service = service().await;
    let id = service.register("anna@example.com").await;
    let login = |password: &str| {
        let body = json!({ "email": "anna@example.com", "password": password });
        let request = service.client.request(http::Method::POST, "/auth/login");
        request
            .header("x-forwarded-for", "203.0.113.9")
            .header("user-agent", "Firefox")
            .json(&body)
    };
    service
        .client
        .send(login("wrong"))
        .await
        .assert_problem(401, "auth.invalid_credentials");
    assert_eq!(service.client.send(login(PASSWORD)).await.status, 200);
    service.try_login("nobody@example.com", PASSWORD).await;

    let failed = service.events(Stream::Auth, "auth.login_failed", 2).await;
    assert_eq!(failed[0].data["reason"], "wrong_password");
    assert_eq!(failed[0].data["user_id"], id.to_string());
    assert_eq!(failed[0].data["ip"], "203.0.113.9");
    assert_eq!(failed[0].data["user_agent"], "Firefox");
    assert!(failed[0].actor.is_none(), "nobody has proved to be anybody");
    assert_eq!(failed[1].data["reason"], "unknown_account");
    assert_eq!(failed[1].data["user_id"], Value::Null);
    let succeeded = service.events(Stream::Auth, "auth.login_succeeded", 1).await;
    assert_eq!(succeeded[0].actor.as_ref().unwrap().user_id, id);
    assert_eq!(succeeded[0].data["email_hash"], failed[0].data["email_hash"]);
    // SHA-256 of the address, as the contract has it.
    assert_eq!(
        succeeded[0].data["email_hash"],
        "f7d54c22dda5b1780276601cd005909b70543fc4a6ba72d735b4cb9bbb611f01"
    );
    let audited = service.events(Stream::Audit, "auth.login_failed", 2).await;
    assert_eq!(audited[0].data["outcome"], "failure");
    let all = serde_json::to_string(&(failed, succeeded, audited)).unwrap();
    assert!(!all.contains("example.com") && !all.contains(PASSWORD));
}

#[tokio::test]
async fn unknown_wrong_empty_and_locked_cannot_be_told_apart() {
    let service = service().await;
    service.register("anna@example.com").await;
    let unknown = service.try_login("nobody@example.com", PASSWORD).await;
    unknown.assert_problem(401, "auth.invalid_credentials");
    let expected = anonymous_body(&unknown);
    let names = |answer: &common::testing::Response| {
        let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    let long = "x".repeat(10_000);
    for (email, password) in [
        ("anna@example.com", "wrong"),
        ("anna@example.com", ""),
        ("anna@example.com", &long),
        ("nobody@example.com", ""),
        ("not an address", PASSWORD),
        ("zero\u{0}@example.com", PASSWORD),
        ("", ""),
    ] {
        let answer = service.try_login(email, password).await;
        assert_eq!(answer.status, 401, "{email}");
        assert_eq!(anonymous_body(&answer), expected, "{email}");
        assert_eq!(names(&answer), names(&unknown), "{email}");
    }
    for _ in 0..2 {
        service.try_login("anna@example.com", "wrong").await;
    }
    let locked = service.try_login("anna@example.com", PASSWORD).await;
    assert_eq!(locked.status, 401, "the right password during the lock");
    assert_eq!(anonymous_body(&locked), expected);
    assert_eq!(names(&locked), names(&unknown));
}

#[tokio::test]
async fn five_failures_lock_for_half_a_minute_and_more_for_longer() {
    let service = service().await;
    service.register("anna@example.com").await;
    let fail = async || {
        let answer = service.try_login("anna@example.com", "wrong").await;
        assert_eq!(answer.status, 401);
    };
    let status = async || {
        service
            .try_login("anna@example.com", PASSWORD)
            .await
            .status
            .as_u16()
    };
    for _ in 0..4 {
        fail().await;
    }
    assert_eq!(
        status().await,
        200,
        "four failures do not lock, and success forgets them"
    );
    for _ in 0..5 {
        fail().await;
    }
    service.clock.advance(Duration::seconds(29));
    assert_eq!(status().await, 401);
    // Guesses during the lock do not prolong it, or they would keep the owner out.
    for _ in 0..10 {
        fail().await;
    }
    service.clock.advance(Duration::seconds(1));
    fail().await;
    service.clock.advance(Duration::seconds(59));
    assert_eq!(status().await, 401, "the sixth failure locks for a minute");
    service.clock.advance(Duration::seconds(1));
    assert_eq!(status().await, 200);

    // Nobody's account locks the same way, so that a lock does not tell who exists.
    for _ in 0..6 {
        service.try_login("nobody@example.com", "wrong").await;
    }
    let failed = service
        .events(Stream::Auth, "auth.login_failed", 4 + 5 + 1 + 10 + 1 + 1 + 6)
        .await;
    assert_eq!(failed.last().unwrap().data["reason"], "locked");
}

#[tokio::test]
async fn of_many_guesses_at_once_no_more_count_than_one_after_another() {
    let service = with_settings(&[("PASSWORD_HASH_CONCURRENCY", "8")]).await;
    service.register("anna@example.com").await;
    let guesses = (0..12).map(|_| service.try_login("anna@example.com", "wrong"));
    futures_util::future::join_all(guesses).await;
    let failures: i32 = sqlx::query_scalar("select failures from identity.login_failures")
        .fetch_one(&service.db)
        .await
        .unwrap();
    assert_eq!(failures, 5, "the rest met the lock");
}

#[tokio::test]
async fn a_login_hashes_the_password_anew_when_the_cost_has_risen() {
    let service = service().await;
    let stored = async || -> String {
        sqlx::query_scalar("select password_hash from identity.users where email = $1")
            .bind(ADMIN_EMAIL)
            .fetch_one(&service.db)
            .await
            .unwrap()
    };
    let before = stored().await;
    assert!(before.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{before}");
    service.admin().await;
    assert_eq!(stored().await, before, "nothing has risen");

    let dearer = with(Options {
        settings: &[
            ("PASSWORD_HASH_MEMORY_KIB", "128"),
            ("PASSWORD_HASH_ITERATIONS", "2"),
        ],
        database_url: Some(service.database_url.clone()),
        ..Options::default()
    })
    .await;
    dearer.try_login(ADMIN_EMAIL, "wrong").await;
    assert_eq!(stored().await, before, "a wrong password changes nothing");
    dearer.admin().await;
    let after = stored().await;
    assert!(after.starts_with("$argon2id$v=19$m=128,t=2,p=1$"), "{after}");
    dearer.admin().await;
    assert_eq!(stored().await, after);
}

#[tokio::test]
async fn a_wrong_request_is_told_what_is_wrong() {
    let service = service().await;
    let missing = service
        .client
        .post("/auth/login", &json!({ "email": "a@b.c" }))
        .await;
    missing.assert_problem(422, "request.validation_failed");
    let number = json!({ "email": "a@b.c", "password": 12345 });
    let number = service.client.post("/auth/login", &number).await;
    let number = number.assert_problem(422, "request.validation_failed");
    assert_eq!(number["errors"][0]["pointer"], "/password");
    assert!(
        !number.to_string().contains("12345"),
        "a password is not repeated: {number}"
    );
}
