//! CSV for people with Excel and for programs.

use common::contract::onec::Column;
use common::{BoxError, Locale};
use csv::{QuoteStyle, Terminator, WriterBuilder};

use super::cell::{Cell, row_count, shown_day, shown_truth};
use super::rows::Rows;
use super::sheet::Sheet;
use super::{Dialect, Style};

/// Excel takes a file without it for the old code page.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Writes the columns that are for display: headings, rows, and for Excel the totals and the number
/// of rows, which a program would take for more rows.
pub(super) fn render(sheet: &Sheet, rows: &mut Rows<'_>, style: Style) -> Result<Vec<u8>, BoxError> {
    let (dialect, locale) = (style.dialect, style.locale);
    let mut buffer = Vec::new();
    if dialect == Dialect::RuExcel {
        buffer.extend_from_slice(BYTE_ORDER_MARK);
    }
    let mut writer = WriterBuilder::new()
        .delimiter(if dialect == Dialect::RuExcel { b';' } else { b',' })
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .flexible(true)
        .from_writer(buffer);
    let columns = sheet.shown_columns();
    writer.write_record(columns.iter().map(|column| text(&column.title, dialect)))?;
    rows.write(|row| {
        let cells = columns
            .iter()
            .map(|column| cell(&Cell::read(row.get(&column.key), column.kind), dialect, locale));
        Ok(writer.write_record(cells)?)
    })?;
    if dialect == Dialect::RuExcel {
        if sheet.has_totals() {
            writer.write_record(totals(sheet, &columns, locale))?;
        }
        writer.write_record([row_count(rows.control().rows, locale)])?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// The line of totals.
fn totals(sheet: &Sheet, columns: &[&Column], locale: Locale) -> Vec<String> {
    let mut cells: Vec<String> = columns
        .iter()
        .map(|column| Cell::read(sheet.totals.get(&column.key), column.kind))
        .map(|total| cell(&total, Dialect::RuExcel, locale))
        .collect();
    if let Some((place, label)) = sheet.total_label(columns, locale) {
        cells[place] = label.to_owned();
    }
    cells
}

fn cell(value: &Cell<'_>, dialect: Dialect, locale: Locale) -> String {
    match (value, dialect) {
        (Cell::Empty, _) => String::new(),
        (Cell::Text(value), _) => text(value, dialect),
        (Cell::Number(number), Dialect::RuExcel) => number.to_string().replace('.', ","),
        (Cell::Number(number), Dialect::Rfc4180) => number.to_string(),
        (Cell::Date(day), Dialect::RuExcel) => shown_day(*day, Locale::Ru),
        (Cell::Date(day), Dialect::Rfc4180) => day.to_string(),
        (Cell::Truth(yes), Dialect::RuExcel) => shown_truth(*yes, locale).to_owned(),
        (Cell::Truth(yes), Dialect::Rfc4180) => yes.to_string(),
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
    use crate::reports::Format;
    use crate::reports::rows::tests::of;
    use chrono_tz::Tz;
    use common::contract::onec::ColumnKind;
    use serde_json::{Value, json};

    fn written(rows: Value, totals: Value, dialect: Dialect) -> String {
        let sheet: Sheet = serde_json::from_value(json!({
            "report": "receivables", "title": "Дебиторы", "parameters": {}, "currency": "RUB",
            "columns": [
                {"key": "counterparty_id", "title": "id", "kind": "id"},
                {"key": "counterparty", "title": "Контрагент", "kind": "text"},
                {"key": "debt", "title": "Долг", "kind": "money"},
                {"key": "due_date", "title": "Срок", "kind": "date"},
                {"key": "posted", "title": "Проведён", "kind": "boolean"},
            ],
            "totals": totals, "row_count": 1, "as_of": "2026-11-24T00:00:00Z",
        }))
        .unwrap();
        let style = Style {
            format: Format::Csv,
            dialect,
            locale: Locale::Ru,
            time_zone: Tz::UTC,
        };
        String::from_utf8(render(&sheet, &mut of(&sheet, &rows), style).unwrap()).unwrap()
    }

    #[test]
    fn excel_gets_commas_marks_and_totals() {
        let rows = json!([{"counterparty_id": "1", "counterparty": "ООО «Ёж; №5»", "debt": "-1234.50",
            "due_date": "2026-11-05", "posted": true}]);
        assert_eq!(
            written(rows, json!({"debt": "-1234.50"}), Dialect::RuExcel),
            "\u{feff}Контрагент;Долг;Срок;Проведён\r\n\"ООО «Ёж; №5»\";-1234,50;05.11.2026;да\r\n\
             Итого;-1234,50;;\r\nСтрок: 1\r\n"
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
        let cell = |value: &Value, kind| cell(&Cell::read(Some(value), kind), Dialect::RuExcel, Locale::Ru);
        for name in ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(cell(&json!(name), ColumnKind::Text), format!("'{name}"));
        }
        let cell = |value: Value| cell(&value, ColumnKind::Money);
        assert_eq!(cell(json!("=1+1")), "'=1+1", "a money column is no way around");
        assert_eq!(cell(json!("-5.00")), "-5,00", "a negative number stays a number");
        assert_eq!(cell(json!(null)), "");
    }
}
