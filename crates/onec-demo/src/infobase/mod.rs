//! What clients see: the generated base and over it what has been written since.
//!
//! The generated base never changes and stays compact. A written row is kept as a list of values, so that everything
//! a client sends is kept as it was sent. A snapshot of the whole is one clone away: answers under way keep theirs.

mod changes;
pub(crate) mod exchange;
mod posting;
mod write;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use rust_decimal::prelude::ToPrimitive as _;
use uuid::Uuid;

use crate::base::Base;
use crate::calendar;
use crate::ids::{self, Kind, Ref};
use crate::schema::{Edm, EntitySet, Flavour, Part, Register, Resource, Row, SCHEMA, Shape, Value};

pub(crate) use changes::simulate;
pub(crate) use exchange::Exchange;
pub(crate) use write::Draft;

/// Indexes from here on belong to guids that clients have chosen themselves.
const FOREIGN: u32 = 0x8000_0000;

/// Values of a written row, one for each property.
pub(crate) type Cells = Arc<[Value<'static>]>;

/// What has been written into one entity set.
#[derive(Clone, Default)]
struct Written {
    /// New rows, and rows of objects that were changed.
    rows: HashMap<Row, Cells>,
    /// Rows that are no more.
    gone: HashSet<Row>,
    /// Rows of a tabular part or a record set, where they are not those generated.
    parts: HashMap<(Row, usize), Arc<[Row]>>,
    /// Rows of a recorder, where they are not those generated.
    recorders: HashMap<Ref, Arc<[Row]>>,
    /// The record set of a recorder, also of one that has no records any more.
    homes: HashMap<Ref, Row>,
    /// How many rows have been added so far.
    added: Row,
}

/// Rules of a base that its administrator sets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// Documents up to this day cannot be changed.
    pub(crate) closed_until: Option<chrono::NaiveDate>,
    /// The counter of `DataVersion` stands in the low bytes, as in bases on a database server.
    pub(crate) sql_versions: bool,
}

/// The infobase.
#[derive(Clone)]
pub(crate) struct Infobase {
    pub(crate) base: Arc<Base>,
    written: Vec<Option<Arc<Written>>>,
    /// Guids clients have chosen, and what they stand for.
    names: Arc<HashMap<(Kind, Uuid), Row>>,
    chosen: Arc<Vec<Uuid>>,
    /// Counter of `DataVersion`.
    version: u32,
    pub(crate) exchange: Exchange,
    pub(crate) rules: Rules,
}

/// Rows of a set, in order.
pub(crate) enum Rows {
    Range(Range<Row>),
    List(Vec<Row>),
}

impl Rows {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::List(rows) => rows.len(),
        }
    }

    /// All of them, from either end.
    pub(crate) fn iter(&self) -> Box<dyn DoubleEndedIterator<Item = Row> + '_> {
        match self {
            Self::Range(range) => Box::new(range.clone()),
            Self::List(rows) => Box::new(rows.iter().copied()),
        }
    }
}

/// The same value, borrowed.
fn lent<'a>(value: &'a Value<'static>) -> Value<'a> {
    match value {
        Value::Text(text) => Value::str(text),
        other => other.clone(),
    }
}

/// The same value, owned.
fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Text(text) => Value::text(text.into_owned()),
        Value::Null => Value::Null,
        Value::Bool(flag) => Value::Bool(flag),
        Value::Number(number) => Value::Number(number),
        Value::Date(date) => Value::Date(date),
        Value::Guid(guid) => Value::Guid(guid),
        Value::Key(found) => Value::Key(found),
        Value::Composite(found) => Value::Composite(found),
    }
}

/// For each property of the sides of ledger entries, where the debit's and the credit's is among those of the entry.
static SIDES: LazyLock<Vec<[Option<usize>; 2]>> = LazyLock::new(|| {
    let Some(halves) = SCHEMA.sets.iter().find(|set| set.shape == Shape::Halves) else {
        return Vec::new();
    };
    let entries = SCHEMA
        .position(halves.configuration, &records_of(&halves.name))
        .map(|at| &SCHEMA.sets[at]);
    let place = |name: &str| entries.and_then(|set| set.column(name));
    halves
        .columns
        .iter()
        .map(|column| match column.name {
            "Account_Key" => [place("AccountDr_Key"), place("AccountCr_Key")],
            "BalancedAccount_Key" => [place("AccountCr_Key"), place("AccountDr_Key")],
            name => match name.strip_prefix("ExtDimension") {
                Some(number) => [
                    place(&format!("ExtDimensionDr{number}")),
                    place(&format!("ExtDimensionCr{number}")),
                ],
                None => [place(name), place(name)],
            },
        })
        .collect()
});

