//! Periods and dates in a question: «за октябрь», «с 1 по 15 марта», "Q3 2026", "last month".

mod calendar;
mod grammar;
mod spoken;

use std::ops::Range;

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use super::words::Word;
use grammar::Periods;

pub(crate) use calendar::last_of_month;
pub(super) use calendar::month;

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

    /// The beginning of a unit of so many months that has not ended.
    pub(super) fn began(self, months: u32) -> Self {
        self.begins(months)
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
    let reader = Periods::new(words, today);
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
            ("в понедельник", "2026-11-23"),
            ("за прошлую пятницу", "2026-11-20"),
            ("on Monday", "2026-11-23"),
            ("за выходные", "2026-11-21..2026-11-22"),
            ("неделю назад", "2026-11-17"),
            ("3 дня назад", "2026-11-21"),
            ("a month ago", "2026-10-24"),
            ("за 9 месяцев", "2026-01-01..2026-09-30"),
            ("за 9 месяцев 2025 года", "2025-01-01..2025-09-30"),
            ("за последние 9 месяцев", "2026-02-25..2026-11-24"),
            ("за лето", "2026-06-01..2026-08-31"),
            ("прошлой зимой", "2025-12-01..2026-02-28"),
            ("за полгода", "2026-05-25..2026-11-24"),
            ("в следующем месяце", "2026-12-01..2026-12-31"),
            ("next week", "2026-11-30..2026-12-06"),
            ("на завтра", "2026-11-25"),
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
