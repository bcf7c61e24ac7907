//! `ПомощникДемо`: a service of the configuration's author, with every form of value.

use rust_decimal::Decimal;

use super::tree::Node;
use super::value::{self, Value};
use super::wsdl::{Of, Operation, Service, Way, given, parameter};
use super::{Answer, Fault, Given, World};
use crate::ids::{Kind, Ref};

/// Namespace of the service's own types.
const PACKAGE: &str = "http://www.example.org/AssistantDemo/data";

pub(super) static SERVICE: Service = Service {
    name: "AssistantDemo",
    namespace: "http://www.example.org/AssistantDemo",
    file: "assistant.1cws",
    operations: &[
        Operation {
            name: "GetStock",
            parameters: &[
                parameter("Date", "xs:dateTime", true, Way::In),
                parameter("Warehouse", "cfg:CatalogRef.Склады", true, Way::In),
                given("Limit", "xs:int"),
            ],
            result: (Of("v8:ValueTable"), false),
        },
        Operation {
            name: "GetPrices",
            parameters: &[given("Codes", "v8:Array")],
            result: (Of("v8:Map"), false),
        },
        Operation {
            name: "FindCounterparty",
            parameters: &[given("INN", "xs:string")],
            result: (Of("cfg:CatalogRef.Контрагенты"), true),
        },
        Operation {
            name: "CheckOrder",
            parameters: &[
                given("Order", "own:Заказ"),
                parameter("Comment", "xs:string", true, Way::InOut),
                parameter("Attempt", "xs:int", true, Way::InOut),
                parameter("Number", "xs:string", true, Way::Out),
            ],
            result: (Of("own:Итог"), false),
        },
        Operation {
            name: "Echo",
            parameters: &[parameter("Value", "xs:anyType", true, Way::In)],
            result: (Of("xs:anyType"), true),
        },
        Operation {
            name: "Fail",
            parameters: &[given("Text", "xs:string")],
            result: (Of("xs:string"), false),
        },
    ],
    package: (
        PACKAGE,
        r#"<xs:simpleType name="Срочность"><xs:restriction base="xs:string"><xs:enumeration value="Обычный"/><xs:enumeration value="Срочный"/></xs:restriction></xs:simpleType>
<xs:complexType name="СтрокаЗаказа"><xs:sequence><xs:element name="Артикул" type="xs:string"/><xs:element name="Количество" type="xs:decimal"/></xs:sequence></xs:complexType>
<xs:complexType name="Заказ"><xs:sequence><xs:element name="Срочность" type="own:Срочность"/><xs:element name="Дата" type="xs:dateTime" nillable="true"/><xs:element name="Строки" type="own:СтрокаЗаказа" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType>
<xs:complexType name="Отказ"><xs:sequence><xs:element name="Артикул" type="xs:string"/><xs:element name="Причина" type="xs:string"/></xs:sequence></xs:complexType>
<xs:complexType name="Итог"><xs:sequence><xs:element name="Сумма" type="xs:decimal"/><xs:element name="Отказы" type="own:Отказ" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType>"#,
    ),
};

/// Reads a value of a type of the service's own.
pub(super) fn read_own(node: &Node, local: &str) -> Option<Value> {
    const XS: &str = super::XS;
    if local != "Заказ" {
        return None;
    }
    let known =
        |part: &Node| part.space == PACKAGE && matches!(part.name.as_str(), "Срочность" | "Дата" | "Строки");
    let urgency = node.get("Срочность")?;
    if !node.nodes.iter().all(known) || !matches!(urgency.text.trim(), "Обычный" | "Срочный") {
        return None;
    }
    let lines = node.nodes.iter().filter(|part| part.name == "Строки");
    let lines = lines.map(|line| {
        Some(Value::Object(vec![
            ("Артикул", value::read(line.get("Артикул")?, XS, "string")?),
            ("Количество", value::read(line.get("Количество")?, XS, "decimal")?),
        ]))
    });
    Some(Value::Object(vec![
        ("Срочность", Value::text(urgency.text.trim())),
        ("Дата", value::read(node.get("Дата")?, XS, "dateTime")?),
        ("Строки", Value::Several(lines.collect::<Option<_>>()?)),
    ]))
}

fn kopecks(sum: i64) -> String {
    Decimal::new(sum, 2).to_string()
}

