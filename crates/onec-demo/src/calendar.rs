//! Time inside the base: whole seconds of Moscow time, packed into 32 bits.

use chrono::{Datelike, Duration, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc, Weekday};

/// Seconds since 2024-01-01T00:00:00 in the base's zone. Good for 136 years.
pub(crate) type Stamp = u32;

/// Seconds in a day.
pub(crate) const DAY: u32 = 86_400;

/// The day stamps are counted from.
fn epoch() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 1, 1).unwrap_or(NaiveDate::MIN)
}

/// The first day of the company's books, 2024-11-01.
pub(crate) fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 11, 1).unwrap_or(NaiveDate::MIN)
}

/// Midnight at the start of `date`; days before the epoch give zero.
pub(crate) fn stamp(date: NaiveDate) -> Stamp {
    let days = (date - epoch()).num_days().max(0);
    u32::try_from(days)
        .unwrap_or(u32::MAX / DAY)
        .min(u32::MAX / DAY - 1)
        * DAY
}

/// The moment a stamp stands for.
pub(crate) fn moment(stamp: Stamp) -> NaiveDateTime {
    epoch().and_time(NaiveTime::MIN) + Duration::seconds(i64::from(stamp))
}

/// The moment as signed seconds on the scale of [`Stamp`], so that any literal can be compared with stamps.
pub(crate) fn seconds(moment: NaiveDateTime) -> i64 {
    (moment - epoch().and_time(NaiveTime::MIN)).num_seconds()
}

/// Calendar date of a stamp.
pub(crate) fn date(stamp: Stamp) -> NaiveDate {
    moment(stamp).date()
}

/// Today in Moscow (UTC+3 all year round since 2014).
pub(crate) fn today() -> NaiveDate {
    now().date()
}

/// The wall clock in Moscow.
#[expect(
    clippy::disallowed_methods,
    reason = "a foreign system has a clock of its own"
)]
pub(crate) fn now() -> NaiveDateTime {
    let zone = FixedOffset::east_opt(3 * 3600);
    let utc = Utc::now();
    let local = zone.map_or(utc.naive_utc(), |zone| utc.with_timezone(&zone).naive_local());
    local.with_nanosecond(0).unwrap_or(local)
}

/// Monday to Friday, less the fixed public holidays.
pub(crate) fn is_workday(date: NaiveDate) -> bool {
    let holiday = matches!(
        (date.month(), date.day()),
        (1, 1..=8) | (2, 23) | (3, 8) | (5, 1) | (5, 9) | (6, 12) | (11, 4)
    );
    !holiday && !matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

/// Whether `date` is the last day of its month.
pub(crate) fn is_month_end(date: NaiveDate) -> bool {
    date.succ_opt().is_some_and(|next| next.day() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_round_trip() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 24).unwrap();
        assert_eq!(date(stamp(day)), day);
        assert_eq!(seconds(moment(stamp(day) + 5)), i64::from(stamp(day) + 5));
    }

    #[test]
    fn holidays_are_not_workdays() {
        assert!(!is_workday(NaiveDate::from_ymd_opt(2026, 1, 5).unwrap()));
        assert!(!is_workday(NaiveDate::from_ymd_opt(2026, 11, 22).unwrap()));
        assert!(is_workday(NaiveDate::from_ymd_opt(2026, 11, 24).unwrap()));
        assert!(is_month_end(NaiveDate::from_ymd_opt(2028, 2, 29).unwrap()));
    }
}
