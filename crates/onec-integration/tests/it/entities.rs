//! Generic access: what an infobase publishes and rows of any set.

use common::auth::Permission;
use common::testing::Proxy;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::reports::encode;
use crate::setup::{Service, demo, set_faults};

const SALES: &str = "Document_РеализацияТоваровУслуг";

fn path(name: &str, parameters: &[(&str, &str)]) -> String {
    let parameters: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    format!("/entities/{}/rows?{}", encode(name), parameters.join("&"))
}

#[tokio::test]
async fn what_is_published_can_be_looked_up() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.client(&[Permission::OnecRead]);
    let page: Value = client.get("/entities?kind=Document&limit=3").await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 3, "{page}");
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest: Value = client
        .get(&format!("/entities?kind=Document&limit=3&cursor={cursor}"))
        .await
        .json();
    assert!(rest["items"][0]["name"].as_str() > page["items"][2]["name"].as_str());
    let found: Value = client
        .get(&format!("/entities?q={}", encode("реализациятоваров")))
        .await
        .json();
    assert_eq!(found["items"][0]["name"], SALES);
    let sale: Value = client.get(&format!("/entities/{}", encode(SALES))).await.json();
    let properties = sale["properties"].as_array().unwrap();
    let company = properties
        .iter()
        .find(|property| property["name"] == "Организация_Key");
    assert_eq!(company.unwrap()["target"], "Catalog_Организации", "{sale}");
    assert_eq!(sale["kind"], "Document");
    assert!(
        sale["parts"]
            .as_array()
            .unwrap()
            .iter()
            .any(|part| part["name"] == "Товары"),
        "{sale}"
    );
    assert!(
        sale["functions"]
            .as_array()
            .unwrap()
            .iter()
            .any(|function| function["name"] == "Post" && function["is_action"] == true),
        "{sale}"
    );
    client
        .get("/entities/Catalog_X")
        .await
        .assert_problem(404, "onec.entity_not_found");
    client
        .get("/entities?colour=red")
        .await
        .assert_problem(400, "request.invalid_query");
    client
        .get("/entities?cursor=x")
        .await
        .assert_problem(400, "request.invalid");
}

