//! Clients of the provider: registering, their credentials, introspection, revocation, logout.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use common::clock::Clock;
use common::events::Stream;
use common::http::routes::Access;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{config, context, service, with_settings};
use crate::relying_party::{
    Browser, Program, REDIRECT_URI, assert_error, between, location, second_factor_of, sent_back,
};

#[tokio::test]
async fn an_administrator_registers_changes_and_removes_a_client() {
    let service = service().await;
    let admin = service.admin().await;
    let body = json!({
        "client_id": "grafana", "client_name": "Grafana", "redirect_uris": [REDIRECT_URI], "first_party": true,
    });
    let made = admin.client.post("/oauth2/clients", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made: Value = made.json();
    assert!(made["client_secret"].as_str().unwrap().starts_with("cs_"));
    assert_eq!(made["scope"], "openid profile email groups");
    admin
        .client
        .post("/oauth2/clients", &body)
        .await
        .assert_problem(409, "oauth.client_exists");
    let wrong = json!({ "client_id": "X", "redirect_uris": ["http://app.example.ru"], "scope": "magic" });
    // Our own issuer is plain http in this test, so that the address passes.
    let wrong = admin.client.post("/oauth2/clients", &wrong).await;
    let wrong = wrong.assert_problem(422, "request.validation_failed");
    let pointers: Vec<&str> = wrong["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/client_id", "/scope"]);

    let shown: Value = admin.client.get("/oauth2/clients/grafana").await.json();
    assert!(shown.get("client_secret").is_none());
    let other = json!({ "client_name": "Графана", "redirect_uris": [REDIRECT_URI], "scope": "openid" });
    let changed: Value = admin.client.put("/oauth2/clients/grafana", &other).await.json();
    assert_eq!(
        (&changed["client_name"], &changed["scope"]),
        (&json!("Графана"), &json!("openid"))
    );
    let public = json!({ "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none" });
    let refused = admin.client.put("/oauth2/clients/grafana", &public).await;
    refused.assert_problem(422, "request.validation_failed");
    let list: Value = admin.client.get("/oauth2/clients?limit=1").await.json();
    assert_eq!(list["items"][0]["client_id"], "grafana");
    assert_eq!(admin.client.delete("/oauth2/clients/grafana").await.status, 204);
    for answer in [
        admin.client.get("/oauth2/clients/grafana").await,
        admin.client.put("/oauth2/clients/grafana", &other).await,
        admin
            .client
            .post("/oauth2/clients/grafana/secret", &json!({}))
            .await,
        admin.client.delete("/oauth2/clients/grafana").await,
    ] {
        answer.assert_problem(404, "request.not_found");
    }
    for action in [
        "oauth.client_registered",
        "oauth.client_changed",
        "oauth.client_removed",
    ] {
        let events = service.events(Stream::Audit, action, 1).await;
        assert!(!events[0].data.to_string().contains("cs_"));
    }

    // Somebody's login of yesterday is not enough to let a program in.
    service.clock.advance(Duration::minutes(11));
    let late = admin.client.post("/oauth2/clients", &body).await;
    late.assert_problem(401, "auth.step_up_required");
    let user = service.user_with_role("anna@example.com", "security").await;
    user.client
        .post("/oauth2/clients", &body)
        .await
        .assert_problem(403, "auth.permission_denied");
}

