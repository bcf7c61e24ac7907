//! People are told: by webhook, letter, Telegram and Alertmanager, once, however long a receiver is away.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::extract::{Request, State};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::auth::Permission::{SecurityAdmin, SecurityRead};
use common::events::Stream;
use common::testing::{self, Proxy, TestServer};
use http::StatusCode;
use security::SCHEMA;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::support::{Whole, burst, eventually, items};

const SECRET: &str = "a-secret-of-the-receiver";
const WITHIN: Duration = Duration::from_secs(20);

/// What a receiver got, and what it answers.
#[derive(Clone)]
struct Receiver {
    got: Arc<Mutex<Vec<(String, http::HeaderMap, String)>>>,
    answer: Arc<Mutex<StatusCode>>,
}

impl Receiver {
    async fn open() -> (TestServer, Self) {
        let receiver = Self {
            got: Arc::default(),
            answer: Arc::new(Mutex::new(StatusCode::OK)),
        };
        let take = |State(receiver): State<Self>, request: Request| async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let text = String::from_utf8(body.to_vec()).unwrap();
            receiver
                .got
                .lock()
                .unwrap()
                .push((parts.uri.path().to_owned(), parts.headers, text));
            *receiver.answer.lock().unwrap()
        };
        let router = axum::Router::new()
            .route("/{*path}", post(take))
            .with_state(receiver.clone());
        (TestServer::serve(router).await, receiver)
    }

    fn got(&self) -> Vec<(String, http::HeaderMap, String)> {
        self.got.lock().unwrap().clone()
    }
}

async fn service(settings: &[(&str, &str)]) -> Whole {
    let redis = testing::redis().await;
    let url = redis.url().to_owned();
    let database = testing::database_url(&SCHEMA).await;
    Whole::with(redis, &url, &database, settings).await
}

#[tokio::test]
async fn a_receiver_that_was_down_is_told_once_and_can_verify_it() {
    let (server, receiver) = Receiver::open().await;
    let proxy = Proxy::start(server.address()).await;
    let url = format!("http://{}/hook", proxy.address());
    let service = service(&[
        ("THREATS_WEBHOOK_URL", &url),
        ("THREATS_WEBHOOK_SECRET", SECRET),
        ("THREATS_MIN_SEVERITY", "medium"),
    ])
    .await;
    let client = service.client(&[SecurityRead, SecurityAdmin]);
    proxy.cut();
    service.publish(Stream::Auth, &burst("192.0.2.7")).await;
    eventually("an attempt that failed", WITHIN, async || {
        let all = items(&client, "/notifications/deliveries?state=pending").await;
        all.iter()
            .any(|one| one["attempts"].as_i64() >= Some(2) && one["error"].is_string())
    })
    .await;
    assert!(receiver.got().is_empty());
    proxy.restore();
    eventually("the delivery", WITHIN, async || {
        items(&client, "/notifications/deliveries?state=delivered")
            .await
            .len()
            == 1
    })
    .await;
    let got = receiver.got();
    assert_eq!(got.len(), 1);
    let (path, headers, body) = &got[0];
    assert_eq!(path, "/hook");
    let header = |name: &str| headers[name].to_str().unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signed = format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp"));
    let tag = STANDARD
        .decode(header("webhook-signature").strip_prefix("v1,").unwrap())
        .unwrap();
    assert!(hmac::verify(&key, signed.as_bytes(), &tag).is_ok());
    let message: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&message["type"], &message["rule"]),
        (&json!("alert.opened"), &json!("login_burst"))
    );
    assert_eq!(message["title"]["ru"], "Подбор пароля с адреса 192.0.2.7");
    assert_eq!(message["evidence"]["failures"], 5);

    // What is resolved is told as well.
    let alert = message["alert_id"].as_str().unwrap();
    client.post(&format!("/alerts/{alert}/resolve"), &json!({})).await;
    eventually("the end", WITHIN, async || receiver.got().len() == 2).await;
    assert!(receiver.got()[1].2.contains("alert.resolved"));
}

#[tokio::test]
async fn what_a_receiver_refuses_waits_for_somebody_to_retry_it() {
    let (server, receiver) = Receiver::open().await;
    *receiver.answer.lock().unwrap() = StatusCode::GONE;
    let url = format!("{}/hook", server.url());
    let service = service(&[("THREATS_WEBHOOK_URL", &url), ("THREATS_WEBHOOK_SECRET", SECRET)]).await;
    let client = service.client(&[SecurityRead, SecurityAdmin]);
    let tried = client
        .post("/notifications/test", &json!({"channel": "webhook"}))
        .await;
    assert_eq!(tried.status, 202, "{}", tried.text());
    let mut dead = Vec::new();
    eventually("the refusal", WITHIN, async || {
        dead = items(&client, "/notifications/deliveries?state=dead").await;
        dead.len() == 1
    })
    .await;
    assert!(dead[0]["error"].as_str().unwrap().contains("410"));
    assert_eq!(client.get("/notifications").await.json::<Value>()["dead"], 1);
    *receiver.answer.lock().unwrap() = StatusCode::NO_CONTENT;
    let retry = format!(
        "/notifications/deliveries/{}/retry",
        dead[0]["id"].as_str().unwrap()
    );
    assert_eq!(client.post(&retry, &json!({})).await.status, 202);
    eventually("the delivery", WITHIN, async || {
        items(&client, "/notifications/deliveries?state=delivered")
            .await
            .len()
            == 1
    })
    .await;
    let ids: Vec<_> = receiver
        .got()
        .iter()
        .map(|(_, headers, _)| headers["webhook-id"].clone())
        .collect();
    assert_eq!(ids[0], ids[1], "a receiver knows a repetition");
    client
        .post(&retry, &json!({}))
        .await
        .assert_problem(404, "request.not_found");
    client
        .post("/notifications/test", &json!({"channel": "telegram"}))
        .await
        .assert_problem(409, "notifications.not_configured");
}

