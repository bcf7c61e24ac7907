//! The pages that links in letters lead to.

use common::testing::Response;
use http::Method;
use serde_json::{Value, json};

use crate::accounts::{NEW_PASSWORD, confirmed, with_mail, with_mail_and};
use crate::harness::{ADMIN_EMAIL, PASSWORD, Service, service, with_settings};
use crate::relying_party::{Browser, Program, between};

const EMAIL: &str = "anna@example.com";

/// A page that keeps its secret to itself and is what the policy says.
fn assert_page(answer: &Response, status: u16, heading: &str) {
    let html = answer.text();
    assert_eq!(answer.status, status, "{html}");
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    assert_eq!(answer.headers["x-frame-options"], "DENY");
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(
        !policy.contains("script-src") && policy.contains("form-action 'self' ;"),
        "{policy}"
    );
    assert!(!html.contains("<script"), "{html}");
    assert!(
        html.contains("name=\"viewport\" content=\"width=device-width"),
        "{html}"
    );
    assert_eq!(between(&html, "<h1>", "</h1>"), Some(heading), "{html}");
}

async fn submit(browser: &mut Browser, page: &Response, fields: &[(&str, &str)]) -> Response {
    browser.submit_in("/account", page, fields).await
}

const NEW: [(&str, &str); 2] = [("password", NEW_PASSWORD), ("password_again", NEW_PASSWORD)];

#[tokio::test]
async fn an_address_is_confirmed_by_a_click_and_not_by_a_program_that_follows_links() {
    let (service, office) = with_mail().await;
    let body = json!({ "email": EMAIL, "password": PASSWORD, "name": "Анна" });
    service.client.post("/auth/register", &body).await;
    let path = office.letters_to(EMAIL, 1).await.remove(0).path();
    let mut browser = Browser::new(&service);
    browser.get(&path).await;
    let page = browser.get(&path).await;
    assert_page(&page, 200, "Подтвердите адрес почты");
    assert!(page.text().contains(EMAIL), "{}", page.text());
    assert_eq!(service.try_login(EMAIL, PASSWORD).await.status, 401);
    let done = submit(&mut browser, &page, &[]).await;
    assert_page(&done, 200, "Адрес подтверждён");
    let anna = service.login(EMAIL, PASSWORD).await;
    assert_page(&browser.get(&path).await, 400, "Ссылка не действует");
    assert_page(
        &submit(&mut browser, &page, &[]).await,
        400,
        "Ссылка не действует",
    );

    let other = json!({ "email": "anna@new.example" });
    assert_eq!(anna.client.post("/users/me/email", &other).await.status, 202);
    let path = office.letters_to("anna@new.example", 1).await.remove(0).path();
    let page = browser.get(&path).await;
    assert_page(&submit(&mut browser, &page, &[]).await, 200, "Адрес подтверждён");
    service.login("anna@new.example", PASSWORD).await;
}

