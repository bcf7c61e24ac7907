//! Spans of time and how they are covered by rollups and raw events.

use chrono::{DateTime, Datelike, Days, Duration, DurationRound, Months, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far back system metrics look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Range {
    #[serde(rename = "5m")]
    FiveMinutes,
    #[default]
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "7d")]
    Week,
    #[serde(rename = "30d")]
    Month,
}

impl Range {
    fn duration(self) -> Duration {
        match self {
            Self::FiveMinutes => Duration::minutes(5),
            Self::Hour => Duration::hours(1),
            Self::Day => Duration::hours(24),
            Self::Week => Duration::days(7),
            Self::Month => Duration::days(30),
        }
    }

    /// The span that ends now.
    pub(crate) fn current(self, now: DateTime<Utc>) -> Span {
        Span {
            from: now - self.duration(),
            to: now,
        }
    }
}

/// From a moment to before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Span {
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
}

/// A span as whole hours, for rollups, and what is left at both ends, for raw events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cover {
    pub(crate) head: Span,
    pub(crate) hours: Span,
    pub(crate) tail: Span,
}

impl Span {
    /// Covers the span exactly, with whole hours where it has some.
    pub(crate) fn cover(self) -> Cover {
        let hour = Duration::hours(1);
        let first = self.from.duration_trunc(hour).unwrap_or(self.from);
        let first = if first < self.from { first + hour } else { first };
        let last = self.to.duration_trunc(hour).unwrap_or(self.to);
        let span = |from, to| Span { from, to };
        if first >= last {
            return Cover {
                head: self,
                hours: span(self.to, self.to),
                tail: span(self.to, self.to),
            };
        }
        Cover {
            head: span(self.from, first),
            hours: span(first, last),
            tail: span(last, self.to),
        }
    }

    /// The span of the same length before it.
    pub(crate) fn before(self) -> Self {
        Self {
            from: self.from - (self.to - self.from),
            to: self.from,
        }
    }

    /// Its length in seconds.
    pub(crate) fn seconds(self) -> i64 {
        (self.to - self.from).num_seconds()
    }
}

/// From the first of this month to today, and as many days of the month before.
pub(crate) fn month_to_date(today: NaiveDate) -> ((NaiveDate, NaiveDate), (NaiveDate, NaiveDate)) {
    let first = today.with_day(1).unwrap_or(today);
    let before = first.checked_sub_months(Months::new(1)).unwrap_or(first);
    let last_before = first.pred_opt().unwrap_or(first);
    let same_day = before
        .checked_add_days(Days::new(u64::from(today.day0())))
        .unwrap_or(last_before)
        .min(last_before);
    ((first, today), (before, same_day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> DateTime<Utc> {
        format!("2026-11-24T{time}Z").parse().unwrap()
    }

    #[test]
    fn a_span_is_covered_without_gaps_and_overlaps() {
        let cases = [
            ("10:20:00", "11:20:00", None),
            ("10:20:00", "10:25:00", None),
            ("10:00:00", "11:00:00", Some(("10:00:00", "11:00:00"))),
            ("09:20:30", "12:20:30", Some(("10:00:00", "12:00:00"))),
        ];
        for (from, to, hours) in cases {
            let span = Span {
                from: at(from),
                to: at(to),
            };
            let cover = span.cover();
            assert_eq!(cover.head.from, span.from);
            assert_eq!(cover.tail.to, span.to);
            assert_eq!(cover.head.to, cover.hours.from);
            assert_eq!(cover.hours.to, cover.tail.from);
            match hours {
                Some((first, last)) => {
                    assert_eq!((cover.hours.from, cover.hours.to), (at(first), at(last)));
                }
                None => assert_eq!(cover.hours.seconds(), 0, "{from} {to}"),
            }
        }
    }

    #[test]
    fn the_previous_span_ends_where_the_current_begins() {
        let now = at("12:34:56");
        let current = Range::Day.current(now);
        let previous = current.before();
        assert_eq!(previous.to, current.from);
        assert_eq!(previous.seconds(), current.seconds());
    }

    #[test]
    fn months_are_compared_by_the_same_days() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (today, from, to) in [
            ("2026-11-24", "2026-10-01", "2026-10-24"),
            ("2026-03-31", "2026-02-01", "2026-02-28"),
            ("2026-01-01", "2025-12-01", "2025-12-01"),
        ] {
            let (current, previous) = month_to_date(day(today));
            assert_eq!(current.1, day(today));
            assert_eq!(previous, (day(from), day(to)), "{today}");
        }
    }
}
