//! Requests that are sent again with the same `Idempotency-Key`.

use common::auth::Permission;
use common::testing::{Client, Response};
use http::Method;
use serde_json::{Value, json};

use crate::setup::{Service, Setup};

async fn send(client: &Client, path: &str, key: &str, body: &Value) -> Response {
    let request = client.request(Method::POST, path);
    client
        .send(request.header("idempotency-key", key).json(body))
        .await
}

fn exchange(name: &str) -> Value {
    json!({"name": name, "time_zone": "Europe/Moscow"})
}

#[tokio::test]
async fn what_a_request_makes_is_made_once() {
    let service = Service::start(None).await;
    let admin = service.admin();
    let first = send(&admin, "/commerceml/exchanges", "k1", &exchange("Склад")).await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let again = send(&admin, "/commerceml/exchanges", "k1", &exchange("Склад")).await;
    assert_eq!(again.status, 201);
    // With the password, which is shown in this answer only.
    assert_eq!(again.json::<Value>(), first.json::<Value>());
    assert_eq!(again.headers["idempotent-replayed"], "true");
    for header in ["content-type", "location"] {
        assert_eq!(again.headers.get(header), first.headers.get(header), "{header}");
    }
    let list: Value = admin.get("/commerceml/exchanges").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
    let password = first.json::<Value>()["password"].as_str().unwrap().to_owned();
    let kept: Vec<String> = sqlx::query_scalar("select answer::text from onec.idempotency_keys")
        .fetch_all(&service.pool)
        .await
        .unwrap();
    assert_eq!(kept.len(), 1);
    assert!(!kept[0].contains(&password), "answers are sealed");

    send(&admin, "/commerceml/exchanges", "k1", &exchange("Другой"))
        .await
        .assert_problem(422, "request.idempotency_key_reused");
    // The same key for another operation, or of another caller, is another key.
    let infobase =
        json!({"name": "База", "base_url": "http://127.0.0.1:9/demo", "username": "odata", "paused": true});
    assert_eq!(send(&admin, "/infobases", "k1", &infobase).await.status, 201);
    let colleague = service.admin();
    let other = send(&colleague, "/commerceml/exchanges", "k1", &exchange("Магазин")).await;
    assert_ne!(other.json::<Value>()["id"], first.json::<Value>()["id"]);
    // A key that is none.
    let long = "k".repeat(201);
    for wrong in ["", "two words", &long] {
        send(&admin, "/commerceml/exchanges", wrong, &exchange("Третий"))
            .await
            .assert_problem(400, "request.invalid");
    }
}

#[tokio::test]
async fn a_failure_gives_the_key_back_and_rights_come_first() {
    let service = Service::start(None).await;
    let admin = service.admin();
    send(&admin, "/commerceml/exchanges", "k", &exchange(""))
        .await
        .assert_problem(422, "request.validation_failed");
    let made = send(&admin, "/commerceml/exchanges", "k", &exchange("Склад")).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let reader = service.client(&[Permission::OnecRead]);
    send(&reader, "/commerceml/exchanges", "k", &exchange("Склад"))
        .await
        .assert_problem(403, "auth.permission_denied");
    send(
        &Client::anonymous(service.url()),
        "/commerceml/exchanges",
        "k",
        &exchange("Склад"),
    )
    .await
    .assert_problem(401, "auth.token_required");
}

#[tokio::test]
async fn a_request_in_flight_is_not_begun_again() {
    let service = Service::start(None).await;
    let admin = service.admin();
    // The first request waits for the table until this transaction ends.
    let mut lock = service.pool.begin().await.unwrap();
    sqlx::query("lock table onec.infobases in access exclusive mode")
        .execute(&mut *lock)
        .await
        .unwrap();
    let wanted = exchange("Склад");
    let first = send(&admin, "/commerceml/exchanges", "k", &wanted);
    let second = async {
        crate::setup::eventually("the key is taken", async || {
            let taken: i64 = sqlx::query_scalar("select count(*) from onec.idempotency_keys")
                .fetch_one(&service.pool)
                .await
                .unwrap();
            (taken == 1).then_some(())
        })
        .await;
        let second = send(&admin, "/commerceml/exchanges", "k", &exchange("Склад")).await;
        lock.rollback().await.unwrap();
        second
    };
    let (first, second) = tokio::join!(first, second);
    second.assert_problem(409, "request.in_progress");
    assert!(second.headers.contains_key("retry-after"));
    assert_eq!(first.status, 201, "{}", first.text());
    let third = send(&admin, "/commerceml/exchanges", "k", &exchange("Склад")).await;
    assert_eq!(third.json::<Value>()["id"], first.json::<Value>()["id"]);
}

#[tokio::test]
async fn with_the_database_away_nothing_is_begun() {
    let service = Setup::new(None).await.start().await;
    sqlx::query("drop table onec.idempotency_keys")
        .execute(&service.pool)
        .await
        .unwrap();
    send(&service.admin(), "/commerceml/exchanges", "k", &exchange("Склад"))
        .await
        .assert_problem(500, "internal");
    let made: i64 = sqlx::query_scalar("select count(*) from onec.infobases")
        .fetch_one(&service.pool)
        .await
        .unwrap();
    assert_eq!(made, 0);
}