#[tokio::test]
async fn a_client_proves_to_be_itself() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    let (id, secret) = (program.id.clone(), program.secret.clone().unwrap());
    let post = async |body: &str, basic: Option<(&str, &str)>| {
        let request = service.client.request(Method::POST, "/oauth2/introspect");
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.to_owned());
        let request = match basic {
            Some((id, secret)) => request.basic_auth(id, Some(secret)),
            None => request,
        };
        service.client.send(request).await
    };
    assert_eq!(post("token=x", Some((&id, &secret))).await.status, 200);
    assert_eq!(
        post(&format!("token=x&client_id={id}&client_secret={secret}"), None)
            .await
            .status,
        200
    );
    let wrong = post("token=x", Some((&id, "cs_wrong"))).await;
    assert_error(&wrong, 401, "invalid_client");
    assert_eq!(wrong.headers["www-authenticate"], "Basic realm=\"oauth\"");
    assert_error(
        &post("token=x", Some(("unknown", &secret))).await,
        401,
        "invalid_client",
    );
    assert_error(
        &post(&format!("token=x&client_id={id}"), None).await,
        401,
        "invalid_client",
    );
    assert_error(&post("token=x", None).await, 401, "invalid_client");
    assert_error(
        &post("client_id=a&client_id=b", None).await,
        400,
        "invalid_request",
    );
    assert_error(&post("", Some((&id, &secret))).await, 400, "invalid_request");
    let json = service
        .client
        .post("/oauth2/token", &json!({ "grant_type": "refresh_token" }))
        .await;
    assert_error(&json, 400, "invalid_request");

    let admin = service.admin().await;
    let second: Value = admin
        .client
        .post("/oauth2/clients/grafana/secret", &json!({}))
        .await
        .json();
    let second = second["client_secret"].as_str().unwrap();
    for secret in [secret.as_str(), second] {
        assert_eq!(post("token=x", Some((&id, secret))).await.status, 200);
    }
    service.clock.advance(Duration::hours(24));
    assert_error(
        &post("token=x", Some((&id, &secret))).await,
        401,
        "invalid_client",
    );
    assert_eq!(post("token=x", Some((&id, second))).await.status, 200);
}

#[tokio::test]
async fn introspection_and_revocation_concern_the_clients_own_tokens() {
    let service = service().await;
    let program = Program::register(&service, json!({ "client_id": "app" })).await;
    let other = Program::register(&service, json!({ "client_id": "other" })).await;
    let ours = Program::first_party(&service).await;
    let anna = service.register("anna@example.com").await;
    let scope = [("scope", "openid chat offline_access")];
    let tokens = program
        .tokens(&service, &mut Browser::new(&service), &scope)
        .await;
    let (access, refresh) = (
        tokens["access_token"].as_str().unwrap(),
        tokens["refresh_token"].as_str().unwrap(),
    );
    for token in [access, refresh] {
        let told = program.introspect(&service, token).await;
        assert_eq!((&told["active"], &told["sub"]), (&json!(true), &json!(anna)));
        assert_eq!(
            (&told["client_id"], &told["scope"]),
            (&json!("app"), &json!("openid chat offline_access"))
        );
        assert_eq!(ours.introspect(&service, token).await["active"], true);
        assert_eq!(
            other.introspect(&service, token).await,
            json!({ "active": false })
        );
        // Another's token: answered as if all were well, and it stays good.
        assert_eq!(
            other
                .call(&service, "/oauth2/revoke", &[("token", token)])
                .await
                .status,
            200
        );
        assert_eq!(program.introspect(&service, token).await["active"], true);
    }
    let own = service.login("anna@example.com", crate::harness::PASSWORD).await;
    assert_eq!(
        ours.introspect(&service, &own.access_token).await,
        json!({ "active": false })
    );
    for unknown in ["", "x", "rt_x", "a.b.c"] {
        let answer = program
            .call(
                &service,
                "/oauth2/revoke",
                &[("token", unknown), ("token_type_hint", "x")],
            )
            .await;
        assert_eq!(answer.status, if unknown.is_empty() { 400 } else { 200 });
    }
    assert_eq!(
        program
            .call(&service, "/oauth2/revoke", &[("token", refresh)])
            .await
            .status,
        200
    );
    for token in [access, refresh] {
        assert_eq!(
            program.introspect(&service, token).await,
            json!({ "active": false })
        );
    }
    let userinfo = service.client.with_token(access).get("/oauth2/userinfo").await;
    assert_error(&userinfo, 401, "invalid_token");
    assert_error(
        &service.client.get("/oauth2/userinfo").await,
        401,
        "invalid_token",
    );
    service.events(Stream::Audit, "oauth.token_revoked", 1).await;
}

#[tokio::test]
async fn a_token_without_openid_tells_nothing_of_its_user() {
    let service = service().await;
    let members = json!({ "client_id": "mcp", "token_endpoint_auth_method": "none" });
    let program = Program::register(&service, members).await;
    service.register("anna@example.com").await;
    let tokens = program
        .tokens(&service, &mut Browser::new(&service), &[("scope", "chat")])
        .await;
    assert!(tokens.get("id_token").is_none() && tokens["refresh_token"].is_string());
    let userinfo = service
        .client
        .with_token(tokens["access_token"].as_str().unwrap())
        .get("/oauth2/userinfo")
        .await;
    assert_error(&userinfo, 403, "insufficient_scope");
    let introspected = program
        .call(&service, "/oauth2/introspect", &[("token", "x")])
        .await;
    assert_error(&introspected, 400, "unauthorized_client");
    let admin = service.admin().await;
    let secret = admin.client.post("/oauth2/clients/mcp/secret", &json!({})).await;
    secret.assert_problem(409, "oauth.client_has_no_secret");
}

