//! Asking for what is somebody else's, and for more than one may have.

use std::collections::BTreeMap;

use common::auth::{Infobases, Permission};
use common::http::routes::Access;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN_EMAIL, PASSWORD, Service, service};
use crate::relying_party::{Browser, Program, between};

/// Members that decide what somebody may do or who they are.
const PRIVILEGES: [(&str, &str); 12] = [
    ("role", "\"admin\""),
    ("roles", "[\"admin\"]"),
    ("permissions", "[\"users:admin\"]"),
    ("perms", "[\"users:admin\"]"),
    ("companies", "[\"*\"]"),
    ("infobases", "[\"*\"]"),
    ("all_companies", "true"),
    ("state", "\"active\""),
    ("email_verified", "true"),
    ("id", "\"00000000-0000-0000-0000-000000000001\""),
    ("password_hash", "\"x\""),
    ("is_admin", "true"),
];

#[tokio::test]
async fn nobody_is_given_more_by_naming_it_in_a_request() {
    let service = service().await;
    for (n, (member, value)) in PRIVILEGES.into_iter().enumerate() {
        let email = format!("eve{n}@example.com");
        let mut body = json!({ "email": email, "password": PASSWORD, "name": "Ева" });
        body[member] = serde_json::from_str(value).unwrap();
        let answer = service.client.post("/auth/register", &body).await;
        if answer.status != 201 {
            answer.assert_problem(422, "request.validation_failed");
            service.register(&email).await;
        }
        let eve = service.login(&email, PASSWORD).await;
        let harmless = async |when: &str| {
            let me: Value = eve.client.get("/users/me").await.json();
            let seen = (&me["role"], &me["companies"], &me["id"]);
            let id = json!(eve.id);
            assert_eq!(seen, (&json!("user"), &json!([]), &id), "{when}: {member}");
            assert!(
                !me["permissions"].to_string().contains("admin"),
                "{when}: {member}"
            );
            let listed = eve.client.get("/users").await;
            listed.assert_problem(403, "auth.permission_denied");
        };
        harmless("registering").await;
        let mut patch = json!({ "name": "Ева" });
        patch[member] = serde_json::from_str(value).unwrap();
        for path in ["/users/me".to_owned(), format!("/users/{}", eve.id)] {
            let answer = eve.client.patch(&path, &patch).await;
            if answer.status != 200 {
                answer.assert_problem(422, "request.validation_failed");
            }
            harmless("a change of the profile").await;
        }
        let mut login = json!({ "email": email, "password": PASSWORD });
        login[member] = serde_json::from_str(value).unwrap();
        let answer = service.client.post("/auth/login", &login).await;
        if answer.status == 200 {
            let token = service.session(&answer).access_token;
            let identity = service.other_service().verify(&token).await.unwrap();
            assert!(
                !identity.may(Permission::UsersAdmin) && identity.role == "user",
                "{member}"
            );
        }
    }
}

/// Ids of what is the administrator's.
async fn belongings(service: &Service) -> BTreeMap<&'static str, String> {
    let admin = service.admin().await;
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    let key = json!({ "name": "x", "permissions": ["chat"] });
    let key: Value = admin.client.post("/api-keys", &key).await.json();
    let invite = json!({ "email": "new@example.com", "role": "user", "companies": [] });
    let invite: Value = admin.client.post("/invites", &invite).await.json();
    let account = json!({ "name": "Обмен", "permissions": ["chat"] });
    let account: Value = admin.client.post("/service-accounts", &account).await.json();
    let client = Program::first_party(service).await;
    let sessions: Value = admin.client.get("/users/me/sessions").await.json();
    BTreeMap::from([
        ("/api-keys/{id}", id(&key["id"])),
        ("/invites/{id}", id(&invite["id"])),
        ("/service-accounts/{id}", id(&account["id"])),
        ("/oauth2/clients/{id}", client.id),
        ("/users/me/sessions/{id}", id(&sessions["items"][0]["id"])),
        ("/users/me/passkeys/{id}", common::ids::new_id().to_string()),
        ("/users/me/applications/{id}", "grafana".to_owned()),
        ("/users/{id}", admin.id.to_string()),
        ("{session}", id(&sessions["items"][0]["id"])),
        ("{name}", "admin".to_owned()),
        ("{provider}", "test".to_owned()),
    ])
}

