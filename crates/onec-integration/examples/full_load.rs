//! How fast a base is loaded, against how fast it can be read at all, and in how much memory.
//!
//!     cargo run --release -p onec-demo -- --listen 127.0.0.1:18090 --scale 20
//!     cargo build --release -p onec-integration
//!     cargo run --release -p onec-integration --example full_load -- \
//!         http://127.0.0.1:18090 postgres://…/an_empty_database
//!
//! The service's own program loads the base into the database by way of a proxy that notes the
//! addresses; then a bare client reads the very same addresses by the same way and throws the
//! answers away. The rate of each, their ratio and the peak memory of the service are printed, and
//! how long the service takes to see that nothing has changed: by versions, and by an exchange plan.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program for people who measure"
)]

use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use common::http::client;
use futures_util::StreamExt as _;
use http::Method;
use onec_integration::SCHEMA;
use sqlx::PgPool;

const USER: (&str, &str) = ("odata", "odata-demo");

/// Passes requests on and notes the addresses that were read.
#[derive(Debug, Clone)]
struct Proxy {
    http: reqwest::Client,
    target: String,
    addresses: Arc<Mutex<Vec<String>>>,
}

async fn pass(State(proxy): State<Proxy>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let address = parts
        .uri
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut onward = proxy
        .http
        .request(parts.method.clone(), format!("{}{address}", proxy.target));
    for (name, value) in &parts.headers {
        // The host stays that of the proxy: the addresses of nodes of exchange plans are made of it.
        if name != http::header::CONTENT_LENGTH {
            onward = onward.header(name, value);
        }
    }
    if parts.method == Method::GET {
        proxy.addresses.lock().unwrap().push(address);
    }
    let answer = client::send(onward.body(body)).await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != http::header::TRANSFER_ENCODING {
            response = response.header(name, value);
        }
    }
    response.body(Body::from_stream(answer.bytes_stream())).unwrap()
}

/// The service's program; ended with this value.
struct Service(Child);

impl Service {
    fn start(infobase: &str, database: &str, redis: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let program = program
            .parent()
            .unwrap()
            .parent()
            .unwrap()
            .join("onec-integration");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = port.local_addr().unwrap().port();
        let child = Command::new(program)
            .env("PORT", port.to_string())
            .env("ADMIN_PORT", "0")
            .env("LOG_LEVEL", "warn")
            .env("DATABASE_URL", database)
            .env("REDIS_URL", redis)
            .env("SYNC_INTERVAL", "1h")
            .env("PROBE_INTERVAL", "1h")
            .env("ONEC_SERVER_URL", infobase)
            .env("ONEC_USERNAME", USER.0)
            .env("ONEC_PASSWORD", USER.1)
            .spawn()
            .unwrap();
        Self(child)
    }

    /// The most memory that the process ever had, in MiB.
    fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.unwrap_or(0) / 1024
    }
}

/// Seconds of processor time of the processes whose arguments match.
fn processor(matches: impl Fn(&str) -> bool) -> f64 {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ticks = processes.filter_map(|process| {
        let arguments = std::fs::read_to_string(process.path().join("cmdline")).ok()?;
        let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
        // After the name, which may hold anything: state is the third field, and the times of the
        // process and of its children that have ended are the 14th to 17th.
        let (_, fields) = stat.rsplit_once(')')?;
        let times = fields.split_whitespace().skip(11).take(4);
        matches(&arguments).then(|| times.filter_map(|time| time.parse::<u64>().ok()).sum::<u64>())
    });
    // Linux counts in hundredths of a second.
    ticks.sum::<u64>() as f64 / 100.0
}

/// Processor time of PostgreSQL and of the demo server.
fn others() -> (f64, f64) {
    (
        processor(|name| name.contains("postgres")),
        processor(|name| name.contains("onec-demo")),
    )
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the `number`-th job has done, once it has ended.
async fn job(pool: &PgPool, number: i64) -> (i64, i64, f64) {
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let job: Option<(String, i64, i64, Option<f64>)> = sqlx::query_as(
            "select state, done, rows, extract(epoch from finished_at - started_at)::float8
             from onec.sync_jobs order by id offset $1 limit 1",
        )
        .bind(number)
        .fetch_optional(pool)
        .await
        .unwrap_or_default();
        if let Some((state, done, rows, Some(seconds))) = job {
            assert_eq!(state, "succeeded");
            return (done, rows, seconds);
        }
    }
}

async fn set(pool: &PgPool, statement: &'static str) {
    sqlx::query(statement).execute(pool).await.unwrap();
}

/// Passes over a base that does not change.
async fn passes(pool: &PgPool, what: &str, count: i64) {
    let known: i64 = sqlx::query_scalar("select count(*) from onec.sync_jobs")
        .fetch_one(pool)
        .await
        .unwrap();
    set(pool, "update onec.infobases set sync_interval_seconds = 1").await;
    for number in known..known + count {
        let (done, rows, seconds) = job(pool, number).await;
        println!("{what}: {done} compared, {rows} written, {:.0} ms", seconds * 1e3);
    }
    set(pool, "update onec.infobases set sync_interval_seconds = null").await;
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (demo, database) = (arguments.next().unwrap(), arguments.next().unwrap());
    let proxy = Proxy {
        http: client::builder().build().unwrap(),
        target: demo,
        addresses: Arc::default(),
    };
    let addresses = Arc::clone(&proxy.addresses);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(pass).with_state(proxy)).await });

    let pool = PgPool::connect(&database).await.unwrap();
    common::db::migrate(&pool, &SCHEMA).await.unwrap();
    let redis = common::testing::redis().await;
    let before = others();
    let service = Service::start(&format!("{root}/demo"), &database, redis.url());
    let (done, written, seconds) = job(&pool, 0).await;
    let after = others();
    let own = std::fs::read_to_string(format!("/proc/{}/cmdline", service.0.id())).unwrap_or_default();
    println!(
        "processor time: the service {:.1} s, PostgreSQL {:.1} s, the demo server {:.1} s; load of the machine {}",
        processor(|name| name == own),
        after.0 - before.0,
        after.1 - before.1,
        std::fs::read_to_string("/proc/loadavg")
            .unwrap_or_default()
            .trim()
    );
    println!(
        "full load: {done} objects and rows, {written} written, {seconds:.1} s: {:.0} a second, peak memory {} MiB",
        done as f64 / seconds,
        service.peak_memory()
    );
    let read = addresses.lock().unwrap().clone();

    let http = client::builder().build().unwrap();
    let (started, mut bytes) = (Instant::now(), 0);
    for address in &read {
        let request = http
            .get(format!("{root}{address}"))
            .basic_auth(USER.0, Some(USER.1));
        let mut body = client::send(request).await.unwrap().bytes_stream();
        while let Some(chunk) = body.next().await {
            bytes += chunk.unwrap().len();
        }
    }
    let bare = started.elapsed().as_secs_f64();
    println!(
        "bare client: {} answers, {:.0} MB, {bare:.1} s: {:.0} a second",
        read.len(),
        bytes as f64 / 1e6,
        done as f64 / bare
    );
    println!(
        "rate of the service: {:.0} % of the bare client",
        100.0 * bare / seconds
    );

    passes(&pool, "by versions", 2).await;
    set(
        &pool,
        "update onec.infobases set exchange_plan = 'ExchangePlan_ИИАссистент', exchange_node = 'ИИ'",
    )
    .await;
    passes(&pool, "by an exchange plan", 4).await;
    println!("peak memory {} MiB", service.peak_memory());
}
