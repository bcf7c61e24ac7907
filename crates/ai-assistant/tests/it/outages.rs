//! What happens when something is away.

use serde_json::{Value, json};

use crate::onec::Mood;
use crate::setup::{Service, ask};

#[tokio::test]
async fn onec_integration_slow_or_garbled() {
    let service = Service::start().await;
    let client = service.accountant();
    let question = json!({"message": "Кто нам должен?"});
    service.onec.set(Mood::Slow);
    let slow = client.post("/chat", &question).await;
    slow.assert_problem(503, "assistant.onec_unavailable");
    assert!(slow.headers.contains_key("retry-after"));
    service.onec.set(Mood::Garbled);
    client
        .post("/chat", &question)
        .await
        .assert_problem(502, "assistant.onec_malformed");
    let outcomes: Vec<String> = service
        .usage()
        .await
        .into_iter()
        .map(|(_, outcome, _)| outcome)
        .collect();
    assert_eq!(outcomes, ["failed", "failed"]);
    service.onec.set(Mood::Well);
    ask(&client, "Кто нам должен?").await;
}

#[tokio::test]
async fn a_model_without_data_gives_no_answer_either() {
    let service = Service::with_provider("openai").await;
    service.onec.set(Mood::Slow);
    let answer = service
        .accountant()
        .post("/chat", &json!({"message": "Кто нам должен?", "model": "fake"}))
        .await;
    answer.assert_problem(503, "assistant.onec_unavailable");
    assert_eq!(
        service.usage().await,
        [(
            "openai".to_owned(),
            "failed".to_owned(),
            Some("onec_unavailable".to_owned())
        )]
    );
}

#[tokio::test]
async fn refusals_become_words() {
    let service = Service::start().await;
    let client = service.accountant();
    service.onec.set(Mood::Forbidding);
    let answer = ask(&client, "Кто нам должен?").await;
    assert!(
        answer["answer"].as_str().unwrap().contains("нет права"),
        "{answer}"
    );
    service.onec.set(Mood::CompanyUnknown);
    let answer = ask(&client, "Кто нам должен?").await;
    assert!(
        answer["answer"]
            .as_str()
            .unwrap()
            .contains("Организация не найдена"),
        "{answer}"
    );
    assert_eq!(answer["citations"], json!([]));
}

#[tokio::test]
async fn an_old_copy_is_called_old() {
    let service = Service::start().await;
    service.onec.set(Mood::OneCAway);
    let answer = ask(&service.accountant(), "Кто нам должен?").await;
    let notices = answer["notices"].to_string();
    assert!(
        notices.contains("1С сейчас не отвечает") && notices.contains("24.11.2026 13:00"),
        "{notices}"
    );
}

#[tokio::test]
async fn without_postgres_every_endpoint_says_so() {
    let service = Service::start().await;
    let client = service.accountant();
    ask(&client, "помощь").await;
    service.database.cut();
    let id = common::ids::new_id();
    client
        .post("/chat", &json!({"message": "помощь"}))
        .await
        .assert_problem(503, "dependency.unavailable");
    client
        .get("/conversations")
        .await
        .assert_problem(503, "dependency.unavailable");
    client
        .get(&format!("/conversations/{id}"))
        .await
        .assert_problem(503, "dependency.unavailable");
    client
        .delete(&format!("/conversations/{id}"))
        .await
        .assert_problem(503, "dependency.unavailable");
    for path in [
        format!("/conversations/{id}/export"),
        "/conversations?q=долг".to_owned(),
        format!("/chat/{id}/events"),
    ] {
        client
            .get(&path)
            .await
            .assert_problem(503, "dependency.unavailable");
    }
    client
        .post(&format!("/chat/{id}/cancel"), &json!({}))
        .await
        .assert_problem(503, "dependency.unavailable");
    client
        .patch(&format!("/conversations/{id}"), &json!({"title": "Название"}))
        .await
        .assert_problem(503, "dependency.unavailable");
    let rating = format!("/messages/{id}/rating");
    client
        .put(&rating, &json!({"rating": "up"}))
        .await
        .assert_problem(503, "dependency.unavailable");
    client
        .delete(&rating)
        .await
        .assert_problem(503, "dependency.unavailable");
    let offer = json!({"kind": "offer"});
    client
        .post("/generate", &offer)
        .await
        .assert_problem(503, "dependency.unavailable");
    // What needs no database works.
    let models: Value = client.get("/models").await.json();
    assert_eq!(models["items"][0]["id"], "builtin");
    let health = client.get("/health").await;
    assert_eq!(health.status, 503);
    service.database.restore();
    crate::setup::eventually("the database", async || {
        client.post("/chat", &json!({"message": "помощь"})).await.status == 200
    })
    .await;
}

#[tokio::test]
async fn without_redis_questions_are_answered_and_events_wait() {
    let mut service = Service::start().await;
    service.redis.stop().await;
    ask(&service.accountant(), "Кто нам должен?").await;
    let waiting: i64 = sqlx::query_scalar("select count(*) from assistant.outbox")
        .fetch_one(&service.db)
        .await
        .unwrap();
    assert_eq!(waiting, 2);
}