#[tokio::test]
async fn a_silence_keeps_messages_back_and_not_threats() {
    let (server, receiver) = Receiver::open().await;
    let url = format!("{}/hook", server.url());
    let service = service(&[
        ("THREATS_WEBHOOK_URL", &url),
        ("THREATS_WEBHOOK_SECRET", SECRET),
        ("THREATS_MIN_SEVERITY", "low"),
    ])
    .await;
    let client = service.client(&[SecurityRead, SecurityAdmin]);
    let soon = common::clock::Clock::system().now() + chrono::Duration::hours(1);
    let wrong = json!({"ends_at": "2001-01-01T00:00:00Z", "reason": "x"});
    client
        .post("/notifications/silences", &wrong)
        .await
        .assert_problem(422, "request.validation_failed");
    let silence = json!({"rule": "login_burst", "up_to": "medium", "ends_at": soon, "reason": "a test"});
    let added = client.post("/notifications/silences", &silence).await;
    assert_eq!(added.status, 201, "{}", added.text());
    service.publish(Stream::Auth, &burst("192.0.2.7")).await;
    eventually("the alert", WITHIN, async || {
        items(&client, "/alerts").await.len() == 1
    })
    .await;
    let alert = items(&client, "/alerts").await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let whole: Value = client.get(&format!("/alerts/{alert}")).await.json();
    assert!(
        whole["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .any(|line| line["kind"] == "silenced")
    );
    assert!(items(&client, "/notifications/deliveries").await.is_empty());
    let id = added.json::<Value>()["id"].as_str().unwrap().to_owned();
    assert_eq!(items(&client, "/notifications/silences").await.len(), 1);
    assert_eq!(
        client
            .delete(&format!("/notifications/silences/{id}"))
            .await
            .status,
        204
    );
    client
        .delete(&format!("/notifications/silences/{id}"))
        .await
        .assert_problem(404, "request.not_found");
    service.publish(Stream::Auth, &burst("192.0.2.8")).await;
    eventually("the message", WITHIN, async || !receiver.got().is_empty()).await;
    assert!(receiver.got()[0].2.contains("192.0.2.8"));
}

/// Takes one letter and returns all of it.
#[expect(clippy::disallowed_methods, reason = "ends with the runtime of its test")]
async fn post_office() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let letters: Arc<Mutex<Vec<String>>> = Arc::default();
    let taken = Arc::clone(&letters);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            let _ = write.write_all(b"220 office\r\n").await;
            while let Ok(Some(line)) = lines.next_line().await {
                let answer = if line.starts_with("DATA") {
                    let _ = write.write_all(b"354 go on\r\n").await;
                    let mut letter = String::new();
                    while let Ok(Some(line)) = lines.next_line().await {
                        if line == "." {
                            break;
                        }
                        letter.push_str(&line);
                        letter.push('\n');
                    }
                    taken.lock().unwrap().push(letter);
                    "250 taken\r\n"
                } else {
                    "250 ok\r\n"
                };
                if write.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    (url, letters)
}

#[tokio::test]
async fn letters_telegram_and_alertmanager_are_told_too() {
    let (server, receiver) = Receiver::open().await;
    let (smtp, letters) = post_office().await;
    let (telegram, alertmanager) = (format!("{}/", server.url()), format!("{}/am", server.url()));
    let service = service(&[
        ("THREATS_MIN_SEVERITY", "medium"),
        ("THREATS_LANGUAGE", "en"),
        ("THREATS_EMAIL", "one@example.org, two@example.org"),
        ("SMTP_URL", &smtp),
        ("SMTP_FROM", "robot@example.org"),
        ("THREATS_TELEGRAM_URL", &telegram),
        ("THREATS_TELEGRAM_TOKEN", "123:abc"),
        ("THREATS_TELEGRAM_CHAT", "-100"),
        ("THREATS_ALERTMANAGER_URL", &alertmanager),
    ])
    .await;
    service.publish(Stream::Auth, &burst("192.0.2.7")).await;
    let find = |path: &'static str| receiver.got().into_iter().find(|(got, _, _)| got == path);
    eventually("all of them", Duration::from_secs(40), async || {
        find("/bot123:abc/sendMessage").is_some()
            && find("/am/api/v2/alerts").is_some()
            && !letters.lock().unwrap().is_empty()
    })
    .await;
    let chat: Value = serde_json::from_str(&find("/bot123:abc/sendMessage").unwrap().2).unwrap();
    assert_eq!(chat["chat_id"], "-100");
    assert!(
        chat["text"]
            .as_str()
            .unwrap()
            .starts_with("Threat (medium): Password guessing from 192.0.2.7")
    );
    let alerts: Value = serde_json::from_str(&find("/am/api/v2/alerts").unwrap().2).unwrap();
    assert_eq!(alerts[0]["labels"]["rule"], "login_burst");
    assert_eq!(
        alerts[0]["annotations"]["summary"],
        "Password guessing from 192.0.2.7"
    );
    assert!(alerts[0]["endsAt"].as_str() > alerts[0]["startsAt"].as_str());
    let letter = letters.lock().unwrap()[0].clone();
    assert!(
        letter.contains("Subject: Threat (medium): Password guessing from 192.0.2.7"),
        "{letter}"
    );
    assert!(letter.contains("two@example.org"));
}
