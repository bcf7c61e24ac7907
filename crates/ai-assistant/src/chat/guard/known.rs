//! What sources account for: the figures of tools, and what follows from them by addition,
//! subtraction, division and counting, within bounds.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use chrono::{Datelike, Days, Months, NaiveDate};
use common::contract::onec::{ColumnKind, Match, Report};
use regex::Regex;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::written::{self, Figure, Unit, What};
use crate::attachments::number;
use crate::builtin::format::figure;
use crate::tools::Facts;

/// Rows of a report whose pairs are looked at.
const PAIR_ROWS: usize = 60;
/// Rows whose triples are.
const TRIPLE_ROWS: usize = 20;
/// Figures of a row of a file that are compared with each other.
const MEASURES: usize = 12;
/// Figures below that, without decimals and unit, are counts: they have to be in a source as they
/// are.
const COUNT: i64 = 100;

/// Everything that may be written.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Figures of sources and counts, sorted.
    direct: Vec<Decimal>,
    /// Figures that follow from them, sorted.
    derived: Vec<Decimal>,
    /// Percentages, sorted.
    shares: Vec<Decimal>,
    dates: BTreeSet<NaiveDate>,
    /// All texts of sources, in small letters.
    texts: HashSet<String>,
}

impl Known {
    pub(super) fn new(
        question: &str,
        today: NaiveDate,
        reports: &[Report],
        matches: &[Match],
        facts: &[Facts],
    ) -> Self {
        let mut known = Self {
            direct: vec![Decimal::ZERO],
            shares: vec![Decimal::ZERO, Decimal::ONE_HUNDRED],
            ..Self::default()
        };
        known.dates.insert(today);
        known.add_text(question);
        for found in matches {
            known.add_text(&found.name);
            known.add_text(found.code.as_deref().unwrap_or_default());
        }
        known.direct.push(Decimal::from(matches.len()));
        for report in reports {
            known.add_report(report);
        }
        for one in facts {
            known.add_facts(one);
        }
        known.add_totals(reports);
        for (i, one) in reports.iter().enumerate() {
            for other in &reports[i + 1..] {
                if one.report == other.report {
                    known.add_comparison(one, other);
                }
            }
        }
        known.add_days(today);
        known.direct.sort_unstable();
        known.derived.sort_unstable();
        known.shares.sort_unstable();
        known
    }

    /// Figures, dates and numbers of documents within names and questions.
    fn add_text(&mut self, text: &str) {
        static DIGITS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\d+(?:[.,]\d+)?").ok());
        // The digits of an id are no figures.
        if text.is_empty() || uuid::Uuid::try_parse(text).is_ok() {
            return;
        }
        self.texts.insert(text.to_lowercase());
        if let Some(digits) = &*DIGITS {
            for found in digits.find_iter(text) {
                let readings = written::readings(found.as_str(), Decimal::ONE);
                self.direct.extend(readings.iter().map(|(value, _)| *value));
            }
        }
        for written in written::find(text) {
            match written.what {
                What::Figure(figure) => self
                    .direct
                    .extend(figure.readings.iter().map(|(value, _)| *value)),
                What::Date(date) => {
                    self.dates.insert(date);
                }
                What::Number(_) => {}
            }
        }
    }

    fn add_report(&mut self, report: &Report) {
        let columns = |wanted: &[ColumnKind]| -> Vec<&str> {
            let of = report
                .columns
                .iter()
                .filter(|column| wanted.contains(&column.kind));
            of.map(|column| column.key.as_str()).collect()
        };
        let keys = columns(&[ColumnKind::Money, ColumnKind::Quantity, ColumnKind::Integer]);
        let counts = columns(&[ColumnKind::Quantity, ColumnKind::Integer]);
        self.direct.push(Decimal::from(report.row_count));
        self.direct.push(Decimal::from(report.rows.len()));
        self.add_parameters(report);
        let mut distinct: std::collections::HashMap<&str, HashSet<&str>> = std::collections::HashMap::new();
        for row in &report.rows {
            self.add_row(row, &keys);
            for (key, value) in row {
                if let Value::String(text) = value {
                    self.add_text(text);
                    distinct.entry(key).or_default().insert(text);
                }
            }
        }
        // «3 поставщика», when rows are of suppliers and something else.
        self.direct
            .extend(distinct.values().map(|values| Decimal::from(values.len())));
        let total_keys: Vec<&str> = report.totals.keys().map(String::as_str).collect();
        self.add_row(&report.totals, &total_keys);
        for key in &keys {
            let column: Vec<Decimal> = report.rows.iter().map(|row| figure(row, key)).collect();
            self.add_column(
                &column,
                figure(&report.totals, key),
                report.row_count,
                counts.contains(key),
            );
        }
    }

