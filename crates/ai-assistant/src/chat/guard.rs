//! The number guard: every figure that a language model writes must be one that a tool returned,
//! the question named, or a sum, difference or percentage of such.

use std::sync::LazyLock;

use common::contract::onec::{ColumnKind, Match, Report};
use regex::Regex;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::builtin::format::figure;

/// Rows of a report whose pairs are looked at.
const PAIR_ROWS: usize = 60;

/// Dates, times, citations, list numbers, document numbers, accounts: not figures.
static NOT_FIGURES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let months = "январ[ьяе]|феврал[ьяе]|март[ае]?|апрел[ьяе]|ма[йяе]|июн[ьяе]|июл[ьяе]|август[ае]?|сентябр[ьяе]|октябр[ьяе]|ноябр[ьяе]|декабр[ьяе]|\
                  january|february|march|april|may|june|july|august|september|october|november|december";
    let patterns = [
        r"\d{4}-\d{2}-\d{2}(?:T[\d:.]+Z?)?".to_owned(),
        r"\b\d{1,2}\.\d{1,2}(?:\.\d{2,4})\b".to_owned(),
        r"\b\d{1,2}:\d{2}(?::\d{2})?\b".to_owned(),
        r"\[\d+\]".to_owned(),
        r"(?m)^\s*\d{1,2}[.)]\s".to_owned(),
        r"(?:№|номер\p{L}*|number|no\.)\s*\S+".to_owned(),
        format!(r"(?:\d{{1,2}}\s+)?(?:{months})(?:\s+\d{{1,2}}\b,?)?(?:\s+(?:19|20)\d{{2}})?"),
        r"\b(?:19|20)\d{2}\s*(?:гг?\b|год\p{L}*)".to_owned(),
        r"(?:год\p{L}*|year|in|за|в)\s+(?:19|20)\d{2}\b".to_owned(),
        r"\bq[1-4](?:\s+(?:19|20)\d{2})?".to_owned(),
        r"\b[1-4][-–]?(?:й|го|м)?\s*(?:квартал|полугод)\p{L}*".to_owned(),
        r"(?:сч[её]т\p{L}*|сч\.|account|дт|кт|осв|субсч[её]т\p{L}*)\s+\d{2}(?:\.\d{1,2})*(?:\.\p{L}+)?"
            .to_owned(),
        // Articles and numbers of documents: letters and digits, or digits with hyphens.
        r"\b\p{L}+[-\p{L}]*\d[-\p{L}\d]*".to_owned(),
        r"\b\d+(?:-\d+)+\b".to_owned(),
        // The name of the program.
        r"\b1[сc]\b".to_owned(),
        r"\b0\d{3,}\b".to_owned(),
    ];
    Regex::new(&format!("(?i){}", patterns.join("|"))).ok()
});

static FIGURES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(?P<number>\d{1,3}(?:[\x{a0}\x{202f}\x{2009} ]\d{3})+(?:[.,]\d+)?|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?)\s?(?P<unit>тыс\p{L}*|млн|миллион\p{L}*|млрд|миллиард\p{L}*|thousand|million|billion|%|процент\p{L}*|percent)?",
    )
    .ok()
});

/// A figure as written.
#[derive(Debug, Clone, PartialEq)]
struct Written {
    text: String,
    /// What it may mean: «1,234» is 1.234 in Russian and 1234 in English.
    values: Vec<(Decimal, Decimal)>,
    percent: bool,
}

/// The figures of `text` that nothing accounts for, as written.
pub(crate) fn unverified(text: &str, question: &str, reports: &[Report], matches: &[Match]) -> Vec<String> {
    let known = Known::new(question, reports, matches);
    let mut unverified: Vec<String> = Vec::new();
    for written in figures(text) {
        if !known.accounts_for(&written) && !unverified.contains(&written.text) {
            unverified.push(written.text);
        }
    }
    unverified
}