pub(super) fn call(world: &World, operation: &str, given: &Given) -> Answer {
    let base = &world.base;
    Ok(match operation {
        "GetStock" => (stock(world, given), Vec::new()),
        "GetPrices" => {
            let Value::Array(codes) = given.get("Codes") else {
                return Ok((Value::Map(Vec::new()), Vec::new()));
            };
            let prices = codes.iter().map(|code| {
                let item = base.items.iter().find(|item| item.article == code.as_text());
                let price = item.map_or(Value::Nil, |item| Value::Number(kopecks(item.price)));
                (code.clone(), price)
            });
            (Value::Map(prices.collect()), Vec::new())
        }
        "FindCounterparty" => {
            let inn = given.text("INN");
            let found = base
                .counterparties
                .iter()
                .position(|one| one.inn == inn && !inn.is_empty());
            let found = found.and_then(|at| u32::try_from(at).ok()).map(|at| {
                let id = base.guid(Ref::new(Kind::Counterparty, at));
                Value::Reference("CatalogRef.Контрагенты".to_owned(), id)
            });
            (found.unwrap_or(Value::Nil), Vec::new())
        }
        "CheckOrder" => check_order(world, given),
        "Fail" => return Err(Fault::module("AssistantDemo", 42, given.text("Text"))),
        _ => (given.get("Value").clone(), Vec::new()),
    })
}

fn check_order(world: &World, given: &Given) -> (Value, Vec<(&'static str, Value)>) {
    let mut sum = Decimal::ZERO;
    let mut refused = Vec::new();
    let lines = match given.get("Order") {
        Value::Object(members) => members.iter().find_map(|(name, value)| match (*name, value) {
            ("Строки", Value::Several(lines)) => Some(lines.as_slice()),
            _ => None,
        }),
        _ => None,
    };
    for line in lines.unwrap_or_default() {
        let Value::Object(members) = line else { continue };
        let part = |wanted: &str| {
            members
                .iter()
                .find(|(name, _)| *name == wanted)
                .map_or("", |(_, value)| value.as_text())
        };
        let quantity: Decimal = part("Количество").parse().unwrap_or_default();
        match world
            .base
            .items
            .iter()
            .find(|item| item.article == part("Артикул"))
        {
            Some(item) => sum += quantity * Decimal::new(item.price, 2),
            None => refused.push(Value::Object(vec![
                ("Артикул", Value::text(part("Артикул"))),
                ("Причина", Value::text("Нет такой номенклатуры")),
            ])),
        }
    }
    let total = Value::Object(vec![
        ("Сумма", Value::Number(sum.to_string())),
        ("Отказы", Value::Several(refused)),
    ]);
    let attempt = given.get("Attempt").as_whole() + 1;
    let comment = match given.get("Comment") {
        Value::Nil => Value::Nil,
        comment => Value::text(format!("{} — проверено", comment.as_text())),
    };
    let outs = vec![
        ("Comment", comment),
        ("Attempt", Value::Number(attempt.to_string())),
        ("Number", Value::text(format!("ЗК-{attempt:06}"))),
    ];
    (total, outs)
}

/// How many units of each item a warehouse, or all of them, had before a moment.
fn stock(world: &World, given: &Given) -> Value {
    let base = &world.base;
    let until = given.text("Date").parse::<chrono::NaiveDateTime>().ok();
    let warehouse = match given.get("Warehouse") {
        Value::Reference(_, id) => {
            Some(crate::ids::reference(base.seed, *id).map_or(u32::MAX, |found| found.index))
        }
        _ => None,
    };
    let mut left = std::collections::BTreeMap::<u32, i64>::new();
    for row in &base.stock.rows {
        let counts = until.is_none_or(|until| crate::calendar::moment(row.mark.period) < until)
            && warehouse.is_none_or(|wanted| u32::from(row.warehouse) == wanted);
        if counts {
            let sign = if row.receipt { 1 } else { -1 };
            *left.entry(row.item).or_default() += sign * i64::from(row.quantity);
        }
    }
    let limit = usize::try_from(given.get("Limit").as_whole()).unwrap_or_default();
    let rows = left
        .into_iter()
        .filter(|(_, quantity)| *quantity != 0)
        .take(limit)
        .filter_map(|(at, quantity)| {
            let item = base.items.get(usize::try_from(at).ok()?)?;
            Some(vec![
                Value::Reference(
                    "CatalogRef.Номенклатура".to_owned(),
                    base.guid(Ref::new(Kind::Item, at)),
                ),
                Value::text(item.article.as_str()),
                Value::text(item.name.as_str()),
                Value::Number(quantity.to_string()),
                Value::Nil,
            ])
        });
    let columns = [
        ("Номенклатура", "cfg:CatalogRef.Номенклатура"),
        ("Артикул", "xs:string"),
        ("Наименование", "xs:string"),
        ("Количество", "xs:decimal"),
        ("Серия", "xs:string"),
    ];
    Value::Table {
        columns: columns.map(|(name, of)| (name.to_owned(), of.to_owned())).into(),
        rows: rows.collect(),
    }
}
