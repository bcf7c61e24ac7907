//! Ranges of time as people write them: `now-7d/d`, `now/M`, `2026-11-01`.

use chrono::{DateTime, Datelike, Days, Duration, Months, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use crate::period::{Span, month_to_date};

/// The longest range.
const LONGEST: Duration = Duration::days(3 * 366);

/// Why a range cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeError {
    /// It is not of the form that is understood.
    Syntax,
    /// It ends before it begins.
    Reversed,
    /// It is longer than three years.
    TooLong,
}

/// The steps that a series has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    Hour,
    Day,
    Week,
    Month,
}

impl Step {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// A range in a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) span: Span,
    pub(crate) zone: Tz,
}

/// Which end of a range an expression is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    From,
    To,
}

impl Range {
    /// Reads a range. Rounding (`/d`) goes down at its beginning and up at its end, so that
    /// `now/d` to `now/d` is today; a day alone stands for the whole day.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(from: &str, to: &str, now: DateTime<Utc>, zone: Tz) -> Result<Self, TimeError> {
        let from = moment(from, now, zone, End::From).ok_or(TimeError::Syntax)?;
        let to = moment(to, now, zone, End::To).ok_or(TimeError::Syntax)?;
        if from >= to {
            return Err(TimeError::Reversed);
        }
        if to - from > LONGEST {
            return Err(TimeError::TooLong);
        }
        Ok(Self {
            span: Span { from, to },
            zone,
        })
    }

    /// The first and the last day that it touches.
    pub(crate) fn days(self) -> (NaiveDate, NaiveDate) {
        let day = |at: DateTime<Utc>| at.with_timezone(&self.zone).date_naive();
        let last = self.span.to - Duration::microseconds(1);
        (day(self.span.from), day(last))
    }

    /// What it is compared with: of a month to date the same days of the month before, of whole
    /// months as many months, else the time of the same length before it.
    pub(crate) fn previous(self) -> Self {
        let (first, last) = self.days();
        let after = last.checked_add_days(Days::new(1)).unwrap_or(last);
        let starts = first.day() == 1 && midnight(first, self.zone) == self.span.from;
        let months = (after.year() - first.year()) * 12 + i32::try_from(after.month0()).unwrap_or(0)
            - i32::try_from(first.month0()).unwrap_or(0);
        if starts && after.day() == 1 && months > 0 {
            let back = Months::new(u32::try_from(months).unwrap_or(1));
            let before = first.checked_sub_months(back).unwrap_or(first);
            return self.of(midnight(before, self.zone), self.span.from);
        }
        if starts && last.month() == first.month() && last.year() == first.year() {
            let (_, (before, same)) = month_to_date(last);
            let same = same.checked_add_days(Days::new(1)).unwrap_or(same);
            return self.of(midnight(before, self.zone), midnight(same, self.zone));
        }
        let length = self.span.to - self.span.from;
        self.of(self.span.from - length, self.span.from)
    }

    fn of(self, from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        Self {
            span: Span { from, to },
            zone: self.zone,
        }
    }

    /// The step that gives a readable number of points.
    pub(crate) fn step(self) -> Step {
        let length = self.span.to - self.span.from;
        if length <= Duration::days(3) {
            Step::Hour
        } else if length <= Duration::days(62) {
            Step::Day
        } else if length <= Duration::days(200) {
            Step::Week
        } else {
            Step::Month
        }
    }

    /// The beginnings of its steps, from the one that its beginning is in.
    pub(crate) fn steps(self, step: Step) -> Vec<DateTime<Utc>> {
        let mut starts = Vec::new();
        let mut at = floor(self.span.from, step, self.zone);
        while at < self.span.to && starts.len() < 2000 {
            starts.push(at);
            let next = add(at, step, 1, self.zone);
            if next <= at {
                break;
            }
            at = next;
        }
        starts
    }

    /// The span from the beginning of its first step.
    pub(crate) fn aligned(self, step: Step) -> Span {
        Span {
            from: floor(self.span.from, step, self.zone),
            to: self.span.to,
        }
    }
}

