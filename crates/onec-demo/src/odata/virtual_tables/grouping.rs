//! Gathering rows by the values of their dimensions and periods.

use std::collections::HashMap;

use chrono::{Datelike, Duration, NaiveDate, NaiveDateTime, Timelike};

use super::super::error::Refusal;
use super::super::source::Source;
use super::arguments::{Arguments, Mentioned};
use crate::calendar;
use crate::chart::ACCOUNTS;
use crate::ids::{Kind, Ref};
use crate::infobase::Infobase;
use crate::schema::{Edm, Row, Value};

/// Names of the period fields, finest first.
pub(crate) const PERIODS: [&str; 11] = [
    "Period",
    "SecondPeriod",
    "MinutePeriod",
    "HourPeriod",
    "DayPeriod",
    "WeekPeriod",
    "TenDaysPeriod",
    "MonthPeriod",
    "QuarterPeriod",
    "HalfYearPeriod",
    "YearPeriod",
];

/// The start of the period a moment falls into.
pub(crate) fn floor(at: NaiveDateTime, name: &str) -> NaiveDateTime {
    let date = at.date();
    let midnight = |date: Option<NaiveDate>| date.and_then(|date| date.and_hms_opt(0, 0, 0)).unwrap_or(at);
    let month = |number: u32| midnight(NaiveDate::from_ymd_opt(date.year(), number, 1));
    match name {
        "MinutePeriod" => at.with_second(0).unwrap_or(at),
        "HourPeriod" => at.with_second(0).and_then(|at| at.with_minute(0)).unwrap_or(at),
        "DayPeriod" => midnight(Some(date)),
        "WeekPeriod" => midnight(
            date.checked_sub_signed(Duration::days(i64::from(date.weekday().num_days_from_monday()))),
        ),
        "TenDaysPeriod" => midnight(date.with_day((date.day0() / 10).min(2) * 10 + 1)),
        "MonthPeriod" => month(date.month()),
        "QuarterPeriod" => month(date.month0() / 3 * 3 + 1),
        "HalfYearPeriod" => month(date.month0() / 6 * 6 + 1),
        "YearPeriod" => month(1),
        _ => at,
    }
}

/// What rows are gathered by.
pub(crate) enum Key {
    Dimension(usize),
    /// The analytics of this kind, shown in place of whatever place it has in the account.
    Analytics(u8),
    Period(&'static str),
    Recorder(usize),
    Line(usize),
}

pub(crate) const WIDEST: usize = 16;

/// The most resources that a register has.
const RESOURCES: usize = 6;

/// Sums of each resource: before the period, in it received and spent.
pub(crate) type Sums = [[i64; 3]; RESOURCES];

/// Groups of rows, in order of first appearance.
pub(crate) struct Groups {
    index: HashMap<[u64; WIDEST], usize>,
    pub(crate) list: Vec<([u64; WIDEST], Sums)>,
}

impl Groups {
    /// No groups yet.
    pub(crate) fn new() -> Self {
        Self {
            index: HashMap::new(),
            list: Vec::new(),
        }
    }

