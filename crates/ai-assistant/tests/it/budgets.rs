//! Limits of spending, at every door and across replicas.

use common::auth::{Companies, Permission};
use common::testing::{Client, Grant, Response};
use futures_util::StreamExt;
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::setup::{Service, ask_model, eventually};

/// Somebody who asks, with these limits set by an administrator.
async fn limited(service: &Service, limits: &[Value]) -> Client {
    let admin = service.client(&[Permission::UsersAdmin]);
    for limit in limits {
        let put = admin.put("/budgets", limit).await;
        assert_eq!(put.status, 200, "{}", put.text());
    }
    service.user(&Grant::new(&[
        Permission::Chat,
        Permission::Generate,
        Permission::OnecRead,
    ]))
}

fn each_user(bounds: &Value) -> Value {
    let mut limit = json!({"scope": "user", "period": "day"});
    for (name, value) in bounds.as_object().unwrap() {
        limit[name] = value.clone();
    }
    limit
}

/// Spent and held tokens, attempts of unknown price.
async fn counters(service: &Service) -> Vec<(i64, i64, i64)> {
    sqlx::query_as("select tokens, held_tokens, unpriced from assistant.budget_counters order by id")
        .fetch_all(&service.db)
        .await
        .unwrap()
}

fn completion(max_tokens: u32) -> Value {
    json!({"model": "fake", "max_tokens": max_tokens, "messages": [{"role": "user", "content": "Как дела?"}]})
}

async fn mcp(client: &Client) -> Value {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "get_receivables", "arguments": {}}});
    let request = client
        .request(http::Method::POST, "/mcp")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .json(&call);
    client.send(request).await.json()
}

fn body_of(response: &Response) -> Value {
    serde_json::from_str(&response.text()).unwrap()
}

#[tokio::test]
async fn a_hard_limit_closes_every_door_and_says_when_it_opens() {
    let service = Service::with_provider("chat").await;
    let client = limited(&service, &[each_user(&json!({"hard_tokens": 0}))]).await;
    let refused = ask_model(&client, "fake", "Кто нам должен?").await;
    refused.assert_problem(429, "ai.budget_exhausted");
    // Eleven hours to midnight in Moscow.
    assert_eq!(refused.headers["retry-after"], "39600");
    let problem = body_of(&refused);
    assert_eq!(problem["renews_at"], "2026-11-24T21:00:00Z");
    assert_eq!(
        problem["limit"],
        json!({"scope": "user", "period": "day", "hard_tokens": 0, "hard_usd": null})
    );
    client
        .post("/generate", &json!({"prompt": "Напиши письмо", "model": "fake"}))
        .await
        .assert_problem(429, "ai.budget_exhausted");
    let streamed = crate::streams::events(
        &client,
        &json!({"message": "Кто нам должен?", "model": "fake", "stream": true}),
    )
    .await;
    let (name, data) = streamed.last().unwrap();
    assert_eq!(
        (name.as_str(), &data["problem"]["code"]),
        ("error", &json!("ai.budget_exhausted"))
    );
    for (path, status) in [("/v1/chat/completions", 429), ("/v1/messages", 402)] {
        let refused = client.post(path, &completion(10)).await;
        assert_eq!(refused.status, status, "{path} {}", refused.text());
        assert_eq!(refused.headers["x-should-retry"], "false");
    }
    let refused = client
        .post(
            "/v1/responses",
            &json!({"model": "1c-assistant/fake", "input": "Кто нам должен?"}),
        )
        .await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    let called = mcp(&client).await;
    assert_eq!(called["result"]["isError"], true, "{called}");
    assert_eq!(
        called["result"]["structuredContent"]["code"],
        "ai.budget_exhausted"
    );
    // Nobody was asked, and each refusal is booked.
    assert!(service.provider.asked().is_empty() && service.onec.asked().is_empty());
    let usage = service.usage().await;
    assert_eq!(usage.len(), 7);
    assert!(
        usage.iter().all(|row| row.1 == "failed"
            && row
                .2
                .as_deref()
                .is_some_and(|error| error.ends_with("budget_exhausted"))),
        "{usage:?}"
    );
    // What costs nothing is open.
    let answer: Value = ask_model(&client, "builtin", "Кто нам должен?").await.json();
    assert_eq!(answer["engine"], "rules");
    // The next day begins anew, with the same limit.
    service.clock().advance(chrono::TimeDelta::seconds(39_600));
    ask_model(&client, "fake", "Кто нам должен?")
        .await
        .assert_problem(429, "ai.budget_exhausted");
}