#[tokio::test]
async fn a_program_logs_its_user_out() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    service.register("anna@example.com").await;
    let mut browser = Browser::new(&service);
    let tokens = program.tokens(&service, &mut browser, &[]).await;
    let (access, id_token) = (
        tokens["access_token"].as_str().unwrap(),
        tokens["id_token"].as_str().unwrap(),
    );
    let evil =
        format!("/oauth2/logout?id_token_hint={id_token}&post_logout_redirect_uri=https://evil.example");
    assert_eq!(browser.get(&evil).await.status, 400);
    // Without an ID token anybody could have made the link: the person is asked.
    let asked = browser
        .get("/oauth2/logout?client_id=grafana&post_logout_redirect_uri=https://app.example.ru/bye")
        .await;
    assert_eq!(asked.status, 200);
    assert!(between(&asked.text(), "action=\"", "\"") == Some("logout-confirm"));
    let silent = format!("/oauth2/authorize?{}", program.request(&[("prompt", "none")]));
    assert!(
        sent_back(&browser.get(&silent).await).contains_key("code"),
        "nothing has ended"
    );

    service.clock.advance(Duration::minutes(20));
    let bye = format!(
        "/oauth2/logout?id_token_hint={id_token}&post_logout_redirect_uri=https://app.example.ru/bye&state=x"
    );
    assert_eq!(
        location(&browser.get(&bye).await),
        "https://app.example.ru/bye?state=x"
    );
    assert_eq!(sent_back(&browser.get(&silent).await)["error"], "login_required");
    assert!(service.other_service_knows_the_end(access).await);

    let mut browser = Browser::new(&service);
    program.tokens(&service, &mut browser, &[]).await;
    let asked = browser.get("/oauth2/logout").await;
    let out = browser.submit(&asked, &[]).await;
    assert!(out.text().contains("Вы вышли"), "{}", out.text());
    service.events(Stream::Audit, "auth.browser_logged_out", 2).await;
    assert_eq!(sent_back(&browser.get(&silent).await)["error"], "login_required");
}

#[tokio::test]
async fn programs_register_themselves_where_that_is_allowed() {
    let closed = service().await;
    let body = json!({ "redirect_uris": ["cursor://x/cb"], "token_endpoint_auth_method": "none",
                       "client_name": "Cursor", "scope": "openid chat users:admin" });
    let refused = closed.client.post("/oauth2/register", &body).await;
    assert_eq!(refused.status, 403);
    let metadata: Value = closed
        .client
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert!(metadata.get("registration_endpoint").is_none());

    let open = with_settings(&[("CLIENT_REGISTRATION", "open")]).await;
    let metadata: Value = open
        .client
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    assert_eq!(
        metadata["registration_endpoint"],
        "http://localhost:3000/api/users/oauth2/register"
    );
    let resource: Value = open
        .client
        .get("/.well-known/oauth-protected-resource")
        .await
        .json();
    assert_eq!(resource["resource"], "http://localhost:3000/mcp");
    assert_eq!(
        resource["authorization_servers"],
        json!(["http://localhost:3000/api/users"])
    );
    let wrong = json!({ "redirect_uris": ["javascript:alert(1)"] });
    assert_error(
        &open.client.post("/oauth2/register", &wrong).await,
        400,
        "invalid_redirect_uri",
    );
    let wrong = json!({ "redirect_uris": ["https://a.example/cb"], "response_types": ["token"] });
    assert_error(
        &open.client.post("/oauth2/register", &wrong).await,
        400,
        "invalid_client_metadata",
    );
    let made = open.client.post("/oauth2/register", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made: Value = made.json();
    assert_eq!(
        (&made["scope"], &made["first_party"]),
        (&json!("openid chat"), &json!(false))
    );
    let program = Program {
        id: made["client_id"].as_str().unwrap().to_owned(),
        secret: None,
    };
    open.register("anna@example.com").await;
    let mut browser = Browser::new(&open);
    let to_cursor = [("redirect_uri", "cursor://x/cb"), ("scope", "openid chat")];
    let query = program.request(&to_cursor);
    for _ in 0..2 {
        let page = browser.get(&format!("/oauth2/authorize?{query}")).await;
        let page = if page.text().contains("password") {
            browser.log_in(&query, "anna@example.com").await
        } else {
            page
        };
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("form-action 'self' cursor:;"), "{policy}");
        let allowed = browser.submit(&page, &[("answer", "allow")]).await;
        assert!(
            location(&allowed).starts_with("cursor://x/cb?code="),
            "asked every time"
        );
    }
}