#[tokio::test]
async fn the_letter_that_confirms_can_be_asked_for_once_more() {
    let (service, office) = with_mail().await;
    let body = json!({ "email": EMAIL, "password": PASSWORD, "name": "Анна" });
    service.client.post("/auth/register", &body).await;
    office.letters_to(EMAIL, 1).await;
    let mut browser = Browser::new(&service);
    let page = browser.get("/account/verify-email").await;
    assert_page(&page, 200, "Подтверждение адреса");
    let wrong = submit(&mut browser, &page, &[("email", "anna")]).await;
    assert_page(&wrong, 422, "Подтверждение адреса");
    assert!(
        wrong.text().contains("не адрес электронной почты"),
        "{}",
        wrong.text()
    );
    let sent = submit(&mut browser, &wrong, &[("email", EMAIL)]).await;
    assert_page(&sent, 200, "Проверьте почту");
    let path = office.letters_to(EMAIL, 2).await.remove(1).path();
    let page = browser.get(&path).await;
    submit(&mut browser, &page, &[]).await;
    service.login(EMAIL, PASSWORD).await;
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_pages_alone() {
    let (service, office) = with_mail().await;
    confirmed(&service, &office, EMAIL).await;
    let program = Program::first_party(&service).await;
    let mut browser = Browser::new(&service);
    let login = browser
        .get(&format!("/oauth2/authorize?{}", program.request(&[])))
        .await;
    let forgotten = "<a href=\"http://localhost:3000/account/reset-password\">Забыли пароль?</a>";
    assert!(login.text().contains(forgotten), "{}", login.text());

    let ask = browser.get("/account/reset-password").await;
    assert_page(&ask, 200, "Забытый пароль");
    let known = submit(&mut browser, &ask, &[("email", EMAIL)]).await;
    let unknown = submit(&mut browser, &ask, &[("email", "nobody@example.com")]).await;
    assert_page(&known, 200, "Проверьте почту");
    assert_eq!(
        known.text(),
        unknown.text(),
        "nobody learns which addresses have accounts"
    );

    let path = office.letters_to(EMAIL, 2).await.remove(1).path();
    let page = browser.get(&path).await;
    assert_page(&page, 200, "Новый пароль");
    assert!(page.text().contains(EMAIL) && page.text().contains("Не короче 15 символов"));
    let differ = [("password", NEW_PASSWORD), ("password_again", PASSWORD)];
    let differ = submit(&mut browser, &page, &differ).await;
    assert_page(&differ, 422, "Новый пароль");
    assert!(differ.text().contains("Пароли не совпадают"), "{}", differ.text());
    let short = [("password", "short"), ("password_again", "short")];
    let short = submit(&mut browser, &differ, &short).await;
    assert_page(&short, 422, "Новый пароль");
    assert!(
        short.text().contains("Пароль короче 15 символов"),
        "{}",
        short.text()
    );
    let done = submit(&mut browser, &short, &NEW).await;
    assert_page(&done, 200, "Пароль изменён");
    service.login(EMAIL, NEW_PASSWORD).await;
    assert_page(
        &submit(&mut browser, &page, &NEW).await,
        400,
        "Ссылка не действует",
    );
    assert_page(&browser.get(&path).await, 400, "Ссылка не действует");
}

#[tokio::test]
async fn an_invite_is_accepted_by_a_page_in_the_language_of_the_reader() {
    let (service, office) = with_mail().await;
    let admin = service.admin().await;
    let body = json!({ "email": EMAIL, "role": "accountant", "companies": ["*"] });
    admin.client.post("/invites", &body).await;
    let path = office.letters_to(EMAIL, 1).await.remove(0).path();
    let mut browser = Browser::new(&service);
    let page = browser.get(&path).await;
    assert_page(&page, 200, "Приглашение");
    assert!(
        page.text().contains("Бухгалтер") && page.text().contains(EMAIL),
        "{}",
        page.text()
    );
    let english = service.client.with_language("en").get(&path).await;
    assert_page(&english, 200, "Invite");
    assert_eq!(english.headers["content-language"], "en");
    let nameless = submit(&mut browser, &page, &[NEW[0], NEW[1], ("name", " ")]).await;
    assert_page(&nameless, 422, "Приглашение");
    assert!(nameless.text().contains("Укажите имя"), "{}", nameless.text());
    let done = submit(&mut browser, &nameless, &[NEW[0], NEW[1], ("name", "Анна <b>")]).await;
    assert_page(&done, 200, "Учётная запись готова");
    let anna = service.login(EMAIL, NEW_PASSWORD).await;
    let me: Value = anna.client.get("/users/me").await.json();
    assert_eq!(
        (&me["name"], &me["role"]),
        (&json!("Анна <b>"), &json!("accountant"))
    );
    assert_page(&browser.get(&path).await, 400, "Ссылка не действует");
    assert_page(&browser.get("/account/invite").await, 400, "Ссылка не действует");
}

async fn without_administrator(secret: &str) -> Service {
    let settings = [
        ("ADMIN_EMAIL", ""),
        ("ADMIN_PASSWORD", ""),
        ("SETUP_TOKEN", secret),
    ];
    with_settings(&settings).await
}

#[tokio::test]
async fn the_first_administrator_is_made_by_a_page() {
    let secret = "a secret for the first start";
    let service = without_administrator(secret).await;
    let mut browser = Browser::new(&service);
    assert_page(
        &browser.get("/account/setup?token=x").await,
        400,
        "Ссылка не действует",
    );
    let page = browser.get("/account/setup").await;
    assert_page(&page, 200, "Первый администратор");
    let fields = |token| {
        [
            ("token", token),
            ("email", ADMIN_EMAIL),
            ("name", "Анна"),
            NEW[0],
            NEW[1],
        ]
    };
    let wrong = submit(&mut browser, &page, &fields("another")).await;
    assert_page(&wrong, 400, "Ссылка не действует");
    let wrong = submit(
        &mut browser,
        &page,
        &[("token", secret), ("email", "x"), NEW[0], NEW[1]],
    )
    .await;
    assert_page(&wrong, 422, "Первый администратор");
    assert_eq!(
        wrong.text().matches("role=\"alert\"").count(),
        2,
        "{}",
        wrong.text()
    );
    let path = format!("/account/setup?token={}", secret.replace(' ', "%20"));
    let page = browser.get(&path).await;
    let done = submit(&mut browser, &page, &fields(secret)[1..]).await;
    assert_page(&done, 200, "Учётная запись готова");
    let admin = service.login(ADMIN_EMAIL, NEW_PASSWORD).await;
    assert_eq!(admin.client.get("/users").await.status, 200);
    assert_page(&browser.get(&path).await, 400, "Ссылка не действует");
}

#[tokio::test]
async fn forms_of_other_sites_and_what_is_no_form_are_refused() {
    let (service, _office) = with_mail_and(&[("REGISTRATION", "invite")]).await;
    let foreign = service
        .client
        .request(Method::POST, "/account/reset-password")
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("email=anna%40example.com");
    let foreign = service.client.send(foreign).await;
    assert_page(&foreign, 403, "Форма отправлена с чужой страницы");
    let json = json!({ "email": EMAIL });
    let json = service.client.post("/account/reset-password", &json).await;
    assert_page(&json, 400, "Неверный запрос");
    assert_eq!(service.count("identity.mails").await, 0);
}

#[tokio::test]
async fn without_letters_or_the_database_the_pages_say_so() {
    let service = service().await;
    let mut browser = Browser::new(&service);
    for path in ["/account/reset-password", "/account/verify-email"] {
        assert_page(&browser.get(path).await, 503, "Отправка писем не настроена");
        let sent = browser.post(path, &[("email", EMAIL)]).await;
        assert_page(&sent, 503, "Отправка писем не настроена");
    }
    service.postgres.cut();
    for page in ["verify-email", "reset-password", "invite", "setup"] {
        let path = format!("/account/{page}");
        let shown = browser.get(&format!("{path}?token=x")).await;
        assert_eq!(shown.status, 503, "{path}");
        assert!(shown.headers.contains_key("retry-after"), "{path}");
        assert!(shown.text().contains("<!doctype html>"), "{path}");
        let fields = [("token", "x"), ("email", EMAIL), ("name", "Анна"), NEW[0], NEW[1]];
        assert_eq!(browser.post(&path, &fields).await.status, 503, "{path}");
    }
}
