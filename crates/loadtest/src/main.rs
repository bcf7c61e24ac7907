//! The gateway with everything on, side by side with nginx: processor time per request, as ratios.
//!
//! Both serve the same two replicas and the same requests in turn, round by round, since a machine that is
//! shared changes its speed more than the two differ. Each ratio is of one round; the median counts.
//!
//! ```sh
//! cargo build --release -p gateway -p loadtest
//! target/release/loadtest --pin
//! ```

#![expect(clippy::print_stderr, reason = "a command-line tool talks to its user")]

mod load;
mod process;
mod replica;
mod report;
mod targets;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use common::testing::Issuer;
use private_servers::{Redis, RedisOptions};

use crate::load::Plan;
use crate::report::{Measurement, Report};
use crate::targets::{Target, Targets};

/// Measures the gateway and nginx in turn.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Rounds; each measures every target once.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of one measurement.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Connections of the clients, each with one request at a time.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Users, each with a token of its own.
    #[arg(long, default_value_t = 1000)]
    users: usize,
    /// Requests per second of all clients together; as many as possible without it.
    #[arg(long)]
    rate: Option<u32>,
    /// The program of the gateway; the one beside this program by default.
    #[arg(long)]
    gateway: Option<PathBuf>,
    /// The program of nginx.
    #[arg(long, default_value = "nginx")]
    nginx: PathBuf,
    /// Keep what is measured on the second processor and everything else on the first (needs `taskset`).
    #[arg(long)]
    pin: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(report) => {
            let _ = writeln!(std::io::stdout(), "{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("loadtest: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Report> {
    if options.pin {
        process::pin_self()?;
    }
    let gateway = match &options.gateway {
        Some(gateway) => gateway.clone(),
        None => std::env::current_exe()?.with_file_name("gateway"),
    };
    let redis = Redis::start(&RedisOptions::default()).context("a private Redis")?;
    let issuer = Issuer::new();
    let replicas = replica::start(2, issuer.jwks().to_string()).context("the replicas")?;
    let targets = Targets::start(&targets::Programs {
        gateway: &gateway,
        nginx: &options.nginx,
        pin: options.pin,
        redis: &redis.url(),
        replicas: &replicas,
    })?;
    let tokens: Vec<String> = (0..options.users.max(1)).map(|_| issuer.token(&[])).collect();
    let mut report = Report::new(options.connections, options.users, options.rate);
    for round in 0..=options.rounds {
        for target in targets.all() {
            // What a round leaves in Redis must not weigh on the next.
            process::flush(&redis.url())?;
            let measured = measure(options, target, &tokens, &redis)
                .with_context(|| format!("{} in round {round}", target.name))?;
            eprintln!("round {round}: {measured}");
            // The first round only warms up.
            if round > 0 {
                report.add(measured);
            }
        }
    }
    Ok(report)
}

fn measure(options: &Options, target: &Target, tokens: &[String], redis: &Redis) -> Result<Measurement> {
    let plan = Plan {
        address: target.address,
        connections: options.connections,
        duration: Duration::from_secs(options.seconds),
        rate: options.rate,
    };
    let commands = process::redis_commands(&redis.url())?;
    let limit_calls = target.limit_calls()?;
    let before = process::processor_time(target.process)?;
    let mut load = load::run(&plan, tokens)?;
    let processor = process::processor_time(target.process)?.saturating_sub(before);
    load.latencies.sort_unstable();
    Ok(Measurement {
        target: target.name,
        requests: load.latencies.len(),
        failed: load.failed,
        seconds: load.elapsed.as_secs_f64(),
        processor,
        latencies: load.latencies,
        redis_commands: process::redis_commands(&redis.url())?.saturating_sub(commands),
        limit_calls: target.limit_calls()?.saturating_sub(limit_calls),
    })
}
