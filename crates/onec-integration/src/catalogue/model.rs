//! Types, properties and functions as the metadata declare them.

use std::sync::Arc;

/// Sets whose data belong to objects: their names begin so.
const SETS: [&str; 14] = [
    "AccountingRegister",
    "AccumulationRegister",
    "BusinessProcess",
    "CalculationRegister",
    "Catalog",
    "ChartOfAccounts",
    "ChartOfCalculationTypes",
    "ChartOfCharacteristicTypes",
    "Constant",
    "Document",
    "DocumentJournal",
    "ExchangePlan",
    "InformationRegister",
    "Task",
];

/// What a type describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Objects with a key.
    Entity,
    /// Rows and results of functions.
    Complex,
    /// Named values.
    Enumeration,
}

impl Form {
    /// Its name in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::Complex => "complex",
            Self::Enumeration => "enumeration",
        }
    }
}

/// A type. In 1C the type of a set has the set's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Type {
    pub(crate) name: Arc<str>,
    pub(crate) form: Form,
    /// True when there is an entity set of that name.
    pub(crate) published: bool,
    /// The set that a tabular part or the flat rows of a register belong to.
    pub(crate) owner: Option<Arc<str>>,
    /// Members of an enumeration.
    pub(crate) members: Vec<String>,
    pub(crate) properties: Vec<Property>,
}

impl Type {
    /// `Catalog`, `Document`, …; empty for types of the platform.
    pub(crate) fn kind(&self) -> &str {
        kind(&self.name)
    }
}

/// What kind of objects a name is of: `Catalog`, `Document`, …; empty for others.
pub(crate) fn kind(name: &str) -> &str {
    let kind = name.split_once('_').map_or("", |(kind, _)| kind);
    if SETS.contains(&kind) { kind } else { "" }
}

/// A property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Property {
    pub(crate) name: String,
    /// `Edm.String`, `Collection(StandardODATA.X_RowType)`, …
    pub(crate) edm_type: Arc<str>,
    pub(crate) nullable: bool,
    pub(crate) is_key: bool,
    /// The set that a reference of one type leads to.
    pub(crate) target: Option<Arc<str>>,
    /// The name to walk to the object by.
    pub(crate) navigation: Option<String>,
}

/// A function or action that is called on objects of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) binding_type: Arc<str>,
    pub(crate) name: Arc<str>,
    /// True for an action.
    pub(crate) side_effecting: bool,
    pub(crate) return_type: Option<Arc<str>>,
    /// Names and types, without the binding one.
    pub(crate) parameters: Vec<(Arc<str>, Arc<str>)>,
}

/// Everything that an infobase publishes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalogue {
    pub(crate) types: Vec<Type>,
    pub(crate) functions: Vec<Function>,
}

impl Catalogue {
    /// How many entity sets there are.
    pub(crate) fn sets(&self) -> usize {
        self.types.iter().filter(|kind| kind.published).count()
    }
}
