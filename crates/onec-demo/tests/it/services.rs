//! Web services and the HTTP service over the wire.

use base64::Engine as _;

use crate::client::{Client, Reply};

const LOGIN: &str = "odata:odata-demo";
const SPACE: &str = "http://www.1c.ru/SSL/Exchange_2_0_1_6";

fn login() -> String {
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(LOGIN)
    )
}

async fn call(client: &Client, service: &str, envelope: &str, body: &str) -> Reply {
    let text = format!("<s:Envelope xmlns:s=\"{envelope}\"><s:Body>{body}</s:Body></s:Envelope>");
    let address = format!("/demo/ws/{service}");
    client
        .send("POST", &address, &[("authorization", &login())], &text)
        .await
}

const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";

#[tokio::test]
async fn services_are_as_strict_as_1c() {
    let client = Client::new();
    let option =
        |inner: &str| format!("<m:GetFunctionalOption xmlns:m=\"{SPACE}\">{inner}</m:GetFunctionalOption>");
    for envelope in [SOAP_11, SOAP_12] {
        let ask = async |inner: &str| call(&client, "exchange_2_0_1_6.1cws", envelope, &option(inner)).await;
        let reply = ask("<m:Name>ИспользоватьСинхронизациюДанных</m:Name>").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert!(reply.text.contains("<m:return>true</m:return>"), "{}", reply.text);
        for (inner, said) in [
            ("", "Обязательный параметр не задан: Name"),
            (
                "<m:Name>x</m:Name><m:Extra/>",
                "Ошибка разбора SOAP сообщения: неизвестный параметр. ",
            ),
            ("<Name>x</Name>", "неизвестный параметр"),
            (
                "<m:Name xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" i:nil=\"true\"/>",
                "не может быть пустым",
            ),
            (
                "<m:Name>Иное</m:Name>",
                "{WebСервис.Exchange_2_0_1_6.Модуль(134)}",
            ),
        ] {
            let reply = ask(inner).await;
            assert_eq!(reply.status, 500, "{inner}");
            assert!(reply.text.contains(said), "{inner}: {}", reply.text);
            assert!(reply.text.contains(":Fault>") && reply.text.contains(envelope));
        }
    }
    let bomb = "<!DOCTYPE s:Envelope [<!ENTITY a \"b\">]><s/>";
    let reply = client
        .send(
            "POST",
            "/demo/ws/Exchange_2_0_1_6",
            &[("authorization", &login())],
            bomb,
        )
        .await;
    assert_eq!(reply.status, 500);
}

#[tokio::test]
async fn services_are_found_and_hidden() {
    let client = Client::new();
    let get = async |path: &str, login: &str| client.send("GET", path, &[("authorization", login)], "").await;
    let wsdl = get("/demo/ws/InterfaceVersion?wsdl", &login()).await;
    assert_eq!(wsdl.status, 200);
    assert!(wsdl.content_type.starts_with("text/xml"));
    assert!(
        wsdl.text
            .contains("location=\"http://1c.test/demo/ws/InterfaceVersion.1cws\"")
    );
    assert!(
        wsdl.text
            .contains("soapAction=\"http://www.1c.ru/SaaS/1.0/WS#InterfaceVersion:GetVersions\"")
    );
    let missing = get("/demo/ws/Нет?wsdl", &login()).await;
    assert_eq!(missing.status, 404);
    assert!(missing.text.contains("1C:Enterprise 8 application error"));
    let off = client.send("POST", "/demo/_soap", &[], r#"{"off":true}"#).await;
    assert_eq!(off.status, 200);
    assert_eq!(get("/demo/ws/InterfaceVersion?wsdl", &login()).await.status, 404);
    let wrong = client.send("POST", "/demo/_soap", &[], r#"{"нечто":true}"#).await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn the_http_service_answers() {
    let client = Client::new();
    let get = async |path: &str| client.send("GET", path, &[("authorization", &login())], "").await;
    let health = get("/demo/hs/assistant/health").await;
    assert_eq!(
        (health.status, health.json()["status"].as_str()),
        (200, Some("ok"))
    );
    let missing = get("/demo/hs/other/x").await;
    assert_eq!(missing.status, 404);
    assert!(missing.content_type.starts_with("text/html") && missing.text.contains("HTTP-сервис не найден"));
    let unknown = get("/demo/hs/assistant/stock/нет").await;
    assert_eq!(
        (
            unknown.status,
            unknown.content_type.starts_with("application/json")
        ),
        (404, true)
    );
    let items = client
        .rows("Catalog_Номенклатура?$filter=IsFolder eq false&$top=1")
        .await;
    let article = items[0]["Артикул"].as_str().unwrap().trim().to_owned();
    let stock = get(&format!("/demo/hs/assistant/stock/{article}")).await;
    assert_eq!(stock.status, 200, "{}", stock.text);
    assert!(stock.json()["quantity"].is_i64());
    let echo = client
        .send(
            "PATCH",
            "/demo/hs/assistant/echo?a=1",
            &[("authorization", &login())],
            "тело",
        )
        .await
        .json();
    assert_eq!(
        (
            echo["method"].as_str(),
            echo["query"].as_str(),
            echo["body"].as_str()
        ),
        (Some("PATCH"), Some("a=1"), Some("тело"))
    );
}
