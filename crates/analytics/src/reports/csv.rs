//! CSV for people with Excel and for programs.

use chrono::NaiveDate;
use common::contract::onec::{Column, ColumnKind};
use common::{BoxError, Locale, Text};
use csv::{QuoteStyle, Terminator, WriterBuilder};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::{Dialect, Sheet};

/// Excel takes a file without it for the old code page.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Writes the columns that are for display: headings, rows, and for Excel the totals.
pub(super) fn render(sheet: &Sheet, dialect: Dialect, locale: Locale) -> Result<Vec<u8>, BoxError> {
    let mut buffer = Vec::new();
    if dialect == Dialect::RuExcel {
        buffer.extend_from_slice(BYTE_ORDER_MARK);
    }
    let mut writer = WriterBuilder::new()
        .delimiter(if dialect == Dialect::RuExcel { b';' } else { b',' })
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .from_writer(buffer);
    let columns: Vec<&Column> = sheet
        .columns
        .iter()
        .filter(|column| column.kind != ColumnKind::Id)
        .collect();
    writer.write_record(columns.iter().map(|column| text(&column.title, dialect)))?;
    for row in &sheet.rows {
        writer.write_record(
            columns
                .iter()
                .map(|column| cell(row.get(&column.key), column.kind, dialect, locale)),
        )?;
    }
    if dialect == Dialect::RuExcel
        && let Some(totals) = totals(&columns, &sheet.totals, locale)
    {
        writer.write_record(totals)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// The line of totals, when a column has one.
fn totals(columns: &[&Column], totals: &Map<String, Value>, locale: Locale) -> Option<Vec<String>> {
    if !columns.iter().any(|column| totals.contains_key(&column.key)) {
        return None;
    }
    let mut cells: Vec<String> = columns
        .iter()
        .map(|column| cell(totals.get(&column.key), column.kind, Dialect::RuExcel, locale))
        .collect();
    let label = columns
        .iter()
        .position(|column| !totals.contains_key(&column.key));
    if let Some(label) = label {
        cells[label] = Text::new("Итого", "Total").get(locale).to_owned();
    }
    Some(cells)
}

fn cell(value: Option<&Value>, kind: ColumnKind, dialect: Dialect, locale: Locale) -> String {
    let value = value.unwrap_or(&Value::Null);
    let plain = match value {
        Value::Null => return String::new(),
        Value::Bool(yes) => return truth(*yes, dialect, locale),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match (kind, dialect) {
        // Only what really is a number may pass without the guard.
        (ColumnKind::Money | ColumnKind::Quantity | ColumnKind::Integer, _)
            if plain.parse::<Decimal>().is_ok() =>
        {
            match dialect {
                Dialect::RuExcel => plain.replace('.', ","),
                Dialect::Rfc4180 => plain,
            }
        }
        (ColumnKind::Date, Dialect::RuExcel) => match plain.parse::<NaiveDate>() {
            Ok(date) => date.format("%d.%m.%Y").to_string(),
            Err(_) => text(&plain, dialect),
        },
        _ => text(&plain, dialect),
    }
}

fn truth(yes: bool, dialect: Dialect, locale: Locale) -> String {
    match (dialect, yes) {
        (Dialect::Rfc4180, yes) => yes.to_string(),
        (Dialect::RuExcel, true) => Text::new("да", "yes").get(locale).to_owned(),
        (Dialect::RuExcel, false) => Text::new("нет", "no").get(locale).to_owned(),
    }
}

/// Text that Excel must not take for a formula, whatever a counterparty is called (OWASP, CSV
/// injection): such cells get an apostrophe. RFC 4180 is for programs and stays to the letter.
fn text(value: &str, dialect: Dialect) -> String {
    let dangerous = value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if dialect == Dialect::RuExcel && dangerous {
        format!("'{value}")
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sheet(rows: Value, totals: Value) -> Sheet {
        let columns = json!([
            {"key": "counterparty_id", "title": "id", "kind": "id"},
            {"key": "counterparty", "title": "Контрагент", "kind": "text"},
            {"key": "debt", "title": "Долг", "kind": "money"},
            {"key": "due_date", "title": "Срок", "kind": "date"},
            {"key": "posted", "title": "Проведён", "kind": "boolean"},
        ]);
        serde_json::from_value(json!({
            "report": "receivables", "title": "Дебиторы", "parameters": {}, "currency": "RUB",
            "columns": columns, "rows": rows, "totals": totals, "row_count": 1,
            "as_of": "2026-11-24T00:00:00Z",
        }))
        .unwrap()
    }

    fn written(rows: Value, totals: Value, dialect: Dialect) -> String {
        String::from_utf8(render(&sheet(rows, totals), dialect, Locale::Ru).unwrap()).unwrap()
    }

    #[test]
    fn excel_gets_commas_marks_and_totals() {
        let rows = json!([{"counterparty_id": "1", "counterparty": "ООО «Ёж; №5»", "debt": "-1234.50",
            "due_date": "2026-11-05", "posted": true}]);
        assert_eq!(
            written(rows, json!({"debt": "-1234.50"}), Dialect::RuExcel),
            "\u{feff}Контрагент;Долг;Срок;Проведён\r\n\"ООО «Ёж; №5»\";-1234,50;05.11.2026;да\r\nИтого;-1234,50;;\r\n"
        );
    }

    #[test]
    fn programs_get_the_standard() {
        let rows = json!([{"counterparty": "a \"b\", c", "debt": "1234.50", "due_date": "2026-11-05", "posted": false}]);
        assert_eq!(
            written(rows, json!({"debt": "1234.50"}), Dialect::Rfc4180),
            "Контрагент,Долг,Срок,Проведён\r\n\"a \"\"b\"\", c\",1234.50,2026-11-05,false\r\n"
        );
    }

    #[test]
    fn a_name_cannot_be_a_formula() {
        for name in ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1"] {
            let cell = cell(Some(&json!(name)), ColumnKind::Text, Dialect::RuExcel, Locale::Ru);
            assert_eq!(cell, format!("'{name}"));
        }
        let cell = |value: Value| cell(Some(&value), ColumnKind::Money, Dialect::RuExcel, Locale::Ru);
        assert_eq!(cell(json!("=1+1")), "'=1+1", "a money column is no way around");
        assert_eq!(cell(json!("-5.00")), "-5,00", "a negative number stays a number");
        assert_eq!(cell(json!(null)), "");
    }
}
