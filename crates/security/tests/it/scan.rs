//! What is thought of a request.

use common::auth::Permission;
use serde_json::{Value, json};

use crate::support::Service;

#[tokio::test]
async fn a_request_is_scored_with_reasons() {
    let service = Service::start().await;
    let client = service.client(&[Permission::SecurityRead]);
    let scan = async |request: Value| {
        let answer = client.post("/scan", &request).await;
        assert_eq!(answer.status, 200, "{}", answer.json::<Value>());
        answer.json::<Value>()
    };
    let verdict = scan(json!({
        "method": "GET",
        "uri": "/api/1c/companies?search=1%27%20union%20select%20password%20from%20users--",
        "headers": { "user-agent": "sqlmap/1.7" },
    }))
    .await;
    assert_eq!(verdict["flagged"], true);
    assert!(verdict["score"].as_u64() >= Some(10));
    let reasons = verdict["reasons"].as_array().unwrap();
    let reason = |rule: &str| reasons.iter().find(|reason| reason["rule"] == rule).unwrap();
    assert_eq!(reason("sqli.union_select")["name"], "search");
    assert_eq!(reason("sqli.union_select")["place"], "query");
    assert_eq!(reason("sqli.union_select")["title"], "Команды базы данных (SQL)");
    assert_eq!(reason("scanner.name")["place"], "agent");

    let clean = scan(json!({
        "method": "POST",
        "uri": "/api/ai/chat",
        "headers": { "content-type": "application/json" },
        "body": "{\"message\": \"Как написать SELECT * FROM users WHERE id = 1?\"}",
    }))
    .await;
    assert_eq!(
        (&clean["score"], &clean["flagged"], &clean["kind"]),
        (&json!(0), &json!(false), &json!("chat"))
    );
    assert_eq!(clean["reasons"], json!([]));
}

#[tokio::test]
async fn a_request_has_to_be_one() {
    let service = Service::start().await;
    let client = service.client(&[Permission::SecurityRead]);
    let bad = client
        .post("/scan", &json!({ "method": "", "uri": "http://x" }))
        .await;
    let problem = bad.assert_problem(422, "request.validation_failed");
    let pointers: Vec<Value> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].clone())
        .collect();
    assert_eq!(pointers, ["/method", "/uri"]);
    let unknown = json!({ "method": "GET", "uri": "/", "cookies": {} });
    assert!(client.post("/scan", &unknown).await.status.is_client_error());
    let nobody = common::testing::Client::anonymous(service.server.url());
    assert_eq!(nobody.post("/scan", &json!({})).await.status, 401);
    let powerless = service.client(&[Permission::Chat]);
    assert_eq!(powerless.post("/scan", &json!({})).await.status, 403);
}
