//! Questions to the built-in engine.

use common::auth::Permission;
use common::testing::Grant;
use serde_json::{Value, json};

use crate::onec::VECTOR;
use crate::setup::{Service, ask};

#[tokio::test]
async fn a_question_is_answered_with_figures_sources_and_a_table() {
    let service = Service::start().await;
    let answer = ask(
        &service.accountant(),
        "Кто нам должен больше всего и сколько просрочено?",
    )
    .await;
    let text = answer["answer"].as_str().unwrap();
    for part in [
        "Вектор ООО",
        "1\u{a0}200,50\u{a0}₽",
        "2\u{a0}000,50\u{a0}₽",
        "200,50\u{a0}₽",
        "24.11.2026",
        "[1]",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(answer["engine"], "rules");
    assert_eq!(answer["model"], "builtin");
    assert_eq!(answer["intent"], "receivables");
    assert_eq!(answer["as_of"], "2026-11-24T10:00:00Z");
    assert_eq!(answer["citations"][0]["id"], 1);
    assert_eq!(
        answer["citations"][0]["object"],
        "AccountingRegister_Хозрасчетный"
    );
    assert_eq!(answer["tables"][0]["rows"][0]["debt"], "1200.50");
    assert_eq!(answer["tables"][0]["totals"]["debt"], "2000.50");
    assert_eq!(answer["unverified_numbers"], json!([]));
    assert!(
        answer["notices"][0]
            .as_str()
            .unwrap()
            .contains("без языковой модели")
    );
    assert_eq!(answer["usage"]["cost_usd"], "0");
    assert_eq!(
        service.onec.asked(),
        ["/reports/receivables?date=2026-11-24&limit=1000"]
    );
}

#[tokio::test]
async fn an_english_question_gets_an_english_answer() {
    let service = Service::start().await;
    let answer = ask(&service.accountant(), "Who owes us the most?").await;
    let text = answer["answer"].as_str().unwrap();
    assert!(
        text.contains("The largest debtor as of 24 November 2026 is **Вектор ООО**: 1,200.50\u{a0}RUB"),
        "{text}"
    );
}

#[tokio::test]
async fn a_conversation_remembers_what_it_is_about() {
    let service = Service::start().await;
    let client = service.accountant();
    let first = ask(&client, "Продажи за октябрь").await;
    let conversation = &first["conversation_id"];
    let follow = |message: &'static str| {
        let body = json!({"message": message, "conversation_id": conversation});
        let client = client.clone();
        async move { client.post("/chat", &body).await.json::<Value>() }
    };
    follow("а по менеджерам?").await;
    follow("а за прошлый квартал?").await;
    follow("а по складу Северный?").await;
    let compared = follow("а по сравнению с прошлым периодом?").await;
    let reports: Vec<String> = service
        .onec
        .asked()
        .into_iter()
        .filter(|path| path.starts_with("/reports"))
        .collect();
    assert!(
        reports[0].contains("from=2026-10-01&to=2026-10-31&group_by=counterparty"),
        "{reports:?}"
    );
    assert!(
        reports[1].contains("from=2026-10-01&to=2026-10-31&group_by=manager"),
        "{reports:?}"
    );
    assert!(
        reports[2].contains("from=2026-07-01&to=2026-09-30&group_by=manager"),
        "{reports:?}"
    );
    assert!(
        reports[3].contains("warehouse=00000000-0000-0000-0000-000000000004"),
        "{reports:?}"
    );
    assert!(
        reports[5].contains("from=2026-04-01&to=2026-06-30"),
        "{reports:?}"
    );
    assert_eq!(compared["citations"][1]["id"], 2);
}

#[tokio::test]
async fn a_name_is_never_guessed() {
    let service = Service::start().await;
    let client = service.accountant();
    let unknown = ask(&client, "Сколько нам должен Одуванчик?").await;
    assert!(
        unknown["answer"].as_str().unwrap().contains("Одуванчик"),
        "{unknown}"
    );
    assert_eq!(unknown["citations"], json!([]));
    let several = ask(&client, "Сколько нам должна Ромашка?").await;
    let text = several["answer"].as_str().unwrap();
    assert!(
        text.contains("Ромашка Торг ООО") && text.contains("Ромашка Плюс ООО"),
        "{text}"
    );
    assert!(
        service
            .onec
            .asked()
            .iter()
            .all(|path| path.starts_with("/search")),
        "no report before the name is clear"
    );
    let body = json!({"message": "2", "conversation_id": several["conversation_id"]});
    let chosen: Value = client.post("/chat", &body).await.json();
    assert_eq!(chosen["intent"], "receivables");
    assert!(
        service
            .onec
            .asked()
            .last()
            .unwrap()
            .contains("counterparty=00000000-0000-0000-0000-000000000002")
    );
    let typo = ask(&client, "Сколько нам должен Вектар?").await;
    assert!(
        service
            .onec
            .asked()
            .last()
            .unwrap()
            .contains(&format!("counterparty={VECTOR}")),
        "{typo}"
    );
}

