//! Who handles an alert, what they say, when it comes back, and what the months show.

use common::auth::Permission::{AuditRead, SecurityAdmin, SecurityRead};
use common::ids;
use common::testing::Grant;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Service, items};

async fn alert(service: &Service, subject: &str) -> Uuid {
    let (threat, alert) = (ids::new_id(), ids::new_id());
    sqlx::query(
        "insert into security.threats (id, kind, severity, subject, first_seen, last_seen, count, evidence, created_at)
         values ($1, 'login_burst', 'medium', $2, now(), now(), 5, '{}', now())",
    )
    .bind(threat)
    .bind(subject)
    .execute(&service.db)
    .await
    .unwrap();
    sqlx::query(
        "insert into security.alerts (id, threat_id, severity, created_at) values ($1, $2, 'medium', now())",
    )
    .bind(alert)
    .bind(threat)
    .execute(&service.db)
    .await
    .unwrap();
    alert
}

#[tokio::test]
async fn an_alert_is_handled_commented_resolved_and_opened_again() {
    let service = Service::start().await;
    let id = alert(&service, "ip:192.0.2.1").await;
    let grant = Grant::new(&[SecurityRead, SecurityAdmin, AuditRead]);
    let client = service.client_of(&grant);
    let path = format!("/alerts/{id}");

    let handled: Value = client
        .patch(&path, &json!({"assignee": grant.user_id}))
        .await
        .json();
    assert_eq!(handled["assignee"], json!(grant.user_id));
    assert_eq!(
        items(&client, &format!("/alerts?assignee={}", grant.user_id))
            .await
            .len(),
        1
    );
    let until = chrono::DateTime::parse_from_rfc3339("2999-01-01T00:00:00Z").unwrap();
    client
        .patch(&path, &json!({"snoozed_until": until}))
        .await
        .assert_problem(422, "request.validation_failed");
    let soon = common::clock::Clock::system().now() + chrono::Duration::hours(2);
    let snoozed: Value = client.patch(&path, &json!({"snoozed_until": soon})).await.json();
    assert_eq!(snoozed["assignee"], json!(grant.user_id), "what is absent stays");
    assert_eq!(items(&client, "/alerts?snoozed=true").await.len(), 1);
    assert!(items(&client, "/alerts?snoozed=false").await.is_empty());
    let freed: Value = client
        .patch(&path, &json!({"assignee": null, "snoozed_until": null}))
        .await
        .json();
    assert_eq!(
        (&freed["assignee"], &freed["snoozed_until"]),
        (&Value::Null, &Value::Null)
    );

    let said = client
        .post(&format!("{path}/comments"), &json!({"text": "  ours, I think "}))
        .await;
    assert_eq!(said.status, 201);
    assert_eq!(said.json::<Value>()["details"]["text"], "ours, I think");
    client
        .post(&format!("{path}/comments"), &json!({"text": " "}))
        .await
        .assert_problem(422, "request.validation_failed");

    let decision = json!({"resolution": "false_positive", "comment": "a test of ours"});
    client
        .post(&format!("{path}/acknowledge"), &decision)
        .await
        .assert_problem(422, "request.validation_failed");
    let resolved: Value = client.post(&format!("{path}/resolve"), &decision).await.json();
    assert_eq!(
        (&resolved["state"], &resolved["resolution"]),
        (&json!("resolved"), &json!("false_positive"))
    );
    client
        .post(&format!("{path}/resolve"), &json!({"resolution": "perhaps"}))
        .await
        .assert_problem(400, "request.invalid");

    let reopened: Value = client.post(&format!("{path}/reopen"), &json!({})).await.json();
    assert_eq!(
        (&reopened["state"], &reopened["resolution"]),
        (&json!("open"), &Value::Null)
    );
    assert_eq!(items(&client, "/threats?status=open").await.len(), 1);
    let whole: Value = client.get(&path).await.json();
    let kinds: Vec<&str> = whole["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "changed",
            "changed",
            "changed",
            "commented",
            "resolved",
            "reopened"
        ]
    );
    assert_eq!(whole["timeline"][4]["details"]["comment"], "a test of ours");
    let entries = items(&client, "/audit/log").await;
    assert_eq!(entries[0]["action"], "alerts.reopened");
    assert!(
        !entries
            .iter()
            .any(|entry| entry.to_string().contains("ours, I think")),
        "no texts in the log"
    );

    let statistics: Value = client.get("/alerts/stats").await.json();
    assert_eq!(statistics["total"], 1);
    assert_eq!(statistics["groups"][0]["kind"], "login_burst");
}

#[tokio::test]
async fn an_alert_that_a_later_one_stands_for_is_not_opened_again() {
    let service = Service::start().await;
    let client = service.client(&[SecurityAdmin, SecurityRead]);
    let first = alert(&service, "ip:192.0.2.1").await;
    // Nothing has to be said.
    let bare = client.request(http::Method::POST, &format!("/alerts/{first}/resolve"));
    assert_eq!(client.send(bare).await.status, 200);
    alert(&service, "ip:192.0.2.1").await;
    client
        .post(&format!("/alerts/{first}/reopen"), &json!({}))
        .await
        .assert_problem(409, "alerts.superseded");
    let missing = ids::new_id();
    client
        .get(&format!("/alerts/{missing}"))
        .await
        .assert_problem(404, "request.not_found");
    client
        .get(&format!("/threats/{missing}"))
        .await
        .assert_problem(404, "request.not_found");
    client
        .patch(&format!("/alerts/{missing}"), &json!({"assignee": null}))
        .await
        .assert_problem(404, "request.not_found");
}
