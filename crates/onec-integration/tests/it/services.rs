//! Web services, the exchange of EnterpriseData and HTTP services, against the demo base.

use std::io::Read as _;

use base64::Engine as _;
use common::auth::Permission;
use common::contract::events::{AUDIT_RECORDED, AuditEvent};
use common::events::Stream;
use common::testing::{Client, Grant, TestServer};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::events::published;
use crate::setup::{Service, Setup, demo, eventually, set_faults};

const PLAN: &str = "СинхронизацияДанныхЧерезУниверсальныйФормат";
const EXCHANGE: &str = "/soap/services/Exchange_2_0_1_6/operations";
const ASSISTANT: &str = "/soap/services/AssistantDemo/operations";

/// A service over a demo base that need not be synchronised.
async fn service(demo: &TestServer) -> (Service, Client) {
    let setup = Setup {
        variables: vec![("ONEC_SOAP_SERVICES", "AssistantDemo, Нет")],
        ..Setup::new(Some(&demo.url())).await
    };
    let service = setup.start().await;
    let client = service.client(&[Permission::OnecServices]);
    (service, client)
}

async fn set_services(demo: &TestServer, settings: &Value) {
    let answer = Client::anonymous(demo.url()).post("/demo/_soap", settings).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// What the audit log is told of an action, the latest first, once there is so much of it.
async fn audited(service: &Service, action: &str, count: usize) -> Vec<Value> {
    eventually("calls are told to the audit log", async || {
        let events = published(service, Stream::Audit, AUDIT_RECORDED).await;
        let mut told: Vec<Value> = events
            .iter()
            .map(|event| serde_json::to_value(event.data::<AuditEvent>().unwrap()).unwrap())
            .filter(|event| event["action"] == action)
            .collect();
        told.reverse();
        (told.len() >= count).then_some(told)
    })
    .await
}

#[tokio::test]
async fn services_are_found_and_described() {
    let demo = demo().await;
    let (_service, client) = service(&demo).await;
    let list: Value = client.get("/soap/services").await.json();
    let names: Vec<&str> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "InterfaceVersion",
            "EnterpriseDataExchange_1_0_1_1",
            "Exchange_2_0_1_6",
            "AssistantDemo"
        ]
    );
    assert_eq!(list["items"][0]["operations"], json!(["GetVersions"]));
    let described: Value = client.get("/soap/services/assistant.1cws").await.json();
    assert_eq!(described["name"], "AssistantDemo");
    let operations = described["operations"].as_array().unwrap();
    let check = operations
        .iter()
        .find(|operation| operation["name"] == "CheckOrder")
        .unwrap();
    assert_eq!(check["soap_versions"], json!(["1.1", "1.2"]));
    let ways: Vec<_> = check["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| {
            (
                parameter["name"].as_str().unwrap(),
                parameter["direction"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        ways,
        [
            ("Order", "in"),
            ("Comment", "in_out"),
            ("Attempt", "in_out"),
            ("Number", "out")
        ]
    );
    assert_eq!(
        check["parameters"][0]["members"][0]["values"],
        json!(["Обычный", "Срочный"])
    );
    client
        .get("/soap/services/Нет")
        .await
        .assert_problem(404, "onec.service_not_found");
    client
        .get("/soap/services/a%2Fb")
        .await
        .assert_problem(404, "onec.service_not_found");
    client
        .get("/soap/services?base=1")
        .await
        .assert_problem(400, "request.invalid_query");
    client
        .get(&format!("/soap/services?infobase={}", Uuid::nil()))
        .await
        .assert_problem(404, "onec.infobase_not_found");
}

#[tokio::test]
async fn operations_are_called_by_both_versions() {
    let demo = demo().await;
    let (service, client) = service(&demo).await;
    for version in ["1.1", "1.2"] {
        let call = async |path: &str, arguments: Value| {
            let request = json!({"arguments": arguments, "soap_version": version});
            client.post(path, &request).await
        };
        // Not connected is an answer and not a fault.
        let answer: Value = call(
            &format!("{EXCHANGE}/TestConnection"),
            json!({"ExchangePlanName": PLAN, "NodeCode": "НЕТ"}),
        )
        .await
        .json();
        assert_eq!(answer["result"], false);
        assert!(
            answer["out"]["Result"]
                .as_str()
                .unwrap()
                .contains("не найдена настройка")
        );
        // A parameter that goes both ways is sent empty when it is not given.
        let answer: Value = call(
            &format!("{EXCHANGE}/GetIBParameters"),
            json!({"ExchangePlanName": PLAN, "NodeCode": null}),
        )
        .await
        .json();
        assert_eq!(answer["result"]["ПланОбменаСуществует"], true);
        assert_eq!(answer["result"]["КодУзла"], Value::Null);
        assert_eq!(
            answer["result"]["КоличествоОрганизаций"],
            json!({"@type": "xs:decimal", "value": "3"})
        );
        assert_eq!(answer["result"]["ВерсииФормата"], json!(["1.6", "1.8"]));

        let wanted = json!({"Date": null, "Warehouse": null, "Limit": 3});
        let table: Value = call(&format!("{ASSISTANT}/GetStock"), wanted).await.json();
        let row = &table["result"]["rows"][0];
        let article = row["Артикул"].as_str().unwrap();
        assert_eq!(table["result"]["rows"].as_array().unwrap().len(), 3);
        assert_eq!(row["Серия"], Value::Null);
        assert!(row["Количество"].is_string() && row["Номенклатура"].as_str().unwrap().len() == 36);

        let prices: Value = call(
            &format!("{ASSISTANT}/GetPrices"),
            json!({"Codes": [article, "нет"]}),
        )
        .await
        .json();
        let price = &prices["result"][0]["value"];
        assert_eq!(price["@type"], "xs:decimal");
        assert_eq!(prices["result"][1], json!({"key": "нет", "value": null}));

        let order = json!({
            "Срочность": "Срочный", "Дата": "2025-01-31T12:00:00",
            "Строки": [{"Артикул": article, "Количество": "1"}, {"Артикул": "нет", "Количество": 2}],
        });
        let arguments = json!({"Order": order, "Comment": "а&б", "Attempt": 4});
        let answer: Value = call(&format!("{ASSISTANT}/CheckOrder"), arguments).await.json();
        assert_eq!(answer["result"]["Сумма"], price["value"]);
        assert_eq!(
            answer["result"]["Отказы"],
            json!([{"Артикул": "нет", "Причина": "Нет такой номенклатуры"}])
        );
        assert_eq!(
            answer["out"],
            json!({"Comment": "а&б — проверено", "Attempt": 5, "Number": "ЗК-000005"})
        );

        let value = json!({
            "Склад": {"@type": "cfg:CatalogRef.Склады", "value": "c5a0384c-e9e4-11e5-8448-000c295e30eb"},
            "Сумма": {"@type": "xs:decimal", "value": "10.50"}, "Список": [true, null, "x"],
            "Соответствие": {"@type": "v8:Map", "value": [{"key": "к", "value": {"@type": "v8:Null"}}]},
        });
        let echo: Value = call(&format!("{ASSISTANT}/Echo"), json!({"Value": value}))
            .await
            .json();
        assert_eq!(echo["result"], value);

        let fault = call(
            &format!("{ASSISTANT}/Fail"),
            json!({"Text": "Остаток меньше нуля"}),
        )
        .await;
        let fault = fault.assert_problem(422, "onec.soap_fault");
        assert_eq!(fault["detail"], "Остаток меньше нуля");
    }
    let calls = audited(&service, "web_services.called", 14).await;
    assert_eq!(calls.len(), 14);
    assert_eq!(calls[0]["outcome"], "failure");
    assert_eq!(
        calls[0]["details"],
        json!({"service": "AssistantDemo", "operation": "Fail", "error": "onec.soap_fault"})
    );
    assert_eq!(calls[1]["outcome"], "success");
    assert!(!calls.iter().any(|call| call.to_string().contains("Остаток")));
}

#[tokio::test]
async fn wrong_calls_are_told_by_their_place() {
    let demo = demo().await;
    let (service, client) = service(&demo).await;
    let call = async |path: &str, request: Value| client.post(path, &request).await;
    let order =
        json!({"Order": {"Срочность": "Когда-нибудь", "Строки": [{}], "Лишнее": 1}, "Number": "x", "Нет": 1});
    let problem = call(&format!("{ASSISTANT}/CheckOrder"), json!({"arguments": order}))
        .await
        .assert_problem(422, "request.validation_failed");
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(
        pointers,
        [
            "/arguments/Order/Срочность",
            "/arguments/Order/Дата",
            "/arguments/Order/Строки/0/Артикул",
            "/arguments/Order/Строки/0/Количество",
            "/arguments/Order/Лишнее",
            "/arguments/Number",
            "/arguments/Нет",
        ]
    );
    call(&format!("{ASSISTANT}/Нет"), json!({}))
        .await
        .assert_problem(404, "onec.operation_not_found");
    call("/soap/services/Нет/operations/X", json!({}))
        .await
        .assert_problem(404, "onec.service_not_found");
    call(&format!("{ASSISTANT}/Echo"), json!({"soap_version": "2.0"}))
        .await
        .assert_problem(422, "request.validation_failed");
    call(&format!("{ASSISTANT}/Echo"), json!({"arguments": []}))
        .await
        .assert_problem(422, "request.validation_failed");
    call(&format!("{ASSISTANT}/Echo"), json!({"infobase_id": Uuid::nil()}))
        .await
        .assert_problem(404, "onec.infobase_not_found");

    // Who may see some companies only may not call services, which see all.
    let grant = Grant::new(&[Permission::OnecServices]).companies([Uuid::nil()]);
    let limited = Client::anonymous(service.url()).with_token(service.issuer.sign(&grant));
    for path in [
        "/soap/services",
        "/soap/services/InterfaceVersion",
        "/hs/assistant/health",
    ] {
        limited
            .get(path)
            .await
            .assert_problem(403, "onec.services_need_all_companies");
    }
    limited
        .post(
            &format!("{ASSISTANT}/Echo"),
            &json!({"arguments": {"Value": null}}),
        )
        .await
        .assert_problem(403, "onec.services_need_all_companies");
    let peer = json!({"exchange_plan": PLAN, "peer_code": "ИИ"});
    limited
        .post("/soap/enterprise-data/test", &peer)
        .await
        .assert_problem(403, "onec.services_need_all_companies");

    // The services go away while their description is still known.
    set_services(&demo, &json!({"off": true})).await;
    call(
        &format!("{ASSISTANT}/Echo"),
        json!({"arguments": {"Value": null}}),
    )
    .await
    .assert_problem(404, "onec.service_not_found");
    demo.stop().await;
    eventually("1C is gone", async || {
        let answer = client.post(&format!("{EXCHANGE}/Ping"), &json!({})).await;
        (answer.status == 503).then(|| answer.assert_problem(503, "onec.infobase_unreachable"))
    })
    .await;
}

fn unzip(archive: &[u8]) -> String {
    let field = |at: usize| u16::from_le_bytes([archive[at], archive[at + 1]]) as usize;
    let start = 30 + field(26) + field(28);
    let mut text = String::new();
    flate2::read::DeflateDecoder::new(&archive[start..])
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// An archive of one file that is not packed.
fn zip(text: &str) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(text.as_bytes());
    let size = u32::try_from(text.len()).unwrap();
    let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 33, 0];
    for part in [crc.sum(), size, size] {
        common.extend(part.to_le_bytes());
    }
    common.extend([5, 0, 0, 0]);
    let mut archive = b"PK\x03\x04".to_vec();
    archive.extend(&common);
    archive.extend(b"m.xml");
    archive.extend(text.as_bytes());
    let directory = u32::try_from(archive.len()).unwrap();
    archive.extend(b"PK\x01\x02\x14\0");
    archive.extend(&common);
    archive.extend([0; 14]);
    archive.extend(b"m.xml");
    let length = u32::try_from(archive.len()).unwrap() - directory;
    archive.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    archive.extend(length.to_le_bytes());
    archive.extend(directory.to_le_bytes());
    archive.extend([0, 0]);
    archive
}