/// The rows of all that an attack could change.
async fn rows(service: &Service) -> Vec<String> {
    let mut all = Vec::new();
    for table in [
        "users",
        "sessions",
        "api_keys",
        "invites",
        "oauth_clients",
        "roles",
        "passkeys",
        "totp",
    ] {
        let statement = format!("select t::text from identity.{table} t order by 1");
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .fetch_all(&service.db)
            .await
            .unwrap();
        all.extend(rows);
    }
    all
}

#[tokio::test]
async fn what_is_somebody_elses_does_not_exist_on_any_route() {
    let service = service().await;
    let belongings = belongings(&service).await;
    let eve = service.user_with_role("eve@example.com", "manager").await;
    let before = rows(&service).await;
    let mut tried = 0;
    for spec in user_management::routes().specs() {
        if !spec.path.contains('{') || spec.access == Access::Public {
            continue;
        }
        let mut path = spec.path.to_owned();
        for (template, id) in &belongings {
            let named = template.rsplit('/').next().unwrap();
            if path.starts_with(template) || (named == *template && path.contains(named)) {
                path = path.replacen(named, id, 1);
            }
        }
        assert!(!path.contains('{'), "{path} is not filled in");
        let bodies = [
            json!({}),
            json!({ "name": "Ева", "role": "admin", "companies": ["*"], "overlap_hours": 1 }),
            json!({ "name": "Ева" }),
        ];
        for body in bodies {
            let request = eve.client.request(spec.method.clone(), &path);
            let request = if spec.method == Method::GET {
                request
            } else {
                request.json(&body)
            };
            let answer = eve.client.send(request).await;
            let status = answer.status.as_u16();
            assert!(
                [400, 403, 404, 409, 422].contains(&status),
                "{} {path} {body}: {status} {}",
                spec.method,
                answer.text()
            );
            assert!(!answer.text().contains(ADMIN_EMAIL), "{} {path}", spec.method);
        }
        tried += 1;
    }
    assert!(tried > 20, "{tried} routes name something");
    assert_eq!(rows(&service).await, before, "nothing has changed");
    // Somebody else's id and one that nobody has get the same answer.
    for path in ["/users/ID", "/users/ID/permissions"] {
        let others = eve
            .client
            .get(&path.replace("ID", &belongings["/users/{id}"]))
            .await;
        let nobodys = eve
            .client
            .get(&path.replace("ID", &common::ids::new_id().to_string()))
            .await;
        assert_eq!(others.status, nobodys.status, "{path}");
        let (others, nobodys) = (
            crate::harness::anonymous_body(&others),
            crate::harness::anonymous_body(&nobodys),
        );
        assert_eq!(others, nobodys, "{path}");
    }
}

#[tokio::test]
async fn keys_and_programs_reach_the_infobases_of_their_user_and_no_others() {
    let service = service().await;
    let (own, other) = (common::ids::new_id(), common::ids::new_id());
    let id = service.register("anna@example.com").await;
    let admin = service.admin().await;
    let give = async |infobases: Value| {
        let body = json!({ "role": "accountant", "companies": ["*"], "infobases": infobases });
        let given = admin.client.put(&format!("/users/{id}/role"), &body).await;
        assert_eq!(given.status, 200, "{}", given.text());
        service.login("anna@example.com", PASSWORD).await
    };
    let anna = give(json!([own])).await;
    let verifier = service.other_service();
    let mine = Infobases::Some([own].into());
    assert_eq!(verifier.verify(&anna.access_token).await.unwrap().infobases, mine);
    for infobases in [json!([other]), json!([own, other]), json!(["*"])] {
        let body = json!({ "name": "x", "permissions": ["chat"], "infobases": infobases });
        let refused = anna.client.post("/api-keys", &body).await;
        refused.assert_problem(403, "users.beyond_own_rights");
    }
    let body = json!({ "name": "x", "permissions": ["chat"] });
    let key: Value = anna.client.post("/api-keys", &body).await.json();
    assert_eq!(key["infobases"], json!([own]));
    let exchanged = async || {
        let body = json!({ "api_key": key["key"] });
        let answer = service.client.post("/auth/api-keys/token", &body).await;
        let token = answer.json::<Value>()["access_token"]
            .as_str()
            .unwrap()
            .to_owned();
        verifier.verify(&token).await.unwrap().infobases
    };
    assert_eq!(exchanged().await, mine);
    let program = Program::first_party(&service).await;
    let scope = [("scope", "openid chat onec:read offline_access")];
    let tokens = program
        .tokens(&service, &mut Browser::new(&service), &scope)
        .await;
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(verifier.verify(token).await.unwrap().infobases, mine);
    // What the owner has lost the key has lost, though it is written in it.
    give(json!([other])).await;
    assert_eq!(exchanged().await, Infobases::Some([].into()));
    give(json!(["*"])).await;
    assert_eq!(exchanged().await, mine, "a key gets no more than it was made for");
}

