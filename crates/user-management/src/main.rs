//! The program; see the library.

use user_management::{Config, DEFINITION, start};

fn main() -> std::process::ExitCode {
    common::service::run(DEFINITION, Config::read, start)
}
