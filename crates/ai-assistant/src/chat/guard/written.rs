//! Figures, dates and numbers of documents as people write them, in Russian and English.

use std::sync::LazyLock;

use chrono::NaiveDate;
use regex::Regex;
use rust_decimal::Decimal;

/// Something in a text that sources have to account for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written {
    /// Byte where it begins.
    pub(super) start: usize,
    /// Byte behind its end.
    pub(super) end: usize,
    pub(super) what: What,
}

/// What it says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Figure(Figure),
    Date(NaiveDate),
    /// Number of a document, or an article.
    Number(String),
}

/// A figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    /// What it may mean, each with half of the last digit's worth: «1,234» is 1.234 in Russian and
    /// 1234 in English.
    pub(super) readings: Vec<(Decimal, Decimal)>,
    pub(super) unit: Unit,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Plain,
    /// Roubles, with a scale or without.
    Scaled,
    Percent,
    /// «в 2 раза».
    Times,
}

const MONTHS: &str = "январ[ьяе]|феврал[ьяе]|март[ае]?|апрел[ьяе]|ма[йяе]|июн[ьяе]|июл[ьяе]|август[ае]?|сентябр[ьяе]|октябр[ьяе]|ноябр[ьяе]|декабр[ьяе]|\
                      january|february|march|april|may|june|july|august|september|october|november|december";
const BEGINNINGS: [&str; 24] = [
    "янв", "фев", "мар", "апр", "ма", "июн", "июл", "авг", "сен", "окт", "ноя", "дек", "jan", "feb", "mar",
    "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
/// What makes a number behind a year's preposition money or goods.
const MEASURES: &str = r"^[\s\x{a0}\x{202f}]*(?:₽|руб|р\.|тыс|млн|млрд|миллион|миллиард|коп|шт|кг|%|процент|\$|€|usd|eur|rub|долл|евро|единиц|упак)";

static FULL_DATES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        r"(?i)\b(?P<iso>\d{{4}}-\d{{2}}-\d{{2}})(?:T[\d:.]+Z?)?|\b(?P<d>\d{{1,2}})\.(?P<m>\d{{1,2}})\.(?P<y>\d{{4}}|\d{{2}})\b|\b(?P<day>\d{{1,2}})\s+(?P<month>{MONTHS})\s+(?P<year>(?:19|20)\d{{2}})|\b(?P<enmonth>{MONTHS})\s+(?P<enday>\d{{1,2}}),?\s+(?P<enyear>(?:19|20)\d{{2}})"
    ))
    .ok()
});

static NUMBERS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:№\s*|\bномер\p{L}*\s+|\bnumber\s+|\bno\.\s*)(?P<named>[\p{L}\d][\p{L}\d/.-]*)|\b(?P<article>\p{L}+[-\p{L}]*\d[-\p{L}\d]*)").ok()
});

/// Times, citations, list numbers, accounts, parts of dates: not figures.
static NOT_FIGURES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let patterns = [
        r"\b\d{1,2}:\d{2}(?::\d{2})?\b".to_owned(),
        r"\[\d+\]".to_owned(),
        r"(?m)^[\s>*-]*\d{1,2}[.)]\s".to_owned(),
        format!(r"(?:\d{{1,2}}\s+)?\b(?:{MONTHS})\b(?:\s+\d{{1,2}}\b,?)?(?:\s+(?:19|20)\d{{2}})?"),
        r"\b(?:19|20)\d{2}\s*(?:гг?\b|год\p{L}*)".to_owned(),
        r"\b(?:19|20)\d{2}\s*[-–—]\s*(?:19|20)\d{2}\s*(?:гг?\b|год\p{L}*)".to_owned(),
        r"\bq[1-4](?:\s+(?:19|20)\d{2})?".to_owned(),
        r"\b[1-4][-–]?(?:й|го|м)?\s*(?:квартал|полугод)\p{L}*(?:\s+(?:19|20)\d{2})?".to_owned(),
        r"(?:сч[её]т\p{L}*|сч\.|account|дт|кт|осв|субсч[её]т\p{L}*)\s+\d{2}(?:\.\d{1,2})*(?:\.\p{L}+)?"
            .to_owned(),
        r"\b\d+(?:-\d+){2,}\b".to_owned(),
        r"\b1[сc]\b".to_owned(),
        r"\b0\d{3,}\b".to_owned(),
        // «ФЗ-152», «ст. 314 ГК», «п. 5.2»: law and clauses.
        r"\b\d{2,3}-фз\b".to_owned(),
        r"(?:\bст|\bстать\p{L}*|\bп|\bпункт\p{L}*|\bпп|\bч|\bглав\p{L}*|§)\.?\s*\d+(?:\.\d+)*".to_owned(),
        r"\b\d{1,2}\.\d{2}\b(?:\s*[-–—]\s*\d{1,2}\.\d{2}\b)".to_owned(),
    ];
    Regex::new(&format!("(?i){}", patterns.join("|"))).ok()
});

