//! Questions of somebody who sees two infobases.

use serde_json::{Value, json};

use crate::onec::{Several, TRADE};
use crate::setup::Service;

async fn ask(service: &Service, message: &str) -> Value {
    let client = service.accountant();
    let answer = client.post("/chat", &json!({"message": message})).await;
    answer.json()
}

fn text(answer: &Value) -> &str {
    answer["answer"].as_str().unwrap()
}

#[tokio::test]
async fn each_infobase_answers_in_a_section_of_its_own() {
    let service = Service::start().await;
    service.onec.connect(Several::Apart);
    let answer = ask(&service, "Кто нам должен больше всего и сколько просрочено?").await;
    let text = text(&answer);
    let (books, trade) = (
        text.find("База «Главная»").unwrap(),
        text.find("База «Опт»").unwrap(),
    );
    assert!(books < trade, "{text}");
    assert!(
        text[..trade].contains("[1]") && text[trade..].contains("[2]"),
        "{text}"
    );
    // 2 000,50 in each.
    assert!(
        text.contains("Итого по базам: долг **4\u{a0}001,00\u{a0}₽**"),
        "{text}"
    );
    assert!(text.contains("([1] + [2])"), "{text}");
    let citations = answer["citations"].as_array().unwrap();
    let cited: Vec<_> = citations
        .iter()
        .map(|c| (c["id"].clone(), c["infobase"].clone()))
        .collect();
    assert_eq!(cited, [(json!(1), json!("Демо")), (json!(2), json!("Опт"))]);
    assert_eq!(answer["tables"].as_array().map_or(0, Vec::len), 2, "{answer:#}");
}

#[tokio::test]
async fn what_is_kept_twice_is_not_summed() {
    let service = Service::start().await;
    service.onec.connect(Several::Overlapping);
    let answer = ask(&service, "Кто нам должен?").await;
    let text = text(&answer);
    assert!(!text.contains("Итого по базам"), "{text}");
    assert!(
        text.contains("«Ромашка ООО» (ИНН 7701000001) ведётся не в одной"),
        "{text}"
    );
}

#[tokio::test]
async fn a_question_may_name_one_and_the_next_is_about_the_same() {
    let service = Service::start().await;
    service.onec.connect(Several::Apart);
    let client = service.accountant();
    let first: Value = client
        .post("/chat", &json!({"message": "Продажи за октябрь в торговле"}))
        .await
        .json();
    assert!(text(&first).starts_with("База «Опт»."), "{first:#}");
    let asked = service.onec.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].contains(&TRADE.to_string()), "{asked:?}");
    let conversation = &first["conversation_id"];
    let next = |message: &str| json!({"message": message, "conversation_id": conversation});
    let second: Value = client.post("/chat", &next("а за сентябрь?")).await.json();
    assert!(text(&second).starts_with("База «Опт»."), "{second:#}");
    let third: Value = client.post("/chat", &next("а в бухгалтерии?")).await.json();
    assert!(text(&third).starts_with("База «Главная»."), "{third:#}");
    let fourth: Value = client.post("/chat", &next("а по всем базам?")).await.json();
    assert!(
        text(&fourth).contains("База «Главная»") && text(&fourth).contains("База «Опт»"),
        "{fourth:#}"
    );
}

#[tokio::test]
async fn a_base_without_such_books_says_so_beside_the_answer_of_the_other() {
    let service = Service::start().await;
    service.onec.connect(Several::Apart);
    let answer = ask(&service, "Сколько налогов начислено за октябрь?").await;
    let said = text(&answer);
    assert!(said.contains("База «Главная»"), "{said}");
    assert!(
        said.contains("- База «Опт»: Такого учёта в этой базе нет."),
        "{said}"
    );
    assert!(!said.contains("Итого по базам"), "{said}");
}

#[tokio::test]
async fn whoever_is_named_is_looked_for_in_each() {
    let service = Service::start().await;
    service.onec.connect(Several::Apart);
    let answer = ask(&service, "Сколько должен Вектор?").await;
    let asked = service.onec.asked();
    let searches = asked
        .iter()
        .filter(|path| path.starts_with("/search") && path.contains("infobase="));
    assert!(searches.count() >= 2, "{asked:?}");
    assert!(text(&answer).contains("База «Опт»"), "{answer:#}");
    // A name that fits several in each is asked back about, for the first.
    let answer = ask(&service, "Сколько должна Ромашка?").await;
    assert!(text(&answer).starts_with("База «Главная»."), "{answer:#}");
    assert!(
        !answer["suggestions"].as_array().unwrap().is_empty(),
        "{answer:#}"
    );
}

#[tokio::test]
async fn a_name_is_looked_for_anew_in_another_base() {
    let service = Service::start().await;
    service.onec.connect(Several::Apart);
    let client = service.accountant();
    let first: Value = client
        .post("/chat", &json!({"message": "Сколько должен Вектор по базе УТ?"}))
        .await
        .json();
    assert!(text(&first).starts_with("База «Опт»."), "{first:#}");
    let asked = service.onec.asked().len();
    let next = json!({"message": "а в бухгалтерии?", "conversation_id": first["conversation_id"]});
    let second: Value = client.post("/chat", &next).await.json();
    assert!(text(&second).starts_with("База «Главная»."), "{second:#}");
    let searched = service.onec.asked()[asked..]
        .iter()
        .any(|path| path.starts_with("/search"));
    assert!(searched, "{:?}", service.onec.asked());
}