/// Name of the set of entries the sides in `halves` belong to.
fn records_of(halves: &str) -> String {
    format!("{}_RecordType", halves.split('#').next().unwrap_or(""))
}

impl Infobase {
    /// A base nobody has written into yet.
    pub(crate) fn new(base: Arc<Base>) -> Self {
        Self {
            base,
            written: vec![None; SCHEMA.sets.len()],
            names: Arc::default(),
            chosen: Arc::default(),
            version: 0x1000_0000,
            exchange: Exchange::default(),
            rules: Rules::default(),
        }
    }

    /// Position of a set by name, hidden ones included.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        SCHEMA.position(self.base.configuration, name)
    }

    /// The set objects of a kind are in.
    pub(crate) fn set_of(&self, kind: Kind) -> Option<usize> {
        SCHEMA.of(self.base.configuration, kind)
    }

    /// Name of the set objects of a kind are in; for an enumeration, its name.
    pub(crate) fn set_name(&self, kind: Kind) -> &'static str {
        self.base.configuration.set_name(kind)
    }

    /// The kind behind an entity set's name, with or without `StandardODATA.` before it.
    pub(crate) fn kind_named(&self, name: &str) -> Option<Kind> {
        self.base.configuration.kind_named(name)
    }

    fn of(&self, set: usize) -> Option<&Written> {
        self.written.get(set).and_then(Option::as_deref)
    }

    /// How many rows of a set were generated.
    fn generated(&self, set: usize) -> Row {
        crate::schema::position((SCHEMA.sets[set].count)(&self.base))
    }

    /// The guid of a reference.
    pub(crate) fn guid(&self, reference: Ref) -> Uuid {
        let foreign = reference
            .index
            .checked_sub(FOREIGN)
            .and_then(|at| self.chosen.get(at as usize));
        foreign.map_or_else(|| ids::guid(self.base.seed, reference), |guid| *guid)
    }

    /// The object a guid belongs to, if it exists.
    pub(crate) fn reference(&self, guid: Uuid) -> Option<Ref> {
        let own = ids::reference(self.base.seed, guid).filter(|found| self.exists(*found));
        own.or_else(|| {
            let known = ids::OBJECTS
                .into_iter()
                .filter_map(|kind| self.names.get(&(kind, guid)).map(|index| Ref::new(kind, *index)));
            known.into_iter().find(|found| self.exists(*found))
        })
    }

    /// The reference of a kind that a guid stands for, whether there is such an object or not.
    pub(crate) fn resolve(&self, kind: Kind, guid: Uuid) -> Option<Ref> {
        let own = ids::reference(self.base.seed, guid).filter(|found| found.kind == kind);
        own.or_else(|| self.names.get(&(kind, guid)).map(|index| Ref::new(kind, *index)))
    }

    /// Whether there is such an object.
    pub(crate) fn exists(&self, reference: Ref) -> bool {
        let Some(set) = self.set_of(reference.kind) else {
            return false;
        };
        self.has(set, reference.index)
    }

    /// Whether a set has a row.
    pub(crate) fn has(&self, set: usize, row: Row) -> bool {
        let generated = row < self.generated(set);
        match self.of(set) {
            None => generated,
            Some(written) => (generated || written.rows.contains_key(&row)) && !written.gone.contains(&row),
        }
    }

    /// Values of a written row.
    fn cells(&self, set: usize, row: Row) -> Option<&Cells> {
        self.of(set).and_then(|written| written.rows.get(&row))
    }

    /// A value of a row.
    pub(crate) fn value(&self, set: usize, row: Row, column: usize) -> Value<'_> {
        let schema = &SCHEMA.sets[set];
        if schema.shape == Shape::Halves {
            return self.side(set, row, column);
        }
        let value = match self.cells(set, row) {
            Some(cells) => cells.get(column).map_or(Value::Null, lent),
            None if row < self.generated(set) => (schema.columns[column].get)(&self.base, row),
            None => Value::Null,
        };
        if self.rules.sql_versions && schema.columns[column].name == "DataVersion" {
            return turned(&value);
        }
        value
    }

    /// A value of a side of a ledger entry.
    fn side(&self, set: usize, row: Row, column: usize) -> Value<'_> {
        if row < self.generated(set) {
            return (SCHEMA.sets[set].columns[column].get)(&self.base, row);
        }
        let credit = usize::from(row % 2 == 1);
        let place = SIDES.get(column).and_then(|places| places[credit]);
        let cells = entries(set).and_then(|entries| self.cells(entries, row / 2));
        match (cells, place) {
            (Some(cells), Some(place)) => cells.get(place).map_or(Value::Null, lent),
            _ => Value::Null,
        }
    }

    /// The value of a property by what «Бухгалтерия» calls it; null if there is none.
    pub(crate) fn named(&self, set: usize, row: Row, name: &str) -> Value<'_> {
        SCHEMA.sets[set]
            .meant(name)
            .map_or(Value::Null, |column| self.value(set, row, column))
    }

    /// All rows of a set in its own order: by date where it is kept by date.
    pub(crate) fn rows(&self, set: usize) -> Rows {
        self.rows_between(set, i64::MIN, i64::MAX)
    }

    /// Rows of a set; of one that is kept by date, only those dated from `low` to `high`.
    pub(crate) fn rows_between(&self, set: usize, low: i64, high: i64) -> Rows {
        let schema = &SCHEMA.sets[set];
        if schema.shape == Shape::Halves {
            let all = entries(set).map_or(Rows::Range(0..0), |entries| self.rows(entries));
            return match all {
                Rows::Range(range) => Rows::Range(range.start * 2..range.end * 2),
                Rows::List(rows) => {
                    Rows::List(rows.into_iter().flat_map(|row| [row * 2, row * 2 + 1]).collect())
                }
            };
        }
        let count = self.generated(set);
        let range = match schema.order {
            Some((_, date)) if (low, high) != (i64::MIN, i64::MAX) => {
                let first = partition(count, |row| i64::from(date(&self.base, row)) < low);
                let last = partition(count, |row| i64::from(date(&self.base, row)) <= high);
                first..last.max(first)
            }
            _ => 0..count,
        };
        match self.of(set) {
            None => Rows::Range(range),
            Some(written) => Rows::List(self.merged(set, written, range, low, high)),
        }
    }

    fn merged(&self, set: usize, written: &Written, range: Range<Row>, low: i64, high: i64) -> Vec<Row> {
        let count = self.generated(set);
        let Some((_, date)) = SCHEMA.sets[set].order else {
            let kept = range.filter(|row| written.gone.is_empty() || !written.gone.contains(row));
            let fresh = written.rows.keys().copied();
            let mut fresh: Vec<Row> = fresh
                .filter(|row| *row >= count && !written.gone.contains(row))
                .collect();
            fresh.sort_unstable();
            return kept.chain(fresh).collect();
        };
        let mut fresh: Vec<(i64, Row)> = written
            .rows
            .keys()
            .filter(|row| !written.gone.contains(*row))
            .map(|row| (self.moment(set, *row), *row))
            .filter(|(at, _)| (low..=high).contains(at))
            .collect();
        fresh.sort_unstable();
        let mut fresh = fresh.into_iter().peekable();
        let mut list = Vec::with_capacity(range.len() + fresh.len());
        for row in range {
            if written.gone.contains(&row) || written.rows.contains_key(&row) {
                continue;
            }
            let at = i64::from(date(&self.base, row));
            while let Some((_, next)) = fresh.next_if(|next| *next < (at, row)) {
                list.push(next);
            }
            list.push(row);
        }
        list.extend(fresh.map(|(_, row)| row));
        list
    }

    /// When a row of a set that is kept by date is dated, on the scale of stamps.
    pub(crate) fn moment(&self, set: usize, row: Row) -> i64 {
        let Some((column, date)) = SCHEMA.sets[set].order else {
            return 0;
        };
        match self.cells(set, row) {
            None if row < self.generated(set) => i64::from(date(&self.base, row)),
            None => 0,
            Some(cells) => match cells.get(column) {
                Some(Value::Date(date)) => calendar::seconds(*date),
                _ => 0,
            },
        }
    }

    /// Rows of a tabular part or of a record set.
    pub(crate) fn lines(&self, owner: usize, part: usize, row: Row) -> Rows {
        let Some(found) = SCHEMA.sets[owner].parts.get(part) else {
            return Rows::Range(0..0);
        };
        let replaced = self.of(owner).and_then(|written| written.parts.get(&(row, part)));
        match replaced {
            Some(rows) => Rows::List(rows.to_vec()),
            None if row < self.generated(owner) => Rows::Range((found.range)(&self.base, row)),
            None => Rows::Range(0..0),
        }
    }

    /// As [`Self::lines`], for a part that was found in the schema.
    pub(crate) fn part(&self, owner: &EntitySet, part: &Part, row: Row) -> Rows {
        let at = self.position(&owner.name);
        let number = owner.parts.iter().position(|known| known.name == part.name);
        match (at, number) {
            (Some(at), Some(number)) => self.lines(at, number, row),
            _ => Rows::Range(0..0),
        }
    }

    /// Rows of a set of records that a recorder has written.
    pub(crate) fn recorded(&self, set: usize, recorder: Ref) -> Rows {
        if let Some(rows) = self.of(set).and_then(|written| written.recorders.get(&recorder)) {
            return Rows::List(rows.to_vec());
        }
        match SCHEMA.sets[set].recorder {
            Some(rows) if recorder.at() < self.base.count(recorder.kind) => {
                Rows::Range(rows(&self.base, recorder))
            }
            _ => Rows::Range(0..0),
        }
    }

    /// When a movement was made.
    pub(crate) fn period(&self, register: &Register, row: Row) -> i64 {
        let accounting = register.flavour == Flavour::Accounting;
        let (set, at) = if accounting {
            (entries(register.records), row / 2)
        } else {
            (Some(register.records), row)
        };
        set.map_or(0, |set| self.moment(set, at))
    }

    /// Whether a movement adds.
    pub(crate) fn adds(&self, register: &Register, row: Row) -> bool {
        if register.flavour == Flavour::Accounting {
            return row.is_multiple_of(2);
        }
        match self.cells(register.records, row) {
            None if row < self.generated(register.records) => (register.adds)(&self.base, row),
            None => true,
            Some(_) => match self.named(register.records, row, "RecordType") {
                Value::Text(name) => name != "Expense",
                _ => true,
            },
        }
    }

    /// How much a movement moves, in the smallest unit of the resource.
    pub(crate) fn amount(&self, register: &Register, resource: &Resource, row: Row) -> i64 {
        if row < self.generated(register.records) {
            return (resource.get)(&self.base, row);
        }
        let accounting = register.flavour == Flavour::Accounting;
        let value = if accounting {
            let side = if row.is_multiple_of(2) { "Dr" } else { "Cr" };
            let name = if resource.decimals > 0 {
                resource.name.to_owned()
            } else {
                format!("{}{side}", resource.name)
            };
            entries(register.records).map_or(Value::Null, |set| self.named(set, row / 2, &name))
        } else {
            self.named(register.records, row, resource.name)
        };
        scaled(&value, resource.decimals)
    }

    /// How an object is shown to people.
    pub(crate) fn presentation(&self, reference: Ref) -> String {
        let Some(set) = self.set_of(reference.kind) else {
            return self.base.presentation(reference);
        };
        if self.cells(set, reference.index).is_none() {
            if self.has(set, reference.index) {
                return self.base.presentation(reference);
            }
            let name = self.guid(reference).simple().to_string();
            return format!("<Объект не найден> ({}:{name})", reference.kind as u8);
        }
        let text = |name: &str| match self.named(set, reference.index, name) {
            Value::Text(text) => text.into_owned(),
            Value::Date(date) => date.format("%d.%m.%Y %H:%M:%S").to_string(),
            _ => String::new(),
        };
        match reference.kind {
            Kind::Account => text("Code"),
            kind if kind.title().is_empty() => text("Description"),
            kind => format!("{} {} от {}", kind.title(), text("Number"), text("Date")),
        }
    }
}