static YEARS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:год\p{L}*|year|\bin|\bfor|\bза|\bв|\bс|\bпо|\bна)\s+(?P<year>(?:19|20)\d{2})\b").ok()
});
static MEASURE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("(?i){MEASURES}")).ok());

static FIGURES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let number = r"\d{1,3}(?:[\x{a0}\x{202f}\x{2009} ]\d{3})+(?:[.,]\d+)?|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?";
    let units = r"тыс\p{L}*|млн|миллион\p{L}*|млрд|миллиард\p{L}*|трлн|thousand|million|billion|[km]\b|%|процент\p{L}*|percent";
    Regex::new(&format!(
        r"(?i)(?P<number>{number})(?P<range>\s?(?:-|–|—|до|to)\s?(?:{number})\s?(?:{units}))?(?:[\s\x{{a0}}\x{{202f}}]?(?P<unit>{units})|[\s\x{{a0}}]?(?:руб\p{{L}}*\.?|₽)[\s\x{{a0}}](?P<kopecks>\d{{1,2}})[\s\x{{a0}}]?коп\p{{L}}*)?"
    ))
    .ok()
});

static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let numeral = r"полтора|полторы|од\p{L}{2,4}|дв[аеу]\p{L}{0,3}|тр[ие]\p{L}{0,3}|четыр\p{L}{1,3}|пят[ьи]\p{L}*|шест[ьи]\p{L}*|сем[ьи]\p{L}*|вос[еь]м\p{L}*|девят[ьи]\p{L}*|десят[ьи]\p{L}*|двадцат\p{L}*|тридцат\p{L}*|сорок\p{L}*|сто|ста|двести|триста|четыреста|пятьсот|шестьсот|семьсот|восемьсот|девятьсот";
    Regex::new(&format!(
        r"(?i)\b(?P<words>(?:(?:{numeral})\s+)+)(?P<unit>тысяч\p{{L}}*|миллион\p{{L}}*|миллиард\p{{L}}*)"
    ))
    .ok()
});

/// Everything in a text that sources have to account for, in order.
pub(super) fn find(text: &str) -> Vec<Written> {
    let mut found = Vec::new();
    let mut rest = text.to_owned();
    dates(&mut rest, &mut found);
    numbers(&mut rest, &mut found);
    if let Some(not) = &*NOT_FIGURES {
        let spans: Vec<_> = not.find_iter(&rest).map(|found| found.range()).collect();
        for span in spans {
            blank(&mut rest, span.start, span.end);
        }
    }
    years(&mut rest);
    words(&mut rest, &mut found);
    figures(&rest, &mut found);
    found.sort_by_key(|written| written.start);
    found
}

/// Overwrites a part with as many bytes that belong to nothing.
fn blank(text: &mut String, start: usize, end: usize) {
    text.replace_range(start..end, &"\u{1}".repeat(end - start));
}

