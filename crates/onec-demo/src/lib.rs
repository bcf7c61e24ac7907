//! A demo 1C server: a trading company behind the real OData protocol.
//!
//! The company ([`Base::generate`]) is grown from a seed day by day; [`serve`] publishes it the way 1C:Enterprise
//! does, quirks included.

mod base;
mod calendar;
mod chart;
pub mod commerceml;
mod company;
mod configuration;
mod faults;
mod hs;
mod ids;
mod infobase;
mod model;
mod odata;
mod schema;
mod server;
mod sessions;
mod soap;
pub mod truth;
mod wire;

pub use base::{Base, Options, Summary};
pub use company::requisites::is_valid_inn;
pub use configuration::Configuration;
pub use faults::Faults;
pub use server::{BASE_PATH, ServerOptions, router, serve};
pub use sessions::ReuseSessions;
