//! Which figures of a table are worth a picture: what its rows are called, and what they are compared
//! by.

use common::Locale;
use common::contract::onec::{Column, ColumnKind};

use super::sheet::Sheet;

/// More bars than that are no picture any more; the report has its greatest rows first.
const MOST_BARS: u64 = 15;
/// Figures side by side.
const MOST_SERIES: usize = 2;

/// Columns whose values are moments.
const TIMES: [&str; 3] = ["day", "week", "month"];

/// Reports whose rows are no quantities to compare: entries, documents, balances of accounts.
const LISTS: [&str; 7] = [
    "trial_balance",
    "account_analysis",
    "account_card",
    "statement",
    "counterparty_card",
    "documents",
    "postings",
];

/// What is shown, by the places of shown columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    /// What the rows are called.
    pub(super) label: usize,
    /// What they are compared by: one figure or two.
    pub(super) values: Vec<usize>,
    /// The rows follow each other in time.
    pub(super) by_time: bool,
    /// How many rows are shown, from the first on.
    pub(super) rows: u64,
}

impl Picture {
    /// The picture of a table, when it is of a kind that has one and there are at least two rows.
    pub(super) fn of(sheet: &Sheet, columns: &[&Column]) -> Option<Self> {
        if sheet.row_count < 2 || LISTS.contains(&sheet.report.as_str()) {
            return None;
        }
        let is_word = |column: &Column| matches!(column.kind, ColumnKind::Text | ColumnKind::Date);
        let label = columns.iter().position(|column| is_word(column))?;
        let has_total = |column: &Column| sheet.totals.contains_key(&column.key);
        let mut values: Vec<usize> = (0..columns.len())
            .filter(|place| columns[*place].kind == ColumnKind::Money && has_total(columns[*place]))
            .take(MOST_SERIES)
            .collect();
        if values.is_empty() {
            values.push(
                columns
                    .iter()
                    .position(|column| !is_word(column) && has_total(column))?,
            );
        }
        let by_time = columns[label].kind == ColumnKind::Date
            || TIMES.contains(&columns[label].key.as_str())
            || sheet.parameters["group_by"]
                .as_str()
                .is_some_and(|group| TIMES.contains(&group));
        let rows = if by_time {
            sheet.row_count
        } else {
            sheet.row_count.min(MOST_BARS)
        };
        Some(Self {
            label,
            values,
            by_time,
            rows,
        })
    }

    /// What stands above it.
    pub(super) fn title(&self, sheet: &Sheet, locale: Locale) -> String {
        if self.rows == sheet.row_count {
            return sheet.title.clone();
        }
        let rows = self.rows;
        match locale {
            Locale::Ru => format!("{}: первые {rows}", sheet.title),
            Locale::En => format!("{}: the first {rows}", sheet.title),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn picture(report: &str, label: &str, kind: &str, rows: u64) -> Option<Picture> {
        let sheet: Sheet = serde_json::from_value(json!({
            "report": report, "title": "Продажи", "parameters": {}, "currency": "RUB",
            "columns": [{"key": "id", "title": "", "kind": "id"}, {"key": label, "title": "", "kind": "text"},
                {"key": "price", "title": "", "kind": kind}, {"key": "revenue", "title": "", "kind": kind}],
            "totals": {"revenue": "1"}, "row_count": rows, "as_of": "2026-11-20T10:00:00Z"}))
        .unwrap();
        Picture::of(&sheet, &sheet.shown_columns())
    }

    #[test]
    fn rows_that_can_be_compared_have_a_picture() {
        let sales = picture("sales", "key", "money", 100).unwrap();
        assert_eq!((sales.label, sales.rows, sales.by_time), (0, 15, false));
        assert_eq!(sales.values, [2], "a price has no total");
        assert_eq!(picture("sales", "month", "money", 24).unwrap().rows, 24);
        assert!(picture("logins", "day", "integer", 2).is_some());
        assert!(picture("account_card", "key", "money", 100).is_none());
        assert!(picture("sales", "key", "money", 1).is_none());
        assert!(picture("documents", "key", "text", 9).is_none());
    }
}
