//! `/reports/schedules`, and what becomes of them.

use std::sync::{Arc, Mutex};

use analytics::SCHEMA;
use aws_lc_rs::hmac;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::auth::Permission::{AnalyticsRead, OnecRead, Reports};
use common::testing::{self, Client, Grant, TestServer};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use crate::onec::Mood;
use crate::post_office::PostOffice;
use crate::support::{Service, Setting, eventually};
use crate::users;

/// A service whose schedules can be delivered.
struct Stage {
    service: Service,
    users: users::StandIn,
    office: PostOffice,
    client: Client,
    grant: Grant,
}

impl Stage {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    async fn with(more: &[(&'static str, String)]) -> Self {
        let (users, office) = (users::StandIn::start().await, PostOffice::open().await);
        let mut settings = vec![
            ("USER_MANAGEMENT_URL", users.url()),
            ("SMTP_URL", office.url()),
            ("SMTP_FROM", "AI-ассистенты <robot@example.org>".to_owned()),
            ("REPORT_EMAIL_DOMAINS", "example.org, example.com".to_owned()),
            ("PUBLIC_URL", "https://ai.example.org".to_owned()),
        ];
        settings.extend(more.iter().cloned());
        let setting = Setting {
            more: settings,
            ..Setting::default()
        };
        let service = Service::with(setting).await;
        let grant = Grant::new(&[Reports, OnecRead]);
        let client = service.client_of(&grant);
        users.give(service.issuer.sign(&grant));
        Self {
            service,
            users,
            office,
            client,
            grant,
        }
    }

    async fn save(&self, body: &Value) -> Value {
        let answer = self.client.post("/reports/schedules", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.headers["cache-control"], "no-store");
        answer.json()
    }

    /// Its time has come.
    async fn make_due(&self, ago: &'static str) {
        sqlx::query(ago).execute(&self.service.db).await.unwrap();
    }

    /// The last run, once it has this state.
    async fn run_is(&self, schedule: &Value, state: &str) -> Value {
        let path = format!("/reports/schedules/{}/runs", schedule["id"].as_str().unwrap());
        let mut runs = Value::Null;
        eventually(&format!("a run that is {state}"), async || {
            runs = self.client.get(&path).await.json();
            runs["items"][0]["state"] == state
        })
        .await;
        runs["items"][0].clone()
    }
}

const NOW: &str = "update analytics.report_schedules set next_at = now() - interval '1 second'";

fn monthly(delivery: &Value) -> Value {
    json!({"name": "Дебиторка директору", "cron": "0 9 1 * *", "time_zone": "Asia/Almaty",
        "order": {"report": "receivables", "period": "previous_month", "format": "xlsx"}, "delivery": delivery})
}

fn email() -> Value {
    json!({"kind": "email", "recipients": ["director@example.org", "glavbuh@example.com"]})
}

/// The decoded part of a letter that follows a mark.
fn decoded(letter: &str, mark: &str) -> Vec<u8> {
    let (_, part) = letter.split_once(mark).unwrap();
    let (_, body) = part.split_once("\n\n").unwrap();
    let body: String = body.lines().take_while(|line| !line.starts_with("--")).collect();
    STANDARD.decode(body).unwrap()
}

#[tokio::test]
async fn a_report_comes_by_mail_once_from_two_replicas() {
    let url = testing::database_url(&SCHEMA).await;
    let (users, office) = (users::StandIn::start().await, PostOffice::open().await);
    let settings = vec![
        ("USER_MANAGEMENT_URL", users.url()),
        ("SMTP_URL", office.url()),
        ("SMTP_FROM", "robot@example.org".to_owned()),
        ("PUBLIC_URL", "https://ai.example.org".to_owned()),
    ];
    let setting = |more: Vec<(&'static str, String)>| Setting {
        database: Some((url.clone(), url.clone())),
        more,
        ..Setting::default()
    };
    let one = Service::with(setting(settings.clone())).await;
    let beside = [
        ("JWKS_URL", format!("{}/jwks.json", one.keys.url())),
        ("ONEC_INTEGRATION_URL", one.onec.url()),
        ("REDIS_URL", one.redis.url().to_owned()),
    ];
    let _other = Service::with(setting(settings.into_iter().chain(beside).collect())).await;
    let grant = Grant::new(&[Reports, OnecRead]);
    users.give(one.issuer.sign(&grant));
    let client = one.client_of(&grant);
    let answer = client.post("/reports/schedules", &monthly(&email())).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let schedule: Value = answer.json();
    assert!(
        schedule["next_at"].as_str().unwrap().ends_with("T04:00:00Z"),
        "{schedule}"
    );
    assert_eq!(
        users.made()[0],
        json!({"name": "Отчёт по расписанию: Дебиторка директору", "permissions": ["reports", "onec:read"],
            "expires_in_days": 366})
    );
    sqlx::query(NOW).execute(&one.db).await.unwrap();
    one.reaches(
        "select count(*) from analytics.report_runs where state = 'delivered'",
        1,
    )
    .await;
    assert_eq!(one.number("select count(*) from analytics.report_runs").await, 1);
    let letters = office.letters();
    assert_eq!(letters.len(), 1);
    let (to, letter) = &letters[0];
    assert_eq!(to, &["director@example.org", "glavbuh@example.com"]);
    assert!(letter.contains("Auto-Submitted: auto-generated"));
    let text = String::from_utf8(decoded(letter, "text/plain")).unwrap();
    assert!(text.contains("Отчёт во вложении"), "{text}");
    assert!(
        text.contains("https://ai.example.org/api/analytics/reports/links/"),
        "{text}"
    );
    let file = decoded(letter, "spreadsheetml.sheet");
    assert!(file.starts_with(b"PK"));
    // The file is the one of the job, which its owner has too.
    let jobs: Value = client.get("/reports/jobs").await.json();
    assert_eq!(jobs["items"][0]["file"]["size"], file.len());
    assert_eq!(one.onec.asked().len(), 1, "the figures were read once");
}

#[tokio::test]
async fn a_webhook_is_signed_repeated_and_links_to_the_file() {
    #[derive(Clone, Default)]
    struct Receiver(Arc<Mutex<Calls>>);
    #[derive(Default)]
    struct Calls {
        seen: Vec<(HeaderMap, String)>,
        taken: bool,
    }
    async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> StatusCode {
        let mut inner = receiver.0.lock().unwrap();
        inner.seen.push((headers, body));
        if inner.taken {
            StatusCode::OK
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
    let receiver = Receiver::default();
    let router = axum::Router::new()
        .route("/hook", axum::routing::post(receive))
        .with_state(receiver.clone());
    let server = TestServer::serve(router).await;
    let stage = Stage::with(&[("REPORT_WEBHOOK_HOSTS", "127.0.0.1".to_owned())]).await;
    let delivery = json!({"kind": "webhook", "url": format!("{}/hook", server.url())});
    let schedule = stage.save(&monthly(&delivery)).await;
    let secret = schedule["webhook_secret"].as_str().unwrap();
    let path = format!("/reports/schedules/{}", schedule["id"].as_str().unwrap());
    let shown: Value = stage.client.get(&path).await.json();
    assert!(shown.get("webhook_secret").is_none());

    let answer = stage.client.post(&format!("{path}/run"), &json!({})).await;
    assert_eq!(answer.status, 202);
    eventually("the first call", async || {
        receiver.0.lock().unwrap().seen.len() == 1
    })
    .await;
    let path = format!("{path}/runs");
    eventually("the attempt is written down", async || {
        let runs: Value = stage.client.get(&path).await.json();
        runs["items"][0]["error"] == "analytics.not_delivered" && runs["items"][0]["state"] == "building"
    })
    .await;
    receiver.0.lock().unwrap().taken = true;
    stage
        .make_due("update analytics.report_runs set next_attempt = now()")
        .await;
    stage.run_is(&schedule, "delivered").await;
    let calls = receiver.0.lock().unwrap().seen.clone();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].0["webhook-id"], calls[1].0["webhook-id"]);
    let (headers, body) = &calls[1];
    let text = |name: &str| headers[name].to_str().unwrap();
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let signed = format!("{}.{}.{body}", text("webhook-id"), text("webhook-timestamp"));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    assert_eq!(
        text("webhook-signature"),
        format!("v1,{}", STANDARD.encode(signature.as_ref()))
    );
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&body["type"], &body["file"]["rows"]),
        (&json!("report.ready"), &json!(2))
    );
    let link = body["file"]["link"].as_str().unwrap();
    let link = link.strip_prefix("https://ai.example.org/api/analytics").unwrap();
    let file = Client::anonymous(stage.service.server.url()).get(link).await;
    assert_eq!(file.body.len(), body["file"]["size"].as_u64().unwrap() as usize);
}

