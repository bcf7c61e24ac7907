//! Values of cells: what they are, and how people read them.

use std::borrow::Cow;

use chrono::NaiveDate;
use common::contract::onec::ColumnKind;
use common::{Locale, Text};
use rust_decimal::Decimal;
use serde_json::Value;

/// Groups of digits are kept together on a line.
const NARROW: char = '\u{a0}';
/// A minus that is as wide as a plus.
const MINUS: char = '\u{2212}';

/// One value of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Nothing is known.
    Empty,
    /// Words.
    Text(Cow<'a, str>),
    /// Money, a quantity or a count.
    Number(Decimal),
    /// A calendar day.
    Date(NaiveDate),
    /// Yes or no.
    Truth(bool),
}

impl<'a> Cell<'a> {
    /// Reads a value. Only what really is a number or a day is taken for one, whatever its column
    /// promises.
    pub(crate) fn read(value: Option<&'a Value>, kind: ColumnKind) -> Self {
        let text: Cow<'a, str> = match value {
            None | Some(Value::Null) => return Self::Empty,
            Some(Value::Bool(yes)) => return Self::Truth(*yes),
            Some(Value::String(text)) => Cow::Borrowed(text),
            Some(other) => Cow::Owned(other.to_string()),
        };
        if is_number(kind)
            && let Ok(number) = text.parse()
        {
            return Self::Number(number);
        }
        if kind == ColumnKind::Date
            && let Ok(day) = text.parse()
        {
            return Self::Date(day);
        }
        Self::Text(text)
    }

    /// As people read it, in a document.
    pub(crate) fn shown(&self, kind: ColumnKind, locale: Locale) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => text.clone().into_owned(),
            Self::Number(number) => shown_number(*number, kind, locale),
            Self::Date(day) => shown_day(*day, locale),
            Self::Truth(yes) => shown_truth(*yes, locale).to_owned(),
        }
    }
}

/// True when values of the column can be added up and stand to the right.
pub(crate) fn is_number(kind: ColumnKind) -> bool {
    matches!(
        kind,
        ColumnKind::Money | ColumnKind::Quantity | ColumnKind::Integer
    )
}

/// A day as it is written in letters.
pub(crate) fn shown_day(day: NaiveDate, locale: Locale) -> String {
    let form = match locale {
        Locale::Ru => "%d.%m.%Y",
        Locale::En => "%d %b %Y",
    };
    day.format(form).to_string()
}

/// Yes or no.
pub(crate) fn shown_truth(yes: bool, locale: Locale) -> &'static str {
    match (yes, locale) {
        (true, Locale::Ru) => "да",
        (false, Locale::Ru) => "нет",
        (true, Locale::En) => "yes",
        (false, Locale::En) => "no",
    }
}

/// `−1 234 567,89` in Russian, `−1,234,567.89` in English; money has two decimals.
fn shown_number(number: Decimal, kind: ColumnKind, locale: Locale) -> String {
    let plain = match kind {
        ColumnKind::Money => format!("{:.2}", number.abs().round_dp(2)),
        _ => number.abs().normalize().to_string(),
    };
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let (group, point) = match locale {
        Locale::Ru => (NARROW, ','),
        Locale::En => (',', '.'),
    };
    let mut shown = String::with_capacity(plain.len() + 8);
    if number.is_sign_negative() && plain.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
        shown.push(MINUS);
    }
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position) % 3 == 0 {
            shown.push(group);
        }
        shown.push(digit);
    }
    if !fraction.is_empty() {
        shown.push(point);
        shown.push_str(fraction);
    }
    shown
}

/// The label of a line of totals.
pub(crate) fn total_label(locale: Locale) -> &'static str {
    match locale {
        Locale::Ru => "Итого",
        Locale::En => "Total",
    }
}

/// `Строк: 12 345`.
pub(crate) fn row_count(rows: u64, locale: Locale) -> String {
    let number = shown_number(Decimal::from(rows), ColumnKind::Integer, locale);
    Text::new(format!("Строк: {number}"), format!("Rows: {number}"))
        .get(locale)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(value: Value, kind: ColumnKind, locale: Locale) -> String {
        Cell::read(Some(&value), kind).shown(kind, locale)
    }

    #[test]
    fn figures_are_read_as_an_accountant_writes_them() {
        let money = |value: &str| shown(json!(value), ColumnKind::Money, Locale::Ru);
        assert_eq!(money("-1234567.89"), "−1\u{a0}234\u{a0}567,89");
        assert_eq!(money("0.00"), "0,00");
        assert_eq!(money("-0.00"), "0,00");
        assert_eq!(money("-0.01"), "−0,01");
        assert_eq!(money("999.5"), "999,50");
        assert_eq!(money("1000"), "1\u{a0}000,00");
        let quantity = |value: Value| shown(value, ColumnKind::Quantity, Locale::Ru);
        assert_eq!(quantity(json!("1250.500")), "1\u{a0}250,5");
        assert_eq!(quantity(json!(100)), "100");
        assert_eq!(
            shown(json!("-1234567.8"), ColumnKind::Money, Locale::En),
            "−1,234,567.80"
        );
    }

    #[test]
    fn what_is_no_number_stays_text() {
        assert_eq!(
            Cell::read(Some(&json!("=1+1")), ColumnKind::Money),
            Cell::Text("=1+1".into())
        );
        assert_eq!(
            Cell::read(Some(&json!("5")), ColumnKind::Text),
            Cell::Text("5".into()),
            "numbers of documents are no figures"
        );
        assert_eq!(
            Cell::read(Some(&json!("2026-02-30")), ColumnKind::Date),
            Cell::Text("2026-02-30".into())
        );
        assert_eq!(
            shown(json!("2026-11-05"), ColumnKind::Date, Locale::Ru),
            "05.11.2026"
        );
        assert_eq!(
            shown(json!("2026-11-05"), ColumnKind::Date, Locale::En),
            "05 Nov 2026"
        );
        assert_eq!(shown(json!(true), ColumnKind::Boolean, Locale::Ru), "да");
        assert_eq!(shown(Value::Null, ColumnKind::Money, Locale::Ru), "");
    }
}
