//! The service through its real router, on a real PostgreSQL and a real Redis.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by a panic")]

mod alerts;
mod audit;
mod authz;
mod detection;
mod migrate;
mod outage;
mod scan;
mod support;
