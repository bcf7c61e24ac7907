//! The ways of 1C that have bitten real clients.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::client::Client;

const EMPTY: &str = "00000000-0000-0000-0000-000000000000";

#[tokio::test]
async fn metadata_is_well_formed_and_lists_every_set() {
    let client = Client::new();
    let reply = client.get("$metadata").await;
    assert_eq!(reply.status, 200);
    let mut reader = quick_xml::Reader::from_str(&reply.text);
    let mut depth = 0_i32;
    let (mut sets, mut types, mut lengths) = (BTreeSet::new(), BTreeSet::new(), 0);
    loop {
        let event = reader.read_event().unwrap();
        let start = match &event {
            quick_xml::events::Event::Start(start) => {
                depth += 1;
                start
            }
            quick_xml::events::Event::Empty(start) => start,
            quick_xml::events::Event::End(_) => {
                depth -= 1;
                continue;
            }
            quick_xml::events::Event::Eof => break,
            _ => continue,
        };
        let name = start
            .attributes()
            .map(Result::unwrap)
            .find(|one| one.key.as_ref() == "Name");
        let name = name.map_or_else(String::new, |one| one.value.into_owned());
        match start.name().as_ref() {
            "EntitySet" => assert!(sets.insert(name)),
            "EntityType" => assert!(types.insert(name)),
            "EntityContainer" => assert_eq!(name, "EnterpriseV8"),
            "EnumType" if name == "AllowedLength" => lengths += 1,
            _ => {}
        }
    }
    assert_eq!((depth, lengths), (0, 2));
    assert_eq!(sets, types);
    assert!(reply.text.contains("OpenType=\"true\""));
    let listed = client.json("").await;
    let listed: BTreeSet<String> = listed["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| set["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, sets);
    for set in &sets {
        client.rows(&format!("{set}?$top=2")).await;
        assert_eq!(client.get(&format!("{set}?$top=2")).await.status, 200);
    }
}

#[tokio::test]
async fn values_are_written_as_1c_writes_them() {
    let client = Client::new();
    let sale = &client.rows("Document_РеализацияТоваровУслуг?$top=1").await[0];
    assert_eq!(sale["Товары"][0]["LineNumber"], "1");
    assert!(sale["СуммаДокумента"].is_number());
    assert_eq!(sale["Date"].as_str().unwrap().len(), 19);
    let folder = &client
        .rows("Catalog_Номенклатура?$filter=IsFolder eq true&$top=1")
        .await[0];
    assert_eq!(folder["Услуга"], Value::Null);
    assert_eq!(folder["Parent_Key"], EMPTY);
    let unit = &client.rows("Catalog_КлассификаторЕдиницИзмерения?$top=1").await[0];
    assert_eq!(unit["Code"], "796 ");
    assert_eq!(
        client
            .rows("Catalog_КлассификаторЕдиницИзмерения?$filter=Code eq '796'")
            .await
            .len(),
        1
    );
    let payment = &client.rows("Document_ПоступлениеНаРасчетныйСчет?$top=1").await[0];
    assert_eq!(payment["Контрагент_Type"], "StandardODATA.Catalog_Контрагенты");
    let wages = &client
        .rows("Document_СписаниеСРасчетногоСчета?$filter=Контрагент_Type eq 'StandardODATA.Undefined'&$top=1")
        .await[0];
    assert_eq!(
        (&wages["Контрагент"], &wages["Контрагент_Type"]),
        (&"".into(), &"StandardODATA.Undefined".into())
    );
    let version = sale["DataVersion"].as_str().unwrap();
    assert_eq!((version.len(), version.ends_with('=')), (12, true));
}

#[tokio::test]
async fn links_stand_after_the_properties_and_only_for_filled_references() {
    let client = Client::new();
    let reply = client
        .get("Catalog_Номенклатура?$filter=IsFolder eq false&$top=1&$format=json")
        .await;
    assert!(reply.text.contains("\"Parent@navigationLinkUrl\""));
    assert!(reply.text.find("navigationLinkUrl").unwrap() > reply.text.find("PredefinedDataName").unwrap());
    let folders = client
        .get("Catalog_Номенклатура?$filter=IsFolder eq true&$top=1&$format=json")
        .await;
    assert!(!folders.text.contains("navigationLinkUrl"));
    let bare = client
        .get("Catalog_Номенклатура?$top=20&$format=application/json;odata=nometadata")
        .await;
    assert!(!bare.text.contains("odata.metadata") && !bare.text.contains("navigationLinkUrl"));
    let full = client
        .get("Catalog_Номенклатура?$top=1&$format=application/json;odata=fullmetadata")
        .await
        .json();
    assert_eq!(
        full["value"][0]["odata.type"],
        "StandardODATA.Catalog_Номенклатура"
    );
    assert_eq!(
        client
            .get("Catalog_Номенклатура?$format=application/json;odata=verbose")
            .await
            .status,
        406
    );
}

