//! Writing objects, records and tabular parts.

use serde_json::{Value, json};

use crate::client::{Client, ROOT};

async fn first(client: &Client, path: &str) -> Value {
    client.rows(path).await[0].clone()
}

fn key(row: &Value) -> String {
    row["Ref_Key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_catalog_item_is_created_changed_and_removed() {
    let client = Client::writable();
    let before = client.rows("Catalog_Контрагенты?$select=Ref_Key").await.len();
    let body = json!({"Description": "ООО «Новый»", "ИНН": "7701234567899999", "НетТакого": 1});
    let reply = client.write("POST", "Catalog_Контрагенты", &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let made = reply.json();
    assert_eq!(made["Description"], "ООО «Новый»");
    assert_eq!(made["ИНН"], "770123456789", "a string is cut");
    assert_eq!(made["DataVersion"], "AAAAAAAAAAA=");
    assert!(made["Code"].as_str().is_some_and(|code| !code.is_empty()));
    let place = reply.headers["location"].to_str().unwrap();
    assert!(
        place.starts_with(&format!("http://1c.test{ROOT}Catalog_"))
            && place.ends_with(&format!("(guid'{}')", key(&made))),
        "{place}"
    );

    let path = format!("Catalog_Контрагенты(guid'{}')", key(&made));
    let seen = client.json(&path).await;
    let reply = client.write("PATCH", &path, &json!({"КПП": "770101001"})).await;
    assert_eq!(reply.status, 200);
    let changed = reply.json();
    assert_eq!(
        (&changed["КПП"], &changed["Description"]),
        (&json!("770101001"), &json!("ООО «Новый»"))
    );
    assert!(changed["DataVersion"].as_str() > seen["DataVersion"].as_str());
    let again = client.write("PATCH", &path, &json!({})).await.json();
    assert!(again["DataVersion"].as_str() > changed["DataVersion"].as_str());

    assert_eq!(
        client.rows("Catalog_Контрагенты?$select=Ref_Key").await.len(),
        before + 1
    );
    assert_eq!(
        client.get("Catalog_Контрагенты/$count").await.text,
        format!("\u{feff}{}", before + 1)
    );
    let found = client
        .rows("Catalog_Контрагенты?$filter=КПП eq '770101001' and Description eq 'ооо «новый»'")
        .await;
    assert_eq!(found.len(), 1);
    assert!(client.get(&path).await.text.contains("<d:КПП>770101001</d:КПП>"));

    let reply = client.write("DELETE", &path, &json!({})).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    assert_eq!(client.refused(&path).await.1, "9");
    assert_eq!(
        client.rows("Catalog_Контрагенты?$select=Ref_Key").await.len(),
        before
    );
}

#[tokio::test]
async fn a_generated_object_can_be_removed_and_references_to_it_dangle() {
    let client = Client::writable();
    let sale = first(&client, "Document_РеализацияТоваровУслуг?$top=1").await;
    let owner = sale["Контрагент_Key"].as_str().unwrap();
    let path = format!("Catalog_Контрагенты(guid'{owner}')");
    assert_eq!(client.write("DELETE", &path, &json!({})).await.status, 204);
    let shown = first(
        &client,
        "Document_РеализацияТоваровУслуг?$top=1&$select=Контрагент_Key,Контрагент____Presentation",
    )
    .await;
    assert_eq!(shown["Контрагент_Key"], owner);
    assert!(
        shown["Контрагент____Presentation"]
            .as_str()
            .unwrap()
            .starts_with("<Объект не найден>")
    );
}

#[tokio::test]
async fn a_guid_chosen_by_the_client_is_kept_and_a_second_one_refused() {
    let client = Client::writable();
    let body = json!({"Ref_Key": "11111111-2222-4333-8444-555555555555", "Description": "Склад у моря"});
    let reply = client.write("POST", "Catalog_Склады", &body).await;
    assert_eq!(
        (reply.status, key(&reply.json()).as_str()),
        (201, "11111111-2222-4333-8444-555555555555")
    );
    let refusal = client.write("POST", "Catalog_Склады", &body).await.refusal();
    assert_eq!((refusal.0, refusal.1.as_str()), (400, "15"));
    // A reference nobody has made anything for is taken as it is.
    let body = json!({"Description": "Висячий", "Parent_Key": "99999999-2222-4333-8444-555555555555"});
    let made = client.write("POST", "Catalog_Склады", &body).await.json();
    assert_eq!(made["Parent_Key"], "99999999-2222-4333-8444-555555555555");
}

#[tokio::test]
async fn wrong_bodies_have_their_codes() {
    let client = Client::writable();
    let path = format!(
        "Catalog_Склады(guid'{}')",
        key(&first(&client, "Catalog_Склады?$top=1").await)
    );
    for (body, status, code, part) in [
        (
            r#"{"Parent_Key":"xyz"}"#,
            400,
            "1",
            "Не удалось разобрать строку 'xyz' как значение типа Edm.Guid!",
        ),
        (r#"{"DeletionMark":"да"}"#, 400, "1", "Edm.Boolean"),
        (r#"{"Description":"#, 500, "-1", ""),
        ("[]", 500, "-1", ""),
    ] {
        let refusal = client.write_with("PATCH", &path, &[], body).await.refusal();
        assert_eq!((refusal.0, refusal.1.as_str()), (status, code), "{body}");
        assert!(refusal.2.contains(part), "{}", refusal.2);
    }
    // A wrong Int64 is passed over in silence; so is a new key.
    let contract = first(&client, "Catalog_ДоговорыКонтрагентов?$top=1").await;
    let path = format!("Catalog_ДоговорыКонтрагентов(guid'{}')", key(&contract));
    let body = json!({"СрокОплаты": "много", "Ref_Key": "11111111-2222-4333-8444-555555555555"});
    let reply = client.write("PATCH", &path, &body).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["СрокОплаты"], contract["СрокОплаты"]);
    assert_eq!(key(&reply.json()), key(&contract));
    for (method, path, status, code) in [
        ("POST", "Document_РеализацияТоваровУслуг_Товары", 400, "13"),
        ("PATCH", "Catalog_Склады", 405, "19"),
        ("DELETE", "Catalog_Склады", 405, "19"),
        ("POST", "Catalog_Нет", 404, "8"),
        ("POST", "AccumulationRegister_Продажи_RecordType", 405, "19"),
        (
            "DELETE",
            "Catalog_Склады(guid'11111111-2222-4333-8444-555555555555')",
            404,
            "9",
        ),
    ] {
        let refusal = client.write(method, path, &json!({})).await.refusal();
        assert_eq!((refusal.0, refusal.1.as_str()), (status, code), "{method} {path}");
    }
}

#[tokio::test]
async fn put_wants_every_property() {
    let client = Client::writable();
    let warehouse = first(&client, "Catalog_Склады?$top=1").await;
    let path = format!("Catalog_Склады(guid'{}')", key(&warehouse));
    let refusal = client
        .write("PUT", &path, &json!({"Description": "Мало"}))
        .await
        .refusal();
    assert_eq!((refusal.0, refusal.1.as_str()), (400, "5"));
    let mut whole = warehouse.clone();
    whole["Description"] = "Весь".into();
    let members = whole.as_object_mut().unwrap();
    members.remove("Parent_Key");
    members.insert(
        "Parent@odata.bind".to_owned(),
        format!("Catalog_Склады(guid'{}')", key(&warehouse)).into(),
    );
    let reply = client.write("PUT", &path, &whole).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(
        (&reply.json()["Description"], &reply.json()["Parent_Key"]),
        (&json!("Весь"), &warehouse["Ref_Key"])
    );
}

#[tokio::test]
async fn the_version_a_client_has_seen_is_looked_at_or_not() {
    let client = Client::writable();
    let warehouse = first(&client, "Catalog_Склады?$top=1").await;
    let path = format!("Catalog_Склады(guid'{}')", key(&warehouse));
    let seen = warehouse["DataVersion"].as_str().unwrap();
    let body = r#"{"Description":"Другой"}"#;
    assert_eq!(
        client
            .write_with("PATCH", &path, &[("if-match", seen)], body)
            .await
            .status,
        200
    );
    assert_eq!(
        client
            .write_with("PATCH", &path, &[("if-match", seen)], body)
            .await
            .status,
        412
    );
    assert_eq!(
        client
            .write_with("DELETE", &path, &[("if-match", seen)], "")
            .await
            .status,
        412
    );
    client.set_faults(r#"{"ignore_if_match":true}"#).await;
    assert_eq!(
        client
            .write_with("PATCH", &path, &[("if-match", seen)], body)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_tabular_part_is_replaced_as_a_whole() {
    let client = Client::writable();
    let sale = first(
        &client,
        "Document_РеализацияТоваровУслуг?$filter=Posted eq false&$top=1",
    )
    .await;
    let path = format!("Document_РеализацияТоваровУслуг(guid'{}')", key(&sale));
    let item = sale["Товары"][0]["Номенклатура_Key"].clone();
    let lines = json!({"Товары": [
        {"LineNumber": "1", "Номенклатура_Key": item, "Количество": 2, "Сумма": 20.5},
        {"LineNumber": 2, "Номенклатура_Key": item, "Количество": 3},
    ]});
    let before: usize = client
        .json("Document_РеализацияТоваровУслуг_Товары?$inlinecount=allpages&$top=1")
        .await["odata.count"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let reply = client.write("PATCH", &path, &lines).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let rows = client.rows(&format!("{path}/Товары")).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (&rows[1]["LineNumber"], &rows[1]["Количество"]),
        (&json!("2"), &json!(3))
    );
    let after = client
        .get("Document_РеализацияТоваровУслуг_Товары/$count")
        .await
        .text;
    let old = sale["Товары"].as_array().unwrap().len();
    assert_eq!(after, format!("\u{feff}{}", before - old + 2));
    let one = client
        .json(&format!(
            "Document_РеализацияТоваровУслуг_Товары(Ref_Key=guid'{}',LineNumber=1)",
            key(&sale)
        ))
        .await;
    assert_eq!(one["Сумма"].to_string(), "20.5");
    let any = client
        .rows("Document_РеализацияТоваровУслуг?$filter=Товары/any(d: d/Сумма eq 20.5)")
        .await;
    assert_eq!(any.len(), 1);
    for (number, status) in [
        (json!([{"Количество": 1}]), 500),
        (json!([{"LineNumber": "2"}]), 400),
    ] {
        let reply = client.write("PATCH", &path, &json!({ "Товары": number })).await;
        assert_eq!(reply.status, status, "{}", reply.text);
    }
}

#[tokio::test]
async fn records_of_an_independent_register_are_written() {
    let client = Client::writable();
    let currency = key(&first(&client, "Catalog_Валюты?$filter=Code eq '840'").await);
    let body =
        json!({"Period": "2030-01-01T00:00:00", "Валюта_Key": currency, "Курс": 123.4567, "Кратность": "1"});
    let reply = client
        .write("POST", "InformationRegister_КурсыВалют", &body)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(
        client
            .write("POST", "InformationRegister_КурсыВалют", &body)
            .await
            .refusal()
            .1,
        "15"
    );
    let slice = client
        .rows(&format!(
            "InformationRegister_КурсыВалют/SliceLast()?$filter=Валюта_Key eq guid'{currency}'"
        ))
        .await;
    assert_eq!(slice[0]["Курс"].to_string(), "123.4567");
    let path = format!(
        "InformationRegister_КурсыВалют(Period=datetime'2030-01-01T00:00:00',Валюта_Key=guid'{currency}')"
    );
    let reply = client.write("PATCH", &path, &json!({"Курс": 1})).await;
    assert_eq!(
        (reply.status, reply.json()["Курс"].to_string().as_str()),
        (200, "1")
    );
    assert_eq!(client.write("DELETE", &path, &json!({})).await.status, 204);
    assert_eq!(client.refused(&path).await.1, "9");
}

#[tokio::test]
async fn the_default_user_may_only_read() {
    let client = Client::new();
    let refusal = client.write("POST", "Catalog_Склады", &json!({})).await.refusal();
    assert_eq!((refusal.0, refusal.1.as_str()), (405, "19"));
}
