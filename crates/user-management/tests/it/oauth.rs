//! Programs log their users in: the whole way, and what is refused on it.

use chrono::Duration;
use common::events::Stream;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::harness::{Service, service};
use crate::relying_party::{Browser, Program, REDIRECT_URI, assert_error, between, location, sent_back};

const ISSUER: &str = "http://localhost:3000/api/users";

async fn verified(service: &Service, id_token: &str, alg: Algorithm) -> Value {
    let set: JwkSet = service.client.get("/oauth2/jwks").await.json();
    let header = jsonwebtoken::decode_header(id_token).unwrap();
    assert_eq!(header.alg, alg);
    let key = DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(alg);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&["grafana"]);
    jsonwebtoken::decode::<Value>(id_token, &key, &validation)
        .unwrap()
        .claims
}

#[tokio::test]
async fn a_program_logs_its_user_in() {
    let service = service().await;
    let grafana = Program::first_party(&service).await;
    let anna = service.user_with_role("anna@example.com", "accountant").await;
    let mut browser = Browser::new(&service);
    let answer = browser.log_in(&grafana.request(&[]), "anna@example.com").await;
    assert!(location(&answer).starts_with(&format!("{REDIRECT_URI}&code=ac_")));
    let back = sent_back(&answer);
    assert_eq!((back["state"].as_str(), back["iss"].as_str()), ("s&t", ISSUER));

    let tokens = grafana.redeem(&service, &back["code"]).await;
    assert_eq!(tokens.headers["cache-control"], "no-store");
    let tokens: Value = tokens.json();
    assert_eq!(tokens["scope"], "openid profile email groups");
    assert!(
        tokens.get("refresh_token").is_none(),
        "offline_access was not asked for"
    );
    let claims = verified(&service, tokens["id_token"].as_str().unwrap(), Algorithm::RS256).await;
    assert_eq!(claims["sub"], anna.id.to_string());
    assert_eq!(
        (&claims["nonce"], &claims["amr"]),
        (&json!("n-1"), &json!(["pwd"]))
    );
    assert_eq!(claims["email"], "anna@example.com");
    assert_eq!(claims["email_verified"], false, "nobody has verified it");
    assert_eq!(
        (&claims["groups"], &claims["roles"]),
        (&json!(["accountant"]), &json!(["accountant"]))
    );
    assert!(claims["at_hash"].is_string() && claims["auth_time"].is_number());

    let access = tokens["access_token"].as_str().unwrap();
    let userinfo: Value = service
        .client
        .with_token(access)
        .get("/oauth2/userinfo")
        .await
        .json();
    assert_eq!(userinfo["sub"], anna.id.to_string());
    assert_eq!(userinfo["preferred_username"], "anna@example.com");
    // The token tells who she is and opens nothing.
    let identity = service.other_service().verify(access).await.unwrap();
    assert_eq!(identity.client_id.as_deref(), Some("grafana"));
    assert_eq!(identity.permissions.iter().count(), 0);

    // A second program asks: nobody types a password again.
    let again = browser
        .get(&format!(
            "/oauth2/authorize?{}",
            grafana.request(&[("prompt", "none")])
        ))
        .await;
    assert!(sent_back(&again).contains_key("code"));
    let authorized = service.events(Stream::Audit, "oauth.authorized", 2).await;
    assert_eq!(authorized[0].data["details"]["client_id"], "grafana");
}

#[tokio::test]
async fn an_ed25519_id_token_is_given_to_who_asks_for_it() {
    let service = service().await;
    let members =
        json!({ "client_id": "grafana", "first_party": true, "id_token_signed_response_alg": "EdDSA" });
    let program = Program::register(&service, members).await;
    service.register("anna@example.com").await;
    let tokens = program.tokens(&service, &mut Browser::new(&service), &[]).await;
    verified(&service, tokens["id_token"].as_str().unwrap(), Algorithm::EdDSA).await;
}

