//! Names of months and days in all their forms, and the ends of months and years.

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::builtin::words::Word;

/// How many units back: 0 for this one.
pub(super) fn relative_word(lower: &str) -> Option<u8> {
    const THIS: [&str; 12] = [
        "этот",
        "этом",
        "эту",
        "этой",
        "этого",
        "текущий",
        "текущем",
        "текущего",
        "текущую",
        "текущей",
        "this",
        "current",
    ];
    const LAST: [&str; 14] = [
        "прошлый",
        "прошлом",
        "прошлого",
        "прошлую",
        "прошлой",
        "прошлым",
        "прошлое",
        "предыдущий",
        "предыдущем",
        "предыдущего",
        "предыдущую",
        "предыдущим",
        "last",
        "previous",
    ];
    if THIS.contains(&lower) {
        Some(0)
    } else if LAST.contains(&lower) {
        Some(1)
    } else if lower.starts_with("позапрошл") {
        Some(2)
    } else {
        None
    }
}

/// The number of a month name in any of its forms.
pub(in crate::builtin) fn month(lower: &str) -> Option<u32> {
    const RUSSIAN: [(&str, u32); 11] = [
        ("январ", 1),
        ("феврал", 2),
        ("март", 3),
        ("апрел", 4),
        ("июн", 6),
        ("июл", 7),
        ("август", 8),
        ("сентябр", 9),
        ("октябр", 10),
        ("ноябр", 11),
        ("декабр", 12),
    ];
    const ENGLISH: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    if matches!(lower, "май" | "мая" | "мае" | "маю" | "маем") {
        return Some(5);
    }
    let ending = |rest: &str| matches!(rest, "" | "ь" | "я" | "е" | "ю" | "ем" | "а" | "у" | "ом");
    for (stem, number) in RUSSIAN {
        if lower.strip_prefix(stem).is_some_and(ending) {
            return Some(number);
        }
    }
    let by_english = ENGLISH.iter().position(|name| {
        *name == lower
            || (lower.len() == 3 && name.starts_with(lower))
            || (lower == "sept" && *name == "september")
    });
    if let Some(index) = by_english {
        return u32::try_from(index + 1).ok();
    }
    if lower.chars().count() < 6 {
        return None;
    }
    RUSSIAN
        .iter()
        .filter(|(stem, _)| stem.chars().count() >= 5)
        .find(|(stem, _)| {
            ["ь", "я", "е"]
                .iter()
                .any(|ending| strsim::osa_distance(lower, &format!("{stem}{ending}")) <= 1)
        })
        .map(|(_, number)| *number)
        .or_else(|| {
            let index = ENGLISH
                .iter()
                .position(|name| name.len() >= 6 && strsim::osa_distance(lower, name) <= 1)?;
            u32::try_from(index + 1).ok()
        })
}

/// `3`, `3-й`, `III`, «третий», "third".
pub(super) fn ordinal(word: &Word) -> Option<u32> {
    let lower = word.lower.as_str();
    let digits: String = lower.chars().take_while(char::is_ascii_digit).collect();
    if !digits.is_empty() {
        let rest = lower[digits.len()..].trim_start_matches('-');
        let ending = matches!(
            rest,
            "" | "й" | "го" | "м" | "ый" | "ой" | "ий" | "е" | "ое" | "ье" | "st" | "nd" | "rd" | "th"
        );
        return if ending { digits.parse().ok() } else { None };
    }
    Some(match lower {
        "i" | "первый" | "первом" | "первого" | "первое" | "первым" | "first" => {
            1
        }
        "ii" | "второй" | "втором" | "второго" | "второе" | "вторым" | "second" => {
            2
        }
        "iii" | "третий" | "третьем" | "третьего" | "третье" | "третьим" | "third" => {
            3
        }
        "iv" | "четвертый" | "четвертом" | "четвертого" | "четвертым" | "fourth" => {
            4
        }
        _ => return None,
    })
}

/// «первое», «пятого»; with «двадцать» before it, the caller adds that.
fn day_in_words(lower: &str) -> Option<u32> {
    const STEMS: [(&str, u32); 21] = [
        ("одиннадцат", 11),
        ("двенадцат", 12),
        ("тринадцат", 13),
        ("четырнадцат", 14),
        ("пятнадцат", 15),
        ("шестнадцат", 16),
        ("семнадцат", 17),
        ("восемнадцат", 18),
        ("девятнадцат", 19),
        ("двадцат", 20),
        ("тридцат", 30),
        ("перв", 1),
        ("втор", 2),
        ("трет", 3),
        ("четверт", 4),
        ("пят", 5),
        ("шест", 6),
        ("седьм", 7),
        ("восьм", 8),
        ("девят", 9),
        ("десят", 10),
    ];
    STEMS.iter().find_map(|(stem, day)| {
        let ending = lower.strip_prefix(stem)?;
        matches!(ending, "ое" | "ого" | "ье" | "ьего" | "ому" | "ьему").then_some(*day)
    })
}

pub(super) fn ordinal_day(word: &Word) -> Option<u32> {
    if let Some(day) = day_in_words(&word.lower) {
        return Some(day);
    }
    let first = word.lower.chars().next()?;
    if !first.is_ascii_digit() {
        return None;
    }
    ordinal(word).filter(|day| (1..=31).contains(day))
}

pub(super) fn first_of_year(year: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default()
}

pub(super) fn last_of_year(year: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, 12, 31).unwrap_or_default()
}

/// The last day of the month of `day`.
pub(crate) fn last_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1)
        .map_or(day, |first| first + Months::new(1) - Days::new(1))
}
