//! The refresh token as a cookie of the browser.

use chrono::Duration;
use common::testing::Response;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN_EMAIL, ADMIN_PASSWORD, Service, service, with_settings};

/// A browser after a login.
struct Browser {
    cookie: String,
    csrf_token: String,
    access_token: String,
}

fn cookie(answer: &Response, name: &str) -> String {
    let cookies = answer.headers.get_all("set-cookie").iter();
    let cookies: Vec<&str> = cookies.map(|value| value.to_str().unwrap()).collect();
    let found = cookies
        .iter()
        .find(|cookie| cookie.starts_with(&format!("{name}=")));
    assert!(found.is_some(), "{cookies:?}");
    (*found.unwrap()).to_owned()
}

fn pair(cookie: &str) -> String {
    cookie.split(';').next().unwrap().to_owned()
}

fn browser(answer: &Response, name: &str) -> Browser {
    let body: Value = answer.json();
    assert!(body.get("refresh_token").is_none(), "{body}");
    Browser {
        cookie: pair(&cookie(answer, name)),
        csrf_token: body["csrf_token"].as_str().unwrap().to_owned(),
        access_token: body["access_token"].as_str().unwrap().to_owned(),
    }
}

async fn login(service: &Service) -> Response {
    let body = json!({ "email": ADMIN_EMAIL, "password": ADMIN_PASSWORD, "cookie": true });
    service.client.post("/auth/login", &body).await
}

async fn refresh(service: &Service, browser: &Browser, headers: &[(&str, &str)]) -> Response {
    let request = service.client.request(Method::POST, "/auth/refresh");
    let request = request.header("cookie", format!("theme=dark; {}", browser.cookie));
    let request = headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value));
    service.client.send(request).await
}

#[tokio::test]
async fn a_browser_refreshes_without_its_scripts_seeing_the_token() {
    let service = service().await;
    let answer = login(&service).await;
    let set = cookie(&answer, "refresh");
    assert!(
        set.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=1800"),
        "{set}"
    );
    let first = browser(&answer, "refresh");
    let headers = [
        ("x-csrf-token", first.csrf_token.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    let answer = refresh(&service, &first, &headers).await;
    let second = browser(&answer, "refresh");
    assert_ne!(second.cookie, first.cookie);
    assert_eq!(second.csrf_token, first.csrf_token, "bound to the session");
    let me = service
        .client
        .with_token(&second.access_token)
        .get("/users/me")
        .await;
    assert_eq!(me.status, 200);
    // Another tab, at the same time.
    let tab = browser(&refresh(&service, &first, &headers).await, "refresh");
    assert_eq!(tab.cookie, second.cookie);
}

#[tokio::test]
async fn another_page_cannot_use_the_cookie() {
    let service = service().await;
    let mine = browser(&login(&service).await, "refresh");
    let other = browser(&login(&service).await, "refresh");
    let token = mine.csrf_token.as_str();
    let host = service.url.split_once("//").unwrap().1.to_owned();
    let (own, foreign) = (format!("http://{host}"), format!("http://{host}.evil.example"));
    for headers in [
        vec![],
        vec![("x-csrf-token", token)],
        vec![("x-csrf-token", token), ("sec-fetch-site", "cross-site")],
        vec![
            ("x-csrf-token", token),
            ("sec-fetch-site", "same-site"),
            ("origin", own.as_str()),
        ],
        vec![("x-csrf-token", token), ("origin", "null")],
        vec![("x-csrf-token", token), ("origin", foreign.as_str())],
        vec![("sec-fetch-site", "same-origin")],
        vec![("x-csrf-token", "AAAA"), ("sec-fetch-site", "same-origin")],
        vec![
            ("x-csrf-token", other.csrf_token.as_str()),
            ("sec-fetch-site", "same-origin"),
        ],
    ] {
        let answer = refresh(&service, &mine, &headers).await;
        answer.assert_problem(403, "auth.csrf_refused");
    }
    let old = refresh(&service, &mine, &[("x-csrf-token", token), ("origin", &own)]).await;
    assert_eq!(old.status, 200, "an old browser: {}", old.text());
}

#[tokio::test]
async fn a_token_of_a_browser_is_no_token_of_a_program_and_the_other_way_round() {
    let service = service().await;
    let mine = browser(&login(&service).await, "refresh");
    let stolen = mine.cookie.strip_prefix("refresh=").unwrap();
    service
        .refresh(stolen)
        .await
        .assert_problem(401, "auth.refresh_invalid");
    let program = service.admin().await;
    let forged = Browser {
        cookie: format!("refresh={}", program.refresh_token),
        ..mine
    };
    let headers = [
        ("x-csrf-token", forged.csrf_token.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    let answer = refresh(&service, &forged, &headers).await;
    answer.assert_problem(403, "auth.csrf_refused");
}

#[tokio::test]
async fn a_browser_is_logged_out_by_half_an_hour_of_silence() {
    let service = service().await;
    let mut mine = browser(&login(&service).await, "refresh");
    let token = mine.csrf_token.clone();
    let headers = [
        ("x-csrf-token", token.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    service.clock.advance(Duration::minutes(29));
    mine = browser(&refresh(&service, &mine, &headers).await, "refresh");
    service.clock.advance(Duration::minutes(30));
    let late = refresh(&service, &mine, &headers).await;
    late.assert_problem(401, "auth.refresh_invalid");
}

#[tokio::test]
async fn a_logout_takes_the_cookie_back() {
    let service = service().await;
    let mine = browser(&login(&service).await, "refresh");
    let client = service.client.with_token(&mine.access_token);
    let logout = |headers: &[(&str, &str)]| {
        let request = client
            .request(Method::POST, "/auth/logout")
            .header("cookie", &mine.cookie);
        headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value))
    };
    let foreign = client.send(logout(&[])).await;
    foreign.assert_problem(403, "auth.csrf_refused");
    let headers = [
        ("x-csrf-token", mine.csrf_token.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    let done = client.send(logout(&headers)).await;
    assert_eq!(done.status, 204);
    assert!(
        cookie(&done, "refresh").starts_with("refresh=; ") && cookie(&done, "refresh").ends_with("Max-Age=0")
    );
    client
        .get("/users/me")
        .await
        .assert_problem(401, "auth.session_revoked");
    let over = refresh(&service, &mine, &headers).await;
    over.assert_problem(401, "auth.refresh_invalid");
}

#[tokio::test]
async fn over_https_the_cookie_is_of_this_host_alone() {
    let service = with_settings(&[("PUBLIC_URL", "https://1c.example.com")]).await;
    let answer = login(&service).await;
    let set = cookie(&answer, "__Host-refresh");
    assert!(
        set.contains("; Path=/; HttpOnly; Secure; SameSite=Strict"),
        "{set}"
    );
    let mine = browser(&answer, "__Host-refresh");
    let headers = [
        ("x-csrf-token", mine.csrf_token.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    assert_eq!(refresh(&service, &mine, &headers).await.status, 200);
    let plain = Browser {
        cookie: mine.cookie.replace("__Host-", ""),
        csrf_token: String::new(),
        access_token: String::new(),
    };
    let answer = refresh(&service, &plain, &headers).await;
    answer.assert_problem(422, "request.validation_failed");
}
