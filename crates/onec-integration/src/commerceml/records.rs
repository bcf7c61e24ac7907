//! What a CommerceML file tells, one record at a time, in the terms of 1C.

use rust_decimal::Decimal;

use super::node::Node;

/// One thing that a file tells.
#[derive(Debug, PartialEq)]
pub(crate) enum Record {
    /// The goods begin; `full` when goods that are not among them are to be hidden.
    Catalogue { full: bool },
    /// The offers begin; `full` when prices and stocks that are not among them have ended.
    Offers { full: bool },
    /// A group of goods.
    Group(Group),
    /// A property that goods have.
    Property(Property),
    /// A unit of measure.
    Unit(Unit),
    /// A warehouse.
    Warehouse(Named),
    /// A type of prices.
    PriceType(PriceType),
    /// An item (`Товар`).
    Item(Box<Item>),
    /// Price and stock of an item or of one characteristic of it (`Предложение`).
    Offer(Box<Offer>),
    /// An object without what it cannot do without, such as an item without `Ид`.
    Unusable,
}

/// A group of goods (`Группа`).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) name: String,
    /// `Ид` of the group that it lies in.
    pub(crate) parent: Option<String>,
    pub(crate) deleted: bool,
}

/// A property of goods (`Свойство`) with the values that it may have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Property {
    pub(crate) id: String,
    pub(crate) name: String,
    /// `ИдЗначения` and `Значение`.
    pub(crate) variants: Vec<(String, String)>,
}

/// A unit of measure (`БазоваяЕдиница`, `ЕдиницаИзмерения`).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Code of the classifier (ОКЕИ), or empty.
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) full_name: String,
}

/// An object with a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) deleted: bool,
}

/// A type of prices (`ТипЦены`).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PriceType {
    pub(crate) named: Named,
    pub(crate) currency: String,
    /// Whether prices of the type have VAT in them, when 1C tells.
    pub(crate) vat_included: Option<bool>,
}

/// An item (`Товар`).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) code: String,
    pub(crate) article: String,
    pub(crate) barcode: String,
    pub(crate) deleted: bool,
    /// `Ид` of the first group that it is in.
    pub(crate) group: Option<String>,
    pub(crate) unit: Option<Unit>,
    /// `ЗначениеРеквизита`: name and value.
    pub(crate) requisites: Vec<(String, String)>,
    /// `ЗначенияСвойства`: `Ид` of the property and the value or its `ИдЗначения`.
    pub(crate) properties: Vec<(String, String)>,
    /// Pictures that the item names.
    pub(crate) pictures: usize,
}

/// A price (`Цена`).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Price {
    /// `Ид` of its type.
    pub(crate) price_type: String,
    pub(crate) price: Decimal,
    pub(crate) currency: String,
    pub(crate) unit: String,
    /// From which quantity on it holds.
    pub(crate) min_quantity: Decimal,
}

/// What there is in a warehouse.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stock {
    /// `Ид` of the warehouse; none for all of them together.
    pub(crate) warehouse: Option<String>,
    pub(crate) quantity: Decimal,
}

/// An offer (`Предложение`).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    /// `Ид` of the item.
    pub(crate) item: String,
    /// `Ид` of the characteristic.
    pub(crate) characteristic: Option<String>,
    pub(crate) name: String,
    pub(crate) article: String,
    pub(crate) deleted: bool,
    /// None when the file does not tell prices of this offer.
    pub(crate) prices: Option<Vec<Price>>,
    /// None when the file does not tell stocks of this offer.
    pub(crate) stocks: Option<Vec<Stock>>,
    /// Numbers that are no numbers and were left out.
    pub(crate) unreadable: usize,
}

/// A decimal as 1C writes it: with a point or a comma, perhaps with spaces between thousands.
pub(crate) fn decimal(text: &str) -> Option<Decimal> {
    let plain: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| if c == ',' { '.' } else { c })
        .collect();
    if plain.len() > 30 {
        return None;
    }
    Decimal::from_str_exact(&plain).ok()
}

fn is_true(text: &str) -> bool {
    matches!(text, "true" | "1" | "Да" | "да" | "Истина" | "истина")
}

/// Whether the object is gone in 1C: `Статус="Удален"`, or `ПометкаУдаления` since version 2.07.
fn is_deleted(node: &Node) -> bool {
    let status = node.attribute("Статус").or_else(|| node.text("Статус"));
    status.is_some_and(|status| matches!(status, "Удален" | "Удалён"))
        || node.text("ПометкаУдаления").is_some_and(is_true)
        || node.attribute("ПометкаУдаления").is_some_and(is_true)
}

