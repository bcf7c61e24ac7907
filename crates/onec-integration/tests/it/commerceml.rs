//! The demo company pushes its goods, prices and stocks as 1C does.

use std::collections::BTreeMap;

use common::auth::Permission;
use common::testing::Client;
use onec_demo::commerceml::{Encoding, Export, ExportFile, Site, Split, export, push};
use onec_demo::truth::{self, Scope};
use serde_json::{Value, json};

use crate::reports::{encode, search};
use crate::setup::{Service, base, day, demo};

/// An exchange as its administrator got it.
pub(crate) struct Exchange {
    pub(crate) id: String,
    /// Where 1C calls.
    pub(crate) address: String,
    pub(crate) login: String,
    pub(crate) password: String,
}

impl Exchange {
    /// Makes one.
    pub(crate) async fn add(service: &Service) -> Self {
        let made = service
            .admin()
            .post("/commerceml/exchanges", &json!({"name": "Торговля"}))
            .await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made: Value = made.json();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Self {
            id: text("id"),
            address: address(service, &text("id")),
            login: text("login"),
            password: text("password"),
        }
    }

    pub(crate) async fn log_in(&self) -> Site {
        Site::log_in(&self.address, &self.login, &self.password)
            .await
            .unwrap()
    }

    pub(crate) async fn push(&self, files: &[ExportFile], zip: bool, part: Option<usize>) {
        push(&self.address, (&self.login, &self.password), files, zip, part)
            .await
            .unwrap();
    }
}

/// Where 1C calls, without the gateway.
pub(crate) fn address(service: &Service, id: &str) -> String {
    format!("{}/commerceml/{id}/exchange", service.url())
}

/// Everything, at the end of a day.
pub(crate) fn whole(date: &str) -> Export {
    Export {
        date: day(date),
        changes_since: None,
        split: Split::Two,
        encoding: Encoding::Utf8,
    }
}

/// Asserts that the stock report tells what documents tell, warehouse by warehouse.
pub(crate) async fn assert_stock(client: &Client, date: &str) {
    let base = base();
    let truth = truth::stock(&base, Scope::ALL, day(date), None, None);
    let mut expected: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for row in &truth.rows {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        if text("quantity") != "0" {
            let places = expected.entry(text("warehouse")).or_default();
            places.insert(text("item"), text("quantity"));
        }
    }
    assert!(expected.len() >= 3, "the company has several warehouses");
    let all: Value = client.get("/reports/stock?limit=1").await.json();
    assert_eq!(all["totals"]["quantity"], truth.totals["quantity"]);
    assert_eq!(
        all["row_count"],
        expected.values().map(BTreeMap::len).sum::<usize>()
    );
    for (warehouse, items) in expected {
        let found: Value = client.get(&search("warehouse", &warehouse)).await.json();
        let id = found["items"][0]["id"].as_str().unwrap();
        let path = format!("/reports/stock?limit=1000&warehouse={id}");
        let report: Value = client.get(&path).await.json();
        let rows = report["rows"].as_array().unwrap().iter();
        let ours: BTreeMap<String, String> = rows
            .map(|row| {
                assert_eq!(row["warehouse"], warehouse);
                assert!(!row["unit"].as_str().unwrap().is_empty());
                let text = |name: &str| row[name].as_str().unwrap().to_owned();
                (text("item"), text("quantity"))
            })
            .collect();
        assert_eq!(ours, items, "{warehouse} on {date}");
    }
}

/// Prices that the base has by OData, by name of item.
async fn prices_by_odata(date: &str) -> BTreeMap<String, String> {
    let demo = demo().await;
    let client = Client::anonymous(demo.url());
    let rows = async |set: &str| -> Vec<Value> {
        let path = format!("/demo/odata/standard.odata/{set}$format=json");
        let request = client.request(http::Method::GET, &path);
        let answer = client.send(request.basic_auth("odata", Some("odata-demo"))).await;
        answer.json::<Value>()["value"].as_array().unwrap().clone()
    };
    let set = format!(
        "InformationRegister_{}/SliceLast(Period=datetime'{date}T23:59:59')?",
        encode("ЦеныНоменклатуры")
    );
    let mut prices: BTreeMap<String, String> = rows(&set)
        .await
        .iter()
        .map(|row| {
            let key = row["Номенклатура_Key"].as_str().unwrap().to_owned();
            (key, format!("{:.2}", row["Цена"].as_f64().unwrap()))
        })
        .collect();
    rows(&format!("Catalog_{}?", encode("Номенклатура")))
        .await
        .iter()
        .filter_map(|row| {
            let price = prices.remove(row["Ref_Key"].as_str().unwrap())?;
            Some((row["Description"].as_str().unwrap().to_owned(), price))
        })
        .collect()
}