/// The set of entries that a set of sides is made of.
fn entries(halves: usize) -> Option<usize> {
    // The sides stand right after the entries.
    halves.checked_sub(1)
}

/// A number as a whole number of its smallest unit.
pub(crate) fn scaled(value: &Value<'_>, decimals: u32) -> i64 {
    match value {
        Value::Number(number) => (*number * rust_decimal::Decimal::from(10_i64.pow(decimals)))
            .round()
            .to_i64()
            .unwrap_or(0),
        _ => 0,
    }
}

/// A version with its counter in the other half.
fn turned(value: &Value<'_>) -> Value<'static> {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let Value::Text(text) = value else {
        return Value::Null;
    };
    let Ok(mut bytes) = engine.decode(text.as_bytes()) else {
        return Value::text(text.clone().into_owned());
    };
    bytes.rotate_left(4);
    Value::text(engine.encode(bytes))
}

/// The first row for which `before` is false; rows for which it is true come first.
fn partition(count: Row, before: impl Fn(Row) -> bool) -> Row {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The empty value of a type.
pub(crate) fn blank(edm: Edm) -> Value<'static> {
    match edm {
        Edm::Bool => Value::Bool(false),
        Edm::Int16 | Edm::Int64 | Edm::Double => Value::whole(0),
        Edm::Date => Value::Date(
            chrono::NaiveDate::from_ymd_opt(1, 1, 1)
                .unwrap_or_default()
                .and_time(chrono::NaiveTime::MIN),
        ),
        Edm::Text => Value::str(""),
        Edm::Own | Edm::Key(_) => Value::Key(Ref::NONE),
        Edm::Composite => Value::Composite(Ref::NONE),
    }
}