    /// Rows of a file or of 1C that were shown, and the totals of all of them.
    fn add_facts(&mut self, facts: &Facts) {
        let sheet = &facts.sheet;
        self.direct.push(Decimal::from(sheet.row_count));
        self.direct.push(Decimal::from(sheet.rows.len()));
        self.add_text(&sheet.name);
        let mut columns = Vec::with_capacity(sheet.columns.len());
        for (at, column) in sheet.columns.iter().enumerate() {
            self.add_text(column);
            columns.push(sheet.numbers(at));
        }
        for row in &sheet.rows {
            let mut values = Vec::new();
            for (at, cell) in row.iter().enumerate() {
                let is_figure = columns.get(at).is_some_and(|numbers| !numbers.is_empty());
                match number(cell).filter(|_| is_figure) {
                    Some(value) => values.push(value),
                    None => self.add_text(cell),
                }
            }
            values.truncate(MEASURES);
            self.add_values(&values);
        }
        for (at, numbers) in columns
            .iter()
            .enumerate()
            .filter(|(_, numbers)| !numbers.is_empty())
        {
            self.direct.extend(numbers.iter().map(Decimal::abs));
            let total = facts.totals.get(at).copied().flatten();
            let total = total.unwrap_or_else(|| numbers.iter().sum());
            self.direct.push(total.abs());
            self.add_column(numbers, total, sheet.row_count, true);
        }
    }

    fn add_parameters(&mut self, report: &Report) {
        let parameters = &report.parameters;
        let days = [
            parameters.date,
            parameters.from,
            parameters.to,
            parameters.compare_from,
            parameters.compare_to,
        ];
        self.dates.extend(days.into_iter().flatten());
        // The moment is told in the zone of the user, who is at most a day ahead.
        let as_of = report.as_of.date_naive();
        self.dates.insert(as_of);
        self.dates.extend(as_of.checked_add_days(Days::new(1)));
        for text in [&parameters.account, &parameters.number].into_iter().flatten() {
            self.add_text(text);
        }
        if let Some(limit) = parameters.limit {
            self.direct.push(Decimal::from(limit));
        }
        if let (Some(from), Some(to)) = (parameters.from, parameters.to) {
            self.direct.push(Decimal::from((to - from).num_days() + 1));
        }
    }

    fn add_column(&mut self, column: &[Decimal], total: Decimal, rows: u64, is_count: bool) {
        let positive = column
            .iter()
            .filter(|value| value.is_sign_positive() && !value.is_zero());
        self.direct.push(Decimal::from(positive.count()));
        let mut sum = Decimal::ZERO;
        for value in column {
            sum += value;
            // The first so many: «три крупнейших должны …».
            if is_count {
                self.direct.push(sum.abs());
            }
            self.derived.push(sum.abs());
            self.add_share(*value, total);
            self.add_share(sum, total);
            self.derived.push((total - *value).abs());
            self.derived.push((total - sum).abs());
        }
        for (whole, count) in [(total, rows), (sum, column.len() as u64)] {
            self.derived.extend(whole.abs().checked_div(Decimal::from(count)));
        }
        let pairs = &column[..column.len().min(PAIR_ROWS)];
        for (i, a) in pairs.iter().enumerate() {
            for (j, b) in pairs.iter().enumerate().skip(i + 1) {
                self.derived.push((a + b).abs());
                self.derived.push((a - b).abs());
                self.add_share(*a + *b, total);
                for c in column.iter().take(TRIPLE_ROWS).skip(j + 1) {
                    self.derived.push((a + b + c).abs());
                }
            }
        }
        // One is so many times the other.
        let few = &column[..column.len().min(TRIPLE_ROWS)];
        for (i, a) in few.iter().enumerate() {
            for b in &few[i + 1..] {
                self.add_share(*a, *b);
                self.add_share(*b, *a);
                self.add_share(*a - *b, *b);
                self.add_share(*b - *a, *a);
            }
        }
    }

