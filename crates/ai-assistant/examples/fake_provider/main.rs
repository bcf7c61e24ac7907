//! A language model that is none: speaks the protocols of OpenAI, Anthropic and GigaChat on
//! loopback, so that the service can be tried without a key, with every fault a provider has. The
//! port after its own resets every connection.
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

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Instant;

use tokio::net::TcpListener;

async fn listen(address: SocketAddr) -> Option<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            eprintln!("cannot listen on {address}: {error}");
            None
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8099".to_owned());
    let Ok(address) = address.parse::<SocketAddr>() else {
        eprintln!("`{address}` is not an address such as 127.0.0.1:8099");
        return ExitCode::FAILURE;
    };
    let resetting = SocketAddr::new(address.ip(), address.port().saturating_add(1));
    let (Some(listener), Some(reset)) = (listen(address).await, listen(resetting).await) else {
        return ExitCode::FAILURE;
    };
    println!("OPENAI_BASE_URL=http://{address}/v1  ANTHROPIC_BASE_URL=http://{address}");
    println!("GigaChat: http://{address}/gigachat/api/v1, tokens at http://{address}/gigachat/oauth");
    println!("http://{resetting} resets every connection");
    println!("models: {}", server::MODELS.join(", "));
    let (log, started) = (server::Log::default(), Instant::now());
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
        () = server::reset_all(reset) => {}
        _ = tokio::signal::ctrl_c() => {
            shutdown.cancel();
            serving.await;
        }
    }
    for asked in log.asked() {
        let seconds = asked.at.duration_since(started).as_secs_f64();
        println!("{seconds:9.3} {:?} {}", asked.protocol, asked.model);
    }
    let (asked, finished, left) = (log.bodies().len(), log.finished(), log.left().len());
    let client = log.header("user-agent").unwrap_or_default();
    println!(
        "{asked} requests, {finished} streams to their end, {left} left by their reader; the last client was {client}"
    );
    ExitCode::SUCCESS
}
