//! /roles, /permissions, /users/{id}/permissions, and If-Match

use common::events::Stream;
use common::ids;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, Service, Session, eventually, service};

fn storekeeper(permissions: &[&str]) -> Value {
    json!({
        "name": "storekeeper",
        "titles": { "ru": "Кладовщик", "en": "Storekeeper" },
        "permissions": permissions,
    })
}

fn changed(permissions: &[&str]) -> Value {
    json!({ "titles": { "ru": "Кладовщик" }, "permissions": permissions })
}

async fn delete(session: &Session, path: &str) -> common::testing::Response {
    let request = session.client.request(Method::DELETE, path);
    session.client.send(request).await
}

async fn put_if_match(session: &Session, path: &str, body: &Value, tag: &str) -> common::testing::Response {
    let request = session.client.request(Method::PUT, path).header("if-match", tag);
    session.client.send(request.json(body)).await
}

async fn with_role(
    service: &Service,
    admin: &Session,
    email: &str,
    role: &str,
    companies: &Value,
) -> Session {
    let id = service.register(email).await;
    let body = json!({ "role": role, "companies": companies });
    let given = admin.client.put(&format!("/users/{id}/role"), &body).await;
    assert_eq!(given.status, 200, "{}", given.text());
    service.login(email, PASSWORD).await
}

#[tokio::test]
async fn a_role_is_made_given_changed_and_deleted() {
    let service = service().await;
    let admin = service.admin().await;
    let made = admin
        .client
        .post("/roles", &storekeeper(&["chat", "onec:read"]))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.headers["etag"], "\"1\"");
    let role: Value = made.json();
    assert_eq!(role["title"], "Кладовщик");
    assert_eq!(role["custom"], true);
    let list: Value = admin.client.with_language("en").get("/roles").await.json();
    assert_eq!(list["items"][6]["title"], "Storekeeper");
    assert_eq!(list["items"][0]["custom"], false);

    let oleg = with_role(&service, &admin, "oleg@example.com", "storekeeper", &json!(["*"])).await;
    let other_service = service.other_service();
    let identity = other_service.verify(&oleg.access_token).await.unwrap();
    assert!(!identity.may(common::auth::Permission::Reports));

    // A change of the role reaches sessions in use: the token is refused, a refresh goes on.
    let answer = admin
        .client
        .put("/roles/storekeeper", &changed(&["chat", "reports"]))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    oleg.client
        .get("/users/me")
        .await
        .assert_problem(401, "auth.rights_changed");
    eventually("the other service refuses the token", async || {
        let refused = other_service.verify(&oleg.access_token).await;
        refused.is_err_and(|problem| problem.code() == "auth.rights_changed")
    })
    .await;
    let refreshed = service.session(&service.refresh(&oleg.refresh_token).await);
    let identity = other_service.verify(&refreshed.access_token).await.unwrap();
    assert!(identity.may(common::auth::Permission::Reports));
    assert!(!identity.may(common::auth::Permission::OnecRead));
    // A new title alone changes no rights.
    let body = json!({ "titles": { "ru": "Склад" }, "permissions": ["reports", "chat"] });
    assert_eq!(admin.client.put("/roles/storekeeper", &body).await.status, 200);
    assert_eq!(refreshed.client.get("/users/me").await.status, 200);

    let used = delete(&admin, "/roles/storekeeper").await;
    assert_eq!(used.assert_problem(409, "roles.in_use")["holders"], 1);
    let path = format!("/users/{}/role", oleg.id);
    assert_eq!(
        admin.client.put(&path, &json!({ "role": "user" })).await.status,
        200
    );
    assert_eq!(delete(&admin, "/roles/storekeeper").await.status, 204);
    admin
        .client
        .get("/roles/storekeeper")
        .await
        .assert_problem(404, "request.not_found");
    for kind in ["roles.created", "roles.deleted"] {
        let events = service.events(Stream::Audit, kind, 1).await;
        assert_eq!(events[0].data["target"], "role:storekeeper");
    }
    service.events(Stream::Audit, "roles.changed", 2).await;
}

