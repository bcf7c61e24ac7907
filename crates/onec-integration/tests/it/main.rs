//! The service against a demo 1C server, real PostgreSQL and real Redis.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends by a panic"
)]

mod reports;
mod setup;
