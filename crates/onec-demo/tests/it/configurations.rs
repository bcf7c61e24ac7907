//! The same company as other configurations show it.

use std::collections::HashSet;

use onec_demo::Configuration;
use onec_demo::truth::{self, Scope};
use serde_json::{Value, json};

use crate::client::{Client, day, number, seen_as};

const UNTIL: &str = "2025-02-01";
const LAST: &str = "2025-01-31";

const TRADE: [&str; 8] = [
    "AccumulationRegister_РасчетыСКлиентамиПоСрокам",
    "AccumulationRegister_РасчетыСПоставщикамиПоСрокам",
    "AccumulationRegister_ТоварыНаСкладах",
    "AccumulationRegister_ТоварыОрганизаций",
    "AccumulationRegister_СебестоимостьТоваров",
    "AccumulationRegister_ДенежныеСредстваБезналичные",
    "AccumulationRegister_ДенежныеСредстваНаличные",
    "AccumulationRegister_ВыручкаИСебестоимостьПродаж",
];
const SMALL_FIRM: [&str; 6] = [
    "AccumulationRegister_РасчетыСПокупателями",
    "AccumulationRegister_РасчетыСПоставщиками",
    "AccumulationRegister_ЗапасыНаСкладах",
    "AccumulationRegister_Запасы",
    "AccumulationRegister_ДенежныеСредства",
    "AccumulationRegister_Продажи",
];

/// What stands between two marks, each time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|part| part.split(after).next()).collect()
}

/// Every set and type that `$metadata` speaks of is there, and nothing that is out of sight.
#[tokio::test]
async fn the_metadata_of_each_configuration_is_whole() {
    for configuration in [
        Configuration::Accounting,
        Configuration::Trade,
        Configuration::SmallFirm,
        Configuration::Own,
    ] {
        let client = Client::over(seen_as(configuration, 1, "2024-11-20"));
        let metadata = client.get("$metadata").await.text;
        assert!(!metadata.contains('#'), "{configuration:?}");
        let types: HashSet<&str> = between(&metadata, "Type Name=\"", "\"").into_iter().collect();
        for mentioned in between(&metadata, "\"StandardODATA.", "\"") {
            let is_link = metadata.contains(&format!("<Association Name=\"{mentioned}\""));
            assert!(
                types.contains(mentioned) || is_link,
                "{configuration:?}: {mentioned}"
            );
        }
        let sets = between(&metadata, "<EntitySet Name=\"", "\"");
        let has = |name: &str| sets.contains(&name);
        let keeps_ledger = configuration == Configuration::Accounting;
        assert_eq!(
            has("AccountingRegister_Хозрасчетный"),
            keeps_ledger,
            "{configuration:?}"
        );
        assert_eq!(
            has("ChartOfAccounts_Хозрасчетный"),
            keeps_ledger,
            "{configuration:?}"
        );
        for set in sets {
            let reply = client.get(&format!("{set}?$top=1&$format=json")).await;
            assert_eq!(reply.status, 200, "{configuration:?}, {set}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn what_posting_looks_into_is_out_of_sight() {
    let client = Client::over(seen_as(Configuration::Trade, 1, "2024-11-20"));
    for hidden in [
        "AccumulationRegister_РасчетыСПокупателями%23",
        "AccumulationRegister_РасчетыСПокупателями",
    ] {
        let reply = client.get(&format!("{hidden}?$format=json")).await;
        assert_eq!(reply.refusal().0, 404, "{hidden}");
    }
}

async fn total(client: &Client, register: &str, resource: &str) -> rust_decimal::Decimal {
    let rows = client.rows(&format!("{register}/Balance()")).await;
    rows.iter().map(|row| number(&row[resource])).sum()
}

#[tokio::test]
async fn balances_are_those_that_documents_tell() {
    let base = seen_as(Configuration::Trade, 1, UNTIL);
    let client = Client::over(base.clone());
    let at = day(LAST);
    let receivables = truth::receivables(&base, Scope::ALL, at);
    let register = TRADE[0];
    let told = |name: &str| receivables.total(name).parse().unwrap();
    assert_eq!(total(&client, register, "ДолгBalance").await, told("debt"));
    assert_eq!(
        total(&client, register, "ПредоплатаРеглBalance").await,
        told("advance")
    );
    let stock = truth::stock(&base, Scope::ALL, at, None, None);
    let cost = total(
        &client,
        "AccumulationRegister_СебестоимостьТоваров",
        "СтоимостьБезНДСBalance",
    )
    .await;
    assert_eq!(cost, stock.total("cost").parse().unwrap());
    let pieces = total(&client, "AccumulationRegister_ТоварыНаСкладах", "ВНаличииBalance").await;
    assert_eq!(pieces, stock.total("quantity").parse().unwrap());
    let cash = truth::cash(&base, Scope::ALL, at);
    let bank = total(
        &client,
        "AccumulationRegister_ДенежныеСредстваБезналичные",
        "СуммаBalance",
    )
    .await;
    let desks = total(
        &client,
        "AccumulationRegister_ДенежныеСредстваНаличные",
        "СуммаBalance",
    )
    .await;
    assert_eq!(bank + desks, cash.total("balance").parse().unwrap());
}

/// What a document has written, without the numbering of its lines.
async fn movements(client: &Client, registers: &[&str], set: &str, key: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for register in registers {
        let filter = format!("{register}_RecordType?$filter=Recorder eq cast(guid'{key}','{set}')");
        all.extend(client.rows(&filter).await);
    }
    all
}

#[tokio::test]
async fn posting_again_writes_the_same_movements() {
    let of_trade = [
        "Document_РеализацияТоваровУслуг",
        "Document_ПриобретениеТоваровУслуг",
        "Document_СчетНаОплатуКлиенту",
        "Document_ПоступлениеБезналичныхДенежныхСредств",
        "Document_СписаниеБезналичныхДенежныхСредств",
        "Document_ПриходныйКассовыйОрдер",
        "Document_РасходныйКассовыйОрдер",
    ];
    let of_small_firm = [
        "Document_РасходнаяНакладная",
        "Document_ПриходнаяНакладная",
        "Document_СчетНаОплату",
        "Document_ПоступлениеНаСчет",
        "Document_РасходСоСчета",
        "Document_ПоступлениеВКассу",
        "Document_РасходИзКассы",
    ];
    for (configuration, sets, registers) in [
        (Configuration::Trade, of_trade, TRADE.as_slice()),
        (Configuration::SmallFirm, of_small_firm, SMALL_FIRM.as_slice()),
    ] {
        let client = Client::writable_over(seen_as(configuration, 1, UNTIL));
        for set in sets {
            let path = format!("{set}?$filter=Posted eq true&$orderby=Date desc&$top=1");
            let document = client.rows(&path).await[0].clone();
            let key = document["Ref_Key"].as_str().unwrap();
            let before = movements(&client, registers, set, key).await;
            let path = format!("{set}(guid'{key}')");
            for action in ["Unpost", "Post?PostingModeOperational=false"] {
                let reply = client
                    .write("POST", &format!("{path}/{action}"), &json!({}))
                    .await;
                assert_eq!(reply.status, 200, "{set}: {}", reply.text);
                let now = movements(&client, registers, set, key).await;
                if action == "Unpost" {
                    assert!(now.is_empty(), "{set}");
                } else {
                    assert_eq!(now, before, "{set}");
                }
            }
        }
    }
}
