//! Change tracking: what a node of the exchange plan is told.

use serde_json::{Value, json};

use crate::client::{Client, ROOT, Reply};

async fn node(client: &Client) -> Value {
    client.rows("ExchangePlan_ИИАссистент?$filter=Code eq 'ИИ'").await[0].clone()
}

async fn call(client: &Client, function: &str, node: &Value, message: &str) -> Reply {
    let key = node["Ref_Key"].as_str().unwrap();
    let path = format!(
        "{ROOT}{function}?DataExchangePoint='http://1c.test{ROOT}ExchangePlan_ИИАссистент(guid'{key}')'&MessageNo={message}"
    );
    let headers = [("authorization", "Basic b2RhdGE6b2RhdGEtZGVtbw==")];
    client.send("POST", &path, &headers, "").await
}

#[tokio::test]
async fn changes_come_until_they_are_confirmed() {
    let client = Client::writable();
    let node_before = node(&client).await;
    assert_eq!(
        (&node_before["SentNo"], &node_before["ReceivedNo"]),
        (&json!("0"), &json!("0"))
    );
    assert_eq!(
        client
            .rows("ExchangePlan_ИИАссистент?$filter=ThisNode eq true")
            .await
            .len(),
        1
    );
    let empty = call(&client, "SelectChanges", &node_before, "1").await;
    assert_eq!((empty.status, empty.text.contains("<entry>")), (200, false));
    assert_eq!(empty.content_type, "application/atom+xml;type=feed;charset=utf-8");

    let sale = client
        .rows("Document_РеализацияТоваровУслуг?$filter=Posted eq true&$orderby=Date desc&$top=1")
        .await[0]
        .clone();
    let key = sale["Ref_Key"].as_str().unwrap();
    let path = format!("Document_РеализацияТоваровУслуг(guid'{key}')");
    assert_eq!(
        client
            .write("POST", &format!("{path}/Unpost"), &json!({}))
            .await
            .status,
        200
    );
    let warehouse = client.rows("Catalog_Склады?$top=1").await[0]["Ref_Key"]
        .as_str()
        .unwrap()
        .to_owned();
    client
        .write(
            "DELETE",
            &format!("Catalog_Склады(guid'{warehouse}')"),
            &json!({}),
        )
        .await;

    let first = call(&client, "SelectChanges", &node_before, "1").await;
    let again = call(&client, "SelectChanges", &node_before, "1").await;
    for feed in [&first, &again] {
        assert!(
            feed.text
                .contains("<category term=\"StandardODATA.Document_РеализацияТоваровУслуг\"")
        );
        assert!(feed.text.contains(&format!("<d:Ref_Key>{key}</d:Ref_Key>")));
        assert!(feed.text.contains("<d:Posted>false</d:Posted>"));
        assert!(feed.text.contains(&format!("<d:Recorder>{key}</d:Recorder>")));
        assert!(feed.text.contains(
            "<d:RecordSet m:type=\"Collection(StandardODATA.AccountingRegister_Хозрасчетный_RowType)\"/>"
        ));
        assert!(feed.text.contains(&format!(
            "<at:deleted-entry ref=\"http://1c.test{ROOT}Catalog_Склады(guid&apos;{warehouse}&apos;)\" when=\""
        )), "{}", feed.text);
    }
    assert_eq!(node(&client).await["SentNo"], "1");
    // A change made in between is not confirmed with the message before it.
    client.write("POST", &format!("{path}/Post"), &json!({})).await;
    assert_eq!(
        call(&client, "NotifyChangesReceived", &node_before, "1")
            .await
            .status,
        200
    );
    assert_eq!(node(&client).await["ReceivedNo"], "1");
    let second = call(&client, "SelectChanges", &node_before, "2").await;
    assert!(second.text.contains("<d:Posted>true</d:Posted>") && !second.text.contains("deleted-entry"));
    assert!(
        second
            .text
            .contains("<d:element m:type=\"StandardODATA.AccountingRegister_Хозрасчетный_RowType\">")
    );
    call(&client, "NotifyChangesReceived", &node_before, "2").await;
    assert!(
        !call(&client, "SelectChanges", &node_before, "3")
            .await
            .text
            .contains("<entry>")
    );
}

#[tokio::test]
async fn wrong_calls_are_refused() {
    let client = Client::new();
    let node = node(&client).await;
    let key = node["Ref_Key"].as_str().unwrap();
    let this = client
        .rows("ExchangePlan_ИИАссистент?$filter=ThisNode eq true")
        .await[0]
        .clone();
    let good = format!("'http://1c.test{ROOT}ExchangePlan_ИИАссистент(guid'{key}')'");
    let strange = good.replace(key, "11111111-2222-4333-8444-555555555555");
    for (method, query, status, code) in [
        ("GET", format!("DataExchangePoint={good}&MessageNo=1"), 405, "19"),
        ("PUT", format!("DataExchangePoint={good}&MessageNo=1"), 405, "19"),
        ("POST", "MessageNo=1".to_owned(), 400, "5"),
        ("POST", format!("DataExchangePoint={good}"), 400, "5"),
        (
            "POST",
            format!("DataExchangePoint={good}&MessageNo=один"),
            400,
            "1",
        ),
        ("POST", format!("DataExchangePoint={good}&MessageNo=0"), 400, "4"),
        (
            "POST",
            format!("DataExchangePoint={good}&MessageNo=1&$top=1"),
            400,
            "0",
        ),
        (
            "POST",
            "DataExchangePoint='ExchangePlan_ИИАссистент'&MessageNo=1".to_owned(),
            400,
            "4",
        ),
        (
            "POST",
            format!("DataExchangePoint={strange}&MessageNo=1"),
            404,
            "9",
        ),
    ] {
        let path = format!("SelectChanges?{query}");
        let refusal = client.write_with(method, &path, &[], "").await.refusal();
        assert_eq!(
            (refusal.0, refusal.1.as_str()),
            (status, code),
            "{method} {query}"
        );
    }
    assert_eq!(call(&client, "SelectChanges", &this, "1").await.status, 400);
    let metadata = client.get("$metadata").await.text;
    for name in ["SelectChanges", "NotifyChangesReceived", "Post", "Unpost"] {
        assert!(
            metadata.contains(&format!("<FunctionImport Name=\"{name}\"")),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_days_work_can_be_made_on_demand() {
    let client = Client::writable();
    let reply = client
        .send("POST", "/demo/_admin/changes", &[], r#"{"documents":20}"#)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let done = reply.json();
    assert_eq!(
        (&done["changed"], &done["unposted"], &done["deleted"]),
        (&json!(2), &json!(2), &json!(2))
    );
    assert!(done["created"].as_u64().unwrap() + done["refused"].as_u64().unwrap() >= 14);
    let feed = call(&client, "SelectChanges", &node(&client).await, "1").await;
    assert!(feed.text.matches("<entry>").count() > 20);
    assert_eq!(feed.text.matches("<at:deleted-entry").count(), 2);
}
