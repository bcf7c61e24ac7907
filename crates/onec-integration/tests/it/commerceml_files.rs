//! How files come: in parts, twice, across restarts, whole and in changes.

use common::auth::Permission;
use common::testing::Client;
use onec_demo::commerceml::{ExportFile, export};
use serde_json::{Value, json};

use crate::commerceml::{Exchange, address, assert_stock, whole};
use crate::reports::{encode, search};
use crate::setup::{Service, Setup, base};

/// A document of the schema with this in it.
pub(crate) fn document(content: &str) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<КоммерческаяИнформация xmlns=\"urn:1C.ru:commerceml_2\" \
         ВерсияСхемы=\"2.07\" ДатаФормирования=\"2025-03-31T10:00:00\">{content}</КоммерческаяИнформация>"
    )
    .into_bytes()
}

/// Goods: `Ид`, name and attributes of each.
fn goods(only_changes: bool, items: &[(&str, &str, &str)]) -> ExportFile {
    let items: String = items
        .iter()
        .map(|(id, name, attributes)| {
            format!("<Товар{attributes}><Ид>{id}</Ид><Наименование>{name}</Наименование></Товар>")
        })
        .collect();
    ExportFile {
        name: "import.xml".to_owned(),
        bytes: document(&format!(
            "<Каталог СодержитТолькоИзменения=\"{only_changes}\"><Ид>к</Ид><Товары>{items}</Товары></Каталог>"
        )),
    }
}

/// Offers: `Ид`, name and what is told of it.
fn offers(only_changes: bool, offers: &[(&str, &str, &str)]) -> ExportFile {
    let offers: String = offers
        .iter()
        .map(|(id, name, told)| {
            format!("<Предложение><Ид>{id}</Ид><Наименование>{name}</Наименование>{told}</Предложение>")
        })
        .collect();
    ExportFile {
        name: "offers.xml".to_owned(),
        bytes: document(&format!(
            "<ПакетПредложений СодержитТолькоИзменения=\"{only_changes}\"><Ид>к#</Ид>\
             <Склады><Склад><Ид>с1</Ид><Наименование>Основной</Наименование></Склад></Склады>\
             <Предложения>{offers}</Предложения></ПакетПредложений>"
        )),
    }
}

/// Item and quantity of each row of the stock report.
async fn stock(client: &Client) -> Vec<(String, String)> {
    let report: Value = client.get("/reports/stock?limit=1000").await.json();
    let mut rows: Vec<(String, String)> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            (text("item"), text("quantity"))
        })
        .collect();
    rows.sort();
    rows
}

fn rows(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter()
        .map(|(item, quantity)| ((*item).to_owned(), (*quantity).to_owned()))
        .collect()
}