#[tokio::test]
async fn messages_of_enterprise_data_are_fetched_and_put() {
    let demo = demo().await;
    let (service, client) = service(&demo).await;
    let peer = json!({"exchange_plan": PLAN, "peer_code": "ИИ"});
    let ready: Value = client.post("/soap/enterprise-data/test", &peer).await.json();
    assert_eq!(ready, json!({"ready": true, "message": null}));
    let stranger = json!({"exchange_plan": PLAN, "peer_code": "НЕТ"});
    let ready: Value = client.post("/soap/enterprise-data/test", &stranger).await.json();
    assert_eq!(ready["ready"], false);
    assert!(
        ready["message"]
            .as_str()
            .unwrap()
            .contains("узел плана обмена не найден")
    );

    // A job that lasts is asked about by further requests.
    let fetch = |more: Value| {
        let mut request =
            json!({"exchange_plan": PLAN, "peer_code": "ИИ", "part_size": 4, "wait_seconds": 0});
        for (name, value) in more.as_object().unwrap() {
            request[name] = value.clone();
        }
        request
    };
    let begun = client
        .post("/soap/enterprise-data/fetch", &fetch(json!({})))
        .await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    let job: Value = serde_json::from_slice(&begun.body).unwrap();
    assert_eq!(job["status"], "active");
    let more = fetch(json!({"operation_id": job["operation_id"], "wait_seconds": 25}));
    let fetched = client.post("/soap/enterprise-data/fetch", &more).await;
    assert_eq!(fetched.status, 200, "{}", fetched.text());
    assert_eq!(fetched.headers["content-type"], "application/zip");
    assert!(fetched.body.len() > 3 * 4096, "several parts");
    let message = unzip(&fetched.body);
    assert!(
        message.contains("<Справочник.Организации>") && message.contains("<Документ.РеализацияТоваровУслуг>")
    );
    // It was confirmed, so 1C has it no more.
    client
        .post("/soap/enterprise-data/fetch", &more)
        .await
        .assert_problem(422, "onec.exchange_refused");
    let unknown = fetch(json!({"operation_id": Uuid::nil()}));
    client
        .post("/soap/enterprise-data/fetch", &unknown)
        .await
        .assert_problem(409, "onec.exchange_cancelled");
    let refused = fetch(json!({"peer_code": "НЕТ", "wait_seconds": 25}));
    let refused = client.post("/soap/enterprise-data/fetch", &refused).await;
    let refused = refused.assert_problem(422, "onec.exchange_refused");
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("узел плана обмена не найден")
    );
    let wrong = fetch(json!({"part_size": 0, "wait_seconds": 26}));
    let wrong = client.post("/soap/enterprise-data/fetch", &wrong).await;
    let wrong = wrong.assert_problem(422, "request.validation_failed");
    assert_eq!(wrong["errors"].as_array().unwrap().len(), 2);

    let back = message
        .replace("<msg:To>ИИ</msg:To>", "<msg:To>ДМ</msg:To>")
        .replace("<msg:From>ДМ</msg:From>", "<msg:From>ИИ</msg:From>");
    let put = async |content_type: &str, query: &str, body: Vec<u8>| {
        let path = format!("/soap/enterprise-data/put?exchange_plan={PLAN}&peer_code=ИИ{query}");
        let request = client
            .request(http::Method::POST, &path)
            .header("content-type", content_type)
            .body(body);
        client.send(request).await
    };
    let loaded = put("application/zip", "&wait_seconds=25", zip(&back)).await;
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    let state: Value = Client::anonymous(demo.url()).get("/demo/_soap").await.json();
    assert_eq!(state["loaded"]["Справочник.Организации"], 3);
    let begun = put("application/zip", "&wait_seconds=0", zip(&back)).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    let job: Value = serde_json::from_slice(&begun.body).unwrap();
    let asked = json!({"operation_id": job["operation_id"], "wait_seconds": 25});
    let ended: Value = client
        .post("/soap/enterprise-data/put-result", &asked)
        .await
        .json();
    assert_eq!(ended["status"], "completed");
    let damaged = put("application/zip", "&wait_seconds=25", zip("<нет/>")).await;
    let damaged = damaged.assert_problem(422, "onec.exchange_refused");
    assert_eq!(damaged["detail"], "Неверный формат сообщения обмена.");
    put("text/xml", "", b"<x/>".to_vec())
        .await
        .assert_problem(415, "request.unsupported_media_type");
    put("application/zip", "", b"<x/>".to_vec())
        .await
        .assert_problem(422, "request.validation_failed");
    put("application/zip", "&wait_seconds=99", zip("x"))
        .await
        .assert_problem(422, "request.validation_failed");
    let exchanges = audited(&service, "enterprise_data.exchanged", 11).await;
    assert_eq!(exchanges[0]["details"]["error"], "onec.exchange_refused");
    assert_eq!(exchanges[0]["details"]["exchange_plan"], PLAN);
}