#[tokio::test]
async fn a_removed_client_has_no_sessions() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    service.register("anna@example.com").await;
    let tokens = program.tokens(&service, &mut Browser::new(&service), &[]).await;
    let admin = service.admin().await;
    assert_eq!(admin.client.delete("/oauth2/clients/grafana").await.status, 204);
    assert!(
        service
            .other_service_knows_the_end(tokens["access_token"].as_str().unwrap())
            .await
    );
}

#[tokio::test]
async fn a_change_of_role_ends_what_a_browser_granted() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    let anna = service.register("anna@example.com").await;
    let mut browser = Browser::new(&service);
    let answer = browser
        .log_in(&program.request(&[("scope", "chat")]), "anna@example.com")
        .await;
    let code = sent_back(&answer).remove("code").unwrap();
    let admin = service.admin().await;
    let role = json!({ "role": "security", "companies": ["*"] });
    assert_eq!(
        admin
            .client
            .put(&format!("/users/{anna}/role"), &role)
            .await
            .status,
        200
    );
    assert_error(&program.redeem(&service, &code).await, 400, "invalid_grant");
}

#[tokio::test]
async fn without_the_database_people_and_programs_are_told() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    service.postgres.cut();
    let mut browser = Browser::new(&service);
    let page = browser
        .get(&format!("/oauth2/authorize?{}", program.request(&[])))
        .await;
    assert_eq!(page.status, 503);
    assert!(page.text().contains("Сервис временно недоступен") && page.text().contains("Номер запроса"));
    let token = program.refresh(&service, "rt_x").await;
    assert_error(&token, 503, "temporarily_unavailable");
    service.postgres.restore();
    crate::harness::eventually("the page is back", async || {
        browser
            .get(&format!("/oauth2/authorize?{}", program.request(&[])))
            .await
            .status
            == 200
    })
    .await;
}

#[tokio::test]
async fn a_program_cannot_act_on_the_account() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    service.register("anna@example.com").await;
    let scope = [("scope", "openid chat")];
    let tokens = program
        .tokens(&service, &mut Browser::new(&service), &scope)
        .await;
    let client = service
        .client
        .with_token(tokens["access_token"].as_str().unwrap());
    let mut walked = 0;
    for spec in user_management::routes().specs() {
        if spec.access != Access::Authenticated {
            continue;
        }
        let path = spec.path.replace("{id}", "01a21af6-fce0-70e1-a405-cef110c9bb23");
        let request = client.request(spec.method.clone(), &path);
        let request = if spec.method == Method::GET {
            request
        } else {
            request.json(&json!({}))
        };
        let answer = client.send(request).await;
        answer.assert_problem(403, "auth.own_login_required");
        walked += 1;
    }
    assert!(walked > 10, "{walked}");
}

