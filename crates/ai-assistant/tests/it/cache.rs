//! Answers that were given before: to whom, and until when.

use std::time::Duration;

use common::auth::{Infobases, Permission};
use common::testing::{Client, Grant};
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::onec::BOOKS;
use crate::setup::{Service, ask, ask_model, eventually};

const QUESTION: &str = "Кто нам должен?";

fn reader() -> Grant {
    Grant::new(&[Permission::Chat, Permission::OnecRead])
}

/// How many reports onec-integration was asked for.
fn reports(service: &Service) -> usize {
    let asked = service.onec.asked();
    asked.iter().filter(|path| path.starts_with("/reports")).count()
}

async fn is_cached(client: &Client, question: &str) -> bool {
    ask(client, question).await["cached"].as_bool().unwrap()
}

#[tokio::test]
async fn the_rules_answer_once_for_the_same_meaning() {
    let service = Service::start().await;
    service.onec.set_version("1");
    let client = service.user(&reader());
    let first = ask(&client, "Сколько нам должен Вектор?").await;
    assert_eq!(first["cached"], false);
    let asked = service.onec.asked().len();
    let second = ask(&client, "какой долг у Вектора").await;
    assert_eq!(second["cached"], true, "{second}");
    for member in [
        "answer",
        "citations",
        "tables",
        "as_of",
        "notices",
        "engine",
        "confidence",
    ] {
        assert_eq!(first[member], second[member], "{member}");
    }
    assert_ne!(first["conversation_id"], second["conversation_id"]);
    assert_eq!(service.onec.asked().len(), asked, "nothing was read");
    // It is a conversation like any other: it goes on from there.
    let follow_up = json!({"message": "а сколько просрочено?", "conversation_id": second["conversation_id"]});
    let answer: Value = client.post("/chat", &follow_up).await.json();
    assert!(answer["answer"].as_str().unwrap().contains("200,50"), "{answer}");
    let cached: Vec<bool> = sqlx::query_scalar("select cached from assistant.usage order by id")
        .fetch_all(&service.db)
        .await
        .unwrap();
    assert_eq!(cached, [false, true, false]);
    // Who has seen which report is told although 1C's side was not asked.
    eventually("the event", async || service.audited("reports.viewed").await == 1).await;
    for other in [
        "Сколько нам должна Ромашка Плюс?",
        "Сколько мы должны Вектору?",
        "Сколько нам должен Вектор и сколько денег на счетах?",
        "Сколько нам должен Вектор на 1 октября?",
        "How much does Вектор owe us?",
    ] {
        assert!(!is_cached(&client, other).await, "{other}");
    }
}

#[tokio::test]
async fn an_answer_lives_as_long_as_its_data_and_its_day() {
    let service = Service::start().await;
    let client = service.user(&reader());
    assert!(!is_cached(&client, QUESTION).await);
    assert!(!is_cached(&client, QUESTION).await, "the version is not known");
    service.onec.set_version("1");
    assert!(!is_cached(&client, QUESTION).await);
    assert!(is_cached(&client, QUESTION).await);
    service.onec.set_version("2");
    assert!(!is_cached(&client, QUESTION).await);
    assert!(is_cached(&client, QUESTION).await);
    let fresh = client
        .request(http::Method::POST, "/chat")
        .header("cache-control", "no-cache")
        .json(&json!({ "message": QUESTION }));
    let fresh: Value = client.send(fresh).await.json();
    assert_eq!(fresh["cached"], false);
    service.clock().advance(chrono::TimeDelta::hours(24));
    assert!(!is_cached(&client, QUESTION).await);
    let company = json!({"message": QUESTION, "company_id": Uuid::from_u128(7)});
    let of_company: Value = client.post("/chat", &company).await.json();
    assert_eq!(of_company["cached"], false);
}

#[tokio::test]
async fn nobody_gets_the_answer_of_other_rights() {
    let service = Service::with_provider("chat").await;
    service.onec.set_version("1");
    let company = Uuid::from_u128(7);
    let rights = [
        reader(),
        reader().companies([company]),
        reader().companies([company, Uuid::from_u128(8)]),
        reader().infobases([BOOKS]),
        Grant::new(&[Permission::Chat]),
        Grant::new(&[Permission::Chat, Permission::OnecRead, Permission::OnecWrite]),
    ];
    assert_eq!(rights[0].infobases, Infobases::All);
    for model in ["builtin", "fake"] {
        for grant in &rights {
            let answer: Value = ask_model(&service.user(grant), model, QUESTION).await.json();
            assert_eq!(answer["cached"], false, "{model} {grant:?}");
        }
        for grant in &rights {
            // Another user with the same rights.
            let twin = Grant {
                user_id: common::ids::new_id(),
                session_id: common::ids::new_id(),
                ..grant.clone()
            };
            let answer: Value = ask_model(&service.user(&twin), model, QUESTION).await.json();
            // Without the right to read 1C the rules have no report that could be kept.
            let kept = grant.permissions.contains(Permission::OnecRead) || model == "fake";
            assert!(answer["cached"] == kept || !kept, "{model} {grant:?} {answer}");
        }
    }
}

