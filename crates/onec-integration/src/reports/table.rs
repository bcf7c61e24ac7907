//! Columns and values of reports.

use chrono::NaiveDate;
use common::Locale;
use common::contract::onec::{Column, ColumnKind};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

/// A computed table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Map<String, Value>>,
    pub(super) totals: Map<String, Value>,
    /// Of all rows, returned or not.
    pub(super) row_count: u64,
}

/// A column as it is declared: key, kind, Russian and English heading.
pub(super) type Heading = (&'static str, ColumnKind, &'static str, &'static str);

/// Columns in a language.
pub(super) fn columns(headings: &[Heading], locale: Locale) -> Vec<Column> {
    headings
        .iter()
        .map(|(key, kind, ru, en)| Column {
            key: (*key).to_owned(),
            title: match locale {
                Locale::Ru => *ru,
                Locale::En => *en,
            }
            .to_owned(),
            kind: *kind,
        })
        .collect()
}

/// A row or totals.
pub(super) fn row<const N: usize>(cells: [(&str, Value); N]) -> Map<String, Value> {
    cells
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// Money with two decimals.
pub(super) fn money(amount: Decimal) -> Value {
    format!("{:.2}", amount.round_dp(2)).into()
}

/// Money that may be unknown.
pub(super) fn money_or_null(amount: Option<Decimal>) -> Value {
    amount.map_or(Value::Null, money)
}

/// What a part is of a whole, in percent with one decimal; unknown without a whole.
pub(super) fn ratio(parts: Option<(Decimal, Decimal)>) -> Value {
    parts
        .and_then(|(part, whole)| part.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(whole))
        .map_or(Value::Null, |percent| quantity(percent.round_dp(1)))
}

/// A quantity without trailing zeros.
pub(super) fn quantity(amount: Decimal) -> Value {
    amount.normalize().to_string().into()
}

/// A day.
pub(super) fn day(date: Option<NaiveDate>) -> Value {
    date.map_or(Value::Null, |date| date.to_string().into())
}

/// An id of ours.
pub(super) fn id(id: Option<Uuid>) -> Value {
    id.map_or(Value::Null, |id| id.to_string().into())
}

/// The number of rows that window functions counted.
pub(super) fn count(rows: Option<i64>) -> u64 {
    rows.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    #[test]
    fn figures_have_their_form() {
        assert_eq!(money(dec!(5)), "5.00");
        assert_eq!(money(dec!(-0.005)), "0.00");
        assert_eq!(money(dec!(1234567.8)), "1234567.80");
        assert_eq!(quantity(dec!(10.500)), "10.5");
        assert_eq!(quantity(dec!(100)), "100");
        assert_eq!(quantity(dec!(0.00)), "0");
        assert_eq!(ratio(Some((dec!(1), dec!(3)))), "33.3");
        assert_eq!(ratio(Some((dec!(1), dec!(0)))), Value::Null);
    }
}
