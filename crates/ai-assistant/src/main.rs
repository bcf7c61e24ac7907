//! The service as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::service::run(
        ai_assistant::DEFINITION,
        ai_assistant::Config::read,
        ai_assistant::start,
    )
}
