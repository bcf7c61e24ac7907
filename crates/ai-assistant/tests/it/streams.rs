//! Answers as server-sent events.

use std::time::Duration;

use common::testing::Client;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::setup::{Service, eventually};

pub(crate) async fn events(client: &Client, body: &Value) -> Vec<(String, Value)> {
    raw_events(client, body)
        .await
        .into_iter()
        .map(|(_, name, data)| (name, data))
        .collect()
}

/// Number, name and data of each event.
pub(crate) async fn raw_events(client: &Client, body: &Value) -> Vec<Event> {
    let request = client
        .request(http::Method::POST, "/chat")
        .header("accept", "text/event-stream")
        .json(body);
    let response = client.send(request).await;
    assert_eq!(
        response.headers["content-type"],
        "text/event-stream",
        "{}",
        response.text()
    );
    parsed(&response.text())
}

/// Number (0 when it has none), name and data.
pub(crate) type Event = (u64, String, Value);

/// The events of a stream.
pub(crate) fn parsed(text: &str) -> Vec<Event> {
    text.split("\n\n")
        .filter_map(|event| {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            let id = field("id: ").map_or(0, |id| id.parse().unwrap());
            let data = serde_json::from_str(field("data: ")?).unwrap();
            Some((id, field("event: ")?.to_owned(), data))
        })
        .collect()
}

pub(crate) fn text_of(events: &[(String, Value)]) -> String {
    events
        .iter()
        .filter(|(name, _)| name == "token")
        .map(|(_, data)| data["text"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn the_built_in_engine_streams() {
    let service = Service::start().await;
    let events = events(&service.accountant(), &json!({"message": "Кто нам должен?"})).await;
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(&names[..3], ["message.start", "tool.call", "tool.result"]);
    assert_eq!(&names[names.len() - 3..], ["citation", "usage", "done"]);
    let done = &events.last().unwrap().1;
    assert_eq!(text_of(&events), done["answer"].as_str().unwrap());
    assert_eq!(events[0].1["message_id"], done["message_id"]);
}

#[tokio::test]
async fn a_model_streams_with_its_tools() {
    for dialect in ["openai", "chat", "anthropic"] {
        let service = Service::with_provider(dialect).await;
        let events = events(
            &service.accountant(),
            &json!({"message": "Кто нам должен?", "model": "fake", "stream": true}),
        )
        .await;
        let tools: Vec<_> = events
            .iter()
            .filter(|(name, _)| name.starts_with("tool"))
            .map(|(name, data)| (name.as_str(), &data["is_error"]))
            .collect();
        let expected = [("tool.call", &Value::Null), ("tool.result", &json!(false))];
        assert_eq!(tools, expected, "{dialect}");
        let done = &events.last().unwrap().1;
        assert_eq!(text_of(&events), done["answer"].as_str().unwrap(), "{dialect}");
    }
}

#[tokio::test]
async fn a_broken_answer_is_called_void_and_another_engine_answers() {
    for dialect in ["openai", "chat", "anthropic"] {
        let service = Service::with_provider(dialect).await;
        for model in ["fault-cut", "fault-stall", "fault-reset"] {
            let events = events(
                &service.accountant(),
                &json!({"message": "Кто нам должен?", "model": model}),
            )
            .await;
            let restart = events.iter().rposition(|(name, _)| name == "restart").unwrap();
            assert!(
                text_of(&events[..restart]).contains("Долг составляет"),
                "{dialect} {model}"
            );
            let (name, done) = events.last().unwrap();
            assert_eq!((name.as_str(), &done["engine"]), ("done", &json!("rules")));
            assert_eq!(text_of(&events[restart..]), done["answer"].as_str().unwrap());
            assert!(!done["answer"].as_str().unwrap().contains("Долг составляет"));
        }
    }
}

#[tokio::test]
async fn without_data_the_stream_ends_with_the_problem() {
    let service = Service::start().await;
    service.onec.set(crate::onec::Mood::Slow);
    let events = events(&service.accountant(), &json!({"message": "Кто нам должен?"})).await;
    assert_eq!(
        events.last().unwrap().1["problem"]["code"],
        "assistant.onec_unavailable"
    );
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_model_and_the_books_are_closed() {
    let service = Service::with_provider("openai").await;
    let client = service.accountant();
    let request = client
        .request(http::Method::POST, "/chat")
        .json(&json!({"message": "Расскажи", "model": "fake-slow", "stream": true}));
    let response = common::http::client::send(request).await.unwrap();
    let mut stream = response.bytes_stream();
    let mut seen = String::new();
    while !seen.contains("event: token") {
        seen.push_str(&String::from_utf8_lossy(&stream.next().await.unwrap().unwrap()));
    }
    drop(stream);
    let left = std::time::Instant::now();
    eventually("the end of the model's stream", async || {
        !service.provider.left().is_empty()
    })
    .await;
    let noticed = service.provider.left()[0] - left;
    println!("the model was cancelled after {} ms", noticed.as_millis());
    // A tenth of this on a machine that does nothing else.
    assert!(noticed < Duration::from_secs(1), "{noticed:?}");
    eventually("the usage row", async || !service.usage().await.is_empty()).await;
    assert_eq!(
        service.usage().await,
        [(
            "openai".to_owned(),
            "cancelled".to_owned(),
            Some("assistant.cancelled".to_owned())
        )]
    );
    assert_eq!(service.provider.finished(), 0, "the model went on talking");
    let kept: (String, String) =
        sqlx::query_as("select status, content from assistant.messages where role = 'assistant'")
            .fetch_one(&service.db)
            .await
            .unwrap();
    assert_eq!(kept.0, "cancelled");
    assert!(kept.1.starts_with("Подождите"));
}

#[tokio::test]
async fn a_client_that_leaves_before_a_json_answer_cancels_too() {
    let service = Service::with_provider("chat").await;
    let client = service.accountant();
    let request = client
        .request(http::Method::POST, "/chat")
        .json(&json!({"message": "Расскажи", "model": "fake-slow"}));
    let left = tokio::time::timeout(Duration::from_millis(500), client.send(request)).await;
    assert!(left.is_err());
    eventually("the usage row", async || !service.usage().await.is_empty()).await;
    assert_eq!(service.usage().await[0].1, "cancelled");
}
