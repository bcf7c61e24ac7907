//! Administration of exchanges, and their logins.

use chrono::TimeDelta;
use common::auth::Permission;
use common::clock::Clock;
use common::testing::Client;
use http::Method;
use onec_demo::commerceml::{Site, export};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::commerceml::{Exchange, address, whole};
use crate::setup::{Service, Setup, base, eventually};

/// What the site says at `checkauth`.
async fn refusal(address: &str, login: &str, password: &str) -> String {
    let refused = Site::log_in(address, login, password).await;
    refused.unwrap_err().to_string()
}

#[tokio::test]
async fn exchanges_are_made_shown_and_removed() {
    let service = Service::start(None).await;
    let admin = service.admin();
    let problem = admin
        .post(
            "/commerceml/exchanges",
            &json!({"name": " ", "time_zone": "Mars"}),
        )
        .await
        .assert_problem(422, "request.validation_failed");
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/name", "/time_zone"]);
    admin
        .post("/commerceml/exchanges", &json!({"name": "x", "password": "y"}))
        .await
        .assert_problem(422, "request.validation_failed");
    // Without a login a base would be of no use: the other endpoint gives one.
    let other = json!({"name": "Сайт", "kind": "commerceml"});
    for (client, words) in [
        (
            admin.with_language("ru"),
            "создайте её запросом POST /api/1c/commerceml/exchanges",
        ),
        (
            admin.with_language("en"),
            "create it by POST /api/1c/commerceml/exchanges",
        ),
    ] {
        let refused = client.post("/infobases", &other).await;
        let problem = refused.assert_problem(422, "request.validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/kind", "{problem}");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{problem}");
    }
    let bases: Value = admin.get("/infobases").await.json();
    assert_eq!(bases["items"], json!([]));
    let reader = service.client(&[Permission::OnecRead, Permission::OnecSync]);
    for path in [
        "/commerceml/exchanges".to_owned(),
        imports(&Uuid::nil().to_string()),
    ] {
        reader
            .get(&path)
            .await
            .assert_problem(403, "auth.permission_denied");
    }
    let anonymous = Client::anonymous(service.url());
    assert_eq!(anonymous.get("/commerceml/exchanges").await.status, 401);

    // Behind the gateway the address is one that can be entered in 1C.
    let request = admin
        .request(Method::POST, "/commerceml/exchanges")
        .header("x-forwarded-host", "ai.example.ru")
        .header("x-forwarded-proto", "https")
        .json(&json!({"name": "УНФ", "time_zone": "Asia/Omsk"}));
    let made: Value = admin.send(request).await.json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        made["address"],
        format!("https://ai.example.ru/api/1c/commerceml/{id}/exchange")
    );
    let password = made["password"].as_str().unwrap();
    let stored: Vec<u8> = sqlx::query_scalar("select password_hash from onec.exchanges")
        .fetch_one(&service.pool)
        .await
        .unwrap();
    assert_eq!(stored.len(), 32);
    let listed = admin.get("/commerceml/exchanges").await;
    assert!(!listed.text().contains(password));
    let listed: Value = listed.json();
    assert_eq!(listed["items"][0]["name"], "УНФ");
    assert_eq!(listed["items"][0]["last_seen_at"], Value::Null);

    // Another password ends the old one and its sessions.
    let at = address(&service, id);
    let login = made["login"].as_str().unwrap();
    let site = Site::log_in(&at, login, password).await.unwrap();
    let path = format!("/commerceml/exchanges/{id}/password");
    let changed: Value = admin.post(&path, &json!({})).await.json();
    assert!(site.init().await.unwrap_err().to_string().contains("Сеанс"));
    assert!(refusal(&at, login, password).await.contains("Неверное имя"));
    let password = changed["password"].as_str().unwrap();
    Site::log_in(&at, login, password)
        .await
        .unwrap()
        .init()
        .await
        .unwrap();
    let listed: Value = admin.get("/commerceml/exchanges").await.json();
    assert!(listed["items"][0]["last_seen_at"].is_string());

    let unknown = Uuid::from_u128(1);
    for (method, path) in [
        (Method::POST, format!("/commerceml/exchanges/{unknown}/password")),
        (Method::DELETE, format!("/commerceml/exchanges/{unknown}")),
        (Method::GET, imports(&unknown.to_string())),
    ] {
        let answer = admin.send(admin.request(method, &path)).await;
        answer.assert_problem(404, "onec.infobase_not_found");
    }
    let page = admin.get(&format!("{}?cursor=x", imports(id))).await;
    assert_eq!(page.status, 400, "{}", page.text());
}