    /// The figures of a row, with sums, differences and shares between its columns.
    fn add_row(&mut self, row: &Map<String, Value>, keys: &[&str]) {
        let values: Vec<Decimal> = keys.iter().map(|key| figure(row, key)).collect();
        self.add_values(&values);
    }

    fn add_values(&mut self, values: &[Decimal]) {
        for (i, a) in values.iter().enumerate() {
            self.direct.push(a.abs());
            for b in &values[i + 1..] {
                self.derived.push((a + b).abs());
                self.derived.push((a - b).abs());
                self.add_share(*a, *b);
                self.add_share(*b, *a);
                self.add_share(*a - *b, *b);
                self.add_share(*b - *a, *a);
            }
        }
    }

    /// «Нам должны больше, чем мы, на …»: sums and differences of totals of different reports.
    fn add_totals(&mut self, reports: &[Report]) {
        let totals: Vec<Vec<Decimal>> = reports
            .iter()
            .map(|report| {
                report
                    .totals
                    .keys()
                    .map(|key| figure(&report.totals, key))
                    .collect()
            })
            .collect();
        for (i, one) in totals.iter().enumerate() {
            for other in &totals[i + 1..] {
                for (a, b) in one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b))) {
                    self.derived.push((a + b).abs());
                    self.derived.push((a - b).abs());
                    self.add_share(a, b);
                    self.add_share(b, a);
                }
            }
        }
    }

    /// Growth between two reports of one kind, of totals and of rows of one name.
    fn add_comparison(&mut self, one: &Report, other: &Report) {
        let pair = |known: &mut Self, a: Decimal, b: Decimal| {
            known.derived.push((a - b).abs());
            known.derived.push((a + b).abs());
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

    /// «Просрочено на 23 дня»: days from the dates of sources to today and to the day of a report.
    fn add_days(&mut self, today: NaiveDate) {
        for date in self.dates.clone() {
            self.direct.push(Decimal::from((today - date).num_days().abs()));
        }
        // First and last days of the months of known dates.
        for date in self.dates.clone() {
            let first = date.with_day(1);
            let last = first
                .and_then(|first| first.checked_add_months(Months::new(1)))
                .and_then(|next| next.pred_opt());
            let year = [date.with_ordinal(1), NaiveDate::from_ymd_opt(date.year(), 12, 31)];
            self.dates.extend([first, last].into_iter().chain(year).flatten());
        }
    }

    fn add_share(&mut self, part: Decimal, whole: Decimal) {
        if let Some(share) = part
            .checked_div(whole)
            .and_then(|share| share.checked_mul(Decimal::ONE_HUNDRED))
        {
            self.shares.push(share.abs());
        }
    }

    pub(super) fn accounts_for(&self, what: &What) -> bool {
        match what {
            What::Figure(figure) => self.accounts_for_figure(figure),
            What::Date(date) => self.dates.contains(date),
            What::Number(number) => self.accounts_for_number(number),
        }
    }

    fn accounts_for_figure(&self, figure: &Figure) -> bool {
        figure.readings.iter().any(|(value, half)| match figure.unit {
            Unit::Percent => near(&self.shares, *value, *half) || near(&self.direct, *value, Decimal::ZERO),
            Unit::Times => {
                let (share, half) = (*value * Decimal::ONE_HUNDRED, *half * Decimal::ONE_HUNDRED);
                near(&self.shares, share, half) || near(&self.direct, *value, Decimal::ZERO)
            }
            Unit::Plain | Unit::Scaled => {
                let whole = *half == Decimal::new(5, 1);
                if whole && *value < Decimal::from(COUNT) {
                    return near(&self.direct, *value, Decimal::ZERO);
                }
                near(&self.direct, *value, *half) || near(&self.derived, *value, *half)
            }
        })
    }

    fn accounts_for_number(&self, number: &str) -> bool {
        let rank = number
            .parse::<Decimal>()
            .is_ok_and(|rank| rank < Decimal::from(COUNT) && near(&self.direct, rank, Decimal::ZERO));
        rank || self.texts.iter().any(|text| text.contains(number))
    }
}

/// True when a value of the sorted list is at most `tolerance` away.
fn near(sorted: &[Decimal], value: Decimal, tolerance: Decimal) -> bool {
    let from = sorted.partition_point(|known| *known < value - tolerance);
    sorted.get(from).is_some_and(|known| *known <= value + tolerance)
}
