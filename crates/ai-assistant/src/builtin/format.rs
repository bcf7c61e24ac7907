//! Figures, dates and tables as people read them.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use common::Locale;
use common::contract::onec::{Column, ColumnKind, Report};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Value};

use super::period::Span;

/// Russian or English, whichever the question is in.
macro_rules! say {
    ($locale:expr, $ru:literal, $en:literal $(,)?) => {
        match $locale {
            common::Locale::Ru => format!($ru),
            common::Locale::En => format!($en),
        }
    };
}
pub(crate) use say;

/// The space that keeps a number on one line.
const NBSP: char = '\u{a0}';

/// Digits in groups of three: `1 234 567,89` or `1,234,567.89`.
fn grouped(value: Decimal, decimals: u32, locale: Locale) -> String {
    let value = value.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
    let text = format!("{:.*}", decimals as usize, value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((text.as_str(), ""));
    let (group, point) = match locale {
        Locale::Ru => (NBSP, ','),
        Locale::En => (',', '.'),
    };
    let mut result = String::new();
    if value.is_sign_negative() && !value.is_zero() {
        result.push(if locale == Locale::Ru { '−' } else { '-' });
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            result.push(group);
        }
        result.push(digit);
    }
    if !fraction.is_empty() {
        result.push(point);
        result.push_str(fraction);
    }
    result
}

/// Money with its currency.
pub(crate) fn money(value: Decimal, currency: &str, locale: Locale) -> String {
    let amount = grouped(value, 2, locale);
    match (locale, currency) {
        (Locale::Ru, "RUB") => format!("{amount}{NBSP}₽"),
        _ => format!("{amount}{NBSP}{currency}"),
    }
}

/// A quantity without needless zeros.
pub(crate) fn quantity(value: Decimal, locale: Locale) -> String {
    let value = value.normalize();
    grouped(value, value.scale(), locale)
}

/// A whole number.
pub(crate) fn count(value: u64, locale: Locale) -> String {
    grouped(Decimal::from(value), 0, locale)
}

/// A percentage with one decimal.
pub(crate) fn percent(value: Decimal, locale: Locale) -> String {
    match locale {
        Locale::Ru => format!("{}{NBSP}%", grouped(value, 1, locale)),
        Locale::En => format!("{}%", grouped(value, 1, locale)),
    }
}

/// A calendar day.
pub(crate) fn date(day: NaiveDate, locale: Locale) -> String {
    match locale {
        Locale::Ru => day.format("%d.%m.%Y").to_string(),
        Locale::En => day.format("%-d %B %Y").to_string(),
    }
}

/// A moment in the time zone of the company.
pub(crate) fn moment(at: DateTime<Utc>, zone: Tz, locale: Locale) -> String {
    let local = at.with_timezone(&zone);
    format!("{} {}", date(local.date_naive(), locale), local.format("%H:%M"))
}

/// «за октябрь 2026 года», «за период с … по …».
pub(crate) fn during(span: Span, locale: Locale) -> String {
    const RU: [&str; 12] = [
        "январь",
        "февраль",
        "март",
        "апрель",
        "май",
        "июнь",
        "июль",
        "август",
        "сентябрь",
        "октябрь",
        "ноябрь",
        "декабрь",
    ];
    const ROMAN: [&str; 4] = ["I", "II", "III", "IV"];
    let (from, to) = (span.from, span.to);
    let (year, month0) = (from.year(), from.month0() as usize);
    if from == to {
        let day = date(from, locale);
        return say!(locale, "за {day}", "for {day}");
    }
    if span.is_whole_months() && year == to.year() {
        let months = to.month0() as usize - month0 + 1;
        match months {
            1 => {
                let (ru, en) = (RU[month0], from.format("%B"));
                return say!(locale, "за {ru} {year} года", "for {en} {year}");
            }
            3 if month0.is_multiple_of(3) => {
                let quarter = month0 / 3;
                let (ru, en) = (ROMAN[quarter], quarter + 1);
                return say!(locale, "за {ru} квартал {year} года", "for Q{en} {year}");
            }
            12 => return say!(locale, "за {year} год", "for {year}"),
            _ => {}
        }
    }
    let (from, to) = (date(from, locale), date(to, locale));
    say!(
        locale,
        "за период с {from} по {to}",
        "for the period from {from} to {to}"
    )
}

/// A decimal figure of a row or of totals; zero when it is not there.
pub(crate) fn figure(row: &Map<String, Value>, key: &str) -> Decimal {
    match row.get(key) {
        Some(Value::String(text)) => text.parse().unwrap_or_default(),
        Some(Value::Number(number)) => number.to_string().parse().unwrap_or_default(),
        _ => Decimal::ZERO,
    }
}

/// A text of a row.
pub(crate) fn text<'a>(row: &'a Map<String, Value>, key: &str) -> &'a str {
    row.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A value as its column's kind says.