#[tokio::test]
async fn a_change_of_rights_is_told_of_once_redis_is_back() {
    let service = service().await;
    let admin = service.admin().await;
    let made = admin.client.post("/roles", &storekeeper(&["chat"])).await;
    assert_eq!(made.status, 201);
    let oleg = with_role(&service, &admin, "oleg@example.com", "storekeeper", &json!(["*"])).await;
    let other_service = service.other_service();
    service.cache.cut();
    let answer = admin
        .client
        .put("/roles/storekeeper", &changed(&["reports"]))
        .await;
    assert_eq!(answer.status, 200);
    oleg.client
        .get("/users/me")
        .await
        .assert_problem(401, "auth.rights_changed");
    assert!(other_service.verify(&oleg.access_token).await.is_ok());
    service.cache.restore();
    eventually("the other service is told", async || {
        other_service.verify(&oleg.access_token).await.is_err()
    })
    .await;
}

#[tokio::test]
async fn a_wrong_role_is_told_what_is_wrong() {
    let service = service().await;
    let admin = service.admin().await;
    let body = json!({ "name": "Склад", "titles": { "ru": "", "en": "x\u{0}" }, "permissions": ["chat", "*", "fly"] });
    let problem = admin.client.post("/roles", &body).await;
    let problem = problem.assert_problem(422, "request.validation_failed");
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(
        pointers,
        [
            "/name",
            "/titles/ru",
            "/titles/en",
            "/permissions/1",
            "/permissions/2"
        ]
    );
    for body in [
        json!({}),
        json!({ "name": "a", "titles": { "ru": "А" }, "permissions": [], "custom": false }),
    ] {
        let problem = admin.client.post("/roles", &body).await;
        problem.assert_problem(422, "request.validation_failed");
    }
    let mut taken = storekeeper(&[]);
    taken["name"] = "admin".into();
    let problem = admin.client.post("/roles", &taken).await;
    problem.assert_problem(409, "roles.name_taken");
    let problem = admin.client.put("/roles/admin", &changed(&["chat"])).await;
    problem.assert_problem(409, "roles.built_in");
    delete(&admin, "/roles/user")
        .await
        .assert_problem(409, "roles.built_in");
    delete(&admin, "/roles/nobody")
        .await
        .assert_problem(404, "request.not_found");
}

#[tokio::test]
async fn nobody_makes_a_role_that_is_more_than_themselves() {
    let service = service().await;
    let admin = service.admin().await;
    let staff = json!({
        "name": "staff", "titles": { "ru": "Кадры" }, "permissions": ["chat", "users:read", "users:admin"],
    });
    assert_eq!(admin.client.post("/roles", &staff).await.status, 201);
    let company = ids::new_id();
    let staff = with_role(&service, &admin, "staff@example.com", "staff", &json!([company])).await;

    let problem = staff.client.post("/roles", &storekeeper(&["onec:read"])).await;
    problem.assert_problem(403, "users.beyond_own_rights");
    let made = staff.client.post("/roles", &storekeeper(&["chat"])).await;
    assert_eq!(made.status, 201, "{}", made.text());
    // Their own role, and any that somebody with other companies has.
    let body = json!({ "titles": { "ru": "Кадры" }, "permissions": ["chat", "users:read", "users:admin", "audit:read"] });
    let problem = staff.client.put("/roles/staff", &body).await;
    problem.assert_problem(403, "users.beyond_own_rights");
    assert_eq!(
        staff
            .client
            .put("/roles/storekeeper", &changed(&["chat", "users:read"]))
            .await
            .status,
        200
    );
    with_role(&service, &admin, "oleg@example.com", "storekeeper", &json!(["*"])).await;
    let problem = staff.client.put("/roles/storekeeper", &changed(&["chat"])).await;
    problem.assert_problem(403, "users.beyond_own_rights");
    let events = service.events(Stream::Audit, "roles.changed", 3).await;
    let denied = events.iter().filter(|event| event.data["outcome"] == "denied");
    assert_eq!(denied.count(), 2);
}