#[tokio::test]
async fn an_id_token_that_is_not_ours_logs_nobody_out() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    service.register("anna@example.com").await;
    let mut browser = Browser::new(&service);
    let tokens = program.tokens(&service, &mut browser, &[]).await;
    let good = tokens["id_token"].as_str().unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let kid = jsonwebtoken::decode_header(good).unwrap().kid.unwrap();
    let set: Value = service.client.get("/oauth2/jwks").await.json();
    let keys = set["keys"].as_array().unwrap();
    let public = keys.iter().find(|key| key["kid"] == kid.as_str()).unwrap();
    let secret = URL_SAFE_NO_PAD.decode(public["n"].as_str().unwrap()).unwrap();
    let mut hs256 = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    hs256.kid = Some(kid.clone());
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let confused =
        jsonwebtoken::encode(&hs256, &claims, &jsonwebtoken::EncodingKey::from_secret(&secret)).unwrap();
    let none = encode(&format!(r#"{{"alg":"none","kid":"{kid}"}}"#));
    let jku = encode(&format!(
        r#"{{"alg":"RS256","kid":"evil","jku":"{}/evil"}}"#,
        service.url
    ));
    let other_user = encode(&parts[1].replace('a', "b"));
    for hint in [
        format!("{none}.{}.", parts[1]),
        format!("{jku}.{}.{}", parts[1], parts[2]),
        format!("{}.{other_user}.{}", parts[0], parts[2]),
        confused,
        tokens["access_token"].as_str().unwrap().to_owned(),
        "x".to_owned(),
    ] {
        let page = browser.get(&format!("/oauth2/logout?id_token_hint={hint}")).await;
        assert!(
            page.text().contains("logout-confirm"),
            "{hint}: the person is asked"
        );
        // Nor is an ID token an access token.
    }
    service
        .client
        .with_token(good)
        .get("/users/me")
        .await
        .assert_problem(401, "auth.token_invalid");
}

#[tokio::test]
async fn keys_of_id_tokens_rotate_without_a_gap() {
    let first = service().await;
    let program = Program::first_party(&first).await;
    first.register("anna@example.com").await;
    let tokens = program.tokens(&first, &mut Browser::new(&first), &[]).await;
    let kid = |token: &Value| {
        let token = token["id_token"].as_str().unwrap();
        jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
    };
    let before = kid(&tokens);
    // Half-way through its month the next key is not there yet; a day before the end it is.
    for (days, states) in [(29, vec!["active", "next"]), (30, vec!["retired", "active"])] {
        let redis = common::testing::redis().await;
        let clock = Clock::fixed(first.clock.now() + Duration::days(days));
        let context = context(&clock);
        let settings = config(&first.database_url, redis.url(), &[]);
        let app = user_management::start(settings, context.clone()).await.unwrap();
        let server = common::testing::TestServer::start(user_management::DEFINITION, app).await;
        let found: Vec<String> =
            sqlx::query_scalar("select state from identity.id_token_keys order by created_at")
                .fetch_all(&first.db)
                .await
                .unwrap();
        assert_eq!(found, states);
        let set: Value = common::testing::Client::anonymous(server.url())
            .get("/oauth2/jwks")
            .await
            .json();
        let kids: Vec<&str> = set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["kid"].as_str().unwrap())
            .collect();
        assert!(
            kids.contains(&before.as_str()),
            "tokens of the former key are still verified"
        );
        context.shutdown.cancel();
    }
    // A replica that knows only the first key asks the database before it signs with it for long.
    assert_eq!(
        first.count("identity.id_token_keys where state = 'active'").await,
        1
    );
}

#[tokio::test]
async fn a_second_factor_is_asked_for_on_the_page() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    service.register("anna@example.com").await;
    let anna = service.login("anna@example.com", crate::harness::PASSWORD).await;
    let codes = second_factor_of(&service, &anna).await;
    let mut browser = Browser::new(&service);
    let page = browser
        .get(&format!("/oauth2/authorize?{}", program.request(&[])))
        .await;
    let password = [
        ("email", "anna@example.com"),
        ("password", crate::harness::PASSWORD),
    ];
    let due = browser.submit(&page, &password).await;
    assert!(due.text().contains("action=\"second-factor\""), "{}", due.text());
    let silent = browser
        .get(&format!(
            "/oauth2/authorize?{}",
            program.request(&[("prompt", "none")])
        ))
        .await;
    assert_eq!(
        sent_back(&silent)["error"],
        "login_required",
        "a password alone logs nobody in"
    );
    let wrong = browser.submit(&due, &[("code", "000000")]).await;
    assert_eq!(wrong.status, 401);
    let right = browser.submit(&wrong, &[("recovery_code", &codes[0])]).await;
    let answer = browser.get(&format!("/oauth2/{}", location(&right))).await;
    let code = sent_back(&answer).remove("code").unwrap();
    let tokens: Value = program.redeem(&service, &code).await.json();
    let id_token = tokens["id_token"].as_str().unwrap();
    let claims = URL_SAFE_NO_PAD
        .decode(id_token.split('.').nth(1).unwrap())
        .unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["amr"], json!(["pwd", "recovery"]));
}
