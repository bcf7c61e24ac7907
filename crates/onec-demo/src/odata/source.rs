//! What a query runs over: an entity set, or rows a virtual table has summed up.

use std::sync::Arc;

use crate::configuration::Configuration;
use crate::ids::{Kind, Ref};
use crate::infobase::{Infobase, Rows};
use crate::schema::{Edm, Row, SCHEMA, Value};

/// Rows made for one answer.
pub(crate) struct Table {
    pub(crate) configuration: Configuration,
    /// Name of the complex type.
    pub(crate) name: String,
    pub(crate) fields: Vec<(String, Edm)>,
    pub(crate) rows: Vec<Vec<Value<'static>>>,
}

/// Where rows come from.
#[derive(Clone)]
pub(crate) enum Source {
    /// Position of an entity set.
    Set(usize),
    Table(Arc<Table>),
}

impl Source {
    /// The configuration it is of.
    pub(crate) fn configuration(&self) -> Configuration {
        match self {
            Self::Set(set) => SCHEMA.sets[*set].configuration,
            Self::Table(table) => table.configuration,
        }
    }

    /// Number of properties.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Set(set) => SCHEMA.sets[*set].columns.len(),
            Self::Table(table) => table.fields.len(),
        }
    }

    /// Name and type of a property.
    pub(crate) fn field(&self, at: usize) -> (&str, Edm) {
        match self {
            Self::Set(set) => {
                let column = &SCHEMA.sets[*set].columns[at];
                (column.name, column.edm)
            }
            Self::Table(table) => (&table.fields[at].0, table.fields[at].1),
        }
    }

    /// Position of a property.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        (0..self.width()).find(|at| self.field(*at).0 == name)
    }

    /// Position of the reference that a navigation property follows.
    pub(crate) fn navigation(&self, name: &str) -> Option<usize> {
        (0..self.width()).find(|at| navigation_name(self.field(*at)) == Some(name))
    }

    /// A value.
    pub(crate) fn value<'a>(&'a self, base: &'a Infobase, row: Row, at: usize) -> Value<'a> {
        match self {
            Self::Set(set) => base.value(*set, row, at),
            Self::Table(table) => table
                .rows
                .get(row as usize)
                .and_then(|cells| cells.get(at))
                .cloned()
                .unwrap_or(Value::Null),
        }
    }

    /// All rows.
    pub(crate) fn rows(&self, base: &Infobase) -> Rows {
        match self {
            Self::Set(set) => base.rows(*set),
            Self::Table(table) => Rows::Range(0..crate::schema::position(table.rows.len())),
        }
    }

    /// The entity set, when it is one.
    pub(crate) fn set(&self) -> Option<&'static crate::schema::EntitySet> {
        match self {
            Self::Set(set) => SCHEMA.sets.get(*set),
            Self::Table(_) => None,
        }
    }
}

/// Name of the navigation property of a reference.
pub(crate) fn navigation_name((name, edm): (&str, Edm)) -> Option<&str> {
    match edm {
        Edm::Key(_) => Some(name.strip_suffix("_Key").unwrap_or(name)),
        Edm::Composite => Some(name),
        _ => None,
    }
}

/// The object a value points to, if it points to one.
pub(crate) fn target(value: &Value<'_>) -> Option<Ref> {
    match value {
        Value::Key(found) | Value::Composite(found) if !found.is_none() && found.kind != Kind::TaxPayment => {
            Some(*found)
        }
        _ => None,
    }
}

/// What `X_Type` says about a composite value.
pub(crate) fn type_name(base: &Infobase, value: &Value<'_>) -> String {
    match value {
        Value::Composite(found) | Value::Key(found) => format!("StandardODATA.{}", base.set_name(found.kind)),
        _ => "StandardODATA.Undefined".to_owned(),
    }
}
