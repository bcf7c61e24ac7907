//! GET /auth/providers, GET /auth/oidc/{provider}/start and /callback, POST /auth/oidc/complete

use chrono::Duration;
use common::events::Stream;
use serde_json::{Value, json};

use super::browser::page;
use super::federated;
use super::provider::ec;
use crate::harness::{PASSWORD, service};

#[tokio::test]
async fn a_newcomer_logs_in_and_comes_back_to_the_same_account() {
    let federated = federated("", "").await;
    let service = &federated.service;
    let providers: Value = service.client.get("/auth/providers").await.json();
    assert_eq!(
        providers["items"],
        json!([{ "id": "test", "title": "Вход компании", "start_url": "/api/users/auth/oidc/test/start" }])
    );

    let mut browser = federated.browser();
    let url = browser.start("?return_to=%2Freports%3Fyear%3D2026").await;
    let back = browser.at_provider(&url).await;
    let answer = browser.get(&back).await;
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    let (path, fragment) = page(&answer);
    assert_eq!(path, "/reports?year=2026");
    assert_eq!(fragment.len(), 1, "a code and nothing else: {fragment:?}");
    let answer = browser.complete(&fragment["oidc_code"]).await;
    let tokens: Value = answer.json();
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(tokens["user"]["email"], "anna@example.com");
    assert_eq!(tokens["user"]["name"], "Анна Петрова");
    assert_eq!(tokens["user"]["role"], "user");
    assert_eq!(tokens["user"]["companies"], json!([]));
    let session = service.session(&answer);
    let identity = service
        .other_service()
        .verify(&session.access_token)
        .await
        .unwrap();
    assert_eq!(identity.methods, ["fed"]);
    assert_eq!(service.refresh(&session.refresh_token).await.status, 200);
    assert!(!browser.cookies.keys().any(|name| name.starts_with("oidc_at_")));

    // The provider knows a new address now; the person is the same.
    federated
        .provider
        .person(json!({ "email": "anna@married.example.com" }));
    let (path, fragment) = browser.log_in().await;
    assert_eq!(path, "/");
    let again = service.session(&browser.complete(&fragment["oidc_code"]).await);
    assert_eq!(again.id, session.id);
    let identities: Value = again.client.get("/users/me/identities").await.json();
    assert_eq!(identities["items"][0]["provider"], "test");
    assert_eq!(identities["items"][0]["email"], "anna@married.example.com");
    assert_eq!(identities["items"][0]["title"], "Вход компании");
    // There is no password that could be guessed.
    for password in ["", PASSWORD] {
        let answer = service.try_login("anna@example.com", password).await;
        answer.assert_problem(401, "auth.invalid_credentials");
    }

    service.events(Stream::Auth, "auth.registered", 1).await;
    let logins = service.events(Stream::Audit, "auth.login_succeeded", 2).await;
    assert_eq!(logins[0].data["details"]["methods"], json!(["fed"]));
    let linked = service.events(Stream::Audit, "users.identity_linked", 1).await;
    assert_eq!(linked[0].data["details"]["provider"], "test");
    assert_eq!(linked[0].actor.as_ref().unwrap().user_id, session.id);
}

#[tokio::test]
async fn a_code_opens_once_within_a_minute_and_in_its_browser_only() {
    let federated = federated("", "").await;
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    let code = &fragment["oidc_code"];
    // Seen by somebody else, who has not the cookie: used up.
    let mut stranger = federated.browser();
    stranger
        .complete(code)
        .await
        .assert_problem(401, "federation.code_invalid");
    browser
        .complete(code)
        .await
        .assert_problem(401, "federation.code_invalid");

    let (_, fragment) = browser.log_in().await;
    assert_eq!(browser.complete(&fragment["oidc_code"]).await.status, 200);
    let twice = browser.complete(&fragment["oidc_code"]).await;
    twice.assert_problem(401, "federation.code_invalid");

    let (_, fragment) = browser.log_in().await;
    federated.service.clock.advance(Duration::seconds(61));
    let late = browser.complete(&fragment["oidc_code"]).await;
    late.assert_problem(401, "federation.code_invalid");

    for body in [json!({}), json!({ "code": 1 })] {
        let answer = federated.service.client.post("/auth/oidc/complete", &body).await;
        answer.assert_problem(422, "request.validation_failed");
    }
}

#[tokio::test]
async fn a_browser_may_keep_the_refresh_token_as_a_cookie() {
    let federated = federated("", "").await;
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    let body = json!({ "code": fragment["oidc_code"], "cookie": true });
    let client = federated.service.client.clone();
    let answer = browser
        .send(&client, http::Method::POST, "/auth/oidc/complete", Some(body))
        .await;
    let body: Value = answer.json();
    assert!(
        body.get("refresh_token").is_none() && body["csrf_token"].is_string(),
        "{body}"
    );
    assert!(browser.cookies.contains_key("refresh"));
}

