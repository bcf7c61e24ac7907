//! The demo 1C server from the command line.
#![expect(clippy::print_stdout, reason = "a command-line tool answers on standard output")]

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand};
use onec_demo::{BASE_PATH, Base, Faults, Options, ServerOptions};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// A demo 1C server: a trading company behind the real OData protocol.
#[derive(Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Command {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum What {
    /// Serve the base over HTTP (the default).
    Serve(Serve),
    /// Print how much of everything the base has.
    Summary(Company),
}

/// Which company to grow.
#[derive(Args, Clone)]
struct Company {
    /// The same seed gives the same company.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many times more documents than the ordinary company has.
    #[arg(long, default_value_t = 1)]
    scale: u32,
    /// First day that is not generated; today in Moscow by default.
    #[arg(long)]
    until: Option<NaiveDate>,
}

impl Company {
    fn options(&self) -> Options {
        let default = Options::default();
        Options { seed: self.seed, scale: self.scale, until: self.until.unwrap_or(default.until) }
    }
}

#[derive(Args, Clone)]
struct Serve {
    #[command(flatten)]
    company: Company,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// User of the base.
    #[arg(long, default_value = "odata")]
    user: String,
    /// The user's password.
    #[arg(long, env = "ONEC_DEMO_PASSWORD", default_value = "odata-demo", hide_env_values = true)]
    password: String,
    /// Milliseconds before each answer, from the start.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
}

fn main() -> anyhow::Result<()> {
    let command = Command::parse();
    match command.what.unwrap_or(What::Serve(command.serve)) {
        What::Serve(settings) => run(settings),
        What::Summary(company) => {
            let summary = Base::generate(&company.options()).summary();
            println!("{}", serde_json::to_string_pretty(&summary)?);
            Ok(())
        }
    }
}

#[tokio::main]
async fn run(settings: Serve) -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let base = Arc::new(Base::generate(&settings.company.options()));
    let listener = TcpListener::bind(settings.listen).await.with_context(|| format!("listening on {}", settings.listen))?;
    let address = listener.local_addr().context("reading the address")?;
    let faults = Faults { latency_ms: settings.latency_ms, ..Faults::default() };
    let options = ServerOptions { user: settings.user, password: settings.password, faults };
    println!("http://{address}{BASE_PATH}/odata/standard.odata/");
    let mut terminated = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let stop = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    onec_demo::serve(listener, base, options, stop).await.context("serving")
}
