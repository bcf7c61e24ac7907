//! The gateway with everything on, side by side with nginx: processor time per request, as ratios.
//!
//! Both serve the same two replicas and the same requests in turn, round by round, since a machine that is
//! shared changes its speed more than the two differ. Each ratio is of one round; the median counts.
//!
//! ```sh
//! cargo build --release -p gateway -p loadtest
//! target/release/loadtest --pin
//! target/release/loadtest conformance    # odd requests for nginx, HAProxy and the gateway
//! target/release/loadtest idle           # memory of idle connections
//! target/release/loadtest slow           # whether slow clients delay the others
//! target/release/loadtest streams        # how long an event is under way
//! target/release/loadtest quota          # whether three gateways let more through than the quota
//! ```

#![expect(clippy::print_stderr, reason = "a command-line tool talks to its user")]

mod conformance;
mod crowd;
mod load;
mod odd_requests;
mod process;
mod quota;
mod replica;
mod report;
mod streams;
mod targets;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use common::testing::Issuer;
use private_servers::{Redis, RedisOptions};

use crate::load::Plan;
use crate::report::{Measurement, Report};
use crate::targets::{Target, Targets};

/// Measures the gateway and nginx in turn.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    #[command(subcommand)]
    task: Option<Task>,
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
    #[arg(long, global = true)]
    gateway: Option<PathBuf>,
    /// The program of nginx.
    #[arg(long, default_value = "nginx", global = true)]
    nginx: PathBuf,
    /// Keep what is measured on the second processor and everything else on the first (needs `taskset`).
    #[arg(long)]
    pin: bool,
}

/// What to do instead of measuring.
#[derive(Debug, Clone, Subcommand)]
enum Task {
    /// Sends odd requests to nginx, HAProxy and the gateway, and prints what each makes of them.
    Conformance {
        /// The program of HAProxy; left out when there is none.
        #[arg(long, default_value = "haproxy")]
        haproxy: PathBuf,
    },
    /// Opens connections that do nothing, and prints what they cost in memory.
    Idle {
        /// How many.
        #[arg(long, default_value_t = 10_000)]
        connections: usize,
    },
    /// Compares the latency of ordinary requests without and with clients that never finish theirs.
    Slow {
        /// How many of them.
        #[arg(long, default_value_t = 1000)]
        clients: usize,
        /// Ordinary requests per second.
        #[arg(long, default_value_t = 500)]
        rate: u32,
        /// Rounds, each without and with them.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Measures how long events of streams are under way, without and with the gateway.
    Streams {
        /// Rounds, each with a stream of 50 events from both.
        #[arg(long, default_value_t = 10)]
        rounds: usize,
    },
    /// Lets one user ask several gateways at once.
    Quota {
        /// How many.
        #[arg(long, default_value_t = 3)]
        gateways: usize,
    },
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match &options.task {
        None => run(&options).map(|report| report.to_string()),
        Some(task) => perform(&options, task),
    };
    match done {
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

fn gateway(options: &Options) -> Result<PathBuf> {
    Ok(match &options.gateway {
        Some(gateway) => gateway.clone(),
        None => std::env::current_exe()?.with_file_name("gateway"),
    })
}

fn perform(options: &Options, task: &Task) -> Result<String> {
    let redis = Redis::start(&RedisOptions::default()).context("a private Redis")?;
    let issuer = Issuer::new();
    let keys = issuer.jwks().to_string();
    let (gateway, url) = (gateway(options)?, redis.url());
    if options.pin {
        process::pin_self()?;
    }
    let start = |replicas| targets::Programs {
        gateway: &gateway,
        nginx: &options.nginx,
        pin: options.pin,
        redis: &url,
        replicas,
    };
    match task {
        Task::Conformance { haproxy } => {
            let seen = conformance::Seen::default();
            let service = [conformance::service(seen.clone(), keys)?];
            let haproxy = Some(haproxy.as_path()).filter(|program| process::exists(program));
            let doors = targets::Doors::start(&start(&service), haproxy)?;
            conformance::table(doors.all(), &seen)
        }
        Task::Idle { connections } => {
            let replicas = replica::start(1, keys)?;
            let alone = targets::Alone::start(&start(&replicas))?;
            crowd::idle(&alone.target, *connections)
        }
        Task::Slow {
            clients,
            rate,
            rounds,
        } => {
            let replicas = replica::start(2, keys)?;
            let alone = targets::Alone::start(&start(&replicas))?;
            let tokens: Vec<String> = (0..options.users.max(1)).map(|_| issuer.token(&[])).collect();
            let plan = Plan {
                address: alone.target.address,
                connections: options.connections,
                duration: Duration::from_secs(options.seconds),
                rate: Some(*rate),
            };
            crowd::slow(&plan, &tokens, *clients, *rounds)
        }
        Task::Streams { rounds } => {
            let epoch = Instant::now();
            let service = [streams::service(epoch, keys)?];
            let alone = targets::Alone::start(&start(&service))?;
            let both = [
                ("from the service", service[0]),
                ("by way of the gateway", alone.target.address),
            ];
            streams::measure(&both, &issuer.token(&[]), epoch, *rounds)
        }
        Task::Quota { gateways } => {
            let replicas = replica::start(1, keys)?;
            // A machine that is busy with this must not be taken for a Redis that is away.
            let quota = [
                ("RATE_LIMIT_USER", quota::QUOTA.to_string()),
                ("RATE_LIMIT_PATIENCE", "5s".to_owned()),
            ];
            let all = (0..*gateways)
                .map(|_| targets::Alone::start_with(&start(&replicas), &quota))
                .collect::<Result<Vec<_>>>()?;
            let addresses: Vec<_> = all.iter().map(|alone| alone.target.address).collect();
            let text = quota::measure(&addresses, &issuer.token(&[]), options.seconds)?;
            let alone = all
                .iter()
                .map(|alone| alone.target.counted_alone())
                .sum::<Result<u64>>()?;
            Ok(format!("{text}; {alone} were counted by one gateway alone"))
        }
    }
}

fn run(options: &Options) -> Result<Report> {
    if options.pin {
        process::pin_self()?;
    }
    let gateway = gateway(options)?;
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
