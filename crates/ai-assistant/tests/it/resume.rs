//! Broken streams are read on, and answers are cancelled, at any replica.

use std::time::{Duration, Instant};

use common::auth::Permission;
use common::testing::{Client, Grant};
use futures_util::StreamExt;
use reqwest::Response;
use serde_json::{Value, json};

use crate::setup::{Service, eventually};
use crate::streams::{Event, parsed, raw_events, text_of};

fn grant() -> Grant {
    Grant::new(&[Permission::Chat, Permission::OnecRead])
}

/// Begins a stream and reads it up to an event of that name.
async fn begin(client: &Client, body: &Value, key: Option<&str>, until: &str) -> (Vec<Event>, Response) {
    let mut request = client
        .request(http::Method::POST, "/chat")
        .header("accept", "text/event-stream")
        .json(body);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let mut response = common::http::client::send(request).await.unwrap();
    let mut seen = String::new();
    while !seen.contains(&format!("event: {until}\n")) || !seen.ends_with("\n\n") {
        seen.push_str(&String::from_utf8_lossy(
            &response.chunk().await.unwrap().unwrap(),
        ));
    }
    (parsed(&seen), response)
}

async fn read_on(client: &Client, message: &str, after: u64) -> Vec<Event> {
    let response = client.get(&format!("/chat/{message}/events?after={after}")).await;
    assert_eq!(response.status, 200, "{}", response.text());
    parsed(&response.text())
}

fn message_of(events: &[Event]) -> String {
    events[0].2["message_id"].as_str().unwrap().to_owned()
}

fn joined(events: &[Event]) -> String {
    let named: Vec<(String, Value)> = events
        .iter()
        .map(|(_, name, data)| (name.clone(), data.clone()))
        .collect();
    text_of(&named)
}

