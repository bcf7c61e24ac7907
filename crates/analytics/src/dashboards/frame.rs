//! What a query answers: a table, its sums, and what they were before.

use chrono::{DateTime, Utc};
use common::contract::onec::{Column, ColumnKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::charts::Unit;

/// Type of the values of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FieldKind {
    Text,
    /// A moment, RFC 3339: the beginning of a step.
    Time,
    Date,
    /// In the unit of the frame.
    Money,
    Quantity,
    Integer,
    /// 12.5 is twelve and a half percent.
    Percent,
    Milliseconds,
    Boolean,
    /// Not for display.
    Id,
}

/// A column of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Field {
    pub(crate) key: String,
    pub(crate) title: String,
    pub(crate) kind: FieldKind,
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) fields: Vec<Field>,
    pub(crate) rows: Vec<Map<String, Value>>,
    /// Sums of all rows, by the key of their field.
    pub(crate) totals: Map<String, Value>,
    /// The same sums of the period before, when they were asked for.
    pub(crate) previous: Option<Map<String, Value>>,
    /// Rows that there are, shown or not.
    pub(crate) row_count: u64,
    /// Unit of the fields of money.
    pub(crate) currency: String,
    /// The moment that the figures are of.
    pub(crate) as_of: DateTime<Utc>,
}

/// Which fields a panel shows. What is left out is chosen by the kinds of the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Fields {
    /// The field of the categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) x: Option<String>,
    /// The fields of the values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) y: Vec<String>,
    /// The field whose values name the series; there is one `y` then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) series: Option<String>,
    /// Sums instead of rows: the categories are the fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) totals: Vec<String>,
    /// Steps of a waterfall, from the sums.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) steps: Vec<WaterfallStep>,
}

/// A step of a waterfall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaterfallStep {
    /// The sum that is added; absent for the sum so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// It is taken away instead.
    #[serde(default)]
    pub(crate) minus: bool,
    /// What it is called; the title of the field when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
}

impl Field {
    pub(super) fn new(key: &str, title: &str, kind: FieldKind) -> Self {
        Self {
            key: key.to_owned(),
            title: title.to_owned(),
            kind,
        }
    }

    /// True for what can be drawn.
    pub(super) const fn is_number(&self) -> bool {
        matches!(
            self.kind,
            FieldKind::Money
                | FieldKind::Quantity
                | FieldKind::Integer
                | FieldKind::Percent
                | FieldKind::Milliseconds
        )
    }
}

impl From<&Column> for Field {
    fn from(column: &Column) -> Self {
        let kind = match column.kind {
            ColumnKind::Text => FieldKind::Text,
            ColumnKind::Money => FieldKind::Money,
            // Shares and growth are quantities in the contract; their titles say what they are.
            ColumnKind::Quantity if column.title.ends_with('%') => FieldKind::Percent,
            ColumnKind::Quantity => FieldKind::Quantity,
            ColumnKind::Integer => FieldKind::Integer,
            ColumnKind::Date => FieldKind::Date,
            ColumnKind::Boolean => FieldKind::Boolean,
            ColumnKind::Id => FieldKind::Id,
        };
        Self {
            key: column.key.clone(),
            title: column.title.clone(),
            kind,
        }
    }
}

impl Frame {
    pub(super) fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// The unit of a field.
    pub(super) fn unit(&self, key: &str) -> Unit {
        match self.field(key).map(|field| field.kind) {
            Some(FieldKind::Money) => Unit::new(&self.currency),
            Some(FieldKind::Percent) => Unit::new("%"),
            Some(FieldKind::Milliseconds) => Unit::new("ms"),
            _ => Unit::default(),
        }
    }
}
