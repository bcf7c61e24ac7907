//! Many clients that do little: connections that are idle, and heads that never end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::{self, Plan};
use crate::process;
use crate::targets::Target;

/// The gateway ends idle connections after ten seconds; by then all have to be there.
const WITHIN: Duration = Duration::from_secs(9);
/// Connections that are opened at a time.
const AT_ONCE: usize = 64;
/// Between two bytes of a slow client.
const PAUSE: Duration = Duration::from_secs(1);

/// Opens connections, each with one answered request, and tells what they cost.
pub(crate) fn idle(target: &Target, connections: usize) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let before = process::memory(target.process)?;
        let started = Instant::now();
        let mut open: Vec<TcpStream> = Vec::with_capacity(connections);
        while open.len() < connections {
            let count = AT_ONCE.min(connections - open.len());
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..count {
                tasks.spawn(asked_once(target.address));
            }
            while let Some(stream) = tasks.join_next().await {
                open.push(stream?.context("a connection; is `ulimit -n` high enough?")?);
            }
        }
        let elapsed = started.elapsed();
        ensure!(elapsed < WITHIN, "opening took {elapsed:?}: the first ones have ended by now");
        let with = process::memory(target.process)?;
        let mib = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
        let each = with.saturating_sub(before) as f64 / connections.max(1) as f64 / 1024.0;
        Ok(format!(
            "{connections} idle connections, opened within {:.1} s: {:.0} MiB before, {:.0} MiB with them, {each:.1} KiB each",
            elapsed.as_secs_f64(),
            mib(before),
            mib(with),
        ))
    })
}

async fn asked_once(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET /nowhere HTTP/1.1\r\nHost: idle.test\r\n\r\n")
        .await?;
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer).await?;
    ensure!(buffer[..count].starts_with(b"HTTP/1.1 "), "there was no answer");
    Ok(stream)
}

/// Measures ordinary requests without and with slow clients, in turn.
pub(crate) fn slow(plan: &Plan, tokens: &[String], clients: usize, rounds: usize) -> Result<String> {
    let mut without = Vec::new();
    let mut with = Vec::new();
    let mut turned_away = 0;
    for _ in 0..rounds {
        without.push(latencies(plan, tokens)?);
        let crowd = Crowd::start(plan.address, clients)?;
        with.push(latencies(plan, tokens)?);
        turned_away += crowd.end();
    }
    let row = |name: &str, rounds: &[[f64; 2]]| {
        let part = |index: usize| {
            let mut values: Vec<f64> = rounds.iter().map(|round| round[index]).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        format!("| {name} | {:.0} | {:.0} |", part(0), part(1))
    };
    Ok(format!(
        "| medians of {rounds} rounds | p50 us | p99 us |\n|---|---|---|\n{}\n{}\n\n{turned_away} slow clients were turned away",
        row("no slow clients", &without),
        row(&format!("{clients} slow clients"), &with),
    ))
}

/// The middle and the 99th of a hundred, in microseconds.
fn latencies(plan: &Plan, tokens: &[String]) -> Result<[f64; 2]> {
    let mut load = load::run(plan, tokens)?;
    ensure!(load.failed == 0, "{} ordinary requests failed", load.failed);
    load.latencies.sort_unstable();
    let at = |part: f64| {
        let index = ((load.latencies.len() as f64 * part) as usize).min(load.latencies.len() - 1);
        load.latencies[index].as_secs_f64() * 1e6
    };
    Ok([at(0.5), at(0.99)])
}

/// Clients that send a byte of a head now and then, on a thread of their own.
struct Crowd {
    end: Arc<AtomicBool>,
    turned_away: Arc<AtomicUsize>,
    thread: std::thread::JoinHandle<Result<()>>,
}

impl Crowd {
    /// Starts them and waits until all are connected.
    fn start(address: SocketAddr, clients: usize) -> Result<Self> {
        let (end, turned_away) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (ends, counts) = (end.clone(), turned_away.clone());
        let thread = std::thread::Builder::new()
            .name("slow clients".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(async {
                    let mut all = Vec::new();
                    for _ in 0..clients {
                        all.push(begun(address).await?);
                    }
                    // Nobody waits any more only when the measurement has ended early.
                    let _ = ready.send(());
                    while !ends.load(Ordering::Relaxed) {
                        for stream in &mut all {
                            let gone = stream.write_all(b"x").await.is_err() || has_ended(stream);
                            if gone {
                                counts.fetch_add(1, Ordering::Relaxed);
                                *stream = begun(address).await?;
                            }
                        }
                        tokio::time::sleep(PAUSE).await;
                    }
                    Ok(())
                })
            })?;
        is_ready.recv().context("the slow clients could not connect")?;
        Ok(Self {
            end,
            turned_away,
            thread,
        })
    }

    /// Ends them; how many the gateway has turned away.
    fn end(self) -> usize {
        self.end.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
        self.turned_away.load(Ordering::Relaxed)
    }
}

async fn begun(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET /api/analytics/metrics HTTP/1.1\r\nHost: slow.test\r\nX-Slow: ")
        .await?;
    Ok(stream)
}

fn has_ended(stream: &TcpStream) -> bool {
    let mut buffer = [0; 1024];
    stream.try_read(&mut buffer).is_ok()
}