fn dates(rest: &mut String, found: &mut Vec<Written>) {
    let Some(dates) = &*FULL_DATES else { return };
    let mut spans = Vec::new();
    for captures in dates.captures_iter(rest) {
        let Some(whole) = captures.get(0) else {
            continue;
        };
        let get = |name: &'static str| captures.name(name).map(|found| found.as_str());
        let number = |name| get(name).and_then(|text| text.parse::<u32>().ok());
        let year = |name| get(name).and_then(|text| text.parse::<i32>().ok());
        let date = get("iso").and_then(|iso| iso.parse().ok()).or_else(|| {
            if let (Some(day), Some(month), Some(year)) = (number("d"), number("m"), year("y")) {
                let year = if year < 100 { year + 2000 } else { year };
                return NaiveDate::from_ymd_opt(year, month, day);
            }
            let (day, month, year) = match get("month") {
                Some(month) => (number("day")?, month, year("year")?),
                None => (number("enday")?, get("enmonth")?, year("enyear")?),
            };
            NaiveDate::from_ymd_opt(year, month_of(month)?, day)
        });
        spans.push(whole.range());
        if let Some(date) = date {
            found.push(Written {
                start: whole.start(),
                end: whole.end(),
                what: What::Date(date),
            });
        }
    }
    for span in spans {
        blank(rest, span.start, span.end);
    }
}

fn month_of(name: &str) -> Option<u32> {
    let name = name.to_lowercase();
    let at = BEGINNINGS
        .iter()
        .position(|beginning| name.starts_with(beginning))?;
    // «март» begins as «ма» does, but comes first.
    u32::try_from(at % 12 + 1).ok()
}

fn numbers(rest: &mut String, found: &mut Vec<Written>) {
    let Some(numbers) = &*NUMBERS else { return };
    let mut spans = Vec::new();
    for captures in numbers.captures_iter(rest) {
        let Some(whole) = captures.get(0) else { continue };
        spans.push(whole.range());
        let (named, article) = (captures.name("named"), captures.name("article"));
        let Some(part) = named.or(article) else { continue };
        let number = part.as_str().trim_end_matches(['.', '-', '/']);
        let digits = number.chars().filter(char::is_ascii_digit).count();
        // «А4» and «2-НДФЛ» name no document.
        if digits >= 4 || (named.is_some() && digits > 0) {
            found.push(Written {
                start: part.start(),
                end: part.start() + number.len(),
                what: What::Number(number.to_lowercase()),
            });
        }
    }
    for span in spans {
        blank(rest, span.start, span.end);
    }
}

fn years(rest: &mut String) {
    let (Some(years), Some(measure)) = (&*YEARS, &*MEASURE) else {
        return;
    };
    let spans: Vec<_> = years
        .captures_iter(rest)
        .filter_map(|captures| captures.name("year"))
        .filter(|year| !measure.is_match(&rest[year.end()..]))
        .map(|year| year.range())
        .collect();
    for span in spans {
        blank(rest, span.start, span.end);
    }
}

fn words(rest: &mut String, found: &mut Vec<Written>) {
    let Some(words) = &*WORDS else { return };
    let mut spans = Vec::new();
    for captures in words.captures_iter(rest) {
        let (Some(whole), Some(unit)) = (captures.get(0), captures.name("unit")) else {
            continue;
        };
        let factor = factor(unit.as_str());
        let value: Option<Decimal> = captures["words"].split_whitespace().map(numeral).sum();
        spans.push(whole.range());
        if let Some(value) = value {
            found.push(Written {
                start: whole.start(),
                end: whole.end(),
                what: What::Figure(Figure {
                    readings: vec![(value * factor, factor / Decimal::TWO)],
                    unit: Unit::Scaled,
                }),
            });
        }
    }
    for span in spans {
        blank(rest, span.start, span.end);
    }
}

