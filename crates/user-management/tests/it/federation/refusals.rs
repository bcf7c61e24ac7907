//! What does not log in: strangers' answers, forged tokens, providers that are down.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use common::events::Stream;
use serde_json::{Value, json};

use super::browser::page;
use super::federated;
use super::provider::{CLIENT_ID, rsa};

#[tokio::test]
async fn an_answer_counts_only_in_the_browser_that_set_out() {
    let federated = federated("", "").await;
    let service = &federated.service;
    let mut browser = federated.browser();
    let url = browser.start("").await;
    let back = browser.at_provider(&url).await;
    // Login CSRF: the victim's browser is sent to the attacker's callback.
    let mut victim = federated.browser();
    let (path, fragment) = page(&victim.get(&back).await);
    assert_eq!(
        (path.as_str(), fragment["oidc_error"].as_str()),
        ("/", "federation.state_invalid")
    );
    // Even if it has begun a login of its own.
    victim.start("").await;
    let (_, fragment) = page(&victim.get(&back).await);
    assert_eq!(fragment["oidc_error"], "federation.state_invalid");
    // A program is told as a program.
    service
        .client
        .get(&back)
        .await
        .assert_problem(400, "federation.state_invalid");
    assert_eq!(federated.provider.calls("token"), 0, "no code was used");

    // Another state, or none.
    let state = back.split("state=").nth(1).unwrap().split('&').next().unwrap();
    for forged in [
        back.replace(state, &format!("{}x", &state[..42])),
        back.replace(state, ""),
        back.replace(&format!("state={state}"), "a=b"),
    ] {
        let (_, fragment) = page(&browser.get(&forged).await);
        assert_eq!(fragment["oidc_error"], "federation.state_invalid", "{forged}");
    }
    // Too late.
    let cookies = browser.cookies.clone();
    service.clock.advance(Duration::minutes(10));
    let (_, fragment) = page(&browser.get(&back).await);
    assert_eq!(fragment["oidc_error"], "federation.state_invalid");
    assert_eq!(cookies.len(), 1);
}

#[tokio::test]
async fn a_callback_works_once() {
    let federated = federated("", "").await;
    let mut browser = federated.browser();
    let url = browser.start("").await;
    let back = browser.at_provider(&url).await;
    let before = browser.cookies.clone();
    page(&browser.get(&back).await);
    let (_, fragment) = page(&browser.get(&back).await);
    assert_eq!(
        fragment["oidc_error"], "federation.state_invalid",
        "the cookie is gone"
    );
    // Somebody who kept it gets no further than the provider.
    browser.cookies = before;
    let (_, fragment) = page(&browser.get(&back).await);
    assert_eq!(fragment["oidc_error"], "federation.refused");
}

#[tokio::test]
async fn a_browser_is_never_sent_to_another_host() {
    let federated = federated("", "").await;
    for path in [
        "//evil.example.com",
        "https://evil.example.com",
        "/\\evil.example.com",
        "/%09/evil",
        "/%23x",
    ] {
        let mut browser = federated.browser();
        let query: String =
            url::form_urlencoded::byte_serialize(path.replace("%09", "\t").replace("%23", "#").as_bytes())
                .collect();
        let url = browser.start(&format!("?return_to={query}")).await;
        let back = browser.at_provider(&url).await;
        let (path, _) = page(&browser.get(&back).await);
        assert_eq!(path, "/");
    }
}

#[tokio::test]
async fn another_issuer_in_the_callback_is_a_mix_up() {
    let federated = federated("", "").await;
    let mut browser = federated.browser();
    for issuer in [Some("https://evil.example.com".to_owned()), None] {
        federated
            .provider
            .now(|behaviour| behaviour.callback_issuer = issuer);
        let (_, fragment) = browser.log_in().await;
        assert_eq!(fragment["oidc_error"], "federation.token_invalid");
        assert!(fragment.contains_key("request_id"));
    }
    assert_eq!(
        federated.provider.calls("token"),
        0,
        "no code was sent to anybody"
    );
}

#[tokio::test]
async fn forged_and_foreign_id_tokens_are_refused() {
    let federated = federated("", "").await;
    let provider = &federated.provider;
    let now = federated.service.clock.now().timestamp();
    let claims = json!({
        "iss": provider.url(), "aud": CLIENT_ID, "sub": "person-1", "iat": now, "exp": now + 300,
        "email": "anna@example.com", "email_verified": true,
    });
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(json!({ "alg": "none" })), part(claims.clone()));
    let mut browser = federated.browser();
    // The last one is signed well, but answers no login: it has no nonce.
    for token in [unsigned, "nonsense".to_owned(), provider.sign(&claims)] {
        provider.now(|behaviour| behaviour.id_token = Some(token));
        let (_, fragment) = browser.log_in().await;
        assert_eq!(fragment["oidc_error"], "federation.token_invalid");
    }
    provider.now(|behaviour| behaviour.id_token = None);
    for wrong in [
        json!({ "aud": "other" }),
        json!({ "iss": "https://evil.example.com" }),
        json!({ "exp": now - 120 }),
        json!({ "nonce": "other" }),
        json!({ "sub": null }),
        json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }),
    ] {
        provider.person(wrong.clone());
        let (_, fragment) = browser.log_in().await;
        assert_eq!(fragment["oidc_error"], "federation.token_invalid", "{wrong}");
    }
    provider.person(json!({}));
    // Signed with a key of the right name that is not the published one.
    let published = provider.calls("keys");
    provider.rotate(rsa("first"));
    let (_, fragment) = browser.log_in().await;
    assert_eq!(fragment["oidc_error"], "federation.token_invalid");
    assert_eq!(provider.calls("keys"), published);
    assert_eq!(federated.service.count("identity.users").await, 1);
}

