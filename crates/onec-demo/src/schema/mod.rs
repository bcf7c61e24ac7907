//! The configuration as OData shows it: entity sets, their properties, and how each is read from the base.

pub(crate) mod catalogs;
pub(crate) mod documents;
pub(crate) mod registers;
mod value;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

pub(crate) use value::{Value, folded};

use crate::base::Base;
use crate::calendar::Stamp;
use crate::ids::Kind;

/// Position of a row in its set.
pub(crate) type Row = u32;

/// Reads a property of a row.
pub(crate) type Getter = for<'a> fn(&'a Base, Row) -> Value<'a>;

/// Type of a property.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Edm {
    Bool,
    Int16,
    Int64,
    Double,
    Date,
    Text,
    /// The object's own guid.
    Own,
    /// A reference to an object of one kind; the property's name ends in `_Key`.
    Key(Kind),
    /// A reference of several kinds: a string property and a `…_Type` beside it.
    Composite,
}

impl Edm {
    /// Name of the type in metadata.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bool => "Edm.Boolean",
            Self::Int16 => "Edm.Int16",
            Self::Int64 => "Edm.Int64",
            Self::Double => "Edm.Double",
            Self::Date => "Edm.DateTime",
            Self::Text | Self::Composite => "Edm.String",
            Self::Own | Self::Key(_) => "Edm.Guid",
        }
    }
}

/// The property a set is kept in order of, and the date of a row.
pub(crate) type Order = (usize, fn(&Base, Row) -> Stamp);

/// A property.
#[derive(Clone)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) edm: Edm,
    pub(crate) get: Getter,
}

impl Column {
    /// Name of the navigation property, for references.
    pub(crate) fn navigation(&self) -> Option<&'static str> {
        match self.edm {
            Edm::Key(_) => Some(self.name.strip_suffix("_Key").unwrap_or(self.name)),
            Edm::Composite => Some(self.name),
            _ => None,
        }
    }
}

/// A tabular part or a record set: rows of another entity set.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// Position of the set with the rows.
    pub(crate) set: usize,
    pub(crate) range: fn(&Base, Row) -> Range<Row>,
}

/// What sort of entities a set holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Catalog items, documents, accounts.
    Object(Kind),
    /// Rows of a tabular part; position of the owner's set.
    Rows(usize),
    /// Sets of records by recorder.
    RecordSets,
    /// Records of a register, flat.
    Records,
    /// Sides of ledger entries: not published, virtual tables are made of it.
    Halves,
}

/// An entity set.
pub(crate) struct EntitySet {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) columns: Vec<Column>,
    pub(crate) parts: Vec<Part>,
    pub(crate) key: &'static [&'static str],
    pub(crate) count: fn(&Base) -> usize,
    /// For sets kept in order of a date: the property's position and the date of a row.
    pub(crate) order: Option<Order>,
    /// For records: position of the set's first row where a recorder's rows are to be found.
    pub(crate) recorder: Option<fn(&Base, crate::ids::Ref) -> Range<Row>>,
    /// What virtual tables are made from.
    pub(crate) register: Option<Register>,
}

impl EntitySet {
    /// Position of a property.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Position of the reference a navigation property follows.
    pub(crate) fn navigation(&self, name: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.navigation() == Some(name))
    }

    /// The tabular part with this name.
    pub(crate) fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// Whether clients can see the set.
    pub(crate) fn is_public(&self) -> bool {
        self.shape != Shape::Halves
    }
}

/// How a register sums up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    Balance,
    Turnover,
    Accounting,
    Slices,
}

/// A resource of a register.
pub(crate) struct Resource {
    pub(crate) name: &'static str,
    /// Decimals of the whole number `get` gives.
    pub(crate) decimals: u32,
    pub(crate) get: fn(&Base, Row) -> i64,
}

/// What virtual tables of a register need to know.
pub(crate) struct Register {
    pub(crate) flavour: Flavour,
    /// Set with the movements.
    pub(crate) records: usize,
    /// Names of properties that are dimensions.
    pub(crate) dimensions: Vec<&'static str>,
    pub(crate) resources: Vec<Resource>,
    /// Whether a movement adds (a receipt, a debit).
    pub(crate) adds: fn(&Base, Row) -> bool,
}

/// The whole configuration.
pub(crate) struct Schema {
    pub(crate) sets: Vec<EntitySet>,
    by_name: HashMap<String, usize>,
}

impl Schema {
    fn build() -> Self {
        let mut sets = Vec::new();
        catalogs::add(&mut sets);
        documents::add(&mut sets);
        registers::add(&mut sets);
        let by_name = sets
            .iter()
            .enumerate()
            .map(|(at, set)| (set.name.clone(), at))
            .collect();
        Self { sets, by_name }
    }

    /// Position of a set by name, hidden ones included.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The set objects of a kind are in.
    pub(crate) fn of(&self, kind: Kind) -> Option<usize> {
        self.position(kind.set_name())
    }
}

/// The configuration; it does not depend on the data.
pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::build);

/// Builds a list of columns.
macro_rules! columns {
    ($($name:literal : $edm:expr => $get:expr),* $(,)?) => {
        vec![$($crate::schema::Column { name: $name, edm: $edm, get: $get }),*]
    };
}
pub(crate) use columns;

/// `DataVersion` of a row: a counter in the high half, as file bases have it.
pub(crate) fn version(kind: Kind, row: Row) -> Value<'static> {
    use base64::Engine as _;
    let number = row.wrapping_mul(3).wrapping_add(kind as u32 + 1);
    let mut bytes = [0_u8; 8];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Value::text(base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// A count as a position.
pub(crate) fn position(count: usize) -> Row {
    Row::try_from(count).unwrap_or(Row::MAX)
}