#[tokio::test]
async fn http_services_on_the_list_are_passed_through() {
    let demo = demo().await;
    let (service, client) = service(&demo).await;
    client
        .get("/hs/assistant/health")
        .await
        .assert_problem(403, "onec.http_path_not_allowed");
    sqlx::query("update onec.infobases set http_services = '{assistant,missing}'")
        .execute(&service.pool)
        .await
        .unwrap();
    let health = client.get("/hs/assistant/health").await;
    assert_eq!(health.status, 200, "{}", health.text());
    assert_eq!(health.json::<Value>(), json!({"status": "ok"}));
    assert!(!health.headers.contains_key("set-cookie"));
    assert_eq!(health.headers["x-content-type-options"], "nosniff");
    // The answer of the service itself goes through as it is.
    let unknown = client.get("/hs/assistant/stock/%D0%BD%D0%B5%D1%82").await;
    assert_eq!(unknown.status, 404);
    assert_eq!(
        serde_json::from_slice::<Value>(&unknown.body).unwrap()["error"],
        "Номенклатура не найдена"
    );
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let method: http::Method = method.parse().unwrap();
        let request = client
            .request(method.clone(), "/hs/assistant/echo?a=1&infobase_id=&b=%D1%8F")
            .header("cookie", "session=secret")
            .header("x-forwarded-for", "10.0.0.1")
            .header("content-type", "text/plain")
            .body("тело");
        let refused = client.send(request.try_clone().unwrap()).await;
        refused.assert_problem(422, "request.validation_failed");
        let request = client
            .request(method.clone(), "/hs/assistant/echo?a=1&b=%D1%8F")
            .header("cookie", "session=secret")
            .header("content-type", "text/plain")
            .body("тело");
        let echo: Value = client.send(request).await.json();
        assert_eq!(echo["method"], method.as_str());
        assert_eq!(echo["query"], "a=1&b=%D1%8F");
        assert_eq!(echo["body"], "тело");
        let headers = echo["headers"].as_object().unwrap();
        assert_eq!(headers["authorization"], "(hidden)");
        assert!(
            !headers
                .get("cookie")
                .is_some_and(|value| value.to_string().contains("secret"))
        );
        assert_eq!(headers["content-type"], "text/plain");
    }
    for path in ["assistant%2Fhealth", "assistant//health", "assistant/%252e%252e"] {
        client
            .get(&format!("/hs/{path}"))
            .await
            .assert_problem(400, "request.invalid");
    }
    client
        .get("/hs/assistants/health")
        .await
        .assert_problem(403, "onec.http_path_not_allowed");
    client
        .get("/hs/missing/x")
        .await
        .assert_problem(404, "onec.http_service_not_found");
    let broken = client.get("/hs/assistant/broken").await;
    let broken = broken.assert_problem(503, "onec.infobase_failed");
    assert!(!broken.to_string().contains("Ошибка выполнения"));
    let large = client
        .request(http::Method::POST, "/hs/assistant/echo")
        .body(vec![b'x'; 5 * 1024 * 1024]);
    client.send(large).await.assert_problem(413, "request.too_large");
    let calls = audited(&service, "http_services.called", 11).await;
    assert_eq!(
        calls[0]["details"],
        json!({"method": "GET", "service": "assistant", "error": "onec.infobase_failed"})
    );
    set_faults(&demo, &json!({})).await;
    demo.stop().await;
    eventually("1C is gone", async || {
        let answer = client.get("/hs/assistant/health").await;
        (answer.status == 503).then(|| answer.assert_problem(503, "onec.infobase_unreachable"))
    })
    .await;
}