#[tokio::test]
async fn rights_that_are_gone_make_no_report_but_a_letter() {
    let stage = Stage::start().await;
    let schedule = stage.save(&monthly(&email())).await;
    // The key lives, and its owner may no more read 1C.
    stage
        .users
        .give(stage.service.issuer.sign(&Grant::new(&[Reports])));
    stage.make_due(NOW).await;
    let run = stage.run_is(&schedule, "failed").await;
    assert_eq!(run["error"], "auth.permission_denied", "{run}");
    eventually("a letter", async || !stage.office.letters().is_empty()).await;
    assert!(stage.service.onec.asked().is_empty());

    stage
        .users
        .refuse(Some((StatusCode::UNAUTHORIZED, "auth.api_key_invalid")));
    stage.make_due(NOW).await;
    eventually("the second letter", async || stage.office.letters().len() == 2).await;
    let run = stage.run_is(&schedule, "failed").await;
    assert_eq!(
        (&run["error"], &run["error_detail"]),
        (
            &json!("auth.api_key_invalid"),
            &json!("Отказано. Войдите заново.")
        )
    );
    let (_, letter) = &stage.office.letters()[1];
    let text = String::from_utf8(decoded(letter, "text/plain")).unwrap();
    assert!(text.contains("Войдите заново."), "{text}");
}

