//! The right answers, worked out from documents alone.
//!
//! Nothing here looks at registers, at the ledger, or at the code that writes them: what a document means is said once
//! more in this module, so that a comparison proves something. Money is a string with two decimals, a quantity a
//! string without trailing zeros; rows go by their main figure, the largest first.

mod ledger;
mod money;
mod settlements;
mod trade;

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::base::Base;
use crate::calendar::{self, DAY, Stamp};
use crate::ids::{Kind, Ref};
use crate::model::Head;

pub use ledger::{documents, last_documents, postings, taxes, trial_balance};
pub use money::{cash, cash_flow};
pub use settlements::{payables, receivables, statement};
pub use trade::{By, sales, stock};

/// A report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Its name, as on the command line.
    pub report: &'static str,
    /// The day it is for, or the last day of its period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<NaiveDate>,
    /// The first day of its period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
    /// Rows.
    pub rows: Vec<Map<String, Value>>,
    /// Totals over all rows.
    pub totals: Map<String, Value>,
}

impl Report {
    /// The text of a total; empty if there is none of that name.
    pub fn total(&self, name: &str) -> &str {
        self.totals.get(name).and_then(Value::as_str).unwrap_or("")
    }
}

/// Which organisations a report is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope(Option<u8>);

impl Scope {
    /// All organisations.
    pub const ALL: Self = Self(None);

    /// The organisation whose name contains `name`; nothing if there is none.
    pub fn organization(base: &Base, name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let found = base
            .organizations
            .iter()
            .position(|one| one.name.to_lowercase().contains(&name))?;
        u8::try_from(found).ok().map(|at| Self(Some(at)))
    }

    /// Whether a document is posted, not deleted and of these organisations.
    fn takes(self, head: &Head) -> bool {
        head.posted
            && !head.deleted
            && self
                .0
                .is_none_or(|organization| organization == head.organization)
    }
}

/// The first moment after a day.
fn after(date: NaiveDate) -> Stamp {
    calendar::stamp(date) + DAY
}

/// Kopecks as text with two decimals.
fn money(kopecks: i64) -> Value {
    let sign = if kopecks < 0 { "-" } else { "" };
    let whole = kopecks.unsigned_abs();
    Value::String(format!("{sign}{}.{:02}", whole / 100, whole % 100))
}

/// A quantity as text.
fn quantity(units: i64) -> Value {
    Value::String(units.to_string())
}

/// A row of named values.
fn row(cells: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    cells
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn text(text: impl Into<String>) -> Value {
    Value::String(text.into())
}

fn id(base: &Base, reference: Ref) -> Value {
    Value::String(base.guid(reference).to_string())
}

fn counterparty_name(base: &Base, index: u32) -> String {
    base.presentation(Ref::new(Kind::Counterparty, index))
}

/// Positions of the counterparties whose name contains `name`.
fn counterparties_named(base: &Base, name: &str) -> Vec<u32> {
    let name = name.to_lowercase();
    let fits = |one: &crate::model::Counterparty| one.name.to_lowercase().contains(&name);
    (0_u32..)
        .zip(&base.counterparties)
        .filter(|(_, one)| fits(one))
        .map(|(at, _)| at)
        .collect()
}