/// Addresses that are meant to look like the registered one, or like a path of ours.
const TRICKS: [&str; 36] = [
    "https://evil.example/cb?tenant=1",
    "//evil.example/cb?tenant=1",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://app.example.ru@evil.example/cb?tenant=1",
    "https://app.example.ru:443@evil.example/cb?tenant=1",
    "https://app.example.ru%40evil.example/cb?tenant=1",
    "https://app.example.ru%2eevil.example/cb?tenant=1",
    "https://app.example.ru\\@evil.example/cb?tenant=1",
    "https://app.example.ru\\.evil.example/cb?tenant=1",
    "https://app.example.ru.evil.example/cb?tenant=1",
    "https://app.example.ru%00.evil.example/cb?tenant=1",
    "https://app.example.ru#@evil.example/cb?tenant=1",
    "https://app.example.ru?@evil.example/cb?tenant=1",
    "https://evil.example#https://app.example.ru/cb?tenant=1",
    "https://evil.example?https://app.example.ru/cb?tenant=1",
    "https://app.example.ru/cb/../evil?tenant=1",
    "https://app.example.ru/cb/%2e%2e/evil?tenant=1",
    "https://app.example.ru/cb;evil?tenant=1",
    "https://app.example.ru/CB?tenant=1",
    "https://APP.example.ru/cb?tenant=1",
    "https://app.example.ru./cb?tenant=1",
    "https://app.example.ru:443/cb?tenant=1",
    "https://app.example.ru:8443/cb?tenant=1",
    "http://app.example.ru/cb?tenant=1",
    "https://app.example.ru/cb?tenant=1#x",
    "https://app.example.ru/cb?tenant=1&redirect_uri=https://evil.example",
    " https://app.example.ru/cb?tenant=1",
    "https://app.example.ru/cb?tenant=1\r\nlocation: https://evil.example",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "https://аpp.example.ru/cb?tenant=1",
    "https://xn--pp-7lc.example.ru/cb?tenant=1",
];

#[tokio::test]
async fn no_trick_sends_a_browser_to_another_address() {
    let service = service().await;
    let program = Program::first_party(&service).await;
    let mut browser = Browser::new(&service);
    service.register("anna@example.com").await;
    // Logged in, so that nothing but the address stands between the request and a code.
    browser.log_in(&program.request(&[]), "anna@example.com").await;
    for trick in TRICKS {
        let page = browser
            .get(&format!(
                "/oauth2/authorize?{}",
                program.request(&[("redirect_uri", trick)])
            ))
            .await;
        assert_eq!(page.status, 400, "{trick}");
        assert!(!page.headers.contains_key("location"), "{trick}");
        let html = page.text();
        assert!(
            !html.contains("<script>")
                && between(&html, "href=\"", "\"").is_none_or(|link| !link.contains("evil")),
            "{html}"
        );
        let logout = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("client_id", program.id.as_str()),
                ("post_logout_redirect_uri", trick),
            ])
            .finish();
        let page = browser.get(&format!("/oauth2/logout?{logout}")).await;
        assert!(!page.headers.contains_key("location"), "{trick}");
        let link = format!("/auth/oidc/test/start?return_to={}", percent(trick));
        let start = browser.get(&link).await;
        assert!(start.status.is_client_error(), "{trick}: {}", start.status);
    }
    let good = browser
        .get(&format!("/oauth2/authorize?{}", program.request(&[])))
        .await;
    assert!(crate::relying_party::sent_back(&good).contains_key("code"));
}

fn percent(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
