//! Bans at the gateways, and what user-management is asked for.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::{delete, patch, post};
use common::auth::Permission::{AuditRead, SecurityAdmin, SecurityRead};
use common::clock::Clock;
use common::contract::events::{AUDIT_RECORDED, AuditEvent, AuthEvent, LOGIN_SUCCEEDED, Outcome};
use common::events::{Actor, Event, Stream};
use common::ids;
use common::testing::{self, Client, Grant, TestServer};
use redis::AsyncCommands;
use security::SCHEMA;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Whole, burst, eventually, items, login};

const BANS: &str = "security:bans";
const WITHIN: Duration = Duration::from_secs(10);

async fn banned(service: &Whole) -> Vec<String> {
    let redis = service.redis.connect();
    redis.connection().zrange(BANS, 0, -1).await.unwrap()
}

async fn until_banned(service: &Whole, member: &str, is: bool) {
    eventually("the ban", WITHIN, async || {
        banned(service).await.iter().any(|one| one == member) == is
    })
    .await;
}

#[tokio::test]
async fn an_address_that_guesses_is_banned_within_two_seconds_and_can_be_let_in() {
    let service = Whole::start().await;
    let client = service.client(&[SecurityRead, SecurityAdmin, AuditRead]);
    let redis = service.redis.connect();
    let mut changes = redis.subscribe("security:bans:changed").await.unwrap();
    service.publish(Stream::Auth, &burst("192.0.2.7")[1..]).await;
    // The service is reading by then.
    eventually("the first failures", WITHIN, async || {
        redis.connection().exists::<_, bool>("events:auth").await.unwrap()
    })
    .await;
    let decided = Instant::now();
    service.publish(Stream::Auth, &burst("192.0.2.7")).await;
    until_banned(&service, "192.0.2.7", true).await;
    assert!(
        decided.elapsed() < Duration::from_secs(2),
        "{:?}",
        decided.elapsed()
    );
    let mut messages = changes.on_message();
    let told = tokio::time::timeout(WITHIN, futures_util::StreamExt::next(&mut messages)).await;
    assert!(told.unwrap().is_some(), "gateways are told");

    let bans = items(&client, "/bans").await;
    assert_eq!(bans.len(), 1);
    assert_eq!(
        (&bans[0]["subject"], &bans[0]["reason"]),
        (&json!("ip:192.0.2.7"), &json!("login_burst"))
    );
    let threats = items(&client, "/threats").await;
    let threat = threats[0]["id"].as_str().unwrap();
    let whole: Value = client.get(&format!("/threats/{threat}")).await.json();
    assert_eq!(whole["responses"][0]["action"], "ban");
    let told: Vec<&str> = whole["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert_eq!(told, ["opened", "response_started"]);

    let id = bans[0]["id"].as_str().unwrap();
    let undone = client.post(&format!("/responses/{id}/undo"), &json!({})).await;
    assert_eq!(undone.json::<Value>()["state"], "undone");
    until_banned(&service, "192.0.2.7", false).await;
    assert!(items(&client, "/bans").await.is_empty());
    client
        .post(&format!("/responses/{id}/undo"), &json!({}))
        .await
        .assert_problem(409, "responses.cannot_undo");
    let actions: Vec<Value> = items(&client, "/audit/log")
        .await
        .into_iter()
        .map(|entry| entry["action"].clone())
        .collect();
    assert_eq!(actions, ["responses.undone", "responses.done"]);
}

#[tokio::test]
async fn a_redis_that_lost_its_data_gets_the_bans_back_and_keeps_those_of_others() {
    let service = Whole::start().await;
    service.publish(Stream::Auth, &burst("192.0.2.7")).await;
    until_banned(&service, "192.0.2.7", true).await;
    let redis = service.redis.connect();
    redis.connection().del::<_, ()>(BANS).await.unwrap();
    redis
        .connection()
        .zadd::<_, _, _, ()>(BANS, "203.0.113.9", i64::from(u32::MAX))
        .await
        .unwrap();
    until_banned(&service, "192.0.2.7", true).await;
    assert!(banned(&service).await.contains(&"203.0.113.9".to_owned()));
}

#[tokio::test]
async fn the_machine_itself_and_who_is_allowed_are_not_banned_of_shared_addresses_only_strangers() {
    let service = Whole::start().await;
    let client = service.client(&[SecurityRead, SecurityAdmin]);
    let allow = json!({"subject": "ip:198.51.100.0/24", "reason": "the office"});
    assert_eq!(client.post("/allowed", &allow).await.status, 201);
    client
        .post("/allowed", &allow)
        .await
        .assert_problem(409, "allowed.already");
    let now = Clock::system().now();
    let good: Vec<Event> = (0..5)
        .map(|n| login(LOGIN_SUCCEEDED, now, "203.0.113.5", &format!("user {n}")))
        .collect();
    service.publish(Stream::Auth, &good).await;
    for ip in ["127.0.0.1", "198.51.100.7", "203.0.113.5", "192.0.2.1"] {
        service.publish(Stream::Auth, &burst(ip)).await;
    }
    until_banned(&service, "192.0.2.1", true).await;
    until_banned(&service, "stranger:203.0.113.5", true).await;
    assert_eq!(banned(&service).await.len(), 2);
    let skipped = items(&client, "/responses?action=ban").await;
    let skipped: Vec<&Value> = skipped.iter().filter(|one| one["state"] == "skipped").collect();
    assert_eq!(skipped.len(), 2);
    assert!(skipped.iter().all(|one| one["error"].is_string()));

    // The allow list is stronger than a ban that is in force.
    let allow = json!({"subject": "ip:192.0.2.0/24", "reason": "a partner"});
    assert_eq!(client.post("/allowed", &allow).await.status, 201);
    until_banned(&service, "192.0.2.1", false).await;
    let listed = items(&client, "/allowed").await;
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!(client.delete(&format!("/allowed/{id}")).await.status, 204);
    client
        .delete(&format!("/allowed/{id}"))
        .await
        .assert_problem(404, "request.not_found");
}

#[tokio::test]
async fn people_ban_but_not_themselves() {
    let service = Whole::start().await;
    let grant = Grant::new(&[SecurityRead, SecurityAdmin]);
    let client = Client::anonymous(service.url()).with_token(service.issuer.sign(&grant));
    let ask = |subject: &str| json!({"subject": subject, "reason": "an attack", "seconds": 600});
    let user = ids::new_id();
    for subject in [
        "ip:192.0.2.0/24",
        &format!("user:{user}"),
        &format!("session:{user}"),
        "stranger:203.0.113.0/24",
    ] {
        let answer = client.post("/bans", &ask(subject)).await;
        assert_eq!(answer.status, 201, "{subject}: {}", answer.text());
        until_banned(&service, subject.trim_start_matches("ip:"), true).await;
    }
    for subject in ["ip:127.0.0.1", "ip:0.0.0.0/0", &format!("user:{}", grant.user_id)] {
        client
            .post("/bans", &ask(subject))
            .await
            .assert_problem(409, "bans.refused");
    }
    let allow = json!({"subject": "ip:198.51.100.1", "reason": "us"});
    client.post("/allowed", &allow).await;
    client
        .post("/bans", &ask("ip:198.51.100.0/24"))
        .await
        .assert_problem(409, "bans.refused");
    client
        .post(
            "/bans",
            &json!({"subject": "everybody", "reason": "", "seconds": 0}),
        )
        .await
        .assert_problem(422, "request.validation_failed");
    let bans = items(&client, "/bans").await;
    assert_eq!(bans.len(), 4);
    let id = bans[0]["id"].as_str().unwrap();
    assert_eq!(client.delete(&format!("/bans/{id}")).await.status, 200);
    assert_eq!(items(&client, "/bans").await.len(), 3);
}

/// What a stand-in of user-management was asked for.
type Asked = Arc<Mutex<Vec<String>>>;

async fn identity_service() -> (TestServer, Asked) {
    let asked = Asked::default();
    let router = axum::Router::new()
        .route(
            "/oauth2/token",
            post(|| async { Json(json!({"access_token": "t", "expires_in": 600})) }),
        )
        .route(
            "/users/{id}/sessions",
            delete(|State(asked): State<Asked>, Path(id): Path<Uuid>| async move {
                asked.lock().unwrap().push(format!("sessions {id}"));
            }),
        )
        .route(
            "/users/{id}",
            patch(
                |State(asked): State<Asked>, Path(id): Path<Uuid>, Json(body): Json<Value>| async move {
                    asked
                        .lock()
                        .unwrap()
                        .push(format!("password {id} {}", body["must_change_password"]));
                },
            ),
        )
        .with_state(Arc::clone(&asked));
    (TestServer::serve(router).await, asked)
}

#[tokio::test]
async fn an_account_that_was_taken_over_loses_its_sessions_and_its_password() {
    let (identity, asked) = identity_service().await;
    let redis = testing::redis().await;
    let url = redis.url().to_owned();
    let database = testing::database_url(&SCHEMA).await;
    let settings = [
        ("RESPONSE_CLIENT_ID", "cs_response"),
        ("RESPONSE_CLIENT_SECRET", "a-secret"),
        ("RESPONSE_IDENTITY_URL", &identity.url()),
    ];
    let service = Whole::with(redis, &url, &database, &settings).await;
    let client = service.client(&[SecurityRead, SecurityAdmin]);
    let (user, now) = (ids::new_id(), Clock::system().now());
    let enters = |minutes: i64, ip: &str, agent: &str| {
        let data = AuthEvent {
            user_id: Some(user),
            email_hash: Some("hash".to_owned()),
            ip: Some(ip.to_owned()),
            user_agent: Some(agent.to_owned()),
            reason: None,
        };
        let mut event = Event::new("user-management", LOGIN_SUCCEEDED, &Clock::system(), &data);
        event.time = now - chrono::Duration::minutes(minutes);
        event
    };
    let does = |minutes: i64, action: &str| {
        let data = AuditEvent {
            action: action.to_owned(),
            outcome: Outcome::Success,
            target: Some(format!("user:{user}")),
            ip: Some("203.0.113.77".to_owned()),
            details: json!({}),
        };
        let mut event = Event::new("user-management", AUDIT_RECORDED, &Clock::system(), &data);
        event.time = now - chrono::Duration::minutes(minutes);
        event.actor(Actor {
            user_id: user,
            role: "accountant".to_owned(),
        })
    };
    // At home for days; then a stranger.
    service
        .publish(
            Stream::Auth,
            &[
                enters(5000, "192.0.2.1", "Firefox"),
                enters(3000, "192.0.2.1", "Firefox"),
            ],
        )
        .await;
    service
        .publish(Stream::Auth, &[enters(20, "203.0.113.77", "curl")])
        .await;
    eventually("the new place", WITHIN, async || {
        items(&client, "/threats?kind=login_new_place").await.len() == 1
    })
    .await;
    service
        .publish(
            Stream::Audit,
            &[does(15, "users.totp_removed"), does(10, "users.email_changed")],
        )
        .await;
    eventually("the responses", WITHIN, async || asked.lock().unwrap().len() == 2).await;
    let mut told = asked.lock().unwrap().clone();
    told.sort();
    assert_eq!(
        told,
        [format!("password {user} true"), format!("sessions {user}")]
    );
    let critical = items(&client, "/alerts?severity=critical").await;
    assert_eq!(critical[0]["kind"], "account_takeover_certain");

    eventually("both are done", WITHIN, async || {
        let all = items(&client, "/responses").await;
        all.len() == 2 && all.iter().all(|one| one["state"] == "done")
    })
    .await;
    for response in items(&client, "/responses").await {
        let answer = client
            .post(
                &format!("/responses/{}/undo", response["id"].as_str().unwrap()),
                &json!({}),
            )
            .await;
        if response["action"] == "revoke_sessions" {
            answer.assert_problem(409, "responses.cannot_undo");
        } else {
            assert_eq!(answer.status, 200);
            assert_eq!(
                asked.lock().unwrap().last().unwrap(),
                &format!("password {user} false")
            );
        }
    }
}
