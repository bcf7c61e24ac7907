//! Posting: movements come and go, balances follow.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{Client, number, sum};

const REGISTERS: [&str; 6] = [
    "AccumulationRegister_РасчетыСПокупателями",
    "AccumulationRegister_РасчетыСПоставщиками",
    "AccumulationRegister_ТоварыНаСкладах",
    "AccumulationRegister_ДенежныеСредства",
    "AccumulationRegister_Продажи",
    "AccountingRegister_Хозрасчетный",
];

/// What a document has written, without the numbering of its lines.
async fn movements(client: &Client, set: &str, key: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for register in REGISTERS {
        let filter = format!("{register}_RecordType?$filter=Recorder eq cast(guid'{key}','{set}')");
        all.extend(client.rows(&filter).await);
    }
    all
}

async fn last(client: &Client, set: &str) -> Value {
    let path = format!("{set}?$filter=Posted eq true&$orderby=Date desc&$top=1");
    client.rows(&path).await[0].clone()
}

#[tokio::test]
async fn unposting_and_posting_a_document_again_gives_the_same_movements() {
    let client = Client::writable();
    for set in [
        "Document_РеализацияТоваровУслуг",
        "Document_ПоступлениеТоваровУслуг",
        "Document_СчетНаОплатуПокупателю",
        "Document_ПоступлениеНаРасчетныйСчет",
        "Document_СписаниеСРасчетногоСчета",
        "Document_ПриходныйКассовыйОрдер",
        "Document_РасходныйКассовыйОрдер",
        "Document_ОперацияБух",
    ] {
        let document = last(&client, set).await;
        let key = document["Ref_Key"].as_str().unwrap();
        let path = format!("{set}(guid'{key}')");
        let before = movements(&client, set, key).await;
        let totals = client.rows("AccountingRegister_Хозрасчетный/Balance()").await;
        let reply = client.write("POST", &format!("{path}/Unpost"), &json!({})).await;
        assert_eq!(reply.status, 200, "{set}: {}", reply.text);
        assert_eq!(client.json(&path).await["Posted"], false);
        assert!(movements(&client, set, key).await.is_empty());
        let reply = client
            .write(
                "POST",
                &format!("{path}/Post?PostingModeOperational=false"),
                &json!({}),
            )
            .await;
        assert_eq!(reply.status, 200, "{set}: {}", reply.text);
        assert_eq!(client.json(&path).await["Posted"], true);
        assert_eq!(movements(&client, set, key).await, before, "{set}");
        let again = client.rows("AccountingRegister_Хозрасчетный/Balance()").await;
        assert_eq!(
            sum(&again, "СуммаBalanceDr"),
            sum(&totals, "СуммаBalanceDr"),
            "{set}"
        );
        assert_eq!(sum(&again, "СуммаBalance"), Decimal::ZERO);
    }
}

