//! What was used, and who may see it.

use common::auth::Permission;
use common::testing::Grant;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::setup::{Service, ask_model};

#[tokio::test]
async fn everybody_sees_their_own_usage_and_budgets() {
    let service = Service::with_provider("openai").await;
    let client = service.user(&Grant::new(&[Permission::Chat, Permission::OnecRead]));
    service
        .client(&[Permission::UsersAdmin])
        .put(
            "/budgets",
            &json!({"scope": "user", "period": "month", "hard_tokens": 100_000, "hard_usd": "5"}),
        )
        .await;
    let empty: Value = client.get("/usage").await.json();
    assert_eq!(
        (
            &empty["items"],
            &empty["total"]["attempts"],
            &empty["total"]["cost_usd"]
        ),
        (&json!([]), &json!(0), &json!("0"))
    );
    assert_eq!(empty["limits"][0]["used_tokens"], json!(null));
    for model in ["fake", "builtin", "fault-503"] {
        ask_model(&client, model, "Кто нам должен?").await;
    }
    ask_model(&service.accountant(), "fake", "Кто нам должен?").await;
    let own: Value = client.get("/usage?by=model").await.json();
    let keys: Vec<&str> = own["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["builtin", "fake", "fault-503"], "{own}");
    let fake = &own["items"][1];
    assert_eq!(
        (&fake["input_tokens"], &fake["output_tokens"], &fake["tool_calls"]),
        (&json!(240), &json!(30), &json!(1))
    );
    // Nobody knows the price; that is not the same as free.
    assert_eq!((&fake["cost_usd"], &fake["unpriced"]), (&json!(null), &json!(1)));
    // The rules answered twice, once for the model that failed.
    assert_eq!(
        (&own["items"][0]["cost_usd"], &own["items"][0]["answered"]),
        (&json!("0"), &json!(2))
    );
    assert_eq!(
        (&own["items"][2]["failed"], &own["total"]["attempts"]),
        (&json!(1), &json!(4))
    );
    assert_eq!(own["limits"][0]["used_tokens"], 270);
    let days: Value = client.get("/usage?from=2026-11-24&to=2026-11-24").await.json();
    assert_eq!(days["items"][0]["key"], "2026-11-24");
    let before: Value = client.get("/usage?from=2026-11-01&to=2026-11-23").await.json();
    assert_eq!(before["items"], json!([]));
    for wrong in [
        "/usage?from=2026-11-24&to=2026-11-23",
        "/usage?from=2024-01-01&to=2026-01-01",
        "/usage?by=colour",
        "/usage?from=yesterday",
    ] {
        let refused = client.get(wrong).await;
        assert!(refused.status.is_client_error(), "{wrong} {}", refused.text());
    }
    service
        .anonymous()
        .get("/usage")
        .await
        .assert_problem(401, "auth.token_required");
    service.database.cut();
    client
        .get("/usage")
        .await
        .assert_problem(503, "dependency.unavailable");
}

#[tokio::test]
async fn everybodys_usage_is_for_analysts_and_of_their_companies() {
    let service = Service::with_provider("chat").await;
    let (own, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
    let client = service.client(&[Permission::Chat]);
    for company in [own, other] {
        let asked = client
            .post(
                "/chat",
                &json!({"message": "Как дела?", "model": "fake", "company_id": company}),
            )
            .await;
        assert_eq!(asked.status, 200);
    }
    let analyst = Grant::new(&[Permission::AnalyticsRead]);
    let all: Value = service
        .user(&analyst)
        .get("/usage?scope=all&by=company")
        .await
        .json();
    assert_eq!(
        (&all["items"][0]["key"], &all["items"][1]["key"]),
        (&json!(own), &json!(other)),
        "{all}"
    );
    assert_eq!(all["limits"], json!(null));
    let narrow = service.user(&analyst.companies([own]));
    let seen: Value = narrow.get("/usage?scope=all&by=company").await.json();
    assert_eq!(seen["items"].as_array().unwrap().len(), 1, "{seen}");
    let nothing: Value = narrow
        .get(&format!("/usage?scope=all&company_id={other}"))
        .await
        .json();
    assert_eq!(nothing["total"]["attempts"], 0);
    for path in [
        "/usage?scope=all".to_owned(),
        format!("/usage?user_id={}", Uuid::from_u128(9)),
    ] {
        client
            .get(&path)
            .await
            .assert_problem(403, "auth.permission_denied");
    }
}