async fn names_found(client: &Client, name: &str) -> usize {
    let found: Value = client.get(&search("item", name)).await.json();
    found["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn what_is_absent_is_hidden_by_whole_exchanges_only() {
    let service = Service::start(None).await;
    let exchange = Exchange::add(&service).await;
    let client = service.client(&[Permission::OnecRead]);
    let everything = [
        goods(
            false,
            &[("т1", "Кирпич", ""), ("т2", "Цемент", ""), ("т3", "Песок", "")],
        ),
        offers(
            false,
            &[
                ("т1", "Кирпич", "<Количество>10</Количество>"),
                ("т2", "Цемент", "<Количество>20,5</Количество>"),
                ("т3", "Песок", "<Количество>30</Количество>"),
            ],
        ),
    ];
    exchange.push(&everything, false, None).await;
    assert_eq!(
        stock(&client).await,
        rows(&[("Кирпич", "10"), ("Песок", "30"), ("Цемент", "20.5")])
    );
    let changes = [
        goods(true, &[("т2", "Цемент М500", "")]),
        offers(true, &[("т2", "Цемент М500", "<Количество>21</Количество>")]),
    ];
    exchange.push(&changes, false, None).await;
    assert_eq!(
        stock(&client).await,
        rows(&[("Кирпич", "10"), ("Песок", "30"), ("Цемент М500", "21")])
    );
    // Deleted in 1C.
    exchange
        .push(
            &[goods(true, &[("т3", "Песок", " Статус=\"Удален\"")])],
            false,
            None,
        )
        .await;
    assert_eq!(names_found(&client, "Песок").await, 0);
    assert_eq!(
        stock(&client).await,
        rows(&[("Кирпич", "10"), ("Цемент М500", "21")])
    );
    let less = [
        goods(false, &[("т2", "Цемент М500", ""), ("т4", "Щебень", "")]),
        offers(
            false,
            &[
                ("т2", "Цемент М500", "<Количество>5</Количество>"),
                ("т4", "Щебень", "<Количество>0</Количество>"),
            ],
        ),
    ];
    exchange.push(&less, false, None).await;
    assert_eq!(stock(&client).await, rows(&[("Цемент М500", "5")]));
    assert_eq!(names_found(&client, "Кирпич").await, 0);
    assert_eq!(names_found(&client, "Щебень").await, 1);
}

#[tokio::test]
async fn characteristics_and_kinds_of_prices_are_kept_apart() {
    let service = Service::start(None).await;
    let exchange = Exchange::add(&service).await;
    let client = service.client(&[Permission::OnecRead]);
    let price = |value: &str, kind: &str| {
        format!(
            "<Цена><ИдТипаЦены>{kind}</ИдТипаЦены><ЦенаЗаЕдиницу>{value}</ЦенаЗаЕдиницу><Валюта>RUB</Валюта>\
             <Единица>пар</Единица></Цена>"
        )
    };
    let place =
        "<Склад ИдСклада=\"с1\" КоличествоНаСкладе=\"3\"/><Склад ИдСклада=\"с2\" КоличествоНаСкладе=\"4\"/>";
    let both = format!(
        "<Цены>{}{}</Цены>{place}",
        price("1 999,90", "розница"),
        price("1500", "опт")
    );
    let other = format!("<Цены>{}</Цены>{place}", price("2100", "розница"));
    let files = [
        goods(false, &[("т1", "Ботинки", "")]),
        offers(
            false,
            &[
                ("т1#х1", "Ботинки (42)", &both),
                ("т1#х2", "Ботинки (43)", &other),
                // The same again: the last counts.
                ("т1#х2", "Ботинки (43)", &other),
            ],
        ),
    ];
    exchange.push(&files, true, None).await;
    assert_eq!(stock(&client).await, rows(&[("Ботинки", "6"), ("Ботинки", "8")]));
    let found: Value = client.get(&search("item", "Ботинки")).await.json();
    let id = found["items"][0]["id"].as_str().unwrap();
    let prices: Value = client.get(&format!("/prices?item={id}")).await.json();
    let prices: Vec<(&str, &str)> = prices["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|price| {
            let text = |name: &str| price[name].as_str().unwrap();
            (text("characteristic"), text("price"))
        })
        .collect();
    assert_eq!(prices.len(), 3, "{prices:?}");
    for expected in [
        ("Ботинки (42)", "1999.90"),
        ("Ботинки (42)", "1500"),
        ("Ботинки (43)", "2100"),
    ] {
        assert!(prices.contains(&expected), "{prices:?}");
    }
}

