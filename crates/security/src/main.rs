//! The program of the service.

use std::process::ExitCode;

use security::{Config, DEFINITION, start};

fn main() -> ExitCode {
    common::service::run(DEFINITION, Config::read, start)
}
