//! How periods are put into words, as a reader that goes forward from one word.

use chrono::{Datelike, Days, Months, NaiveDate};

use super::Span;
use super::calendar::{
    first_of_year, last_of_month, last_of_year, month, ordinal, ordinal_day, relative_word,
};
use crate::builtin::words::{Kind, Word};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    Half,
    Year,
}

/// Reads periods out of the words of a question.
pub(super) struct Periods<'a> {
    words: &'a [Word],
    today: NaiveDate,
}

impl<'a> Periods<'a> {
    pub(super) fn new(words: &'a [Word], today: NaiveDate) -> Self {
        Self { words, today }
    }

    pub(super) fn words(&self) -> &'a [Word] {
        self.words
    }

    pub(super) fn today(&self) -> NaiveDate {
        self.today
    }

    pub(super) fn is(&self, i: usize, words: &[&str]) -> bool {
        self.words.get(i).is_some_and(|word| word.is(words))
    }

    /// «с … по …», "from … to …", «октябрь-ноябрь», «с начала года», «с 1 марта».
    pub(super) fn range(&self, i: usize) -> Option<(usize, Span)> {
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
    pub(super) fn with_preposition(&self, i: usize) -> Option<(usize, Span)> {
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
                "ко",
                "аж",
                "around",
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
            .or_else(|| self.nine_months(i))
            .or_else(|| self.ago(i))
            .or_else(|| self.next_unit(i))
            .or_else(|| self.day_to_come(i))
            .or_else(|| self.weekend(i))
            .or_else(|| self.weekday(i))
            .or_else(|| self.half_a_year(i))
            .or_else(|| self.season(i))
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
        let last = self.is(i, &["конец", "концу", "конца", "конце", "end"]);
        if !last && !self.is(i, &["начало", "началу", "начале", "beginning", "start"]) {
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

    pub(super) fn relative_year(&self, i: usize) -> Option<(usize, i32)> {
        let back = relative_word(&self.words.get(i)?.lower)?;
        if self.unit(i + 1)? != Unit::Year {
            return None;
        }
        Some((i + 2, self.today.year() - i32::from(back)))
    }

    /// `2026`, with or without «год».
    pub(super) fn year(&self, i: usize) -> Option<(usize, i32)> {
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

    pub(super) fn unit(&self, i: usize) -> Option<Unit> {
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
    pub(super) fn current(&self, unit: Unit) -> Option<Span> {
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
