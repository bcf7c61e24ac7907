//! Texts.

use serde_json::{Value, json};

use crate::onec::Mood;
use crate::setup::Service;

#[tokio::test]
async fn a_reminder_has_the_figures_of_the_debtor() {
    let service = Service::start().await;
    let client = service.accountant();
    let order = json!({"kind": "reminder", "parameters": {"counterparty": "Вектор", "company_name": "ООО «Наша»", "signatory": "Иванов И. И."}});
    let text: Value = client.post("/generate", &order).await.json();
    let letter = text["text"].as_str().unwrap();
    for part in [
        "Вектор ООО",
        "2\u{a0}000,50\u{a0}₽",
        "200,50\u{a0}₽",
        "01.11.2026",
        "ООО «Наша»",
        "Иванов И. И.",
        "[должность]",
    ] {
        assert!(letter.contains(part), "{part} in {letter}");
    }
    assert_eq!(
        (&text["engine"], &text["kind"]),
        (&json!("rules"), &json!("reminder"))
    );
    assert_eq!(text["citations"][0]["id"], 1);
    let cover = json!({"template": "reconciliation_cover", "parameters": {"counterparty": "Вектор", "from": "2026-07-01", "to": "2026-09-30"}});
    let text: Value = client.post("/generate", &cover).await.json();
    let letter = text["text"].as_str().unwrap();
    assert!(
        letter.contains("за III квартал 2026 года") && letter.contains("1\u{a0}200,50\u{a0}₽"),
        "{letter}"
    );
    let offer: Value = client
        .post(
            "/generate",
            &json!({"kind": "offer", "parameters": {"subject": "бумага"}}),
        )
        .await
        .json();
    assert!(offer["text"].as_str().unwrap().contains("бумага"));
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let service = Service::start().await;
    let client = service.accountant();
    let post = |body: Value| {
        let client = client.clone();
        async move { client.post("/generate", &body).await }
    };
    post(json!({"prompt": "Напиши поздравление"}))
        .await
        .assert_problem(422, "assistant.model_required");
    post(json!({"kind": "letter"}))
        .await
        .assert_problem(422, "request.validation_failed");
    post(json!({"kind": "poem"}))
        .await
        .assert_problem(422, "request.validation_failed");
    post(json!({"kind": "reminder"}))
        .await
        .assert_problem(422, "request.validation_failed");
    let date = json!({"kind": "reminder", "parameters": {"counterparty": "Вектор", "date": "завтра"}});
    post(date).await.assert_problem(422, "request.validation_failed");
    let unknown = json!({"kind": "reminder", "parameters": {"counterparty": "Одуванчик"}});
    post(unknown)
        .await
        .assert_problem(422, "assistant.counterparty_not_found");
    let several = json!({"kind": "reminder", "parameters": {"counterparty": "Ромашка"}});
    let problem = post(several)
        .await
        .assert_problem(422, "assistant.counterparty_ambiguous");
    assert_eq!(problem["candidates"].as_array().unwrap().len(), 2);
    service.onec.set(Mood::Slow);
    let order = json!({"kind": "reminder", "parameters": {"counterparty": "Вектор"}});
    post(order)
        .await
        .assert_problem(503, "assistant.onec_unavailable");
}

#[tokio::test]
async fn a_model_writes_free_texts() {
    let service = Service::with_provider("anthropic").await;
    let client = service.accountant();
    let order = json!({"prompt": "Напиши, кто нам должен больше всех", "model": "fake"});
    let text: Value = client.post("/generate", &order).await.json();
    assert_eq!(text["engine"], "llm");
    assert!(text["text"].as_str().unwrap().contains("1200,50"));
    let failing = json!({"prompt": "Напиши", "model": "fault-503"});
    client
        .post("/generate", &failing)
        .await
        .assert_problem(502, "assistant.model_failed");
    let outcomes: Vec<String> = service
        .usage()
        .await
        .into_iter()
        .map(|(_, outcome, _)| outcome)
        .collect();
    assert_eq!(outcomes, ["answered", "failed"]);
}

#[tokio::test]
async fn a_repeated_order_gets_the_first_text() {
    let service = Service::start().await;
    let client = service.accountant();
    let send = |body: Value| {
        let request = client
            .request(http::Method::POST, "/generate")
            .header("idempotency-key", "g")
            .json(&body);
        let client = client.clone();
        async move { client.send(request).await }
    };
    let order = json!({"kind": "reminder", "parameters": {"counterparty": "Вектор"}});
    let first: Value = send(order.clone()).await.json();
    let again: Value = send(order).await.json();
    assert_eq!(first, again);
    assert_eq!(service.usage().await.len(), 1);
    send(json!({"kind": "offer"}))
        .await
        .assert_problem(422, "request.idempotency_key_reused");
}
