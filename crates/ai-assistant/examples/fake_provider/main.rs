//! A language model that is none: speaks the protocols of OpenAI and Anthropic on loopback, so that
//! the service can be tried without a key, with every fault a provider has.
//!
//! ```text
//! cargo run -p ai-assistant --example fake_provider -- 127.0.0.1:8099
//! OPENAI_BASE_URL=http://127.0.0.1:8099/v1 OPENAI_MODEL=fake,fault-cut cargo run -p ai-assistant
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its user"
)]

mod server;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8099".to_owned());
    let listener = match tokio::net::TcpListener::bind(&address).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("cannot listen on {address}: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("OPENAI_BASE_URL=http://{address}/v1  ANTHROPIC_BASE_URL=http://{address}");
    println!("models: {}", server::MODELS.join(", "));
    let log = server::Log::default();
    let shutdown = tokio_util::sync::CancellationToken::new();
    let grace = std::time::Duration::from_secs(1);
    let serving = common::http::server::serve(
        listener,
        server::router(log.clone()),
        shutdown.clone(),
        common::http::server::Ending::within(grace),
    );
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => {}
        _ = tokio::signal::ctrl_c() => {
            shutdown.cancel();
            serving.await;
        }
    }
    let (asked, finished) = (log.bodies().len(), log.finished());
    let client = log.header("user-agent").unwrap_or_default();
    println!("{asked} requests, {finished} streams to their end; the last client was {client}");
    ExitCode::SUCCESS
}
