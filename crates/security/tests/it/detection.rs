//! From login events on the stream to threats and alerts.

use std::time::{Duration, Instant};

use chrono::Utc;
use common::auth::Permission::{SecurityAdmin, SecurityRead};
use common::clock::Clock;
use common::contract::events::{
    AUDIT_RECORDED, AuditEvent, INJECTION_SUSPECTED, LOGIN_FAILED, LOGIN_SUCCEEDED, Outcome, REFRESH_REUSED,
};
use common::events::{Event, Stream};
use serde_json::{Value, json};

use crate::support::{Whole, eventually, items, login};

#[tokio::test]
async fn a_burst_is_an_alert_within_two_seconds() {
    let service = Whole::start().await;
    let client = service.client(&[SecurityRead, SecurityAdmin]);
    let now = Clock::system().now();
    let failure = |n: i64| {
        login(
            LOGIN_FAILED,
            now - chrono::Duration::seconds(50 - n * 10),
            "192.0.2.7",
            "hash",
        )
    };
    let events: Vec<Event> = (0..5).map(failure).collect();
    service.publish(Stream::Auth, &events[..4]).await;
    let published = Instant::now();
    service.publish(Stream::Auth, &events[3..]).await;
    eventually("the alert", Duration::from_secs(2), async || {
        !items(&client, "/alerts?state=open&severity=medium")
            .await
            .is_empty()
    })
    .await;
    assert!(published.elapsed() < Duration::from_secs(2));

    let alerts = items(&client, "/alerts").await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["title"], "Подбор пароля с адреса 192.0.2.7");
    let english: Value = client.with_language("en").get("/alerts").await.json();
    assert_eq!(english["items"][0]["title"], "Password guessing from 192.0.2.7");
    let threats = items(&client, "/threats?kind=login_burst&status=open").await;
    let threat = &threats[0];
    assert_eq!(threat["id"], alerts[0]["threat_id"]);
    assert_eq!(
        (&threat["count"], &threat["subject"]),
        (&json!(5), &json!("ip:192.0.2.7"))
    );
    assert_eq!(threat["evidence"]["failures"], 5);
    assert_eq!(threat["evidence"]["addresses"], json!(["192.0.2.7"]));
    assert_eq!(threat["evidence"]["account_hashes"], json!(["hash"]));
    let first: chrono::DateTime<Utc> = threat["first_seen"].as_str().unwrap().parse().unwrap();
    assert_eq!(first, events[0].time, "the time of the event counts");

    // More of the same adds to the open threat and opens nothing.
    service.publish(Stream::Auth, &[failure(5), failure(5)]).await;
    eventually("the count", Duration::from_secs(5), async || {
        items(&client, "/threats").await[0]["count"] == 7
    })
    .await;
    assert_eq!(items(&client, "/alerts").await.len(), 1);

    // After it is resolved, more of the same is a new threat.
    let id = alerts[0]["id"].as_str().unwrap();
    let resolved = client.post(&format!("/alerts/{id}/resolve"), &json!({})).await;
    assert_eq!(resolved.status, 200);
    service.publish(Stream::Auth, &[failure(5)]).await;
    eventually("the second threat", Duration::from_secs(5), async || {
        items(&client, "/threats").await.len() == 2
    })
    .await;
    assert_eq!(items(&client, "/threats?status=closed").await.len(), 1);
    assert_eq!(items(&client, "/alerts?state=open").await.len(), 1);
}

