//! What a request of a language model costs on its way through the service, how many streams it holds,
//! and how quick the built-in engine is.
//!
//! ```text
//! cargo build --release -p ai-assistant --bin ai-assistant --example fake_provider --example proxy_load
//! target/release/examples/proxy_load [SECONDS] [PEER_URL PEER_PID]
//! ```
//!
//! The service's own program runs over a new PostgreSQL and Redis, with authentication, budgets and usage
//! rows, in front of `fake_provider`. Each part takes so many seconds (10). A peer that passes the same
//! requests on to `http://127.0.0.1:8098/v1` under the model name `fake-no-tools`, such as LiteLLM, is asked
//! the same in the same run; the processor time is that of its process and the children of it.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program for people who measure"
)]

use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ai_assistant::store::SCHEMA;
use common::auth::Permission;
use common::testing::{self, Issuer, TestServer};
use futures_util::StreamExt as _;
use serde_json::json;

/// Where the provider listens.
const PROVIDER: &str = "127.0.0.1:8098";
/// Requests at a time.
const CLIENTS: usize = 4;

/// A program; ended with this value.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program of the same build.
fn program(name: &str) -> Command {
    let own = std::env::current_exe().unwrap();
    let examples = own.parent().unwrap();
    let beside = examples.join(name);
    Command::new(if beside.exists() {
        beside
    } else {
        examples.parent().unwrap().join(name)
    })
}

fn stat(pid: u32) -> Option<Vec<u64>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = text.rsplit_once(") ")?.1.split(' ');
    Some(fields.skip(1).map(|field| field.parse().unwrap_or(0)).collect())
}

/// Seconds of processor time of a process and of its children.
fn processor(pid: u32) -> f64 {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let ticks = pids.filter_map(|one| {
        let fields = stat(one)?;
        // Parent, then user and system time (the 4th, 14th and 15th field of all).
        (one == pid || fields[0] == u64::from(pid)).then(|| fields[10] + fields[11])
    });
    // Linux counts in hundredths of a second.
    f64::from(u32::try_from(ticks.sum::<u64>()).unwrap()) / 100.0
}

/// A line of `/proc/PID/status`, in MiB.
fn memory(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap();
    text.split(' ').next().unwrap().to_owned()
}

/// Milliseconds that `part` of the requests took at most.
fn within(times: &mut [Duration], part: f64) -> f64 {
    times.sort();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index of a list"
    )]
    let at = ((times.len() as f64 * part) as usize).min(times.len() - 1);
    times[at].as_secs_f64() * 1000.0
}

/// Where requests go.
struct Target {
    name: &'static str,
    url: String,
    token: String,
    pid: u32,
}

impl Target {
    /// A stream, read to its end; true when it was whole.
    async fn ask(&self, http: &reqwest::Client, model: &str) -> bool {
        let request = http
            .post(format!("{}/v1/chat/completions", self.url))
            .bearer_auth(&self.token)
            .json(&json!({
                "model": model,
                "stream": true,
                "messages": [{"role": "user", "content": "Напишите одно предложение."}],
            }));
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let mut parts = answer.bytes_stream();
        let mut text = Vec::new();
        while let Some(Ok(part)) = parts.next().await {
            text.extend_from_slice(&part);
        }
        status.is_success() && text.windows(6).any(|end| end == b"[DONE]")
    }

    /// Streams from a few clients for a while.
    async fn measure(&self, http: &reqwest::Client, seconds: Duration) {
        let times = Mutex::new(Vec::new());
        let (before, end) = (processor(self.pid), Instant::now() + seconds);
        let clients = (0..CLIENTS).map(async |_| {
            while Instant::now() < end {
                let begun = Instant::now();
                assert!(self.ask(http, "fake-no-tools").await, "{}", self.name);
                times.lock().unwrap().push(begun.elapsed());
            }
        });
        futures_util::future::join_all(clients).await;
        let mut times = times.into_inner().unwrap();
        let count = f64::from(u32::try_from(times.len()).unwrap());
        println!(
            "{:<14} {:7.0} requests a second, p50 {:7.2} ms, p99 {:7.2} ms, {:6.2} ms of processor each",
            self.name,
            count / seconds.as_secs_f64(),
            within(&mut times, 0.5),
            within(&mut times, 0.99),
            (processor(self.pid) - before) * 1000.0 / count
        );
    }

    /// So many streams of two seconds at once.
    async fn streams(&self, http: &reqwest::Client, count: usize) {
        let before = processor(self.pid);
        let begun = Instant::now();
        let streams = (0..count).map(|_| self.ask(http, "fake-steady"));
        let whole = futures_util::future::join_all(streams).await;
        let whole = whole.into_iter().filter(|whole| *whole).count();
        println!(
            "{count} streams at once: {whole} whole, all within {:.1} s; processor {:.2} s; memory {} MiB, at most {} MiB",
            begun.elapsed().as_secs_f64(),
            processor(self.pid) - before,
            memory(self.pid, "VmRSS:"),
            memory(self.pid, "VmHWM:")
        );
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(10, |text| text.parse().unwrap());
    let seconds = Duration::from_secs(seconds);
    let peer = arguments.next().zip(arguments.next());

    let database = testing::database_url(&SCHEMA).await;
    let redis = testing::redis().await;
    let issuer = Issuer::new();
    let keys = issuer.jwks();
    let jwks = axum::Router::new().fallback(move || std::future::ready(axum::Json(keys.clone())));
    let jwks = TestServer::serve(jwks).await;
    let provider = Program(
        program("fake_provider")
            .arg(PROVIDER)
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut service = Program(
        program("ai-assistant")
            .env("PORT", port.to_string())
            .env("ADMIN_PORT", "0")
            .env("LOG_LEVEL", "warn")
            .env("DATABASE_URL", &database)
            .env("REDIS_URL", redis.url())
            .env("JWKS_URL", jwks.url())
            .env("MAX_CONCURRENT_REQUESTS", "4096")
            .env("OPENAI_BASE_URL", format!("http://{PROVIDER}/v1"))
            .env("OPENAI_API", "chat")
            .env("OPENAI_MODEL", "fake-no-tools,fake-steady")
            .spawn()
            .unwrap(),
    );
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    while http
        .get(format!("{url}/health"))
        .send()
        .await
        .map_or(true, |answer| !answer.status().is_success())
    {
        assert_eq!(service.0.try_wait().unwrap(), None, "the service has ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let token = issuer.token(Permission::ALL);
    let ours = Target {
        name: "ai-assistant",
        url,
        token,
        pid: service.0.id(),
    };
    let mut targets = vec![
        Target {
            name: "the provider",
            url: format!("http://{PROVIDER}"),
            token: String::new(),
            pid: provider.0.id(),
        },
        ours,
    ];
    targets.extend(peer.map(|(url, pid)| Target {
        name: "the peer",
        url,
        token: "sk-none".to_owned(),
        pid: pid.parse().unwrap(),
    }));
    println!("load average {}, {} at a time", load_average(), CLIENTS);
    println!("ai-assistant at rest: {} MiB", memory(targets[1].pid, "VmRSS:"));
    for _ in 0..2 {
        for target in &targets {
            target.measure(&http, seconds).await;
        }
    }
    for count in [200, 2000] {
        targets[1].streams(&http, count).await;
    }
    println!("load average {}", load_average());
}
