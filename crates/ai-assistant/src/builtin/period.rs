//! Periods and dates in a question: «за октябрь», «с 1 по 15 марта», "Q3 2026", "last month".

use std::ops::Range;

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use super::words::{Kind, Word};

/// Days from `from` to `to`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) from: NaiveDate,
    pub(crate) to: NaiveDate,
    /// The question named one day, such as «на 1 мая», rather than a period.
    pub(crate) point: bool,
    /// Months of the calendar unit that this is the beginning of, such as 3 for «этот квартал»; 0
    /// when it is none.
    #[serde(default)]
    pub(crate) cycle: u32,
}

impl Span {
    pub(crate) fn day(day: NaiveDate) -> Self {
        Self {
            from: day,
            to: day,
            point: true,
            cycle: 0,
        }
    }

    pub(crate) fn of(from: NaiveDate, to: NaiveDate) -> Self {
        Self {
            from: from.min(to),
            to: from.max(to),
            point: false,
            cycle: 0,
        }
    }

    /// The same as the beginning of a unit of so many months.
    fn begins(self, months: u32) -> Self {
        Self {
            cycle: months,
            ..self
        }
    }

    /// As much of it as has passed by `today`.
    pub(crate) fn until(self, today: NaiveDate) -> Self {
        if self.to <= today || self.from > today || self.point {
            return self;
        }
        let months = if self.is_whole_months() {
            self.months()
        } else {
            self.cycle
        };
        Self::of(self.from, today).begins(months)
    }

    /// True when it is made of whole calendar months.
    pub(crate) fn is_whole_months(self) -> bool {
        self.from.day() == 1 && self.to == last_of_month(self.to)
    }

    fn months(self) -> u32 {
        let months = (self.to.year() - self.from.year()) * 12 + i32::try_from(self.to.month()).unwrap_or(0)
            - i32::try_from(self.from.month()).unwrap_or(0)
            + 1;
        u32::try_from(months).unwrap_or(1)
    }

    /// The period of the same length before this one. Whole months stay whole months, and a month
    /// that has only begun is compared with as many days of the month before.
    pub(crate) fn previous(self) -> Self {
        let months = Months::new(self.months());
        if self.is_whole_months() {
            let from = self.from - months;
            return Self::of(from, self.from - Days::new(1));
        }
        if self.from.day() == 1 && !self.point {
            let months = if self.cycle > 0 {
                Months::new(self.cycle)
            } else {
                months
            };
            return Self::of(self.from - months, self.to - months);
        }
        let length = u64::try_from((self.to - self.from).num_days()).unwrap_or(0) + 1;
        Self {
            from: self.from - Days::new(length),
            to: self.to - Days::new(length),
            point: self.point,
            cycle: 0,
        }
    }

    /// The same days of the year before.
    pub(crate) fn year_before(self) -> Self {
        let year = Months::new(12);
        let to = if self.is_whole_months() {
            last_of_month(self.to - year)
        } else {
            self.to - year
        };
        Self {
            from: self.from - year,
            to,
            point: self.point,
            cycle: 0,
        }
    }
}

/// A period and the words that name it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) words: Range<usize>,
    pub(super) span: Span,
}

/// All periods in a question, in order.
pub(super) fn find(words: &[Word], today: NaiveDate) -> Vec<Found> {
    let reader = Periods { words, today };
    let mut found = Vec::new();
    let mut i = 0;
    while i < words.len() {
        if words[i].quotation.is_some() {
            i += 1;
            continue;
        }
        if let Some((end, span)) = reader.range(i).or_else(|| reader.with_preposition(i)) {
            found.push(Found { words: i..end, span });
            i = end;
        } else {
            i += 1;
        }
    }
    found
}

