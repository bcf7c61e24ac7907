//! Questions are edited and asked again; what was there before stays.

use common::auth::Permission;
use common::testing::{Client, Grant};
use serde_json::{Value, json};

use crate::setup::{Service, ask};

async fn put(client: &Client, body: &Value) -> Value {
    client.post("/chat", body).await.json()
}

/// Ids and texts of the questions that are shown.
async fn shown(client: &Client, conversation: &Value, query: &str) -> (Vec<Value>, Value) {
    let id = conversation.as_str().unwrap();
    let kept: Value = client.get(&format!("/conversations/{id}{query}")).await.json();
    let questions = kept["messages"].as_array().unwrap().iter();
    let questions = questions.filter(|message| message["role"] == "user");
    let questions = questions.map(|message| message["content"].clone()).collect();
    (questions, kept)
}

#[tokio::test]
async fn an_edited_question_begins_a_branch_with_what_was_known_there() {
    let service = Service::start().await;
    let client = service.user(&Grant::new(&[Permission::Chat, Permission::OnecRead]));
    let first = ask(&client, "Продажи за октябрь").await;
    let conversation = &first["conversation_id"];
    let second = put(
        &client,
        &json!({"message": "а по менеджерам?", "conversation_id": conversation}),
    )
    .await;
    put(
        &client,
        &json!({"message": "а за прошлый квартал?", "conversation_id": conversation}),
    )
    .await;
    // Back to the second question: what the third one changed is not known there.
    let edited = json!({"message": "а по складу Северный?", "conversation_id": conversation, "edit": second["question_id"]});
    let edited = put(&client, &edited).await;
    let asked = service.onec.asked();
    let last = asked.iter().rfind(|path| path.starts_with("/reports")).unwrap();
    assert!(
        last.contains("from=2026-10-01&to=2026-10-31") && last.contains("warehouse="),
        "{last}"
    );
    let (questions, kept) = shown(&client, conversation, "").await;
    assert_eq!(questions, ["Продажи за октябрь", "а по складу Северный?"]);
    let alternatives = json!([second["question_id"], edited["question_id"]]);
    assert_eq!(kept["messages"][2]["alternatives"], alternatives);
    assert!(kept["messages"][0].get("alternatives").is_none());
    assert_eq!(kept["messages"][2]["parent_id"], first["message_id"]);
    // The other branch is there still, and may be gone on with.
    let through = format!("?message={}", second["message_id"].as_str().unwrap());
    let (questions, kept) = shown(&client, conversation, &through).await;
    assert_eq!(
        questions,
        ["Продажи за октябрь", "а по менеджерам?", "а за прошлый квартал?"]
    );
    let end = &kept["messages"][5]["id"];
    put(
        &client,
        &json!({"message": "а за ноябрь?", "conversation_id": conversation, "parent_id": end}),
    )
    .await;
    let (questions, _) = shown(&client, conversation, "").await;
    assert_eq!(questions.len(), 4);
    assert_eq!(questions[3], "а за ноябрь?");
    // The first question too.
    put(
        &client,
        &json!({"message": "помощь", "conversation_id": conversation, "edit": first["question_id"]}),
    )
    .await;
    let (questions, kept) = shown(&client, conversation, "").await;
    assert_eq!(questions, ["помощь"]);
    assert_eq!(
        kept["messages"][0]["parent_id"],
        "00000000-0000-0000-0000-000000000000"
    );
}

#[tokio::test]
async fn an_answer_is_made_anew_by_another_model() {
    let service = Service::with_provider("chat").await;
    let client = service.user(&Grant::new(&[Permission::Chat, Permission::OnecRead]));
    let first = put(
        &client,
        &json!({"message": "Кто нам должен?", "model": "builtin"}),
    )
    .await;
    let conversation = &first["conversation_id"];
    for of in ["message_id", "question_id"] {
        let again = json!({"conversation_id": conversation, "regenerate": first[of], "model": "fake"});
        let again = put(&client, &again).await;
        assert_eq!(
            (&again["model"], &again["question_id"]),
            (&json!("fake"), &first["question_id"])
        );
        let bodies = service.provider.bodies();
        assert!(
            bodies.last().unwrap().to_string().contains("Кто нам должен?"),
            "the question is the one that was asked"
        );
        let (questions, kept) = shown(&client, conversation, "").await;
        assert_eq!(questions, ["Кто нам должен?"]);
        assert_eq!(kept["messages"][1]["id"], again["message_id"]);
    }
    let (_, kept) = shown(&client, conversation, "").await;
    let alternatives = kept["messages"][1]["alternatives"].as_array().unwrap();
    assert_eq!(alternatives.len(), 3);
    assert_eq!(alternatives[0], first["message_id"]);
}

#[tokio::test]
async fn places_that_make_no_sense_are_refused() {
    let service = Service::start().await;
    let client = service.user(&Grant::new(&[Permission::Chat, Permission::OnecRead]));
    let first = ask(&client, "помощь").await;
    let other = ask(&client, "помощь").await;
    let conversation = &first["conversation_id"];
    let id = &first["message_id"];
    for body in [
        json!({"message": "помощь", "edit": id}),
        json!({"message": "помощь", "conversation_id": conversation, "edit": id, "parent_id": id}),
        json!({"message": "помощь", "conversation_id": conversation, "regenerate": id}),
        json!({"conversation_id": conversation}),
    ] {
        let refused = client.post("/chat", &body).await;
        refused.assert_problem(422, "request.validation_failed");
    }
    let answer = json!({"message": "помощь", "conversation_id": conversation, "edit": id});
    client
        .post("/chat", &answer)
        .await
        .assert_problem(422, "assistant.not_a_question");
    // Of another conversation, or of another user's.
    let elsewhere =
        json!({"message": "помощь", "conversation_id": conversation, "parent_id": other["message_id"]});
    client
        .post("/chat", &elsewhere)
        .await
        .assert_problem(404, "assistant.message_not_found");
    service
        .accountant()
        .post(
            "/chat",
            &json!({"conversation_id": conversation, "regenerate": id}),
        )
        .await
        .assert_problem(404, "assistant.conversation_not_found");
    let path = format!(
        "/conversations/{}?message={}",
        conversation.as_str().unwrap(),
        other["message_id"].as_str().unwrap()
    );
    client
        .get(&path)
        .await
        .assert_problem(404, "assistant.message_not_found");
    // Nothing of that was stored.
    let (questions, _) = shown(&client, conversation, "").await;
    assert_eq!(questions, ["помощь"]);
}