fn imports(id: &str) -> String {
    format!("/commerceml/exchanges/{id}/imports")
}

#[tokio::test]
async fn a_removed_exchange_leaves_nothing() {
    let service = Service::start(None).await;
    let exchange = Exchange::add(&service).await;
    exchange
        .push(&export(&base(), &whole("2024-12-31")), true, None)
        .await;
    let site = exchange.log_in().await;
    let admin = service.admin();
    let removed = admin
        .delete(&format!("/commerceml/exchanges/{}", exchange.id))
        .await;
    assert_eq!(removed.status, 204, "{}", removed.text());
    let listed: Value = admin.get("/commerceml/exchanges").await.json();
    assert_eq!(listed["items"], json!([]));
    admin
        .get("/reports/stock")
        .await
        .assert_problem(409, "onec.no_infobase");
    assert!(site.init().await.unwrap_err().to_string().contains("Сеанс"));
    let refused = refusal(&exchange.address, &exchange.login, &exchange.password).await;
    assert!(refused.contains("Такого обмена нет"), "{refused}");
    let again = admin
        .delete(&format!("/commerceml/exchanges/{}", exchange.id))
        .await;
    again.assert_problem(404, "onec.infobase_not_found");
    eventually("all rows are deleted", async || {
        let left: i64 = sqlx::query_scalar(
            "select (select count(*) from onec.infobases) + (select count(*) from onec.items)
                  + (select count(*) from onec.stock_snapshot) + (select count(*) from onec.exchange_parts)",
        )
        .fetch_one(&service.pool)
        .await
        .unwrap();
        (left == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_exchange_is_removed_as_an_infobase_too() {
    let service = Service::start(None).await;
    let exchange = Exchange::add(&service).await;
    let site = exchange.log_in().await;
    let removed = service
        .admin()
        .delete(&format!("/infobases/{}", exchange.id))
        .await;
    assert_eq!(removed.status, 204, "{}", removed.text());
    assert!(site.init().await.unwrap_err().to_string().contains("Сеанс"));
    let refused = refusal(&exchange.address, &exchange.login, &exchange.password).await;
    assert!(refused.contains("Такого обмена нет"), "{refused}");
}

#[tokio::test]
async fn passwords_are_not_tried_out() {
    let mut setup = Setup::new(None).await;
    setup.clock = Clock::fixed(Clock::system().now());
    let clock = setup.clock.clone();
    let service = setup.start().await;
    let exchange = Exchange::add(&service).await;
    let at = &exchange.address;
    for (login, password) in [(exchange.login.as_str(), "wrong"), ("wrong", &exchange.password)] {
        for _ in 0..5 {
            let refused = refusal(at, login, password).await;
            assert!(
                refused.contains("Неверное имя пользователя или пароль"),
                "{refused}"
            );
        }
    }
    // The right one is not heard any more either, until some time has passed.
    let refused = refusal(at, &exchange.login, &exchange.password).await;
    assert!(refused.contains("через 15 минут"), "{refused}");
    clock.advance(TimeDelta::minutes(16));
    let site = exchange.log_in().await;
    site.init().await.unwrap();
    // A session that nobody used for long has ended.
    clock.advance(TimeDelta::minutes(50));
    site.init().await.unwrap();
    clock.advance(TimeDelta::minutes(61));
    let error = site.init().await.unwrap_err().to_string();
    assert!(error.contains("Сеанс обмена завершён"), "{error}");
    for cookie in ["ONEC_EXCHANGE=made-up", "PHPSESSID=1", ""] {
        let error = site.with_cookie(cookie).init().await.unwrap_err().to_string();
        assert!(error.contains("Сеанс обмена завершён"), "{error}");
    }
}

#[tokio::test]
async fn exchanges_that_are_not_there_are_told() {
    let service = Service::start(None).await;
    for id in [Uuid::from_u128(1).to_string(), "index.php".to_owned()] {
        let refused = refusal(&address(&service, &id), "1c", "1").await;
        assert!(refused.contains("Такого обмена нет"), "{refused}");
    }
}
