//! Writing into 1C by drafts and confirmations.

use common::auth::Permission;
use common::contract::events::{AUDIT_RECORDED, AuditEvent};
use common::events::Stream;
use common::testing::{Client, Grant, TestServer};
use onec_demo::ServerOptions;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::reports::encode;
use crate::setup::{Service, base};

const INVOICE: &str = "Document_СчетНаОплатуПокупателю";
const SALE: &str = "Document_РеализацияТоваровУслуг";
const PURCHASE: &str = "Document_ПоступлениеТоваровУслуг";
pub(crate) const COUNTERPARTIES: &str = "Catalog_Контрагенты";

pub(crate) async fn writable() -> TestServer {
    TestServer::serve(onec_demo::router(base(), ServerOptions::writable())).await
}

/// One user who may read and write.
pub(crate) fn writer(service: &Service) -> Client {
    service.client(&[Permission::OnecRead, Permission::OnecWrite])
}

/// The rows of a set that fit a filter, with their tabular parts.
pub(crate) async fn rows(client: &Client, set: &str, filter: &str, rest: &str) -> Vec<Value> {
    let path = format!("/entities/{}/rows?filter={}{rest}", encode(set), encode(filter));
    let answer = client.get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json::<Value>()["rows"].as_array().unwrap().clone()
}

/// A trade document of the base to copy references from.
pub(crate) async fn like(client: &Client, set: &str) -> Value {
    let select = format!(
        "&orderby={}&limit=1&select={}",
        encode("Date desc"),
        encode("Ref_Key,Организация_Key,Контрагент_Key,ДоговорКонтрагента_Key,Склад_Key,Товары")
    );
    rows(client, set, "Posted eq true", &select).await[0].clone()
}