#[tokio::test]
async fn whoever_has_seen_an_older_version_changes_nothing() {
    let service = service().await;
    let admin = service.admin().await;
    let id = service.register("anna@example.com").await;
    let path = format!("/users/{id}/role");
    let seen = admin.client.get(&format!("/users/{id}")).await;
    let tag = seen.headers["etag"].to_str().unwrap().to_owned();
    let body = json!({ "role": "manager" });
    let first = put_if_match(&admin, &path, &body, &tag).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_ne!(first.headers["etag"], tag.as_str());
    let body = json!({ "role": "accountant" });
    put_if_match(&admin, &path, &body, &tag)
        .await
        .assert_problem(412, "request.version_mismatch");
    let user: Value = admin.client.get(&format!("/users/{id}")).await.json();
    assert_eq!(user["role"], "manager");
    assert_eq!(put_if_match(&admin, &path, &body, "*").await.status, 200);

    let made = admin.client.post("/roles", &storekeeper(&["chat"])).await;
    assert_eq!(made.status, 201);
    let path = "/roles/storekeeper";
    assert_eq!(
        put_if_match(&admin, path, &changed(&["reports"]), "\"1\"")
            .await
            .status,
        200
    );
    put_if_match(&admin, path, &changed(&["chat"]), "\"1\"")
        .await
        .assert_problem(412, "request.version_mismatch");
}

#[tokio::test]
async fn rights_are_explained() {
    let service = service().await;
    let admin = service.admin().await;
    let roles = json!({
        "name": "integrator", "titles": { "ru": "Интегратор" }, "permissions": ["chat", "onec:services"],
    });
    assert_eq!(admin.client.post("/roles", &roles).await.status, 201);
    let company = ids::new_id();
    let anna = with_role(
        &service,
        &admin,
        "anna@example.com",
        "integrator",
        &json!([company]),
    )
    .await;
    let infobase = ids::new_id();
    let body = json!({ "role": "integrator", "infobases": [infobase] });
    let given: Value = admin
        .client
        .put(&format!("/users/{}/role", anna.id), &body)
        .await
        .json();
    assert_eq!(given["infobases"], json!([infobase]));
    let anna = service.login("anna@example.com", PASSWORD).await;
    let identity = service.other_service().verify(&anna.access_token).await.unwrap();
    assert!(identity.infobases.contains(infobase) && !identity.infobases.contains(ids::new_id()));

    let path = format!("/users/{}/permissions", anna.id);
    let answer: Value = anna.client.get(&path).await.json();
    assert_eq!(answer["companies"], json!([company]));
    assert_eq!(answer["infobases"], json!([infobase]));
    assert_eq!(answer["role"]["title"], "Интегратор");
    let of = |name: &str| {
        let permissions = answer["permissions"].as_array().unwrap();
        permissions
            .iter()
            .find(|one| one["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(of("chat")["effective"], true);
    assert_eq!(of("chat")["because"], "Даёт роль «Интегратор».");
    assert_eq!(of("onec:services")["granted"], true);
    assert_eq!(
        of("onec:services")["effective"],
        false,
        "not without all companies"
    );
    assert_eq!(of("audit:read")["granted"], false);
    assert_eq!(of("audit:read")["roles"], json!(["admin", "security"]));

    let other = format!("/users/{}/permissions", admin.id);
    anna.client
        .get(&other)
        .await
        .assert_problem(404, "request.not_found");
    assert_eq!(admin.client.get(&path).await.status, 200);
    let all: Value = admin.client.get("/permissions").await.json();
    assert_eq!(
        all["items"].as_array().unwrap().len(),
        common::auth::Permission::ALL.len()
    );

    let ids: Vec<uuid::Uuid> = (0..60).map(|_| ids::new_id()).collect();
    let body = json!({ "role": "integrator", "companies": ids, "infobases": ids });
    let problem = admin.client.put(&format!("/users/{}/role", anna.id), &body).await;
    let problem = problem.assert_problem(422, "request.validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "/infobases");
}

#[tokio::test]
async fn without_the_database_it_says_so() {
    let service = service().await;
    let admin = service.admin().await;
    service.postgres.cut();
    for (method, path, body) in [
        (Method::POST, "/roles".to_owned(), storekeeper(&["chat"])),
        (Method::GET, "/roles/admin".to_owned(), json!({})),
        (Method::PUT, "/roles/storekeeper".to_owned(), changed(&["chat"])),
        (Method::DELETE, "/roles/storekeeper".to_owned(), json!({})),
        (Method::GET, format!("/users/{}/permissions", admin.id), json!({})),
    ] {
        let request = admin.client.request(method, &path).json(&body);
        let answer = admin.client.send(request).await;
        answer.assert_problem(503, "dependency.unavailable");
    }
}
