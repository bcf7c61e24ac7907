//! Comparing what the assistant answered with the truth, figure by figure.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use rust_decimal::Decimal;
use serde_json::Value;

/// A decimal from a JSON string or number.
pub(crate) fn decimal(value: &Value) -> Decimal {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Decimal::from_str(&text).unwrap_or_else(|_| panic!("not a decimal: {value}"))
}

/// How the rows of a table are compared.
pub(crate) struct Comparison<'a> {
    /// Columns that name a row.
    pub(crate) keys: &'a [&'a str],
    /// Columns with figures.
    pub(crate) figures: &'a [&'a str],
    /// Figures of the totals.
    pub(crate) totals: &'a [&'a str],
}

impl Comparison<'_> {
    /// Asserts that every row of the table is in the truth with the same figures, that a complete
    /// table lacks none, and that the totals agree.
    pub(crate) fn assert(&self, table: &Value, truth: &Value) {
        let rows = table["rows"].as_array().expect("rows");
        let expected: BTreeMap<String, &Value> = truth["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| (self.key(row), row))
            .collect();
        assert!(!rows.is_empty(), "the table is empty: {table}");
        for row in rows {
            let key = self.key(row);
            let expected = expected
                .get(&key)
                .unwrap_or_else(|| panic!("{key} is not in the truth: {row}"));
            for figure in self.figures {
                assert_eq!(
                    decimal(&row[figure]),
                    decimal(&expected[figure]),
                    "{figure} of {key}"
                );
            }
        }
        let row_count = usize::try_from(table["row_count"].as_u64().expect("row_count")).unwrap();
        assert_eq!(row_count, expected.len(), "number of rows");
        if table["truncated"] == false {
            let keys: BTreeSet<String> = rows.iter().map(|row| self.key(row)).collect();
            assert_eq!(keys.len(), expected.len(), "a complete table has every row once");
        }
        for total in self.totals {
            assert_eq!(
                decimal(&table["totals"][total]),
                decimal(&truth["totals"][total]),
                "total {total}"
            );
        }
    }

    fn key(&self, row: &Value) -> String {
        let part = |key: &&str| {
            row[*key]
                .as_str()
                .map_or_else(|| row[*key].to_string(), |text| text.trim().to_owned())
        };
        self.keys.iter().map(part).collect::<Vec<_>>().join(" / ")
    }
}

/// Every amount with two decimals in a text, written as in Russian: `1 234 567,89`.
pub(crate) fn amounts(text: &str) -> Vec<Decimal> {
    let plain: String = text
        .chars()
        .map(|c| {
            if matches!(c, '\u{a0}' | '\u{202f}' | '\u{2009}') {
                ' '
            } else {
                c
            }
        })
        .collect();
    let chars: Vec<char> = plain.chars().collect();
    let mut found = Vec::new();
    for (at, _) in chars.iter().enumerate().filter(|(_, c)| **c == ',') {
        let decimals: String = chars[at + 1..]
            .iter()
            .take_while(|c| c.is_ascii_digit())
            .collect();
        if decimals.len() != 2 {
            continue;
        }
        let whole: Vec<char> = chars[..at]
            .iter()
            .rev()
            .copied()
            .take_while(|c| c.is_ascii_digit() || *c == ' ')
            .collect();
        let whole: String = whole.iter().rev().filter(|c| c.is_ascii_digit()).collect();
        if !whole.is_empty() {
            found.push(Decimal::from_str(&format!("{whole}.{decimals}")).unwrap());
        }
    }
    found
}

/// Every figure in a JSON value, without its sign.
pub(crate) fn figures(value: &Value, into: &mut BTreeSet<Decimal>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| figures(item, into)),
        Value::Object(members) => members.values().for_each(|member| figures(member, into)),
        Value::String(text) => {
            if let Ok(figure) = Decimal::from_str(text) {
                into.insert(figure.abs());
            }
        }
        Value::Number(number) => {
            into.insert(Decimal::from_str(&number.to_string()).unwrap_or_default().abs());
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// Asserts that every amount in the answer's text is one of the truth's figures.
pub(crate) fn assert_text_is_true(answer: &Value, truth: &[&Value]) {
    let mut known = BTreeSet::new();
    truth.iter().for_each(|truth| figures(truth, &mut known));
    let text = answer["answer"].as_str().expect("an answer");
    let amounts = amounts(text);
    assert!(!amounts.is_empty(), "the answer names no amount: {text}");
    for amount in amounts {
        assert!(
            known.contains(&amount),
            "{amount} in the answer is not in the truth: {text}"
        );
    }
}
