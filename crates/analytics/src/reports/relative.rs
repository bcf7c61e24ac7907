//! Periods that go with the day of the report: what a saved report or a schedule asks for.

use chrono::{Datelike, Days, Months, NaiveDate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A period by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Relative {
    Today,
    Yesterday,
    /// From Monday to today.
    ThisWeek,
    PreviousWeek,
    /// From the first to today.
    ThisMonth,
    PreviousMonth,
    ThisQuarter,
    PreviousQuarter,
    ThisYear,
    PreviousYear,
}

impl Relative {
    /// The first and the last day, as seen from a day.
    pub(crate) fn days(self, today: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let before = |day: NaiveDate| day.checked_sub_days(Days::new(1));
        let week = today.checked_sub_days(Days::new(u64::from(today.weekday().num_days_from_monday())))?;
        let month = today.with_day(1)?;
        let quarter = month.with_month(today.month0() / 3 * 3 + 1)?;
        let year = month.with_month(1)?;
        Some(match self {
            Self::Today => (today, today),
            Self::Yesterday => (before(today)?, before(today)?),
            Self::ThisWeek => (week, today),
            Self::PreviousWeek => (week.checked_sub_days(Days::new(7))?, before(week)?),
            Self::ThisMonth => (month, today),
            Self::PreviousMonth => (month.checked_sub_months(Months::new(1))?, before(month)?),
            Self::ThisQuarter => (quarter, today),
            Self::PreviousQuarter => (quarter.checked_sub_months(Months::new(3))?, before(quarter)?),
            Self::ThisYear => (year, today),
            Self::PreviousYear => (year.checked_sub_months(Months::new(12))?, before(year)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_end_where_the_next_begin() {
        let days = |relative: Relative, today: &str| {
            let (from, to) = relative.days(today.parse().unwrap()).unwrap();
            format!("{from} {to}")
        };
        for (relative, expected) in [
            (Relative::Today, "2026-01-01 2026-01-01"),
            (Relative::Yesterday, "2025-12-31 2025-12-31"),
            (Relative::ThisWeek, "2025-12-29 2026-01-01"),
            (Relative::PreviousWeek, "2025-12-22 2025-12-28"),
            (Relative::ThisMonth, "2026-01-01 2026-01-01"),
            (Relative::PreviousMonth, "2025-12-01 2025-12-31"),
            (Relative::ThisQuarter, "2026-01-01 2026-01-01"),
            (Relative::PreviousQuarter, "2025-10-01 2025-12-31"),
            (Relative::ThisYear, "2026-01-01 2026-01-01"),
            (Relative::PreviousYear, "2025-01-01 2025-12-31"),
        ] {
            assert_eq!(days(relative, "2026-01-01"), expected, "{relative:?}");
        }
        assert_eq!(
            days(Relative::PreviousMonth, "2028-03-31"),
            "2028-02-01 2028-02-29"
        );
        assert_eq!(days(Relative::ThisQuarter, "2026-11-27"), "2026-10-01 2026-11-27");
    }
}
