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
        (&text["engine"], &text["template"], &text["version"]),
        (&json!("rules"), &json!("reminder"), &json!(0))
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
        .assert_problem(404, "assistant.template_not_found");
    let unknown = json!({"template": "offer", "parameters": {"colour": "red"}, "language": "de"});
    let problem = post(unknown)
        .await
        .assert_problem(422, "request.validation_failed");
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/language", "/parameters/colour"]);
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

#[tokio::test]
async fn tone_length_and_language_change_a_template() {
    let service = Service::start().await;
    let client = service.accountant();
    let reminder = |style: Value| {
        let mut order =
            json!({"template": "reminder", "parameters": {"counterparty": "Вектор", "pay_by": "2026-12-01"}});
        order
            .as_object_mut()
            .unwrap()
            .extend(style.as_object().unwrap().clone());
        let client = client.clone();
        async move { client.post("/generate", &order).await.json::<Value>() }
    };
    let firm = reminder(json!({"tone": "firm", "length": "detailed"})).await;
    let text = firm["text"].as_str().unwrap();
    assert!(
        text.contains("Требуем погасить её до 01.12.2026") && text.contains("| до 30 дней |"),
        "{text}"
    );
    let missing: Vec<&str> = firm["missing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(missing, ["company_name", "position", "signatory"]);
    let english = reminder(json!({"language": "en", "length": "short"})).await;
    let text = english["text"].as_str().unwrap();
    assert!(
        text.contains("To: Вектор ООО") && text.contains("by 1 December 2026"),
        "{text}"
    );
    assert!(!text.contains("copy of the payment order"), "{text}");
}

#[tokio::test]
async fn a_letter_can_be_had_as_a_file() {
    let service = Service::start().await;
    let client = service.accountant();
    let order = json!({"template": "meeting_notes", "parameters": {
        "topic": "Склад", "participants": ["Анна", "Пётр"], "decisions": ["Провести инвентаризацию"]}});
    let ask = |accept: &'static str, format: Option<&str>| {
        let mut order = order.clone();
        if let Some(format) = format {
            order["format"] = json!(format);
        }
        let request = client
            .request(http::Method::POST, "/generate")
            .header("accept", accept)
            .json(&order);
        let client = client.clone();
        async move { client.send(request).await }
    };
    let plain = ask("text/plain", None).await;
    assert_eq!(plain.headers["content-type"], "text/plain; charset=utf-8");
    let name = "attachment; filename=\"meeting_notes.txt\"; filename*=UTF-8''%D0%9F%D1%80%D0%BE%D1%82%D0%BE%D0%BA%D0%BE%D0%BB%20%D1%81%D0%BE%D0%B2%D0%B5%D1%89%D0%B0%D0%BD%D0%B8%D1%8F.txt";
    assert_eq!(plain.headers["content-disposition"], name);
    assert!(plain.text().contains("1. Провести инвентаризацию"));
    let docx = ask(
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        None,
    )
    .await;
    assert!(docx.body.starts_with(b"PK"));
    // A browser's list of types is no wish for a file.
    let json: Value = ask("text/html,application/json", Some("docx")).await.json();
    assert_eq!(json["file"]["name"], "Протокол совещания.docx");
    assert!(json["file"]["content"].as_str().unwrap().starts_with("UEs"));
    let html: Value = ask("*/*", Some("html")).await.json();
    assert!(
        html["text"]
            .as_str()
            .unwrap()
            .contains("<h2>Протокол совещания от 24.11.2026</h2>")
    );
}

#[tokio::test]
async fn a_template_without_data_of_1c_needs_no_right_to_it() {
    let service = Service::start().await;
    let client = service.client(&[common::auth::Permission::Generate]);
    let advert =
        json!({"template": "job_advert", "parameters": {"position": "Кладовщик", "salary_from": 60000}});
    let text: Value = client.post("/generate", &advert).await.json();
    assert!(
        text["text"]
            .as_str()
            .unwrap()
            .contains("от 60\u{a0}000,00\u{a0}₽"),
        "{text}"
    );
    let reply = json!({"template": "claim_reply", "parameters": {"counterparty": "Вектор", "decision": "partly", "amount": "100"}});
    let text: Value = client.post("/generate", &reply).await.json();
    assert!(
        text["text"].as_str().unwrap().contains("Кому: Вектор\n"),
        "{text}"
    );
    let reminder = json!({"template": "reminder", "parameters": {"counterparty": "Вектор"}});
    client
        .post("/generate", &reminder)
        .await
        .assert_problem(403, "auth.permission_denied");
    assert!(service.onec.asked().is_empty());
}

#[tokio::test]
async fn a_model_changes_a_document_and_its_figures_stay_accounted_for() {
    let service = Service::with_provider("anthropic").await;
    let client = service.accountant();
    let order = json!({"template": "reminder", "parameters": {"counterparty": "Вектор"}, "prompt": "Теплее", "model": "fake"});
    let text: Value = client.post("/generate", &order).await.json();
    assert_eq!(text["engine"], "llm", "{text}");
    let failing = json!({"template": "reminder", "parameters": {"counterparty": "Вектор"}, "prompt": "Теплее", "model": "fault-503"});
    let text: Value = client.post("/generate", &failing).await.json();
    assert_eq!(text["engine"], "rules");
    assert!(text["text"].as_str().unwrap().contains("2\u{a0}000,50\u{a0}₽"));
}
