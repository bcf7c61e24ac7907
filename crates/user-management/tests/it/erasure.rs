//! `PATCH` and `DELETE /users/{id}`: who may, and that nothing personal stays.

use chrono::Duration;
use http::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::accounts::with_mail_and;
use crate::authenticator::{Algorithm, Device};
use crate::harness::{PASSWORD, Service, eventually, service};
use crate::passkeys;
use crate::relying_party::{Browser, Program, sent_back};
use crate::totp::{EMAIL, enrolled};

#[tokio::test]
async fn accounts_are_changed_and_deleted_with_the_right_and_a_fresh_login_only() {
    let service = service().await;
    let id = service.register(EMAIL).await;
    let path = format!("/users/{id}");
    let name = json!({ "name": "Другая" });
    let nobody = service.client.patch(&path, &name).await;
    nobody.assert_problem(401, "auth.token_required");
    let nobody = service.client.delete(&path).await;
    nobody.assert_problem(401, "auth.token_required");
    let director = service.user_with_role("director@example.com", "director").await;
    let powerless = director.client.patch(&path, &name).await;
    powerless.assert_problem(403, "auth.permission_denied");
    let powerless = director.client.delete(&path).await;
    powerless.assert_problem(403, "auth.permission_denied");

    let admin = service.admin().await;
    let own = format!("/users/{}", admin.id);
    let last = admin.client.delete(&own).await;
    last.assert_problem(409, "users.last_administrator");
    let unknown = "/users/0190d0c0-0000-7000-8000-000000000000";
    let missing = admin.client.patch(unknown, &name).await;
    missing.assert_problem(404, "request.not_found");
    let missing = admin.client.delete(unknown).await;
    missing.assert_problem(404, "request.not_found");
    let wrong = admin.client.delete("/users/x").await;
    wrong.assert_problem(404, "request.not_found");

    service.clock.advance(Duration::minutes(11));
    let stale = admin.client.delete(&path).await;
    stale.assert_problem(401, "auth.step_up_required");
    let renamed: Value = admin.client.patch(&path, &name).await.json();
    assert_eq!(renamed["name"], "Другая");

    let admin = service.admin().await;
    service.postgres.cut();
    for method in [Method::PATCH, Method::DELETE] {
        let request = admin.client.request(method, &path).json(&name);
        let answer = admin.client.send(request).await;
        answer.assert_problem(503, "dependency.unavailable");
    }
}

#[tokio::test]
async fn who_administrates_users_changes_nobody_with_more_rights() {
    let service = service().await;
    let admin = service.admin().await;
    let role = json!({
        "name": "personnel", "titles": { "ru": "Кадры" }, "permissions": ["users:admin", "users:read"],
    });
    admin.client.post("/roles", &role).await;
    let personnel = service.user_with_role("personnel@example.com", "personnel").await;
    let director = service.user_with_role("director@example.com", "director").await;
    for id in [director.id, admin.id] {
        let path = format!("/users/{id}");
        let changed = personnel.client.patch(&path, &json!({ "name": "x" })).await;
        changed.assert_problem(403, "users.beyond_own_rights");
        let deleted = personnel.client.delete(&path).await;
        deleted.assert_problem(403, "users.beyond_own_rights");
    }
}

/// Everything that the service keeps of Anna.
async fn lived_in(service: &Service) -> uuid::Uuid {
    let anna = enrolled(service).await;
    let id = anna.session.id;
    let client = &anna.session.client;
    let mut device = Device::new(Algorithm::Es256);
    passkeys::add(service, &anna.session, &mut device).await;
    let key = json!({ "name": "Ключ Анны", "permissions": ["chat"] });
    assert_eq!(client.post("/api-keys", &key).await.status, 201);
    let other = json!({ "email": "anna@new.example" });
    assert_eq!(client.post("/users/me/email", &other).await.status, 202);
    let body = json!({ "email": EMAIL });
    service.client.post("/auth/password/forgot", &body).await;
    let request = service.client.request(Method::POST, "/auth/login");
    let guess = json!({ "email": EMAIL, "password": "a wrong one of these" });
    service
        .client
        .send(request.header("user-agent", "anna-browser").json(&guess))
        .await;
    let statements = [
        format!(
            "insert into identity.federated_identities (user_id, provider, issuer, subject, email, linked_at)
             values ('{id}', 'google', 'https://accounts.google.com', 'anna-1', '{EMAIL}', now())"
        ),
        format!(
            "insert into identity.registrations (id, email, name, password_hash, locale, created_at, expires_at)
             values (gen_random_uuid(), '{EMAIL}', 'Анна', 'x', 'ru', now(), now() + interval '1 day')"
        ),
        format!("update identity.sessions set user_agent = 'anna-browser', last_ip = '198.51.100.7' where user_id = '{id}'"),
    ];
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&service.db)
            .await
            .unwrap();
    }
    id
}