#[tokio::test]
async fn what_cannot_be_answered_is_said() {
    let service = Service::start().await;
    let client = service.accountant();
    for (question, expected) in [
        ("Какая погода в Париже?", "не понял"),
        ("Продажи за 31 ноября", "нет в календаре"),
        (
            "Создай счёт на оплату для Вектора",
            "потребует вашего подтверждения",
        ),
        ("Какая зарплата у директора?", "На это ответить не могу"),
        ("Сколько должны Вектору?", "должны **вам** или должны **вы**"),
        ("Акт сверки за октябрь", "По какому контрагенту"),
    ] {
        let answer = ask(&client, question).await;
        assert!(
            answer["answer"].as_str().unwrap().contains(expected),
            "{question}: {answer}"
        );
        assert_eq!(answer["as_of"], Value::Null);
    }
    assert!(
        service
            .onec
            .asked()
            .iter()
            .all(|path| !path.starts_with("/reports"))
    );
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    let service = Service::start().await;
    let client = service.accountant();
    client
        .post("/chat", &json!({"message": "  "}))
        .await
        .assert_problem(422, "request.validation_failed");
    client
        .post("/chat", &json!({"message": "ы".repeat(8001)}))
        .await
        .assert_problem(422, "request.validation_failed");
    client
        .post("/chat", &json!({}))
        .await
        .assert_problem(422, "request.validation_failed");
    client
        .post("/chat", &json!({"message": "?", "temperature": 1}))
        .await
        .assert_problem(422, "request.validation_failed");
    client
        .post("/chat", &json!({"message": "?", "model": "gpt-9"}))
        .await
        .assert_problem(422, "assistant.unknown_model");
    let other = json!({"message": "?", "conversation_id": common::ids::new_id()});
    client
        .post("/chat", &other)
        .await
        .assert_problem(404, "assistant.conversation_not_found");
    let empty_key = client
        .request(http::Method::POST, "/chat")
        .header("idempotency-key", "")
        .json(&json!({"message": "?"}));
    client
        .send(empty_key)
        .await
        .assert_problem(400, "request.invalid");
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let service = Service::start().await;
    let grant = Grant::new(&[Permission::Chat, Permission::OnecRead]);
    let client = service.user(&grant);
    let send = |key: &'static str, message: &'static str| {
        let request = client
            .request(http::Method::POST, "/chat")
            .header("idempotency-key", key)
            .json(&json!({ "message": message }));
        let client = client.clone();
        async move { client.send(request).await }
    };
    let first: Value = send("k1", "Кто нам должен?").await.json();
    let again: Value = send("k1", "Кто нам должен?").await.json();
    assert_eq!(first, again);
    assert_eq!(service.onec.asked().len(), 1);
    send("k1", "Кому мы должны?")
        .await
        .assert_problem(422, "request.idempotency_key_reused");
    // Another user's key is another key.
    let stranger = service.accountant();
    let request = stranger
        .request(http::Method::POST, "/chat")
        .header("idempotency-key", "k1")
        .json(&json!({"message": "Кто нам должен?"}));
    let other: Value = stranger.send(request).await.json();
    assert_ne!(other["message_id"], first["message_id"]);
}

#[tokio::test]
async fn a_request_in_flight_is_not_repeated_and_a_failed_one_may_be() {
    use crate::onec::Mood;
    let service = Service::start().await;
    service.onec.set(Mood::Slow);
    let client = service.user(&Grant::new(&[Permission::Chat, Permission::OnecRead]));
    let send = || {
        client.send(
            client
                .request(http::Method::POST, "/chat")
                .header("idempotency-key", "k")
                .json(&json!({"message": "Кто нам должен?"})),
        )
    };
    let first = send();
    let second = async {
        crate::setup::eventually("the first request", async || !service.onec.asked().is_empty()).await;
        send().await
    };
    let (first, second) = tokio::join!(first, second);
    second.assert_problem(409, "request.in_progress");
    first.assert_problem(503, "assistant.onec_unavailable");
    service.onec.set(Mood::Well);
    let third: Value = send().await.json();
    assert_eq!(third["intent"], "receivables");
}
