//! Values there and back, and readers against damaged documents.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::envelope::{self, Reply};
use super::wsdl::{Description, LARGEST_DOCUMENT, Version};
use super::xml::Element;
use super::{decode, encode, fixtures};

/// Sends values as arguments of `Повторить` and reads them as an answer of the same shape.
fn there_and_back(arguments: &Value) -> Value {
    let description = fixtures::description();
    let operation = &description.operations["Повторить"];
    let body = encode::arguments(
        &description.schema,
        operation,
        arguments.as_object().unwrap(),
        "/arguments",
    )
    .unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let document = envelope::request(Version::V12, &body);
    let Reply::Answer(answer) = envelope::read(document.as_bytes(), LARGEST_DOCUMENT).unwrap() else {
        panic!("a fault");
    };
    let mut values = Map::new();
    for parameter in &operation.parameters {
        if let Some(value) = decode::member(&description.schema, &parameter.member, &answer).unwrap() {
            values.insert(parameter.member.name.local.to_string(), value);
        }
    }
    values.into()
}

fn refused(arguments: &Value) -> Vec<String> {
    let description = fixtures::description();
    let operation = &description.operations["Повторить"];
    let wrong = encode::arguments(
        &description.schema,
        operation,
        arguments.as_object().unwrap(),
        "/arguments",
    );
    wrong
        .unwrap_err()
        .into_iter()
        .map(|error| error.pointer)
        .collect()
}

#[test]
fn every_kind_of_value_goes_there_and_back() {
    let arguments = json!({
        "Что": {
            "Строка": "a<b>&\"\r\n", "Истина": true, "Пусто": null, "Массив": ["x", ["y"], {}],
            "Число": {"@type": "xs:decimal", "value": "12345678901234567890.05"},
            "Дата": {"@type": "xs:dateTime", "value": "2026-01-31T00:00:00"},
            "Ид": {"@type": "v8:UUID", "value": "c5a0384c-e9e4-11e5-8448-000c295e30eb"},
            "Данные": {"@type": "v8:ValueStorage", "value": "AQID"},
            "НетЗначения": {"@type": "v8:Null"},
            "Ссылка": {"@type": "cfg:CatalogRef.Контрагенты", "value": "c5a0384c-e9e4-11e5-8448-000c295e30eb"},
            "Соответствие": {"@type": "v8:Map", "value": [{"key": "к", "value": {"@type": "xs:decimal", "value": "1"}}]},
            "Заморожено": {"@type": "v8:FixedStructure", "value": {"а": "б"}},
            "Документ": {"@type": "{http://example.org/data}Документ", "Строки": []},
        },
        "Документ": {
            "Строки": [
                {"@Ид": "1", "Код": "A", "Количество": "1.50", "Дата": null, "Серии": ["x", "y"], "Номера": [1, 2]},
                {"@type": "{http://example.org/data}СтрокаСУчетом", "Код": "B", "Количество": "2", "Вид": "Приход",
                 "Дата": "2026-01-31T00:00:00", "Серии": [], "Сумма": "3.00"},
            ],
            "Вложенный": {"Строки": []},
        },
        "Ссылка": "c5a0384c-e9e4-11e5-8448-000c295e30eb",
        "Таблица": {
            "columns": [{"name": "Имя", "types": ["xs:string"]}, {"name": "Сумма", "types": ["xs:decimal", "xs:string"]}],
            "rows": [{"Имя": "Стул", "Сумма": {"@type": "xs:decimal", "value": "10.00"}}, {"Имя": null, "Сумма": "нет"}],
        },
    });
    assert_eq!(there_and_back(&arguments), arguments);
}