#[tokio::test]
async fn of_a_deleted_account_no_table_keeps_anything_personal() {
    let (service, _office) = with_mail_and(&[("EMAIL_VERIFICATION", "off"), ("REGISTRATION", "open")]).await;
    let id = lived_in(&service).await;
    eventually("letters are written", async || {
        service.count("identity.links").await > 0
            && service.count("identity.mails where ended_at is null").await == 0
    })
    .await;
    let admin = service.admin().await;
    assert_eq!(admin.client.delete(&format!("/users/{id}")).await.status, 204);

    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables
         where table_schema = 'identity' and table_type = 'BASE TABLE' and table_name <> 'outbox'",
    )
    .fetch_all(&service.db)
    .await
    .unwrap();
    assert!(tables.len() > 15, "{tables:?}");
    let hash = {
        use sha2::Digest;
        hex::encode(sha2::Sha256::digest(EMAIL))
    };
    for table in tables {
        let found = service
            .count(&format!(
                "identity.{table} t where t::text ~* 'anna|Анн|198\\.51\\.100\\.7|{hash}'"
            ))
            .await;
        assert_eq!(found, 0, "{table}");
    }
    for table in [
        "totp",
        "recovery_codes",
        "passkeys",
        "federated_identities",
        "consents",
        "links",
        "known_devices",
    ] {
        let from = format!("identity.{table} where user_id = '{id}'");
        assert_eq!(service.count(&from).await, 0, "{table}");
    }
    assert_eq!(
        service
            .count(&format!("identity.api_keys where owner_id = '{id}'"))
            .await,
        0
    );
}

#[tokio::test]
async fn the_browser_of_a_shut_or_deleted_account_is_nobodys() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    let id = service.register(EMAIL).await;
    let mut browser = Browser::new(&service);
    let quiet = format!("/oauth2/authorize?{}", program.request(&[("prompt", "none")]));
    browser.log_in(&program.request(&[]), EMAIL).await;
    assert!(sent_back(&browser.get(&quiet).await).contains_key("code"));
    let admin = service.admin().await;
    let shut = format!("/users/{id}/deactivate");
    assert_eq!(admin.client.post(&shut, &json!({})).await.status, 200);
    let refused = sent_back(&browser.get(&quiet).await);
    assert_eq!(refused["error"], "login_required");
    let asked = browser
        .get(&format!("/oauth2/authorize?{}", program.request(&[])))
        .await;
    assert_eq!(asked.status, 200);
    let tried = browser
        .submit(&asked, &[("email", EMAIL), ("password", PASSWORD)])
        .await;
    assert_eq!(tried.status, 401, "{}", tried.text());

    // Opened again, the former session stays ended.
    let open = format!("/users/{id}/reactivate");
    assert_eq!(admin.client.post(&open, &json!({})).await.status, 200);
    let refused = sent_back(&browser.get(&quiet).await);
    assert_eq!(refused["error"], "login_required");
}

#[tokio::test]
async fn programs_learn_whether_the_address_is_verified() {
    let (service, office) = with_mail_and(&[]).await;
    let program = Program::first_party(&service).await;
    crate::accounts::confirmed(&service, &office, EMAIL).await;
    let mut browser = Browser::new(&service);
    let tokens = program.tokens(&service, &mut browser, &[]).await;
    let access = tokens["access_token"].as_str().unwrap();
    let with = service.client.with_token(access);
    let told: Value = with.get("/oauth2/userinfo").await.json();
    assert_eq!(
        (&told["email"], &told["email_verified"]),
        (&json!(EMAIL), &json!(true))
    );
    // Whoever is given another address has to show that it is theirs.
    sqlx::query("update identity.users set email_verified_at = null where email = $1")
        .bind(EMAIL)
        .execute(&service.db)
        .await
        .unwrap();
    let told: Value = with.get("/oauth2/userinfo").await.json();
    assert_eq!(told["email_verified"], false);
}
