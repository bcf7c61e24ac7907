//! The OData interface of 1C (developer guide of the platform, chapter 17.4; OData 3 with its own
//! habits): addresses, answers, errors, and the client.

pub(crate) mod atom;
mod changes;
mod client;
pub(crate) mod code;
mod error;
pub(crate) mod expression;
mod feed;
mod filter;
mod forms;
mod functions;
mod key;
mod literal;
mod metadata;
pub(crate) mod parser;
mod query;
mod row;
pub(crate) mod write;

use crate::xml::Limits;

/// Limits of answers in XML. They nest less than ten elements; a file kept in the base may be a property of
/// an object.
pub(crate) const ANSWERS: Limits = Limits {
    deepest: 64,
    longest: 32 * 1024 * 1024,
};

pub(crate) use atom::Properties;
pub(crate) use changes::{NoNode, Node, Point};
pub(crate) use client::{CALLS, Client, Credentials, Patience};
pub(crate) use error::{DataError, OdataError};
pub(crate) use feed::{Change, Feed};
pub(crate) use filter::Filter;
pub(crate) use forms::Forms;
pub(crate) use functions::VirtualTable;
pub(crate) use key::Key;
pub(crate) use literal::Literal;
pub(crate) use metadata::Metadata;
pub(crate) use query::Query;
pub(crate) use row::{Collection, Row};
