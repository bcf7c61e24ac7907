//! Every route of every service, for somebody without a token and for somebody who may do nothing.

use common::http::routes::{Access, RouteSpec};
use common::testing::walk_routes_as;
use devstack::plan::{DEMO_PASSWORD, LOGINS, Program};
use reqwest::Method;
use serde_json::json;

use crate::support::TestStack;

#[tokio::test(flavor = "multi_thread")]
async fn no_route_of_any_service_lets_the_powerless_in() {
    let stack = TestStack::start(&[]).await;
    let admin = stack
        .gateway
        .log_in(LOGINS[0].email, DEMO_PASSWORD)
        .await
        .unwrap();
    // Roles are rows; this one has no permission at all.
    let role = "insert into identity.roles (name, title_ru, title_en, permissions, position) \
                values ('powerless', 'Бесправный', 'Powerless', '{}', 99)";
    stack.stack.psql("identity", role).unwrap();
    let (email, password) = ("powerless@demo.local", DEMO_PASSWORD);
    let body = json!({"email": email, "password": password, "name": "Никто"});
    let user = stack
        .gateway
        .post("/api/users/auth/register", &body)
        .await
        .unwrap();
    let id = user["user"]["id"]
        .as_str()
        .or(user["id"].as_str())
        .unwrap()
        .to_owned();
    admin
        .put(&format!("/api/users/{id}/role"), &json!({"role": "powerless"}))
        .await
        .unwrap();

    let tables: [(Program, Vec<RouteSpec>); 5] = [
        (
            Program::AiAssistant,
            ai_assistant::router::routes().specs().to_vec(),
        ),
        (
            Program::OnecIntegration,
            onec_integration::routes().specs().to_vec(),
        ),
        (Program::Analytics, analytics::routes().specs().to_vec()),
        (Program::Security, security::routes().specs().to_vec()),
        // Last: logging out is one of its routes.
        (
            Program::UserManagement,
            user_management::routes().specs().to_vec(),
        ),
    ];
    for (program, specs) in &tables {
        let powerless = stack.gateway.log_in(email, password).await.unwrap();
        walk_routes_as(
            &stack.stack.plan().ports.url(*program),
            specs,
            powerless.token().unwrap(),
        )
        .await;
    }

    // Browsers are sent to the port of this stack.
    let discovered = stack.gateway.get("/api/users/.well-known/openid-configuration");
    let public_url = stack.stack.plan().ports.public_url();
    assert_eq!(
        discovered.await.unwrap()["issuer"],
        format!("{public_url}/api/users")
    );

    // The gateway stands before all of them: behind it nothing but logins answers without a token.
    for (program, specs) in &tables {
        let prefix = match program {
            Program::AiAssistant => "/api/ai",
            Program::OnecIntegration => "/api/1c",
            Program::Analytics => "/api/analytics",
            Program::Security => "/api/security",
            _ => continue,
        };
        // 1C bases that push have a login of their own, and links have a signature or a secret.
        for spec in specs.iter().filter(|spec| spec.access != Access::Public) {
            let path = format!("{prefix}{}", spec.path.replace(['{', '}'], ""));
            let body = (spec.method != Method::GET).then(|| json!({}));
            let answer = stack
                .gateway
                .call(spec.method.clone(), &path, body.as_ref())
                .await
                .unwrap();
            assert_eq!(answer.status, 401, "{} {path}: {}", spec.method, answer.body);
        }
    }
    stack.stop().await;
}