#[tokio::test]
async fn two_replicas_share_one_budget() {
    let service = Service::with_provider("chat").await;
    limited(&service, &[each_user(&json!({"hard_tokens": 3000}))]).await;
    let replica = service.replica().await;
    let grant = Grant::new(&[Permission::Chat]);
    let (client, other) = (service.user(&grant), replica.user(&service, &grant));
    let responses = join_all((0..60).map(|number| {
        let client = if number % 2 == 0 { &client } else { &other };
        async move { client.post("/v1/chat/completions", &completion(200)).await }
    }))
    .await;
    let answered = responses.iter().filter(|response| response.status == 200).count();
    for response in &responses {
        assert!(
            matches!(response.status.as_u16(), 200 | 429),
            "{}",
            response.text()
        );
    }
    let counters = counters(&service).await;
    let spent = i64::try_from(answered).unwrap() * 135;
    assert_eq!(counters, [(spent, 0, i64::try_from(answered).unwrap())]);
    assert!(spent <= 3000 && answered >= 12, "{answered}");
}

#[tokio::test]
async fn a_soft_limit_is_told_of_in_the_answer_and_once_as_an_event() {
    let service = Service::with_provider("openai").await;
    let limit = json!({"scope": "all", "period": "month", "soft_tokens": 200, "hard_tokens": 1_000_000});
    let client = limited(&service, &[limit]).await;
    for _ in 0..2 {
        let answer: Value = ask_model(&client, "fake", "Кто нам должен?").await.json();
        let notices = answer["notices"].to_string();
        assert!(
            notices.contains("подходит к концу (общий на месяц)") && notices.contains("01.12.2026 00:00"),
            "{notices}"
        );
    }
    eventually("the event", async || {
        service.audited("budget.soft_limit_reached").await > 0
    })
    .await;
    assert_eq!(service.audited("budget.soft_limit_reached").await, 1);
    // Two turns with 135 tokens each, twice.
    let listed: Value = service
        .client(&[Permission::UsersAdmin])
        .get("/budgets")
        .await
        .json();
    let spent = &listed["items"][0]["spent"];
    assert_eq!(
        (&spent["tokens"], &spent["held_tokens"]),
        (&json!(540), &json!(0)),
        "{listed}"
    );
}

#[tokio::test]
async fn an_abandoned_answer_is_settled_by_a_guess() {
    let service = Service::with_provider("openai").await;
    let client = limited(&service, &[each_user(&json!({"hard_tokens": 100_000}))]).await;
    let request = client
        .request(http::Method::POST, "/chat")
        .json(&json!({"message": "Расскажи", "model": "fake-slow", "stream": true}));
    let response = common::http::client::send(request).await.unwrap();
    let mut stream = response.bytes_stream();
    let mut seen = String::new();
    while !seen.contains("Подождите") {
        seen.push_str(&String::from_utf8_lossy(&stream.next().await.unwrap().unwrap()));
    }
    assert!(counters(&service).await[0].1 > 4096, "held while it lasts");
    drop(stream);
    eventually("the books", async || !service.usage().await.is_empty()).await;
    let counters = counters(&service).await;
    assert!(counters[0].0 > 0 && counters[0].1 == 0, "{counters:?}");
    let (estimated, tokens): (bool, i64) =
        sqlx::query_as("select estimated, input_tokens + output_tokens from assistant.usage")
            .fetch_one(&service.db)
            .await
            .unwrap();
    assert_eq!((estimated, tokens), (true, counters[0].0));
}

