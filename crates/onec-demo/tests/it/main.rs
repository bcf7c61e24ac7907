//! Tests of the demo server from outside.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should fail"
)]

mod agreement;
mod client;
mod configurations;
mod exchange;
mod faults;
mod posting;
mod protocol;
mod server;
mod services;
mod writing;