/// The beginning of a day. Where the clocks skip midnight, what comes right after it.
fn midnight(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let start = day.and_time(NaiveTime::MIN);
    (0..=3)
        .find_map(|hours| {
            zone.from_local_datetime(&(start + Duration::hours(hours)))
                .earliest()
        })
        .map_or_else(|| start.and_utc(), |at| at.with_timezone(&Utc))
}

/// The beginning of the step that a moment is in.
fn floor(at: DateTime<Utc>, step: Step, zone: Tz) -> DateTime<Utc> {
    let day = at.with_timezone(&zone).date_naive();
    match step {
        Step::Hour => chrono::DurationRound::duration_trunc(at, Duration::hours(1)).unwrap_or(at),
        Step::Day => midnight(day, zone),
        Step::Week => {
            let monday = day
                .checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday())))
                .unwrap_or(day);
            midnight(monday, zone)
        }
        Step::Month => midnight(day.with_day(1).unwrap_or(day), zone),
    }
}

/// So many steps later, or earlier when negative.
fn add(at: DateTime<Utc>, step: Step, count: i32, zone: Tz) -> DateTime<Utc> {
    let local = at.with_timezone(&zone);
    let (day, time) = (local.date_naive(), local.time());
    let moved = match step {
        Step::Hour => return at + Duration::hours(i64::from(count)),
        Step::Day => day.checked_add_signed(Duration::days(i64::from(count))),
        Step::Week => day.checked_add_signed(Duration::weeks(i64::from(count))),
        Step::Month if count >= 0 => day.checked_add_months(Months::new(count.unsigned_abs())),
        Step::Month => day.checked_sub_months(Months::new(count.unsigned_abs())),
    };
    let Some(moved) = moved else { return at };
    let naive = moved.and_time(time);
    zone.from_local_datetime(&naive)
        .earliest()
        .map_or_else(|| midnight(moved, zone), |at| at.with_timezone(&Utc))
}

/// A moment: `now`, with `-7d` or `+1h` any number of times and at most one `/d` at the end; a day;
/// or RFC 3339.
fn moment(text: &str, now: DateTime<Utc>, zone: Tz, end: End) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Some(mut rest) = text.strip_prefix("now") {
        let mut at = now;
        while let Some(sign @ ('-' | '+')) = rest.chars().next() {
            rest = &rest[1..];
            let digits = rest.chars().take_while(char::is_ascii_digit).count();
            let count: i32 = rest[..digits].parse().ok().filter(|count| *count <= 100_000)?;
            let count = if sign == '-' { -count } else { count };
            rest = &rest[digits..];
            let unit = rest.chars().next()?;
            at = match unit {
                'm' => at + Duration::minutes(i64::from(count)),
                'y' => add(at, Step::Month, count.checked_mul(12)?, zone),
                unit => add(at, step(unit)?, count, zone),
            };
            rest = &rest[1..];
        }
        if let Some(unit) = rest.strip_prefix('/') {
            let mut letters = unit.chars();
            let unit = letters.next()?;
            let (start, next) = match unit {
                'y' => {
                    let year = at.with_timezone(&zone).year();
                    let first = |year| NaiveDate::from_ymd_opt(year, 1, 1);
                    (midnight(first(year)?, zone), midnight(first(year + 1)?, zone))
                }
                unit => {
                    let step = step(unit)?;
                    let start = floor(at, step, zone);
                    (start, add(start, step, 1, zone))
                }
            };
            at = if end == End::From { start } else { next };
            rest = letters.as_str();
        }
        return rest.is_empty().then_some(at);
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        if !(1900..=2999).contains(&day.year()) {
            return None;
        }
        return Some(match end {
            End::From => midnight(day, zone),
            End::To => midnight(day.succ_opt()?, zone),
        });
    }
    let at = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
    (1900..=2999).contains(&at.year()).then_some(at)
}