fn owned(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

/// Whether `СодержитТолькоИзменения` says that everything is there. What does not say so is taken
/// for changes: then nothing is hidden by mistake.
pub(super) fn is_full(value: Option<&str>) -> bool {
    value.is_some_and(|value| matches!(value.trim(), "false" | "0" | "Нет" | "Ложь"))
}

pub(super) fn group(node: &Node, parent: Option<&str>) -> Record {
    let Some(id) = node.text("Ид") else {
        return Record::Unusable;
    };
    Record::Group(Group {
        id: id.to_owned(),
        name: owned(node.text("Наименование")),
        parent: parent.map(str::to_owned),
        deleted: is_deleted(node),
    })
}

pub(super) fn property(node: &Node) -> Record {
    let Some(id) = node.text("Ид") else {
        return Record::Unusable;
    };
    let variants = node
        .listed("ВариантыЗначений", "Справочник")
        .filter_map(|variant| {
            let id = variant.text("ИдЗначения").or_else(|| variant.text("Ид"))?;
            Some((id.to_owned(), variant.text("Значение")?.to_owned()))
        })
        .collect();
    Record::Property(Property {
        id: id.to_owned(),
        name: owned(node.text("Наименование")),
        variants,
    })
}

/// A unit of the classifier; goods name it by its code.
pub(super) fn classified_unit(node: &Node) -> Record {
    let code = node.text("Код").or_else(|| node.text("Ид"));
    let Some(code) = code else {
        return Record::Unusable;
    };
    let full_name = owned(node.text("НаименованиеПолное"));
    let name = node
        .text("НаименованиеКраткое")
        .or_else(|| node.text("Наименование"));
    Record::Unit(Unit {
        code: code.to_owned(),
        name: name.map_or_else(|| full_name.clone(), str::to_owned),
        full_name,
    })
}

fn named(node: &Node) -> Option<Named> {
    Some(Named {
        id: node.text("Ид")?.to_owned(),
        name: owned(node.text("Наименование")),
        deleted: is_deleted(node),
    })
}

pub(super) fn warehouse(node: &Node) -> Record {
    named(node).map_or(Record::Unusable, Record::Warehouse)
}

pub(super) fn price_type(node: &Node) -> Record {
    let Some(named) = named(node) else {
        return Record::Unusable;
    };
    let vat = node
        .children("Налог")
        .chain(node.listed("Налоги", "Налог"))
        .find_map(|tax| tax.text("УчтеноВСумме"));
    Record::PriceType(PriceType {
        named,
        currency: owned(node.text("Валюта")),
        vat_included: vat.map(is_true),
    })
}

fn base_unit(node: &Node) -> Option<Unit> {
    let unit = node.child("БазоваяЕдиница")?;
    let text = unit.own_text();
    let is_code = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let code = unit.attribute("Код").or_else(|| is_code.then_some(text));
    let full_name = owned(unit.attribute("НаименованиеПолное"));
    let name = match text {
        "" => unit.attribute("НаименованиеКраткое").unwrap_or(&full_name),
        _ if is_code => "",
        _ => text,
    };
    let unit = Unit {
        code: owned(code),
        name: name.to_owned(),
        full_name: full_name.clone(),
    };
    (!unit.code.is_empty() || !unit.name.is_empty()).then_some(unit)
}

pub(super) fn item(node: &Node) -> Record {
    let Some(id) = node.text("Ид") else {
        return Record::Unusable;
    };
    let pairs = |list: &'static str, element: &'static str, key: &'static str| {
        node.listed(list, element)
            .filter_map(|pair| Some((pair.text(key)?.to_owned(), pair.text("Значение")?.to_owned())))
            .collect::<Vec<_>>()
    };
    let requisites = pairs("ЗначенияРеквизитов", "ЗначениеРеквизита", "Наименование");
    let requisite = |name: &str| {
        let found = requisites.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.clone())
    };
    let name = owned(node.text("Наименование"));
    let full_name = requisite("Полное наименование").unwrap_or_else(|| name.clone());
    let code = node.text("Код").map(str::to_owned).or_else(|| requisite("Код"));
    // `<Ид>товар#характеристика</Ид>` among goods stands for the item.
    let id = id.split('#').next().unwrap_or(id);
    Record::Item(Box::new(Item {
        id: id.to_owned(),
        full_name,
        name,
        code: code.unwrap_or_default(),
        article: owned(node.text("Артикул")),
        barcode: owned(node.text("Штрихкод")),
        deleted: is_deleted(node),
        group: node
            .listed("Группы", "Ид")
            .map(Node::own_text)
            .find(|id| !id.is_empty())
            .map(str::to_owned),
        unit: base_unit(node),
        properties: pairs("ЗначенияСвойств", "ЗначенияСвойства", "Ид"),
        pictures: node.children("Картинка").count(),
        requisites,
    }))
}