#[test]
fn what_does_not_fit_is_told_by_its_place() {
    let nothing = json!({"Что": null, "Документ": null, "Ссылка": null, "Таблица": null});
    assert_eq!(there_and_back(&nothing), nothing);
    let with = |key: &str, value: Value| {
        let mut arguments = nothing.clone();
        arguments[key] = value;
        refused(&arguments)
    };
    assert_eq!(with("Что", json!(1.5)), ["/arguments/Что"]);
    assert_eq!(
        with("Что", json!({"@type": "xs:decimal", "value": "x"})),
        ["/arguments/Что/value"]
    );
    assert_eq!(
        with("Что", json!({"@type": "нет:Такого"})),
        ["/arguments/Что/@type"]
    );
    assert_eq!(with("Что", json!(["\u{1}"])), ["/arguments/Что/0"]);
    assert_eq!(with("Лишний/~", json!(1)), ["/arguments/Лишний~1~0"]);
    assert_eq!(with("Ссылка", json!("x")), ["/arguments/Ссылка"]);
    let row = json!({"Строки": [{"Код": "длинный", "Вид": "Иное", "Серии": "x", "Прочее": 1}]});
    assert_eq!(
        with("Документ", row),
        [
            "/arguments/Документ/Строки/0/Код",
            "/arguments/Документ/Строки/0/Количество",
            "/arguments/Документ/Строки/0/Вид",
            "/arguments/Документ/Строки/0/Дата",
            "/arguments/Документ/Строки/0/Серии",
            "/arguments/Документ/Строки/0/Прочее",
        ]
    );
    let table = json!({"columns": [{"name": "А", "types": ["xs:int"]}], "rows": [{"А": "x", "Б": 1}, 5]});
    assert_eq!(
        with("Таблица", table),
        [
            "/arguments/Таблица/rows/0/А",
            "/arguments/Таблица/rows/0/Б",
            "/arguments/Таблица/rows/1"
        ]
    );
    let mut deep = json!("x");
    for _ in 0..100 {
        deep = json!([deep]);
    }
    assert_eq!(with("Что", deep).len(), 1);
}

#[test]
fn all_that_goes_in_is_needed_and_what_comes_back_is_not() {
    let description = fixtures::description();
    let operation = &description.operations["Перенести"];
    let encode = |arguments: Value| {
        let arguments = arguments.as_object().unwrap().clone();
        encode::arguments(&description.schema, operation, &arguments, "/arguments")
            .map_err(|wrong| wrong.into_iter().map(|error| error.pointer).collect::<Vec<_>>())
    };
    let body = encode(json!({"Таблица": {"Строки": []}})).unwrap();
    assert!(body.contains("<m:Состояние xsi:nil=\"true\"/>"), "{body}");
    assert_eq!(encode(json!({})).unwrap_err(), ["/arguments/Таблица"]);
    assert_eq!(
        encode(json!({"Таблица": {"Строки": []}, "Ошибка": "x"})).unwrap_err(),
        ["/arguments/Ошибка"]
    );
}

