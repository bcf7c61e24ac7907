//! How many entries a second the audit log takes, and how long it takes to follow all of them.
//!
//!     cargo build --release -p security
//!     cargo run --release -p security --example audit_load [ENTRIES]
//!
//! The service's own program runs over a new PostgreSQL that keeps what it has confirmed and a new Redis, with the
//! default settings. So many entries (1,000,000) come by the stream of events, as from other services;
//! then 50 clients append single ones for ten seconds, and batches of 500; then all of it is verified.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for people who measure"
)]

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use common::auth::Permission;
use common::clock::Clock;
use common::contract::events::{AUDIT_RECORDED, AuditEvent, Outcome};
use common::events::{self, Event, Stream};
use common::testing::{self, Client, Issuer, TestServer};
use private_servers::{Postgres, PostgresOptions};
use serde_json::{Value, json};
use sqlx::PgPool;

const BATCH: usize = 500;
/// Events that may wait in the stream.
const AHEAD: i64 = 20_000;
const WRITERS: usize = 50;
const WRITE_FOR: Duration = Duration::from_secs(10);

/// The service's program; ended with this value.
struct Service {
    child: Child,
    client: Client,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    async fn start(database: &str, redis: &str, jwks: &str, token: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let program = program.parent().unwrap().parent().unwrap().join("security");
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut child = Command::new(program)
            .env("PORT", port.to_string())
            .env("ADMIN_PORT", "0")
            .env("LOG_LEVEL", "warn")
            .env("DATABASE_URL", database)
            .env("REDIS_URL", redis)
            .env("JWKS_URL", jwks)
            .spawn()
            .unwrap();
        let base = format!("http://127.0.0.1:{port}");
        while reqwest::get(format!("{base}/health"))
            .await
            .map_or(true, |answer| !answer.status().is_success())
        {
            assert_eq!(child.try_wait().unwrap(), None, "the service has ended");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let client = Client::anonymous(base).with_token(token);
        Self { child, client }
    }

    /// Processor time so far, of the service alone.
    fn busy(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    fn peak_memory(&self) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_once(':').unwrap().1.trim().to_owned()
    }
}

fn event(number: usize) -> Event {
    let data = AuditEvent {
        action: "documents.posted".to_owned(),
        outcome: Outcome::Success,
        target: Some(format!("document:{number}")),
        ip: Some("192.0.2.1".to_owned()),
        details: json!({"infobase": "trade", "rows": number % 40, "comment": "Поступление товаров"}),
    };
    Event::new("onec-integration", AUDIT_RECORDED, &Clock::system(), &data)
}

async fn appended(db: &PgPool) -> i64 {
    sqlx::query_scalar("select sequence from security.audit_tip")
        .fetch_one(db)
        .await
        .unwrap()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn rate(count: i64, taken: Duration) -> f64 {
    count as f64 / taken.as_secs_f64()
}

async fn by_stream(service: &Service, redis: &common::cache::Redis, db: &PgPool, count: usize) {
    let (begun, busy) = (Instant::now(), service.busy());
    let mut sent: i64 = 0;
    for first in (0..count).step_by(BATCH) {
        let some = first..count.min(first + BATCH);
        let events: Vec<(Stream, Event)> = some.map(|n| (Stream::Audit, event(n))).collect();
        events::publish(redis, &events).await.unwrap();
        sent += i64::try_from(events.len()).unwrap();
        while sent - appended(db).await > AHEAD {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    while appended(db).await < sent {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let taken = begun.elapsed();
    println!(
        "by the stream: {sent} entries in {:.1} s, {:.0} a second; the service was busy for {:.1} s",
        taken.as_secs_f64(),
        rate(sent, taken),
        (service.busy() - busy).as_secs_f64()
    );
}

async fn by_requests(service: &Service, db: &PgPool, path: &str, body: Value, writers: usize) {
    let (begun, before) = (Instant::now(), appended(db).await);
    let write = async || {
        while begun.elapsed() < WRITE_FOR {
            let answer = service.client.post(path, &body).await;
            assert_eq!(answer.status, 201, "{}", answer.text());
        }
    };
    futures_util::future::join_all((0..writers).map(|_| write())).await;
    let count = appended(db).await - before;
    println!(
        "POST {path} from {writers} clients: {:.0} entries a second",
        rate(count, begun.elapsed())
    );
}

#[tokio::main]
async fn main() {
    let count = std::env::args()
        .nth(1)
        .map_or(1_000_000, |count| count.parse().unwrap());
    let durable = PostgresOptions {
        durable: true,
        ..PostgresOptions::default()
    };
    let postgres = tokio::task::spawn_blocking(move || Postgres::start(&durable))
        .await
        .unwrap();
    let postgres = postgres.unwrap();
    postgres.create_database("security").unwrap();
    let database = postgres.url("security");
    let redis = testing::redis().await;
    let issuer = Issuer::new();
    let jwks = issuer.jwks();
    let keys = axum::Router::new().route(
        "/jwks.json",
        axum::routing::get(move || async move { axum::Json(jwks) }),
    );
    let keys = TestServer::serve(keys).await;
    let token = issuer.token(&[Permission::AuditRead, Permission::AuditWrite]);
    let jwks = format!("{}/jwks.json", keys.url());
    let service = Service::start(&database, redis.url(), &jwks, &token).await;
    let db = PgPool::connect(&database).await.unwrap();

    by_stream(&service, &redis.connect(), &db, count).await;
    let entry = json!({"action": "documents.posted", "outcome": "success", "target": "document:1"});
    by_requests(&service, &db, "/audit/log", entry.clone(), WRITERS).await;
    let batch = json!({"entries": vec![entry; BATCH]});
    by_requests(&service, &db, "/audit/log/batch", batch, 4).await;

    let (begun, busy) = (Instant::now(), service.busy());
    let verified: Value = service.client.get("/audit/verify").await.json();
    println!(
        "verified: {} entries and {} checkpoints in {:.1} s (busy {:.1} s), valid: {}; peak memory {}",
        verified["entries"],
        verified["checkpoints"],
        begun.elapsed().as_secs_f64(),
        (service.busy() - busy).as_secs_f64(),
        verified["valid"],
        service.peak_memory()
    );
}