#[tokio::test]
async fn atom_is_the_default() {
    let client = Client::new();
    let feed = client.get("Catalog_Склады").await;
    assert_eq!(feed.content_type, "application/atom+xml;type=feed;charset=utf-8");
    assert_eq!(feed.text.matches("<entry>").count(), 4);
    assert!(feed.text.contains("<d:Description>Южный склад</d:Description>"));
    let folder = client
        .get("Catalog_Контрагенты?$filter=IsFolder eq true&$top=1")
        .await;
    assert!(
        folder.text.contains("<d:ИНН m:null=\"true\"/>"),
        "{}",
        folder.text
    );
    let counted = client.get("Catalog_Склады?$inlinecount=allpages").await;
    assert!(counted.text.ends_with("<m:count>4</m:count></feed>"));
    let refusal = client.get("Catalog_Нет").await;
    assert_eq!(refusal.status, 404);
    assert!(refusal.text.contains("<m:code>8</m:code>"));
    let table = client
        .get("AccumulationRegister_ДенежныеСредства/Balance()")
        .await;
    assert!(
        table
            .text
            .contains("<d:element m:type=\"StandardODATA.AccumulationRegister_ДенежныеСредства_Balance\">")
    );
}

#[tokio::test]
async fn counts_begin_with_a_byte_order_mark() {
    let client = Client::new();
    assert_eq!(client.get("Catalog_Склады/$count").await.text, "\u{feff}4");
    let reply = client
        .get("Catalog_Контрагенты/$count?$filter=IsFolder eq true")
        .await;
    assert_eq!(reply.text, "\u{feff}3");
    let listed = client.json("Catalog_Склады?$inlinecount=allpages&$top=1").await;
    assert_eq!(listed["odata.count"], "4");
}

#[tokio::test]
async fn refusals_have_their_codes() {
    let client = Client::new();
    let key = client.rows("Catalog_Склады?$top=1").await[0]["Ref_Key"]
        .as_str()
        .unwrap()
        .to_owned();
    for (path, status, code, part) in [
        (
            "Catalog_Склады?$expan=Parent",
            400,
            "0",
            "The $expan parameter is not supported",
        ),
        ("Catalog_Нет", 404, "8", "\"Catalog_Нет\" entity is not found"),
        (
            "Catalog_Склады(guid'11111111-1111-4111-8111-111111111111')",
            404,
            "9",
            "Catalog_Склады",
        ),
        (
            "Catalog_Склады(guid'xyz')",
            400,
            "1",
            "Не удалось разобрать строку 'xyz' как значение типа Edm.Guid!",
        ),
        (
            "Catalog_Склады?$filter=Description+eq+'x'",
            400,
            "14",
            "Error parsing $filter query option",
        ),
        (
            "Catalog_Склады?$filter=contains(Description,'x')",
            400,
            "14",
            "$filter",
        ),
        (
            "Catalog_Склады?$filter=length(Description) gt 3",
            400,
            "14",
            "$filter",
        ),
        (
            "Catalog_Склады?$filter=Нечто eq 1",
            400,
            "6",
            "Сегмент пути Нечто не найден!",
        ),
        (
            "Catalog_Склады?$select=Нечто",
            400,
            "6",
            "Сегмент пути Нечто не найден!",
        ),
        ("Catalog_Склады?$orderby=Date+desc", 400, "6", "Date+desc"),
        ("Catalog_Склады?$top=abc", 400, "4", "abc"),
        ("Catalog_Склады/Balance()", 400, "6", "Метод не найден"),
        (
            "AccumulationRegister_Продажи/Balance()",
            400,
            "6",
            "Метод не найден",
        ),
        (
            "InformationRegister_ЦеныНоменклатуры/Slice_Last()",
            400,
            "6",
            "Метод не найден",
        ),
        ("AccumulationRegister_Продажи(Recorder='x')", 400, "1", "Edm.Guid"),
        (
            "Document_РеализацияТоваровУслуг_Товары(LineNumber=1)",
            400,
            "7",
            "Ref_Key",
        ),
    ] {
        let refusal = client.refused(path).await;
        assert_eq!(
            (refusal.0, refusal.1.as_str()),
            (status, code),
            "{path}: {refusal:?}"
        );
        assert!(refusal.2.contains(part), "{path}: {refusal:?}");
    }
    let (status, code, text) = client
        .refused(&format!("Catalog_Склады?$filter=Ref_Key gt guid'{key}'"))
        .await;
    assert_eq!((status, code.as_str()), (500, "-1"));
    assert!(text.contains("Неверные параметры в операции сравнения"));
}