pub(crate) async fn draft(client: &Client, request: &Value) -> Value {
    let answer = client.post("/documents/drafts", request).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

pub(crate) async fn confirm(client: &Client, draft: &Value) -> Value {
    let path = format!("/documents/drafts/{}/confirm", draft["id"].as_str().unwrap());
    let answer = client.post(&path, &json!({"digest": draft["digest"]})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn trade(set: &str, like: &Value, lines: &Value, post: bool) -> Value {
    let total: Decimal = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["Сумма"].as_str().unwrap().parse::<Decimal>().unwrap())
        .sum();
    json!({
        "entity": set, "post": post,
        "values": {
            "Date": "2025-03-31T15:00:00", "Организация_Key": like["Организация_Key"],
            "Контрагент_Key": like["Контрагент_Key"], "ДоговорКонтрагента_Key": like["ДоговорКонтрагента_Key"],
            "Склад_Key": like["Склад_Key"], "СуммаДокумента": total.to_string(), "СуммаВключаетНДС": true,
            "Товары": lines,
        }
    })
}

async fn total(service: &Service, report: &str, column: &str) -> Decimal {
    let report: Value = service
        .admin()
        .get(&format!("/reports/{report}&source=live"))
        .await
        .json();
    report["totals"][column].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_invoice_is_drafted_confirmed_and_taken_back() {
    let demo = writable().await;
    let service = Service::synchronised_with(&demo).await;
    let client = writer(&service);
    let like = like(&client, INVOICE).await;
    let found: Value = client.get("/search?kind=item&q=%D0%B0&limit=1").await.json();
    let item = like["Товары"][0]["Номенклатура_Key"].clone();
    let mut lines = json!([
        {"Номенклатура_Key": item, "Количество": 3, "Цена": "100.10", "Сумма": "300.30", "СтавкаНДС": "НДС20"},
        {"Номенклатура_Key": item, "Количество": 1, "Цена": 50, "Сумма": "50"},
    ]);
    if let Some(id) = found["items"][0]["id"].as_str() {
        lines[1]["Номенклатура_Key"] = json!({"id": id});
    }
    let mut request = trade(INVOICE, &like, &lines, false);
    request["values"]["Контрагент_Key"] = json!({"ref": like["Контрагент_Key"]});
    request["values"]["СуммаДокумента"] = json!(351);
    let before = rows(&client, INVOICE, "Date ge datetime'2025-03-31T00:00:00'", "")
        .await
        .len();
    let drafted = draft(&client, &request).await;
    assert_eq!(drafted["state"], "pending");
    assert_eq!(drafted["is_new"], true);
    assert!(
        !drafted["values"]["Контрагент____Presentation"]
            .as_str()
            .unwrap()
            .is_empty(),
        "{drafted}"
    );
    let row = &drafted["values"]["Товары"][1];
    assert_eq!(
        (&row["LineNumber"], &row["Сумма"]),
        (&json!(2), &json!("50")),
        "{drafted}"
    );
    assert!(!row["Номенклатура____Presentation"].as_str().unwrap().is_empty());
    let warnings = drafted["warnings"].to_string();
    assert!(
        warnings.contains("351") && warnings.contains("350.3"),
        "{warnings}"
    );
    // Nothing is written yet.
    let filter = "Date ge datetime'2025-03-31T00:00:00'";
    assert_eq!(rows(&client, INVOICE, filter, "").await.len(), before);

    let id = drafted["id"].as_str().unwrap();
    let path = format!("/documents/drafts/{id}/confirm");
    let other = client.post(&path, &json!({"digest": "0"})).await;
    other.assert_problem(422, "request.validation_failed");
    let stranger = writer(&service)
        .post(&path, &json!({"digest": drafted["digest"]}))
        .await;
    stranger.assert_problem(404, "onec.draft_not_found");
    let written = confirm(&client, &drafted).await;
    assert_eq!(written["outcome"], "written", "{written}");
    assert_eq!(written["posted"], false);
    assert!(
        !written["values"]["Number"].as_str().unwrap().is_empty(),
        "{written}"
    );
    let filter = format!("Ref_Key eq guid'{}'", written["ref"].as_str().unwrap());
    let select = format!("&select={}", encode("Number,СуммаДокумента,DeletionMark,Товары"));
    let stored = rows(&client, INVOICE, &filter, &select).await;
    assert_eq!(stored[0]["СуммаДокумента"], "351");
    assert_eq!(stored[0]["Товары"][0]["Цена"], "100.1");
    assert_eq!(stored[0]["Товары"].as_array().unwrap().len(), 2);
    // The second confirmation tells the same, and writes nothing.
    assert_eq!(confirm(&client, &drafted).await, written);
    let filter_all = "Date ge datetime'2025-03-31T00:00:00'";
    assert_eq!(rows(&client, INVOICE, filter_all, "").await.len(), before + 1);
    let told: Value = client.get(&format!("/documents/drafts/{id}")).await.json();
    assert_eq!((&told["state"], &told["result"]), (&json!("done"), &written));
    let gone = client.delete(&format!("/documents/drafts/{id}")).await;
    gone.assert_problem(409, "onec.draft_used");

    let undo = format!("/documents/writes/{}/undo", written["write_id"].as_str().unwrap());
    writer(&service)
        .post(&undo, &json!({}))
        .await
        .assert_problem(404, "onec.write_not_found");
    let undone = client.post(&undo, &json!({})).await;
    assert_eq!(undone.status, 200, "{}", undone.text());
    assert_eq!(undone.json::<Value>()["undone"], "marked_for_deletion");
    assert_eq!(
        rows(&client, INVOICE, &filter, &select).await[0]["DeletionMark"],
        true
    );
    client
        .post(&undo, &json!({}))
        .await
        .assert_problem(409, "onec.undo_not_possible");
    let history: Value = client.get("/documents/writes").await.json();
    assert_eq!(history["items"][0]["id"], written["write_id"], "{history}");
    assert_eq!(history["items"][0]["undone_how"], "marked_for_deletion");
    let strange: Value = writer(&service).get("/documents/writes").await.json();
    assert_eq!(strange["items"], json!([]));
    let all: Value = service.admin().get("/documents/writes").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    // The audit has ids and no values.
    let actions = crate::setup::eventually("all is told to the audit log", async || {
        let events = crate::events::published(&service, Stream::Audit, AUDIT_RECORDED).await;
        let told = events.iter().map(|event| event.data::<AuditEvent>().unwrap());
        let told: Vec<AuditEvent> = told
            .filter(|event| event.action.starts_with("documents."))
            .collect();
        (told.len() >= 6).then_some(told)
    })
    .await;
    for action in [
        "documents.drafted",
        "documents.written",
        "documents.undone",
        "documents.viewed",
    ] {
        assert!(actions.iter().any(|event| event.action == action), "{action}");
    }
    for event in actions {
        let told = event.details.to_string();
        assert!(!told.contains("351") && !told.contains("100.1"), "{told}");
    }
}

#[tokio::test]
async fn a_counterparty_is_made_and_changed_and_put_back() {
    let demo = writable().await;
    let service = Service::synchronised_with(&demo).await;
    let client = writer(&service);
    let request = json!({"entity": COUNTERPARTIES, "values": {
        "Description": "ООО «Новый покупатель»", "ИНН": "7701234567", "ЮридическоеФизическоеЛицо": "ЮридическоеЛицо",
        "КонтактнаяИнформация": [{"Тип": "Телефон", "Представление": "+7 495 000-00-00"}],
    }});
    let written = confirm(&client, &draft(&client, &request).await).await;
    assert_eq!(written["outcome"], "written", "{written}");
    let reference = written["ref"].as_str().unwrap();
    // It is found by its name, and the mirror hears of it soon.
    crate::setup::eventually("the mirror has it", async || {
        let found: Value = client
            .get(&format!("/search?q={}", encode("Новый покупатель")))
            .await
            .json();
        found["items"]
            .as_array()?
            .iter()
            .find(|item| item["name"] == "ООО «Новый покупатель»")
            .cloned()
    })
    .await;
    let change = json!({"entity": COUNTERPARTIES, "ref": reference, "values": {
        "КПП": "770101001",
        "КонтактнаяИнформация": [
            {"Тип": "Телефон", "Представление": "+7 495 111-11-11"}, {"Тип": "Адрес", "Представление": "Москва"},
        ],
    }});
    let drafted = draft(&client, &change).await;
    let differences = drafted["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 2, "{drafted}");
    let of = |name: &str| differences.iter().find(|one| one["property"] == name).unwrap();
    assert_eq!(
        (&of("КПП")["before"], &of("КПП")["after"]),
        (&json!(""), &json!("770101001"))
    );
    let part = of("КонтактнаяИнформация");
    assert_eq!(part["replaces_whole_part"], true);
    assert_eq!(
        part["rows"],
        json!([
            {"line": 1, "before": {"Представление": "+7 495 000-00-00"}, "after": {"Представление": "+7 495 111-11-11"}},
            {"line": 2, "before": null, "after": {"Тип": "Адрес", "Представление": "Москва"}},
        ])
    );
    let changed = confirm(&client, &drafted).await;
    assert_eq!(changed["outcome"], "written", "{changed}");
    // What is too long is cut by 1C, and that is told.
    let long = json!({"entity": COUNTERPARTIES, "ref": reference, "values": {"КПП": "7701010019999"}});
    let cut = confirm(&client, &draft(&client, &long).await).await;
    assert_eq!(cut["outcome"], "written_with_differences", "{cut}");
    assert_eq!(cut["differences"][0]["before"], "7701010019999");
    assert_eq!(cut["differences"][0]["after"], "770101001");
    // The change before is not the last one any more.
    let undo = |write: &Value| format!("/documents/writes/{}/undo", write["write_id"].as_str().unwrap());
    client
        .post(&undo(&changed), &json!({}))
        .await
        .assert_problem(409, "onec.undo_not_possible");
    let other = json!({"entity": COUNTERPARTIES, "ref": reference, "values": {"Description": "Иначе", "КонтактнаяИнформация": []}});
    let last = confirm(&client, &draft(&client, &other).await).await;
    let undone = client.post(&undo(&last), &json!({})).await;
    assert_eq!(undone.status, 200, "{}", undone.text());
    let select = format!("&select={}", encode("Description,КонтактнаяИнформация"));
    let stored = rows(
        &client,
        COUNTERPARTIES,
        &format!("Ref_Key eq guid'{reference}'"),
        &select,
    )
    .await;
    assert_eq!(stored[0]["Description"], "ООО «Новый покупатель»");
    assert_eq!(stored[0]["КонтактнаяИнформация"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_posted_sale_changes_stock_and_debts_and_a_shortage_is_told() {
    let demo = writable().await;
    let service = Service::synchronised_with(&demo).await;
    let client = writer(&service);
    let supply = like(&client, PURCHASE).await;
    let customer = like(&client, SALE).await;
    let item = supply["Товары"][0]["Номенклатура_Key"].clone();
    let line = |quantity: i64, sum: &str| json!([{"Номенклатура_Key": item, "Количество": quantity, "Цена": 300, "Сумма": sum, "СуммаНДС": "0"}]);
    let bought = draft(&client, &trade(PURCHASE, &supply, &line(5, "1500"), true)).await;
    let bought = confirm(&client, &bought).await;
    assert_eq!(bought["posted"], true, "{bought}");
    let mut sale = trade(SALE, &customer, &line(2, "600"), true);
    sale["values"]["Организация_Key"] = supply["Организация_Key"].clone();
    sale["values"]["Склад_Key"] = supply["Склад_Key"].clone();
    sale["values"]["Date"] = "2025-03-31T16:00:00".into();
    let column = "debt";
    let debts = total(&service, "receivables?date=2025-03-31", column).await;
    let stock = total(&service, "stock?date=2025-03-31", "quantity").await;
    let sold = confirm(&client, &draft(&client, &sale).await).await;
    assert_eq!(
        (&sold["posted"], &sold["posting_refusal"]),
        (&json!(true), &Value::Null),
        "{sold}"
    );
    assert_eq!(
        total(&service, "receivables?date=2025-03-31", column).await - debts,
        Decimal::from(600)
    );
    assert_eq!(
        stock - total(&service, "stock?date=2025-03-31", "quantity").await,
        Decimal::from(2)
    );
    // Unposted and marked: all is as it was.
    let undo = format!("/documents/writes/{}/undo", sold["write_id"].as_str().unwrap());
    let undone = client.post(&undo, &json!({})).await;
    assert_eq!(undone.status, 200, "{}", undone.text());
    assert_eq!(
        total(&service, "receivables?date=2025-03-31", column).await,
        debts
    );

    sale["values"]["Товары"] = line(1_000_000, "600");
    let short = confirm(&client, &draft(&client, &sale).await).await;
    assert_eq!(
        (&short["outcome"], &short["posted"]),
        (&json!("written"), &json!(false)),
        "{short}"
    );
    assert!(!short["posting_refusal"].as_str().unwrap().is_empty(), "{short}");
    // It can be set right and posted as a change of its own.
    let right =
        json!({"entity": SALE, "ref": short["ref"], "post": true, "values": {"Товары": line(1, "600")}});
    let right = confirm(&client, &draft(&client, &right).await).await;
    assert_eq!(right["posted"], true, "{right}");
    let undo = format!("/documents/writes/{}/undo", right["write_id"].as_str().unwrap());
    assert_eq!(client.post(&undo, &json!({})).await.status, 200);
    let again = json!({"entity": SALE, "ref": short["ref"], "post": true, "values": {}});
    let again = confirm(&client, &draft(&client, &again).await).await;
    assert_eq!(again["posted"], false, "{again}");
}

#[tokio::test]
async fn a_caller_writes_for_the_callers_companies_only() {
    let demo = writable().await;
    let service = Service::synchronised_with(&demo).await;
    let admin = writer(&service);
    let all = service.companies().await;
    let references: Vec<(Uuid, Uuid)> = sqlx::query_as("select id, ref from onec.companies")
        .fetch_all(&service.pool)
        .await
        .unwrap();
    let invoice = like(&admin, INVOICE).await;
    let own: Uuid = invoice["Организация_Key"].as_str().unwrap().parse().unwrap();
    let own_id = references
        .iter()
        .find(|(_, reference)| *reference == own)
        .unwrap()
        .0;
    let other_id = all.iter().find(|(id, _)| *id != own_id).unwrap().0;
    let client_of = |id: Uuid| {
        let grant = Grant::new(&[Permission::OnecRead, Permission::OnecWrite]).companies([id]);
        Client::anonymous(service.url()).with_token(service.issuer.sign(&grant))
    };
    let item = &invoice["Товары"][0]["Номенклатура_Key"];
    let request = trade(
        INVOICE,
        &invoice,
        &json!([{"Номенклатура_Key": item, "Сумма": "10"}]),
        false,
    );
    let own = client_of(own_id);
    let written = confirm(&own, &draft(&own, &request).await).await;
    assert_eq!(written["outcome"], "written", "{written}");
    let other = client_of(other_id);
    let refused = other.post("/documents/drafts", &request).await;
    assert!(matches!(refused.status.as_u16(), 403 | 422), "{}", refused.text());
    // Another company's document looks as if it were not there.
    let change = json!({"entity": INVOICE, "ref": written["ref"], "values": {"Комментарий": "Моё"}});
    other
        .post("/documents/drafts", &change)
        .await
        .assert_problem(404, "onec.object_not_found");
    // What has no company is not theirs to change.
    for (entity, values) in [
        (COUNTERPARTIES, json!({"Description": "Х"})),
        ("Catalog_Организации", json!({"Description": "Х"})),
    ] {
        own.post("/documents/drafts", &json!({"entity": entity, "values": values}))
            .await
            .assert_problem(403, "onec.write_denied");
    }
    // Nor may a document be without one, or be given away.
    let mut nobodys = request.clone();
    nobodys["values"]["Организация_Key"] = Value::Null;
    own.post("/documents/drafts", &nobodys)
        .await
        .assert_problem(403, "onec.write_denied");
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_place() {
    let demo = writable().await;
    let service = Service::synchronised_with(&demo).await;
    let client = writer(&service);
    let nobody = "11111111-2222-4333-8444-555555555555";
    for (request, pointer, detail) in [
        (json!({"entity": INVOICE, "values": {}}), "/values", "write"),
        (
            json!({"entity": "AccumulationRegister_Продажи", "values": {"a": 1}}),
            "/entity",
            "Catalogs",
        ),
        (
            json!({"entity": format!("{SALE}_Товары"), "values": {"a": 1}}),
            "/entity",
            "Catalogs",
        ),
        (
            json!({"entity": COUNTERPARTIES, "post": true, "values": {"Description": "Х"}}),
            "/post",
            "posted",
        ),
        (
            json!({"entity": INVOICE, "values": {"Контрагент": nobody}}),
            "/values/Контрагент",
            "Контрагент_Key",
        ),
        (
            json!({"entity": INVOICE, "values": {"Ref_Key": nobody}}),
            "/values/Ref_Key",
            "itself",
        ),
        (
            json!({"entity": INVOICE, "values": {"Posted": true}}),
            "/values/Posted",
            "itself",
        ),
        (
            json!({"entity": INVOICE, "values": {"Date": "31.12.2025"}}),
            "/values/Date",
            "zone",
        ),
        (
            json!({"entity": INVOICE, "values": {"СуммаДокумента": "много"}}),
            "/values/СуммаДокумента",
            "number",
        ),
        (
            json!({"entity": INVOICE, "values": {"Контрагент_Key": 5}}),
            "/values/Контрагент_Key",
            "reference",
        ),
        (
            json!({"entity": INVOICE, "values": {"Контрагент_Key": nobody}}),
            "/values/Контрагент_Key",
            "no object",
        ),
        (
            json!({"entity": INVOICE, "values": {"Контрагент_Key": {"name": "Нет такого нигде"}}}),
            "/values/Контрагент_Key",
            "nothing called",
        ),
        (
            json!({"entity": INVOICE, "values": {"Контрагент_Key": {"name": "ООО"}}}),
            "/values/Контрагент_Key",
            "Several fit",
        ),
        (
            json!({"entity": INVOICE, "values": {"Контрагент_Key": {"id": nobody}}}),
            "/values/Контрагент_Key",
            "no object of that id",
        ),
        (
            json!({"entity": INVOICE, "values": {"Контрагент_Key": {"type": "Catalog_Склады", "name": "x"}}}),
            "/values/Контрагент_Key",
            "Catalog_Контрагенты",
        ),
        (
            json!({"entity": INVOICE, "values": {"Товары": {}}}),
            "/values/Товары",
            "list",
        ),
        (
            json!({"entity": INVOICE, "values": {"Товары": [{"Вес": 1}]}}),
            "/values/Товары/0/Вес",
            "no property",
        ),
        (
            json!({"entity": INVOICE, "values": {"Товары": [{"LineNumber": 2}]}}),
            "/values/Товары/0/LineNumber",
            "order",
        ),
        (
            json!({"entity": COUNTERPARTIES, "values": {"ЮридическоеФизическоеЛицо": "Кот"}}),
            "/values/ЮридическоеФизическоеЛицо",
            "ФизическоеЛицо",
        ),
    ] {
        let answer = client
            .with_language("en")
            .post("/documents/drafts", &request)
            .await;
        let problem = answer.assert_problem(422, "request.validation_failed");
        let told = &problem["errors"][0];
        assert_eq!(told["pointer"], pointer, "{problem}");
        assert!(told["detail"].as_str().unwrap().contains(detail), "{problem}");
    }
    for (request, status, code) in [
        (
            json!({"entity": "Catalog_Х", "values": {"a": 1}}),
            404,
            "onec.entity_not_found",
        ),
        (
            json!({"entity": INVOICE, "ref": nobody, "values": {"Комментарий": "x"}}),
            404,
            "onec.object_not_found",
        ),
        (json!({"entity": INVOICE}), 400, "request.invalid_body"),
        (
            json!({"entity": INVOICE, "values": {}, "colour": 1}),
            400,
            "request.invalid_body",
        ),
    ] {
        let answer = client.post("/documents/drafts", &request).await;
        let problem: Value = serde_json::from_str(&answer.text()).unwrap();
        assert!(
            answer.status == status && problem["code"] == code || code == "request.invalid_body",
            "{problem}"
        );
    }
    // A draft that nobody confirms goes by.
    let drafted = draft(
        &client,
        &json!({"entity": COUNTERPARTIES, "values": {"Description": "Поздно"}}),
    )
    .await;
    let path = format!("/documents/drafts/{}", drafted["id"].as_str().unwrap());
    sqlx::query("update onec.drafts set expires_at = now() - interval '1 second'")
        .execute(&service.pool)
        .await
        .unwrap();
    let late = client
        .post(&format!("{path}/confirm"), &json!({"digest": drafted["digest"]}))
        .await;
    late.assert_problem(409, "onec.draft_expired");
    assert_eq!(client.get(&path).await.json::<Value>()["state"], "expired");
    assert_eq!(client.delete(&path).await.status, 204);
    client
        .get(&path)
        .await
        .assert_problem(404, "onec.draft_not_found");
}

#[tokio::test]
async fn writing_takes_a_right_of_its_own() {
    let demo = writable().await;
    let service = Service::synchronised_with(&demo).await;
    let reader = service.client(&[Permission::OnecRead]);
    let nobody = Client::anonymous(service.url());
    let some = "11111111-2222-4333-8444-555555555555";
    let request = json!({"entity": COUNTERPARTIES, "values": {"Description": "Х"}});
    for (path, body) in [
        ("/documents/drafts".to_owned(), request),
        (format!("/documents/drafts/{some}/confirm"), json!({"digest": ""})),
        (format!("/documents/writes/{some}/undo"), json!({})),
    ] {
        nobody
            .post(&path, &body)
            .await
            .assert_problem(401, "auth.token_required");
        reader
            .post(&path, &body)
            .await
            .assert_problem(403, "auth.permission_denied");
    }
    for path in [
        format!("/documents/drafts/{some}"),
        "/documents/writes".to_owned(),
    ] {
        nobody.get(&path).await.assert_problem(401, "auth.token_required");
        reader
            .get(&path)
            .await
            .assert_problem(403, "auth.permission_denied");
    }
}

#[tokio::test]
async fn references_are_given_by_name_and_of_several_types() {
    const RECEIPT: &str = "Document_ПоступлениеНаРасчетныйСчет";
    let demo = writable().await;
    let service = Service::synchronised_with(&demo).await;
    let client = writer(&service);
    let invoice = like(&client, INVOICE).await;
    let payer = format!("Ref_Key eq guid'{}'", invoice["Контрагент_Key"].as_str().unwrap());
    let payer = rows(&client, COUNTERPARTIES, &payer, "").await[0].clone();
    let company = service.companies().await[0].clone();
    let request = json!({"entity": RECEIPT, "values": {
        "Организация_Key": {"id": company.0}, "Контрагент": {"type": COUNTERPARTIES, "code": payer["Code"]},
        "СуммаДокумента": "0.1",
    }});
    let drafted = draft(&client, &request).await;
    assert_eq!(
        drafted["values"]["Контрагент____Presentation"], payer["Description"],
        "{drafted}"
    );
    assert_eq!(
        drafted["values"]["Организация____Presentation"], company.1,
        "{drafted}"
    );
    let written = confirm(&client, &drafted).await;
    assert_eq!(written["outcome"], "written", "{written}");
    assert_eq!(written["values"]["Контрагент"], payer["Ref_Key"]);
    assert_eq!(
        written["values"]["Контрагент_Type"],
        format!("StandardODATA.{COUNTERPARTIES}")
    );
    assert!(!written["values"]["Date"].is_null(), "{written}");
    for (value, detail) in [
        (json!({"name": "x"}), "type"),
        (json!(null), "cleared"),
        (json!({"type": "Catalog_Х", "ref": payer["Ref_Key"]}), "published"),
    ] {
        let request = json!({"entity": RECEIPT, "values": {"Контрагент": value}});
        let answer = client
            .with_language("en")
            .post("/documents/drafts", &request)
            .await;
        if answer.status == 422 {
            let problem = answer.assert_problem(422, "request.validation_failed");
            assert!(
                problem["errors"][0]["detail"].as_str().unwrap().contains(detail),
                "{problem}"
            );
        } else {
            // A set that is not published cannot be looked into, which is told.
            assert!(
                answer.json::<Value>()["warnings"]
                    .to_string()
                    .contains("Catalog_Х")
            );
        }
    }
}
