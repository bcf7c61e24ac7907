//! The configuration as OData shows it: entity sets, their properties, and how each is read from the base.

pub(crate) mod catalogs;
pub(crate) mod documents;
mod own;
pub(crate) mod payments;
pub(crate) mod registers;
mod small_firm;
pub(super) mod trade;
mod value;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

pub(crate) use value::{Value, folded};

use crate::base::Base;
use crate::calendar::Stamp;
use crate::configuration::Configuration;
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
    /// What the property is called in «Бухгалтерия», where that differs: the code that posts knows those names.
    pub(crate) meaning: &'static str,
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
    /// The configuration that has it.
    pub(crate) configuration: Configuration,
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

    /// Position of the property that means what «Бухгалтерия» calls `name`.
    pub(crate) fn meant(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.meaning == name)
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
        !self.name.contains(HIDDEN)
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

/// Marks the names of sets that clients do not see.
pub(crate) const HIDDEN: char = '#';

/// The sets of all configurations.
pub(crate) struct Schema {
    pub(crate) sets: Vec<EntitySet>,
    by_name: HashMap<(Configuration, String), usize>,
}

impl Schema {
    fn build() -> Self {
        let mut sets = Vec::new();
        for configuration in Configuration::ALL {
            let first = sets.len();
            match configuration {
                Configuration::Accounting => {
                    catalogs::add(&mut sets);
                    documents::add(&mut sets);
                    registers::add(&mut sets);
                }
                Configuration::Trade => trade::add(&mut sets),
                Configuration::SmallFirm => small_firm::add(&mut sets),
                Configuration::Own => own::add(&mut sets),
            }
            adopt(&mut sets, first, configuration);
        }
        let by_name = sets
            .iter()
            .enumerate()
            .map(|(at, set)| ((set.configuration, set.name.clone()), at))
            .collect();
        Self { sets, by_name }
    }

    /// Position of a set of a configuration by name, hidden ones included.
    pub(crate) fn position(&self, configuration: Configuration, name: &str) -> Option<usize> {
        self.by_name.get(&(configuration, name.to_owned())).copied()
    }

    /// The set objects of a kind are in.
    pub(crate) fn of(&self, configuration: Configuration, kind: Kind) -> Option<usize> {
        self.position(configuration, configuration.set_name(kind))
    }

    /// The sets of a configuration that clients see.
    pub(crate) fn published(&self, configuration: Configuration) -> impl Iterator<Item = &EntitySet> {
        let sets = self.sets.iter();
        sets.filter(move |set| set.configuration == configuration && set.is_public())
    }
}

/// Makes the sets from `first` on those of a configuration: objects and their tabular parts get its names.
fn adopt(sets: &mut [EntitySet], first: usize, configuration: Configuration) {
    for at in first..sets.len() {
        let kind = match sets[at].shape {
            Shape::Object(kind) => Some(kind),
            Shape::Rows(owner) => match sets[owner].shape {
                Shape::Object(kind) => Some(kind),
                _ => None,
            },
            _ => None,
        };
        let set = &mut sets[at];
        set.configuration = configuration;
        if let Some(kind) = kind
            && let Some(part) = set.name.strip_prefix(kind.set_name())
        {
            set.name = format!("{}{part}", configuration.set_name(kind));
        }
    }
}

/// All configurations; they do not depend on the data.
pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::build);

/// The last of the names of a property is what it means.
pub(crate) fn meaning(names: &[&'static str]) -> &'static str {
    names.last().copied().unwrap_or_default()
}

/// Builds a list of columns.
macro_rules! columns {
    ($($name:literal $(as $meaning:literal)? : $edm:expr => $get:expr),* $(,)?) => {
        vec![$($crate::schema::Column {
            name: $name,
            meaning: $crate::schema::meaning(&[$name $(, $meaning)?]),
            edm: $edm,
            get: $get,
        }),*]
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