fn numeral(word: &str) -> Option<Decimal> {
    const WORDS: [(&str, i64); 36] = [
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
        ("пятьдесят", 50),
        ("шестьдесят", 60),
        ("семьдесят", 70),
        ("восемьдесят", 80),
        ("девяносто", 90),
        ("двести", 200),
        ("триста", 300),
        ("четыреста", 400),
        ("пятьсот", 500),
        ("шестьсот", 600),
        ("семьсот", 700),
        ("восемьсот", 800),
        ("девятьсот", 900),
        ("сорок", 40),
        ("сто", 100),
        ("ста", 100),
        ("од", 1),
        ("дв", 2),
        ("тр", 3),
        ("четыр", 4),
        ("пят", 5),
        ("шест", 6),
        ("сем", 7),
        ("девят", 9),
        ("десят", 10),
    ];
    let word = word.to_lowercase();
    if word.starts_with("полтор") {
        return Some(Decimal::new(15, 1));
    }
    if word.starts_with("восем") || word.starts_with("восьм") {
        let tens = WORDS
            .iter()
            .find(|(begin, _)| begin.starts_with("вос") && word.starts_with(begin));
        return Some(Decimal::from(tens.map_or(8, |(_, value)| *value)));
    }
    let (_, value) = WORDS.iter().find(|(begin, _)| word.starts_with(begin))?;
    Some(Decimal::from(*value))
}

fn figures(rest: &str, found: &mut Vec<Written>) {
    let Some(figures) = &*FIGURES else { return };
    let mut at = 0;
    while let Some(captures) = figures.captures_at(rest, at) {
        let (Some(whole), Some(number)) = (captures.get(0), captures.name("number")) else {
            break;
        };
        // Of a range only the first number is taken; the second one is found on its own.
        let range = captures.name("range");
        let end = range.map_or(whole.end(), |range| range.start());
        at = end.max(whole.start() + 1);
        let unit = captures
            .name("unit")
            .filter(|_| range.is_none())
            .map(|unit| unit.as_str().to_lowercase())
            .unwrap_or_default();
        let mut readings = readings(number.as_str(), factor(&unit));
        if let Some(range) = range {
            // «100–200 тыс.»: the unit is that of both.
            let common: String = range
                .as_str()
                .chars()
                .rev()
                .take_while(|c| !c.is_ascii_digit())
                .collect();
            let common: String = common.chars().rev().collect::<String>().trim().to_lowercase();
            if !is_percent(&common) {
                readings.extend(self::readings(number.as_str(), factor(&common)));
            }
        }
        if let Some(kopecks) = captures
            .name("kopecks")
            .and_then(|kopecks| kopecks.as_str().parse::<i64>().ok())
        {
            for (value, half) in &mut readings {
                *value += Decimal::new(kopecks, 2);
                *half = Decimal::new(5, 3);
            }
        }
        let after = rest[whole.end()..].trim_start_matches([' ', '\u{a0}']);
        let times = unit.is_empty() && (after.starts_with("раз") || after.starts_with("times"));
        let percent = is_percent(&unit) || range.is_some_and(|range| range.as_str().ends_with('%'));
        found.push(Written {
            start: number.start(),
            end: if range.is_some() {
                number.end()
            } else {
                whole.end()
            },
            what: What::Figure(Figure {
                readings,
                unit: if percent {
                    Unit::Percent
                } else if times {
                    Unit::Times
                } else if unit.is_empty() {
                    Unit::Plain
                } else {
                    Unit::Scaled
                },
            }),
        });
    }
}

fn is_percent(unit: &str) -> bool {
    unit == "%" || unit.starts_with("процент") || unit == "percent"
}

fn factor(unit: &str) -> Decimal {
    let unit = unit.to_lowercase();
    let power = match unit.as_str() {
        "млн" | "million" | "m" => 6,
        "млрд" | "billion" => 9,
        "трлн" => 12,
        "thousand" | "k" => 3,
        unit if unit.starts_with("тыс") => 3,
        unit if unit.starts_with("миллион") => 6,
        unit if unit.starts_with("миллиард") => 9,
        _ => 0,
    };
    Decimal::from(10_i64.pow(power))
}

/// Values and half of the last digit's worth.
pub(super) fn readings(number: &str, factor: Decimal) -> Vec<(Decimal, Decimal)> {
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
            let half = Decimal::new(5, value.scale() + 1).checked_mul(factor)?;
            Some((value.checked_mul(factor)?, half))
        })
        .collect()
}