#[tokio::test]
async fn a_code_is_good_once_and_a_second_use_ends_its_tokens() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    service.register("anna@example.com").await;
    let mut browser = Browser::new(&service);
    let answer = browser
        .log_in(
            &program.request(&[("scope", "openid offline_access")]),
            "anna@example.com",
        )
        .await;
    let code = sent_back(&answer).remove("code").unwrap();
    let tokens: Value = program.redeem(&service, &code).await.json();
    let access = tokens["access_token"].as_str().unwrap();
    let other_service = service.other_service();
    assert!(other_service.verify(access).await.is_ok());
    assert_error(&program.redeem(&service, &code).await, 400, "invalid_grant");
    crate::harness::eventually("the other service knows", async || {
        other_service.verify(access).await.is_err()
    })
    .await;
    let refreshed = program
        .refresh(&service, tokens["refresh_token"].as_str().unwrap())
        .await;
    assert_error(&refreshed, 400, "invalid_grant");
    service.events(Stream::Audit, "oauth.code_reused", 1).await;
}

#[tokio::test]
async fn of_two_that_redeem_a_code_at_once_one_wins() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    service.register("anna@example.com").await;
    let answer = Browser::new(&service)
        .log_in(&program.request(&[]), "anna@example.com")
        .await;
    let code = sent_back(&answer).remove("code").unwrap();
    let (one, two) = tokio::join!(program.redeem(&service, &code), program.redeem(&service, &code));
    let won = [&one, &two]
        .into_iter()
        .filter(|answer| answer.status == 200)
        .count();
    assert_eq!(won, 1, "{} {}", one.text(), two.text());
}

#[tokio::test]
async fn a_code_opens_nothing_for_others_or_later() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    let other = Program::register(&service, json!({ "client_id": "other" })).await;
    service.register("anna@example.com").await;
    let mut browser = Browser::new(&service);
    let answer = browser.log_in(&program.request(&[]), "anna@example.com").await;
    let code = sent_back(&answer).remove("code").unwrap();
    assert_error(&other.redeem(&service, &code).await, 400, "invalid_grant");
    for (name, value) in [
        ("redirect_uri", "https://app.example.ru/cb"),
        ("redirect_uri", ""),
        ("code_verifier", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_verifier", ""),
        ("code", "ac_x"),
    ] {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", crate::relying_party::VERIFIER),
        ];
        fields.retain(|(field, _)| *field != name);
        fields.push((name, value));
        assert_error(
            &program.call(&service, "/oauth2/token", &fields).await,
            400,
            "invalid_grant",
        );
    }
    service.clock.advance(Duration::seconds(60));
    assert_error(&program.redeem(&service, &code).await, 400, "invalid_grant");
}

#[tokio::test]
async fn refresh_tokens_of_a_program_follow_the_rule_of_all_sessions() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    let other = Program::register(&service, json!({ "client_id": "other" })).await;
    service.register("anna@example.com").await;
    let mut browser = Browser::new(&service);
    let tokens = program
        .tokens(
            &service,
            &mut browser,
            &[("scope", "openid chat users:admin offline_access")],
        )
        .await;
    assert_eq!(
        tokens["scope"], "openid chat offline_access",
        "she has no users:admin"
    );
    let first = tokens["refresh_token"].as_str().unwrap();
    assert_error(&other.refresh(&service, first).await, 400, "invalid_grant");
    let own_login = service.refresh(first).await;
    own_login.assert_problem(401, "auth.refresh_invalid");
    let wider = [
        ("grant_type", "refresh_token"),
        ("refresh_token", first),
        ("scope", "openid users:admin"),
    ];
    assert_error(
        &program.call(&service, "/oauth2/token", &wider).await,
        400,
        "invalid_scope",
    );

    let second: Value = program.refresh(&service, first).await.json();
    assert!(second["id_token"].is_string());
    let lost: Value = program.refresh(&service, first).await.json();
    assert_eq!(
        lost["refresh_token"], second["refresh_token"],
        "a lost answer is given again"
    );
    let identity = service
        .other_service()
        .verify(second["access_token"].as_str().unwrap())
        .await
        .unwrap();
    assert_eq!(
        identity
            .permissions
            .iter()
            .map(|p| p.as_str())
            .collect::<Vec<_>>(),
        ["chat"]
    );
    service.clock.advance(Duration::seconds(11));
    assert_error(&program.refresh(&service, first).await, 400, "invalid_grant");
    let second = second["refresh_token"].as_str().unwrap();
    assert_error(&program.refresh(&service, second).await, 400, "invalid_grant");
}