#[tokio::test]
async fn a_second_factor_is_asked_for_after_the_provider() {
    let federated = federated("", "").await;
    let service = &federated.service;
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    let user = service.session(&browser.complete(&fragment["oidc_code"]).await);
    sqlx::query(
        "insert into identity.passkeys
             (id, user_id, credential_id, public_key, name, sign_count, transports, aaguid, backed_up, created_at)
         values ($1, $1, '\\x01', '\\x02', 'key', 0, '{}', $1, false, now())",
    )
    .bind(user.id)
    .execute(&service.db)
    .await
    .unwrap();
    let (_, fragment) = browser.log_in().await;
    let answer = browser.complete(&fragment["oidc_code"]).await;
    let problem = answer.assert_problem(401, "auth.second_factor_required");
    assert_eq!(problem["methods"], json!(["passkey"]));
    assert!(problem["challenge"].is_string());
}

#[tokio::test]
async fn the_browser_is_asked_what_the_provider_needs() {
    let federated = federated("authorization_params = { prompt = \"select_account\" }", "").await;
    let url: url::Url = federated.browser().start("").await.parse().unwrap();
    assert!(
        url.as_str()
            .starts_with(&format!("{}/authorize?", federated.provider.url()))
    );
    let query: std::collections::BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(query["scope"], "openid profile email");
    assert_eq!(query["prompt"], "select_account");
    assert_eq!(
        query["redirect_uri"],
        "http://localhost:3000/api/users/auth/oidc/test/callback"
    );
    assert_eq!(
        (
            query["state"].len(),
            query["nonce"].len(),
            query["code_challenge"].len()
        ),
        (43, 43, 43)
    );
}

#[tokio::test]
async fn logins_in_several_tabs_go_on_and_their_cookies_stay_few() {
    let federated = federated("", "").await;
    let mut browser = federated.browser();
    let first = browser.start("").await;
    let second = browser.start("").await;
    for url in [first, second] {
        let back = browser.at_provider(&url).await;
        let (_, fragment) = page(&browser.get(&back).await);
        assert!(fragment.contains_key("oidc_code"), "{fragment:?}");
    }
    for _ in 0..10 {
        browser.start("").await;
        let size: usize = browser
            .cookies
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        assert!(browser.cookies.len() <= 5 && size < 4096, "{size}");
    }
}

#[tokio::test]
async fn keys_of_the_provider_may_change_and_be_of_several_kinds() {
    let federated = federated("", "").await;
    let mut browser = federated.browser();
    browser.log_in().await;
    federated.provider.rotate(ec("second"));
    federated.service.clock.advance(Duration::seconds(6));
    let (_, fragment) = browser.log_in().await;
    assert_eq!(browser.complete(&fragment["oidc_code"]).await.status, 200);
    assert_eq!(federated.provider.calls("discovery"), 1, "kept");
    assert_eq!(
        federated.provider.calls("keys"),
        2,
        "asked again for the unknown key"
    );
}

#[tokio::test]
async fn what_the_id_token_lacks_is_asked_for() {
    let federated = federated("", "").await;
    let userinfo =
        json!({ "sub": "person-1", "email": "anna@example.com", "email_verified": "true", "name": "Анна" });
    federated
        .provider
        .now(|behaviour| behaviour.userinfo = Some(userinfo));
    federated
        .provider
        .person(json!({ "email": null, "email_verified": null, "name": null }));
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    let tokens: Value = browser.complete(&fragment["oidc_code"]).await.json();
    assert_eq!(tokens["user"]["name"], "Анна");

    // About somebody else.
    let other = json!({ "sub": "person-2", "email": "boris@example.com", "email_verified": true });
    federated
        .provider
        .now(|behaviour| behaviour.userinfo = Some(other));
    let (_, fragment) = browser.log_in().await;
    assert_eq!(fragment["oidc_error"], "federation.token_invalid");
}

#[tokio::test]
async fn of_two_first_logins_at_once_both_lead_to_one_account() {
    let federated = federated("", "").await;
    let attempts = (0..4).map(async |_| {
        let mut browser = federated.browser();
        let (_, fragment) = browser.log_in().await;
        let code = fragment
            .get("oidc_code")
            .unwrap_or_else(|| panic!("{fragment:?}"));
        browser.complete(code).await.json::<Value>()["user"]["id"].clone()
    });
    let users = futures_util::future::join_all(attempts).await;
    assert!(users.iter().all(|user| *user == users[0]), "{users:?}");
    assert_eq!(federated.service.count("identity.users").await, 2);
    assert_eq!(federated.service.count("identity.federated_identities").await, 1);
}

#[tokio::test]
async fn without_settings_there_is_no_provider() {
    let service = service().await;
    let providers: Value = service.client.get("/auth/providers").await.json();
    assert_eq!(providers["items"], json!([]));
    for path in ["/auth/oidc/test/start", "/auth/oidc/test/callback?state=x&code=y"] {
        let answer = service.client.get(path).await;
        answer.assert_problem(404, "federation.unknown_provider");
    }
    let admin = service.admin().await;
    let answer = admin.client.post("/users/me/identities/test", &json!({})).await;
    answer.assert_problem(404, "federation.unknown_provider");
    let body = json!({ "access_token": "x" });
    let answer = service.client.post("/auth/supabase", &body).await;
    answer.assert_problem(404, "federation.unknown_provider");
}
