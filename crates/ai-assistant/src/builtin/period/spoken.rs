//! Periods as they are said rather than written: weekdays, «неделю назад», «за 9 месяцев», «следующий месяц».

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

use super::Span;
use super::calendar::{first_of_year, last_of_month};
use super::grammar::{Periods, Unit};
use crate::builtin::words::Word;

impl Periods<'_> {
    /// «в понедельник», «за прошлую пятницу», "on Monday": the latest such day before today.
    pub(super) fn weekday(&self, i: usize) -> Option<(usize, Span)> {
        let i = if self.is(i, &["утро", "вечер", "конец"]) {
            i + 1
        } else {
            i
        };
        let of_last_week = self.is(
            i,
            &[
                "прошлый",
                "прошлую",
                "прошлое",
                "прошлой",
                "прошлого",
                "last",
                "этот",
                "эту",
                "this",
            ],
        );
        let at = if of_last_week { i + 1 } else { i };
        let day = weekday(&self.words().get(at)?.lower)?;
        let back = (7 + self.today().weekday().num_days_from_monday() - day.num_days_from_monday()) % 7;
        let back = if back == 0 && of_last_week { 7 } else { back };
        Some((at + 1, Span::day(self.today() - Days::new(u64::from(back)))))
    }

    /// «за выходные»: the latest Saturday and Sunday that have begun.
    pub(super) fn weekend(&self, i: usize) -> Option<(usize, Span)> {
        let at = if self.is(i, &["прошлые", "эти", "последние", "last", "this"]) {
            i + 1
        } else {
            i
        };
        if !self.is(at, &["выходные", "выходных", "weekend"]) {
            return None;
        }
        let back = (self.today().weekday().num_days_from_monday() + 2) % 7;
        let saturday = self.today() - Days::new(u64::from(back));
        Some((at + 1, Span::of(saturday, saturday + Days::new(1))))
    }

    /// «неделю назад», «3 дня назад», "a month ago": one day.
    pub(super) fn ago(&self, i: usize) -> Option<(usize, Span)> {
        let at = if self.is(i, &["a", "an", "one"]) { i + 1 } else { i };
        let (number, at) = match self.words().get(at).and_then(Word::number) {
            Some(number) if number < 1000 => (number, at + 1),
            _ => (1, at),
        };
        let unit = self.unit(at)?;
        if !self.is(at + 1, &["назад", "ago"]) {
            return None;
        }
        let today = self.today();
        let day = match unit {
            Unit::Day => today - Days::new(u64::from(number)),
            Unit::Week => today - Days::new(u64::from(number) * 7),
            Unit::Month => today - Months::new(number),
            Unit::Quarter => today - Months::new(number * 3),
            Unit::Half => today - Months::new(number * 6),
            Unit::Year => today - Months::new(number * 12),
        };
        Some((at + 2, Span::day(day)))
    }

    /// «за 9 месяцев» of accountants: January to September, of the last year that has had them.
    pub(super) fn nine_months(&self, i: usize) -> Option<(usize, Span)> {
        let nine = self.is(i, &["9", "девять", "nine"]) && self.unit(i + 1)? == Unit::Month;
        if !nine || self.is(i + 2, &["назад", "ago"]) {
            return None;
        }
        let (end, year) = self
            .year(i + 2)
            .or_else(|| self.relative_year(i + 2))
            .unwrap_or_else(|| {
                let year = self.today().year();
                (i + 2, if self.today().month() > 9 { year } else { year - 1 })
            });
        let last = NaiveDate::from_ymd_opt(year, 9, 30)?;
        Some((end, Span::of(first_of_year(year), last)))
    }

    /// «в следующем месяце», "next week".
    pub(super) fn next_unit(&self, i: usize) -> Option<(usize, Span)> {
        let word = self.words().get(i)?;
        if !word.lower.starts_with("следующ") && !word.lower.starts_with("будущ") && !self.is(i, &["next"])
        {
            return None;
        }
        let unit = self.unit(i + 1)?;
        let from = self.current(unit)?.to + Days::new(1);
        let to = match unit {
            Unit::Day => from,
            Unit::Week => from + Days::new(6),
            Unit::Month => last_of_month(from),
            Unit::Quarter => from + Months::new(3) - Days::new(1),
            Unit::Half => from + Months::new(6) - Days::new(1),
            Unit::Year => from + Months::new(12) - Days::new(1),
        };
        Some((i + 2, Span::of(from, to)))
    }

    /// «завтра», «послезавтра».
    pub(super) fn day_to_come(&self, i: usize) -> Option<(usize, Span)> {
        let days = match self.words().get(i)?.lower.as_str() {
            "завтра" | "завтрашний" | "tomorrow" => 1,
            "послезавтра" => 2,
            _ => return None,
        };
        Some((i + 1, Span::day(self.today() + Days::new(days))))
    }

    /// «за лето», «этой зимой», "last summer": the latest one that has begun.
    pub(super) fn season(&self, i: usize) -> Option<(usize, Span)> {
        let relative = super::calendar::relative_word(&self.words().get(i)?.lower);
        let at = if relative.is_some() { i + 1 } else { i };
        // «про осень» is no period.
        let said = relative.is_some()
            || (i > 0 && self.is(i - 1, &["за", "с", "на", "in", "for", "during"]))
            || self.is(at, &["зимой", "весной", "летом", "осенью"]);
        if !said {
            return None;
        }
        let first_month = season(&self.words().get(at)?.lower)?;
        let (end, year) = self
            .year(at + 1)
            .or_else(|| self.relative_year(at + 1))
            .unwrap_or((at + 1, self.today().year()));
        let mut from = NaiveDate::from_ymd_opt(year, first_month, 1)?;
        if from > self.today() {
            from = from - Months::new(12);
        }
        Some((end, Span::of(from, from + Months::new(3) - Days::new(1))))
    }

    /// «за полгода»: the last six months.
    pub(super) fn half_a_year(&self, i: usize) -> Option<(usize, Span)> {
        self.is(i, &["полгода"]).then(|| {
            (
                i + 1,
                Span::of(self.today() - Months::new(6) + Days::new(1), self.today()),
            )
        })
    }
}

fn season(lower: &str) -> Option<u32> {
    Some(match lower {
        "зима" | "зиму" | "зимой" | "зимы" | "winter" => 12,
        "весна" | "весну" | "весной" | "весны" | "spring" => 3,
        "лето" | "летом" | "лета" | "summer" => 6,
        "осень" | "осенью" | "осени" | "autumn" => 9,
        _ => return None,
    })
}

fn weekday(lower: &str) -> Option<Weekday> {
    Some(match lower {
        "понедельник" | "понедельника" | "понедельнику" | "monday" => {
            Weekday::Mon
        }
        "вторник" | "вторника" | "вторнику" | "tuesday" => Weekday::Tue,
        "среду" | "среда" | "среды" | "wednesday" => Weekday::Wed,
        "четверг" | "четверга" | "четвергу" | "thursday" => Weekday::Thu,
        "пятницу" | "пятница" | "пятницы" | "пятнице" | "friday" => Weekday::Fri,
        "субботу" | "суббота" | "субботы" | "saturday" => Weekday::Sat,
        "воскресенье" | "воскресенья" | "sunday" => Weekday::Sun,
        _ => return None,
    })
}
