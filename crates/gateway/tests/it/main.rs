//! The gateway on a real socket, with a real Redis, in front of stand-ins for the services.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by a panic")]

mod api_keys;
mod bans;
mod browsers;
mod caching;
mod compression;
mod drain;
mod events;
mod framing;
mod headers;
mod inspection;
mod limits;
mod operation;
mod paths;
mod protocols;
mod routes;
mod streaming;
mod tokens;
mod upstreams;
mod websockets;
mod world;
