//! What integration tests of services need: real servers, tokens, clients.
//!
//! PostgreSQL runs once per test program and gives each test a database of its own; Redis is
//! cheap enough for one per test. All of it ends with the program.

mod client;
mod issuer;
mod patience;
mod proxy;
mod servers;
mod walk;

pub use client::{Client, Response};
pub use issuer::{Grant, Issuer};
pub use patience::{eventually, eventually_some, eventually_within};
pub use proxy::Proxy;
pub use servers::{TestRedis, TestServer, database, database_url, redis};
pub use walk::{walk_routes, walk_routes_as};
