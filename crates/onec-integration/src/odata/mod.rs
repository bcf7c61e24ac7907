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
#[expect(dead_code, reason = "complete, for drafts and actions; reading uses a part")]
mod functions;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "complete, for drafts and actions; reading uses a part")
)]
mod key;
mod literal;
mod metadata;
pub(crate) mod parser;
mod query;
mod row;
pub(crate) mod write;
pub(crate) mod xml;

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