/// A SOAP server that is not ours: `tests/external/run.sh` starts it and runs this test.
#[tokio::test]
#[ignore = "needs the server of tests/external/spyne_server.py, whose address is in ONEC_SPYNE_URL"]
async fn a_server_of_another_make_is_called() {
    let url = std::env::var_os("ONEC_SPYNE_URL").unwrap().into_string().unwrap();
    let demo = demo().await;
    let (service, client) = service(&demo).await;
    sqlx::query("update onec.infobases set soap_url = $1")
        .bind(&url)
        .execute(&service.pool)
        .await
        .unwrap();
    for (name, version) in [("Warehouse11", "1.1"), ("Warehouse12", "1.2")] {
        let described: Value = client.get(&format!("/soap/services/{name}")).await.json();
        let operations = described["operations"].as_array().unwrap();
        assert_eq!(operations.len(), 6, "{described}");
        assert!(
            operations
                .iter()
                .all(|one| one["soap_versions"] == json!([version])),
            "{described}"
        );
        let call = async |operation: &str, arguments: Value| {
            let path = format!("/soap/services/{name}/operations/{operation}");
            client.post(&path, &json!({"arguments": arguments})).await
        };
        let sum: Value = call("add", json!({"a": "0.1", "b": "12345678901234567890.2"}))
            .await
            .json();
        assert_eq!(sum["result"], "12345678901234567890.3");
        let order = json!({
            "number": "A-1", "placed_at": "2026-01-31T12:00:00", "urgent": true, "kind": "express",
            "lines": {"Line": [{"sku": "стул", "quantity": "2.5", "price": "100.00"}, {"sku": "стол", "quantity": "1", "price": "0.01"}]},
            "comment": null,
        });
        let total: Value = call("place", json!({"order": order})).await.json();
        assert_eq!(total["result"]["sum"], "250.01", "{total}");
        assert_eq!(total["result"]["placed"], order, "{total}");
        let data = base64::engine::general_purpose::STANDARD.encode([0, 1, 254, 255]);
        let bytes: Value = call("reverse", json!({"data": data})).await.json();
        assert_eq!(
            bytes["result"],
            base64::engine::general_purpose::STANDARD.encode([255, 254, 1, 0])
        );
        let nothing: Value = call("nothing", json!({"text": null})).await.json();
        assert_eq!(nothing["result"], Value::Null);
        let several: Value = call("divide", json!({"a": 7, "b": 2})).await.json();
        assert_eq!(
            several["out"],
            json!({"quotient": 3, "remainder": 1}),
            "{several}"
        );
        let fault = call("fail", json!({"text": "Нет на складе"})).await;
        assert_eq!(
            fault.assert_problem(422, "onec.soap_fault")["detail"],
            "Нет на складе"
        );
        call("place", json!({"order": {"kind": "иное"}}))
            .await
            .assert_problem(422, "request.validation_failed");
    }
}
