//! /users, /users/me, /users/{id}, /roles

use common::events::Stream;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, Service, service};

async fn person(service: &Service, email: &str, name: &str) {
    let body = json!({ "email": email, "password": PASSWORD, "name": name });
    assert_eq!(service.client.post("/auth/register", &body).await.status, 201);
}

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|user| user["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn one_sees_and_renames_oneself() {
    let service = service().await;
    service.register("anna@example.com").await;
    let anna = service.login("anna@example.com", PASSWORD).await;
    let me: Value = anna.client.get("/users/me").await.json();
    assert_eq!(me["email"], "anna@example.com");
    assert_eq!(me["id"], anna.id.to_string());
    assert!(me["created_at"].as_str().unwrap().ends_with('Z'));

    let renamed = anna
        .client
        .patch("/users/me", &json!({ "name": " Анна Иванова " }))
        .await;
    assert_eq!(renamed.json::<Value>()["name"], "Анна Иванова");
    let me: Value = anna.client.get(&format!("/users/{}", anna.id)).await.json();
    assert_eq!(me["name"], "Анна Иванова");
    let admin = service.admin().await;
    let found: Value = admin.client.get("/users?q=%D0%B8%D0%B2%D0%B0%D0%BD").await.json();
    assert_eq!(names(&found), ["Анна Иванова"], "the search knows the new name");
    // The same name again is no change.
    let same = json!({ "name": "Анна Иванова" });
    assert_eq!(anna.client.patch("/users/me", &same).await.status, 200);
    service.events(Stream::Audit, "users.profile_changed", 1).await;
}

#[tokio::test]
async fn nobody_gives_oneself_a_role() {
    let service = service().await;
    service.register("anna@example.com").await;
    let anna = service.login("anna@example.com", PASSWORD).await;
    for body in [
        json!({ "name": "Анна", "role": "admin" }),
        json!({ "name": "" }),
        json!({ "name": "x".repeat(101) }),
        json!({ "name": 1 }),
        json!({}),
    ] {
        let answer = anna.client.patch("/users/me", &body).await;
        answer.assert_problem(422, "request.validation_failed");
    }
    let me: Value = anna.client.get("/users/me").await.json();
    assert_eq!(
        (me["role"].as_str(), me["name"].as_str()),
        (Some("user"), Some("Анна Петрова"))
    );
}

#[tokio::test]
async fn the_list_comes_in_pieces_and_can_be_searched() {
    let service = service().await;
    for (email, name) in [
        ("f@example.com", "Фёдор Семёнов"),
        ("b@example.com", "Борис"),
        ("v@example.com", "Виктор"),
        ("b2@sample.org", "Борис"),
    ] {
        person(&service, email, name).await;
    }
    let admin = service.admin().await;
    let all: Value = admin.client.get("/users").await.json();
    assert_eq!(
        names(&all),
        ["Администратор", "Борис", "Борис", "Виктор", "Фёдор Семёнов"]
    );
    assert!(all.get("next_cursor").is_none());

    let mut collected = Vec::new();
    let mut path = "/users?limit=2".to_owned();
    loop {
        let page: Value = admin.client.get(&path).await.json();
        let items = page["items"].as_array().unwrap().clone();
        assert!(items.len() <= 2);
        collected.extend(items);
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/users?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(
        &collected,
        all["items"].as_array().unwrap(),
        "each once, in the same order"
    );

    for (query, expected) in [
        // «СЕМЕНОВ», «борис», an address, nothing, and characters that a pattern would take for signs.
        (
            "%D0%A1%D0%95%D0%9C%D0%95%D0%9D%D0%9E%D0%92",
            vec!["Фёдор Семёнов"],
        ),
        ("%D0%B1%D0%BE%D1%80%D0%B8%D1%81", vec!["Борис", "Борис"]),
        ("SAMPLE.org", vec!["Борис"]),
        ("nobody", vec![]),
        ("%25", vec![]),
        ("_", vec![]),
        ("%00", vec![]),
    ] {
        let page: Value = admin.client.get(&format!("/users?q={query}")).await.json();
        assert_eq!(names(&page), expected, "{query}");
    }
    let wrong = admin.client.get("/users?cursor=nonsense").await;
    wrong.assert_problem(400, "request.invalid");
    let wrong = admin.client.get("/users?limit=many").await;
    wrong.assert_problem(400, "request.invalid_query");
}

#[tokio::test]
async fn others_are_seen_with_the_right_to_and_do_not_exist_without() {
    let service = service().await;
    let director = service.user_with_role("director@example.com", "director").await;
    let anna_id = service.register("anna@example.com").await;
    let anna = service.login("anna@example.com", PASSWORD).await;
    let path = format!("/users/{anna_id}");
    assert_eq!(
        director.client.get(&path).await.json::<Value>()["name"],
        "Анна Петрова"
    );
    assert_eq!(anna.client.get(&path).await.status, 200);
    let other = format!("/users/{}", director.id);
    anna.client
        .get(&other)
        .await
        .assert_problem(404, "request.not_found");
    anna.client
        .get("/users")
        .await
        .assert_problem(403, "auth.permission_denied");
    let nobody = format!("/users/{}", common::ids::new_id());
    director
        .client
        .get(&nobody)
        .await
        .assert_problem(404, "request.not_found");
    director
        .client
        .get("/users/nonsense")
        .await
        .assert_problem(404, "request.not_found");
}

#[tokio::test]
async fn roles_are_listed_in_the_language_of_the_reader() {
    let service = service().await;
    let admin = service.admin().await;
    let page: Value = admin.client.get("/roles").await.json();
    let of = |page: &Value, member: &str| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .map(|role| role[member].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        of(&page, "name"),
        ["admin", "director", "accountant", "manager", "security", "user"]
    );
    assert_eq!(of(&page, "title")[2], "Бухгалтер");
    assert_eq!(page["items"][5]["permissions"], json!(["chat", "generate"]));
    let page: Value = admin.client.with_language("en").get("/roles").await.json();
    assert_eq!(of(&page, "title")[2], "Accountant");
}

#[tokio::test]
async fn every_permission_of_the_built_in_roles_exists() {
    let service = service().await;
    let stored: Vec<String> = sqlx::query_scalar(
        "select distinct unnest(permissions) from identity.roles where permissions <> '{*}'",
    )
    .fetch_all(&service.db)
    .await
    .unwrap();
    for name in stored {
        assert!(common::auth::Permission::from_name(&name).is_some(), "{name}");
    }
}
