//! Requests and audit entries as attacks; exceptions; rules tried out; a restart in the middle.

use std::time::Duration;

use chrono::{DateTime, Utc};
use common::auth::Permission::{SecurityAdmin, SecurityRead};
use common::clock::Clock;
use common::contract::events::{LOGIN_FAILED, REQUEST_HANDLED, RequestEvent};
use common::events::{Event, Stream};
use common::ids;
use common::testing;
use security::SCHEMA;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Service, Whole, burst, eventually, items, login};

const WITHIN: Duration = Duration::from_secs(10);

fn request(ip: &str, user: Option<Uuid>, status: u16, path: &str, code: Option<&str>) -> Event {
    let data = RequestEvent {
        method: "GET".to_owned(),
        route: "unmatched".to_owned(),
        upstream: user.map(|_| "onec-integration".to_owned()),
        status,
        duration_ms: 1,
        ip: ip.to_owned(),
        user_id: user,
        user_agent: Some("curl/8".to_owned()),
        code: code.map(str::to_owned),
        target: Some(path.to_owned()),
        path: user.is_none().then(|| path.to_owned()),
    };
    Event::new("gateway", REQUEST_HANDLED, &Clock::system(), &data)
}

async fn kinds(service: &Whole) -> Vec<String> {
    let client = service.client(&[SecurityRead]);
    let threats = items(&client, "/threats").await;
    let mut kinds: Vec<String> = threats
        .iter()
        .map(|one| one["kind"].as_str().unwrap().to_owned())
        .collect();
    kinds.sort();
    kinds
}

