//! /api-keys and /auth/api-keys/token

use chrono::Duration;
use common::auth::Permission;
use common::events::Stream;
use common::ids;
use common::testing::Response;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, Service, Session, eventually, service};

async fn exchange(service: &Service, key: &Value) -> Response {
    let body = json!({ "api_key": key });
    service.client.post("/auth/api-keys/token", &body).await
}

async fn token(service: &Service, key: &Value) -> String {
    let answer = exchange(service, key).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.json::<Value>()["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn make(session: &Session, permissions: &[&str]) -> Value {
    let body = json!({ "name": "Выгрузка", "permissions": permissions });
    let made = session.client.post("/api-keys", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

async fn revoke(session: &Session, key: &Value) -> Response {
    let path = format!("/api-keys/{}", key["id"].as_str().unwrap());
    session
        .client
        .send(session.client.request(Method::DELETE, &path))
        .await
}

#[tokio::test]
async fn a_key_does_what_it_was_made_for_until_it_is_revoked() {
    let service = service().await;
    let other_service = service.other_service();
    let anna = service.user_with_role("anna@example.com", "accountant").await;
    let key = make(&anna, &["onec:read"]).await;
    let access = token(&service, &key["key"]).await;
    let identity = other_service.verify(&access).await.unwrap();
    assert_eq!(identity.user_id, anna.id);
    assert!(identity.may(Permission::OnecRead) && !identity.may(Permission::Chat));
    assert!(identity.expires_at <= service.clock.now() + Duration::minutes(5));

    let listed: Value = anna.client.get("/api-keys").await.json();
    assert_eq!(listed["items"][0]["name"], "Выгрузка");
    assert!(listed["items"][0]["last_used_at"].is_string());
    assert!(listed["items"][0].get("key").is_none(), "shown once");
    let stored: Vec<u8> = sqlx::query_scalar("select secret_hash from identity.api_keys")
        .fetch_one(&service.db)
        .await
        .unwrap();
    assert_eq!(stored.len(), 32);

    // A key makes no keys.
    let by_key = service.client.with_token(&access);
    let body = json!({ "name": "x", "permissions": [] });
    by_key
        .post("/api-keys", &body)
        .await
        .assert_problem(403, "auth.not_by_key");

    assert_eq!(revoke(&anna, &key).await.status, 204);
    eventually("the other service refuses the token", async || {
        other_service.verify(&access).await.is_err()
    })
    .await;
    exchange(&service, &key["key"])
        .await
        .assert_problem(401, "auth.api_key_invalid");
    revoke(&anna, &key).await.assert_problem(404, "request.not_found");
    for kind in ["api_keys.created", "api_keys.revoked"] {
        service.events(Stream::Audit, kind, 1).await;
    }
}

#[tokio::test]
async fn a_key_never_does_more_than_its_owner() {
    let service = service().await;
    let other_service = service.other_service();
    let anna = service.user_with_role("anna@example.com", "accountant").await;
    let body = json!({ "name": "x", "permissions": ["users:admin"] });
    let problem = anna.client.post("/api-keys", &body).await;
    problem.assert_problem(403, "users.beyond_own_rights");
    let key = make(&anna, &["onec:read", "chat"]).await;
    let access = token(&service, &key["key"]).await;
    let admin = service.admin().await;
    let company = ids::new_id();
    let body = json!({ "role": "user", "companies": [company] });
    let path = format!("/users/{}/role", anna.id);
    assert_eq!(admin.client.put(&path, &body).await.status, 200);
    eventually("the token is refused", async || {
        let refused = other_service.verify(&access).await;
        refused.is_err_and(|problem| problem.code() == "auth.rights_changed")
    })
    .await;
    let access = token(&service, &key["key"]).await;
    let identity = other_service.verify(&access).await.unwrap();
    assert!(identity.may(Permission::Chat) && !identity.may(Permission::OnecRead));
    assert_eq!(identity.companies.restriction().unwrap(), [company]);
}

#[tokio::test]
async fn a_rotated_key_works_beside_its_successor_for_a_day() {
    let service = service().await;
    let anna = service.user_with_role("anna@example.com", "accountant").await;
    let former = make(&anna, &["chat"]).await;
    let path = format!("/api-keys/{}/rotate", former["id"].as_str().unwrap());
    let rotated = anna.client.post(&path, &json!({})).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    let key: Value = rotated.json();
    assert_ne!(key["key"], former["key"]);
    token(&service, &former["key"]).await;
    token(&service, &key["key"]).await;
    anna.client
        .post(&path, &json!({}))
        .await
        .assert_problem(409, "api_keys.not_rotatable");
    service.clock.advance(Duration::hours(24));
    exchange(&service, &former["key"])
        .await
        .assert_problem(401, "auth.api_key_expired");
    token(&service, &key["key"]).await;
    service.clock.advance(Duration::days(90));
    exchange(&service, &key["key"])
        .await
        .assert_problem(401, "auth.api_key_expired");
}

#[tokio::test]
async fn what_is_wrong_is_told_and_keys_of_others_do_not_exist() {
    let service = service().await;
    let anna = service.user_with_role("anna@example.com", "accountant").await;
    service.register("boris@example.com").await;
    let boris = service.login("boris@example.com", PASSWORD).await;
    let key = make(&anna, &["chat"]).await;
    revoke(&boris, &key)
        .await
        .assert_problem(404, "request.not_found");
    boris
        .client
        .get(&format!("/api-keys?owner={}", anna.id))
        .await
        .assert_problem(403, "auth.permission_denied");
    let body = json!({ "name": "", "permissions": ["fly"], "companies": ["x"], "expires_in_days": 0 });
    let problem = anna.client.post("/api-keys", &body).await;
    let problem = problem.assert_problem(422, "request.validation_failed");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 4);
    for wrong in [json!("ak_1_2_3"), json!("")] {
        exchange(&service, &wrong)
            .await
            .assert_problem(401, "auth.api_key_invalid");
    }
    service.postgres.cut();
    exchange(&service, &key["key"])
        .await
        .assert_problem(503, "dependency.unavailable");
    let answer = anna.client.get("/api-keys").await;
    answer.assert_problem(503, "dependency.unavailable");
}

async fn rotate(session: &Session, key: &Value, body: &Value) -> Response {
    let path = format!("/api-keys/{}/rotate", key["id"].as_str().unwrap());
    session.client.post(&path, body).await
}

#[tokio::test]
async fn too_little_right_opens_no_key_of_others() {
    let service = service().await;
    let anna = service.user_with_role("anna@example.com", "accountant").await;
    let key = make(&anna, &["onec:read"]).await;
    let list = format!("/api-keys?owner={}", anna.id);
    // Whoever only sees users sees no keys, and does not learn whether there are some.
    let reader = service.user_with_role("reader@example.com", "director").await;
    let seen = reader.client.get(&list).await;
    seen.assert_problem(403, "auth.permission_denied");
    rotate(&reader, &key, &json!({}))
        .await
        .assert_problem(404, "request.not_found");
    revoke(&reader, &key)
        .await
        .assert_problem(404, "request.not_found");
    // Nor does an administrator of less rights than the owner take the owner's key.
    let admin = service.admin().await;
    let clerk =
        json!({ "name": "clerk", "titles": { "ru": "Кадры" }, "permissions": ["users:admin", "chat"] });
    assert_eq!(admin.client.post("/roles", &clerk).await.status, 201);
    let clerk = service.user_with_role("clerk@example.com", "clerk").await;
    assert_eq!(clerk.client.get(&list).await.status, 200);
    for answer in [rotate(&clerk, &key, &json!({})).await, revoke(&clerk, &key).await] {
        answer.assert_problem(403, "users.beyond_own_rights");
    }
    let foreign = json!({ "owner": anna.id, "name": "x", "permissions": ["chat"] });
    for (session, status, code) in [
        (&reader, 403, "auth.permission_denied"),
        // Nobody makes keys by which they would act as another person.
        (&admin, 404, "request.not_found"),
    ] {
        let made = session.client.post("/api-keys", &foreign).await;
        made.assert_problem(status, code);
    }
    let rotated = rotate(&admin, &key, &json!({})).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    assert_eq!(rotated.json::<Value>()["owner"], anna.id.to_string());
    for answer in [
        service.client.get("/api-keys").await,
        service
            .client
            .post("/api-keys", &json!({ "name": "x", "permissions": [] }))
            .await,
    ] {
        answer.assert_problem(401, "auth.token_required");
    }
}

#[tokio::test]
async fn the_key_of_somebody_who_is_shut_out_opens_nothing() {
    let service = service().await;
    let other_service = service.other_service();
    let anna = service.user_with_role("anna@example.com", "accountant").await;
    let key = make(&anna, &["onec:read"]).await;
    let access = token(&service, &key["key"]).await;
    let admin = service.admin().await;
    let state = async |what: &str| {
        let path = format!("/users/{}/{what}", anna.id);
        let answer = admin.client.post(&path, &json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    state("deactivate").await;
    exchange(&service, &key["key"])
        .await
        .assert_problem(401, "auth.api_key_invalid");
    eventually("the other service refuses the token", async || {
        other_service.verify(&access).await.is_err()
    })
    .await;
    state("reactivate").await;
    let again = token(&service, &key["key"]).await;
    assert!(
        other_service.verify(&again).await.is_ok(),
        "the key was not the reason"
    );
    assert!(
        other_service.verify(&access).await.is_err(),
        "the former token stays refused"
    );
    let deleted = admin.client.delete(&format!("/users/{}", anna.id)).await;
    assert_eq!(deleted.status, 204, "{}", deleted.text());
    exchange(&service, &key["key"])
        .await
        .assert_problem(401, "auth.api_key_invalid");
    eventually("the last token is refused", async || {
        other_service.verify(&again).await.is_err()
    })
    .await;
}

#[tokio::test]
async fn an_old_login_makes_and_rotates_no_keys_but_revokes_them() {
    let service = service().await;
    let anna = service.user_with_role("anna@example.com", "accountant").await;
    let key = make(&anna, &["chat"]).await;
    service.clock.advance(Duration::minutes(11));
    let body = json!({ "name": "x", "permissions": ["chat"] });
    for answer in [
        anna.client.post("/api-keys", &body).await,
        rotate(&anna, &key, &json!({})).await,
    ] {
        answer.assert_problem(401, "auth.step_up_required");
    }
    // A refresh proves nothing; the password does.
    let refreshed = service.session(&service.refresh(&anna.refresh_token).await);
    let refused = refreshed.client.post("/api-keys", &body).await;
    refused.assert_problem(401, "auth.step_up_required");
    let proved = json!({ "password": PASSWORD });
    let proved: Value = refreshed.client.post("/auth/step-up", &proved).await.json();
    let proved = service
        .client
        .with_token(proved["access_token"].as_str().unwrap());
    assert_eq!(proved.post("/api-keys", &body).await.status, 201);
    // Whoever sees a key in wrong hands must not lose time.
    assert_eq!(revoke(&refreshed, &key).await.status, 204);
}

#[tokio::test]
async fn a_key_reaches_the_companies_and_infobases_that_it_and_its_owner_have() {
    let service = service().await;
    let other_service = service.other_service();
    let id = service.register("anna@example.com").await;
    let admin = service.admin().await;
    let (one, two, three) = (ids::new_id(), ids::new_id(), ids::new_id());
    let role = format!("/users/{id}/role");
    let body = json!({ "role": "accountant", "companies": [one, two], "infobases": [one, two] });
    assert_eq!(admin.client.put(&role, &body).await.status, 200);
    let anna = service.login("anna@example.com", PASSWORD).await;
    for beyond in [
        json!({ "companies": ["*"] }),
        json!({ "companies": [one, three] }),
        json!({ "infobases": ["*"] }),
        json!({ "infobases": [three] }),
    ] {
        let mut body = json!({ "name": "x", "permissions": ["chat"] });
        body.as_object_mut()
            .unwrap()
            .extend(beyond.as_object().unwrap().clone());
        let refused = anna.client.post("/api-keys", &body).await;
        refused.assert_problem(403, "users.beyond_own_rights");
    }
    let make = async |members: Value| -> Value {
        let mut body = json!({ "name": "x", "permissions": ["chat"] });
        body.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        let made = anna.client.post("/api-keys", &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()
    };
    let whole = make(json!({})).await;
    assert_eq!(
        (&whole["companies"], &whole["infobases"]),
        (&json!([one, two]), &json!([one, two]))
    );
    let narrow = make(json!({ "companies": [one], "infobases": [two] })).await;
    let reach = async |key: &Value| {
        let identity = other_service
            .verify(&token(&service, &key["key"]).await)
            .await
            .unwrap();
        let ids = |selected: &common::auth::Selected| selected.restriction().unwrap();
        (ids(&identity.companies), ids(&identity.infobases))
    };
    assert_eq!(reach(&whole).await, (vec![one, two], vec![one, two]));
    assert_eq!(reach(&narrow).await, (vec![one], vec![two]));
    // What the owner loses the key loses, and what the owner gains the key does not.
    let body = json!({ "role": "accountant", "companies": [two, three], "infobases": ["*"] });
    assert_eq!(admin.client.put(&role, &body).await.status, 200);
    assert_eq!(reach(&whole).await, (vec![two], vec![one, two]));
    assert_eq!(reach(&narrow).await, (vec![], vec![two]));
    let anna = service.login("anna@example.com", PASSWORD).await;
    let rotated: Value = rotate(&anna, &whole, &json!({})).await.json();
    assert_eq!(
        (&rotated["companies"], &rotated["infobases"]),
        (&json!([two]), &json!([one, two]))
    );
}

#[tokio::test]
async fn without_the_database_every_route_of_keys_says_so() {
    let service = service().await;
    let anna = service.user_with_role("anna@example.com", "accountant").await;
    let key = make(&anna, &["chat"]).await;
    service.postgres.cut();
    for answer in [
        anna.client.get("/api-keys").await,
        anna.client
            .post("/api-keys", &json!({ "name": "x", "permissions": ["chat"] }))
            .await,
        rotate(&anna, &key, &json!({})).await,
        revoke(&anna, &key).await,
        exchange(&service, &key["key"]).await,
    ] {
        answer.assert_problem(503, "dependency.unavailable");
        assert!(answer.headers.contains_key("retry-after"));
    }
    service.postgres.restore();
    let body = json!({ "api_key": key["key"] });
    eventually("the key works again", async || {
        service.client.post("/auth/api-keys/token", &body).await.status == 200
    })
    .await;
}
