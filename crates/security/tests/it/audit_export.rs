//! `GET /audit/export`.

use common::auth::Permission::{AuditRead, AuditWrite, SecurityAdmin};
use common::ids;
use common::testing::Grant;
use serde_json::{Value, json};

use crate::support::{Service, items};

#[tokio::test]
async fn the_log_leaves_in_every_format() {
    let service = Service::start().await;
    let company = ids::new_id();
    let client = service.client(&[AuditWrite, AuditRead]);
    for part in 0..5 {
        let entry = |n: usize| {
            let details = if n.is_multiple_of(2) {
                json!({"company_id": company})
            } else {
                json!({"part": part})
            };
            json!({"action": "users.invited", "outcome": "success", "target": format!("user:{n}"), "details": details})
        };
        let entries: Vec<Value> = (0..500).map(entry).collect();
        let answer = client
            .post("/audit/log/batch", &json!({"entries": entries}))
            .await;
        assert_eq!(answer.status, 201);
    }
    for (format, content_type, lines) in [
        ("ndjson", "application/x-ndjson", 2500),
        ("csv", "text/csv; charset=utf-8; header=present", 2501),
        ("cef", "text/plain; charset=utf-8", 2500),
        ("ecs", "application/x-ndjson", 2500),
        ("ocsf", "application/x-ndjson", 2500),
    ] {
        let answer = client
            .get(&format!("/audit/export?format={format}&last=2500"))
            .await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["content-type"], content_type);
        assert!(
            answer.headers["content-disposition"]
                .to_str()
                .unwrap()
                .contains("audit-")
        );
        let text = answer.text();
        assert_eq!(text.lines().count(), lines, "{format}");
        if content_type == "application/x-ndjson" {
            assert!(
                text.lines()
                    .all(|line| serde_json::from_str::<Value>(line).is_ok())
            );
        }
    }
    // In order, a range, and by a filter.
    let text = client.get("/audit/export?first=999&last=1502").await.text();
    let sequences: Vec<i64> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["sequence"]
                .as_i64()
                .unwrap()
        })
        .collect();
    assert_eq!(sequences, (999..=1502).collect::<Vec<i64>>());
    let text = client.get("/audit/export?target=user:7").await.text();
    assert_eq!(text.lines().count(), 5);
    assert_eq!(client.get("/audit/export?action=none.none").await.text(), "");
    // Who took copies is in the log.
    let exports = items(&client, "/audit/log?action=audit.exported").await;
    assert_eq!(exports.len(), 8);
    assert_eq!(exports[1]["details"]["filter"], json!({"target": "user:7"}));
    client
        .get("/audit/export?format=xml")
        .await
        .assert_problem(400, "request.invalid_query");
    // Who may see one company gets the entries of that one.
    let auditor = service.client_of(&Grant::new(&[AuditRead]).companies([company]));
    let text = auditor.get("/audit/export").await.text();
    assert_eq!(text.lines().count(), 1250);
    assert_eq!(client.get("/audit/verify").await.json::<Value>()["valid"], true);
}

/// Leaves an export, the checkpoints and the keys in `AUDIT_FOLDER`; tests/external/audit.sh goes on.
#[tokio::test]
#[ignore = "needs a folder; tests/external/audit.sh gives one"]
async fn what_an_auditor_takes_home() {
    #[expect(clippy::disallowed_methods, reason = "the folder of this one test")]
    let folder = std::env::var("AUDIT_FOLDER").unwrap();
    let folder = std::path::Path::new(&folder);
    let service = Service::start().await;
    let company = ids::new_id();
    let person = Grant::new(&[AuditWrite]);
    let (client, writer) = (
        service.client(&[AuditRead, SecurityAdmin]),
        service.client_of(&person),
    );
    for part in 0..3 {
        let entries: Vec<Value> = (0..400)
            .map(|n| {
                let details = json!({"text": "Поступление на склад №1 \"Основной\"\n", "sum": 1.50, "part": part});
                let own = json!({"company_id": company, "nested": {"details": [1, null, true]}});
                let details = if n % 3 == 0 { own } else { details };
                let target = (n % 5 != 0).then(|| format!("user:{n}"));
                json!({"action": "documents.posted", "outcome": "success", "target": target, "details": details})
            })
            .collect();
        let answer = writer
            .post("/audit/log/batch", &json!({"entries": entries}))
            .await;
        assert_eq!(answer.status, 201);
        assert_eq!(client.post("/audit/checkpoints", &json!({})).await.status, 201);
        if part == 1 {
            let listed = items(&client, "/audit/log?limit=3").await;
            let some: Vec<&Value> = listed.iter().map(|entry| &entry["id"]).collect();
            let erase = json!({"entries": some, "reason": "Запрос субъекта"});
            assert_eq!(client.post("/audit/erasures", &erase).await.status, 200);
        }
    }
    for (path, file) in [
        ("/audit/checkpoints", "checkpoints.json"),
        ("/audit/keys", "keys.json"),
        ("/audit/export", "export.ndjson"),
    ] {
        std::fs::write(folder.join(file), client.get(path).await.body).unwrap();
    }
}
