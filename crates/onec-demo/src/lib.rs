//! A demo 1C server: a trading company behind the real OData protocol.

mod base;
mod calendar;
mod chart;
mod company;
mod ids;
mod model;
mod schema;

pub use base::{Base, Options, Summary};
pub use company::requisites::is_valid_inn;
