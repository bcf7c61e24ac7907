//! The Model Context Protocol, message by message.

use common::auth::Permission;
use common::testing::{Client, Response};
use serde_json::{Value, json};

use crate::onec::Mood;
use crate::setup::Service;

async fn send(client: &Client, message: &Value, headers: &[(&str, &str)]) -> Response {
    let mut request = client
        .request(http::Method::POST, "/mcp")
        .header("accept", "application/json, text/event-stream")
        .json(message);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request).await
}

async fn ask(client: &Client, method: &str, params: &Value) -> Value {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let response = send(client, &message, &[("mcp-protocol-version", "2025-11-25")]).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

fn reader(service: &Service) -> Client {
    service.client(&[Permission::OnecRead])
}

#[tokio::test]
async fn the_older_generation_begins_with_initialize() {
    let service = Service::start().await;
    let client = reader(&service);
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let begun = ask(&client, "initialize", &hello).await;
    assert_eq!(begun["result"]["protocolVersion"], "2025-11-25", "{begun}");
    assert_eq!(begun["result"]["serverInfo"]["name"], "1c-assistant");
    assert!(
        begun["result"]["instructions"]
            .as_str()
            .unwrap()
            .contains("find_subject")
    );
    let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(send(&client, &told, &[]).await.status, 202);
    let listed = ask(&client, "tools/list", &json!({})).await;
    let tools = listed["result"]["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 21);
    assert!(
        tools
            .iter()
            .all(|tool| tool["annotations"]["readOnlyHint"] == true)
    );
    assert!(
        tools
            .iter()
            .all(|tool| tool["inputSchema"]["properties"].get("company").is_none())
    );
}

#[tokio::test]
async fn the_newer_generation_keeps_no_session() {
    let service = Service::start().await;
    let client = reader(&service);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}});
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/list"),
    ];
    let response = send(&client, &message, &headers).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert!(response.headers.get("mcp-session-id").is_none());
    let listed: Value = response.json();
    assert_eq!(listed["result"]["cacheScope"], "private", "{listed}");
}

#[tokio::test]
async fn tools_run_with_the_callers_rights() {
    let service = Service::start().await;
    let client = reader(&service);
    let called = ask(
        &client,
        "tools/call",
        &json!({"name": "get_receivables", "arguments": {"limit": 5}}),
    )
    .await;
    let result = &called["result"];
    assert_eq!(result["isError"], false, "{called}");
    assert_eq!(result["structuredContent"]["report"], "receivables");
    assert!(result["content"][0]["text"].as_str().unwrap().contains("Вектор"));
    assert_eq!(service.onec.asked(), ["/reports/receivables?limit=5"]);
    // A company is set by the client's configuration, never by a model.
    let named = ask(
        &client,
        "tools/call",
        &json!({"name": "get_receivables", "arguments": {"company": "x"}}),
    )
    .await;
    assert_eq!(named["result"]["isError"], true);
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_cash", "arguments": {}}});
    let company = common::ids::new_id().to_string();
    send(&client, &message, &[("x-company-id", &company)]).await;
    assert!(service.onec.asked().last().unwrap().contains(&company));
    let unknown = ask(
        &client,
        "tools/call",
        &json!({"name": "drop_table", "arguments": {}}),
    )
    .await;
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
}

#[tokio::test]
async fn a_policy_that_forbids_external_models_closes_the_tools() {
    let service = Service::start().await;
    let client = reader(&service);
    let officer = service.client(&[common::auth::Permission::SecurityAdmin]);
    let forbid = json!({"company_id": null, "mode": "forbid"});
    assert_eq!(officer.put("/privacy/policies", &forbid).await.status, 200);
    let params = json!({"name": "get_receivables", "arguments": {}});
    let refused = ask(&client, "tools/call", &params).await;
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    let problem = &refused["result"]["structuredContent"];
    assert_eq!(problem["code"], "privacy.external_forbidden", "{refused}");
    assert!(service.onec.asked().is_empty());
    // The refusal is in the books like any call.
    assert_eq!(service.audited("mcp.tool_called").await, 1);
    // What is about no data is told.
    assert!(ask(&client, "tools/list", &json!({})).await["result"]["tools"].is_array());
}

#[tokio::test]
async fn who_may_not_read_1c_is_not_served() {
    let service = Service::start().await;
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let response = send(&service.anonymous(), &message, &[]).await;
    response.assert_problem(401, "auth.token_required");
    let chatting = service.client(&[Permission::Chat]);
    send(&chatting, &message, &[])
        .await
        .assert_problem(403, "auth.permission_denied");
    let wrong = send(&reader(&service), &json!({"no": "message"}), &[]).await;
    assert!(wrong.status.is_client_error(), "{}", wrong.text());
    let place = send(&reader(&service), &message, &[("x-company-id", "x")]).await;
    assert_eq!(place.status, 400);
}

#[tokio::test]
async fn only_allowed_hosts_and_origins_are_answered() {
    let service = Service::with(&[
        ("MCP_ALLOWED_HOSTS", "1c.example.com"),
        ("MCP_ALLOWED_ORIGINS", "https://1c.example.com:443"),
    ])
    .await;
    let client = reader(&service);
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    assert_eq!(send(&client, &message, &[]).await.status, 403);
    let ours = [("host", "1c.example.com"), ("origin", "https://1c.example.com")];
    assert_eq!(send(&client, &message, &ours).await.status, 200);
    let theirs = [("host", "1c.example.com"), ("origin", "https://evil.example")];
    assert_eq!(send(&client, &message, &theirs).await.status, 403);
}

#[tokio::test]
async fn without_1c_or_the_database_a_call_says_so() {
    let service = Service::start().await;
    let client = reader(&service);
    let call = json!({"name": "get_cash", "arguments": {}});
    service.onec.set(Mood::Slow);
    let silent = ask(&client, "tools/call", &call).await;
    assert_eq!(silent["result"]["isError"], true, "{silent}");
    service.onec.set(Mood::Forbidding);
    let denied = ask(&client, "tools/call", &call).await;
    assert!(
        denied["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("Нет доступа"),
        "{denied}"
    );
    service.database.cut();
    let failed = ask(&client, "tools/call", &call).await;
    assert!(
        failed["error"]["message"].as_str().unwrap().contains("recorded"),
        "{failed}"
    );
}