#[tokio::test]
async fn slow_failures_and_old_events_are_judged_by_their_own_times() {
    let service = Whole::start().await;
    let client = service.client(&[SecurityRead]);
    let now = Clock::system().now();
    // Five failures that arrive together but happened minutes apart are no burst.
    let calm: Vec<Event> = (0..5)
        .map(|n| {
            login(
                LOGIN_FAILED,
                now - chrono::Duration::minutes(n * 5),
                "192.0.2.8",
                "calm",
            )
        })
        .collect();
    // A burst of three hours ago that arrives now, backwards, is one.
    let past: Vec<Event> = (0..5)
        .map(|n| {
            let at = now - chrono::Duration::hours(3) - chrono::Duration::seconds(n);
            login(LOGIN_FAILED, at, "192.0.2.9", "past")
        })
        .collect();
    service.publish(Stream::Auth, &calm).await;
    for event in &past {
        service.publish(Stream::Auth, std::slice::from_ref(event)).await;
    }
    eventually("the threat of the past", Duration::from_secs(5), async || {
        items(&client, "/threats")
            .await
            .iter()
            .any(|threat| threat["subject"] == "ip:192.0.2.9")
    })
    .await;
    let threats = items(&client, "/threats").await;
    assert_eq!(threats.len(), 1, "{threats:?}");
}

#[tokio::test]
async fn an_account_from_many_addresses_and_a_break_in() {
    let service = Whole::start().await;
    let client = service.client(&[SecurityRead]);
    let start = Clock::system().now() - chrono::Duration::minutes(20);
    let mut events: Vec<Event> = (0..10)
        .map(|n| {
            let at = start + chrono::Duration::seconds(n * 70);
            login(
                LOGIN_FAILED,
                at,
                &format!("198.51.100.{}", n % 5),
                &"ab".repeat(32),
            )
        })
        .collect();
    events.push(login(
        LOGIN_SUCCEEDED,
        start + chrono::Duration::seconds(720),
        "198.51.100.9",
        &"ab".repeat(32),
    ));
    service.publish(Stream::Auth, &events).await;
    eventually("both alerts", Duration::from_secs(5), async || {
        items(&client, "/alerts?severity=high").await.len() == 2
    })
    .await;
    let entered = items(&client, "/threats?kind=login_after_failures").await;
    assert_eq!(entered[0]["evidence"]["succeeded_from"], "198.51.100.9");
    let many = items(&client, "/threats?kind=account_many_addresses").await;
    assert_eq!(
        (&many[0]["count"], &many[0]["evidence"]["address_count"]),
        (&json!(10), &json!(5))
    );
}

#[tokio::test]
async fn a_reused_refresh_token_is_a_threat_once() {
    let service = Whole::start().await;
    let client = service.client(&[SecurityRead]);
    let now = Clock::system().now();
    let event = login(REFRESH_REUSED, now, "192.0.2.3", "account");
    service
        .publish(Stream::Auth, &[event.clone(), event.clone()])
        .await;
    service.publish(Stream::Auth, &[event]).await;
    // Comes after the repetitions, so that they have been handled when it shows.
    service
        .publish(Stream::Auth, &[login(REFRESH_REUSED, now, "192.0.2.3", "other")])
        .await;
    eventually("both threats", Duration::from_secs(5), async || {
        items(&client, "/threats?kind=refresh_token_reused").await.len() == 2
    })
    .await;
    for threat in items(&client, "/threats").await {
        assert_eq!(threat["count"], 1, "{threat}");
    }
}

#[tokio::test]
async fn a_command_to_the_assistant_is_a_threat_once_and_an_entry_of_the_log() {
    let service = Whole::start().await;
    let client = service.client(&[SecurityRead]);
    let data = AuditEvent {
        action: INJECTION_SUSPECTED.to_owned(),
        outcome: Outcome::Denied,
        target: None,
        ip: None,
        details: json!({"place": "data", "origin": "get_receivables.counterparty", "rules": ["ignore_instructions"]}),
    };
    let event = Event::new("ai-assistant", AUDIT_RECORDED, &Clock::system(), &data);
    service.publish(Stream::Audit, &[event.clone(), event]).await;
    eventually("the threat", Duration::from_secs(5), async || {
        let found = items(&client, "/threats?kind=prompt_injection").await;
        found.len() == 1 && found[0]["count"] == 1 && found[0]["evidence"]["details"]["place"] == "data"
    })
    .await;
}
