//! The files that the demo company sends to a site.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use uuid::Uuid;

use super::xml::Xml;
use crate::base::Base;
use crate::calendar::{self, DAY};
use crate::company::catalogs::FIRST_ITEM;
use crate::company::goods::UNITS;
use crate::ids::{Kind, Ref};

/// Name of the only type of prices.
const PRICE_TYPE: &str = "Розничная";

/// How the goods are spread over files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// `import.xml` and `offers.xml`, as before version 2.08 of the schema.
    #[default]
    Two,
    /// `import0_1.xml`, `offers0_1.xml`, `prices0_1.xml` and `rests0_1.xml`.
    Four,
}

/// Encoding of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// With a mark at the beginning, as 1C writes it.
    #[default]
    Utf8,
    /// Old configurations.
    Windows1251,
}

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Export {
    /// Prices and stocks are those at the end of this day.
    pub date: NaiveDate,
    /// Only items whose price or stock has changed since the end of this day; everything when there is none.
    pub changes_since: Option<NaiveDate>,
    /// How the goods are spread over files.
    pub split: Split,
    /// Encoding of the files.
    pub encoding: Encoding,
}

/// A file of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportFile {
    /// Its name, which tells what is in it.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Price in kopecks and quantity by warehouse of each item.
#[derive(Default, PartialEq)]
struct State {
    prices: BTreeMap<u32, i64>,
    stocks: BTreeMap<u32, BTreeMap<u8, i64>>,
}

impl State {
    fn at_end_of(base: &Base, date: NaiveDate) -> Self {
        let end = calendar::stamp(date) + DAY;
        let mut state = Self::default();
        for price in base.prices.iter().take_while(|price| price.period < end) {
            state.prices.insert(price.item, price.price);
        }
        for row in base.stock.rows.iter().take_while(|row| row.mark.period < end) {
            let sign = if row.receipt { 1 } else { -1 };
            let places = state.stocks.entry(row.item).or_default();
            *places.entry(row.warehouse).or_default() += sign * i64::from(row.quantity);
        }
        for places in state.stocks.values_mut() {
            places.retain(|_, quantity| *quantity != 0);
        }
        state.stocks.retain(|_, places| !places.is_empty());
        state
    }
}

/// What offers tell.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Told {
    names: bool,
    prices: bool,
    stocks: bool,
}

struct Writer<'a> {
    base: &'a Base,
    export: &'a Export,
    state: State,
    /// Items that are written.
    items: BTreeSet<u32>,
    catalogue: String,
    price_type: String,
}