/// A value that says its type as far as JSON does not.
fn open_value() -> impl Strategy<Value = Value> {
    let text = "[a-zA-Zа-яА-Я0-9 <>&\"'\\r\\n\\t]{0,12}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        text.prop_map(Value::from),
        "-?[0-9]{1,30}(\\.[0-9]{1,10})?".prop_map(|value| json!({"@type": "xs:decimal", "value": value})),
        any::<i64>().prop_map(|value| json!({"@type": "xs:long", "value": value})),
        proptest::collection::vec(any::<u8>(), 0..16).prop_map(|bytes| {
            use base64::Engine as _;
            let value = base64::engine::general_purpose::STANDARD.encode(bytes);
            json!({"@type": "xs:base64Binary", "value": value})
        }),
        (1_u32..9999, 1_u32..13, 1_u32..29, 0_u32..24).prop_map(|(year, month, day, hour)| {
            json!({"@type": "xs:dateTime", "value": format!("{year:04}-{month:02}-{day:02}T{hour:02}:00:00")})
        }),
        any::<u128>()
            .prop_map(|id| json!({"@type": "v8:UUID", "value": uuid::Uuid::from_u128(id).to_string()})),
        Just(json!({"@type": "v8:Null"})),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[a-zA-Zа-яА-Я_]{1,8}", inner.clone(), 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
            proptest::collection::vec((inner.clone(), inner), 0..4).prop_map(|pairs| {
                let pairs: Vec<Value> = pairs
                    .into_iter()
                    .map(|(key, value)| json!({"key": key, "value": value}))
                    .collect();
                json!({"@type": "v8:Map", "value": pairs})
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn open_values_go_there_and_back(value in open_value()) {
        let arguments = json!({"Что": value, "Документ": null, "Ссылка": null, "Таблица": null});
        prop_assert_eq!(there_and_back(&arguments), arguments);
    }

    #[test]
    fn any_json_is_sent_or_refused(text in "[\\[\\]{}\",:@a-z0-9.]{0,40}") {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let description = fixtures::description();
            let arguments = Map::from_iter([("Что".to_owned(), value.clone()), ("Документ".to_owned(), value)]);
            let _ = encode::arguments(&description.schema, &description.operations["Повторить"], &arguments, "");
        }
    }
}

/// A source of numbers that is the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}

/// Puts, cuts, copies and swaps pieces of a document.
fn damage(document: &[u8], dice: &mut Dice) -> Vec<u8> {
    const PIECES: [&[u8]; 12] = [
        b"<",
        b">",
        b"</",
        b"/>",
        b"\"",
        b"&lt;",
        b"&x;",
        b"<!DOCTYPE x>",
        b"<![CDATA[",
        b"xsi:nil=\"true\"",
        b"\xff",
        b" xmlns:v8=\"urn:x\"",
    ];
    let mut damaged = document.to_vec();
    for _ in 0..=dice.roll(6) {
        let at = dice.roll(damaged.len() + 1).min(damaged.len());
        let end = (at + dice.roll(60)).min(damaged.len());
        match dice.roll(4) {
            0 => drop(damaged.drain(at..end)),
            1 => {
                let copy = damaged[at..end].to_vec();
                let to = dice.roll(damaged.len() + 1);
                damaged.splice(to..to, copy);
            }
            2 => drop(damaged.splice(at..at, PIECES[dice.roll(PIECES.len())].iter().copied())),
            _ => {
                if let Some(byte) = damaged.get_mut(at) {
                    *byte = dice.roll(256) as u8;
                }
            }
        }
    }
    damaged
}

#[test]
fn damaged_documents_do_no_harm() {
    let description = fixtures::description();
    let operation = &description.operations["Повторить"];
    let arguments = json!({
        "Что": {"А": ["x", {"@type": "v8:Map", "value": [{"key": 1, "value": true}]}]},
        "Документ": {"Строки": [{"Код": "A", "Количество": "1", "Дата": null}]},
        "Ссылка": null,
        "Таблица": {"columns": [{"name": "А", "types": ["xs:int"]}], "rows": [{"А": 1}]},
    });
    let body = encode::arguments(&description.schema, operation, arguments.as_object().unwrap(), "").unwrap();
    let answer = envelope::request(Version::V11, &body);
    let mut dice = Dice(7);
    let (mut read, mut described) = (0, 0);
    for _ in 0..4000 {
        let damaged = damage(answer.as_bytes(), &mut dice);
        if let Ok(Reply::Answer(answer)) = envelope::read(&damaged, LARGEST_DOCUMENT) {
            read += 1;
            for parameter in &operation.parameters {
                let _ = decode::member(&description.schema, &parameter.member, &answer);
            }
        }
    }
    for _ in 0..1500 {
        let damaged = damage(fixtures::WSDL.as_bytes(), &mut dice);
        if let Ok(document) = Element::parse(&damaged, LARGEST_DOCUMENT)
            && let Ok(found) = Description::read(&[document])
        {
            described += 1;
            for operation in found.operations.values() {
                let _ = encode::arguments(&found.schema, operation, arguments.as_object().unwrap(), "");
            }
        }
    }
    assert!(read > 50 && described > 50, "{read} {described}");
}

#[test]
fn types_that_hold_themselves_end() {
    let text = fixtures::WSDL
        .replace("base=\"d:Строка\"", "base=\"d:СтрокаСУчетом\"")
        .replace(
            "<xs:restriction base=\"xs:string\"><xs:maxLength",
            "<xs:restriction base=\"d:Код\"><xs:maxLength",
        );
    let document = Element::parse(text.as_bytes(), LARGEST_DOCUMENT).unwrap();
    let description = Description::read(&[document]).unwrap();
    let operation = &description.operations["Повторить"];
    let arguments = json!({"Что": {"@type": "{http://example.org/data}СтрокаСУчетом", "Код": "x"}});
    let wrong =
        encode::arguments(&description.schema, operation, arguments.as_object().unwrap(), "").unwrap_err();
    assert!(!wrong.is_empty());
}