#[tokio::test]
async fn a_broken_stream_is_read_on_at_another_replica() {
    let service = Service::with_provider("openai").await;
    let replica = service.replica().await;
    let grant = grant();
    let body = json!({"message": "Расскажи", "model": "fake-steady", "resumable": true});
    let (mut events, response) = begin(&service.user(&grant), &body, None, "token").await;
    assert_eq!(events[0].1, "message.start");
    assert_eq!(events[0].2["resumable"], true);
    drop(response);
    let message = message_of(&events);
    let last = events.last().unwrap().0;
    let other = replica.user(&service, &grant);
    // A page that is opened anew learns of the answer in the making.
    let path = format!(
        "/conversations/{}",
        events[0].2["conversation_id"].as_str().unwrap()
    );
    let kept: Value = other.get(&path).await.json();
    assert_eq!(kept["answering"], message);
    let rest = read_on(&other, &message, last).await;
    assert_eq!(rest[0].0, last + 1);
    eventually("the end of the answering", async || {
        other.get(&path).await.json::<Value>().get("answering").is_none()
    })
    .await;
    events.extend(rest);
    let ids: Vec<u64> = events.iter().map(|event| event.0).collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
    let (_, name, done) = events.last().unwrap();
    assert_eq!(name, "done");
    assert_eq!(joined(&events), done["answer"].as_str().unwrap());
    assert_eq!(service.provider.finished(), 1, "the answer went on");
    // All of it again, by the header that browsers send; and nothing after the last one.
    let again = |id: u64| {
        other
            .request(http::Method::GET, &format!("/chat/{message}/events"))
            .header("last-event-id", id.to_string())
    };
    let whole = parsed(&other.send(again(0)).await.text());
    assert_eq!(whole, events);
    assert_eq!(other.send(again(*ids.last().unwrap())).await.status, 204);
    // What is kept expires.
    let key = format!("assistant:answer:{}:{message}:events", grant.user_id);
    let seconds: i64 = redis::cmd("TTL")
        .arg(key)
        .query_async(&mut service.redis.connect().connection())
        .await
        .unwrap();
    assert!((1..=600).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn events_are_one_s_own() {
    let service = Service::start().await;
    let grant = grant();
    let client = service.user(&grant);
    let body = json!({"message": "Кто нам должен?", "stream": true, "resumable": true});
    let events = raw_events(&client, &body).await;
    let path = format!("/chat/{}/events", message_of(&events));
    let stranger = service.accountant();
    stranger
        .get(&path)
        .await
        .assert_problem(404, "assistant.message_not_found");
    let cancel = path.replace("events", "cancel");
    stranger
        .post(&cancel, &json!({}))
        .await
        .assert_problem(404, "assistant.message_not_found");
    client
        .post(&cancel, &json!({}))
        .await
        .assert_problem(409, "assistant.answer_ended");
    client
        .get("/chat/nonsense/events")
        .await
        .assert_problem(404, "request.not_found");
    client
        .get(&format!("{path}?after=x"))
        .await
        .assert_problem(400, "request.invalid_query");
    let header = client
        .request(http::Method::GET, &path)
        .header("last-event-id", "x");
    client.send(header).await.assert_problem(400, "request.invalid");
}

#[tokio::test]
async fn an_answer_whose_events_are_not_kept_comes_whole() {
    let mut service = Service::start().await;
    let grant = grant();
    let client = service.user(&grant);
    let events = raw_events(&client, &json!({"message": "Кто нам должен?", "stream": true})).await;
    assert_eq!(events[0].2["resumable"], false);
    let message = message_of(&events);
    let whole = read_on(&client, &message, 0).await;
    assert_eq!(whole.last().unwrap().2, events.last().unwrap().2);
    assert_eq!(joined(&whole), joined(&events));
    let rest = read_on(&client, &message, 2).await;
    assert_eq!((rest[0].0, rest[0].1.as_str()), (3, "restart"));
    // Without Redis too; what is unknown may then be in the making.
    service.redis.stop().await;
    let whole = read_on(&client, &message, 0).await;
    assert_eq!(joined(&whole), joined(&events));
    let unknown = common::ids::new_id();
    for problem in [
        client.get(&format!("/chat/{unknown}/events")).await,
        client.post(&format!("/chat/{unknown}/cancel"), &json!({})).await,
    ] {
        problem.assert_problem(503, "dependency.unavailable");
    }
    let events = raw_events(
        &client,
        &json!({"message": "Кто нам должен?", "stream": true, "resumable": true}),
    )
    .await;
    assert_eq!(
        events[0].2["resumable"], false,
        "nothing is promised without Redis"
    );
    assert_eq!(events.last().unwrap().1, "done");
}

#[tokio::test]
async fn any_replica_cancels() {
    for resumable in [false, true] {
        for elsewhere in [false, true] {
            let service = Service::with_provider("chat").await;
            let replica = service.replica().await;
            let grant = grant();
            let client = service.user(&grant);
            let body = json!({"message": "Расскажи", "model": "fake-slow", "resumable": resumable});
            let (events, response) = begin(&client, &body, None, "token").await;
            let message = message_of(&events);
            let canceller = if elsewhere {
                replica.user(&service, &grant)
            } else {
                client.clone()
            };
            let cancelled = Instant::now();
            let told = canceller
                .post(&format!("/chat/{message}/cancel"), &json!({}))
                .await;
            assert_eq!(told.status, 202, "{resumable} {elsewhere}");
            eventually("the end of the model's stream", async || {
                !service.provider.left().is_empty()
            })
            .await;
            let noticed = service.provider.left()[0] - cancelled;
            println!(
                "resumable {resumable}, elsewhere {elsewhere}: cancelled after {} ms",
                noticed.as_millis()
            );
            // A tenth of this on a machine that does nothing else.
            assert!(noticed < Duration::from_secs(1), "{noticed:?}");
            let rest: Vec<_> = response.bytes_stream().collect().await;
            let rest: String = rest
                .into_iter()
                .map(|chunk| String::from_utf8_lossy(&chunk.unwrap()).into_owned())
                .collect();
            let rest = parsed(&rest);
            let (_, name, data) = rest.last().unwrap();
            assert_eq!(name, "error");
            assert_eq!(data["problem"]["code"], "assistant.cancelled");
            assert_eq!(data["problem"]["message_id"], message);
            // What was made of it is kept and marked.
            let path = format!(
                "/conversations/{}",
                events[0].2["conversation_id"].as_str().unwrap()
            );
            let kept: Value = client.get(&path).await.json();
            assert_eq!(kept["messages"][1]["status"], "cancelled");
            assert!(
                kept["messages"][1]["content"]
                    .as_str()
                    .unwrap()
                    .starts_with("Подождите")
            );
            assert_eq!(service.usage().await[0].1, "cancelled");
            let late = read_on(&client, &message, 0).await;
            assert_eq!(late.last().unwrap().2["problem"]["code"], "assistant.cancelled");
            assert!(joined(&late).starts_with("Подождите"));
        }
    }
}

#[tokio::test]
async fn a_json_answer_is_cancelled_by_request_too() {
    let service = Service::with_provider("chat").await;
    let grant = grant();
    let client = service.user(&grant);
    let body = json!({"message": "Расскажи", "model": "fake-slow"});
    let asking = client.post("/chat", &body);
    let cancelling = async {
        eventually("the question at the model", async || {
            !service.provider.asked().is_empty()
        })
        .await;
        let alive: Vec<String> = redis::cmd("KEYS")
            .arg("assistant:answer:*:alive")
            .query_async(&mut service.redis.connect().connection())
            .await
            .unwrap();
        let message = alive[0].split(':').nth(3).unwrap().to_owned();
        client.post(&format!("/chat/{message}/cancel"), &json!({})).await
    };
    let (asked, cancelled) = tokio::join!(asking, cancelling);
    assert_eq!(cancelled.status, 202);
    asked.assert_problem(409, "assistant.cancelled");
}

#[tokio::test]
async fn an_answer_whose_process_has_died_is_called_lost() {
    let service = Service::with_provider("chat").await;
    let grant = grant();
    let client = service.user(&grant);
    let message = common::ids::new_id();
    // What a process leaves behind.
    let _: () = redis::cmd("XADD")
        .arg(format!("assistant:answer:{}:{message}:events", grant.user_id))
        .arg("0-1")
        .arg(&["event", "message.start", "data", "{}", "gaps", "0"])
        .query_async(&mut service.redis.connect().connection())
        .await
        .unwrap();
    let events = read_on(&client, &message.to_string(), 0).await;
    let (id, name, data) = events.last().unwrap();
    assert_eq!((*id, name.as_str()), (2, "error"));
    assert_eq!(data["problem"]["code"], "assistant.answer_lost");
}

#[tokio::test]
async fn what_is_missing_of_the_kept_events_comes_with_the_whole_answer() {
    let service = Service::start().await;
    let grant = grant();
    let client = service.user(&grant);
    let body = json!({"message": "Кто нам должен?", "stream": true, "resumable": true});
    let events = raw_events(&client, &body).await;
    let message = message_of(&events);
    let key = format!("assistant:answer:{}:{message}:events", grant.user_id);
    let last = events.last().unwrap().0;
    let mut connection = service.redis.connect().connection();
    redis::pipe()
        .cmd("DEL")
        .arg(&key)
        .ignore()
        .cmd("XADD")
        .arg(&key)
        .arg("0-1")
        .arg(&["event", "message.start", "data", "{}", "gaps", "0"])
        .ignore()
        .cmd("XADD")
        .arg(&key)
        .arg(format!("0-{last}"))
        .arg(&["event", "done", "data", "", "gaps", "1"])
        .ignore()
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    let rest = read_on(&client, &message, 1).await;
    assert_eq!(rest[0].1, "restart");
    assert_eq!(joined(&rest), joined(&events));
    assert_eq!(rest.last().unwrap(), events.last().unwrap());
}

#[tokio::test]
async fn a_repeated_stream_gets_the_events_of_the_first() {
    let service = Service::with_provider("chat").await;
    let grant = grant();
    let client = service.user(&grant);
    let body = json!({"message": "Расскажи", "model": "fake-steady"});
    let (mut first, response) = begin(&client, &body, Some("k"), "token").await;
    // In the making: the second watches.
    let (second, watching) = begin(&client, &body, Some("k"), "token").await;
    assert_eq!(second[0], first[0]);
    drop(watching);
    let rest: Vec<_> = response.bytes_stream().collect().await;
    let rest: String = rest
        .into_iter()
        .map(|chunk| String::from_utf8_lossy(&chunk.unwrap()).into_owned())
        .collect();
    first.extend(parsed(&rest));
    assert_eq!(first.last().unwrap().1, "done");
    assert_eq!(service.provider.asked().len(), 1);
    // Complete: the third gets the answer.
    let (third, _) = begin(&client, &body, Some("k"), "done").await;
    assert_eq!(third[0].1, "message.start");
    assert_eq!(third.last().unwrap().2, first.last().unwrap().2);
    assert_eq!(joined(&third), joined(&first));
    assert_eq!(service.provider.asked().len(), 1);
}

#[tokio::test]
async fn deleting_a_conversation_cancels_its_answer() {
    let service = Service::with_provider("chat").await;
    let replica = service.replica().await;
    let grant = grant();
    let body = json!({"message": "Расскажи", "model": "fake-slow", "resumable": true});
    let (events, response) = begin(&service.user(&grant), &body, None, "token").await;
    let path = format!(
        "/conversations/{}",
        events[0].2["conversation_id"].as_str().unwrap()
    );
    let other = replica.user(&service, &grant);
    assert_eq!(other.delete(&path).await.status, 204);
    eventually("the end of the model's stream", async || {
        !service.provider.left().is_empty()
    })
    .await;
    let rest = response.text().await.unwrap();
    assert_eq!(parsed(&rest).last().unwrap().1, "error");
    let messages: i64 = sqlx::query_scalar("select count(*) from assistant.messages")
        .fetch_one(&service.db)
        .await
        .unwrap();
    assert_eq!(messages, 0);
}
