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
