//! How fast a base is loaded, against how fast it can be read at all.
//!
//!     cargo run --release -p onec-demo -- --listen 127.0.0.1:18090 --scale 20
//!     cargo run --release -p onec-integration --example full_load -- http://127.0.0.1:18090
//!
//! First a bare client reads documents and ledger of the demo server in pages as the service does
//! and throws them away; then the service loads the base into a private PostgreSQL (which must be
//! installed, as for tests); then it looks for changes where there are none. Both rates, their
//! ratio and the peak memory of the process are printed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for people who measure"
)]

use std::time::{Duration, Instant};

use chrono::{NaiveDateTime, TimeDelta};
use common::config::{Environment, Reader};
use common::http::client;
use common::service::Context;
use onec_integration::{Config, DEFINITION, SCHEMA};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::Value;

const USER: (&str, &str) = ("odata", "odata-demo");
/// Sets that are nearly all of a base, and the property that they are read by.
const SETS: [(&str, &str); 9] = [
    ("Document_РеализацияТоваровУслуг", "Date"),
    ("Document_ПоступлениеТоваровУслуг", "Date"),
    ("Document_СчетНаОплатуПокупателю", "Date"),
    ("Document_ПоступлениеНаРасчетныйСчет", "Date"),
    ("Document_СписаниеСРасчетногоСчета", "Date"),
    ("Document_ПриходныйКассовыйОрдер", "Date"),
    ("Document_РасходныйКассовыйОрдер", "Date"),
    ("Document_ОперацияБух", "Date"),
    ("AccountingRegister_Хозрасчетный_RecordType", "Period"),
];
/// Size of a page that is aimed at.
const PAGE: usize = 8 * 1024 * 1024;

struct Bare {
    http: reqwest::Client,
    root: String,
}

impl Bare {
    async fn get(&self, address: &str) -> bytes::Bytes {
        let request = self
            .http
            .get(format!("{}{address}", self.root))
            .basic_auth(USER.0, Some(USER.1));
        let response = client::send(request).await.unwrap();
        assert!(response.status().is_success(), "{}", response.status());
        response.bytes().await.unwrap()
    }

    async fn edge(&self, set: &str, field: &str, order: &str) -> Option<NaiveDateTime> {
        let body = self
            .get(&format!(
                "{set}?$format=json&$select={field}&$orderby={field}{order}&$top=1"
            ))
            .await;
        let body: Value = serde_json::from_slice(without_mark(&body)).unwrap();
        body["value"][0][field].as_str()?.parse().ok()
    }

    /// Reads a set in slices of about a page; returns rows and bytes.
    async fn read(&self, name: &str, field: &str) -> (usize, usize) {
        let set = percent_encode(name.as_bytes(), NON_ALPHANUMERIC).to_string();
        let Some(mut from) = self.edge(&set, field, "").await else {
            return (0, 0);
        };
        let end = self.edge(&set, field, "%20desc").await.unwrap() + TimeDelta::seconds(1);
        let (mut rows, mut bytes, mut length) = (0, 0, TimeDelta::days(1));
        while from < end {
            let to = (from + length).min(end);
            let body = self
                .get(&format!(
                    "{set}?$format=json&$filter={field}%20ge%20datetime%27{}%27%20and%20{field}%20lt%20datetime%27{}%27&$orderby={field}",
                    from.format("%Y-%m-%dT%H:%M:%S"),
                    to.format("%Y-%m-%dT%H:%M:%S"),
                ))
                .await;
            rows += count(
                &body,
                if field == "Date" {
                    b"\"DataVersion\""
                } else {
                    b"\"Period\""
                },
            );
            bytes += body.len();
            let factor = (PAGE as f64 / body.len().max(1) as f64).clamp(0.25, 4.0);
            length = TimeDelta::seconds(((to - from).as_seconds_f64() * factor).max(1.0) as i64);
            from = to;
        }
        (rows, bytes)
    }
}

fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

fn count(body: &[u8], property: &[u8]) -> usize {
    body.windows(property.len())
        .filter(|window| *window == property)
        .count()
}

/// The most memory that the process ever had, in MiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

async fn job(pool: &sqlx::PgPool) -> (i64, i64, f64) {
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let job: Option<(String, i64, i64, Option<f64>)> = sqlx::query_as(
            "select state, done, rows, extract(epoch from finished_at - started_at)::float8
             from onec.sync_jobs order by id desc limit 1",
        )
        .fetch_optional(pool)
        .await
        .unwrap();
        if let Some((state, done, rows, Some(seconds))) = job {
            assert_eq!(state, "succeeded");
            return (done, rows, seconds);
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let demo = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "http://127.0.0.1:18090".to_owned());
    let bare = Bare {
        http: client::builder().build().unwrap(),
        root: format!("{demo}/demo/odata/standard.odata/"),
    };
    let started = Instant::now();
    let (mut rows, mut bytes) = (0, 0);
    for (set, field) in SETS {
        let read = bare.read(set, field).await;
        println!("bare: {set}: {} rows, {} MB", read.0, read.1 / 1_000_000);
        rows += read.0;
        bytes += read.1;
    }
    let seconds = started.elapsed().as_secs_f64();
    let bare_rate = rows as f64 / seconds;
    println!(
        "bare client: {rows} rows, {:.0} MB in {seconds:.1} s: {bare_rate:.0} rows/s, peak {} MiB",
        bytes as f64 / 1e6,
        peak_memory()
    );

    let database_url = common::testing::database_url(&SCHEMA).await;
    let redis = common::testing::redis().await;
    let address = format!("{demo}/demo");
    let mut reader = Reader::from_values([
        ("DATABASE_URL", database_url.as_str()),
        ("REDIS_URL", redis.url()),
        ("SYNC_INTERVAL", "1h"),
        ("ONEC_SERVER_URL", address.as_str()),
        ("ONEC_USERNAME", USER.0),
        ("ONEC_PASSWORD", USER.1),
    ]);
    let config = Config::read(&mut reader);
    let config = reader.finish(config).unwrap();
    let context = Context::new(DEFINITION.name, "load:1".to_owned(), Environment::Development);
    onec_integration::start(config, context).await.unwrap();
    let pool = sqlx::PgPool::connect(&database_url).await.unwrap();
    let (done, written, seconds) = job(&pool).await;
    let rate = done as f64 / seconds;
    println!("full load: {done} objects and rows, {written} written, {seconds:.1} s: {rate:.0} a second");
    println!(
        "ratio: {:.0} %, peak memory {} MiB",
        100.0 * rate / bare_rate,
        peak_memory()
    );

    for _ in 0..2 {
        sqlx::query("update onec.infobases set sync_interval_seconds = 1")
            .execute(&pool)
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    sqlx::query("update onec.infobases set sync_interval_seconds = null")
        .execute(&pool)
        .await
        .unwrap();
    let (done, rows, seconds) = job(&pool).await;
    println!(
        "incremental pass: {done} versions compared, {rows} rows written, {:.0} ms",
        seconds * 1000.0
    );
}
