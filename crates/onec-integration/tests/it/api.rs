//! Endpoints: who may call them, with what.

use common::auth::Permission;
use common::testing::{Client, walk_routes};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::reports::{encode, search};
use crate::setup::{Service, demo, eventually};

#[tokio::test]
async fn nobody_gets_in_without_the_permission() {
    let service = Service::start(None).await;
    walk_routes(
        &service.url(),
        onec_integration::routes().specs(),
        &service.issuer,
    )
    .await;
    let reader = service.client(&[Permission::OnecRead]);
    reader
        .post("/sync/data", &json!({}))
        .await
        .assert_problem(403, "auth.permission_denied");
    reader
        .post("/infobases", &json!({}))
        .await
        .assert_problem(403, "auth.permission_denied");
}

#[tokio::test]
async fn an_infobase_is_connected_by_request() {
    let demo = demo().await;
    let service = Service::start(None).await;
    let admin = service.admin();
    admin
        .get("/reports/cash")
        .await
        .assert_problem(409, "onec.no_infobase");
    let wrong =
        json!({"name": " ", "base_url": "ftp://x", "username": "", "password": "", "time_zone": "Mars"});
    let problem = admin
        .post("/infobases", &wrong)
        .await
        .assert_problem(422, "request.validation_failed");
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/name", "/base_url", "/username", "/time_zone"]);
    admin
        .post("/infobases", &json!({"name": "x", "base_url": 1}))
        .await
        .assert_problem(422, "request.validation_failed");

    let new = json!({
        "name": "Торговля", "base_url": format!("{}/demo/", demo.url()),
        "username": "odata", "password": "odata-demo", "time_zone": "Europe/Moscow",
    });
    let added = admin.post("/infobases", &new).await;
    assert_eq!(added.status, 201, "{}", added.text());
    assert!(!added.text().contains("odata-demo"));
    admin
        .post("/infobases", &new)
        .await
        .assert_problem(409, "onec.infobase_exists");
    // Its first synchronisation begins by itself.
    let job = service.job_end().await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let infobases: Value = admin.get("/infobases").await.json();
    let infobase = &infobases["items"][0];
    assert_eq!(infobase["profile"], "accounting-3.0");
    assert_eq!(infobase["reachable"], true);
    assert!(infobase["as_of"].is_string());
    assert_eq!(infobase["username"], "odata");
    let readers: Value = service
        .client(&[Permission::OnecRead])
        .get("/infobases")
        .await
        .json();
    let seen = readers["items"][0].as_object().unwrap();
    assert!(
        !seen.contains_key("username") && !seen.contains_key("base_url"),
        "{seen:?}"
    );
    let sealed: Vec<u8> = sqlx::query_scalar("select password from onec.infobases")
        .fetch_one(&service.pool)
        .await
        .unwrap();
    assert!(!sealed.windows(10).any(|window| window == b"odata-demo"));
}

#[tokio::test]
async fn synchronisations_are_started_and_followed() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.client(&[Permission::OnecSync]);
    client
        .post("/sync/data", &json!({"infobase_id": Uuid::nil()}))
        .await
        .assert_problem(404, "onec.infobase_not_found");
    client
        .post("/sync/data", &json!({"everything": true}))
        .await
        .assert_problem(422, "request.validation_failed");
    let started = client.post("/sync/data", &json!({"full": true})).await;
    assert_eq!(started.status, 202, "{}", started.text());
    let started: Value = started.json();
    let again = client.post("/sync/data", &json!({})).await;
    let problem = again.assert_problem(409, "onec.sync_running");
    assert_eq!(problem["job_id"], started["job_id"]);
    service.job_end().await;
    let status_url = started["status_url"]
        .as_str()
        .unwrap()
        .strip_prefix("/api/1c")
        .unwrap();
    let job: Value = client.get(status_url).await.json();
    assert_eq!(job["state"], "succeeded");
    assert_eq!(job["full"], true);
    let sale = job["entities"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entity| entity["name"] == "sale");
    assert_eq!(sale.unwrap()["state"], "done");
    client
        .get(&format!("/sync/jobs/{}", Uuid::nil()))
        .await
        .assert_problem(404, "onec.job_not_found");
    let page: Value = client.get("/sync/jobs?limit=1").await.json();
    let next = page["next_cursor"].as_str().unwrap();
    let rest: Value = client
        .get(&format!("/sync/jobs?limit=1&cursor={next}"))
        .await
        .json();
    assert_ne!(page["items"][0]["id"], rest["items"][0]["id"]);
    client
        .get("/sync/jobs?cursor=x")
        .await
        .assert_problem(400, "request.invalid");
}

