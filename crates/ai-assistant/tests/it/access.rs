//! Who may call what.

use ai_assistant::router::routes;
use common::auth::Permission;
use common::testing::walk_routes;
use serde_json::json;

use crate::setup::{Service, ask};

#[tokio::test]
async fn every_route_needs_its_permission() {
    let service = Service::start().await;
    walk_routes(&service.url(), routes().specs(), &service.issuer).await;
}

#[tokio::test]
async fn without_the_right_to_read_1c_there_are_no_figures() {
    let service = Service::with_provider("openai").await;
    let client = service.client(&[Permission::Chat, Permission::Generate]);
    let rules = client
        .post(
            "/chat",
            &json!({"message": "Кто нам должен?", "model": "builtin"}),
        )
        .await;
    let answer: serde_json::Value = rules.json();
    assert!(
        answer["answer"].as_str().unwrap().contains("onec:read"),
        "{answer}"
    );
    assert_eq!(answer["citations"], json!([]));
    // A model is given no tools.
    let answer = ask(&client, "Кто нам должен?").await;
    assert_eq!(answer["engine"], "llm");
    assert!(service.provider.bodies()[0].get("tools").is_none());
    assert!(service.onec.asked().is_empty());
    let reminder = json!({"kind": "reminder", "parameters": {"counterparty": "Вектор"}});
    client
        .post("/generate", &reminder)
        .await
        .assert_problem(403, "auth.permission_denied");
}

#[tokio::test]
async fn tools_carry_the_callers_token_and_the_company_of_the_request() {
    let service = Service::start().await;
    let token = service.issuer.token(&[Permission::Chat, Permission::OnecRead]);
    let company = common::ids::new_id();
    let client = service.anonymous().with_token(token.clone());
    let body = json!({"message": "Кто нам должен?", "company_id": company});
    let _: serde_json::Value = client.post("/chat", &body).await.json();
    assert_eq!(service.onec.authorization(), Some(format!("Bearer {token}")));
    assert!(
        service.onec.asked()[0].contains(&format!("company={company}")),
        "{:?}",
        service.onec.asked()
    );
}
