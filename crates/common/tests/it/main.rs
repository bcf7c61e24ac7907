//! `common` against real servers: the table of routes, tokens, outbox, streams, revocations.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends by a panic"
)]

mod drain;
mod events;
mod metrics;
mod routes;
mod tokens;
