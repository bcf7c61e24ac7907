//! Messages of EnterpriseData 1.8: what the base sends and takes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::enterprise_data::{NODE, PLAN};
use super::tree::{self, escape};
use crate::base::Base;
use crate::calendar;
use crate::company::goods::UNITS;
use crate::ids::{Kind, Ref};
use crate::model::{Role, Trade};

/// The format.
const FORMAT: &str = "http://v8.1c.ru/edi/edi_stnd/EnterpriseData/1.8";
const ENVELOPE: &str = "http://www.1c.ru/SSL/Exchange/Message";
/// How many of each sort a message holds at most.
const MOST: usize = 200;

/// Text of elements, one after another.
struct Page(String);

impl Page {
    fn open(&mut self, tag: &str) {
        let _ = write!(self.0, "<{tag}>");
    }

    fn close(&mut self, tag: &str) {
        let _ = write!(self.0, "</{tag}>");
    }

    fn put(&mut self, tag: &str, text: &str) {
        if !text.is_empty() {
            let _ = write!(self.0, "<{tag}>{}</{tag}>", escape(text));
        }
    }

    fn within(&mut self, tag: &str, fill: impl FnOnce(&mut Self)) {
        self.open(tag);
        fill(self);
        self.close(tag);
    }
}

fn money(sum: i64) -> String {
    Decimal::new(sum, 2).to_string()
}

fn person(inn: &str) -> &'static str {
    if inn.len() == 12 {
        "ФизическоеЛицо"
    } else {
        "ЮридическоеЛицо"
    }
}

/// A message with catalogs and the latest sales.
pub(super) fn build(base: &Base, number: u64, received: u64) -> String {
    let mut page = Page(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Message xmlns:msg=\"{ENVELOPE}\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n<msg:Header>"
    ));
    page.put("msg:Format", FORMAT);
    let now = calendar::now().format("%Y-%m-%dT%H:%M:%S").to_string();
    page.put("msg:CreationDate", &now);
    page.within("msg:Confirmation", |page| {
        page.put("msg:ExchangePlan", PLAN);
        page.put("msg:To", NODE);
        page.put("msg:From", "ДМ");
        page.put("msg:MessageNo", &number.to_string());
        page.put("msg:ReceivedNo", &received.to_string());
    });
    page.put("msg:AvailableVersion", "1.6");
    page.put("msg:AvailableVersion", "1.8");
    let _ = write!(page.0, "</msg:Header>\n<Body xmlns=\"{FORMAT}\">\n");
    for at in 0..base.organizations.len().min(MOST) {
        page.open("Справочник.Организации");
        page.within("КлючевыеСвойства", |page| {
            organization(page, base, at)
        });
        if let Some(found) = base.organizations.get(at) {
            page.put("Префикс", found.prefix);
            page.put("ОГРН", &found.ogrn);
        }
        page.close("Справочник.Организации");
        page.0.push('\n');
    }
    let partners = base.counterparties.iter().enumerate();
    let partners = partners.filter(|(_, one)| one.role != Role::Folder).take(MOST);
    for (at, _) in partners {
        page.open("Справочник.Контрагенты");
        page.within("КлючевыеСвойства", |page| {
            counterparty(page, base, at)
        });
        page.close("Справочник.Контрагенты");
        page.0.push('\n');
    }
    for at in 0..base.warehouses.len().min(MOST) {
        page.open("Справочник.Склады");
        page.within("КлючевыеСвойства", |page| {
            warehouse(page, base, at)
        });
        page.close("Справочник.Склады");
        page.0.push('\n');
    }
    let items = base
        .items
        .iter()
        .enumerate()
        .filter(|(_, item)| !item.parent.is_none());
    for (at, item) in items.take(MOST) {
        page.open("Справочник.Номенклатура");
        page.within("КлючевыеСвойства", |page| goods(page, base, at));
        page.put("ТипНоменклатуры", "Товар");
        unit(&mut page, item.unit);
        page.put("СтавкаНДС", "НДС20");
        page.close("Справочник.Номенклатура");
        page.0.push('\n');
    }
    let sales = base.trades.first();
    let sales = sales.map_or(&[][..], |book| &book.documents);
    for (at, found) in sales.iter().enumerate().skip(sales.len().saturating_sub(MOST)) {
        if found.head.posted {
            sale(&mut page, base, at, found);
        }
    }
    page.0.push_str("</Body>\n</Message>\n");
    page.0
}

fn reference(page: &mut Page, base: &Base, kind: Kind, at: usize) {
    let index = u32::try_from(at).unwrap_or(u32::MAX);
    page.put("Ссылка", &base.guid(Ref::new(kind, index)).to_string());
}

fn organization(page: &mut Page, base: &Base, at: usize) {
    reference(page, base, Kind::Organization, at);
    if let Some(found) = base.organizations.get(at) {
        page.put("Наименование", found.name);
        page.put("НаименованиеПолное", found.full_name);
        page.put("ИНН", &found.inn);
        page.put("КПП", &found.kpp);
        page.put("ЮридическоеФизическоеЛицо", person(&found.inn));
    }
}

