//! What the built-in engine says of itself, asks back, and does besides reports.

use serde_json::{Value, json};

use crate::onec::VECTOR;
use crate::setup::{Service, ask};

/// The paths of the reports asked for so far.
fn reports(service: &Service) -> Vec<String> {
    service
        .onec
        .asked()
        .into_iter()
        .filter(|path| path.starts_with("/reports"))
        .collect()
}

#[tokio::test]
async fn it_says_what_it_is_and_how_it_has_understood() {
    let service = Service::start().await;
    let client = service.accountant();
    let answer = ask(&client, "Топ-5 менеджеров по продажам за октябрь").await;
    assert_eq!(
        (answer["engine"].as_str(), answer["llm"].as_bool()),
        (Some("rules"), Some(false))
    );
    assert_eq!(answer["confidence"], "high");
    assert_eq!(
        answer["understood"],
        "Продажи · за октябрь 2026 года · по менеджерам · первые 5"
    );
    let doubtful = ask(&client, "Глянь-ка раскочегарить продажи за октябрь").await;
    assert_eq!(doubtful["confidence"], "medium", "{doubtful}");
    assert!(
        doubtful["notices"].to_string().contains("в ответе не учтено"),
        "{doubtful}"
    );
    let unknown = ask(&client, "Какая погода в Париже?").await;
    assert_eq!(unknown["understood"], Value::Null);
    assert!(unknown["suggestions"].as_array().unwrap().len() >= 3, "{unknown}");
}

#[tokio::test]
async fn a_limit_leaves_rows_out_and_sums_the_rest() {
    let service = Service::start().await;
    let client = service.accountant();
    let answer = ask(&client, "Кто нам должен больше 1000 рублей?").await;
    let table = &answer["tables"][0];
    assert_eq!(
        (
            table["row_count"].as_u64(),
            table["rows"].as_array().unwrap().len()
        ),
        (Some(1), 1)
    );
    assert_eq!(table["totals"]["debt"], "1200.50");
    assert!(answer["notices"].to_string().contains("1 из 2"), "{answer}");
    assert!(
        answer["answer"].as_str().unwrap().contains("1\u{a0}200,50"),
        "{answer}"
    );
    let late = ask(&client, "У кого просрочка больше 20 дней?").await;
    assert_eq!(late["tables"][0]["rows"][0]["counterparty"], "Вектор ООО");
    assert_eq!(late["tables"][0]["row_count"], 1);
}

#[tokio::test]
async fn words_with_two_meanings_are_asked_back_about() {
    let service = Service::start().await;
    let client = service.accountant();
    let first = ask(&client, "Остатки").await;
    assert_eq!(
        (first["intent"].as_str(), first["confidence"].as_str()),
        (Some("unclear"), Some("low"))
    );
    assert!(reports(&service).is_empty());
    for (chosen, expected) in [
        ("2", "/reports/cash"),
        ("денег", "/reports/cash"),
        ("товаров", "/reports/stock"),
    ] {
        let first = ask(&client, "Остатки").await;
        let body = json!({"message": chosen, "conversation_id": first["conversation_id"]});
        let _: Value = client.post("/chat", &body).await.json();
        assert!(
            reports(&service).last().unwrap().starts_with(expected),
            "{chosen}: {:?}",
            reports(&service)
        );
    }
    let name = ask(&client, "Вектор").await;
    let text = name["answer"].as_str().unwrap();
    assert!(
        text.contains("Что показать по «Вектор ООО»") && text.contains("Акт сверки"),
        "{text}"
    );
    let body = json!({"message": "3", "conversation_id": name["conversation_id"]});
    let statement: Value = client.post("/chat", &body).await.json();
    assert_eq!(statement["intent"], "statement", "{statement}");
}