    /// Sums of a group.
    pub(crate) fn sums(&mut self, key: [u64; WIDEST]) -> &mut Sums {
        let next = self.list.len();
        let at = *self.index.entry(key).or_insert(next);
        if at == next {
            self.list.push((key, [[0; 3]; RESOURCES]));
        }
        &mut self.list[at].1
    }
}

pub(crate) fn pack(reference: Ref) -> u64 {
    (u64::from(reference.kind as u8) << 32) | u64::from(reference.index)
}

/// The reference packed into a number: kinds are few, so they are looked up.
pub(crate) fn unpack(packed: u64) -> Ref {
    let kind = u8::try_from(packed >> 32).unwrap_or(0);
    let index = u32::try_from(packed & u64::from(u32::MAX)).unwrap_or(0);
    let known = crate::ids::OBJECTS
        .into_iter()
        .chain([Kind::TaxPayment])
        .find(|one| *one as u8 == kind);
    known.map_or(Ref::NONE, |kind| Ref::new(kind, index))
}

pub(crate) fn reference_of(value: &Value<'_>) -> Ref {
    match value {
        Value::Key(found) | Value::Composite(found) => *found,
        _ => Ref::NONE,
    }
}

/// Adds the period fields, the recorder and the line if a client names them.
pub(crate) fn broken_down(source: &Source, mentioned: &Mentioned<'_>, keys: &mut Vec<(Key, String, Edm)>) {
    for name in PERIODS {
        if mentioned.has(name) {
            keys.push((Key::Period(name), name.to_owned(), Edm::Date));
        }
    }
    if mentioned.has("Recorder")
        && let Some(column) = source.find("Recorder")
    {
        keys.push((Key::Recorder(column), "Recorder".to_owned(), Edm::Composite));
    }
    if mentioned.has("LineNumber")
        && let Some(column) = source.find("LineNumber")
    {
        keys.push((Key::Line(column), "LineNumber".to_owned(), Edm::Int64));
    }
}

/// Kinds of analytics asked for, by guid or by name, in order.
pub(crate) fn extra_dimensions(base: &Infobase, arguments: &Arguments) -> Result<Option<Vec<u8>>, Refusal> {
    let Some(text) = arguments.text("ExtraDimensions") else {
        return Ok(None);
    };
    let mut kinds = Vec::new();
    for one in text.split(',').map(str::trim) {
        let bare = one.trim_start_matches("guid").trim_matches('\'');
        let by_guid = bare.parse().ok().and_then(|guid| base.reference(guid));
        let by_name = crate::chart::SUBCONTO.iter().position(|kind| kind.0 == bare);
        let found = match (by_guid, by_name) {
            (Some(found), _) if found.kind == Kind::Analytics => found.at(),
            (_, Some(at)) => at,
            _ => return Err(Refusal::argument("ExtraDimensions")),
        };
        kinds.push(u8::try_from(found).unwrap_or(0));
    }
    Ok(Some(kinds))
}

/// The key a row is gathered under; nothing if the account lacks analytics asked for.
pub(crate) fn key(
    base: &Infobase,
    source: &Source,
    row: Row,
    at: i64,
    keys: &[(Key, String, Edm)],
    account: Option<usize>,
) -> Option<[u64; WIDEST]> {
    let mut packed = [0; WIDEST];
    for (place, (key, ..)) in keys.iter().enumerate() {
        packed[place] = match key {
            Key::Dimension(column) | Key::Recorder(column) => {
                pack(reference_of(&source.value(base, row, *column)))
            }
            Key::Analytics(kind) => {
                let account = ACCOUNTS.get(reference_of(&source.value(base, row, account?)).at())?;
                let position = account.subconto.iter().position(|one| *one as u8 == *kind)?;
                let column =
                    source.find(["ExtDimension1", "ExtDimension2", "ExtDimension3"].get(position)?)?;
                pack(reference_of(&source.value(base, row, column)))
            }
            Key::Period(name) => {
                let stamp = u32::try_from(at).unwrap_or(0);
                u64::try_from(calendar::seconds(floor(calendar::moment(stamp), name))).unwrap_or(0)
            }
            Key::Line(column) => match source.value(base, row, *column) {
                Value::Number(number) => u64::try_from(number).unwrap_or(0),
                _ => 0,
            },
        };
    }
    Some(packed)
}

pub(crate) fn cells(key: &[u64; WIDEST], keys: &[(Key, String, Edm)]) -> Vec<Value<'static>> {
    let one = |(packed, (key, _, edm)): (&u64, &(Key, String, Edm))| match (key, edm) {
        (Key::Period(_), _) => Value::date(u32::try_from(*packed).unwrap_or(0)),
        (Key::Line(_), _) => Value::whole(i64::try_from(*packed).unwrap_or(0)),
        (_, Edm::Composite) => Value::Composite(unpack(*packed)),
        _ => Value::Key(unpack(*packed)),
    };
    key.iter().zip(keys).map(one).collect()
}
