//! HTTP as all services speak it: [`Problem`] errors, extractors that reject with them, the
//! layers around every router, the table of routes with their permissions, lists, and the client
//! for calls to others with the addresses that it never calls.

pub mod address;
pub mod client;
pub mod dialect;
mod etag;
mod extract;
pub mod layers;
mod once;
pub mod openapi;
mod page;
mod peer;
mod problem;
pub mod routes;
pub mod server;

pub use etag::{IfMatch, etag};
pub use extract::{Json, Path, Query, parse_query};
pub use once::FirstAnswers;
pub use page::{Cursor, Page, PageQuery};
pub use peer::ClientIp;
pub use problem::{FieldError, Problem, Violations};