#[tokio::test]
async fn a_document_is_found_and_its_payment_told() {
    let service = Service::start().await;
    let client = service.accountant();
    let found = ask(&client, "Найди документ № 15").await;
    assert_eq!(found["intent"], "find_document");
    assert!(
        reports(&service)[0].contains("number=15"),
        "{:?}",
        reports(&service)
    );
    let paid = ask(&client, "Оплачен ли счёт № 15?").await;
    assert_eq!(paid["intent"], "document_payment");
    let text = paid["answer"].as_str().unwrap();
    assert!(
        text.contains("Счёт на оплату покупателю № 15") && text.contains("Оплат с этого дня **не было**"),
        "{text}"
    );
    assert!(
        reports(&service)
            .last()
            .unwrap()
            .contains(&format!("from=2026-10-05&to=2026-11-24&counterparty={VECTOR}")),
        "{:?}",
        reports(&service)
    );
    assert_eq!(paid["citations"][1]["id"], 2);
    let several = ask(&client, "Оплачен ли документ № 15?").await;
    assert!(
        several["answer"].as_str().unwrap().contains("несколько"),
        "{several}"
    );
    let which = ask(&client, "Оплачен ли счёт?").await;
    assert!(
        which["answer"].as_str().unwrap().contains("Назовите его номер"),
        "{which}"
    );
}

#[tokio::test]
async fn gross_profit_and_accounts_have_reports_of_their_own() {
    let service = Service::start().await;
    let client = service.accountant();
    let profit = ask(&client, "Какая маржа по товарам за октябрь?").await;
    let text = profit["answer"].as_str().unwrap();
    assert!(
        text.contains("**80,00\u{a0}₽**") && text.contains("20,0\u{a0}%"),
        "{text}"
    );
    assert!(
        text.contains("Больше всего — **Бумага**") && text.contains("Строк с убытком: 1"),
        "{text}"
    );
    assert!(
        reports(&service)[0].starts_with("/reports/gross_profit?"),
        "{:?}",
        reports(&service)
    );
    let account = ask(&client, "Анализ счёта").await;
    assert!(
        account["answer"].as_str().unwrap().contains("По какому счёту"),
        "{account}"
    );
    let body = json!({"message": "51", "conversation_id": account["conversation_id"]});
    let _: Value = client.post("/chat", &body).await.json();
    assert!(
        reports(&service)
            .last()
            .unwrap()
            .contains("/reports/account_analysis?"),
        "{:?}",
        reports(&service)
    );
    assert!(reports(&service).last().unwrap().contains("account=51"));
}

#[tokio::test]
async fn a_question_typed_in_the_wrong_layout_is_answered() {
    let service = Service::start().await;
    let answer = ask(&service.accountant(), "Rnj yfv ljk;ty&").await;
    assert_eq!(answer["intent"], "receivables");
    assert!(
        answer["answer"].as_str().unwrap().contains("Больше всех"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_english_name_is_looked_for_in_russian_too() {
    let service = Service::start().await;
    let answer = ask(&service.accountant(), "How much does Vektor owe us?").await;
    assert!(
        reports(&service)
            .last()
            .is_some_and(|path| path.contains(&format!("counterparty={VECTOR}"))),
        "{answer}"
    );
}

#[tokio::test]
async fn the_rules_may_answer_before_a_model() {
    let service = Service::with(&[
        ("OPENAI_BASE_URL", "{provider}/v1"),
        ("OPENAI_MODEL", "fake"),
        ("OPENAI_API", "chat"),
        ("RULES_FIRST", "true"),
    ])
    .await;
    let client = service.accountant();
    let certain = ask(&client, "Кто нам должен?").await;
    assert_eq!(certain["engine"], "rules");
    let body = json!({"message": "Кто нам должен?", "model": "fake"});
    let by_name: Value = client.post("/chat", &body).await.json();
    assert_eq!(by_name["engine"], "llm");
    assert_eq!(
        (by_name["llm"].as_bool(), &by_name["confidence"]),
        (Some(true), &Value::Null)
    );
    let free = ask(&client, "Почему упала выручка в октябре?").await;
    assert_eq!(free["engine"], "llm", "{free}");
}