#[tokio::test]
async fn messages_of_the_release_before_follow_one_another() {
    let service = Service::start().await;
    let client = service.user(&Grant::new(&[Permission::Chat, Permission::OnecRead]));
    let first = ask(&client, "помощь").await;
    let conversation: uuid::Uuid = serde_json::from_value(first["conversation_id"].clone()).unwrap();
    let earlier = common::ids::new_id();
    sqlx::query(
        "insert into assistant.messages (id, conversation_id, role, content, created_at) values ($1, $2, 'user', 'Прежний вопрос', now())",
    )
    .bind(earlier)
    .bind(conversation)
    .execute(&service.db)
    .await
    .unwrap();
    put(
        &client,
        &json!({"message": "help", "conversation_id": conversation}),
    )
    .await;
    let (questions, kept) = shown(&client, &first["conversation_id"], "").await;
    assert_eq!(questions, ["помощь", "Прежний вопрос", "help"]);
    assert_eq!(kept["messages"][2]["parent_id"], first["message_id"]);
}

#[tokio::test]
async fn the_beginning_of_a_long_conversation_is_summarised_once() {
    let service = Service::with_failover(
        "chat",
        &[("CHAT_HISTORY_TOKENS", "500"), ("LLM_FALLBACK", "none")],
    )
    .await;
    let client = service.user(&Grant::new(&[Permission::Chat, Permission::OnecRead]));
    let long = |subject: &str| format!("{subject}. {}", "Подробности дела. ".repeat(40));
    let ask = async |message: &str, conversation: &Value, model: &str| {
        let body = json!({"message": message, "conversation_id": conversation, "model": model});
        put(&client, &body).await
    };
    let first = ask(&long("Первое"), &Value::Null, "fake-no-tools").await;
    let conversation = &first["conversation_id"];
    ask(&long("Второе"), conversation, "fake-no-tools").await;
    service.provider.clear();
    // The two before do not fit: the model is asked for a summary, then the question.
    let third = ask("Третье", conversation, "fake-no-tools").await;
    let bodies = service.provider.bodies();
    assert_eq!(bodies.len(), 2);
    assert!(bodies[0].to_string().contains("Ты сжимаешь"), "{}", bodies[0]);
    assert!(bodies[0].to_string().contains("Первое. Подробности"));
    let asked = bodies[1].to_string();
    assert!(
        asked.contains("Начало беседы кратко") && !asked.contains("Первое. Подробности"),
        "{asked}"
    );
    // What it cost is of this answer.
    let tokens = |answer: &Value| answer["usage"]["input_tokens"].as_u64().unwrap();
    assert!(tokens(&third) > tokens(&first), "{third}");
    service.provider.clear();
    ask("Четвёртое", conversation, "fake-no-tools").await;
    let bodies = service.provider.bodies();
    assert_eq!(bodies.len(), 1, "the summary is not made anew");
    assert!(bodies[0].to_string().contains("Начало беседы кратко"));
    // The answer that the summary is kept with is made anew without it.
    let kept: Value =
        sqlx::query_scalar("select to_jsonb(id) from assistant.messages where summary is not null")
            .fetch_one(&service.db)
            .await
            .unwrap();
    let again = json!({"conversation_id": conversation, "regenerate": kept, "model": "fake-no-tools"});
    assert_eq!(put(&client, &again).await["model"], "fake-no-tools");
    // Another branch from before it has none of it.
    service.provider.clear();
    let edited = json!({"message": "Иначе", "conversation_id": conversation, "edit": first["question_id"], "model": "fake-no-tools"});
    put(&client, &edited).await;
    let bodies = service.provider.bodies();
    assert_eq!(bodies.len(), 1);
    assert!(!bodies[0].to_string().contains("Начало беседы"));
}

#[tokio::test]
async fn without_a_summary_the_earlier_questions_are_told() {
    let service = Service::with_failover(
        "chat",
        &[("CHAT_HISTORY_TOKENS", "500"), ("LLM_FALLBACK", "none")],
    )
    .await;
    let client = service.user(&Grant::new(&[Permission::Chat, Permission::OnecRead]));
    let long = format!("Первое. {}", "Подробности дела. ".repeat(80));
    let first = put(&client, &json!({"message": long, "model": "builtin"})).await;
    // It refuses once: the summary.
    let body =
        json!({"message": "Второе", "conversation_id": first["conversation_id"], "model": "fault-500-final"});
    put(&client, &body).await;
    let summaries: i64 =
        sqlx::query_scalar("select count(*) from assistant.messages where summary is not null")
            .fetch_one(&service.db)
            .await
            .unwrap();
    assert_eq!(summaries, 0);
    let bodies = service.provider.bodies();
    let asked = bodies.last().unwrap().to_string();
    assert!(asked.contains("Спрашивали: Первое. Подробности дела."), "{asked}");
}