#[tokio::test]
async fn writing_is_refused() {
    let client = Client::new();
    for method in ["POST", "PATCH", "PUT", "DELETE"] {
        let address = format!("{}Catalog_Склады?$format=json", crate::client::ROOT);
        let reply = client
            .send(
                method,
                &address,
                &[("authorization", "Basic b2RhdGE6b2RhdGEtZGVtbw==")],
                "{}",
            )
            .await;
        assert_eq!(
            (reply.refusal().0, reply.refusal().1.as_str()),
            (405, "19"),
            "{method}"
        );
    }
}

#[tokio::test]
async fn keys_of_all_kinds_are_found() {
    let client = Client::new();
    let sale = &client
        .rows("Document_РеализацияТоваровУслуг?$top=1&$filter=Posted eq true")
        .await[0];
    let key = sale["Ref_Key"].as_str().unwrap();
    let one = client
        .json(&format!("Document_РеализацияТоваровУслуг(guid'{key}')"))
        .await;
    assert_eq!(one["Number"], sale["Number"]);
    assert!(
        one["odata.metadata"]
            .as_str()
            .unwrap()
            .ends_with("$metadata#Document_РеализацияТоваровУслуг/@Element")
    );
    assert!(one["Товары"][0].get("Ref_Key").is_none());
    let row = client
        .json(&format!(
            "Document_РеализацияТоваровУслуг_Товары(Ref_Key=guid'{key}',LineNumber=1)"
        ))
        .await;
    assert_eq!(row["Номенклатура_Key"], sale["Товары"][0]["Номенклатура_Key"]);
    let kind = "StandardODATA.Document_РеализацияТоваровУслуг";
    let set = client
        .json(&format!(
            "AccumulationRegister_Продажи(Recorder='{key}', Recorder_Type='{kind}')"
        ))
        .await;
    assert_eq!(
        set["RecordSet"].as_array().unwrap().len(),
        sale["Товары"].as_array().unwrap().len()
    );
    assert_eq!(set["Recorder_Type"], kind);
    let record = client
        .json(&format!(
            "AccumulationRegister_Продажи_RecordType(Recorder='{key}', LineNumber=1, Recorder_Type='{kind}')"
        ))
        .await;
    assert_eq!(record["LineNumber"], "1");
    let price = &client.rows("InformationRegister_ЦеныНоменклатуры?$top=1").await[0];
    let item = price["Номенклатура_Key"].as_str().unwrap();
    let found = client
        .json(&format!("InformationRegister_ЦеныНоменклатуры(Period=datetime'2024-11-01T00:00:00',Номенклатура_Key=guid'{item}')"))
        .await;
    assert_eq!(found["Цена"], price["Цена"]);
    let currency = client
        .json(&format!(
            "Document_РеализацияТоваровУслуг(guid'{key}')/ВалютаДокумента/Description"
        ))
        .await;
    assert_eq!(currency["value"], "руб.");
    let lines = client
        .rows(&format!("Document_РеализацияТоваровУслуг(guid'{key}')/Товары"))
        .await;
    assert_eq!(lines.len(), sale["Товары"].as_array().unwrap().len());
    let draft = &client
        .rows("Document_РеализацияТоваровУслуг?$top=1&$filter=Posted eq false")
        .await[0];
    let draft = draft["Ref_Key"].as_str().unwrap();
    let missing = client
        .refused(&format!(
            "AccumulationRegister_Продажи(Recorder='{draft}', Recorder_Type='{kind}')"
        ))
        .await;
    assert_eq!((missing.0, missing.1.as_str()), (404, "9"));
}