#[tokio::test]
async fn probing_and_walking_are_found_and_what_a_ban_refuses_is_not() {
    let service = Whole::start().await;
    let user = ids::new_id();
    let mut events: Vec<Event> = (0..12)
        .map(|n| request("192.0.2.1", None, 404, &format!("/x{n}"), None))
        .collect();
    events.extend((0..5).map(|n| {
        request(
            "192.0.2.2",
            Some(user),
            404,
            &format!("/api/1c/documents/{n}"),
            None,
        )
    }));
    events
        .extend((0..30).map(|n| request("192.0.2.3", None, 403, &format!("/y{n}"), Some("gateway.banned"))));
    events.push(request("192.0.2.4", None, 404, "/uploads/shell.php", None));
    // An honest page whose picture is gone.
    events.extend((0..30).map(|_| request("192.0.2.5", None, 404, "/favicon.ico", None)));
    service.publish(Stream::Requests, &events).await;
    eventually("three threats", WITHIN, async || kinds(&service).await.len() == 3).await;
    assert_eq!(kinds(&service).await, ["backdoor_probe", "id_walking", "probing"]);
    let client = service.client(&[SecurityRead]);
    let walking = items(&client, &format!("/threats?user={user}")).await;
    assert_eq!(walking[0]["evidence"]["target_count"], 5);
    assert_eq!(items(&client, "/threats?ip=192.0.2.1").await[0]["confidence"], 2);
    assert_eq!(items(&client, "/threats?q=shell.php").await.len(), 1);
    assert!(
        items(&client, "/threats?to=2001-01-01T00:00:00Z")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_restart_in_the_middle_of_an_attack_loses_nothing() {
    let database = testing::database_url(&SCHEMA).await;
    let redis = testing::redis().await;
    let url = redis.url().to_owned();
    let first = Whole::with(redis, &url, &database, &[]).await;
    let attack = burst("192.0.2.7");
    first.publish(Stream::Auth, &attack[..3]).await;
    let client = first.client(&[SecurityRead]);
    let dry = json!({"rule": {"id": "login_burst", "count": 3}});
    eventually("the first three", WITHIN, async || {
        client.post("/detections/dry-run", &dry).await.json::<Value>()["found"] == 1
    })
    .await;
    first.context.shutdown.cancel();
    assert!(items(&client, "/threats").await.is_empty());
    drop(first);

    let second = Whole::with(testing::redis().await, &url, &database, &[]).await;
    drop(second);
    let redis = testing::redis().await;
    let url = redis.url().to_owned();
    let third = Whole::with(redis, &url, &database, &[]).await;
    third.publish(Stream::Auth, &attack[2..]).await;
    eventually("the threat", WITHIN, async || {
        kinds(&third).await == ["login_burst"]
    })
    .await;
    let threats = items(&third.client(&[SecurityRead]), "/threats").await;
    assert_eq!(threats[0]["count"], 5, "a repetition is not counted twice");
}

#[tokio::test]
async fn what_is_excepted_is_no_threat() {
    let service = Whole::start().await;
    let client = service.client(&[SecurityRead, SecurityAdmin]);
    let excepts = json!({"rule": "login_burst", "network": "192.0.2.0/24", "reason": "a test of the firm"});
    let added = client.post("/detections/exceptions", &excepts).await;
    assert_eq!(added.status, 201, "{}", added.text());
    service.publish(Stream::Auth, &burst("192.0.2.7")).await;
    service.publish(Stream::Auth, &burst("198.51.100.7")).await;
    eventually("the other address", WITHIN, async || {
        kinds(&service).await.len() == 1
    })
    .await;
    let id = added.json::<Value>()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        client
            .delete(&format!("/detections/exceptions/{id}"))
            .await
            .status,
        204
    );
    client
        .delete(&format!("/detections/exceptions/{id}"))
        .await
        .assert_problem(404, "request.not_found");
    service.publish(Stream::Auth, &burst("192.0.2.7")).await;
    eventually("both addresses", WITHIN, async || {
        kinds(&service).await.len() == 2
    })
    .await;
    for (wrong, member) in [
        (json!({"reason": "all"}), ""),
        (json!({"rule": "login_burst", "reason": "for ever"}), ""),
        (
            json!({"rule": "none", "network": "10.0.0.0/8", "reason": "x"}),
            "/rule",
        ),
        (json!({"network": "somewhere", "reason": "x"}), "/network"),
        (json!({"network": "10.0.0.0/8", "reason": ""}), "/reason"),
    ] {
        let problem = client.post("/detections/exceptions", &wrong).await;
        let problem = problem.assert_problem(422, "request.validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], member, "{wrong}");
    }
}

#[tokio::test]
async fn a_rule_is_tried_over_the_past_and_nothing_is_recorded() {
    let service = Whole::start().await;
    let client = service.client(&[SecurityRead]);
    let now = Clock::system().now();
    let failure =
        |minutes: i64, ip: &str| login(LOGIN_FAILED, now - chrono::Duration::minutes(minutes), ip, "a");
    let events: Vec<Event> = (0..4)
        .map(|n| failure(n * 2, "192.0.2.1"))
        .chain([failure(3, "192.0.2.2")])
        .collect();
    service.publish(Stream::Auth, &events).await;
    let tried = async |rule: Value| -> Value {
        client
            .post("/detections/dry-run", &json!({"rule": rule}))
            .await
            .json()
    };
    eventually("all observations", WITHIN, async || {
        tried(json!({"id": "login_burst"})).await["observations"] == 5
    })
    .await;
    assert_eq!(tried(json!({"id": "login_burst"})).await["found"], 0);
    let wider = tried(json!({"id": "login_burst", "count": 4, "window": "10m"})).await;
    assert_eq!((&wider["found"], &wider["subjects"]), (&json!(1), &json!(2)));
    assert_eq!(wider["findings"][0]["subject"], "ip:192.0.2.1");
    assert!(items(&client, "/threats").await.is_empty());
    let own = json!({
        "id": "own", "title": {"ru": "а", "en": "b"}, "advice": {"ru": "а", "en": "b"}, "severity": "low",
        "by": "account", "signals": ["login_failed"], "window": "1h", "count": 5,
    });
    assert_eq!(tried(own).await["found"], 1);
    for wrong in [
        json!({"id": "login_burst", "count": 0}),
        json!({"id": "nothing"}),
        json!({"id": "login_burst", "by": "target"}),
    ] {
        client
            .post("/detections/dry-run", &json!({"rule": wrong}))
            .await
            .assert_problem(422, "request.validation_failed");
    }
    let long = json!({"rule": {"id": "login_burst"}, "from": "2001-01-01T00:00:00Z"});
    client
        .post("/detections/dry-run", &long)
        .await
        .assert_problem(422, "request.validation_failed");
}

#[tokio::test]
async fn the_rules_in_force_are_shown_in_both_languages() {
    let service = Service::start().await;
    let client = service.client(&[SecurityRead]);
    let rules = items(&client, "/detections").await;
    assert!(rules.len() > 25);
    let burst = rules
        .iter()
        .find(|rule| rule["rule"]["id"] == "login_burst")
        .unwrap();
    assert_eq!(burst["name"], "Подбор пароля с адреса …");
    let english = items(&client.with_language("en"), "/detections").await;
    assert!(
        english
            .iter()
            .any(|rule| rule["name"] == "Password guessing from …")
    );
}

#[tokio::test]
async fn a_threat_that_grows_tenfold_gets_worse() {
    let service = Whole::start().await;
    let client = service.client(&[SecurityRead]);
    let now = Clock::system().now();
    let failures = |from: i64, to: i64| -> Vec<Event> {
        let at = |n: i64| -> DateTime<Utc> { now - chrono::Duration::seconds(n) };
        (from..to)
            .map(|n| login(LOGIN_FAILED, at(n), "192.0.2.7", "hash"))
            .collect()
    };
    service.publish(Stream::Auth, &failures(0, 6)).await;
    eventually("the threat", WITHIN, async || {
        items(&client, "/alerts?severity=medium").await.len() == 1
    })
    .await;
    service.publish(Stream::Auth, &failures(6, 30)).await;
    eventually("a worse one", WITHIN, async || {
        items(&client, "/alerts?severity=high").await.len() == 1
    })
    .await;
    let alert = items(&client, "/alerts").await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let whole: Value = client.get(&format!("/alerts/{alert}")).await.json();
    let told = whole["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["kind"] == "escalated")
        .unwrap()
        .clone();
    assert_eq!(
        (&told["details"]["from"], &told["details"]["to"]),
        (&json!("medium"), &json!("high"))
    );
}