#[tokio::test]
async fn a_new_sale_changes_debts_stock_and_turnovers() {
    let client = Client::writable();
    let like = last(&client, "Document_РеализацияТоваровУслуг").await;
    let line = &like["Товары"][0];
    let item = line["Номенклатура_Key"].as_str().unwrap();
    let stock = format!(
        "AccumulationRegister_ТоварыНаСкладах/Balance(Condition='Номенклатура_Key eq guid'{item}'')?$select=КоличествоBalance"
    );
    let purchase = {
        let like = last(&client, "Document_ПоступлениеТоваровУслуг").await;
        json!({
            "Date": "2026-11-25T10:00:00", "Posted": true, "СуммаДокумента": 1200,
            "Организация_Key": like["Организация_Key"], "Контрагент_Key": like["Контрагент_Key"],
            "ДоговорКонтрагента_Key": like["ДоговорКонтрагента_Key"], "Склад_Key": like["Склад_Key"],
            "Товары": [{"LineNumber": 1, "Номенклатура_Key": item, "Количество": 5, "Цена": 240, "Сумма": 1200, "СуммаНДС": 200}],
        })
    };
    let quantity = number(&client.rows(&stock).await[0]["КоличествоBalance"]);
    let bought = client
        .write("POST", "Document_ПоступлениеТоваровУслуг", &purchase)
        .await;
    assert_eq!(bought.status, 201, "{}", bought.text);
    assert_eq!(
        number(&client.rows(&stock).await[0]["КоличествоBalance"]),
        quantity + Decimal::from(5)
    );
    let sale = json!({
        "Date": "2026-11-25T12:00:00", "СуммаДокумента": 600,
        "Организация_Key": purchase["Организация_Key"], "Контрагент_Key": like["Контрагент_Key"],
        "ДоговорКонтрагента_Key": like["ДоговорКонтрагента_Key"], "Склад_Key": purchase["Склад_Key"],
        "Товары": [{"LineNumber": 1, "Номенклатура_Key": item, "Количество": 2, "Цена": 300, "Сумма": 600, "СуммаНДС": 100}],
    });
    let made = client
        .write("POST", "Document_РеализацияТоваровУслуг", &sale)
        .await
        .json();
    let path = format!(
        "Document_РеализацияТоваровУслуг(guid'{}')",
        made["Ref_Key"].as_str().unwrap()
    );
    assert!(!made["Number"].as_str().unwrap().is_empty());
    let turnover = "AccumulationRegister_Продажи/Turnovers(StartPeriod=datetime'2026-11-25T00:00:00')?$select=СуммаTurnover";
    assert!(client.rows(turnover).await.is_empty());
    let reply = client.write("POST", &format!("{path}/Post"), &json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(
        number(&client.rows(turnover).await[0]["СуммаTurnover"]),
        Decimal::from(600)
    );
    assert_eq!(
        number(&client.rows(&stock).await[0]["КоличествоBalance"]),
        quantity + Decimal::from(3)
    );
    let costs = client.json(&path).await;
    assert!(
        number(&costs["Товары"][0]["Себестоимость"]) > Decimal::ZERO,
        "{costs}"
    );
    let balance = client
        .rows("AccountingRegister_Хозрасчетный/Balance()?$select=СуммаBalance")
        .await;
    assert_eq!(sum(&balance, "СуммаBalance"), Decimal::ZERO);
    let pairs = client
        .rows("AccountingRegister_Хозрасчетный/DrCrTurnovers(StartPeriod=datetime'2026-11-25T00:00:00')?$select=AccountDr_Key,СуммаTurnover")
        .await;
    assert!(sum(&pairs, "СуммаTurnover") > Decimal::from(1800));
    let listed = client
        .rows("Document_РеализацияТоваровУслуг?$orderby=Date desc&$top=1")
        .await;
    assert_eq!(listed[0]["Ref_Key"], made["Ref_Key"]);
}

#[tokio::test]
async fn what_cannot_be_posted_is_said_in_words() {
    let client = Client::writable();
    let sale = last(&client, "Document_РеализацияТоваровУслуг").await;
    let path = format!(
        "Document_РеализацияТоваровУслуг(guid'{}')",
        sale["Ref_Key"].as_str().unwrap()
    );
    let marked = client
        .write("PATCH", &path, &json!({"DeletionMark": true}))
        .await
        .refusal();
    assert_eq!(
        marked,
        (
            500,
            "-1".to_owned(),
            "Проведенный документ не может быть помечен на удаление!".to_owned()
        )
    );
    let mut line = sale["Товары"][0].clone();
    line["Количество"] = 1_000_000.into();
    client.write("PATCH", &path, &json!({ "Товары": [line] })).await;
    let refusal = client
        .write("POST", &format!("{path}/Post"), &json!({}))
        .await
        .refusal();
    assert_eq!((refusal.0, refusal.1.as_str()), (500, "-1"));
    assert!(refusal.2.contains("Не списано по количеству"), "{}", refusal.2);
    // A refusal leaves everything as it was.
    assert_eq!(client.json(&path).await["Posted"], true);
    client.write("PATCH", &path, &json!({"Товары": []})).await;
    let refusal = client
        .write("POST", &format!("{path}/Post"), &json!({}))
        .await
        .refusal();
    assert!(refusal.2.contains("Товары"), "{}", refusal.2);
    let refusal = client
        .write("POST", "Catalog_Склады(guid'1')/Post", &json!({}))
        .await
        .refusal();
    assert_eq!(refusal.1, "6");
    let refusal = client
        .write(
            "POST",
            &format!("{path}/Post?PostingModeOperational=может"),
            &json!({}),
        )
        .await
        .refusal();
    assert_eq!((refusal.0, refusal.1.as_str()), (400, "1"));
    // Posted by writing the property, and the other way round.
    let other = last(&client, "Document_ПоступлениеНаРасчетныйСчет").await;
    let key = other["Ref_Key"].as_str().unwrap();
    let path = format!("Document_ПоступлениеНаРасчетныйСчет(guid'{key}')");
    client.write("PATCH", &path, &json!({"Posted": false})).await;
    assert!(
        movements(&client, "Document_ПоступлениеНаРасчетныйСчет", key)
            .await
            .is_empty()
    );
    let reply = client
        .write_with(
            "PATCH",
            &path,
            &[("1C_OData-DataLoadMode", "true")],
            r#"{"Posted":true}"#,
        )
        .await;
    assert_eq!(reply.status, 200);
    assert!(
        movements(&client, "Document_ПоступлениеНаРасчетныйСчет", key)
            .await
            .is_empty()
    );
}
