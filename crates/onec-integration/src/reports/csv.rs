//! Reports as CSV (RFC 4180) that Excel opens as it is.

use common::Locale;
use common::contract::onec::{Column, ColumnKind, Report};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

/// Excel takes a file without it for the old code page.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The lines of a file: headings, then rows; ids are left out. Russian Excel wants semicolons and
/// a comma in figures.
pub(crate) fn lines(report: Report, locale: Locale) -> impl Iterator<Item = String> {
    let columns: Vec<Column> = report
        .columns
        .into_iter()
        .filter(|column| column.kind != ColumnKind::Id)
        .collect();
    let titles: Vec<String> = columns.iter().map(|column| text(&column.title)).collect();
    let head = format!("{BYTE_ORDER_MARK}{}", line(&titles, locale));
    let rows = report.rows.into_iter().map(move |row| {
        let cells: Vec<String> = columns.iter().map(|column| cell(&row, column, locale)).collect();
        line(&cells, locale)
    });
    std::iter::once(head).chain(rows)
}

fn line(cells: &[String], locale: Locale) -> String {
    let separator = match locale {
        Locale::Ru => ";",
        Locale::En => ",",
    };
    let quoted: Vec<String> = cells.iter().map(|cell| quote(cell)).collect();
    format!("{}\r\n", quoted.join(separator))
}

fn quote(cell: &str) -> String {
    if cell.contains([';', ',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

fn cell(row: &Map<String, Value>, column: &Column, locale: Locale) -> String {
    let plain = match row.get(&column.key) {
        None | Some(Value::Null) => return String::new(),
        Some(Value::Bool(yes)) => {
            return match (locale, yes) {
                (Locale::Ru, true) => "да",
                (Locale::Ru, false) => "нет",
                (Locale::En, true) => "yes",
                (Locale::En, false) => "no",
            }
            .to_owned();
        }
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let is_number = matches!(
        column.kind,
        ColumnKind::Money | ColumnKind::Quantity | ColumnKind::Integer
    ) && plain.parse::<Decimal>().is_ok();
    match (is_number, locale) {
        (true, Locale::Ru) => plain.replace('.', ","),
        (true, Locale::En) => plain,
        (false, _) => text(&plain),
    }
}

/// Excel must not take a name from 1C for a formula.
fn text(plain: &str) -> String {
    if plain.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{plain}")
    } else {
        plain.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_safe_and_read_as_numbers() {
        let column = |kind| Column {
            key: "k".to_owned(),
            title: String::new(),
            kind,
        };
        let shown = |value: Value, kind, locale| {
            let row = Map::from_iter([("k".to_owned(), value)]);
            cell(&row, &column(kind), locale)
        };
        let money = shown("-1234.50".into(), ColumnKind::Money, Locale::Ru);
        assert_eq!(money, "-1234,50");
        assert_eq!(shown("-1.5".into(), ColumnKind::Money, Locale::En), "-1.5");
        for formula in ["=1+1", "+7", "-2", "@SUM(A1)", "\tx"] {
            let shown = shown(formula.into(), ColumnKind::Text, Locale::Ru);
            assert_eq!(shown, format!("'{formula}"));
        }
        assert_eq!(shown(true.into(), ColumnKind::Boolean, Locale::Ru), "да");
        assert_eq!(shown(Value::Null, ColumnKind::Money, Locale::Ru), "");
        assert_eq!(
            line(&["ООО \"Ромашка\"".to_owned(), "a;b".to_owned()], Locale::Ru),
            "\"ООО \"\"Ромашка\"\"\";\"a;b\"\r\n"
        );
    }
}
