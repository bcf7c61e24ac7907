//! The service as a program; with the argument `mcp-stdio`, the bridge of MCP clients to it.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("mcp-stdio") {
        return bridge();
    }
    common::service::run(
        ai_assistant::DEFINITION,
        ai_assistant::Config::read,
        ai_assistant::start,
    )
}

#[expect(clippy::print_stderr, reason = "standard output belongs to the protocol")]
fn bridge() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(ai_assistant::mcp_stdio(|name| std::env::var(name).ok())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
