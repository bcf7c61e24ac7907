//! `common` against real servers: the table of routes, tokens, outbox, streams, revocations.

mod events;
mod routes;
