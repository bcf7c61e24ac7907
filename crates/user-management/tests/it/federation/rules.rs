//! Who may come in, and as what.

use common::auth::{Companies, Permission};
use serde_json::{Value, json};

use super::{Federated, federated};
use crate::harness::{ADMIN_EMAIL, PASSWORD, eventually, id_of};
use common::events::Stream;

async fn error_of(federated: &Federated) -> String {
    let (_, fragment) = federated.browser().log_in().await;
    fragment["oidc_error"].clone()
}

async fn user_of(federated: &Federated) -> Value {
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    assert!(fragment.contains_key("oidc_code"), "{fragment:?}");
    browser.complete(&fragment["oidc_code"]).await.json::<Value>()["user"].clone()
}

#[tokio::test]
async fn an_address_that_nobody_vouches_for_makes_no_account() {
    let federated = federated("", "").await;
    for claims in [
        json!({ "email_verified": false }),
        json!({ "email_verified": null }),
        json!({ "email_verified": "false" }),
        json!({ "email": null }),
        json!({ "email": "no address" }),
    ] {
        federated.provider.person(claims.clone());
        assert_eq!(
            error_of(&federated).await,
            "federation.email_unverified",
            "{claims}"
        );
    }
    // Nor does it tell whether there is an account of it.
    federated
        .provider
        .person(json!({ "email": ADMIN_EMAIL, "email_verified": false }));
    assert_eq!(error_of(&federated).await, "federation.email_unverified");
    assert_eq!(federated.service.count("identity.users").await, 1);
}

#[tokio::test]
async fn a_provider_may_be_trusted_with_addresses() {
    let federated = federated("", "trust_email = true").await;
    federated
        .provider
        .person(json!({ "email_verified": null, "name": null }));
    let user = user_of(&federated).await;
    assert_eq!(user["name"], "anna", "for want of a name");
}

#[tokio::test]
async fn only_the_domains_of_the_company_may_come() {
    let federated = federated("", "allowed_domains = [\"example.com\"]").await;
    for email in [
        "anna@evil.com",
        "anna@example.com.evil.com",
        "anna@sub.example.com",
    ] {
        federated.provider.person(json!({ "email": email }));
        assert_eq!(
            error_of(&federated).await,
            "federation.domain_not_allowed",
            "{email}"
        );
    }
    federated.provider.person(json!({ "email": null }));
    assert_eq!(error_of(&federated).await, "federation.domain_not_allowed");
    federated.provider.person(json!({ "email": "Anna@EXAMPLE.com" }));
    assert_eq!(user_of(&federated).await["email"], "anna@example.com");
}

const ROLES: &str = r#"
default_role = "user"
default_companies = []
[[providers.users.roles]]
claim = "/realm_access/roles"
value = "1c-admin"
role = "admin"
companies = ["*"]
[[providers.users.roles]]
claim = "groups"
value = "buh"
role = "accountant"
companies = ["*"]
[[providers.users.roles]]
claim = "groups"
value = "odd"
role = "no_such_role"
"#;

#[tokio::test]
async fn a_claim_gives_a_role_to_a_new_account_and_leaves_it_then() {
    let federated = federated("", ROLES).await;
    federated.provider.person(json!({ "groups": ["it", "buh"] }));
    let user = user_of(&federated).await;
    assert_eq!(
        (user["role"].as_str(), &user["companies"]),
        (Some("accountant"), &json!(["*"]))
    );
    federated.provider.person(json!({ "groups": [] }));
    assert_eq!(user_of(&federated).await["role"], "accountant", "not followed");

    federated
        .provider
        .person(json!({ "sub": "2", "email": "b@example.com", "groups": "odd" }));
    assert_eq!(
        user_of(&federated).await["role"],
        "user",
        "a role that does not exist"
    );
}

#[tokio::test]
async fn roles_follow_the_provider_where_that_is_wanted() {
    let federated = federated("", &format!("sync_roles = true\n{ROLES}")).await;
    let service = &federated.service;
    federated.provider.person(json!({ "groups": ["buh"] }));
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    let accountant = service.session(&browser.complete(&fragment["oidc_code"]).await);
    assert_eq!(accountant.client.get("/users/me").await.status, 200);

    federated.provider.person(json!({ "groups": [] }));
    let user = user_of(&federated).await;
    assert_eq!(
        (user["role"].as_str(), &user["companies"]),
        (Some("user"), &json!([]))
    );
    let answer = accountant.client.get("/users/me").await;
    answer.assert_problem(401, "auth.session_revoked");
    let changed = service.events(Stream::Audit, "users.role_changed", 1).await;
    assert_eq!(changed[0].data["details"]["before"]["role"], "accountant");
    assert_eq!(changed[0].data["details"]["by"], "identity_provider");

    federated
        .provider
        .person(json!({ "realm_access": { "roles": ["1c-admin"] } }));
    assert_eq!(user_of(&federated).await["role"], "admin");
    // Once it is the last one, the provider cannot take it.
    let first = service.admin().await;
    let federated_admin = id_of(&user_of(&federated).await);
    let path = format!("/users/{}/role", first.id);
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    let second = service.session(&browser.complete(&fragment["oidc_code"]).await);
    let answer = second.client.put(&path, &json!({ "role": "user" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    federated.provider.person(json!({ "groups": [] }));
    let user = user_of(&federated).await;
    assert_eq!(
        (user["role"].as_str(), id_of(&user)),
        (Some("admin"), federated_admin)
    );
}

#[tokio::test]
async fn what_the_provider_takes_is_taken_from_keys_and_programs_too() {
    let federated = federated("", &format!("sync_roles = true\n{ROLES}")).await;
    let service = &federated.service;
    federated.provider.person(json!({ "groups": ["buh"] }));
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    let accountant = service.session(&browser.complete(&fragment["oidc_code"]).await);
    let body = json!({ "name": "Обмен", "permissions": ["chat", "onec:write"] });
    let key = accountant.client.post("/api-keys", &body).await;
    assert_eq!(key.status, 201, "{}", key.text());
    let exchanged = async || {
        let body = json!({ "api_key": key.json::<Value>()["key"] });
        let answer = service.client.post("/auth/api-keys/token", &body).await;
        answer.json::<Value>()["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let other = service.other_service();
    let token = exchanged().await;
    let identity = other.verify(&token).await.unwrap();
    assert!(identity.may(Permission::OnecWrite) && identity.companies.is_all());

    federated.provider.person(json!({ "groups": [] }));
    user_of(&federated).await;
    eventually("another service refuses the token of the key", async || {
        let refused = other.verify(&token).await;
        refused.is_err_and(|problem| problem.code() == "auth.rights_changed")
    })
    .await;
    let identity = other.verify(&exchanged().await).await.unwrap();
    assert!(identity.may(Permission::Chat) && !identity.may(Permission::OnecWrite));
    assert_eq!(identity.companies, Companies::Some([].into()));
}

#[tokio::test]
async fn an_account_of_the_address_is_not_taken_over() {
    let federated = federated("", "").await;
    let service = &federated.service;
    let id = service.register("anna@example.com").await;
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    assert_eq!(fragment["oidc_error"], "federation.link_required");
    assert_eq!(fragment["provider"], "test");
    // The code for linking logs nobody in.
    let answer = browser.complete(&fragment["link_code"]).await;
    answer.assert_problem(401, "federation.code_invalid");
    let anna = service.login("anna@example.com", PASSWORD).await;
    assert_eq!(anna.id, id);
    let identities: Value = anna.client.get("/users/me/identities").await.json();
    assert_eq!(identities["items"], json!([]));
}