#[tokio::test]
async fn wrong_parameters_of_reports_are_named() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.client(&[Permission::OnecRead]);
    let nobody = Uuid::nil();
    for (path, status, code, pointer) in [
        ("nothing".to_owned(), 404, "onec.report_not_found", None),
        (
            "cash?colour=red".to_owned(),
            400,
            "request.invalid_query",
            Some("?colour"),
        ),
        (
            "cash?date=yesterday".to_owned(),
            400,
            "request.invalid_query",
            Some("?date"),
        ),
        (
            "cash?from=2025-01-01".to_owned(),
            422,
            "request.validation_failed",
            Some("?from"),
        ),
        (
            "cash?limit=0".to_owned(),
            422,
            "request.validation_failed",
            Some("?limit"),
        ),
        (
            "cash?limit=1001".to_owned(),
            422,
            "request.validation_failed",
            Some("?limit"),
        ),
        (
            "cash?date=9999-01-01".to_owned(),
            422,
            "request.validation_failed",
            Some("?date"),
        ),
        (
            "sales?from=2025-02-01&to=2025-01-01".to_owned(),
            422,
            "request.validation_failed",
            Some("?from"),
        ),
        (
            "sales?group_by=mood".to_owned(),
            400,
            "request.invalid_query",
            Some("?group_by"),
        ),
        (
            "statement".to_owned(),
            422,
            "request.validation_failed",
            Some("?counterparty"),
        ),
        (
            "counterparty_card".to_owned(),
            422,
            "request.validation_failed",
            Some("?counterparty"),
        ),
        (
            "postings?number=".to_owned(),
            422,
            "request.validation_failed",
            Some("?number"),
        ),
        (
            "sales?source=live".to_owned(),
            422,
            "onec.live_not_supported",
            None,
        ),
        (
            format!("cash?infobase={nobody}"),
            404,
            "onec.infobase_not_found",
            None,
        ),
        (
            format!("cash?company={nobody}"),
            404,
            "onec.company_not_found",
            None,
        ),
        (
            format!("statement?counterparty={nobody}"),
            404,
            "onec.object_not_found",
            None,
        ),
        (format!("stock?item={nobody}"), 404, "onec.object_not_found", None),
        (
            format!("sales?manager={nobody}"),
            404,
            "onec.object_not_found",
            None,
        ),
    ] {
        let answer = client.get(&format!("/reports/{path}")).await;
        let problem = answer.assert_problem(status, code);
        if let Some(pointer) = pointer {
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{path}: {problem}");
        }
    }
    let english: Value = client.with_language("en").get("/reports/cash").await.json();
    assert_eq!(english["title"], "Cash");
    let russian: Value = client.get("/reports/cash").await.json();
    assert_eq!(russian["title"], "Деньги");
    let catalogue: Value = client.get("/reports").await.json();
    assert_eq!(catalogue["items"].as_array().unwrap().len(), 16);
}

#[tokio::test]
async fn other_companies_are_invisible() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let companies = service.companies().await;
    assert_eq!(companies.len(), 3);
    let (mine, my_name) = &companies[0];
    let (other, _) = &companies[1];
    let client = service.client_of([*mine]);
    let page: Value = client.get("/companies").await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(page["items"][0]["name"], my_name.as_str());
    let all = service.admin();
    for report in [
        "receivables?date=2025-03-31",
        "payables?date=2025-03-31",
        "stock?date=2025-03-31",
        "cash?date=2025-03-31",
        "cash?date=2025-03-31&source=live",
        "sales?from=2025-01-01&to=2025-03-31",
        "cash_flow?from=2025-01-01&to=2025-03-31",
        "taxes?from=2025-01-01&to=2025-03-31",
        "trial_balance?from=2025-01-01&to=2025-03-31",
        "documents?from=2025-01-01&to=2025-03-31",
    ] {
        let named = format!("/reports/{report}&company={mine}&limit=1000");
        let expected: Value = all.get(&named).await.json();
        let implied: Value = client.get(&format!("/reports/{report}&limit=1000")).await.json();
        assert_eq!(implied["rows"], expected["rows"], "{report}");
        assert_eq!(implied["totals"], expected["totals"], "{report}");
        assert_ne!(implied["row_count"], 0, "{report}");
        let whole: Value = all.get(&format!("/reports/{report}&limit=1000")).await.json();
        assert_ne!(implied["totals"], whole["totals"], "{report}");
        client
            .get(&format!("/reports/{report}&company={other}"))
            .await
            .assert_problem(404, "onec.company_not_found");
    }
    let found: Value = client.get("/search?kind=company&q=розница").await.json();
    assert_eq!(found["items"], json!([]));
    let nobody = service.client_of([]);
    let page: Value = nobody.get("/companies").await.json();
    assert_eq!(page["items"], json!([]));
    nobody
        .get("/reports/cash?date=2025-03-31")
        .await
        .assert_problem(404, "onec.company_not_found");
    for path in ["/infobases", "/search?q=склад"] {
        let seen: Value = nobody.get(path).await.json();
        assert_eq!(seen["items"], json!([]), "{path}");
        let seen: Value = client.get(path).await.json();
        assert_ne!(seen["items"], json!([]), "{path}");
    }
}

