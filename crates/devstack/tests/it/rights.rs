//! Whose figures a person sees.

use devstack::plan::Program;
use reqwest::Method;
use serde_json::json;

use crate::compare::decimal;
use crate::support::{TestStack, today};

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_what_their_role_and_companies_allow() {
    let stack = TestStack::start_seeded().await;
    let question = json!({"message": "Кто нам должен больше всего?"});

    // Without a token there is nothing behind the gateway.
    for (method, path) in [
        (Method::POST, "/api/ai/chat"),
        (Method::POST, "/api/ai/generate"),
        (Method::GET, "/api/ai/models"),
        (Method::GET, "/api/1c/companies"),
        (Method::POST, "/api/1c/sync/data"),
        (Method::GET, "/api/1c/reports/receivables"),
        (Method::GET, "/api/users/me"),
        (Method::GET, "/api/users"),
        (Method::GET, "/api/analytics/metrics"),
        (Method::GET, "/api/analytics/dashboards/overview"),
        (Method::POST, "/api/analytics/reports/generate"),
        (Method::GET, "/api/security/threats"),
        (Method::GET, "/api/security/alerts"),
        (Method::POST, "/api/security/audit/log"),
    ] {
        let body = (method == Method::POST).then(|| json!({}));
        let answer = stack.gateway.call(method, path, body.as_ref()).await.unwrap();
        assert_eq!(answer.status, 401, "{path}: {}", answer.body);
        assert!(answer.body["code"].is_string(), "{path}: {}", answer.body);
    }
    for program in [
        Program::AiAssistant,
        Program::OnecIntegration,
        Program::Analytics,
        Program::Security,
    ] {
        let prefix = match program {
            Program::AiAssistant => "ai",
            Program::OnecIntegration => "1c",
            Program::Analytics => "analytics",
            _ => "security",
        };
        let health = stack.gateway.get(&format!("/api/{prefix}/health")).await.unwrap();
        assert_eq!(health["service"], program.name());
    }

    // Chat alone reaches no data of 1C.
    let user = stack.log_in("user").await;
    let answer = user.post("/api/ai/chat", &question).await.unwrap();
    assert_eq!(answer["tables"], json!([]), "{answer}");
    let report = user
        .call(Method::GET, "/api/1c/reports/receivables", None)
        .await
        .unwrap();
    assert_eq!(
        (report.status, &report.body["code"]),
        (403, &json!("auth.permission_denied"))
    );

    // The manager sees one company of three.
    let day = today().to_string();
    let manager = stack.log_in("manager").await;
    let companies = manager.get("/api/1c/companies").await.unwrap();
    assert_eq!(companies["items"].as_array().unwrap().len(), 1, "{companies}");
    let name = companies["items"][0]["name"].as_str().unwrap();
    let answer = manager.post("/api/ai/chat", &question).await.unwrap();
    let truth = stack.truth(&["receivables", "--date", &day, "--organization", name]);
    let all = stack.truth(&["receivables", "--date", &day]);
    assert_eq!(
        decimal(&answer["tables"][0]["totals"]["debt"]),
        decimal(&truth["totals"]["debt"])
    );
    assert!(decimal(&truth["totals"]["debt"]) < decimal(&all["totals"]["debt"]));

    // The security officer sees the failed logins, and the accountant does not see them.
    for _ in 0..6 {
        let body = json!({"email": "nobody@demo.local", "password": "wrong password"});
        let answer = stack
            .gateway
            .call(Method::POST, "/api/users/auth/login", Some(&body))
            .await
            .unwrap();
        assert_eq!(answer.status, 401, "{}", answer.body);
    }
    let officer = stack.log_in("security").await;
    crate::support::eventually("an alert about failed logins", async || {
        let alerts = officer.get("/api/security/alerts").await.unwrap();
        (!alerts["items"].as_array().unwrap().is_empty()).then_some(())
    })
    .await;
    let accountant = stack.log_in("accountant").await;
    let alerts = accountant
        .call(Method::GET, "/api/security/alerts", None)
        .await
        .unwrap();
    assert_eq!(alerts.status, 403);

    // The director's overview and the administrator's metrics know of what happened.
    let director = stack.log_in("director").await;
    let overview = director.get("/api/analytics/dashboards/overview").await.unwrap();
    assert!(!overview["panels"].as_array().unwrap().is_empty(), "{overview}");
    let admin = stack.log_in("admin").await;
    let metrics = admin.get("/api/analytics/metrics").await.unwrap();
    assert!(metrics.is_object(), "{metrics}");
    stack.stop().await;
}