#[tokio::test]
async fn results_of_tools_are_found_again_with_the_same_rights_only() {
    let service = Service::with(&[("ANSWER_CACHE_TTL", "0s")]).await;
    service.onec.set_version("1");
    let (one, twin) = (service.user(&reader()), service.user(&reader()));
    let stranger = service.user(&reader().companies([Uuid::from_u128(7)]));
    for (client, asked) in [(&one, 1), (&twin, 1), (&stranger, 2), (&one, 2)] {
        assert!(!is_cached(client, QUESTION).await);
        assert_eq!(reports(&service), asked);
    }
    let called = |client: Client| async move {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "get_receivables", "arguments": {"limit": 5}}});
        let request = client
            .request(http::Method::POST, "/mcp")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .json(&message);
        let result: Value = client.send(request).await.json();
        assert_eq!(result["result"]["isError"], false, "{result}");
    };
    for (client, asked) in [(&one, 3), (&twin, 3), (&stranger, 4)] {
        called(client.clone()).await;
        assert_eq!(reports(&service), asked);
    }
    let switched_off = Service::with(&[("ANSWER_CACHE_TTL", "0s"), ("TOOL_CACHE_TTL", "0s")]).await;
    switched_off.onec.set_version("1");
    let client = switched_off.user(&reader());
    for asked in [1, 2] {
        assert!(!is_cached(&client, QUESTION).await);
        assert_eq!(reports(&switched_off), asked);
    }
}

#[tokio::test]
async fn what_many_ask_at_once_a_model_is_asked_once() {
    let service = Service::with_provider("anthropic").await;
    service.onec.set_version("1");
    let replica = service.replica().await;
    let grant = reader();
    let clients = [service.user(&grant), replica.user(&service, &grant)];
    let answers: Vec<Value> = join_all((0..12).map(|number| {
        let client = &clients[number % 2];
        async move { ask_model(client, "fake", QUESTION).await.json() }
    }))
    .await;
    let fresh: Vec<&Value> = answers
        .iter()
        .filter(|answer| answer["cached"] == false)
        .collect();
    assert_eq!(fresh.len(), 1);
    assert_eq!(service.provider.bodies().len(), 2, "two turns of one answer");
    for answer in &answers {
        assert_eq!(answer["answer"], fresh[0]["answer"]);
        assert_eq!(
            (&answer["engine"], &answer["model"]),
            (&json!("llm"), &json!("fake"))
        );
    }
    let cached = answers.iter().find(|answer| answer["cached"] == true).unwrap();
    assert_eq!(
        cached["usage"],
        json!({"input_tokens": 0, "output_tokens": 0, "cost_usd": "0"})
    );
    // In a stream too.
    let events = crate::streams::events(
        &clients[0],
        &json!({"message": QUESTION, "model": "fake", "stream": true}),
    )
    .await;
    let done = &events.last().unwrap().1;
    assert_eq!(
        (&done["cached"], &done["answer"]),
        (&json!(true), &fresh[0]["answer"])
    );
    assert_eq!(
        crate::streams::text_of(&events),
        fresh[0]["answer"].as_str().unwrap()
    );
    // What costs nothing is open when the budget is exhausted.
    service
        .client(&[Permission::UsersAdmin])
        .put(
            "/budgets",
            &json!({"scope": "user", "period": "day", "hard_tokens": 0}),
        )
        .await;
    let answer: Value = ask_model(&clients[0], "fake", QUESTION).await.json();
    assert_eq!(answer["cached"], true);
    ask_model(&clients[0], "fake", "Кто нам должен больше всего?")
        .await
        .assert_problem(429, "ai.budget_exhausted");
}

#[tokio::test]
async fn what_went_wrong_is_not_kept() {
    let service = Service::with_provider("chat").await;
    service.onec.set_version("1");
    let client = service.user(&reader());
    // A figure that nothing accounts for, and rules in the place of a model.
    for model in ["fake-invents", "fault-503"] {
        for _ in 0..2 {
            let answer: Value = ask_model(&client, model, QUESTION).await.json();
            assert_eq!(answer["cached"], false, "{model}");
        }
    }
    // Whoever was to make it has failed: the next one does not wait for it.
    service.onec.set(crate::onec::Mood::Garbled);
    ask_model(&client, "builtin", "Кому мы должны?")
        .await
        .assert_problem(502, "assistant.onec_malformed");
    service.onec.set(crate::onec::Mood::Well);
    let again = tokio::time::timeout(
        Duration::from_secs(10),
        ask_model(&client, "builtin", "Кому мы должны?"),
    );
    let answer: Value = again.await.unwrap().json();
    assert_eq!(answer["cached"], false);
}

#[tokio::test]
async fn without_redis_answers_are_made_anew() {
    let mut service = Service::start().await;
    service.onec.set_version("1");
    let client = service.user(&reader());
    assert!(!is_cached(&client, QUESTION).await);
    service.redis.stop().await;
    assert!(!is_cached(&client, QUESTION).await);
}
