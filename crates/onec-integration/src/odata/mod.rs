//! The OData interface of 1C (developer guide of the platform, chapter 17.4; OData 3 with its own
//! habits): addresses, answers, errors, and the client.

mod changes;
mod client;
mod error;
mod feed;
mod filter;
mod literal;
mod metadata;
mod query;
mod row;

pub(crate) use changes::Point;
pub(crate) use client::{CALLS, Client, Credentials, Patience};
pub(crate) use error::{DataError, OdataError};
pub(crate) use feed::{Change, Feed};
pub(crate) use filter::Filter;
pub(crate) use literal::Literal;
pub(crate) use metadata::Metadata;
pub(crate) use query::{Query, VirtualTable};
pub(crate) use row::{Collection, Row};