#[tokio::test]
async fn unknown_keys_do_not_turn_into_a_flood() {
    let federated = federated("", "").await;
    let mut browser = federated.browser();
    browser.log_in().await;
    let now = federated.service.clock.now().timestamp();
    federated.provider.rotate(rsa("unpublished"));
    let forged = federated
        .provider
        .sign(&json!({ "iss": federated.provider.url(), "iat": now }));
    federated.provider.rotate(rsa("first"));
    federated
        .provider
        .now(|behaviour| behaviour.id_token = Some(forged));
    federated.service.clock.advance(Duration::seconds(6));
    for _ in 0..5 {
        let (_, fragment) = browser.log_in().await;
        assert_eq!(fragment["oidc_error"], "federation.token_invalid");
    }
    assert_eq!(federated.provider.calls("keys"), 2);
}

#[tokio::test]
async fn a_refusal_of_the_provider_is_passed_on() {
    let federated = federated("", "").await;
    federated
        .provider
        .now(|behaviour| behaviour.error = Some("access_denied".to_owned()));
    let mut browser = federated.browser();
    let url = browser.start("?return_to=/login").await;
    let back = browser.at_provider(&url).await;
    let (path, fragment) = page(&browser.get(&back).await);
    assert_eq!(
        (path.as_str(), fragment["oidc_error"].as_str()),
        ("/login", "federation.refused")
    );
}

#[tokio::test]
async fn a_provider_that_is_down_is_told_and_comes_back() {
    let federated = federated("", "").await;
    let (provider, service) = (&federated.provider, &federated.service);
    let mut browser = federated.browser();
    provider.now(|behaviour| behaviour.down = true);
    let answer = service.client.get("/auth/oidc/test/start").await;
    answer.assert_problem(503, "federation.provider_unavailable");
    assert_eq!(answer.headers["retry-after"], "5");
    let (_, fragment) = page(&browser.get("/auth/oidc/test/start?return_to=/x").await);
    assert_eq!(fragment["oidc_error"], "federation.provider_unavailable");
    assert_eq!(provider.calls("discovery"), 1, "not tried at every request");

    provider.now(|behaviour| behaviour.down = false);
    service.clock.advance(Duration::seconds(6));
    let url = browser.start("").await;
    let back = browser.at_provider(&url).await;
    provider.now(|behaviour| behaviour.down = true);
    let (_, fragment) = page(&browser.get(&back).await);
    assert_eq!(fragment["oidc_error"], "federation.provider_unavailable");

    // What is known of it counts for a day; only its answers are missing.
    service.clock.advance(Duration::hours(2));
    browser.start("").await;
    // Everybody else can log in.
    service.admin().await;
}

#[tokio::test]
async fn another_issuer_in_the_discovery_document_is_refused() {
    let provider = super::Provider::start().await;
    let settings = [
        ("OIDC_PROVIDER_ID", "test"),
        ("OIDC_PROVIDER_ISSUER", &format!("{}/", provider.url())),
        ("OIDC_PROVIDER_CLIENT_ID", CLIENT_ID),
    ];
    let service = crate::harness::with_settings(&settings).await;
    let answer = service.client.get("/auth/oidc/test/start").await;
    answer.assert_problem(503, "federation.provider_unavailable");
}

#[tokio::test]
async fn without_the_database_it_is_said_and_nobody_gets_in() {
    let federated = federated("", "").await;
    let service = &federated.service;
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    let tokens: Value = browser.complete(&fragment["oidc_code"]).await.json();
    let user = service
        .client
        .with_token(tokens["access_token"].as_str().unwrap());
    let url = browser.start("").await;
    let back = browser.at_provider(&url).await;
    service.postgres.cut();
    let (_, fragment) = page(&browser.get(&back).await);
    assert_eq!(fragment["oidc_error"], "dependency.unavailable");
    browser
        .complete("x")
        .await
        .assert_problem(503, "dependency.unavailable");
    let answer = user.get("/users/me/identities").await;
    answer.assert_problem(503, "dependency.unavailable");
    let answer = user.post("/users/me/identities/test", &json!({})).await;
    answer.assert_problem(503, "dependency.unavailable");
    let answer = user.delete("/users/me/identities/test").await;
    answer.assert_problem(503, "dependency.unavailable");
    service.postgres.restore();
    assert_eq!(service.client.get("/auth/providers").await.status, 200);
}

#[tokio::test]
async fn refusals_of_people_are_events() {
    let federated = federated("", "create = false").await;
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    assert_eq!(fragment["oidc_error"], "federation.no_account");
    let failed = federated
        .service
        .events(Stream::Auth, "auth.login_failed", 1)
        .await;
    assert_eq!(failed[0].data["reason"], "unknown_account");
    assert!(failed[0].actor.is_none());
    assert!(!serde_json::to_string(&failed).unwrap().contains("example.com"));
}