#[tokio::test]
async fn a_dependency_that_is_away_is_waited_for() {
    let stage = Stage::start().await;
    let schedule = stage.save(&monthly(&email())).await;
    stage.service.onec.set(Mood::InfobaseAway);
    stage.make_due(NOW).await;
    let path = format!("/reports/schedules/{}/runs", schedule["id"].as_str().unwrap());
    eventually("an attempt", async || {
        let runs: Value = stage.client.get(&path).await.json();
        runs["items"][0]["error"] == "onec.infobase_unreachable"
    })
    .await;
    stage.service.onec.set(Mood::Well);
    stage.office.refuse(Some("450 busy"));
    let again = "update analytics.report_runs set next_attempt = now()";
    stage.make_due(again).await;
    eventually("a refused letter", async || {
        let runs: Value = stage.client.get(&path).await.json();
        runs["items"][0]["error"] == "analytics.not_delivered"
    })
    .await;
    stage.office.refuse(None);
    stage.make_due(again).await;
    stage.run_is(&schedule, "delivered").await;
    assert_eq!(stage.office.letters().len(), 1);
    assert_eq!(
        stage
            .service
            .number("select count(*) from analytics.report_jobs")
            .await,
        1
    );
}

#[tokio::test]
async fn what_was_missed_is_skipped_where_nobody_wants_it_late() {
    let stage = Stage::start().await;
    let mut body = monthly(&email());
    body["catch_up"] = json!(false);
    body["cron"] = json!("0 9 * * *");
    let schedule = stage.save(&body).await;
    stage
        .make_due("update analytics.report_schedules set next_at = now() - interval '3 days 1 hour'")
        .await;
    let path = format!("/reports/schedules/{}/runs", schedule["id"].as_str().unwrap());
    eventually("a decision", async || {
        let runs: Value = stage.client.get(&path).await.json();
        runs["items"].as_array().unwrap().len() == 1
    })
    .await;
    let runs: Value = stage.client.get(&path).await.json();
    let state = runs["items"][0]["state"].as_str().unwrap();
    // Unless nine o'clock in Almaty was a moment ago.
    assert!(
        ["skipped", "waiting", "building", "delivered"].contains(&state),
        "{runs}"
    );
    let next: Value = stage
        .client
        .get(&format!(
            "/reports/schedules/{}",
            schedule["id"].as_str().unwrap()
        ))
        .await
        .json();
    assert!(next["next_at"].as_str().unwrap() > runs["items"][0]["due_at"].as_str().unwrap());
}