#[tokio::test]
async fn filters_select_what_they_say() {
    let client = Client::new();
    assert_eq!(
        client
            .rows("Catalog_Номенклатура?$filter=IsFolder eq false")
            .await
            .len(),
        600
    );
    let all = client.rows("Catalog_Номенклатура").await;
    let price = "Document_РеализацияТоваровУслуг";
    for (filter, holds) in [
        (
            "substringof('бумага',Description)",
            (|row| text(row, "Description").to_lowercase().contains("бумага")) as fn(&Value) -> bool,
        ),
        ("startswith(Description,'Стол')", |row| {
            text(row, "Description").starts_with("Стол")
        }),
        ("endswith(Description,'Pilot')", |row| {
            text(row, "Description").ends_with("Pilot")
        }),
        ("like(Description,'Ручка%Pilot')", |row| {
            text(row, "Description").starts_with("Ручка") && text(row, "Description").ends_with("Pilot")
        }),
        ("concat(Артикул,'!') eq '01-0012!'", |row| {
            row["Артикул"] == "01-0012"
        }),
        (
            "Parent/Description eq 'Мебель офисная' and not startswith(Description,'С')",
            |row| !text(row, "Description").starts_with('С') && text(row, "Артикул").starts_with("06-"),
        ),
        (
            "(Артикул eq '01-0012' or Артикул eq '02-0062') and IsFolder eq false",
            |row| row["Артикул"] == "01-0012" || row["Артикул"] == "02-0062",
        ),
        ("substring(Артикул,1,2) eq '03'", |row| {
            text(row, "Артикул").starts_with("03")
        }),
    ] {
        let found = client
            .rows(&format!("Catalog_Номенклатура?$filter={filter}"))
            .await;
        let expected: Vec<&Value> = all.iter().filter(|row| holds(row)).collect();
        assert!(!expected.is_empty(), "{filter}");
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter}");
    }
    let sales = client
        .rows(&format!(
            "{price}?$filter=year(Date) eq 2026 and month(Date) eq 3 and day(Date) le 5"
        ))
        .await;
    let same = client
        .rows(&format!(
            "{price}?$filter=Date ge datetime'2026-03-01T00:00:00' and Date lt datetime'2026-03-06T00:00:00'"
        ))
        .await;
    assert!(!sales.is_empty());
    assert_eq!(sales, same);
    let dear = client
        .rows(&format!("{price}?$filter=Товары/any(d: d/Цена gt 20000)"))
        .await;
    assert!(!dear.is_empty());
    assert!(dear.iter().all(|row| {
        row["Товары"]
            .as_array()
            .unwrap()
            .iter()
            .any(|line| line["Цена"].as_f64().unwrap() > 20000.0)
    }));
    let small = client
        .rows(&format!(
            "{price}?$filter=Товары/all(d: d/Сумма lt 300 add 200) and СуммаДокумента gt 0"
        ))
        .await;
    assert!(small.iter().all(|row| {
        row["Товары"]
            .as_array()
            .unwrap()
            .iter()
            .all(|line| line["Сумма"].as_f64().unwrap() < 500.0)
    }));
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or("")
}

#[tokio::test]
async fn composite_references_want_a_cast() {
    let client = Client::new();
    let payment = &client.rows("Document_ПоступлениеНаРасчетныйСчет?$top=1").await[0];
    let payer = payment["Контрагент"].as_str().unwrap();
    let bare = client
        .rows(&format!(
            "Document_ПоступлениеНаРасчетныйСчет?$filter=Контрагент eq guid'{payer}'"
        ))
        .await;
    assert!(bare.is_empty());
    let cast = client
        .rows(&format!("Document_ПоступлениеНаРасчетныйСчет?$filter=Контрагент eq cast(guid'{payer}','Catalog_Контрагенты')"))
        .await;
    assert!(!cast.is_empty());
    assert!(cast.iter().all(|row| row["Контрагент"] == payer));
    let walked = client
        .rows("Document_ПоступлениеНаРасчетныйСчет?$filter=startswith(Контрагент/Description,'А')&$top=3")
        .await;
    assert!(!walked.is_empty());
    let people = client
        .rows("Document_РасходныйКассовыйОрдер?$filter=isof(Контрагент,'Catalog_Пользователи')")
        .await;
    assert!(
        people
            .iter()
            .all(|row| row["Контрагент_Type"] == "StandardODATA.Catalog_Пользователи")
    );
    assert!(!people.is_empty());
}