#[tokio::test]
async fn things_are_found_as_people_call_them() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.client(&[Permission::OnecRead]);
    let best = async |kind: &str, words: &str| -> Option<String> {
        let found: Value = client.get(&search(kind, words)).await.json();
        found["items"][0]["name"].as_str().map(str::to_owned)
    };
    let central = best("warehouse", "ЦЕНТРАЛЬНЫЙ").await.unwrap();
    assert!(central.starts_with("Центральный"), "{central}");
    let retail = best("warehouse", "рознечный").await.unwrap();
    assert!(retail.starts_with("Розничный"), "{retail}");
    assert_eq!(
        best("company", "северный ветер").await.as_deref(),
        Some("Торговый дом «Северный ветер»")
    );
    assert_eq!(best("warehouse", "щщщщ").await, None);
    // By words of the name in any case, without legal form, with a letter wrong, by INN.
    let debts: Value = client
        .get("/reports/receivables?date=2025-03-31&limit=3")
        .await
        .json();
    for row in debts["rows"].as_array().unwrap() {
        let (name, inn) = (
            row["counterparty"].as_str().unwrap(),
            row["inn"].as_str().unwrap(),
        );
        assert_eq!(
            best("counterparty", &name.to_uppercase()).await.as_deref(),
            Some(name)
        );
        let found: Value = client.get(&search("counterparty", inn)).await.json();
        assert_eq!(found["items"][0]["name"], name);
        assert_eq!(found["items"][0]["code"], inn);
        assert_eq!(found["items"][0]["score"], 1.0);
    }
    let any: Value = client
        .get(&format!("/search?q={}", encode("розничный")))
        .await
        .json();
    assert!(
        any["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["kind"] == "warehouse"),
        "{any}"
    );
    for path in ["/search", "/search?q=x&kind=planet"] {
        client
            .get(path)
            .await
            .assert_problem(400, "request.invalid_query");
    }
    for path in ["/search?q=", "/search?q=x&limit=0"] {
        client
            .get(path)
            .await
            .assert_problem(422, "request.validation_failed");
    }
}

#[tokio::test]
async fn several_infobases_have_to_be_told_apart() {
    let (one, two) = (demo().await, demo().await);
    let service = Service::synchronised_with(&one).await;
    let admin = service.admin();
    let new = json!({
        "name": "Вторая", "base_url": format!("{}/demo", two.url()), "username": "odata", "password": "odata-demo",
    });
    let added: Value = admin.post("/infobases", &new).await.json();
    let id = added["id"].as_str().unwrap();
    let problem = admin
        .get("/reports/cash")
        .await
        .assert_problem(422, "request.validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "?infobase");
    eventually("the second is synchronised too", async || {
        let path = format!("/reports/cash?infobase={id}&date=2025-03-31");
        let answer = admin.get(&path).await;
        (answer.status == 200).then_some(())
    })
    .await;
    let companies = service.companies().await;
    assert_eq!(companies.len(), 6);
    let (company, _) = &companies[0];
    let by_company: Value = admin
        .get(&format!("/reports/cash?company={company}"))
        .await
        .json();
    assert!(by_company["citations"][0]["filter"]["company"].is_string());
    let client = Client::anonymous(service.url());
    client
        .get("/reports/cash")
        .await
        .assert_problem(401, "auth.token_required");
}