#[tokio::test]
async fn a_part_that_comes_twice_counts_once() {
    let service = Service::start(None).await;
    let exchange = Exchange::add(&service).await;
    let site = exchange.log_in().await;
    assert!(site.init().await.unwrap().zip);
    let client = service.client(&[Permission::OnecRead]);
    let files = export(&base(), &whole("2025-03-31"));
    for file in &files {
        for part in file.bytes.chunks(64 * 1024) {
            site.part(&file.name, part).await.unwrap();
            // The answer was lost.
            site.part(&file.name, part).await.unwrap();
        }
        site.import(&file.name).await.unwrap();
        // Asked again: it is not imported twice.
        site.import(&file.name).await.unwrap();
        if file.name == "import.xml" {
            // Goods whose stocks are still to come are not goods that are not there.
            let early = client.get("/reports/stock").await;
            early.assert_problem(503, "onec.not_synchronised");
        }
    }
    site.complete().await.unwrap();
    assert_stock(&client, "2025-03-31").await;
    let path = format!("/commerceml/exchanges/{}/imports", exchange.id);
    let history: Value = service.admin().get(&path).await.json();
    assert_eq!(history["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_exchange_goes_on_after_a_restart() {
    let setup = Setup::new(None).await;
    let first = setup.clone().start().await;
    let exchange = Exchange::add(&first).await;
    let site = exchange.log_in().await;
    let files = export(&base(), &whole("2025-03-31"));
    let (half, rest) = files[0].bytes.split_at(files[0].bytes.len() / 2);
    site.part("import.xml", half).await.unwrap();
    drop(first);
    let second = setup.start().await;
    let site = site.moved_to(&address(&second, &exchange.id));
    site.part("import.xml", rest).await.unwrap();
    site.file(&files[1], 1_000_000).await.unwrap();
    site.import("import.xml").await.unwrap();
    site.import("offers.xml").await.unwrap();
    site.complete().await.unwrap();
    assert_stock(&second.client(&[Permission::OnecRead]), "2025-03-31").await;
}

#[tokio::test]
async fn two_bases_stay_apart() {
    let service = Service::start(None).await;
    let (one, other) = (Exchange::add(&service).await, Exchange::add(&service).await);
    let client = service.client(&[Permission::OnecRead]);
    for (exchange, quantity) in [(&one, "1"), (&other, "2")] {
        let told = format!("<Количество>{quantity}</Количество>");
        let files = [
            goods(false, &[("т1", "Кирпич", "")]),
            offers(false, &[("т1", "Кирпич", &told)]),
        ];
        exchange.push(&files, false, None).await;
    }
    for (exchange, quantity) in [(&one, "1"), (&other, "2")] {
        let path = format!("/reports/stock?infobase={}", exchange.id);
        let report: Value = client.get(&path).await.json();
        assert_eq!(report["row_count"], 1);
        assert_eq!(report["rows"][0]["quantity"], quantity);
    }
    // The cookie of one opens nothing of the other.
    let site = one.log_in().await.moved_to(&other.address);
    let error = site.init().await.unwrap_err().to_string();
    assert!(error.contains("Сеанс обмена завершён"), "{error}");
}

#[tokio::test]
async fn other_reports_are_not_there() {
    let service = Service::start(None).await;
    let exchange = Exchange::add(&service).await;
    let client = service.client(&[Permission::OnecRead]);
    let files = [
        goods(false, &[("т1", "Кирпич", "")]),
        offers(false, &[("т1", "Кирпич", "<Количество>1</Количество>")]),
    ];
    exchange.push(&files, false, None).await;
    for path in ["/reports/cash", "/reports/stock?date=2024-01-01"] {
        client
            .get(path)
            .await
            .assert_problem(422, "onec.report_not_available");
    }
    client
        .get("/reports/stock?source=live")
        .await
        .assert_problem(422, "onec.live_not_supported");
    // Whose companies are limited sees nothing: goods are nobody's.
    let limited = service.client_of([uuid::Uuid::from_u128(1)]);
    let found: Value = client.get(&search("item", "Кирпич")).await.json();
    let id = found["items"][0]["id"].as_str().unwrap();
    limited
        .get(&format!("/prices?item={id}"))
        .await
        .assert_problem(404, "onec.object_not_found");
    assert!(limited.get("/reports/stock").await.status.is_client_error());
    client
        .get(&format!("/prices?item={id}&limit=0"))
        .await
        .assert_problem(422, "request.validation_failed");
    client
        .get(&format!("/prices?item={}", uuid::Uuid::nil()))
        .await
        .assert_problem(404, "onec.object_not_found");
    client
        .get(&format!("/prices?item={}", encode("кирпич")))
        .await
        .assert_problem(400, "request.invalid_query");
    let prices = client.get(&format!("/prices?item={id}")).await;
    assert_eq!(prices.status, 200, "{}", prices.text());
    let anonymous = Client::anonymous(service.url());
    assert_eq!(anonymous.get(&format!("/prices?item={id}")).await.status, 401);
    let powerless = service.client(&[]);
    assert_eq!(powerless.get(&format!("/prices?item={id}")).await.status, 403);
    let none: Value = json!([]);
    assert_ne!(found["items"], none);
}
