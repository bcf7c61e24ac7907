//! The program; see the library.

use user_management::{Config, DEFINITION, command, start};

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match command(&arguments) {
        Some(code) => code,
        None => common::service::run(DEFINITION, Config::read, start),
    }
}