#[tokio::test]
async fn what_1c_pushes_is_what_documents_say() {
    let service = Service::start(None).await;
    let exchange = Exchange::add(&service).await;
    let client = service.client(&[Permission::OnecRead]);
    client
        .get("/reports/stock")
        .await
        .assert_problem(503, "onec.not_synchronised");
    let files = export(
        &base(),
        &Export {
            split: Split::Four,
            ..whole("2025-03-31")
        },
    );
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        ["import0_1.xml", "offers0_1.xml", "prices0_1.xml", "rests0_1.xml"]
    );
    exchange.push(&files, false, None).await;
    assert_stock(&client, "2025-03-31").await;

    // Prices of a group of items against what the base says by OData.
    let expected = prices_by_odata("2025-03-31").await;
    let group = "Письменные принадлежности";
    let found: Value = client.get(&search("item", group)).await.json();
    let id = found["items"][0]["id"].as_str().unwrap();
    let prices: Value = client.get(&format!("/prices?item={id}&limit=1000")).await.json();
    let prices = prices["items"].as_array().unwrap();
    assert_eq!(prices.len(), 50);
    for price in prices {
        let item = price["item"].as_str().unwrap();
        assert_eq!(price["price"].as_str().unwrap(), expected[item], "{item}");
        assert_eq!(price["price_type"], "Розничная");
        assert_eq!(price["currency"], "RUB");
        assert_eq!(price["vat_included"], true);
    }

    // Goods are found by name and by article, and nothing of this is called.
    let article = prices[0]["article"].as_str().unwrap();
    let found: Value = client.get(&search("item", article)).await.json();
    assert_eq!(found["items"][0]["name"], prices[0]["item"]);
    let infobases: Value = service.admin().get("/infobases").await.json();
    assert_eq!(infobases["items"][0]["kind"], "commerceml");
    assert_eq!(infobases["items"][0]["reachable"], true);
    assert!(infobases["items"][0]["as_of"].is_string());
    let jobs: Value = service.admin().get("/sync/jobs").await.json();
    assert_eq!(jobs["items"], json!([]));
    service
        .admin()
        .post("/sync/data", &json!({}))
        .await
        .assert_problem(503, "onec.infobase_not_called");
}

#[tokio::test]
async fn changes_are_added_to_what_was_whole() {
    let service = Service::start(None).await;
    let exchange = Exchange::add(&service).await;
    let client = service.client(&[Permission::OnecRead]);
    let old = Export {
        encoding: Encoding::Windows1251,
        ..whole("2025-03-20")
    };
    exchange.push(&export(&base(), &old), true, Some(16 * 1024)).await;
    assert_stock(&client, "2025-03-20").await;
    let changes = Export {
        changes_since: Some(day("2025-03-20")),
        ..whole("2025-03-31")
    };
    let changed = export(&base(), &changes);
    let all = export(&base(), &whole("2025-03-31"));
    assert!(
        changed[1].bytes.len() * 10 < all[1].bytes.len() * 9,
        "only some changed"
    );
    exchange.push(&changed, false, Some(100_000)).await;
    assert_stock(&client, "2025-03-31").await;
    // Whole again, back in time: nothing of what came after is left.
    exchange
        .push(&export(&base(), &whole("2025-01-15")), true, None)
        .await;
    assert_stock(&client, "2025-01-15").await;
    let history: Value = service
        .admin()
        .get(&format!("/commerceml/exchanges/{}/imports", exchange.id))
        .await
        .json();
    let imports = history["items"].as_array().unwrap();
    assert_eq!(imports.len(), 6);
    assert!(imports.iter().all(|import| import["state"] == "succeeded"));
    assert_eq!(imports[0]["file"], "offers.xml");
    assert_eq!(imports[0]["counts"]["offers"], 600);
}
