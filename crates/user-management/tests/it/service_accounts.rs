//! /service-accounts

use chrono::Duration;
use common::auth::Permission;
use common::events::Stream;
use common::ids;
use common::testing::{Client, Response};
use http::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN_EMAIL, Service, eventually, service};
use crate::relying_party::{Program, REDIRECT_URI, assert_error};

async fn make(admin: &Client, members: Value) -> Value {
    let mut body = json!({ "name": "Обмен с сайтом", "permissions": ["onec:read", "chat"] });
    body.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    let made = admin.post("/service-accounts", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.headers["cache-control"], "no-store");
    assert_eq!(made.headers["etag"], "\"1\"");
    made.json()
}

fn path(account: &Value) -> String {
    format!("/service-accounts/{}", account["id"].as_str().unwrap())
}

async fn token(service: &Service, account: &Value, fields: &[(&str, &str)]) -> Response {
    let program = Program {
        id: account["client_id"].as_str().unwrap().to_owned(),
        secret: account["client_secret"].as_str().map(str::to_owned),
    };
    let mut all = vec![("grant_type", "client_credentials")];
    all.extend_from_slice(fields);
    program.call(service, "/oauth2/token", &all).await
}

async fn access_token(service: &Service, account: &Value) -> String {
    let answer = token(service, account, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json::<Value>()["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_service_account_is_made_found_changed_and_deleted() {
    let service = service().await;
    let admin = service.admin().await;
    let account = make(&admin.client, json!({ "client_id": "site" })).await;
    assert_eq!(account["client_id"], "site");
    assert_eq!(account["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(account["state"], "active");
    assert_eq!(account["created_by"], admin.id.to_string());
    assert!(account["client_secret"].as_str().unwrap().starts_with("cs_"));
    make(&admin.client, json!({ "name": "Ёлка", "client_id": "tree" })).await;

    let path = path(&account);
    let shown = admin.client.get(&path).await;
    assert_eq!(shown.headers["etag"], "\"1\"");
    assert!(shown.json::<Value>().get("client_secret").is_none(), "shown once");
    let first: Value = admin.client.get("/service-accounts?limit=1").await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 1);
    let next = format!(
        "/service-accounts?limit=1&cursor={}",
        first["next_cursor"].as_str().unwrap()
    );
    let second: Value = admin.client.get(&next).await.json();
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
    assert!(second.get("next_cursor").is_none());
    for (query, found) in [
        ("q=ЕЛКА", 1),
        ("q=SITE", 1),
        ("q=nothing", 0),
        ("state=disabled", 0),
        ("q=%00", 0),
    ] {
        let list: Value = admin
            .client
            .get(&format!("/service-accounts?{query}"))
            .await
            .json();
        assert_eq!(list["items"].as_array().unwrap().len(), found, "{query}");
    }

    let company = ids::new_id();
    let body =
        json!({ "name": "Сайт", "permissions": ["chat"], "companies": [company], "infobases": [company] });
    let stale = admin.client.request(Method::PATCH, &path).json(&body);
    let stale = admin.client.send(stale.header("if-match", "\"7\"")).await;
    stale.assert_problem(412, "request.version_mismatch");
    let changed = admin.client.request(Method::PATCH, &path).json(&body);
    let changed = admin.client.send(changed.header("if-match", "\"1\"")).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let changed: Value = changed.json();
    assert_eq!(
        (
            &changed["name"],
            &changed["permissions"],
            &changed["companies"],
            &changed["infobases"]
        ),
        (
            &json!("Сайт"),
            &json!(["chat"]),
            &json!([company]),
            &json!([company])
        )
    );
    // The same again changes nothing and is no event.
    let same = admin.client.patch(&path, &body).await;
    assert_eq!(same.headers["etag"], "\"2\"");
    assert_eq!(admin.client.delete(&path).await.status, 204);
    for answer in [
        admin.client.get(&path).await,
        admin.client.patch(&path, &json!({ "name": "x" })).await,
        admin.client.post(&format!("{path}/secret"), &json!({})).await,
        admin.client.delete(&path).await,
    ] {
        answer.assert_problem(404, "request.not_found");
    }
    assert_error(&token(&service, &account, &[]).await, 401, "invalid_client");
    for (action, count) in [
        ("service_accounts.created", 2),
        ("service_accounts.changed", 1),
        ("service_accounts.deleted", 1),
    ] {
        let events = service.events(Stream::Audit, action, count).await;
        assert!(!events[0].data.to_string().contains("cs_"), "no secret in events");
    }
}

#[tokio::test]
async fn it_is_no_person_and_no_program_that_logs_people_in() {
    let service = service().await;
    let admin = service.admin().await;
    let account = make(&admin.client, json!({ "client_id": "site" })).await;
    let id = account["id"].as_str().unwrap();
    for answer in [
        admin.client.get(&format!("/users/{id}")).await,
        admin.client.get(&format!("/users/{id}/permissions")).await,
        admin.client.get("/oauth2/clients/site").await,
        admin.client.delete("/oauth2/clients/site").await,
        admin.client.delete(&format!("/users/{id}")).await,
        admin
            .client
            .post(&format!("/users/{id}/deactivate"), &json!({}))
            .await,
        admin
            .client
            .put(&format!("/users/{id}/role"), &json!({ "role": "admin" }))
            .await,
        // And people are no service accounts.
        admin.client.get(&format!("/service-accounts/{}", admin.id)).await,
        admin
            .client
            .delete(&format!("/service-accounts/{}", admin.id))
            .await,
    ] {
        answer.assert_problem(404, "request.not_found");
    }
    let users: Value = admin.client.get("/users").await.json();
    assert_eq!(users["items"].as_array().unwrap().len(), 1, "{ADMIN_EMAIL} alone");
    let roles = admin.client.get("/roles").await.text();
    assert!(!roles.contains("@service"), "{roles}");
    let body = json!({ "role": "@service" });
    let given = admin
        .client
        .put(&format!("/users/{}/role", admin.id), &body)
        .await;
    given.assert_problem(422, "request.validation_failed");
    let clients: Value = admin.client.get("/oauth2/clients").await.json();
    assert_eq!(clients["items"], json!([]));
    let page = service
        .client
        .get("/oauth2/authorize?response_type=code&client_id=site&redirect_uri=https://a.example/cb")
        .await;
    assert_eq!(page.status, 400, "nobody logs in with it");
    let person = Program::first_party(&service).await;
    let fields = [("grant_type", "client_credentials")];
    let refused = person.call(&service, "/oauth2/token", &fields).await;
    assert_error(&refused, 400, "unauthorized_client");
}

#[tokio::test]
async fn its_tokens_grant_what_it_may_do_and_act_for_nobody() {
    let service = service().await;
    let other_service = service.other_service();
    let admin = service.admin().await;
    let (company, infobase) = (ids::new_id(), ids::new_id());
    let reach =
        json!({ "companies": [company], "infobases": [infobase], "permissions": ["chat", "users:admin"] });
    let account = make(&admin.client, reach).await;
    let answer = token(&service, &account, &[]).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let answer: Value = answer.json();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["scope"], "chat users:admin");
    assert!(answer.get("refresh_token").is_none() && answer.get("id_token").is_none());
    let access = answer["access_token"].as_str().unwrap();
    let identity = other_service.verify(access).await.unwrap();
    assert_eq!(identity.user_id.to_string(), account["id"].as_str().unwrap());
    assert_eq!(identity.client_id.as_deref(), account["client_id"].as_str());
    assert_eq!(identity.companies.restriction().unwrap(), [company]);
    assert_eq!(identity.infobases.restriction().unwrap(), [infobase]);
    assert!(identity.methods.is_empty() && identity.may(Permission::UsersAdmin));

    // What a permission opens is open; what a person does is not.
    let program = service.client.with_token(access);
    assert_eq!(program.get("/service-accounts").await.status, 200);
    program
        .get("/users/me")
        .await
        .assert_problem(403, "auth.own_login_required");
    let body = json!({ "name": "x", "permissions": [] });
    for answer in [
        program.post("/service-accounts", &body).await,
        program.patch(&path(&account), &json!({ "name": "x" })).await,
        program.delete(&path(&account)).await,
        program
            .put(&format!("/users/{}/role", admin.id), &json!({ "role": "user" }))
            .await,
    ] {
        answer.assert_problem(401, "auth.step_up_required");
    }
    let userinfo = program.get("/oauth2/userinfo").await;
    assert_error(&userinfo, 403, "insufficient_scope");

    let narrow: Value = token(&service, &account, &[("scope", "chat")]).await.json();
    let narrow = other_service
        .verify(narrow["access_token"].as_str().unwrap())
        .await;
    let narrow = narrow.unwrap();
    assert!(narrow.may(Permission::Chat) && !narrow.may(Permission::UsersAdmin));
    for scope in ["chat reports", "openid", "magic"] {
        let refused = token(&service, &account, &[("scope", scope)]).await;
        assert_error(&refused, 400, "invalid_scope");
    }
    // Once an hour, however often it comes.
    service
        .events(Stream::Audit, "service_accounts.token_issued", 1)
        .await;
    let shown: Value = admin.client.get(&path(&account)).await.json();
    assert!(shown["last_used_at"].is_string());
}

#[tokio::test]
async fn a_change_counts_for_tokens_in_use() {
    let service = service().await;
    let other_service = service.other_service();
    let admin = service.admin().await;
    let account = make(&admin.client, json!({})).await;
    let refused_with = async |token: &str, code: &str| {
        eventually(&format!("the token is refused with {code}"), async || {
            let verified = other_service.verify(token).await;
            verified.is_err_and(|problem| problem.code() == code)
        })
        .await;
    };
    let first = access_token(&service, &account).await;
    assert!(
        other_service
            .verify(&first)
            .await
            .unwrap()
            .may(Permission::OnecRead)
    );
    let renamed = admin
        .client
        .patch(&path(&account), &json!({ "name": "Другое" }))
        .await;
    assert_eq!(renamed.status, 200);
    assert!(
        other_service.verify(&first).await.is_ok(),
        "a name changes no rights"
    );
    let body = json!({ "permissions": ["chat"] });
    assert_eq!(admin.client.patch(&path(&account), &body).await.status, 200);
    refused_with(&first, "auth.rights_changed").await;
    let second = access_token(&service, &account).await;
    assert!(
        !other_service
            .verify(&second)
            .await
            .unwrap()
            .may(Permission::OnecRead)
    );

    let key = json!({ "owner": account["id"], "name": "Склад", "permissions": ["chat"] });
    let key: Value = admin.client.post("/api-keys", &key).await.json();
    let exchange = async || {
        let body = json!({ "api_key": key["key"] });
        service.client.post("/auth/api-keys/token", &body).await
    };
    let by_key: Value = exchange().await.json();
    let by_key = by_key["access_token"].as_str().unwrap();
    assert!(other_service.verify(by_key).await.is_ok());
    let off = admin
        .client
        .patch(&path(&account), &json!({ "state": "disabled" }))
        .await;
    assert_eq!(off.status, 200, "{}", off.text());
    refused_with(&second, "auth.session_revoked").await;
    refused_with(by_key, "auth.rights_changed").await;
    assert_error(&token(&service, &account, &[]).await, 400, "unauthorized_client");
    exchange().await.assert_problem(401, "auth.api_key_invalid");
    let on = admin
        .client
        .patch(&path(&account), &json!({ "state": "active" }))
        .await;
    assert_eq!(on.json::<Value>()["state"], "active");
    let third = access_token(&service, &account).await;

    assert_eq!(admin.client.delete(&path(&account)).await.status, 204);
    refused_with(&third, "auth.session_revoked").await;
    exchange().await.assert_problem(401, "auth.api_key_invalid");
    assert_eq!(service.count("identity.api_keys").await, 0);
    assert_eq!(service.count("identity.oauth_clients").await, 0);
}

#[tokio::test]
async fn its_client_introspects_and_gives_back_its_own_tokens() {
    let service = service().await;
    let admin = service.admin().await;
    let account = make(&admin.client, json!({})).await;
    let program = Program {
        id: account["client_id"].as_str().unwrap().to_owned(),
        secret: account["client_secret"].as_str().map(str::to_owned),
    };
    let access = access_token(&service, &account).await;
    let told = program.introspect(&service, &access).await;
    assert_eq!((&told["active"], &told["sub"]), (&json!(true), &account["id"]));
    let given_back = program
        .call(&service, "/oauth2/revoke", &[("token", &access)])
        .await;
    assert_eq!(given_back.status, 200);
    assert_eq!(program.introspect(&service, &access).await["active"], false);
    assert!(service.other_service_knows_the_end(&access).await);
    // It is over with its one token.
    service.clock.advance(Duration::minutes(16));
    let active =
        "identity.sessions where ended_at is null and refresh_expires_at > now() + interval '17 minutes'";
    assert_eq!(service.count(active).await, 1, "the administrator's");
}

#[tokio::test]
async fn a_secret_is_replaced_with_an_overlap() {
    let service = service().await;
    let admin = service.admin().await;
    let account = make(
        &admin.client,
        json!({ "token_endpoint_auth_method": "client_secret_post" }),
    )
    .await;
    let secret = format!("{}/secret", path(&account));
    let renewed = admin.client.post(&secret, &json!({})).await;
    assert_eq!(renewed.headers["cache-control"], "no-store");
    let renewed: Value = renewed.json();
    assert_ne!(renewed["client_secret"], account["client_secret"]);
    for account in [&account, &renewed] {
        assert_eq!(token(&service, account, &[]).await.status, 200);
    }
    service.clock.advance(Duration::hours(24));
    assert_error(&token(&service, &account, &[]).await, 401, "invalid_client");
    assert_eq!(token(&service, &renewed, &[]).await.status, 200);
    let late = admin.client.post(&secret, &json!({})).await;
    late.assert_problem(401, "auth.token_expired");
    let admin = service.admin().await;
    let stolen: Value = admin
        .client
        .post(&secret, &json!({ "overlap_hours": 0 }))
        .await
        .json();
    assert_error(&token(&service, &renewed, &[]).await, 401, "invalid_client");
    assert_eq!(token(&service, &stolen, &[]).await.status, 200);
    let wrong = admin.client.post(&secret, &json!({ "overlap_hours": 169 })).await;
    wrong.assert_problem(422, "request.validation_failed");
    service
        .events(Stream::Audit, "service_accounts.secret_replaced", 2)
        .await;
}

#[tokio::test]
async fn nobody_makes_or_takes_more_than_they_have() {
    let service = service().await;
    let admin = service.admin().await;
    let body = json!({ "name": "clerk", "titles": { "ru": "Кадры" }, "permissions": ["users:admin", "users:read", "chat"] });
    assert_eq!(admin.client.post("/roles", &body).await.status, 201);
    let clerk = service.user_with_role("clerk@example.com", "clerk").await;
    let (company, infobase) = (ids::new_id(), ids::new_id());
    let restricted = json!({ "role": "clerk", "companies": [company], "infobases": [infobase] });
    let changed = admin
        .client
        .put(&format!("/users/{}/role", clerk.id), &restricted)
        .await;
    assert_eq!(changed.status, 200);
    let clerk = service.login("clerk@example.com", crate::harness::PASSWORD).await;

    let own = make(&clerk.client, json!({ "permissions": ["chat"] })).await;
    assert_eq!(
        own["companies"],
        json!([company]),
        "the maker's when nothing is said"
    );
    assert_eq!(own["infobases"], json!([infobase]));
    for beyond in [
        json!({ "permissions": ["onec:read"] }),
        json!({ "companies": ["*"] }),
        json!({ "companies": [ids::new_id()] }),
        json!({ "infobases": ["*"] }),
    ] {
        let mut body = json!({ "name": "x", "permissions": ["chat"] });
        body.as_object_mut()
            .unwrap()
            .extend(beyond.as_object().unwrap().clone());
        let refused = clerk.client.post("/service-accounts", &body).await;
        refused.assert_problem(403, "users.beyond_own_rights");
        let refused = clerk.client.patch(&path(&own), &beyond).await;
        refused.assert_problem(403, "users.beyond_own_rights");
    }
    let strong = make(&admin.client, json!({ "permissions": ["onec:read"] })).await;
    let key = json!({ "owner": strong["id"], "name": "x", "permissions": [] });
    for answer in [
        clerk.client.patch(&path(&strong), &json!({ "name": "x" })).await,
        clerk
            .client
            .post(&format!("{}/secret", path(&strong)), &json!({}))
            .await,
        clerk.client.delete(&path(&strong)).await,
        clerk.client.post("/api-keys", &key).await,
    ] {
        answer.assert_problem(403, "users.beyond_own_rights");
    }
    service.events(Stream::Audit, "service_accounts.created", 6).await;
    // Whoever only sees users, or a login of a while ago, makes and changes nothing.
    let reader = service.user_with_role("reader@example.com", "director").await;
    let body = json!({ "name": "x", "permissions": [] });
    for answer in [
        reader.client.get("/service-accounts").await,
        reader.client.post("/service-accounts", &body).await,
        reader.client.delete(&path(&own)).await,
        reader
            .client
            .post(
                "/api-keys",
                &json!({ "owner": own["id"], "name": "x", "permissions": [] }),
            )
            .await,
    ] {
        answer.assert_problem(403, "auth.permission_denied");
    }
    service.clock.advance(Duration::minutes(11));
    for answer in [
        admin.client.post("/service-accounts", &body).await,
        admin.client.patch(&path(&own), &json!({ "name": "x" })).await,
        admin
            .client
            .post(&format!("{}/secret", path(&own)), &json!({}))
            .await,
        admin.client.delete(&path(&own)).await,
    ] {
        answer.assert_problem(401, "auth.step_up_required");
    }
    service
        .client
        .get("/service-accounts")
        .await
        .assert_problem(401, "auth.token_required");
}

#[tokio::test]
async fn what_is_wrong_is_told_and_an_outage_too() {
    let service = service().await;
    let admin = service.admin().await;
    let body = json!({
        "name": " ", "client_id": "X", "permissions": ["fly"], "companies": ["x"], "infobases": ["y"],
        "token_endpoint_auth_method": "none",
    });
    let wrong = admin.client.post("/service-accounts", &body).await;
    let wrong = wrong.assert_problem(422, "request.validation_failed");
    let pointers: Vec<&str> = wrong["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(
        pointers,
        [
            "/name",
            "/permissions/0",
            "/companies/0",
            "/infobases/0",
            "/client_id",
            "/token_endpoint_auth_method"
        ]
    );
    let body = json!({ "name": "x", "permissions": [], "role": "admin" });
    let unknown = admin.client.post("/service-accounts", &body).await;
    unknown.assert_problem(422, "request.validation_failed");
    let account = make(&admin.client, json!({ "client_id": "site" })).await;
    let body = json!({ "name": "x", "permissions": [], "client_id": "site" });
    let taken = admin.client.post("/service-accounts", &body).await;
    taken.assert_problem(409, "oauth.client_exists");
    assert_eq!(
        service.count("identity.users where kind = 'service'").await,
        1,
        "all or nothing"
    );
    let client = json!({ "client_id": "site", "redirect_uris": [REDIRECT_URI] });
    let taken = admin.client.post("/oauth2/clients", &client).await;
    taken.assert_problem(409, "oauth.client_exists");
    for body in [
        json!({ "state": "unverified" }),
        json!({ "jwks_uri": "https://a.example/jwks" }),
        json!({ "permissions": ["fly"] }),
    ] {
        let wrong = admin.client.patch(&path(&account), &body).await;
        wrong.assert_problem(422, "request.validation_failed");
    }
    let cursor = admin.client.get("/service-accounts?cursor=x").await;
    cursor.assert_problem(400, "request.invalid");
    service.postgres.cut();
    let body = json!({ "name": "x", "permissions": [] });
    for answer in [
        admin.client.get("/service-accounts").await,
        admin.client.get(&path(&account)).await,
        admin.client.post("/service-accounts", &body).await,
        admin.client.patch(&path(&account), &json!({ "name": "x" })).await,
        admin
            .client
            .post(&format!("{}/secret", path(&account)), &json!({}))
            .await,
        admin.client.delete(&path(&account)).await,
    ] {
        answer.assert_problem(503, "dependency.unavailable");
    }
    let refused = token(&service, &account, &[]).await;
    assert_error(&refused, 503, "temporarily_unavailable");
}
