//! When something happens again: five fields as cron has them, on the wall clock of a time zone.

use chrono::{DateTime, Datelike, Days, Duration, Months, NaiveDateTime, TimeZone, Timelike, Utc};
use chrono::{LocalResult, NaiveTime};
use chrono_tz::Tz;

/// A time further away than this never comes, such as 30 February.
const HORIZON_YEARS: i32 = 8;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// `minute hour day-of-month month day-of-week`; lists, ranges, steps, English names of months and
/// weekdays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// When both kinds of days are restricted, either will do.
    either_day: bool,
}

/// The field that is wrong, counted from 1; 0 when there are not five.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrongField(pub(crate) usize);

impl Cron {
    pub(crate) fn parse(text: &str) -> Result<Self, WrongField> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(WrongField(0));
        };
        let set = |number: usize, field: &str, low, high, names: &[&str]| {
            parse_field(field, low, high, names).ok_or(WrongField(number))
        };
        let weekdays = set(5, weekday, 0, 7, &WEEKDAYS)?;
        Ok(Self {
            minutes: set(1, minute, 0, 59, &[])?,
            hours: set(2, hour, 0, 23, &[])?,
            days: set(3, day, 1, 31, &[])?,
            months: set(4, month, 1, 12, &MONTHS)?,
            // 7 is Sunday too.
            weekdays: (weekdays | (weekdays >> 7)) & 0x7f,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        })
    }

    /// The first time after a moment; none when it never comes. A time that the clock jumps over
    /// comes at the jump, one that the clock shows twice comes the first time.
    pub(crate) fn next_after(&self, after: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let start = after.with_timezone(&zone).naive_local();
        let mut at = start.with_second(0)?.with_nanosecond(0)?;
        let last_year = start.year() + HORIZON_YEARS;
        while at.year() <= last_year {
            if !has(self.months, at.month()) {
                let month = at.date().with_day(1)?.checked_add_months(Months::new(1))?;
                at = month.and_time(NaiveTime::MIN);
            } else if !self.is_day(at) {
                at = at.date().checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN);
            } else if !has(self.hours, at.hour()) {
                at = at.with_minute(0)? + Duration::hours(1);
            } else if !has(self.minutes, at.minute()) {
                at += Duration::minutes(1);
            } else {
                if let Some(moment) = moment(at, zone)
                    && moment > after
                {
                    return Some(moment);
                }
                at += Duration::minutes(1);
            }
        }
        None
    }

    fn is_day(&self, at: NaiveDateTime) -> bool {
        let day = has(self.days, at.day());
        let weekday = has(self.weekdays, at.weekday().num_days_from_sunday());
        if self.either_day {
            day || weekday
        } else {
            day && weekday
        }
    }
}

fn has(set: u64, value: u32) -> bool {
    set & (1 << value) != 0
}

/// The moment that a clock on the wall shows a time.
fn moment(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let mut local = local;
    // No clock jumps further than a day.
    for _ in 0..=24 * 60 {
        match zone.from_local_datetime(&local) {
            LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => {
                return Some(moment.to_utc());
            }
            LocalResult::None => local += Duration::minutes(1),
        }
    }
    None
}

fn parse_field(field: &str, low: u32, high: u32, names: &[&str]) -> Option<u64> {
    let mut set = 0;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(number(step)?)),
            None => (part, None),
        };
        let value = |text: &str| {
            let lower = text.to_ascii_lowercase();
            let named = names.iter().position(|name| *name == lower);
            match named {
                Some(place) => u32::try_from(place).ok().map(|place| place + low),
                None => number(text),
            }
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (low, high),
            (_, Some((from, to))) => (value(from)?, value(to)?),
            // `5/10` is from 5 on.
            (single, None) => (value(single)?, if step.is_some() { high } else { value(single)? }),
        };
        let step = step.unwrap_or(1);
        if from < low || to > high || from > to || step == 0 {
            return None;
        }
        let mut at = from;
        while at <= to {
            set |= 1 << at;
            at = at.checked_add(step)?;
        }
    }
    Some(set)
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|digit| digit.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, after: &str, zone: Tz) -> String {
        let next = Cron::parse(cron)
            .unwrap()
            .next_after(after.parse().unwrap(), zone);
        next.map_or("never".to_owned(), |next| next.with_timezone(&zone).to_rfc3339())
    }

    #[test]
    fn working_days_and_months_come_on_the_wall_clock() {
        let moscow = Tz::Europe__Moscow;
        // Friday evening: the next working morning is Monday.
        assert_eq!(
            next("30 8 * * mon-fri", "2026-11-27T15:00:00Z", moscow),
            "2026-11-30T08:30:00+03:00"
        );
        assert_eq!(
            next("0 9 1 * *", "2026-11-27T15:00:00Z", moscow),
            "2026-12-01T09:00:00+03:00"
        );
        assert_eq!(
            next("*/15 * * * *", "2026-11-27T15:00:00Z", moscow),
            "2026-11-27T18:15:00+03:00"
        );
        assert_eq!(
            next("0 0 29 2 *", "2026-11-27T15:00:00Z", moscow),
            "2028-02-29T00:00:00+03:00"
        );
        assert_eq!(
            next("0 10 1 1,4,7,10 *", "2026-11-27T15:00:00Z", moscow),
            "2027-01-01T10:00:00+03:00"
        );
        // The fifteenth or a Sunday, whichever is first; 7 is Sunday.
        assert_eq!(
            next("0 10 15 * 7", "2026-11-27T15:00:00Z", moscow),
            "2026-11-29T10:00:00+03:00"
        );
        assert_eq!(next("0 0 30 2 *", "2026-11-27T15:00:00Z", moscow), "never");
    }

    #[test]
    fn a_clock_that_jumps_neither_loses_nor_doubles() {
        let berlin = Tz::Europe__Berlin;
        // 02:30 does not exist on that day.
        assert_eq!(
            next("30 2 * * *", "2026-03-28T12:00:00Z", berlin),
            "2026-03-29T03:00:00+02:00"
        );
        // 02:30 is shown twice.
        let first = next("30 2 * * *", "2026-10-24T12:00:00Z", berlin);
        assert_eq!(first, "2026-10-25T02:30:00+02:00");
        assert_eq!(
            next("30 2 * * *", "2026-10-25T00:30:00Z", berlin),
            "2026-10-26T02:30:00+01:00"
        );
    }

    #[test]
    fn mistakes_are_named_by_their_field() {
        for (cron, field) in [
            ("", 0),
            ("* * * *", 0),
            ("60 * * * *", 1),
            ("* 24 * * *", 2),
            ("* * 0 * *", 3),
            ("* * * 13 *", 4),
            ("* * * foo *", 4),
            ("* * * * 8", 5),
            ("*/0 * * * *", 1),
            ("5-1 * * * *", 1),
            ("-1 * * * *", 1),
            ("1,,2 * * * *", 1),
            ("99999999999 * * * *", 1),
        ] {
            assert_eq!(Cron::parse(cron), Err(WrongField(field)), "{cron}");
        }
    }
}
