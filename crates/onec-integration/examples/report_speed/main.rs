//! How quick reports are over a million documents.
//!
//! `cargo run --release -p onec-integration --example report_speed -- postgres://…`
//!
//! The database is filled by SQL (`fill.sql`) when it has no infobase, and its totals are computed;
//! both take minutes. Then every report is asked for over HTTP, one request at a time.
//!
//! On two cores of an Intel Xeon that others were compiling on (load 4 to 7), PostgreSQL 15 with
//! `shared_buffers=512MB`, its files in memory; p95 of 20 in ms, before sales were put together by
//! month and the card went by its indices, and after:
//!
//! | Report | before | after |
//! |---|---|---|
//! | sales, a month | 2400 | 191 |
//! | sales, a month by manager and item, compared | 3300 | 931 |
//! | sales, a year by month | 10600 | 1399, and 250 in SQL since documents are not grouped again |
//! | gross profit, a month by item | 2300 | 351 |
//! | trial balance of 62 by document, a month | 1600 | 783 |
//! | account card of 51, a year | 1900 | 81 |
//!
//! The million documents have 1.2 million rows of sales by item (246 MB) and 400 000 by document
//! (88 MB); a month of them is computed in a second or two.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement for people, which ends where it cannot go on"
)]

use std::time::{Duration, Instant};

use common::auth::Permission;
use common::config::{Environment, Reader};
use common::service::{App, Context};
use common::testing::{Client, Issuer, TestServer};
use onec_integration::{AppState, Config, DEFINITION, SCHEMA};
use sqlx::PgPool;

const RUNS: usize = 20;

/// Reports of a month, of a quarter and of a year; balances now and within a month.
const REPORTS: &[&str] = &[
    "receivables?date=2025-11-20",
    "payables?date=2025-11-20",
    "stock?date=2025-11-20",
    "cash?date=2025-11-20",
    "trial_balance?from=2025-11-01&to=2025-11-30",
    "trial_balance?from=2025-01-10&to=2025-11-20",
    "trial_balance?from=2025-01-01&to=2025-12-31&account=62&breakdown=counterparty",
    "trial_balance?from=2025-11-01&to=2025-11-30&account=62&breakdown=document",
    "account_analysis?from=2025-01-10&to=2025-11-20&account=62",
    "account_card?from=2025-11-01&to=2025-11-30&account=62",
    "account_card?from=2025-01-01&to=2025-12-31&account=51",
    "stock_turnover?from=2025-01-10&to=2025-11-20",
    "taxes?from=2025-01-10&to=2025-11-20",
    "cash_flow?from=2025-11-01&to=2025-11-30",
    "cash_flow?from=2025-01-01&to=2025-12-31&group_by=month",
    "sales?from=2025-11-01&to=2025-11-30",
    "sales?from=2025-11-01&to=2025-11-30&group_by=manager&then_by=item&compare=previous",
    "sales?from=2025-01-01&to=2025-12-31&group_by=month",
    "sales?from=2025-01-01&to=2025-12-31&group_by=item",
    "sales?from=2025-01-01&to=2025-12-31&group_by=item&compare=previous",
    "gross_profit?from=2025-11-01&to=2025-11-30&group_by=item",
    "statement?from=2025-01-01&to=2025-12-31&counterparty=COUNTERPARTY",
    "counterparty_card?counterparty=COUNTERPARTY",
    "documents?limit=50",
    "documents?unposted=true",
    "postings?number=555555",
];

#[tokio::main]
async fn main() {
    let url = std::env::args().nth(1).unwrap();
    let mut reader = Reader::from_values([
        ("DATABASE_URL", url.as_str()),
        ("REDIS_URL", "redis://127.0.0.1:9/"),
    ]);
    let config = Config::read(&mut reader);
    let config = reader.finish(config).unwrap();
    let context = Context::new(DEFINITION.name, "speed:1".to_owned(), Environment::Development);
    let pool = PgPool::connect(&url).await.unwrap();
    fill(&pool).await;
    let issuer = Issuer::new();
    let state = AppState::new(&config, pool.clone(), &context).unwrap();
    let router = onec_integration::routes().build(state, issuer.authenticator());
    let app = App {
        router,
        checks: Vec::new(),
    };
    let server = TestServer::start(DEFINITION, app).await;
    let client = Client::anonymous(server.url()).with_token(issuer.token(Permission::ALL));
    // The one of most documents: half a tenth of all.
    let counterparty: uuid::Uuid = sqlx::query_scalar(
        "select c.id from onec.counterparties c join onec.documents d on d.counterparty = c.ref
         where not c.is_folder group by c.id order by count(*) desc limit 1",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    println!("{:>8} {:>8}  report", "p50, ms", "p95, ms");
    for report in REPORTS {
        let report = report.replace("COUNTERPARTY", &counterparty.to_string());
        measure(&client, &format!("/reports/{report}"), RUNS).await;
    }
    measure(&client, "/companies", 500).await;
}

async fn fill(pool: &PgPool) {
    let filled: Option<bool> = sqlx::query_scalar("select exists (select 1 from onec.infobases)")
        .fetch_one(pool)
        .await
        .unwrap_or_default();
    if filled == Some(true) {
        return;
    }
    common::db::migrate(pool, &SCHEMA).await.unwrap();
    println!("filling the database");
    sqlx::raw_sql(include_str!("fill.sql"))
        .execute(pool)
        .await
        .unwrap();
    let started = Instant::now();
    while sqlx::query_scalar("select onec.totals_advance(id) from onec.infobases")
        .fetch_one(pool)
        .await
        .unwrap()
    {}
    println!("totals of 36 months: {:.1} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    // The accounts of cost of the profile `accounting-3.0`.
    while sqlx::query_scalar(
        "select onec.sales_advance(id, array['90.02'], array['10', '21', '41', '43', '45']) from onec.infobases",
    )
    .fetch_one(pool)
    .await
    .unwrap()
    {}
    println!("sales of 36 months: {:.1} s", started.elapsed().as_secs_f64());
    sqlx::raw_sql("vacuum analyze").execute(pool).await.unwrap();
}

async fn measure(client: &Client, path: &str, runs: usize) {
    // The first reads what the others find in memory.
    let first = client.get(path).await;
    assert_eq!(first.status, 200, "{path}: {}", first.text());
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..runs {
        let started = Instant::now();
        client.get(path).await;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    println!("{:>8.1} {:>8.1}  {path} (p99 {:.1})", at(50), at(95), at(99));
}