#[tokio::test]
async fn pages_in_order_of_date_put_together_are_the_whole() {
    let client = Client::new();
    let set = "AccountingRegister_Хозрасчетный_RecordType";
    let filter = "$filter=Period ge datetime'2026-10-01T00:00:00'&$select=Recorder,Period,LineNumber,Сумма";
    let whole = client
        .rows(&format!("{set}?{filter}&$orderby=Period,Recorder,LineNumber"))
        .await;
    assert!(whole.len() > 500, "{}", whole.len());
    let mut pages = Vec::new();
    for page in 0.. {
        let rows = client
            .rows(&format!(
                "{set}?{filter}&$orderby=Period,Recorder,LineNumber&$top=300&$skip={}",
                page * 300
            ))
            .await;
        if rows.is_empty() {
            break;
        }
        pages.extend(rows);
    }
    assert_eq!(pages, whole);
    let back = client
        .rows(&format!("{set}?{filter}&$orderby=Period desc&$top=5"))
        .await;
    assert_eq!(back[0]["Period"], whole.last().unwrap()["Period"]);
    assert!(
        back.windows(2)
            .all(|pair| text(&pair[0], "Period") >= text(&pair[1], "Period"))
    );
}

#[tokio::test]
async fn references_are_ordered_by_presentation() {
    let client = Client::new();
    let rows = client.rows("Catalog_Склады?$orderby=Ref_Key").await;
    let names: Vec<&str> = rows.iter().map(|row| text(row, "Description")).collect();
    assert_eq!(
        names,
        [
            "Розничный магазин",
            "Северный склад",
            "Центральный склад",
            "Южный склад"
        ]
    );
    let nested = client
        .rows(
            "Document_РеализацияТоваровУслуг?$orderby=Контрагент/Description desc&$top=1&$expand=Контрагент",
        )
        .await;
    let last = client
        .rows("Catalog_Контрагенты?$orderby=Description desc&$filter=IsFolder eq false")
        .await;
    assert!(
        last.iter()
            .take(60)
            .any(|row| row["Description"] == nested[0]["Контрагент"]["Description"])
    );
}

