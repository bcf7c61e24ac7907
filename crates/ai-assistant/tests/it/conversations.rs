//! Conversations are one's own.

use common::auth::Permission;
use common::events::{Event, Stream};
use common::testing::Grant;
use serde_json::{Value, json};

use crate::setup::{Service, ask, eventually};

#[tokio::test]
async fn a_conversation_is_kept_listed_and_deleted_by_its_user_only() {
    let service = Service::start().await;
    let client = service.user(&Grant::new(&[Permission::Chat, Permission::OnecRead]));
    let stranger = service.accountant();
    let answer = ask(&client, "Кто нам должен?").await;
    let path = format!("/conversations/{}", answer["conversation_id"].as_str().unwrap());
    let kept: Value = client.get(&path).await.json();
    assert_eq!(kept["title"], "Кто нам должен?");
    let messages = kept["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(
        (&messages[0]["role"], &messages[1]["role"]),
        (&json!("user"), &json!("assistant"))
    );
    assert_eq!(messages[1]["answer"], answer);

    stranger
        .get(&path)
        .await
        .assert_problem(404, "assistant.conversation_not_found");
    stranger
        .delete(&path)
        .await
        .assert_problem(404, "assistant.conversation_not_found");
    let intruding = json!({"message": "а за октябрь?", "conversation_id": answer["conversation_id"]});
    stranger
        .post("/chat", &intruding)
        .await
        .assert_problem(404, "assistant.conversation_not_found");
    let list: Value = stranger.get("/conversations").await.json();
    assert_eq!(list["items"], json!([]));

    assert_eq!(client.delete(&path).await.status, 204);
    client
        .get(&path)
        .await
        .assert_problem(404, "assistant.conversation_not_found");
    client
        .delete(&path)
        .await
        .assert_problem(404, "assistant.conversation_not_found");
    client
        .get("/conversations/nonsense")
        .await
        .assert_problem(404, "request.not_found");
    // What was used stays on the books.
    assert_eq!(service.usage().await.len(), 1);
}

#[tokio::test]
async fn the_list_comes_in_pieces() {
    let service = Service::start().await;
    let client = service.user(&Grant::new(&[Permission::Chat]));
    for question in ["помощь", "что ты умеешь?", "help"] {
        ask(&client, question).await;
    }
    let first: Value = client.get("/conversations?limit=2").await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second: Value = client
        .get(&format!("/conversations?limit=2&cursor={cursor}"))
        .await
        .json();
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert!(second.get("next_cursor").is_none());
    client
        .get("/conversations?cursor=x")
        .await
        .assert_problem(400, "request.invalid");
    client
        .get("/conversations?limit=x")
        .await
        .assert_problem(400, "request.invalid_query");
}

#[tokio::test]
async fn usage_and_audit_are_told_without_texts() {
    let service = Service::start().await;
    ask(&service.accountant(), "Кто нам должен?").await;
    let redis = service.redis.connect();
    let read = async |stream: Stream| -> Vec<Event> {
        let mut connection = redis.connection();
        let entries: Vec<(String, Vec<(String, String)>)> = redis::cmd("XRANGE")
            .arg(stream.key())
            .arg("-")
            .arg("+")
            .query_async(&mut connection)
            .await
            .unwrap();
        entries
            .iter()
            .map(|(_, fields)| serde_json::from_str(&fields[0].1).unwrap())
            .collect()
    };
    eventually("the events", async || {
        !read(Stream::Usage).await.is_empty() && !read(Stream::Audit).await.is_empty()
    })
    .await;
    let usage = read(Stream::Usage).await.remove(0);
    assert_eq!(usage.kind, "assistant.answered");
    assert_eq!(
        (&usage.data["outcome"], &usage.data["intent"]),
        (&json!("answered"), &json!("receivables"))
    );
    assert_eq!(usage.data["tool_calls"], 1);
    let audit = read(Stream::Audit).await.remove(0);
    assert_eq!(audit.data["action"], "chat.asked");
    assert!(!audit.data.to_string().contains("должен"));
    assert!(audit.actor.is_some() && audit.request_id.is_some());
}

#[tokio::test]
async fn a_conversation_is_renamed() {
    let service = Service::start().await;
    let client = service.user(&Grant::new(&[Permission::Chat]));
    let answer = ask(&client, "помощь").await;
    let path = format!("/conversations/{}", answer["conversation_id"].as_str().unwrap());
    let renamed: Value = client
        .patch(&path, &json!({"title": " Про справку "}))
        .await
        .json();
    assert_eq!(renamed["title"], "Про справку");
    let kept: Value = client.get(&path).await.json();
    assert_eq!(kept["title"], "Про справку");
    for wrong in ["", "  ", "две\nстроки", &"ы".repeat(201)] {
        client
            .patch(&path, &json!({ "title": wrong }))
            .await
            .assert_problem(422, "request.validation_failed");
    }
    service
        .accountant()
        .patch(&path, &json!({"title": "Моё"}))
        .await
        .assert_problem(404, "assistant.conversation_not_found");
}

