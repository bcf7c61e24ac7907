//! A program sends its user to our login page, and from there the user goes on to another provider.

use serde_json::{Value, json};

use super::browser::OUTSIDE;
use super::{Browser, Federated, federated};
use crate::relying_party::{Program, between, second_factor_of, sent_back};

/// From the program's request to the end of the way back from the provider.
async fn by_provider(
    federated: &Federated,
    browser: &mut Browser<'_>,
    request: &str,
) -> common::testing::Response {
    let page = browser.get(&format!("/oauth2/authorize?{request}")).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let html = page.text();
    assert!(html.contains("Вход компании"), "{html}");
    let link = between(&html, "<a href=\"..", "\"")
        .unwrap()
        .replace("&amp;", "&");
    let start = browser.get(&link).await;
    assert_eq!(start.status, 303, "{}", start.text());
    let url = start.headers["location"].to_str().unwrap().to_owned();
    assert!(url.starts_with(&federated.provider.url()));
    let back = browser.at_provider(&url).await;
    let answer = browser.get(&back).await;
    if answer.status != 303 {
        return answer;
    }
    let next = answer.headers["location"].to_str().unwrap();
    let next = next
        .strip_prefix(OUTSIDE)
        .unwrap_or_else(|| unreachable!("{next}"))
        .to_owned();
    assert!(next.starts_with("/oauth2/federated?"), "{next}");
    let answer = browser.get(&next).await;
    let again = browser.get(&next).await;
    assert_eq!(again.status, 401, "the code works once");
    answer
}

#[tokio::test]
async fn a_user_without_a_password_reaches_the_program() {
    let federated = federated("", "").await;
    let service = &federated.service;
    let program = Program::first_party(service).await;
    let mut browser = federated.browser();
    let answer = by_provider(&federated, &mut browser, &program.request(&[])).await;
    let next = answer.headers["location"].to_str().unwrap().to_owned();
    let answer = browser.get(&format!("/oauth2/{next}")).await;
    let sent = sent_back(&answer);
    assert_eq!(sent["state"], "s&t");
    let tokens: Value = program.redeem(service, &sent["code"]).await.json();
    assert!(tokens["id_token"].is_string(), "{tokens}");
    // The browser is known now.
    let answer = browser
        .get(&format!("/oauth2/authorize?{}", program.request(&[])))
        .await;
    assert!(sent_back(&answer).contains_key("code"));
}

#[tokio::test]
async fn the_second_factor_is_asked_for_on_our_page() {
    let federated = federated("", "").await;
    let service = &federated.service;
    let program = Program::first_party(service).await;
    let mut browser = federated.browser();
    let (_, fragment) = browser.log_in().await;
    let anna = service.session(&browser.complete(&fragment["oidc_code"]).await);
    second_factor_of(service, &anna).await;
    let mut browser = federated.browser();
    let page = by_provider(&federated, &mut browser, &program.request(&[])).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(
        page.text().contains("action=\"second-factor\""),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn what_goes_wrong_is_told_on_a_page() {
    let federated = federated("", "create = false").await;
    let program = Program::first_party(&federated.service).await;
    let mut browser = federated.browser();
    let page = by_provider(&federated, &mut browser, &program.request(&[])).await;
    assert_eq!(page.status, 403, "{}", page.text());
    assert!(
        page.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );

    // An account of the address that is not linked: nobody is logged in.
    federated.service.register("anna@example.com").await;
    let page = by_provider(&federated, &mut browser, &program.request(&[])).await;
    assert_eq!(page.status, 409, "{}", page.text());

    let long = "x".repeat(2000);
    let client = &federated.service.client;
    let answer = client.get(&format!("/auth/oidc/test/start?request={long}")).await;
    answer.assert_problem(400, "request.invalid");
    // Without a code, with a stranger's, and without the program's request.
    for query in ["", "code=x", &format!("code=x&request={}", json!("nonsense"))] {
        let answer = browser.get(&format!("/oauth2/federated?{query}")).await;
        assert!(answer.status.is_client_error(), "{query}: {}", answer.status);
    }
}
