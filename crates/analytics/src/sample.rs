//! A made-up trial balance of any size, to look at files and to measure their making.

use chrono_tz::Tz;
use common::{BoxError, Locale};
use serde_json::{Value, json};

use crate::reports::{Dialect, Format, Row, Rows, Sheet, Style, render};

/// Rows that are in memory at once.
const PIECE: u64 = 1000;

/// Writes a file of so many rows, made up piece by piece.
///
/// # Errors
/// When there is no such format, or the file cannot be written.
pub fn file(format: &str, rows: u64) -> Result<Vec<u8>, BoxError> {
    let style = Style {
        format: Format::from_name(format).ok_or("no such format")?,
        dialect: Dialect::RuExcel,
        locale: Locale::Ru,
        time_zone: Tz::Europe__Moscow,
    };
    let sheet: Sheet = serde_json::from_value(json!({
        "report": "sales", "title": "Продажи ООО «Ёжик» №5", "currency": "RUB",
        "parameters": {"from": "2026-11-01", "to": "2026-11-30", "group_by": "counterparty"},
        "columns": [
            {"key": "day", "title": "Дата", "kind": "date"},
            {"key": "customer", "title": "Покупатель", "kind": "text"},
            {"key": "quantity", "title": "Количество", "kind": "quantity"},
            {"key": "revenue", "title": "Выручка", "kind": "money"},
            {"key": "cost", "title": "Себестоимость", "kind": "money"},
            {"key": "profit", "title": "Валовая прибыль", "kind": "money"},
            {"key": "margin", "title": "Рентабельность, %", "kind": "quantity"},
            {"key": "posted", "title": "Проведён", "kind": "boolean"},
        ],
        "totals": totals(rows), "row_count": rows, "as_of": "2026-11-27T12:00:00Z",
    }))?;
    let mut source = Rows::new(&sheet, std::sync::Arc::default(), |piece| {
        let from = u64::try_from(piece)? * PIECE;
        let until = rows.min(from + PIECE);
        Ok((from < until).then(|| (from..until).map(row).collect()))
    });
    render(&sheet, &mut source, style)
}

/// In kopecks: revenue and cost of a row.
fn figures(number: u64) -> (i64, i64) {
    let seed = number
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407)
        >> 33;
    let revenue = i64::try_from(seed % 500_000_000).unwrap_or_default();
    let cost = i64::try_from((seed * 7) % 520_000_000).unwrap_or_default();
    (revenue, cost)
}

fn money(kopecks: i64) -> String {
    let sign = if kopecks < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", kopecks.abs() / 100, kopecks.abs() % 100)
}

fn row(number: u64) -> Row {
    let (revenue, cost) = figures(number);
    let names = [
        "ООО «Торговый дом «Северное сияние и партнёры»",
        "ИП Қайратұлы Нұрлан",
        "АО «Ёлка»",
        "=HYPERLINK(\"http://example.org\")",
    ];
    let name = names.get(usize::try_from(number % 4).unwrap_or_default());
    let row = json!({
        "day": format!("2026-11-{:02}", number % 30 + 1),
        "customer": format!("{} № {number}", name.copied().unwrap_or_default()),
        "quantity": format!("{}.{}", number % 977, number % 8 * 125),
        "revenue": money(revenue), "cost": money(cost), "profit": money(revenue - cost),
        "margin": if revenue == 0 { Value::Null } else { json!(((revenue - cost) * 100 / revenue).to_string()) },
        "posted": !number.is_multiple_of(3),
    });
    row.as_object().cloned().unwrap_or_default()
}

fn totals(rows: u64) -> Value {
    let (mut revenue, mut cost) = (0, 0);
    for number in 0..rows {
        let figures = figures(number);
        revenue += figures.0;
        cost += figures.1;
    }
    json!({"revenue": money(revenue), "cost": money(cost), "profit": money(revenue - cost)})
}
