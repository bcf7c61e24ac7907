//! The program of the gateway.

fn main() -> std::process::ExitCode {
    common::service::run(gateway::DEFINITION, gateway::config::Config::read, gateway::start)
}