fn figures(text: &str) -> Vec<Written> {
    let (Some(not), Some(figures)) = (&*NOT_FIGURES, &*FIGURES) else {
        return Vec::new();
    };
    let text = not.replace_all(text, " \u{2205} ");
    figures
        .captures_iter(&text)
        .filter_map(|captures| {
            let number = captures.name("number")?.as_str();
            let unit = captures
                .name("unit")
                .map(|unit| unit.as_str().to_lowercase())
                .unwrap_or_default();
            let percent = unit == "%" || unit.starts_with("процент") || unit == "percent";
            let factor = match unit.as_str() {
                "млн" | "million" => 1_000_000,
                "млрд" | "billion" => 1_000_000_000,
                "thousand" => 1000,
                unit if unit.starts_with("тыс") => 1000,
                unit if unit.starts_with("миллион") => 1_000_000,
                unit if unit.starts_with("миллиард") => 1_000_000_000,
                _ => 1,
            };
            Some(Written {
                text: captures.get(0)?.as_str().trim().to_owned(),
                values: readings(number, Decimal::from(factor)),
                percent,
            })
        })
        .collect()
}

/// Value and half of the last digit's worth.
fn readings(number: &str, factor: Decimal) -> Vec<(Decimal, Decimal)> {
    let spaceless: String = number.chars().filter(|c| !c.is_whitespace()).collect();
    let mut texts = vec![spaceless.replace(',', ".")];
    if spaceless.contains(',') {
        texts.push(spaceless.replace(',', ""));
    }
    texts
        .iter()
        .filter(|text| text.matches('.').count() <= 1)
        .filter_map(|text| {
            let value: Decimal = text.parse().ok()?;
            let half = Decimal::new(5, value.scale() + 1) * factor;
            Some((value * factor, half))
        })
        .collect()
}

/// Everything that may be written.
struct Known {
    /// Figures, and sums and differences of them, sorted.
    figures: Vec<Decimal>,
    /// Percentages, sorted.
    shares: Vec<Decimal>,
}

impl Known {
    fn new(question: &str, reports: &[Report], matches: &[Match]) -> Self {
        let mut known = Self {
            figures: vec![Decimal::ZERO],
            shares: vec![Decimal::ZERO, Decimal::ONE_HUNDRED],
        };
        known.add_text(question);
        for found in matches {
            known.add_text(&found.name);
            known.add_text(found.code.as_deref().unwrap_or_default());
        }
        known.figures.push(Decimal::from(matches.len()));
        for report in reports {
            known.add_report(report);
        }
        for (i, one) in reports.iter().enumerate() {
            for other in &reports[i + 1..] {
                if one.report == other.report {
                    known.add_comparison(one, other);
                }
            }
        }
        known.figures.sort_unstable();
        known.shares.sort_unstable();
        known
    }

    /// Figures within names and questions.
    fn add_text(&mut self, text: &str) {
        static DIGITS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\d+(?:[.,]\d+)?").ok());
        if let Some(digits) = &*DIGITS {
            for found in digits.find_iter(text) {
                self.figures.extend(
                    readings(found.as_str(), Decimal::ONE)
                        .iter()
                        .map(|(value, _)| *value),
                );
            }
        }
        for written in figures(text) {
            self.figures
                .extend(written.values.iter().map(|(value, _)| *value));
        }
    }

    fn add_report(&mut self, report: &Report) {
        let keys: Vec<&str> = report
            .columns
            .iter()
            .filter(|column| {
                matches!(
                    column.kind,
                    ColumnKind::Money | ColumnKind::Quantity | ColumnKind::Integer
                )
            })
            .map(|column| column.key.as_str())
            .collect();
        self.figures.push(Decimal::from(report.row_count));
        self.figures.push(Decimal::from(report.rows.len()));
        if let Some(account) = &report.parameters.account {
            self.add_text(account);
        }
        for row in &report.rows {
            self.add_row(row, &keys);
            for value in row.values() {
                if let Value::String(text) = value {
                    self.add_text(text);
                }
            }
        }
        let total_keys: Vec<&str> = report.totals.keys().map(String::as_str).collect();
        self.add_row(&report.totals, &total_keys);
        for key in keys {
            let column: Vec<Decimal> = report.rows.iter().map(|row| figure(row, key)).collect();
            let total = figure(&report.totals, key);
            let mut sum = Decimal::ZERO;
            for value in &column {
                sum += value;
                self.figures.push(sum.abs());
                self.add_share(*value, total);
                self.add_share(sum, total);
                self.figures.push((total - *value).abs());
                self.figures.push((total - sum).abs());
            }
            for (i, a) in column.iter().take(PAIR_ROWS).enumerate() {
                for b in &column[i + 1..column.len().min(PAIR_ROWS)] {
                    self.figures.push((a + b).abs());
                    self.figures.push((a - b).abs());
                }
            }
        }
    }