/// Writes the files of an exchange, in the order in which they are to be imported.
#[must_use]
pub fn export(base: &Base, export: &Export) -> Vec<ExportFile> {
    let state = State::at_end_of(base, export.date);
    let all = FIRST_ITEM..u32::try_from(base.items.len()).unwrap_or(FIRST_ITEM);
    let items = match export.changes_since {
        None => all.collect(),
        Some(since) => {
            let before = State::at_end_of(base, since);
            all.filter(|item| {
                state.prices.get(item) != before.prices.get(item)
                    || state.stocks.get(item) != before.stocks.get(item)
            })
            .collect()
        }
    };
    let own = |number: u128| Uuid::from_u128((0x5eed_1c00 << 96) | (number << 64) | u128::from(base.seed));
    let writer = Writer {
        base,
        export,
        state,
        items,
        catalogue: own(0x4000_8000).to_string(),
        price_type: own(0x4001_8000).to_string(),
    };
    let told = |names, prices, stocks| Told {
        names,
        prices,
        stocks,
    };
    let files = match export.split {
        Split::Two => vec![
            ("import.xml", writer.import()),
            ("offers.xml", writer.offers(told(true, true, true))),
        ],
        Split::Four => vec![
            ("import0_1.xml", writer.import()),
            ("offers0_1.xml", writer.offers(told(true, false, false))),
            ("prices0_1.xml", writer.offers(told(false, true, false))),
            ("rests0_1.xml", writer.offers(told(false, false, true))),
        ],
    };
    let encoded = files.into_iter().map(|(name, text)| ExportFile {
        name: name.to_owned(),
        bytes: match export.encoding {
            Encoding::Utf8 => [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            Encoding::Windows1251 => encoding_rs::WINDOWS_1251.encode(&text).0.into_owned(),
        },
    });
    encoded.collect()
}

impl Writer<'_> {
    fn document(&self) -> Xml {
        let mut xml = Xml::new(match self.export.encoding {
            Encoding::Utf8 => "UTF-8",
            Encoding::Windows1251 => "windows-1251",
        });
        let made = format!("{}T23:59:59", self.export.date);
        xml.begin(
            "КоммерческаяИнформация",
            &[
                ("xmlns", "urn:1C.ru:commerceml_2"),
                (
                    "ВерсияСхемы",
                    match self.export.split {
                        Split::Two => "2.07",
                        Split::Four => "2.08",
                    },
                ),
                ("ДатаФормирования", &made),
            ],
        );
        xml
    }

    fn changes_only(&self) -> &'static str {
        if self.export.changes_since.is_some() {
            "true"
        } else {
            "false"
        }
    }

    fn guid(&self, kind: Kind, index: u32) -> String {
        self.base.guid(Ref::new(kind, index)).to_string()
    }

    fn owner(&self, xml: &mut Xml) {
        let Some(owner) = self.base.organizations.first() else {
            return;
        };
        xml.begin("Владелец", &[]);
        xml.leaf("Ид", &[], &self.guid(Kind::Organization, 0));
        xml.leaf("Наименование", &[], owner.name);
        xml.leaf("ПолноеНаименование", &[], owner.full_name);
        xml.leaf("ИНН", &[], &owner.inn);
        xml.leaf("КПП", &[], &owner.kpp);
        xml.end();
    }

    /// Groups and goods.
    fn import(&self) -> String {
        let mut xml = self.document();
        xml.begin("Классификатор", &[]);
        xml.leaf("Ид", &[], &self.catalogue);
        xml.leaf("Наименование", &[], "Классификатор (Основной каталог товаров)");
        self.owner(&mut xml);
        xml.begin("Группы", &[]);
        for (number, group) in (0_u32..FIRST_ITEM).zip(&self.base.items) {
            xml.begin("Группа", &[]);
            xml.leaf("Ид", &[], &self.guid(Kind::Item, number));
            xml.leaf("Наименование", &[], &group.name);
            xml.end();
        }
        xml.end();
        xml.end();
        xml.begin("Каталог", &[("СодержитТолькоИзменения", self.changes_only())]);
        xml.leaf("Ид", &[], &self.catalogue);
        xml.leaf("ИдКлассификатора", &[], &self.catalogue);
        xml.leaf("Наименование", &[], "Основной каталог товаров");
        self.owner(&mut xml);
        xml.begin("Товары", &[]);
        for item in &self.items {
            self.item(&mut xml, *item);
        }
        xml.finish()
    }

    fn item(&self, xml: &mut Xml, number: u32) {
        let Some(item) = self.base.items.get(number as usize) else {
            return;
        };
        xml.begin("Товар", &[]);
        xml.leaf("Ид", &[], &self.guid(Kind::Item, number));
        xml.leaf("Артикул", &[], &item.article);
        xml.leaf("Наименование", &[], &item.name);
        if let Some((code, short, full)) = UNITS.get(usize::from(item.unit)) {
            xml.leaf(
                "БазоваяЕдиница",
                &[("Код", code), ("НаименованиеПолное", full)],
                short,
            );
        }
        xml.begin("Группы", &[]);
        xml.leaf("Ид", &[], &self.base.guid(item.parent).to_string());
        xml.end();
        xml.begin("ЗначенияРеквизитов", &[]);
        for (name, value) in [
            ("ВидНоменклатуры", "Товар"),
            ("ТипНоменклатуры", "Товар"),
            ("Полное наименование", item.name.as_str()),
        ] {
            xml.begin("ЗначениеРеквизита", &[]);
            xml.leaf("Наименование", &[], name);
            xml.leaf("Значение", &[], value);
            xml.end();
        }
        xml.end();
        xml.end();
    }

    /// Offers with what they are to tell.
    fn offers(&self, told: Told) -> String {
        let mut xml = self.document();
        xml.begin(
            "ПакетПредложений",
            &[("СодержитТолькоИзменения", self.changes_only())],
        );
        xml.leaf("Ид", &[], &format!("{}#", self.catalogue));
        xml.leaf("Наименование", &[], "Пакет предложений");
        xml.leaf("ИдКаталога", &[], &self.catalogue);
        xml.leaf("ИдКлассификатора", &[], &self.catalogue);
        self.owner(&mut xml);
        // Since 2.08 types of prices and warehouses come with the offers.
        if told.names {
            self.price_types(&mut xml);
            self.warehouses(&mut xml);
        }
        xml.begin("Предложения", &[]);
        for item in &self.items {
            self.offer(&mut xml, *item, told);
        }
        xml.finish()
    }

    fn price_types(&self, xml: &mut Xml) {
        xml.begin("ТипыЦен", &[]);
        xml.begin("ТипЦены", &[]);
        xml.leaf("Ид", &[], &self.price_type);
        xml.leaf("Наименование", &[], PRICE_TYPE);
        xml.leaf("Валюта", &[], "RUB");
        xml.begin("Налог", &[]);
        xml.leaf("Наименование", &[], "НДС");
        xml.leaf("УчтеноВСумме", &[], "true");
        xml.leaf("Акциз", &[], "false");
        xml.end();
        xml.end();
        xml.end();
    }

    fn warehouses(&self, xml: &mut Xml) {
        xml.begin("Склады", &[]);
        for (number, warehouse) in (0_u32..).zip(&self.base.warehouses) {
            xml.begin("Склад", &[]);
            xml.leaf("Ид", &[], &self.guid(Kind::Warehouse, number));
            xml.leaf("Наименование", &[], warehouse.name);
            xml.end();
        }
        xml.end();
    }

    fn offer(&self, xml: &mut Xml, number: u32, told: Told) {
        let Some(item) = self.base.items.get(number as usize) else {
            return;
        };
        let (code, unit, full) = UNITS.get(usize::from(item.unit)).copied().unwrap_or_default();
        xml.begin("Предложение", &[]);
        xml.leaf("Ид", &[], &self.guid(Kind::Item, number));
        if told.names {
            xml.leaf("Артикул", &[], &item.article);
            xml.leaf("Наименование", &[], &item.name);
            xml.leaf(
                "БазоваяЕдиница",
                &[("Код", code), ("НаименованиеПолное", full)],
                unit,
            );
        }
        if let Some(price) = self.state.prices.get(&number).filter(|_| told.prices) {
            let price = format!("{}.{:02}", price / 100, price % 100);
            xml.begin("Цены", &[]);
            xml.begin("Цена", &[]);
            xml.leaf("Представление", &[], &format!("{price} RUB за {unit}"));
            xml.leaf("ИдТипаЦены", &[], &self.price_type);
            xml.leaf("ЦенаЗаЕдиницу", &[], &price);
            xml.leaf("Валюта", &[], "RUB");
            xml.leaf("Единица", &[], unit);
            xml.leaf("Коэффициент", &[], "1");
            xml.end();
            xml.end();
        }
        if told.stocks {
            self.stocks(xml, number);
        }
        xml.end();
    }

    fn stocks(&self, xml: &mut Xml, number: u32) {
        let none = BTreeMap::new();
        let places = self.state.stocks.get(&number).unwrap_or(&none);
        let total = places.values().sum::<i64>().to_string();
        let place = |warehouse: &u8| self.guid(Kind::Warehouse, u32::from(*warehouse));
        match self.export.split {
            Split::Two => {
                xml.leaf("Количество", &[], &total);
                for (warehouse, quantity) in places {
                    let (place, quantity) = (place(warehouse), quantity.to_string());
                    xml.empty(
                        "Склад",
                        &[("ИдСклада", &place), ("КоличествоНаСкладе", &quantity)],
                    );
                }
            }
            Split::Four => {
                xml.begin("Остатки", &[]);
                for (warehouse, quantity) in places {
                    xml.begin("Остаток", &[]);
                    xml.begin("Склад", &[]);
                    xml.leaf("Ид", &[], &place(warehouse));
                    xml.leaf("Количество", &[], &quantity.to_string());
                    xml.end();
                    xml.end();
                }
                if places.is_empty() {
                    xml.begin("Остаток", &[]);
                    xml.leaf("Количество", &[], "0");
                    xml.end();
                }
                xml.end();
            }
        }
    }
}