#[tokio::test]
async fn people_are_asked_what_a_program_may_do() {
    let service = service().await;
    let program = Program::register(&service, json!({ "client_id": "other" })).await;
    let anna = service.user_with_role("anna@example.com", "accountant").await;
    let mut browser = Browser::new(&service);
    let query = program.request(&[("scope", "openid email onec:read users:admin")]);
    let page = browser.log_in(&query, "anna@example.com").await;
    let html = page.text();
    assert!(
        html.contains("Grafana &lt;b&gt;") && !html.contains("<b>"),
        "{html}"
    );
    assert!(
        html.contains("читать данные 1С") && html.contains("anna@example.com"),
        "{html}"
    );
    assert!(
        !html.contains("users:admin"),
        "nobody is asked for what they do not have"
    );
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("form-action 'self' https://app.example.ru;"),
        "{policy}"
    );
    assert_eq!(page.headers["x-frame-options"], "DENY");
    let silent = format!("{query}&prompt=none");
    let refused = browser.get(&format!("/oauth2/authorize?{silent}")).await;
    assert_eq!(sent_back(&refused)["error"], "consent_required");
    let denied = browser.submit(&page, &[("answer", "deny")]).await;
    assert_eq!(sent_back(&denied)["error"], "access_denied");
    let allowed = browser.submit(&page, &[("answer", "allow")]).await;
    let code = sent_back(&allowed).remove("code").unwrap();
    let tokens: Value = program.redeem(&service, &code).await.json();
    assert_eq!(tokens["scope"], "openid email onec:read");
    let silent = browser.get(&format!("/oauth2/authorize?{silent}")).await;
    assert!(
        sent_back(&silent).contains_key("code"),
        "the answer is remembered"
    );

    // She takes it back: the tokens end, and she is asked again.
    let list: Value = anna.client.get("/users/me/applications").await.json();
    assert_eq!(list["items"][0]["client_id"], "other");
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(
        anna.client.delete("/users/me/applications/other").await.status,
        204
    );
    assert!(service.other_service_knows_the_end(access).await);
    let page = browser.get(&format!("/oauth2/authorize?{query}")).await;
    assert!(page.text().contains("Разрешить"));
    let gone = anna.client.delete("/users/me/applications/other").await;
    gone.assert_problem(404, "request.not_found");
    service.events(Stream::Audit, "oauth.consent_withdrawn", 1).await;
}

#[tokio::test]
async fn requests_that_are_wrong_lead_nowhere_or_back() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    let mut browser = Browser::new(&service);
    for changes in [
        [("client_id", "unknown")],
        [("client_id", "")],
        [("client_id", "a\0b")],
        [("redirect_uri", "https://app.example.ru/cb")],
        [("redirect_uri", "https://app.example.ru/cb?tenant=1&x=2")],
        [("redirect_uri", "https://app.example.ru.evil.example/cb?tenant=1")],
        [("redirect_uri", "https://evil.example/")],
    ] {
        let page = browser
            .get(&format!("/oauth2/authorize?{}", program.request(&changes)))
            .await;
        assert_eq!(page.status, 400, "{changes:?}");
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
        assert!(!page.text().contains("evil"), "{}", page.text());
    }
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("scope", "magic", "invalid_scope"),
        ("prompt", "none", "login_required"),
        ("request", "x", "request_not_supported"),
    ] {
        let answer = browser
            .get(&format!(
                "/oauth2/authorize?{}",
                program.request(&[(name, value)])
            ))
            .await;
        let back = sent_back(&answer);
        assert_eq!(
            (
                back["error"].as_str(),
                back["state"].as_str(),
                back["iss"].as_str()
            ),
            (error, "s&t", ISSUER)
        );
    }
    for fields in [
        vec![("grant_type", "password"), ("username", "a"), ("password", "b")],
        vec![("grant_type", "implicit")],
    ] {
        let answer = program.call(&service, "/oauth2/token", &fields).await;
        assert_error(&answer, 400, "unsupported_grant_type");
    }
    assert_error(
        &program.call(&service, "/oauth2/token", &[]).await,
        400,
        "invalid_request",
    );
}