#[tokio::test]
async fn a_schedule_is_its_owners_and_its_key_ends_with_it() {
    let stage = Stage::start().await;
    let schedule = stage.save(&monthly(&email())).await;
    let path = format!("/reports/schedules/{}", schedule["id"].as_str().unwrap());
    let stranger = stage.service.client(&[Reports, OnecRead]);
    for answer in [
        stranger.get(&path).await,
        stranger.delete(&path).await,
        stranger.get(&format!("{path}/runs")).await,
        stranger.post(&format!("{path}/run"), &json!({})).await,
    ] {
        answer.assert_problem(404, "request.not_found");
    }
    let list: Value = stranger.get("/reports/schedules").await.json();
    assert_eq!(list, json!({"items": []}));

    let mut changed = monthly(&email());
    changed["enabled"] = json!(false);
    let stale = stage
        .client
        .request(Method::PUT, &path)
        .header("if-match", "\"9\"")
        .json(&changed);
    stage
        .client
        .send(stale)
        .await
        .assert_problem(412, "request.version_mismatch");
    let put = stage.client.request(Method::PUT, &path).json(&changed);
    let answer: Value = stage.client.send(put).await.json();
    assert_eq!((&answer["version"], answer.get("next_at")), (&json!(2), None));
    assert_eq!(stage.users.revoked(), [schedule["key_id"].as_str().unwrap()]);
    assert_eq!(stage.client.delete(&path).await.status, 204);
    assert_eq!(stage.users.revoked()[1], answer["key_id"].as_str().unwrap());

    // user-management wants the owner to log in again.
    stage
        .users
        .refuse(Some((StatusCode::FORBIDDEN, "auth.step_up_required")));
    let answer = stage.client.post("/reports/schedules", &monthly(&email())).await;
    // Its words are passed on as they are.
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("auth.step_up_required"));
    // Keys are stored sealed only.
    let plain = "select count(*) from analytics.report_schedules s where s::text like '%ak_secret%'";
    assert_eq!(stage.service.number(plain).await, 0);
    let away = Setting {
        more: vec![
            ("SMTP_URL", stage.office.url()),
            ("SMTP_FROM", "robot@example.org".to_owned()),
        ],
        ..Setting::default()
    };
    let service = Service::with(away).await;
    let client = service.client_of(&stage.grant);
    let answer = client.post("/reports/schedules", &monthly(&email())).await;
    answer.assert_problem(503, "dependency.unavailable");
}

#[tokio::test]
async fn wrong_schedules_are_refused_by_member() {
    let stage = Stage::start().await;
    let with = |name: &str, value: Value| {
        let mut body = monthly(&email());
        body[name] = value;
        body
    };
    for (body, pointer) in [
        (with("name", json!("")), "/name"),
        (with("cron", json!("every day")), "/cron"),
        (with("cron", json!("0 25 * * *")), "/cron"),
        (with("cron", json!("* * * * *")), "/cron"),
        (with("cron", json!("0 0 30 2 *")), "/cron"),
        (with("time_zone", json!("Mars/Olympus")), "/time_zone"),
        (
            with("delivery", json!({"kind": "email", "recipients": []})),
            "/delivery/recipients",
        ),
        (
            with(
                "delivery",
                json!({"kind": "email", "recipients": ["a@example.org", "nobody"]}),
            ),
            "/delivery/recipients/1",
        ),
        (
            with(
                "delivery",
                json!({"kind": "email", "recipients": ["a@elsewhere.net"]}),
            ),
            "/delivery/recipients/0",
        ),
        (
            with(
                "delivery",
                json!({"kind": "webhook", "url": "http://127.0.0.1:1/"}),
            ),
            "/delivery/url",
        ),
        (
            with(
                "delivery",
                json!({"kind": "webhook", "url": "ftp://example.org/"}),
            ),
            "/delivery/url",
        ),
        (
            with("order", json!({"report": "x", "format": "pdf"})),
            "/order/report",
        ),
    ] {
        let problem = stage
            .client
            .post("/reports/schedules", &body)
            .await
            .assert_problem(422, "request.validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert!(stage.users.made().is_empty(), "no key for nothing");
    let poor = stage.service.client(&[Reports, AnalyticsRead]);
    let answer = poor.post("/reports/schedules", &monthly(&email())).await;
    answer.assert_problem(403, "auth.permission_denied");
}
