//! Scores one request for attacks in what it carries: a pure function from the parts of a request and the
//! kind of its route to points with reasons. It reads nothing, keeps nothing and never blocks; what to do
//! about a score is for the caller to decide.
//!
//! Knowing the routes is what keeps honest requests out: filters of OData and texts of 1C queries are
//! understood by their grammars, and what people write to the assistant is looked at for attempts to
//! command it and for secrets, not for SQL that they may well want explained.
//!
//! Modules in reading order: `kind` (what a route carries), `leaves` (a request as named values, with
//! `json` and `multipart`), `decode` and `views` (what a value may mean once decoded), `rules` (the tables
//! in `rules/*.toml`), `grammar` (what is known to be harmless), `chat` (texts for the assistant),
//! `identity` (tokens and addresses), `scan` (all of it).
//!
//! All matching takes linear time, all decoding is bounded: see [`limits`].

mod chat;
mod decode;
mod grammar;
mod identity;
mod json;
mod kind;
mod leaves;
pub mod limits;
mod multipart;
mod rules;
mod scan;
mod views;

pub use kind::Kind;
pub use leaves::Place;
pub use rules::{Family, Rule, Scope, Table, table};
pub use scan::{Reason, Request, Scan, THRESHOLD, Verdict, scan};