fn cell(value: Option<&Value>, column: &Column, locale: Locale) -> String {
    let decimal = || {
        value.and_then(|value| match value {
            Value::String(text) => text.parse::<Decimal>().ok(),
            Value::Number(number) => number.to_string().parse().ok(),
            _ => None,
        })
    };
    match column.kind {
        ColumnKind::Text if column.key == "direction" => match (value.and_then(Value::as_str), locale) {
            (Some("in"), Locale::Ru) => "приход".to_owned(),
            (Some("out"), Locale::Ru) => "расход".to_owned(),
            (value, _) => value.unwrap_or_default().to_owned(),
        },
        ColumnKind::Money => decimal()
            .map(|value| grouped(value, 2, locale))
            .unwrap_or_default(),
        ColumnKind::Quantity => decimal().map(|value| quantity(value, locale)).unwrap_or_default(),
        ColumnKind::Integer => decimal()
            .map(|value| grouped(value, 0, locale))
            .unwrap_or_default(),
        ColumnKind::Date => value
            .and_then(Value::as_str)
            .map(|day| {
                day.get(..10)
                    .and_then(|d| d.parse().ok())
                    .map_or_else(|| day.to_owned(), |day| date(day, locale))
            })
            .unwrap_or_default(),
        ColumnKind::Boolean => match (value.and_then(Value::as_bool), locale) {
            (Some(true), Locale::Ru) => "да".to_owned(),
            (Some(false), Locale::Ru) => "нет".to_owned(),
            (Some(true), Locale::En) => "yes".to_owned(),
            (Some(false), Locale::En) => "no".to_owned(),
            (None, _) => String::new(),
        },
        ColumnKind::Text | ColumnKind::Id => value.and_then(Value::as_str).map(escaped).unwrap_or_default(),
    }
}

/// Names come from 1C and must not become Markdown: no table borders, links, images or HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| match c {
            '|' | '[' | ']' | '<' | '>' | '`' | '*' | '_' | '!' | '\\' => vec!['\\', c],
            '\n' | '\r' => vec![' '],
            c => vec![c],
        })
        .collect()
}

/// A Markdown table of at most `limit` rows, with the totals of the whole report below when
/// `with_totals`.
pub(crate) fn table(
    report: &Report,
    rows: &[&Map<String, Value>],
    limit: usize,
    with_totals: bool,
    locale: Locale,
) -> String {
    let columns: Vec<&Column> = report
        .columns
        .iter()
        .filter(|column| column.kind != ColumnKind::Id)
        .collect();
    if rows.is_empty() || columns.is_empty() {
        return String::new();
    }
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut result = line(columns.iter().map(|column| escaped(&column.title)).collect());
    let borders = columns.iter().map(|column| {
        let right = matches!(
            column.kind,
            ColumnKind::Money | ColumnKind::Quantity | ColumnKind::Integer
        );
        if right { "---:" } else { "---" }.to_owned()
    });
    result += &line(borders.collect());
    for row in rows.iter().take(limit) {
        result += &line(
            columns
                .iter()
                .map(|column| cell(row.get(&column.key), column, locale))
                .collect(),
        );
    }
    if with_totals && !report.totals.is_empty() && rows.len() > 1 {
        let cells = columns.iter().enumerate().map(|(i, column)| {
            let value = cell(report.totals.get(&column.key), column, locale);
            match (i, value.is_empty()) {
                (0, _) => say!(locale, "**Итого**", "**Total**"),
                (_, true) => value,
                (_, false) => format!("**{value}**"),
            }
        });
        result += &line(cells.collect());
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        let value: Decimal = "-1234567.895".parse().unwrap();
        assert_eq!(money(value, "RUB", Locale::Ru), "−1\u{a0}234\u{a0}567,90\u{a0}₽");
        assert_eq!(money(value, "RUB", Locale::En), "-1,234,567.90\u{a0}RUB");
        assert_eq!(quantity("15.500".parse().unwrap(), Locale::Ru), "15,5");
        assert_eq!(quantity("1000".parse().unwrap(), Locale::En), "1,000");
        assert_eq!(percent("12.345".parse().unwrap(), Locale::Ru), "12,3\u{a0}%");
    }

    #[test]
    fn periods_are_named() {
        let span = |from: &str, to: &str| Span::of(from.parse().unwrap(), to.parse().unwrap());
        for (from, to, ru, en) in [
            (
                "2026-10-01",
                "2026-10-31",
                "за октябрь 2026 года",
                "for October 2026",
            ),
            (
                "2026-07-01",
                "2026-09-30",
                "за III квартал 2026 года",
                "for Q3 2026",
            ),
            ("2025-01-01", "2025-12-31", "за 2025 год", "for 2025"),
            (
                "2026-11-01",
                "2026-11-24",
                "за период с 01.11.2026 по 24.11.2026",
                "for the period from 1 November 2026 to 24 November 2026",
            ),
        ] {
            assert_eq!(during(span(from, to), Locale::Ru), ru);
            assert_eq!(during(span(from, to), Locale::En), en);
        }
    }

    #[test]
    fn names_do_not_become_markup() {
        assert_eq!(escaped("a|b ![x](y) <b>"), "a\\|b \\!\\[x\\](y) \\<b\\>");
    }
}