#[tokio::test]
async fn a_login_page_is_not_to_be_used_from_elsewhere() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    service.register("anna@example.com").await;
    let query = program.request(&[]);
    let mut browser = Browser::new(&service);
    let page = browser.get(&format!("/oauth2/authorize?{query}")).await;
    let (email, password) = (
        ("email", "anna@example.com"),
        ("password", crate::harness::PASSWORD),
    );
    // The attacker's own token, in the victim's browser.
    let foreign = between(&page.text(), "name=\"form\" value=\"", "\"")
        .unwrap()
        .to_owned();
    let mut victim = Browser::new(&service);
    victim.get(&format!("/oauth2/authorize?{query}")).await;
    let fields = [
        ("form", foreign.as_str()),
        ("request", query.as_str()),
        email,
        password,
    ];
    let refused = victim.post("/oauth2/login", &fields).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.headers.get("set-cookie").is_none());
    let without = victim
        .post("/oauth2/login", &[("request", &query), email, password])
        .await;
    assert_eq!(without.status, 403);
    let request = service.client.request(http::Method::POST, "/oauth2/consent");
    let request = request
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("answer=allow");
    assert_eq!(service.client.send(request).await.status, 403);

    let wrong = browser.submit(&page, &[email, ("password", "wrong")]).await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.text().contains("Неверная почта или пароль") && wrong.text().contains("anna@example.com"));
    let right = browser.submit(&wrong, &[email, password]).await;
    let cookies: Vec<&str> = right
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|c| c.to_str().unwrap())
        .collect();
    let login = cookies
        .iter()
        .find(|cookie| cookie.starts_with("login=bs_"))
        .unwrap();
    assert!(login.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{login}");
    service.events(Stream::Auth, "auth.login_failed", 1).await;
}

#[tokio::test]
async fn another_login_is_asked_for_when_the_program_wants_it() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    service.register("anna@example.com").await;
    let mut browser = Browser::new(&service);
    browser.log_in(&program.request(&[]), "anna@example.com").await;
    service.clock.advance(Duration::minutes(5));
    for changes in [[("prompt", "login")], [("max_age", "60")], [("max_age", "0")]] {
        let query = program.request(&changes);
        let silent = browser.get(&format!("/oauth2/authorize?{query}")).await;
        assert_eq!(silent.status, 200, "{changes:?}");
        let answer = browser.log_in(&query, "anna@example.com").await;
        let code = sent_back(&answer).remove("code").unwrap();
        let tokens: Value = program.redeem(&service, &code).await.json();
        let claims = verified(&service, tokens["id_token"].as_str().unwrap(), Algorithm::RS256).await;
        assert_eq!(claims["auth_time"], service.clock.now().timestamp());
        service.clock.advance(Duration::minutes(2));
    }
    assert_eq!(
        service.count("identity.sessions where kind = 'cookie'").await,
        1,
        "one browser, one session"
    );
    // Unused for half an hour, the browser is asked again.
    service.clock.advance(Duration::minutes(31));
    let page = browser
        .get(&format!("/oauth2/authorize?{}", program.request(&[])))
        .await;
    assert_eq!(page.status, 200);
}
