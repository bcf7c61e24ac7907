//! How well the system is guarded.

use std::time::Duration;

use common::auth::Permission::SecurityRead;
use common::clock::Clock;
use common::contract::events::{AUDIT_RECORDED, AuditEvent, Outcome};
use common::events::{Actor, Event, Stream};
use common::ids;
use serde_json::{Value, json};

use crate::support::{Whole, eventually};

fn check<'a>(posture: &'a Value, id: &str) -> &'a Value {
    posture["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["id"] == id)
        .unwrap()
}

#[tokio::test]
async fn each_weakness_is_told_with_what_to_do() {
    let service = Whole::start().await;
    let client = service.client(&[SecurityRead]);
    let posture: Value = client.get("/posture").await.json();
    assert_eq!(posture["status"], "critical", "a development system");
    assert_eq!(check(&posture, "environment")["status"], "critical");
    assert_eq!(check(&posture, "notifications")["status"], "warning");
    assert!(
        check(&posture, "notifications")["advice"]
            .as_str()
            .unwrap()
            .contains("THREATS_EMAIL")
    );
    assert_eq!(check(&posture, "admins_second_factor")["status"], "ok");
    assert!(check(&posture, "admins_second_factor").get("advice").is_none());
    assert_eq!(check(&posture, "audit_log")["status"], "ok");
    assert_ne!(check(&posture, "redis_version")["status"], "unknown");

    let recorded = |action: &str, details: Value, days: i64| {
        let data = AuditEvent {
            action: action.to_owned(),
            outcome: Outcome::Success,
            target: Some("api_key:1".to_owned()),
            ip: None,
            details,
        };
        let mut event = Event::new("user-management", AUDIT_RECORDED, &Clock::system(), &data);
        event.time -= chrono::Duration::days(days);
        event.actor(Actor {
            user_id: ids::new_id(),
            role: "admin".to_owned(),
        })
    };
    let in_a_year = Clock::system().now() + chrono::Duration::days(200);
    let events = [
        recorded("auth.login_succeeded", json!({"methods": ["pwd"]}), 1),
        recorded(
            "auth.login_succeeded",
            json!({"methods": ["pwd", "otp", "mfa"]}),
            1,
        ),
        recorded("auth.registered", json!({}), 1),
        recorded("api_keys.created", json!({"expires_at": in_a_year}), 100),
    ];
    service.publish(Stream::Audit, &events).await;
    let mut posture = Value::Null;
    eventually("the facts", Duration::from_secs(10), async || {
        posture = client.get("/posture").await.json();
        check(&posture, "api_keys")["status"] == "warning"
    })
    .await;
    assert_eq!(check(&posture, "registration")["status"], "warning");
    assert_eq!(check(&posture, "admins_second_factor")["status"], "critical");
    assert_eq!(
        check(&posture, "admins_second_factor")["details"]["users"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