#[tokio::test]
async fn conversations_are_found_by_words_in_any_form() {
    let service = Service::start().await;
    let client = service.user(&Grant::new(&[Permission::Chat, Permission::OnecRead]));
    let debts = ask(&client, "Кто нам должен больше всего?").await;
    let help = ask(&client, "помощь").await;
    let path = format!("/conversations/{}", help["conversation_id"].as_str().unwrap());
    client
        .patch(&path, &json!({"title": "Скидка 100% для Ромашки"}))
        .await;
    let find = async |client: &common::testing::Client, text: &str| -> Vec<Value> {
        let query = url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let found: Value = client.get(&format!("/conversations?q={query}")).await.json();
        found["items"].as_array().unwrap().clone()
    };
    // In the answer; another form, the beginning of a word.
    for words in ["Вектор", "вектора", "вект", "должен всего", "вектор ДОЛЖЕН"]
    {
        let found = find(&client, words).await;
        let expected = &debts["conversation_id"];
        assert!(
            found.iter().any(|one| one["id"] == *expected),
            "{words}: {found:?}"
        );
    }
    let found = find(&client, "Вектор").await;
    assert_eq!(found[0]["found"]["message_id"], debts["message_id"]);
    let excerpt = found[0]["found"]["excerpt"].as_str().unwrap();
    assert!(excerpt.contains("Вектор"), "{excerpt}");
    // In a title, as it is written.
    let found = find(&client, "100% для").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["id"], help["conversation_id"]);
    for nothing in ["вектор одуванчик", "_кидка", "'); drop table", "&|!"] {
        assert_eq!(find(&client, nothing).await, Vec::<Value>::new(), "{nothing}");
    }
    // One's own only.
    assert_eq!(find(&service.accountant(), "Вектор").await, Vec::<Value>::new());
    let long = format!("/conversations?q={}", "x".repeat(201));
    client.get(&long).await.assert_problem(400, "request.invalid");
}

#[tokio::test]
async fn a_conversation_is_exported() {
    let service = Service::start().await;
    let client = service.user(&Grant::new(&[Permission::Chat, Permission::OnecRead]));
    let first = ask(&client, "Кто нам должен?").await;
    let id = first["conversation_id"].as_str().unwrap();
    let edited = json!({"message": "помощь", "conversation_id": id, "edit": first["question_id"]});
    client.post("/chat", &edited).await;
    let path = format!("/conversations/{id}/export");
    let all = client.get(&format!("{path}?format=json")).await;
    assert_eq!(
        all.headers["content-disposition"],
        format!("attachment; filename=\"conversation-{id}.json\"")
    );
    let all: Value = all.json();
    assert_eq!(all["messages"].as_array().unwrap().len(), 4, "of all branches");
    assert_eq!(all["messages"][1]["answer"], first);
    let again = json!({"conversation_id": id, "regenerate": first["question_id"]});
    client.post("/chat", &again).await;
    let text = client.get(&path).await;
    assert_eq!(text.headers["content-type"], "text/markdown; charset=utf-8");
    let text = text.text();
    for part in [
        "# Кто нам должен?\n",
        "## Вопрос, 24.11.2026 13:00\n\n> Кто нам должен?\n",
        "## Ответ, 24.11.2026 13:00\n",
        "Вектор ООО",
        "- [1] Демо · AccountingRegister_Хозрасчетный · 24.11.2026 13:00",
        "без языковой модели",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(
        !text.contains("> помощь"),
        "the branch of the latest message only"
    );
    client
        .get(&format!("{path}?format=pdf"))
        .await
        .assert_problem(400, "request.invalid_query");
    service
        .accountant()
        .get(&path)
        .await
        .assert_problem(404, "assistant.conversation_not_found");
}

#[tokio::test]
async fn an_answer_is_rated() {
    let service = Service::start().await;
    let client = service.user(&Grant::new(&[Permission::Chat]));
    let answer = ask(&client, "помощь").await;
    let path = format!("/messages/{}/rating", answer["message_id"].as_str().unwrap());
    let kept = async || -> Value {
        let id = answer["conversation_id"].as_str().unwrap();
        let kept: Value = client.get(&format!("/conversations/{id}")).await.json();
        kept["messages"][1].clone()
    };
    let rating = json!({"rating": "down", "comment": " не то "});
    assert_eq!(client.put(&path, &rating).await.status, 204);
    let rated = kept().await;
    assert_eq!(
        (&rated["rating"], &rated["rating_comment"]),
        (&json!("down"), &json!("не то"))
    );
    assert_eq!(client.put(&path, &json!({"rating": "up"})).await.status, 204);
    assert_eq!(kept().await["rating"], "up");
    assert!(kept().await.get("rating_comment").is_none());
    assert_eq!(service.audited("answer.rated").await, 2);
    assert_eq!(service.audited("не то").await, 0, "texts are not told");
    assert_eq!(client.delete(&path).await.status, 204);
    assert!(kept().await.get("rating").is_none());
    for wrong in [
        json!({}),
        json!({"rating": "good"}),
        json!({"rating": "up", "comment": "ы".repeat(2001)}),
    ] {
        client
            .put(&path, &wrong)
            .await
            .assert_problem(422, "request.validation_failed");
    }
    let question = format!("/messages/{}/rating", answer["question_id"].as_str().unwrap());
    let stranger = service.accountant();
    for (client, path) in [(&client, &question), (&stranger, &path)] {
        client
            .put(path, &json!({"rating": "up"}))
            .await
            .assert_problem(404, "assistant.message_not_found");
        client
            .delete(path)
            .await
            .assert_problem(404, "assistant.message_not_found");
    }
}

#[tokio::test]
async fn what_is_deleted_cannot_be_read_on() {
    let service = Service::start().await;
    let client = service.user(&Grant::new(&[Permission::Chat, Permission::OnecRead]));
    let body = json!({"message": "Кто нам должен?", "resumable": true});
    let answer: Value = client.post("/chat", &body).await.json();
    let events = format!("/chat/{}/events", answer["message_id"].as_str().unwrap());
    assert_eq!(client.get(&events).await.status, 200);
    let path = format!("/conversations/{}", answer["conversation_id"].as_str().unwrap());
    assert_eq!(client.delete(&path).await.status, 204);
    client
        .get(&events)
        .await
        .assert_problem(404, "assistant.message_not_found");
}