const fn step(unit: char) -> Option<Step> {
    match unit {
        'h' => Some(Step::Hour),
        'd' => Some(Step::Day),
        'w' => Some(Step::Week),
        'M' => Some(Step::Month),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOSCOW: Tz = Tz::Europe__Moscow;

    fn now() -> DateTime<Utc> {
        "2026-11-27T09:30:15Z".parse().unwrap()
    }

    fn range(from: &str, to: &str) -> Result<(String, String), TimeError> {
        Range::parse(from, to, now(), MOSCOW).map(|range| {
            let text = |at: DateTime<Utc>| at.with_timezone(&MOSCOW).format("%Y-%m-%d %H:%M:%S").to_string();
            (text(range.span.from), text(range.span.to))
        })
    }

    #[test]
    fn ranges_are_read_in_the_time_zone() {
        for (from, to, first, last) in [
            ("now-24h", "now", "2026-11-26 12:30:15", "2026-11-27 12:30:15"),
            ("now/d", "now/d", "2026-11-27 00:00:00", "2026-11-28 00:00:00"),
            ("now-7d/d", "now", "2026-11-20 00:00:00", "2026-11-27 12:30:15"),
            (
                "now-1M/M",
                "now-1M/M",
                "2026-10-01 00:00:00",
                "2026-11-01 00:00:00",
            ),
            ("now/w", "now/w", "2026-11-23 00:00:00", "2026-11-30 00:00:00"),
            (
                "now-1y/y",
                "now-1y/y",
                "2025-01-01 00:00:00",
                "2026-01-01 00:00:00",
            ),
            (
                "2026-11-01",
                "2026-11-10",
                "2026-11-01 00:00:00",
                "2026-11-11 00:00:00",
            ),
            (
                "2026-11-01T00:00:00Z",
                "now-1d+2h",
                "2026-11-01 03:00:00",
                "2026-11-26 14:30:15",
            ),
        ] {
            assert_eq!(
                range(from, to),
                Ok((first.to_owned(), last.to_owned())),
                "{from} {to}"
            );
        }
        for wrong in [
            "",
            "today",
            "now-",
            "now-7",
            "now-7x",
            "now/",
            "now/dd",
            "now-1d7",
            "2026-13-01",
            "0001-01-01",
            "now-99999999999d",
        ] {
            assert_eq!(range(wrong, "now"), Err(TimeError::Syntax), "{wrong}");
        }
        assert_eq!(range("now", "now-1d"), Err(TimeError::Reversed));
        assert_eq!(range("now-10y", "now"), Err(TimeError::TooLong));
    }

    #[test]
    fn what_a_range_is_compared_with() {
        for (from, to, first, last) in [
            // A month to date goes with the same days, whole months with whole months.
            ("now/M", "now", "2026-10-01", "2026-10-27"),
            ("2026-11-01", "2026-11-30", "2026-10-01", "2026-10-31"),
            ("2026-07-01", "2026-09-30", "2026-04-01", "2026-06-30"),
            ("2026-11-03", "2026-11-09", "2026-10-27", "2026-11-02"),
        ] {
            let before = Range::parse(from, to, now(), MOSCOW).unwrap().previous();
            let (one, other) = before.days();
            assert_eq!(
                (one.to_string(), other.to_string()),
                (first.to_owned(), last.to_owned()),
                "{from} {to}"
            );
        }
    }

    #[test]
    fn steps_cover_a_range_even_when_clocks_change() {
        let berlin = Tz::Europe__Berlin;
        let range = Range::parse("2026-10-24", "2026-10-26", now(), berlin).unwrap();
        let days = range.steps(Step::Day);
        assert_eq!(days.len(), 3);
        // The night in between has 25 hours.
        assert_eq!((days[2] - days[1]).num_hours(), 25);
        assert_eq!(range.steps(Step::Hour).len(), 73);
        let year = Range::parse("now-1y/M", "now", now(), MOSCOW).unwrap();
        assert_eq!((year.step(), year.steps(Step::Month).len()), (Step::Month, 13));
    }
}