pub(super) fn offer(node: &Node) -> Record {
    let Some(id) = node.text("Ид") else {
        return Record::Unusable;
    };
    let (item, characteristic) = match id.split_once('#') {
        Some((item, characteristic)) => (item, Some(characteristic)),
        None => (id, None),
    };
    let mut offer = Offer {
        item: item.to_owned(),
        characteristic: characteristic
            .filter(|characteristic| !characteristic.is_empty())
            .map(str::to_owned),
        name: owned(node.text("Наименование")),
        article: owned(node.text("Артикул")),
        deleted: is_deleted(node),
        ..Offer::default()
    };
    let mut unreadable = 0;
    let mut number = |text: &str| {
        let number = decimal(text);
        unreadable += usize::from(number.is_none());
        number
    };
    if node.child("Цены").is_some() {
        let price = |node: &Node, number: &mut dyn FnMut(&str) -> Option<Decimal>| {
            Some(Price {
                price_type: node.text("ИдТипаЦены")?.to_owned(),
                price: number(node.text("ЦенаЗаЕдиницу")?)?,
                currency: owned(node.text("Валюта")),
                unit: owned(node.text("Единица")),
                min_quantity: match node.text("МинКоличество") {
                    Some(text) => number(text)?,
                    None => Decimal::ZERO,
                },
            })
        };
        let prices = node.listed("Цены", "Цена");
        offer.prices = Some(prices.filter_map(|node| price(node, &mut number)).collect());
    }
    offer.stocks = stocks(node, &mut number);
    offer.unreadable = unreadable;
    Record::Offer(Box::new(offer))
}

/// Stocks in the three ways that versions of the schema have: elements `Склад` with attributes,
/// `Остатки` (since 2.08), and one `Количество` for everything, which counts when no warehouse is
/// named.
fn stocks(node: &Node, number: &mut dyn FnMut(&str) -> Option<Decimal>) -> Option<Vec<Stock>> {
    let mut found = Vec::new();
    let mut told = false;
    for place in node.children("Склад") {
        let id = place.attribute("ИдСклада").or_else(|| place.text("Ид"));
        let quantity = place
            .attribute("КоличествоНаСкладе")
            .or_else(|| place.text("КоличествоНаСкладе"))
            .or_else(|| place.text("Количество"));
        let (Some(id), Some(quantity)) = (id, quantity) else {
            continue;
        };
        told = true;
        found.extend(number(quantity).map(|quantity| Stock {
            warehouse: Some(id.to_owned()),
            quantity,
        }));
    }
    let mut total = node.text("Количество").and_then(&mut *number);
    told |= node.child("Остатки").is_some();
    for rest in node.listed("Остатки", "Остаток") {
        let mut has_place = false;
        for place in rest.children("Склад") {
            has_place = true;
            let quantity = place.text("Количество").and_then(&mut *number);
            found.extend(place.text("Ид").zip(quantity).map(|(id, quantity)| Stock {
                warehouse: Some(id.to_owned()),
                quantity,
            }));
        }
        if !has_place {
            total = total.or_else(|| rest.text("Количество").and_then(&mut *number));
        }
    }
    told |= total.is_some();
    if found.is_empty() {
        found.extend(total.map(|quantity| Stock {
            warehouse: None,
            quantity,
        }));
    }
    told.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_as_1c_writes_them() {
        for (text, value) in [
            ("1719", Some("1719")),
            ("1 719,50", Some("1719.50")),
            ("1\u{a0}719.5", Some("1719.5")),
            ("-3", Some("-3")),
            ("", None),
            ("много", None),
            ("1e5", None),
            ("1234567890123456789012345678901234567890", None),
        ] {
            assert_eq!(
                decimal(text).map(|value| value.to_string()).as_deref(),
                value,
                "{text}"
            );
        }
    }
}
