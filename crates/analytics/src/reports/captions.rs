//! What stands above a table: its parameters in words, where the figures come from, of when they are.

use chrono::NaiveDate;
use chrono_tz::Tz;
use common::{Locale, Text};
use serde_json::{Map, Value};

use super::cell::{shown_day, shown_truth};
use super::sheet::Sheet;

/// Parameters in the order that they are told in; the rest is not for people.
const NAMES: [(&str, &str, &str); 17] = [
    ("company", "Организация", "Company"),
    ("counterparty", "Контрагент", "Counterparty"),
    ("item", "Номенклатура", "Item"),
    ("warehouse", "Склад", "Warehouse"),
    ("manager", "Менеджер", "Manager"),
    ("account", "Счёт", "Account"),
    ("breakdown", "По аналитике", "By analytics"),
    ("subaccounts", "По субсчетам", "Sub-accounts"),
    ("group_by", "Группировка", "Grouped by"),
    ("then_by", "Затем", "Then by"),
    ("compare", "Сравнение", "Compared with"),
    ("number", "Номер документа", "Number"),
    ("unposted", "Только непроведённые", "Only unposted"),
    ("overdue", "Только просроченные", "Only overdue"),
    ("provider", "Поставщик", "Provider"),
    ("model", "Модель", "Model"),
    ("service", "Сервис", "Service"),
];

/// Words that stand for values of parameters.
const VALUES: [(&str, &str, &str); 15] = [
    ("counterparty", "контрагенты", "counterparties"),
    ("contract", "договоры", "contracts"),
    ("document", "документы", "documents"),
    ("manager", "менеджеры", "managers"),
    ("item", "номенклатура", "items"),
    ("item_group", "группы номенклатуры", "groups of items"),
    ("warehouse", "склады", "warehouses"),
    ("company", "организации", "companies"),
    (
        "money_place",
        "места хранения денег",
        "bank accounts and cash desks",
    ),
    ("day", "дни", "days"),
    ("week", "недели", "weeks"),
    ("month", "месяцы", "months"),
    ("previous", "предыдущий период", "the previous period"),
    ("year_ago", "год назад", "a year ago"),
    ("all", "все", "all"),
];

/// Labels with their values.
pub(super) fn of(sheet: &Sheet, locale: Locale, time_zone: Tz) -> Vec<(String, String)> {
    let label = |ru: &'static str, en: &'static str| Text::new(ru, en).get(locale).to_owned();
    let mut lines = Vec::new();
    let none = Map::new();
    let citation = sheet.citations.first();
    // Names instead of ids, where the source told them.
    let given = citation.map(|citation| &citation.filter);
    let asked = sheet.parameters.as_object();
    let all = [given, asked];
    let value = |name: &str| {
        all.iter()
            .flatten()
            .find_map(|known| known.get(name).filter(|value| !value.is_null()))
    };
    let day = |name: &str| value(name).and_then(Value::as_str)?.parse::<NaiveDate>().ok();
    match (day("from"), day("to")) {
        (Some(from), Some(to)) => lines.push((
            label("Период", "Period"),
            format!("{} – {}", shown_day(from, locale), shown_day(to, locale)),
        )),
        (Some(from), None) => lines.push((label("С", "From"), shown_day(from, locale))),
        (None, Some(to)) => lines.push((label("По", "To"), shown_day(to, locale))),
        (None, None) => {}
    }
    if let Some(date) = day("date") {
        lines.push((label("На дату", "At"), shown_day(date, locale)));
    }
    if let (Some(from), Some(to)) = (day("compare_from"), day("compare_to")) {
        lines.push((
            label("Период сравнения", "Compared with"),
            format!("{} – {}", shown_day(from, locale), shown_day(to, locale)),
        ));
    }
    for (name, ru, en) in NAMES {
        // An id without a name says nothing to people.
        let shown = match given.unwrap_or(&none).get(name).or_else(|| asked?.get(name)) {
            Some(Value::Bool(yes)) => shown_truth(*yes, locale).to_owned(),
            Some(Value::String(text)) if text.parse::<uuid::Uuid>().is_err() && !text.is_empty() => {
                word(text, locale).unwrap_or(text).to_owned()
            }
            _ => continue,
        };
        lines.push((label(ru, en), shown));
    }
    if let Some(citation) = citation {
        lines.push((label("База 1С", "Infobase"), citation.infobase.clone()));
    }
    let moment = sheet.as_of.with_timezone(&time_zone);
    lines.push((
        label("Данные на", "Data of"),
        format!(
            "{} {}",
            shown_day(moment.date_naive(), locale),
            moment.format("%H:%M (%Z)")
        ),
    ));
    if let Some(currency) = &sheet.currency {
        lines.push((label("Валюта", "Currency"), symbol(currency).to_owned()));
    }
    lines
}

fn word(value: &str, locale: Locale) -> Option<&'static str> {
    VALUES
        .iter()
        .find(|(name, ..)| *name == value)
        .map(|(_, ru, en)| match locale {
            Locale::Ru => *ru,
            Locale::En => *en,
        })
}

/// The sign of a currency, or its code.
pub(super) fn symbol(currency: &str) -> &str {
    match currency {
        "RUB" => "₽",
        "USD" => "$",
        "EUR" => "€",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_are_told_with_names() {
        let sheet: Sheet = serde_json::from_value(json!({
            "report": "sales", "title": "Продажи", "currency": "RUB", "columns": [], "totals": {}, "row_count": 0,
            "as_of": "2026-11-24T21:30:00Z",
            "parameters": {"from": "2026-11-01", "to": "2026-11-24", "group_by": "item",
                "counterparty": "0198f000-0000-7000-8000-000000000001", "limit": 1000},
            "citations": [{"infobase_id": "0198f000-0000-7000-8000-000000000001", "infobase": "Торговля",
                "object": "Document_РеализацияТоваровУслуг", "as_of": "2026-11-24T21:30:00Z", "source": "mirror",
                "filter": {"counterparty": "ООО «Ёж»", "from": "2026-11-01", "to": "2026-11-24", "overdue": true}}],
        }))
        .unwrap();
        let lines: Vec<String> = of(&sheet, Locale::Ru, Tz::Europe__Moscow)
            .into_iter()
            .map(|(label, value)| format!("{label}: {value}"))
            .collect();
        assert_eq!(
            lines,
            [
                "Период: 01.11.2026 – 24.11.2026",
                "Контрагент: ООО «Ёж»",
                "Группировка: номенклатура",
                "Только просроченные: да",
                "База 1С: Торговля",
                "Данные на: 25.11.2026 00:30 (MSK)",
                "Валюта: ₽",
            ]
        );
        let nameless = Sheet {
            citations: Vec::new(),
            ..sheet
        };
        let lines = of(&nameless, Locale::En, Tz::UTC);
        assert!(
            lines.iter().all(|(label, _)| label != "Counterparty"),
            "{lines:?}"
        );
    }
}
