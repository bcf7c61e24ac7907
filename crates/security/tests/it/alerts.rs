//! `/threats` and `/alerts` without a stream.

use common::auth::Permission::{AuditRead, SecurityAdmin, SecurityRead};
use common::ids;
use common::testing::Grant;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{Service, items};

async fn alert(db: &PgPool, kind: &str, severity: &str) -> Uuid {
    let (threat, alert) = (ids::new_id(), ids::new_id());
    sqlx::query(
        "insert into security.threats (id, kind, severity, subject, first_seen, last_seen, count, evidence, created_at)
         values ($1, $2, $3, $4, now(), now(), 5, '{}', now())",
    )
    .bind(threat)
    .bind(kind)
    .bind(severity)
    .bind(format!("ip:{alert}"))
    .execute(db)
    .await
    .unwrap();
    sqlx::query(
        "insert into security.alerts (id, threat_id, severity, created_at) values ($1, $2, $3, now())",
    )
    .bind(alert)
    .bind(threat)
    .bind(severity)
    .execute(db)
    .await
    .unwrap();
    alert
}

#[tokio::test]
async fn an_alert_is_acknowledged_and_resolved_once() {
    let service = Service::start().await;
    let id = alert(&service.db, "login_burst", "medium").await;
    let grant = Grant::new(&[SecurityRead, SecurityAdmin, AuditRead]);
    let client = service.client_of(&grant);
    let (acknowledge, resolve) = (
        format!("/alerts/{id}/acknowledge"),
        format!("/alerts/{id}/resolve"),
    );

    let first: Value = client.post(&acknowledge, &json!({})).await.json();
    assert_eq!(first["state"], "acknowledged");
    assert_eq!(first["acknowledged_by"], json!(grant.user_id));
    let colleague = service.client(&[SecurityAdmin]);
    let again: Value = colleague.post(&acknowledge, &json!({})).await.json();
    assert_eq!(again, first, "the first one stays");

    let resolved: Value = client.post(&resolve, &json!({})).await.json();
    assert_eq!(resolved["state"], "resolved");
    assert_eq!(resolved["acknowledged_at"], first["acknowledged_at"]);
    assert_eq!(client.post(&resolve, &json!({})).await.json::<Value>(), resolved);
    let problem = client
        .post(&acknowledge, &json!({}))
        .await
        .assert_problem(409, "alerts.wrong_transition");
    assert_eq!(problem["state"], "resolved");
    assert_eq!(items(&client, "/threats").await[0]["status"], "closed");

    // Both changes, and no repetition, are in the audit log.
    let entries = items(&client, "/audit/log").await;
    let actions: Vec<&str> = entries
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["alerts.resolved", "alerts.acknowledged"]);
    assert_eq!(entries[0]["target"], format!("alert:{id}"));
}

#[tokio::test]
async fn an_alert_that_is_not_there_is_not_found() {
    let service = Service::start().await;
    let client = service.client(&[SecurityAdmin]);
    for path in [
        format!("/alerts/{}/acknowledge", ids::new_id()),
        format!("/alerts/{}/resolve", ids::new_id()),
        "/alerts/seven/resolve".to_owned(),
    ] {
        client
            .post(&path, &json!({}))
            .await
            .assert_problem(404, "request.not_found");
    }
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let service = Service::start().await;
    for severity in ["medium", "high", "medium"] {
        alert(&service.db, "login_burst", severity).await;
    }
    let client = service.client(&[SecurityRead]);
    for list in ["/alerts", "/threats"] {
        let page: Value = client.get(&format!("{list}?limit=2")).await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), 2);
        let cursor = page["next_cursor"].as_str().unwrap();
        let rest: Value = client
            .get(&format!("{list}?limit=2&cursor={cursor}"))
            .await
            .json();
        assert_eq!(rest["items"].as_array().unwrap().len(), 1);
        assert!(rest.get("next_cursor").is_none());
        assert_eq!(items(&client, &format!("{list}?severity=high")).await.len(), 1);
        let answer = client.get(&format!("{list}?severity=awful")).await;
        answer.assert_problem(400, "request.invalid_query");
    }
    assert_eq!(items(&client, "/alerts?state=open").await.len(), 3);
    assert!(items(&client, "/alerts?state=resolved").await.is_empty());
    assert!(items(&client, "/threats?status=closed").await.is_empty());
    assert!(
        items(&client, "/threats?kind=account_many_addresses")
            .await
            .is_empty()
    );
}
