//! POST /auth/register

use common::events::Stream;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, id_of, service, with_settings};

#[tokio::test]
async fn a_newcomer_gets_the_least_role_and_no_companies() {
    let service = service().await;
    let body =
        json!({ "email": " Anna@Example.com ", "password": PASSWORD, "name": " Анна ", "role": "admin" });
    let answer = service.client.post("/auth/register", &body).await;
    assert_eq!(answer.status, 201);
    let user = answer.json::<Value>()["user"].clone();
    assert_eq!(user["email"], "anna@example.com");
    assert_eq!(user["name"], "Анна");
    assert_eq!(user["role"], "user");
    assert_eq!(user["permissions"], json!(["chat", "generate"]));
    assert_eq!(user["companies"], json!([]));
    assert!(!answer.text().contains("argon2"));
    service.login("ANNA@example.com", PASSWORD).await;

    let events = service.events(Stream::Auth, "auth.registered", 1).await;
    assert_eq!(events[0].data["user_id"], id_of(&user).to_string());
    assert!(!serde_json::to_string(&events).unwrap().contains("example.com"));
    service.events(Stream::Audit, "auth.registered", 1).await;
}

#[tokio::test]
async fn everything_wrong_is_told_at_once() {
    let service = service().await;
    let body = json!({ "email": "anna", "password": PASSWORD, "name": "" });
    let problem = service.client.post("/auth/register", &body).await;
    let problem = problem.assert_problem(422, "request.validation_failed");
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/email", "/name"]);

    for password in [
        "short",
        "passwordpassword",
        "anna.petrova-1c",
        &"long ".repeat(26),
    ] {
        let body = json!({ "email": "anna.petrova@example.com", "password": password, "name": "Анна" });
        let problem = service.client.post("/auth/register", &body).await;
        let problem = problem.assert_problem(422, "request.validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/password", "{password}");
        assert!(!problem.to_string().contains(password));
    }
    let missing = service.client.post("/auth/register", &json!({})).await;
    missing.assert_problem(422, "request.validation_failed");
    let zero = json!({ "email": "an\u{0}na@example.com", "password": PASSWORD, "name": "Анна" });
    let zero = service.client.post("/auth/register", &zero).await;
    zero.assert_problem(422, "request.validation_failed");
    assert_eq!(service.count("identity.users").await, 1, "the administrator only");
}

#[tokio::test]
async fn an_address_has_one_account_however_it_is_written() {
    let service = service().await;
    service.register("anna@example.com").await;
    let body = json!({ "email": "ANNA@Example.COM", "password": PASSWORD, "name": "Другая Анна" });
    let answer = service.client.post("/auth/register", &body).await;
    answer.assert_problem(409, "users.email_taken");
}

#[tokio::test]
async fn of_many_who_register_one_address_at_once_one_gets_it() {
    let service = service().await;
    let body = json!({ "email": "anna@example.com", "password": PASSWORD, "name": "Анна" });
    let attempts = (0..5).map(|_| service.client.post("/auth/register", &body));
    let answers = futures_util::future::join_all(attempts).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    let refused = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((made, refused), (1, 4));
}

#[tokio::test]
async fn registration_can_be_closed_and_the_length_is_set() {
    let closed = with_settings(&[("REGISTRATION", "closed")]).await;
    let body = json!({ "email": "anna@example.com", "password": PASSWORD, "name": "Анна" });
    let answer = closed.client.post("/auth/register", &body).await;
    answer.assert_problem(403, "auth.registration_closed");

    let short = with_settings(&[("PASSWORD_MIN_LENGTH", "8")]).await;
    let body = json!({ "email": "anna@example.com", "password": "otter-11", "name": "Анна" });
    let answer = short.client.post("/auth/register", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}
