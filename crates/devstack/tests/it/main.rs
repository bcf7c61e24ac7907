//! The whole system as its users run it: real processes, databases, sockets and a demo 1C server.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on ends by a panic and prints the log"
)]

mod browser;
mod command_line;
mod compare;
mod console;
mod openapi;
mod outage;
mod questions;
mod resume;
mod rights;
mod routes;
mod support;
mod tidy;
