//! The service as a program; with `mcp-stdio`, the bridge of MCP clients to it.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("mcp-stdio") {
        return ai_assistant::mcp_stdio();
    }
    common::service::run(
        ai_assistant::DEFINITION,
        ai_assistant::Config::read,
        ai_assistant::start,
    )
}
