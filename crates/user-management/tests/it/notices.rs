//! What the owner of an account is told of by mail.

use chrono::Duration;
use common::testing::Response;
use http::Method;
use serde_json::{Value, json};

use crate::accounts::with_mail_and;
use crate::authenticator::{Algorithm, Device};
use crate::harness::{PASSWORD, Service, eventually};
use crate::passkeys;
use crate::post_office::PostOffice;
use crate::totp::{EMAIL, enrolled};

async fn with_mail() -> (Service, PostOffice) {
    with_mail_and(&[("EMAIL_VERIFICATION", "off")]).await
}

/// The last of so many letters, which says this.
async fn assert_told(office: &PostOffice, count: usize, words: &str) {
    let letters = office.letters_to(EMAIL, count).await;
    assert!(
        letters[count - 1].text.contains(words),
        "{:?}",
        letters[count - 1]
    );
}

#[tokio::test]
async fn every_change_of_second_factors_is_told() {
    let (service, office) = with_mail().await;
    let anna = enrolled(&service).await;
    assert_told(&office, 1, "Для входа теперь нужен и код").await;
    let client = &anna.session.client;
    client.post("/users/me/recovery-codes", &json!({})).await;
    assert_told(&office, 2, "Прежние коды больше не действуют").await;
    let mut device = Device::new(Algorithm::Es256);
    let added = passkeys::add(&service, &anna.session, &mut device).await;
    assert_told(&office, 3, "Название: Телефон").await;
    let path = format!(
        "/users/me/passkeys/{}",
        added.json::<Value>()["id"].as_str().unwrap()
    );
    assert_eq!(client.delete(&path).await.status, 204);
    assert_told(&office, 4, "С этим ключом доступа больше не войти").await;
    assert_eq!(client.delete("/users/me/totp").await.status, 204);
    assert_told(&office, 5, "больше не подтверждает вход").await;
    let letter = office.letters_to(EMAIL, 5).await.remove(4);
    assert!(
        letter.text.contains("с адреса 127.0.0.1") && letter.text.contains("Если это были не вы"),
        "{letter:?}"
    );

    let admin = service.admin().await;
    let path = format!("/users/{}/second-factors", anna.session.id);
    assert_eq!(admin.client.delete(&path).await.status, 204);
    assert_told(&office, 6, "Администратор отключил ваш второй фактор").await;
}

#[tokio::test]
async fn a_recovery_code_that_is_used_is_told() {
    let (service, office) = with_mail().await;
    let anna = enrolled(&service).await;
    let asked = service.try_login(EMAIL, PASSWORD).await;
    let asked = asked.assert_problem(401, "auth.second_factor_required");
    let body = json!({ "challenge": asked["challenge"], "recovery_code": anna.recovery_codes[0] });
    let done = service.client.post("/auth/login/second-factor", &body).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_told(&office, 2, "ввели код восстановления").await;
}

#[tokio::test]
async fn every_change_of_api_keys_is_told_with_the_name_of_the_key() {
    let (service, office) = with_mail().await;
    service.register(EMAIL).await;
    let anna = service.login(EMAIL, PASSWORD).await;
    let body = json!({ "name": "Выгрузка", "permissions": ["chat"] });
    let key: Value = anna.client.post("/api-keys", &body).await.json();
    assert_told(&office, 1, "может действовать от вашего имени").await;
    assert_told(&office, 1, "Название: Выгрузка").await;
    let path = format!("/api-keys/{}", key["id"].as_str().unwrap());
    let rotated = anna.client.post(&format!("{path}/rotate"), &json!({})).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    assert_told(&office, 2, "Ключ заменён новым").await;
    assert_eq!(anna.client.delete(&path).await.status, 204);
    assert_told(&office, 3, "больше не действует").await;
}

async fn login_from(service: &Service, program: &str, cookie: Option<&str>) -> Response {
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let request = service
        .client
        .request(Method::POST, "/auth/login")
        .header("user-agent", program);
    let request = match cookie {
        Some(cookie) => request.header("cookie", cookie),
        None => request,
    };
    let answer = service.client.send(request.json(&body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

#[tokio::test]
async fn a_login_from_where_none_came_before_is_told_once() {
    let (service, office) = with_mail().await;
    service.register(EMAIL).await;
    let first = login_from(&service, "Firefox", None).await;
    login_from(&service, "Firefox", None).await;
    login_from(&service, "curl/8 <b>", None).await;
    assert_told(&office, 1, "откуда раньше не входили").await;
    assert_told(&office, 1, "Программа: curl/8 <b>").await;
    login_from(&service, "curl/8 <b>", None).await;
    // A browser that the cookie tells of is known, whatever its version and network.
    let cookies = first.headers.get_all("set-cookie").iter();
    let device = cookies
        .filter_map(|set| set.to_str().unwrap().split(';').next())
        .find(|pair| pair.starts_with("device="))
        .unwrap()
        .to_owned();
    login_from(&service, "Firefox 2", Some(&device)).await;
    let failed = json!({ "email": EMAIL, "password": "a wrong one of these" });
    let request = service
        .client
        .request(Method::POST, "/auth/login")
        .header("user-agent", "guess");
    assert_eq!(service.client.send(request.json(&failed)).await.status, 401);
    eventually("nothing waits to be sent", async || {
        service.count("identity.mails where ended_at is null").await == 0
    })
    .await;
    office.letters_to(EMAIL, 1).await;
}

#[tokio::test]
async fn of_two_replicas_each_letter_is_sent_once_even_after_an_outage_of_the_mail_server() {
    let office = PostOffice::open().await;
    let url = office.url();
    let settings = [
        ("SMTP_URL", url.as_str()),
        ("SMTP_FROM", "robot@example.org"),
        ("EMAIL_VERIFICATION", "off"),
    ];
    let options = || crate::harness::Options {
        settings: &settings,
        ..crate::harness::Options::default()
    };
    office.refuse(Some("451 not now"));
    let service = crate::harness::with(options()).await;
    let other = crate::harness::with(crate::harness::Options {
        database_url: Some(service.database_url.clone()),
        ..options()
    })
    .await;
    for n in 0..10 {
        let body = json!({ "email": format!("n{n}@example.com") });
        service.register(body["email"].as_str().unwrap()).await;
        let asked = service.client.post("/auth/password/forgot", &body).await;
        assert_eq!(asked.status, 202, "{}", asked.text());
    }
    eventually("all have been tried", async || {
        service.count("identity.mails where attempts = 1").await == 10
    })
    .await;
    office.refuse(None);
    for clock in [&service.clock, &other.clock] {
        clock.advance(Duration::seconds(31));
    }
    eventually("all are sent", async || {
        service.count("identity.mails where outcome = 'sent'").await == 10
    })
    .await;
    let mut to: Vec<String> = office.letters().into_iter().map(|letter| letter.to).collect();
    to.sort();
    to.dedup();
    assert_eq!((to.len(), office.letters().len()), (10, 10));
}