#[tokio::test]
async fn select_and_expand_shape_the_rows() {
    let client = Client::new();
    let set = "Document_РеализацияТоваровУслуг";
    let rows = client
        .rows(&format!("{set}?$top=1&$select=Number,Товары/Цена"))
        .await;
    let names: BTreeSet<&String> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        BTreeSet::from([&"Number".to_owned(), &"Товары".to_owned()])
    );
    assert_eq!(rows[0]["Товары"][0].as_object().unwrap().len(), 1);
    let flat = client.rows(&format!("{set}?$top=1&$select=**")).await;
    assert!(flat[0].get("Товары").is_none() && flat[0].get("СуммаДокумента").is_some());
    let full = client.rows(&format!("{set}?$top=1&$select=*")).await;
    assert!(full[0]["Товары"].is_array());
    let shown = client
        .rows(&format!(
            "{set}?$top=1&$select=Ref_Key,Контрагент____Presentation,Ref____Presentation"
        ))
        .await;
    assert!(text(&shown[0], "Ref____Presentation").starts_with("Реализация"));
    assert!(!text(&shown[0], "Контрагент____Presentation").is_empty());
    let every = client
        .rows(&format!("{set}?$top=1&$select=*____Presentation"))
        .await;
    assert!(every[0].get("Склад____Presentation").is_some());
    let nested = client
        .rows(&format!(
            "{set}?$top=1&$select=Number,Контрагент/Description&$expand=Контрагент"
        ))
        .await;
    assert_eq!(nested[0]["Контрагент"].as_object().unwrap().len(), 1);
    let unselected = client
        .rows(&format!("{set}?$top=1&$select=Number&$expand=Контрагент"))
        .await;
    assert!(unselected[0].get("Контрагент").is_none());
    let deep = client
        .rows(&format!("{set}?$top=1&$expand=ДоговорКонтрагента/Owner/Parent"))
        .await;
    assert_eq!(deep[0]["ДоговорКонтрагента"]["Owner"]["Parent"]["IsFolder"], true);
    let refused = client.refused(&format!("{set}?$expand=Товары")).await;
    assert_eq!((refused.0, refused.1.as_str()), (400, "6"));
    let sets = client
        .rows("AccumulationRegister_Продажи?$top=1&$select=Recorder,RecordSet/Сумма")
        .await;
    assert_eq!(sets[0]["RecordSet"][0].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn conditions_may_be_quoted_either_way() {
    let client = Client::new();
    let store = client
        .rows("Catalog_Склады?$filter=Description eq 'Южный склад'")
        .await[0]["Ref_Key"]
        .as_str()
        .unwrap()
        .to_owned();
    let period = "Period=datetime'2026-11-01T00:00:00'";
    let plain = client
        .rows(&format!("AccumulationRegister_ТоварыНаСкладах/Balance({period},Condition='Склад_Key eq guid'{store}'',Dimensions='Номенклатура')"))
        .await;
    let doubled = client
        .rows(&format!("AccumulationRegister_ТоварыНаСкладах/Balance({period},Condition='Склад_Key eq guid''{store}''',Dimensions='Номенклатура')"))
        .await;
    assert!(!plain.is_empty());
    assert_eq!(plain, doubled);
    assert!(plain[0].get("Склад_Key").is_none());
    let outside = client
        .rows(&format!(
            "AccumulationRegister_ТоварыНаСкладах/Balance({period})?$filter=Склад_Key eq guid'{store}'"
        ))
        .await;
    assert_eq!(outside.len(), plain.len());
}

#[tokio::test]
async fn the_period_of_a_balance_is_exclusive() {
    let client = Client::new();
    // Capital came in at midnight of the first day.
    let at = "AccountingRegister_Хозрасчетный/Balance(Period=datetime'2024-11-01T00:00:00')";
    assert!(client.rows(at).await.is_empty());
    let later = client
        .rows("AccountingRegister_Хозрасчетный/Balance(Period=datetime'2024-11-01T00:00:01')")
        .await;
    assert!(!later.is_empty());
    // The month is closed in its last second.
    let closing = "AccountCondition='Account/Code eq '90.09''";
    let before = client
        .rows(&format!(
            "AccountingRegister_Хозрасчетный/Balance(Period=datetime'2024-11-30T23:59:59',{closing})"
        ))
        .await;
    let after = client
        .rows(&format!(
            "AccountingRegister_Хозрасчетный/Balance(Period=datetime'2024-12-01T00:00:00',{closing})"
        ))
        .await;
    assert!(before.is_empty() && !after.is_empty());
}

#[tokio::test]
async fn slices_give_one_record_for_each_value() {
    let client = Client::new();
    let rows = client
        .rows("InformationRegister_ЦеныНоменклатуры/SliceLast(Period=datetime'2026-06-30T00:00:00')")
        .await;
    assert_eq!(rows.len(), 600);
    assert!(
        rows.iter()
            .all(|row| text(row, "Period") <= "2026-06-30T00:00:00")
    );
    let first = client.rows("InformationRegister_КурсыВалют/SliceFirst()").await;
    assert_eq!(first.len(), 3);
    let expanded = client
        .rows("InformationRegister_КурсыВалют/SliceLast()?$expand=Валюта&$orderby=Валюта")
        .await;
    assert!(
        expanded
            .iter()
            .all(|row| !text(&row["Валюта"], "Description").is_empty())
    );
}

#[tokio::test]
async fn turnovers_between_accounts_and_extra_dimensions() {
    let client = Client::new();
    let rows = client
        .rows("AccountingRegister_Хозрасчетный/DrCrTurnovers(StartPeriod=datetime'2026-10-01T00:00:00',EndPeriod=datetime'2026-10-31T23:59:59',AccountDrCondition='AccountDr/Code eq '51'')?$select=AccountDr_Key,AccountCr_Key,СуммаTurnover")
        .await;
    assert!((1..=3).contains(&rows.len()), "{rows:?}");
    let kinds = client
        .rows(
            "ChartOfCharacteristicTypes_ВидыСубконтоХозрасчетные?$filter=PredefinedDataName eq 'Контрагенты'",
        )
        .await;
    let kind = kinds[0]["Ref_Key"].as_str().unwrap();
    let balance = client
        .rows(&format!("AccountingRegister_Хозрасчетный/Balance(AccountCondition='Account/Code eq '62.01'',ExtraDimensions='{kind}')"))
        .await;
    let parties: BTreeSet<String> = balance
        .iter()
        .map(|row| format!("{}{}", row["ExtDimension1"], row["Организация_Key"]))
        .collect();
    assert_eq!(parties.len(), balance.len());
    assert!(balance[0].get("ExtDimension2").is_none());
    let records = client
        .rows("AccountingRegister_Хозрасчетный/RecordsWithExtDimensions(StartPeriod=datetime'2026-10-01T00:00:00',Top=7)")
        .await;
    assert_eq!(records.len(), 7);
}