fn counterparty(page: &mut Page, base: &Base, at: usize) {
    reference(page, base, Kind::Counterparty, at);
    if let Some(found) = base.counterparties.get(at) {
        page.put("Наименование", &found.name);
        page.put("НаименованиеПолное", &found.full_name);
        page.put("ИНН", &found.inn);
        page.put("КПП", &found.kpp);
        page.put("ЮридическоеФизическоеЛицо", person(&found.inn));
    }
}

fn warehouse(page: &mut Page, base: &Base, at: usize) {
    reference(page, base, Kind::Warehouse, at);
    let name = base.warehouses.get(at).map_or("", |found| found.name);
    page.put("Наименование", name);
}

fn goods(page: &mut Page, base: &Base, at: usize) {
    reference(page, base, Kind::Item, at);
    if let Some(found) = base.items.get(at) {
        page.put("НаименованиеПолное", &found.name);
        page.put("Артикул", &found.article);
        page.put("Наименование", &found.name);
    }
}

fn unit(page: &mut Page, number: u8) {
    let (code, name, _) = UNITS.get(usize::from(number)).copied().unwrap_or(UNITS[0]);
    page.within("ЕдиницаИзмерения", |page| {
        page.within("ДанныеКлассификатора", |page| {
            page.put("Код", code.trim());
            page.put("Наименование", name);
        });
    });
}

fn sale(page: &mut Page, base: &Base, at: usize, found: &Trade) {
    page.open("Документ.РеализацияТоваровУслуг");
    page.within("КлючевыеСвойства", |page| {
        reference(page, base, Kind::Sale, at);
        let date = calendar::moment(found.head.date).format("%Y-%m-%dT%H:%M:%S");
        page.put("Дата", &date.to_string());
        page.put("Номер", &base.number(&found.head));
        page.within("Организация", |page| {
            organization(page, base, usize::from(found.head.organization));
        });
    });
    page.put("ВидОперации", "РеализацияКлиенту");
    page.within("Валюта", |page| {
        page.within("ДанныеКлассификатора", |page| {
            page.put("Код", "643");
            page.put("Наименование", "руб.");
        });
    });
    page.put("Сумма", &money(found.sum));
    page.put("СуммаВключаетНДС", "true");
    page.within("Склад", |page| {
        warehouse(page, base, usize::from(found.warehouse))
    });
    page.within("Контрагент", |page| {
        counterparty(page, base, found.counterparty as usize)
    });
    page.within("Товары", |page| {
        let lines = base.trades.first().map_or(&[][..], |book| &book.lines);
        let first = found.first_line as usize;
        let lines = lines.iter().skip(first).take(found.lines as usize);
        for (number, line) in lines.enumerate() {
            page.within("Строка", |page| {
                page.put("НомерСтрокиДокумента", &(number + 1).to_string());
                page.within("ДанныеНоменклатуры", |page| {
                    page.within("Номенклатура", |page| {
                        goods(page, base, line.item as usize)
                    });
                });
                unit(
                    page,
                    base.items.get(line.item as usize).map_or(0, |item| item.unit),
                );
                page.put("Количество", &line.quantity.to_string());
                page.put("Сумма", &money(line.sum));
                page.put("Цена", &money(line.price));
                page.put("СтавкаНДС", "НДС20");
                page.put("СуммаНДС", &money(line.vat));
            });
        }
    });
    page.close("Документ.РеализацияТоваровУслуг");
    page.0.push('\n');
}

/// What a message brought.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Its number.
    pub(super) number: u64,
    /// How many objects of each kind.
    pub(super) objects: BTreeMap<String, usize>,
}

/// Takes a message in.
///
/// # Errors
/// What 1C says of a message that is not one.
pub(super) fn load(content: &[u8]) -> Result<Loaded, String> {
    let text = std::str::from_utf8(content).map_err(|_| "Сообщение обмена не в кодировке UTF-8.")?;
    let root = tree::parse(text).filter(|root| root.name == "Message");
    let root = root.ok_or("Неверный формат сообщения обмена.")?;
    let header = root.get("Header").filter(|header| header.space == ENVELOPE);
    let header = header.ok_or("В сообщении обмена нет заголовка.")?;
    let format = header.text_of("Format");
    if !format.starts_with("http://v8.1c.ru/edi/edi_stnd/EnterpriseData/") {
        return Err(format!("Формат {format} не поддерживается."));
    }
    let confirmation = header
        .get("Confirmation")
        .ok_or("В сообщении обмена нет подтверждения.")?;
    if confirmation.text_of("From") != NODE {
        return Err("Узел-отправитель сообщения не найден.".to_owned());
    }
    let number = confirmation.text_of("MessageNo").parse();
    let number = number.map_err(|_| "Неверный номер сообщения обмена.")?;
    let mut objects = BTreeMap::new();
    let body = root.get("Body").map_or(&[][..], |body| &body.nodes);
    for node in body {
        if node.space != format || node.get("КлючевыеСвойства").is_none() {
            return Err(format!("Объект {} не соответствует формату {format}.", node.name));
        }
        *objects.entry(node.name.clone()).or_default() += 1;
    }
    Ok(Loaded { number, objects })
}