/// A day that no calendar has, such as «31 ноября», as it was written.
pub(super) fn impossible(words: &[Word]) -> Option<String> {
    words.windows(2).find_map(|pair| {
        let number = pair[0].number().filter(|number| (1..=31).contains(number))?;
        let month = month(&pair[1].lower).filter(|_| pair[1].quotation.is_none())?;
        // A leap year has all the days that any year has.
        let exists = NaiveDate::from_ymd_opt(2024, month, number).is_some();
        (!exists).then(|| format!("{} {}", pair[0].text, pair[1].text))
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    Half,
    Year,
}

struct Periods<'a> {
    words: &'a [Word],
    today: NaiveDate,
}

impl Periods<'_> {
    fn is(&self, i: usize, words: &[&str]) -> bool {
        self.words.get(i).is_some_and(|word| word.is(words))
    }

    /// «с … по …», "from … to …", «октябрь-ноябрь», «с начала года», «с 1 марта».
    fn range(&self, i: usize) -> Option<(usize, Span)> {
        // «с сентября» begins a period, «[сравни] с сентябрём» does not.
        let opened = self.is(i, &["с", "со", "от", "from", "since", "between", "между"])
            && !self.is_instrumental(i + 1);
        let start = if opened { i + 1 } else { i };
        let start = if opened && self.is(start, &["the"]) {
            start + 1
        } else {
            start
        };
        if opened && self.is(start, &["начала", "beginning", "start"]) {
            let after = self.skip(start + 1, &["of", "the", "этого", "текущего", "this", "current"]);
            if let Some((end, year)) = self.year(after) {
                let whole = Span::of(first_of_year(year), last_of_year(year));
                return Some((end, whole.until(self.today)));
            }
            let unit = self.unit(after)?;
            return Some((after + 1, self.current(unit)?.until(self.today)));
        }
        // «с 1 по 15 марта»: the first day takes its month from the second.
        if let Some(day) = self
            .words
            .get(start)
            .and_then(Word::number)
            .filter(|day| (1..=31).contains(day))
            && (opened || self.is(start + 1, &["-", "–", "—"]))
            && self.is_to(start + 1)
            && let Some((end, last)) = self.day(start + 2)
            && let Some(first) = last.with_day(day)
        {
            return Some((end, Span::of(first, last)));
        }
        let (middle, first) = self.single(start)?;
        if (opened && self.is_to(middle)) || self.is(middle, &["-", "–", "—"]) {
            let second = self.skip(middle + 1, &["the"]);
            if let Some((end, last)) = self.single(second) {
                return Some((end, self.join(start, middle, first, last)));
            }
        }
        if !opened || self.is(i, &["от", "from", "between", "между"]) {
            return None;
        }
        Some((middle, Span::of(first.from, self.today.max(first.from))))
    }

    fn is_instrumental(&self, i: usize) -> bool {
        let Some(word) = self.words.get(i) else {
            return false;
        };
        let ending = ["ем", "ом", "ым", "им"]
            .iter()
            .any(|ending| word.lower.ends_with(ending));
        (ending && (month(&word.lower).is_some() || relative_word(&word.lower).is_some()))
            || self.is(i + 1, &["годом"])
    }

    /// «с января по март 2025»: the year of the second part is meant for the first too.
    fn join(&self, start: usize, middle: usize, first: Span, last: Span) -> Span {
        let has_year = (start..middle).any(|i| {
            self.words[i].lower.len() >= 4 && self.words[i].lower.bytes().any(|b| b.is_ascii_digit())
        });
        let mut from = first.from;
        if !has_year {
            let in_that_year = from.with_year(last.to.year());
            from = match in_that_year {
                Some(day) if day <= last.to => day,
                Some(day) => day - Months::new(12),
                None => from,
            };
        }
        Span::of(from, last.to)
    }

    fn is_to(&self, i: usize) -> bool {
        self.is(
            i,
            &[
                "по", "до", "to", "till", "until", "through", "and", "и", "-", "–", "—",
            ],
        )
    }

    /// A single period with the prepositions before it.
    fn with_preposition(&self, i: usize) -> Option<(usize, Span)> {
        let start = self.skip(
            i,
            &[
                "за",
                "в",
                "во",
                "на",
                "по",
                "к",
                "до",
                "in",
                "for",
                "during",
                "on",
                "as",
                "of",
                "at",
                "by",
                "the",
                "over",
                "within",
                "весь",
                "всю",
                "until",
                "состоянию",
            ],
        );
        let (end, span) = self.single(start)?;
        Some((end, span))
    }

    fn skip(&self, mut i: usize, words: &[&str]) -> usize {
        while self.is(i, words) {
            i += 1;
        }
        i
    }

    fn single(&self, i: usize) -> Option<(usize, Span)> {
        self.all_time(i)
            .or_else(|| self.edge(i))
            .or_else(|| self.day(i).map(|(end, day)| (end, Span::day(day))))
            .or_else(|| self.month_name(i))
            .or_else(|| self.part_of_year(i))
            .or_else(|| self.relative(i))
            .or_else(|| self.trailing(i))
            .or_else(|| self.bare_unit(i))
            .or_else(|| {
                let (end, year) = self.year(i)?;
                Some((end, Span::of(first_of_year(year), last_of_year(year))))
            })
    }

    /// «всё время», "all time": from the year before which there is no accounting in 1C 8.
    fn all_time(&self, i: usize) -> Option<(usize, Span)> {
        if !self.is(i, &["все", "all"]) || !self.is(i + 1, &["время", "time"]) {
            return None;
        }
        Some((i + 2, Span::of(first_of_year(2000), self.today)))
    }

    /// «конец октября», «начало года»: one day.
    fn edge(&self, i: usize) -> Option<(usize, Span)> {
        let last = self.is(i, &["конец", "концу", "end"]);
        if !last && !self.is(i, &["начало", "началу", "beginning", "start"]) {
            return None;
        }
        let start = self.skip(i + 1, &["of", "the"]);
        let (end, span) = self
            .month_name(start)
            .or_else(|| self.part_of_year(start))
            .or_else(|| self.relative(start))
            .or_else(|| {
                let (end, year) = self.year(start)?;
                Some((end, Span::of(first_of_year(year), last_of_year(year))))
            })
            .or_else(|| {
                let unit = self.unit(start)?;
                let whole = self.current(unit)?;
                Some((start + 1, whole))
            })?;
        // A balance at the beginning of a period is that of the end of the day before.
        let day = if last { span.to } else { span.from - Days::new(1) };
        Some((end, Span::day(day)))
    }

    /// One calendar day.
    fn day(&self, i: usize) -> Option<(usize, NaiveDate)> {
        let word = self.words.get(i)?;
        match word.lower.as_str() {
            "сегодня" | "today" | "сейчас" | "now" | "сегодняшний" => {
                let end = if self.is(i + 1, &["день"]) {
                    i + 2
                } else {
                    i + 1
                };
                return Some((end, self.today));
            }
            "вчера" | "yesterday" | "вчерашний" => {
                let end = if self.is(i + 1, &["день"]) {
                    i + 2
                } else {
                    i + 1
                };
                return Some((end, self.today - Days::new(1)));
            }
            "позавчера" => return Some((i + 1, self.today - Days::new(2))),
            _ => {}
        }
        if word.kind == Kind::Number && word.lower.contains(['.', '-', '/']) {
            return self.written_date(i).map(|day| (i + 1, day));
        }
        let (day_at, month_at, next) = if let Some(month) = self.month_at(i) {
            // "March 15[, 2026]"
            (i + 1, month, i + 2)
        } else {
            let of = self.skip(i + 1, &["of"]);
            (i, self.month_at(of)?, of + 1)
        };
        let mut day = ordinal_day(self.words.get(day_at)?)?;
        // «двадцать пятое ноября»
        if day < 10 && day_at > 0 {
            day += match self.words[day_at - 1].lower.as_str() {
                "двадцать" => 20,
                "тридцать" => 30,
                _ => 0,
            };
        }
        let next = if self.is(next, &[","]) && self.year(next + 1).is_some() {
            next + 1
        } else {
            next
        };
        if let Some((end, year)) = self.year(next).or_else(|| self.relative_year(next)) {
            return Some((end, NaiveDate::from_ymd_opt(year, month_at, day)?));
        }
        let this_year = NaiveDate::from_ymd_opt(self.today.year(), month_at, day);
        let day = match this_year {
            Some(date) if date <= self.today => date,
            _ => NaiveDate::from_ymd_opt(self.today.year() - 1, month_at, day)?,
        };
        Some((next, day))
    }

    fn written_date(&self, i: usize) -> Option<NaiveDate> {
        let text = &self.words.get(i)?.lower;
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Some(day);
        }
        let parts: Vec<&str> = text.split(['.', '/']).collect();
        let number = |s: &str| s.parse::<u32>().ok();
        match parts.as_slice() {
            [day, month, year] if matches!(year.len(), 2 | 4) => {
                let year: i32 = year.parse().ok()?;
                let year = if year < 100 { 2000 + year } else { year };
                NaiveDate::from_ymd_opt(year, number(month)?, number(day)?)
            }
            // `68.02` is an account unless a preposition of time stands before it.
            [day, month]
                if month.len() == 2 && i > 0 && self.is(i - 1, &["на", "за", "с", "по", "до", "on"]) =>
            {
                let (day, month) = (number(day)?, number(month)?);
                NaiveDate::from_ymd_opt(self.today.year(), month, day)
                    .filter(|date| *date <= self.today)
                    .or_else(|| NaiveDate::from_ymd_opt(self.today.year() - 1, month, day))
            }
            _ => None,
        }
    }

    fn month_at(&self, i: usize) -> Option<u32> {
        let word = self.words.get(i)?;
        if word.kind != Kind::Word || word.quotation.is_some() {
            return None;
        }
        // "may" and "march" are verbs as well.
        if word.lower == "may" || word.lower == "march" || word.lower == "mar" {
            let before = i > 0
                && self.is(
                    i - 1,
                    &[
                        "in", "for", "during", "of", "from", "to", "since", "until", "on", "and", "-",
                        "through", "last",
                    ],
                );
            let number = self.words.get(i + 1).is_some_and(|w| w.kind == Kind::Number)
                || i > 0 && ordinal_day(&self.words[i - 1]).is_some();
            if !before && !number {
                return None;
            }
        }
        month(&word.lower)
    }

    /// «октябрь [2025 года]», «октябрь прошлого года».
    fn month_name(&self, i: usize) -> Option<(usize, Span)> {
        let i = self.skip(i, &["месяц", "last", "прошлый", "прошлом", "of"]);
        let month = self.month_at(i)?;
        let after = self.skip(i + 1, &["месяц", "месяце", "of"]);
        let (end, year) = self
            .year(after)
            .or_else(|| self.relative_year(after))
            .unwrap_or_else(|| {
                let this_year = self.today.year();
                (
                    after.min(i + 1),
                    if month <= self.today.month() {
                        this_year
                    } else {
                        this_year - 1
                    },
                )
            });
        let from = NaiveDate::from_ymd_opt(year, month, 1)?;
        Some((end, Span::of(from, last_of_month(from))))
    }

    /// «III квартал 2026», «первое полугодие», "Q3 2026", "H1".
    fn part_of_year(&self, i: usize) -> Option<(usize, Span)> {
        let word = self.words.get(i)?;
        let short = |prefixes: &[char]| -> Option<u32> {
            let mut chars = word.lower.chars();
            let first = chars.next()?;
            let rest = chars.as_str();
            (prefixes.contains(&first) && rest.len() == 1)
                .then(|| rest.parse().ok())
                .flatten()
        };
        let (number, months, next) = if let Some(n) = short(&['q']) {
            (n, 3, i + 1)
        } else if let Some(n) = short(&['h']) {
            (n, 6, i + 1)
        } else {
            let n = ordinal(word)?;
            let unit = self.unit(i + 1)?;
            match unit {
                Unit::Quarter => (n, 3, i + 2),
                Unit::Half => (n, 6, i + 2),
                Unit::Day | Unit::Week | Unit::Month | Unit::Year => return None,
            }
        };
        if number == 0 || number > 12 / months {
            return None;
        }
        let first_month = (number - 1) * months + 1;
        let next = self.skip(next, &["of", "."]);
        let (end, year) = self
            .year(next)
            .or_else(|| self.relative_year(next))
            .unwrap_or_else(|| {
                let this_year = self.today.year();
                (
                    next,
                    if first_month <= self.today.month() {
                        this_year
                    } else {
                        this_year - 1
                    },
                )
            });
        let from = NaiveDate::from_ymd_opt(year, first_month, 1)?;
        Some((end, Span::of(from, from + Months::new(months) - Days::new(1))))
    }

    /// «прошлый месяц», "this quarter".
    fn relative(&self, i: usize) -> Option<(usize, Span)> {
        let word = self.words.get(i)?;
        let back = relative_word(&word.lower)?;
        let unit = self.unit(i + 1)?;
        let mut span = self.current(unit)?;
        for _ in 0..back {
            span = self.before(unit, span);
        }
        if back == 0 {
            span = span.until(self.today);
        }
        let mut end = i + 2;
        if self.is(end, &["year"]) && self.is(end + 1, &["to"]) {
            end += 3;
        }
        Some((end, span))
    }

    /// «последние 30 дней», "last 2 weeks", «последний месяц».
    fn trailing(&self, i: usize) -> Option<(usize, Span)> {
        let trailing = self.is(
            i,
            &[
                "последние",
                "последних",
                "последний",
                "последнюю",
                "последнее",
                "last",
                "past",
            ],
        );
        let number_at = if trailing { i + 1 } else { i };
        let number = self
            .words
            .get(number_at)
            .and_then(Word::number)
            .filter(|number| *number < 1000);
        let unit_at = if number.is_some() {
            number_at + 1
        } else {
            number_at
        };
        if number.is_none() && !trailing {
            return None;
        }
        let unit_at = self.skip(unit_at, &["последних", "календарных"]);
        let unit = self.unit(unit_at)?;
        let number = number.unwrap_or(1).max(1);
        let from = match unit {
            Unit::Day => self.today - Days::new(u64::from(number)) + Days::new(1),
            Unit::Week => self.today - Days::new(u64::from(number) * 7) + Days::new(1),
            Unit::Month => self.today - Months::new(number) + Days::new(1),
            Unit::Quarter => self.today - Months::new(number * 3) + Days::new(1),
            Unit::Half => self.today - Months::new(number * 6) + Days::new(1),
            Unit::Year => self.today - Months::new(number * 12) + Days::new(1),
        };
        Some((unit_at + 1, Span::of(from, self.today)))
    }

    /// «за месяц», "for the quarter": the current one up to today. Only after its preposition:
    /// «по месяцам» and «каждый день» mean something else.
    fn bare_unit(&self, i: usize) -> Option<(usize, Span)> {
        let before = i.checked_sub(1)?;
        let allowed = self.is(before, &["за", "for"])
            || (self.is(before, &["the", "весь"]) && before > 0 && self.is(before - 1, &["for", "за"]));
        if !allowed
            || !self.words[i].is(&[
                "месяц",
                "квартал",
                "год",
                "неделю",
                "день",
                "полугодие",
                "month",
                "quarter",
                "year",
                "week",
                "day",
            ])
        {
            return None;
        }
        let span = self.current(self.unit(i)?)?;
        Some((i + 1, span.until(self.today)))
    }

    fn relative_year(&self, i: usize) -> Option<(usize, i32)> {
        let back = relative_word(&self.words.get(i)?.lower)?;
        if self.unit(i + 1)? != Unit::Year {
            return None;
        }
        Some((i + 2, self.today.year() - i32::from(back)))
    }

    /// `2026`, with or without «год».
    fn year(&self, i: usize) -> Option<(usize, i32)> {
        let word = self.words.get(i)?;
        let digits = word.lower.strip_suffix('г').unwrap_or(&word.lower);
        let year: i32 = digits.parse().ok().filter(|year| (1990..=2100).contains(year))?;
        if digits.len() != 4 || word.quotation.is_some() {
            return None;
        }
        let named = self.is(i + 1, &["год", "года", "году", "годом", "г", "гг", "year"]);
        let mut end = if named { i + 2 } else { i + 1 };
        if self.is(i + 1, &["г"]) && self.is(end, &["."]) && end + 1 < self.words.len() {
            end += 1;
        }
        // A number after «№» is no year.
        if i > 0 && self.is(i - 1, &["№", "номер", "номером", "number", "#", "топ", "top"]) {
            return None;
        }
        Some((end, year))
    }

    fn unit(&self, i: usize) -> Option<Unit> {
        let word = self.words.get(i)?;
        let unit = match word.lower.as_str() {
            "день" | "дня" | "дней" | "day" | "days" => Unit::Day,
            "кв" | "quarter" | "quarters" => Unit::Quarter,
            "полгода" => Unit::Half,
            "лет" | "year" | "years" => Unit::Year,
            "week" | "weeks" => Unit::Week,
            "month" | "months" => Unit::Month,
            "half" => Unit::Half,
            lower if lower.starts_with("недел") => Unit::Week,
            lower if lower.starts_with("месяц") => Unit::Month,
            lower if lower.starts_with("квартал") => Unit::Quarter,
            lower if lower.starts_with("полугод") => Unit::Half,
            "год" | "года" | "году" | "годом" | "годе" => Unit::Year,
            _ => return None,
        };
        Some(unit)
    }

    /// The whole current unit.
    fn current(&self, unit: Unit) -> Option<Span> {
        let today = self.today;
        let month = today.with_day(1)?;
        Some(match unit {
            Unit::Day => Span::of(today, today),
            Unit::Week => {
                let from = today - Days::new(u64::from(today.weekday().num_days_from_monday()));
                Span::of(from, from + Days::new(6))
            }
            Unit::Month => Span::of(month, last_of_month(month)),
            Unit::Quarter => {
                let from = month - Months::new((today.month() - 1) % 3);
                Span::of(from, from + Months::new(3) - Days::new(1))
            }
            Unit::Half => {
                let from = month - Months::new((today.month() - 1) % 6);
                Span::of(from, from + Months::new(6) - Days::new(1))
            }
            Unit::Year => Span::of(first_of_year(today.year()), last_of_year(today.year())),
        })
    }

    #[expect(clippy::unused_self, reason = "reads as one vocabulary with `current`")]
    fn before(&self, unit: Unit, span: Span) -> Span {
        let to = span.from - Days::new(1);
        let from = match unit {
            Unit::Day => to,
            Unit::Week => span.from - Days::new(7),
            Unit::Month => span.from - Months::new(1),
            Unit::Quarter => span.from - Months::new(3),
            Unit::Half => span.from - Months::new(6),
            Unit::Year => span.from - Months::new(12),
        };
        Span::of(from, to)
    }
}