#[tokio::test]
async fn rows_are_filtered_sorted_and_paged() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.client(&[Permission::OnecRead]);
    let filter = "Posted eq true and Date ge datetime'2025-01-01T00:00:00' and Товары/any(d: d/Цена gt 1)";
    let parameters = [
        ("filter", filter),
        ("select", "Number,Date,СуммаДокумента,Организация_Key,Товары"),
        ("expand", "Организация"),
        ("orderby", "Date desc,Number"),
        ("limit", "7"),
    ];
    let mut numbers: Vec<String> = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..4 {
        let mut parameters = parameters.to_vec();
        parameters.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let answer = client.get(&path(SALES, &parameters)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page: Value = answer.json();
        let rows = page["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 7);
        for row in rows {
            assert!(row["СуммаДокумента"].is_string(), "{row}");
            assert!(row["Товары"][0]["Цена"].is_string(), "{row}");
            assert!(row["Товары"][0]["LineNumber"].is_number(), "{row}");
            assert!(
                !row["Организация____Presentation"].as_str().unwrap().is_empty(),
                "{row}"
            );
            numbers.push(row["Number"].as_str().unwrap().to_owned());
        }
        assert_eq!(page["citations"][0]["object"], SALES);
        assert_eq!(page["citations"][0]["filter"]["filter"], filter);
        assert_eq!(page["source"], "live");
        cursor = Some(page["next_cursor"].as_str().unwrap().to_owned());
    }
    let mut all = parameters;
    all[4].1 = "28";
    let whole: Value = client.get(&path(SALES, &all)).await.json();
    let expected: Vec<&str> = whole["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["Number"].as_str().unwrap())
        .collect();
    assert_eq!(numbers, expected);
    // All but tabular parts, without any parameter.
    let goods: Value = client.get(&path("Catalog_Номенклатура", &[])).await.json();
    assert_eq!(goods["rows"].as_array().unwrap().len(), 50);
    let row = goods["rows"][0].as_object().unwrap();
    assert!(
        row.contains_key("Code") && !row.contains_key("odata.metadata"),
        "{row:?}"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_with_its_place() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.client(&[Permission::OnecRead]);
    for (parameter, value, detail) in [
        ("filter", "Posted eq tru e", "Character"),
        ("filter", "Пост eq true", "Character 1: "),
        (
            "filter",
            "Posted eq true and length(Number) eq 1",
            "Character 20: ",
        ),
        ("filter", "Контрагент/Нет eq 'x'", "Character 1: "),
        ("filter", "Posted eq true&$top=1", "Character 15: "),
        ("filter", "Number eq 'x", "Character 11: "),
        ("select", "Number,Нет", "no property Нет"),
        ("expand", "Number", "no reference Number"),
        ("orderby", "Ref_Key", "gives no order"),
        ("orderby", "Date down", "gives no order"),
        ("limit", "1001", "1 to 1000"),
    ] {
        let answer = client
            .with_language("en")
            .get(&path(SALES, &[(parameter, value)]))
            .await;
        let problem = answer.assert_problem(422, "request.validation_failed");
        let error = &problem["errors"][0];
        assert_eq!(error["pointer"], format!("?{parameter}"), "{value}");
        assert!(
            error["detail"].as_str().unwrap().contains(detail),
            "{value}: {error}"
        );
    }
    let long = format!("Number eq '{}'", "я".repeat(900));
    client
        .get(&path(SALES, &[("filter", &long)]))
        .await
        .assert_problem(422, "onec.query_too_long");
    client
        .get(&path("Document_Нет", &[]))
        .await
        .assert_problem(404, "onec.entity_not_found");
}

#[tokio::test]
async fn callers_see_rows_of_their_companies_only() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let (own, _) = service.companies().await.remove(0);
    let page: Value = service.admin().get("/companies").await.json();
    let company = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["id"] == own.to_string());
    let reference = company.unwrap()["ref"].as_str().unwrap().to_owned();
    let client = service.client_of([own]);
    let sales: Value = client.get(&path(SALES, &[("limit", "1000")])).await.json();
    let rows = sales["rows"].as_array().unwrap();
    assert!(!rows.is_empty());
    assert!(
        rows.iter()
            .all(|row| row["Организация_Key"] == reference.as_str())
    );
    // Who may see all narrows to one; who may not, to their own only.
    let one = path(SALES, &[("limit", "1000"), ("company", &own.to_string())]);
    let narrowed: Value = service.admin().get(&one).await.json();
    assert_eq!(narrowed["rows"], sales["rows"]);
    let other = service.companies().await[1].0.to_string();
    client
        .get(&path(SALES, &[("company", &other)]))
        .await
        .assert_problem(404, "onec.company_not_found");
    // Nothing that is written in a filter opens more.
    let sneaky = path(
        SALES,
        &[("filter", "true eq true or true eq true"), ("limit", "1000")],
    );
    let sneaked: Value = client.get(&sneaky).await.json();
    assert_eq!(sneaked["rows"].as_array().unwrap().len(), rows.len());
    let companies: Value = client.get(&path("Catalog_Организации", &[])).await.json();
    assert_eq!(companies["rows"].as_array().unwrap().len(), 1, "{companies}");
    assert_eq!(client.get(&path("Catalog_Номенклатура", &[])).await.status, 200);
    for denied in [
        format!("{SALES}_Товары"),
        "AccountingRegister_Хозрасчетный".to_owned(),
    ] {
        client
            .get(&path(&denied, &[]))
            .await
            .assert_problem(403, "onec.entity_denied");
    }
    client
        .get(&path(SALES, &[("filter", "Организация/Description eq 'x'")]))
        .await
        .assert_problem(422, "request.validation_failed");
    service
        .client_of([Uuid::nil()])
        .get(&path(SALES, &[]))
        .await
        .assert_problem(404, "onec.company_not_found");
}

#[tokio::test]
async fn metadata_are_read_once_and_on_request() {
    let demo = demo().await;
    let proxy = Proxy::start(demo.address()).await;
    let service = Service::start(Some(&format!("http://{}", proxy.address()))).await;
    service.job_end().await;
    let admin = service.admin();
    let infobases: Value = admin.get("/infobases").await.json();
    let id = infobases["items"][0]["id"].as_str().unwrap().to_owned();
    let refresh = format!("/infobases/{id}/metadata/refresh");
    let read_at = async || -> chrono::DateTime<chrono::Utc> {
        sqlx::query_scalar("select read_at from onec.metadata")
            .fetch_one(&service.pool)
            .await
            .unwrap()
    };
    let before = read_at().await;
    // The routes under test have connections of their own, which find the catalogue.
    assert_eq!(admin.get(&path(SALES, &[])).await.status, 200);
    assert_eq!(read_at().await, before);
    let refreshed: Value = admin.post(&refresh, &json!({})).await.json();
    assert_eq!(refreshed, json!({"changed": false}));
    assert!(read_at().await > before);
    set_faults(&demo, &json!({"empty_composition": true})).await;
    admin
        .post(&refresh, &json!({}))
        .await
        .assert_problem(503, "onec.nothing_published");
    // What was published is known still, and asked for; 1C tells that it is not any more.
    admin
        .get(&path(SALES, &[]))
        .await
        .assert_problem(503, "onec.not_published");
    set_faults(&demo, &json!({})).await;
    assert_eq!(admin.get(&path(SALES, &[])).await.status, 200);
    service
        .client(&[Permission::OnecRead])
        .post(&refresh, &json!({}))
        .await
        .assert_problem(403, "auth.permission_denied");
    admin
        .post(
            &format!("/infobases/{}/metadata/refresh", Uuid::nil()),
            &json!({}),
        )
        .await
        .assert_problem(404, "onec.infobase_not_found");
    proxy.cut();
    admin
        .post(&refresh, &json!({}))
        .await
        .assert_problem(503, "onec.infobase_unreachable");
    admin
        .get(&path(SALES, &[]))
        .await
        .assert_problem(503, "onec.infobase_unreachable");
    // What is published can be looked up all the same.
    assert_eq!(admin.get("/entities").await.status, 200);
}

fn table(register: &str, table: &str, parameters: &[(&str, &str)]) -> String {
    path(register, parameters).replace("/rows?", &format!("/tables/{table}?"))
}

#[tokio::test]
async fn virtual_tables_of_any_register_are_computed() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.client(&[Permission::OnecRead]);
    const STOCK: &str = "AccumulationRegister_ТоварыНаСкладах";
    const LEDGER: &str = "AccountingRegister_Хозрасчетный";
    let stock: Value = client
        .get(&table(
            STOCK,
            "Balance",
            &[
                ("date", "2026-05-31"),
                ("dimensions", "Номенклатура"),
                ("limit", "5"),
            ],
        ))
        .await
        .json();
    assert_eq!(stock["object"], format!("{STOCK}/Balance"));
    assert_eq!(stock["rows"].as_array().unwrap().len(), 5, "{stock}");
    assert_eq!(stock["truncated"], true);
    let quantity = stock["rows"][0]["КоличествоBalance"].as_str().unwrap();
    assert!(quantity.parse::<rust_decimal::Decimal>().is_ok(), "{stock}");

    // By the account, the same as the report that rests on the mirror.
    let accounts = path(
        "ChartOfAccounts_Хозрасчетный",
        &[("filter", "Code eq '51'"), ("select", "Ref_Key")],
    );
    let accounts: Value = client.get(&accounts).await.json();
    let account = format!(
        "Account_Key eq guid'{}'",
        accounts["rows"][0]["Ref_Key"].as_str().unwrap()
    );
    let turnovers = table(
        LEDGER,
        "Turnovers",
        &[
            ("from", "2026-05-01"),
            ("to", "2026-05-31"),
            ("account_filter", &account),
            ("limit", "1000"),
        ],
    );
    let turnovers: Value = client.get(&turnovers).await.json();
    let sum = |side: &str| -> rust_decimal::Decimal {
        let rows = turnovers["rows"].as_array().unwrap().iter();
        rows.filter_map(|row| row[side].as_str())
            .map(|text| text.parse::<rust_decimal::Decimal>().unwrap())
            .sum()
    };
    let report: Value = client
        .get("/reports/account_analysis?account=51&from=2026-05-01&to=2026-05-31")
        .await
        .json();
    for (side, total) in [("СуммаTurnoverDr", "debit"), ("СуммаTurnoverCr", "credit")] {
        let expected: rust_decimal::Decimal = report["totals"][total].as_str().unwrap().parse().unwrap();
        assert_eq!(sum(side), expected, "{side}: {report}");
    }

    for (register, name, parameters, pointer) in [
        (STOCK, "Balance", [("from", "2026-05-01")], "?from"),
        (STOCK, "Balance", [("limit", "0")], "?limit"),
        (STOCK, "Balance", [("filter", "Нет eq 1")], "?filter"),
        (
            LEDGER,
            "Balance",
            [("extra_dimensions", "x")],
            "?extra_dimensions",
        ),
        (
            LEDGER,
            "Balance",
            [("account_filter", "Account_Key eq 'x'")],
            "?account_filter",
        ),
    ] {
        let refused = client.get(&table(register, name, &parameters)).await;
        let problem = refused.assert_problem(422, "request.validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    for (register, name) in [
        (STOCK, "Nothing"),
        (SALES, "Post"),
        ("AccumulationRegister_Нет", "Balance"),
    ] {
        client
            .get(&table(register, name, &[]))
            .await
            .assert_problem(404, "onec.entity_not_found");
    }
    let company = service.companies().await.remove(0);
    let whole: Value = client
        .get(&table(LEDGER, "Balance", &[("limit", "1000")]))
        .await
        .json();
    let own: Value = service
        .client_of([company.0])
        .get(&table(LEDGER, "Balance", &[("limit", "1000")]))
        .await
        .json();
    let (whole, own) = (whole["rows"].as_array().unwrap(), own["rows"].as_array().unwrap());
    let keys: std::collections::HashSet<&str> = own
        .iter()
        .filter_map(|row| row["Организация_Key"].as_str())
        .collect();
    assert!(keys.len() == 1 && own.len() < whole.len(), "{keys:?}");
    // 1C is away.
    demo.stop().await;
    client
        .get(&table(LEDGER, "Balance", &[]))
        .await
        .assert_problem(503, "onec.infobase_unreachable");
}

#[tokio::test]
async fn one_object_is_read_whole_by_its_key() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.client(&[Permission::OnecRead]);
    let newest = path(
        SALES,
        &[
            ("limit", "1"),
            ("orderby", "Date desc"),
            ("select", "Ref_Key,Организация_Key"),
        ],
    );
    let newest: Value = client.get(&newest).await.json();
    let row = &newest["rows"][0];
    let object = |set: &str, key: &[(&str, &str)]| path(set, key).replace("/rows?", "/object?");
    let reference = row["Ref_Key"].as_str().unwrap();
    let sale: Value = client.get(&object(SALES, &[("Ref_Key", reference)])).await.json();
    assert_eq!(sale["values"]["Организация_Key"], row["Организация_Key"]);
    assert!(!sale["values"]["Товары"].as_array().unwrap().is_empty(), "{sale}");
    let own = row["Организация_Key"].as_str().unwrap();
    for (company, _) in service.companies().await {
        let key: Uuid = sqlx::query_scalar("select ref from onec.companies where id = $1")
            .bind(company)
            .fetch_one(&service.pool)
            .await
            .unwrap();
        let answer = service
            .client_of([company])
            .get(&object(SALES, &[("Ref_Key", reference)]))
            .await;
        if key.to_string() == own {
            assert_eq!(answer.status, 200, "{}", answer.text());
        } else {
            answer.assert_problem(404, "onec.object_not_found");
        }
    }
    for (key, pointer) in [(("Ref_Key", "1) or (1"), "?Ref_Key"), (("Code", "1"), "?Code")] {
        let problem = client
            .get(&object(SALES, &[key]))
            .await
            .assert_problem(422, "request.validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let nobody = Uuid::max().to_string();
    client
        .get(&object(SALES, &[("Ref_Key", &nobody)]))
        .await
        .assert_problem(404, "onec.object_not_found");
    demo.stop().await;
    client
        .get(&object(SALES, &[("Ref_Key", reference)]))
        .await
        .assert_problem(503, "onec.infobase_unreachable");
}
