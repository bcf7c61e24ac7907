//! Templates of users.

use common::auth::Permission;
use common::events::Stream;
use common::testing::{Client, Grant};
use serde_json::{Value, json};

use crate::setup::{Service, eventually};

fn thanks() -> Value {
    json!({
        "title": {"ru": "Благодарность"},
        "variables": [
            {"name": "partner", "title": {"ru": "Партнёр"}, "kind": "counterparty", "required": true},
            {"name": "year", "title": {"ru": "Год"}, "kind": "number", "default": "2026"},
        ],
        "data": [{"name": "paid", "report": "receivables", "parameters": {"counterparty": "$partner"}}],
        "body": {"ru": "{{ partner.name }}, спасибо за {{ year }} год!\n\nДолг: {{ paid.totals.debt|money(paid.currency) }}."},
    })
}

fn etag(response: &common::testing::Response) -> &str {
    response.headers["etag"].to_str().unwrap()
}

async fn send(
    client: &Client,
    method: http::Method,
    path: &str,
    if_match: Option<&str>,
    body: &Value,
) -> common::testing::Response {
    let mut request = client.request(method, path).json(body);
    if let Some(tag) = if_match {
        request = request.header("if-match", tag);
    }
    client.send(request).await
}

#[tokio::test]
async fn a_template_of_ones_own_is_made_used_changed_and_removed() {
    let service = Service::start().await;
    let client = service.accountant();
    let made = client.post("/templates", &thanks()).await;
    assert_eq!((made.status.as_u16(), etag(&made)), (201, "\"1\""));
    let made: Value = made.json();
    let id = made["id"].as_str().unwrap().to_owned();
    let path = format!("/templates/{id}");

    let order = json!({"template": id, "parameters": {"partner": "Вектор"}});
    let text: Value = client.post("/generate", &order).await.json();
    assert_eq!(
        text["text"],
        "Вектор ООО, спасибо за 2026 год!\n\nДолг: 2\u{a0}000,50\u{a0}₽."
    );
    assert_eq!(
        (&text["version"], &text["citations"][0]["id"]),
        (&json!(1), &json!(1))
    );

    let mut changed = thanks();
    changed["body"]["ru"] = json!("Коротко: {{ partner.name }}");
    send(&client, http::Method::PUT, &path, Some("\"7\""), &changed)
        .await
        .assert_problem(412, "request.version_mismatch");
    let second = send(&client, http::Method::PUT, &path, Some("\"1\""), &changed).await;
    assert_eq!((second.status.as_u16(), etag(&second)), (200, "\"2\""));
    let text: Value = client.post("/generate", &order).await.json();
    assert_eq!(text["text"], "Коротко: Вектор ООО");
    let first = json!({"template": id, "version": 1, "parameters": {"partner": "Вектор"}});
    let text: Value = client.post("/generate", &first).await.json();
    assert!(text["text"].as_str().unwrap().contains("спасибо"));
    let versions: Value = client.get(&format!("{path}/versions")).await.json();
    assert_eq!(versions["items"].as_array().unwrap().len(), 2);
    let old: Value = client.get(&format!("{path}?version=1")).await.json();
    assert_eq!(old["version"], 1);

    let listed: Value = client.get("/templates").await.json();
    let own = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["own"] == true)
        .count();
    assert_eq!((listed["items"].as_array().unwrap().len(), own), (9, 1));

    assert_eq!(
        send(&client, http::Method::DELETE, &path, None, &json!({}))
            .await
            .status,
        204
    );
    client
        .get(&path)
        .await
        .assert_problem(404, "assistant.template_not_found");
    client
        .post("/generate", &order)
        .await
        .assert_problem(404, "assistant.template_not_found");
    let redis = service.redis.connect();
    eventually("three acts are told of", async || {
        let mut connection = redis.connection();
        let told: redis::streams::StreamRangeReply = redis::cmd("XRANGE")
            .arg(Stream::Audit.key())
            .arg("-")
            .arg("+")
            .query_async(&mut connection)
            .await
            .unwrap();
        let told = format!("{told:?}");
        ["templates.created", "templates.changed", "templates.deleted"]
            .iter()
            .all(|act| told.contains(act))
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_template_is_pointed_at() {
    let service = Service::start().await;
    let client = service.accountant();
    let broken = json!({"title": {"ru": "Письмо"}, "body": {"ru": "раз\n{% for %}"}});
    let problem = client
        .post("/templates", &broken)
        .await
        .assert_problem(422, "request.validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "/body/ru");
    assert!(
        problem["errors"][0]["detail"]
            .as_str()
            .unwrap()
            .contains("Строка 2"),
        "{problem}"
    );
    client
        .post("/templates", &json!({"title": {"ru": "Письмо"}}))
        .await
        .assert_problem(422, "request.validation_failed");
    for name in ["reminder", "nothing", "00000000-0000-0000-0000-000000000001"] {
        let expected = if name == "reminder" {
            (409, "assistant.template_built_in")
        } else {
            (404, "assistant.template_not_found")
        };
        send(
            &client,
            http::Method::PUT,
            &format!("/templates/{name}"),
            None,
            &thanks(),
        )
        .await
        .assert_problem(expected.0, expected.1);
    }
}

#[tokio::test]
async fn a_template_cannot_take_more_than_its_share() {
    let service = Service::start().await;
    let client = service.accountant();
    for body in [
        "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
        "{% set a = 'x' * 1000000 %}{% set b = a * 100 %}{{ b }}",
        "{{ 'x' * 100000000 }}",
    ] {
        let template = json!({"title": {"ru": "Бомба"}, "body": {"ru": body}});
        let made: Value = client.post("/templates", &template).await.json();
        client
            .post("/generate", &json!({"template": made["id"]}))
            .await
            .assert_problem(422, "assistant.template_failed");
    }
}

#[tokio::test]
async fn other_users_see_shared_templates_only_and_administrators_share() {
    let service = Service::start().await;
    let permissions = [Permission::Generate, Permission::OnecRead];
    let anna = service.user(&Grant::new(&permissions));
    let peter = service.user(&Grant::new(&permissions));
    let own: Value = anna.post("/templates", &thanks()).await.json();
    let path = format!("/templates/{}", own["id"].as_str().unwrap());
    peter
        .get(&path)
        .await
        .assert_problem(404, "assistant.template_not_found");
    send(&peter, http::Method::DELETE, &path, None, &json!({}))
        .await
        .assert_problem(404, "assistant.template_not_found");
    peter
        .post(
            "/generate",
            &json!({"template": own["id"], "parameters": {"partner": "Вектор"}}),
        )
        .await
        .assert_problem(404, "assistant.template_not_found");

    let mut shared = thanks();
    shared["shared"] = json!(true);
    anna.post("/templates", &shared)
        .await
        .assert_problem(403, "auth.permission_denied");
    let admin = service.client(&[Permission::Generate, Permission::OnecRead, Permission::UsersAdmin]);
    let made: Value = admin.post("/templates", &shared).await.json();
    let path = format!("/templates/{}", made["id"].as_str().unwrap());
    assert_eq!(peter.get(&path).await.json::<Value>()["own"], false);
    send(&peter, http::Method::PUT, &path, None, &thanks())
        .await
        .assert_problem(403, "auth.permission_denied");
}

#[tokio::test]
async fn templates_need_a_token_a_right_and_the_database() {
    let service = Service::start().await;
    service
        .anonymous()
        .get("/templates")
        .await
        .assert_problem(401, "auth.token_required");
    service
        .client(&[Permission::Chat])
        .get("/templates")
        .await
        .assert_problem(403, "auth.permission_denied");
    let client = service.accountant();
    service.database.cut();
    client
        .get("/templates")
        .await
        .assert_problem(503, "dependency.unavailable");
    client
        .post("/templates", &thanks())
        .await
        .assert_problem(503, "dependency.unavailable");
}