/// How many units back: 0 for this one.
fn relative_word(lower: &str) -> Option<u8> {
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
pub(super) fn month(lower: &str) -> Option<u32> {
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
fn ordinal(word: &Word) -> Option<u32> {
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

fn ordinal_day(word: &Word) -> Option<u32> {
    if let Some(day) = day_in_words(&word.lower) {
        return Some(day);
    }
    let first = word.lower.chars().next()?;
    if !first.is_ascii_digit() {
        return None;
    }
    ordinal(word).filter(|day| (1..=31).contains(day))
}

fn first_of_year(year: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default()
}

fn last_of_year(year: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, 12, 31).unwrap_or_default()
}

/// The last day of the month of `day`.
pub(crate) fn last_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1)
        .map_or(day, |first| first + Months::new(1) - Days::new(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::words::split;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// Tuesday, 24 November 2026.
    fn spans(text: &str) -> Vec<String> {
        find(&split(text), date("2026-11-24"))
            .iter()
            .map(|found| {
                let span = found.span;
                if span.point {
                    span.to.to_string()
                } else {
                    format!("{}..{}", span.from, span.to)
                }
            })
            .collect()
    }

    #[test]
    fn periods_are_understood() {
        for (text, expected) in [
            ("за октябрь", "2026-10-01..2026-10-31"),
            ("в октябре 2025 года", "2025-10-01..2025-10-31"),
            ("за октбрь", "2026-10-01..2026-10-31"),
            ("в декабре", "2025-12-01..2025-12-31"),
            ("за октябрь прошлого года", "2025-10-01..2025-10-31"),
            ("in October", "2026-10-01..2026-10-31"),
            ("for Oct 2025", "2025-10-01..2025-10-31"),
            ("in May", "2026-05-01..2026-05-31"),
            ("в прошлом квартале", "2026-07-01..2026-09-30"),
            ("за этот квартал", "2026-10-01..2026-11-24"),
            ("за квартал", "2026-10-01..2026-11-24"),
            ("за III квартал 2026", "2026-07-01..2026-09-30"),
            ("за 3 квартал", "2026-07-01..2026-09-30"),
            ("за 2-й квартал 2025 г.", "2025-04-01..2025-06-30"),
            ("в третьем квартале", "2026-07-01..2026-09-30"),
            ("Q3 2026", "2026-07-01..2026-09-30"),
            ("third quarter of 2025", "2025-07-01..2025-09-30"),
            ("за первое полугодие", "2026-01-01..2026-06-30"),
            ("H1 2025", "2025-01-01..2025-06-30"),
            ("с 1 по 15 марта", "2026-03-01..2026-03-15"),
            ("1-15 марта", "2026-03-01..2026-03-15"),
            ("с 25 декабря по 10 января", "2025-12-25..2026-01-10"),
            ("с 1 марта по 10 апреля 2025", "2025-03-01..2025-04-10"),
            ("с 01.03.2026 по 15.03.2026", "2026-03-01..2026-03-15"),
            ("01.03.2026-15.03.2026", "2026-03-01..2026-03-15"),
            ("from March 1 to March 15", "2026-03-01..2026-03-15"),
            ("с января по март", "2026-01-01..2026-03-31"),
            ("с января по март 2025 года", "2025-01-01..2025-03-31"),
            ("from January to March 2025", "2025-01-01..2025-03-31"),
            ("октябрь-ноябрь", "2026-10-01..2026-11-30"),
            ("с 1 ноября", "2026-11-01..2026-11-24"),
            ("с начала года", "2026-01-01..2026-11-24"),
            ("since the beginning of the month", "2026-11-01..2026-11-24"),
            ("вчера", "2026-11-23"),
            ("за сегодня", "2026-11-24"),
            ("позавчера", "2026-11-22"),
            ("yesterday", "2026-11-23"),
            ("за 2025 год", "2025-01-01..2025-12-31"),
            ("в 2025 году", "2025-01-01..2025-12-31"),
            ("in 2025", "2025-01-01..2025-12-31"),
            ("на 1 мая", "2026-05-01"),
            ("на 1 мая 2025 года", "2025-05-01"),
            ("на 25 декабря", "2025-12-25"),
            ("as of May 1", "2026-05-01"),
            ("on May 1, 2025", "2025-05-01"),
            ("as of the 1st of May", "2026-05-01"),
            ("на 01.05.2026", "2026-05-01"),
            ("на первое ноября", "2026-11-01"),
            ("за всё время", "2000-01-01..2026-11-24"),
            ("на двадцать пятое октября", "2026-10-25"),
            ("на 31.10.26", "2026-10-31"),
            ("на 31.10", "2026-10-31"),
            ("2026-05-01", "2026-05-01"),
            ("на конец октября", "2026-10-31"),
            ("на конец прошлого месяца", "2026-10-31"),
            ("на начало года", "2025-12-31"),
            ("at the end of October", "2026-10-31"),
            ("за прошлый месяц", "2026-10-01..2026-10-31"),
            ("last month", "2026-10-01..2026-10-31"),
            ("в этом месяце", "2026-11-01..2026-11-24"),
            ("за месяц", "2026-11-01..2026-11-24"),
            ("for the month", "2026-11-01..2026-11-24"),
            ("this year", "2026-01-01..2026-11-24"),
            ("за прошлый год", "2025-01-01..2025-12-31"),
            ("на прошлой неделе", "2026-11-16..2026-11-22"),
            ("на этой неделе", "2026-11-23..2026-11-24"),
            ("за позапрошлый месяц", "2026-09-01..2026-09-30"),
            ("за последние 30 дней", "2026-10-26..2026-11-24"),
            ("last 7 days", "2026-11-18..2026-11-24"),
            ("за последние 3 месяца", "2026-08-25..2026-11-24"),
            ("за 7 дней", "2026-11-18..2026-11-24"),
        ] {
            assert_eq!(spans(text), [expected], "{text}");
        }
    }

    #[test]
    fn what_is_no_period_is_left_alone() {
        for text in [
            "ОСВ по счету 68.02",
            "документ № 2025",
            "продажи по месяцам",
            "топ 5 клиентов",
            "бумага 500 листов",
            "you may ask",
            "от «Октябрь»",
        ] {
            assert_eq!(spans(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn two_periods_are_both_found() {
        assert_eq!(
            spans("сравни продажи за октябрь с сентябрём"),
            ["2026-10-01..2026-10-31", "2026-09-01..2026-09-30"]
        );
        assert_eq!(
            spans("октябрь против сентября"),
            ["2026-10-01..2026-10-31", "2026-09-01..2026-09-30"]
        );
    }

    #[test]
    fn the_period_before_has_the_same_shape() {
        let previous = |from: &str, to: &str| {
            let span = Span::of(date(from), date(to)).previous();
            format!("{}..{}", span.from, span.to)
        };
        assert_eq!(previous("2026-10-01", "2026-10-31"), "2026-09-01..2026-09-30");
        assert_eq!(previous("2026-07-01", "2026-09-30"), "2026-04-01..2026-06-30");
        assert_eq!(previous("2026-11-01", "2026-11-24"), "2026-10-01..2026-10-24");
        assert_eq!(previous("2026-11-16", "2026-11-22"), "2026-11-09..2026-11-15");
    }
}