    /// The figures of a row, with sums, differences and shares between its columns.
    fn add_row(&mut self, row: &Map<String, Value>, keys: &[&str]) {
        let values: Vec<Decimal> = keys.iter().map(|key| figure(row, key)).collect();
        for (i, a) in values.iter().enumerate() {
            self.figures.push(a.abs());
            for b in &values[i + 1..] {
                self.figures.push((a + b).abs());
                self.figures.push((a - b).abs());
                self.add_share(*a, *b);
                self.add_share(*b, *a);
            }
        }
    }

    /// Growth between two reports of one kind, of totals and of rows of one name.
    fn add_comparison(&mut self, one: &Report, other: &Report) {
        let pair = |known: &mut Self, a: Decimal, b: Decimal| {
            known.figures.push((a - b).abs());
            known.figures.push((a + b).abs());
            known.add_share(a, b);
            known.add_share(b, a);
            known.add_share(a - b, b);
            known.add_share(b - a, a);
        };
        for key in one.totals.keys() {
            pair(self, figure(&one.totals, key), figure(&other.totals, key));
        }
        for row in &one.rows {
            let names: Vec<&str> = row.values().filter_map(Value::as_str).collect();
            let same = other.rows.iter().find(|candidate| {
                ["key", "counterparty", "item", "account", "name"]
                    .iter()
                    .filter_map(|key| candidate.get(*key).and_then(Value::as_str))
                    .any(|name| names.contains(&name))
            });
            if let Some(same) = same {
                for column in &one.columns {
                    if matches!(
                        column.kind,
                        ColumnKind::Money | ColumnKind::Quantity | ColumnKind::Integer
                    ) {
                        pair(self, figure(row, &column.key), figure(same, &column.key));
                    }
                }
            }
        }
    }

    fn add_share(&mut self, part: Decimal, whole: Decimal) {
        if let Some(share) = part.checked_div(whole) {
            self.shares.push((share * Decimal::ONE_HUNDRED).abs());
        }
    }

    fn accounts_for(&self, written: &Written) -> bool {
        written.values.iter().any(|(value, half)| {
            if written.percent {
                return near(&self.shares, *value, *half) || near(&self.figures, *value, Decimal::ZERO);
            }
            // Roubles may be left without kopecks, but small counts must be exact.
            let half = if *half == Decimal::new(5, 1) && *value < Decimal::ONE_HUNDRED {
                Decimal::ZERO
            } else {
                *half
            };
            near(&self.figures, *value, half)
        })
    }
}

/// True when a value of the sorted list is at most `tolerance` away.
fn near(sorted: &[Decimal], value: Decimal, tolerance: Decimal) -> bool {
    let from = sorted.partition_point(|known| *known < value - tolerance);
    sorted.get(from).is_some_and(|known| *known <= value + tolerance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::report;

    fn check(text: &str) -> Vec<String> {
        unverified(text, "Кто нам должен больше 100 000 рублей?", &[report()], &[])
    }

    #[test]
    fn figures_of_the_report_pass_in_any_spelling() {
        for text in [
            "Ромашка должна 1 234 567,89 ₽ [1].",
            "Ромашка должна 1\u{a0}234\u{a0}567,89\u{a0}₽, просрочено 234\u{a0}567,89.",
            "Romashka owes RUB 1,234,567.89",
            "Долг около 1,2 млн ₽",
            "Долг 1 234,6 тыс. ₽",
            "Долг 1 234 568 ₽",
            "Всего 2 контрагента, 1 534 567,89 ₽",
            "Ромашка и Василёк вместе — 1 534 567,89; разница 934 567,89",
            "Доля Ромашки 80,5 %",
            "Просрочено 19 % долга Ромашки",
            "На 31.10.2026 (31 октября 2026 года), за 2026 год, в 14:05, документ № 15, счёт 62.01, Q3 2026, 3 квартал",
            "1. Ромашка\n2. Василёк",
            "Больше 100 000 должны двое",
            "Бумага А4, КА00-000012, по данным 1С и 1C:Enterprise",
        ] {
            assert_eq!(check(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn other_figures_do_not() {
        for (text, expected) in [
            ("Ромашка должна 1 234 567,90 ₽", "1 234 567,90"),
            ("Долг 1,4 млн ₽", "1,4 млн"),
            ("Всего 7 контрагентов", "7"),
            ("Выросло на 42 %", "42 %"),
            ("Romashka owes 999", "999"),
        ] {
            assert_eq!(check(text), [expected], "{text}");
        }
    }
}