#[tokio::test]
async fn nobody_spends_the_budget_of_a_company_of_others() {
    let service = Service::with_provider("chat").await;
    let (own, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
    let limit = |company: Uuid| json!({"scope": "company", "subject": company, "period": "month", "hard_tokens": 1000});
    limited(&service, &[limit(own), limit(other)]).await;
    let client = service.user(&Grant::new(&[Permission::Chat]).companies([own]));
    for header in [Some(other), None, Some(own)] {
        let mut request = client
            .request(http::Method::POST, "/v1/chat/completions")
            .json(&completion(100));
        if let Some(company) = header {
            request = request.header("x-company-id", company.to_string());
        }
        assert_eq!(client.send(request).await.status, 200);
    }
    let spent: Vec<(String, i64)> = sqlx::query_as("select subject, tokens from assistant.budget_counters")
        .fetch_all(&service.db)
        .await
        .unwrap();
    assert_eq!(spent, [(own.to_string(), 3 * 135)]);
}

#[tokio::test]
async fn limits_are_set_listed_and_removed() {
    let service = Service::start().await;
    let mut grant = Grant::new(&[Permission::UsersAdmin]);
    let admin = service.user(&grant);
    let company = Uuid::from_u128(7);
    let limit = json!({"scope": "company", "subject": company, "period": "month", "soft_usd": "10", "hard_usd": "12.50",
        "time_zone": "Asia/Vladivostok"});
    let first: Value = admin.put("/budgets", &limit).await.json();
    assert_eq!(first["hard_usd"], "12.5");
    // The same subject and period has one limit.
    let again: Value = admin
        .put(
            "/budgets",
            &json!({"scope": "company", "subject": company, "period": "month", "hard_usd": "20"}),
        )
        .await
        .json();
    assert_eq!((&again["id"], &again["soft_usd"]), (&first["id"], &json!(null)));
    let _: Value = admin
        .put(
            "/budgets",
            &json!({"scope": "all", "period": "day", "hard_tokens": 5}),
        )
        .await
        .json();
    let listed: Value = admin.get("/budgets").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert_eq!(listed["items"][0]["subject"], "*");
    for wrong in [
        json!({"scope": "user", "period": "day"}),
        json!({"scope": "user", "subject": "me", "period": "day", "hard_tokens": 1}),
        json!({"scope": "all", "subject": "x", "period": "day", "hard_tokens": 1}),
        json!({"scope": "role", "subject": " ", "period": "day", "hard_tokens": 1}),
        json!({"scope": "user", "period": "week", "hard_tokens": 1}),
        json!({"scope": "user", "period": "day", "hard_tokens": -1}),
        json!({"scope": "user", "period": "day", "hard_usd": "-1"}),
        json!({"scope": "user", "period": "day", "hard_usd": "0.000000001"}),
        json!({"scope": "user", "period": "day", "soft_tokens": 2, "hard_tokens": 1}),
        json!({"scope": "user", "period": "day", "hard_tokens": 1, "time_zone": "Mars/Olympus"}),
        json!({"scope": "user", "period": "day", "hard_tokens": 1, "colour": "red"}),
    ] {
        let refused = admin.put("/budgets", &wrong).await;
        refused.assert_problem(422, "request.validation_failed");
    }
    // An administrator of another company.
    grant.companies = Companies::Some([Uuid::from_u128(8)].into());
    let stranger = service.user(&grant);
    let seen: Value = stranger.get("/budgets").await.json();
    assert_eq!(seen["items"], json!([]));
    stranger
        .put("/budgets", &limit)
        .await
        .assert_problem(422, "request.validation_failed");
    let path = format!("/budgets/{}", first["id"].as_str().unwrap());
    stranger
        .delete(&path)
        .await
        .assert_problem(404, "ai.limit_not_found");
    assert_eq!(admin.delete(&path).await.status, 204);
    admin
        .delete(&path)
        .await
        .assert_problem(404, "ai.limit_not_found");
    eventually("the events", async || {
        service.audited("budget.limit_set").await == 3 && service.audited("budget.limit_removed").await == 1
    })
    .await;
    service.database.cut();
    admin
        .get("/budgets")
        .await
        .assert_problem(503, "dependency.unavailable");
    admin
        .put("/budgets", &limit)
        .await
        .assert_problem(503, "dependency.unavailable");
    admin
        .delete(&path)
        .await
        .assert_problem(503, "dependency.unavailable");
}

#[tokio::test]
async fn a_limit_counts_what_was_used_before_it_was_set() {
    let service = Service::with_provider("chat").await;
    let client = limited(&service, &[]).await;
    assert_eq!(
        client.post("/v1/chat/completions", &completion(10)).await.status,
        200
    );
    assert_eq!(counters(&service).await, []);
    service
        .client(&[Permission::UsersAdmin])
        .put("/budgets", &each_user(&json!({"hard_tokens": 130})))
        .await;
    assert_eq!(
        client.post("/v1/chat/completions", &completion(1)).await.status,
        429
    );
}
