//! Providers that speak OAuth 2.0 without OpenID Connect, as Yandex ID and VK ID do.

use serde_json::{Value, json};

use super::federated;
use super::provider::CLIENT_SECRET;

const ENDPOINTS: &str = r#"
[providers.oauth2]
authorization_endpoint = "PROVIDER/authorize"
token_endpoint = "PROVIDER/token"
userinfo_endpoint = "PROVIDER/userinfo"
"#;

#[tokio::test]
async fn a_person_is_described_by_the_userinfo_endpoint_alone() {
    let more = format!(
        "{ENDPOINTS}userinfo = \"oauth_header\"\nsubject = \"id\"\nemail = \"default_email\"\nname = [\"real_name\"]"
    );
    let federated = federated(&more, "trust_email = true").await;
    federated.provider.now(|behaviour| {
        behaviour.userinfo = Some(
            json!({ "id": 1_000_034_426, "default_email": "anna@example.com", "real_name": "Анна Петрова" }),
        );
        // Whatever an ID token would say, nobody looks at it.
        behaviour.id_token = Some("nonsense".to_owned());
    });
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    let tokens: Value = browser.complete(&fragment["oidc_code"]).await.json();
    assert_eq!(tokens["user"]["email"], "anna@example.com");
    assert_eq!(tokens["user"]["name"], "Анна Петрова");
    assert_eq!(federated.provider.calls("discovery"), 0);
    assert_eq!(federated.provider.token_request()["client_secret"], CLIENT_SECRET);
    let subject: String = sqlx::query_scalar("select subject from identity.federated_identities")
        .fetch_one(&federated.service.db)
        .await
        .unwrap();
    assert_eq!(subject, "1000034426");
}

#[tokio::test]
async fn what_the_callback_brings_is_passed_on_where_the_provider_wants_it() {
    let more = format!(
        "{ENDPOINTS}userinfo = \"form\"\nsubject = \"/user/user_id\"\nemail = \"/user/email\"\n\
         name = [\"/user/first_name\", \"/user/last_name\"]\ncallback_params = [\"device_id\"]"
    );
    let federated = federated(&more, "trust_email = true").await;
    federated.provider.now(|behaviour| {
        behaviour.callback_extra = vec![("device_id".to_owned(), "d1".to_owned())];
        behaviour.userinfo = Some(json!({ "user": {
            "user_id": "1234567890", "first_name": "Анна", "last_name": "Петрова", "email": "anna@example.com",
        } }));
    });
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    let tokens: Value = browser.complete(&fragment["oidc_code"]).await.json();
    assert_eq!(tokens["user"]["name"], "Анна Петрова");
    assert_eq!(federated.provider.token_request()["device_id"], "d1");

    federated
        .provider
        .now(|behaviour| behaviour.userinfo = Some(json!({ "error": "invalid_token" })));
    let (_, fragment) = browser.log_in().await;
    assert_eq!(
        fragment["oidc_error"], "federation.token_invalid",
        "nobody is described"
    );
}
