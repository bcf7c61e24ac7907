//! Synchronisations that were killed.

use std::time::Duration;

use common::testing::TestServer;
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::types::Decimal;

use crate::setup::{Service, Setup, base, demo, eventually, set_faults};

/// What a mirror holds: rows of tables, and sums that would change with a lost or doubled row.
pub(crate) async fn contents(pool: &PgPool) -> Vec<(String, i64, Decimal)> {
    let sums = [
        ("counterparties", "0"),
        ("items", "0"),
        ("contracts", "term_days"),
        ("documents", "amount"),
        ("document_rows", "amount + vat + coalesce(cost, 0)"),
        ("payment_allocations", "amount"),
        (
            "ledger_entries",
            "amount + coalesce(debit_quantity, 0) + coalesce(credit_quantity, 0)",
        ),
    ];
    let mut contents = Vec::new();
    for (table, sum) in sums {
        let statement = format!("select count(*), coalesce(sum({sum}), 0)::numeric from onec.{table}");
        let (rows, sum): (i64, Decimal) = sqlx::query_as(sqlx::AssertSqlSafe(statement))
            .fetch_one(pool)
            .await
            .unwrap();
        contents.push((table.to_owned(), rows, sum.normalize()));
    }
    contents
}

/// What the base itself says that it has, under names of ours.
pub(crate) fn expected_rows(table: &str) -> i64 {
    let demo = base().summary();
    let sets = |matches: &dyn Fn(&str) -> bool| -> usize {
        demo.sets
            .iter()
            .filter(|(name, _)| matches(name))
            .map(|(_, rows)| rows)
            .sum()
    };
    let rows = match table {
        "counterparties" => sets(&|name| name == "Catalog_Контрагенты"),
        "items" => sets(&|name| name == "Catalog_Номенклатура"),
        "contracts" => sets(&|name| name == "Catalog_ДоговорыКонтрагентов"),
        "documents" => demo.documents,
        "document_rows" => sets(&|name| name.ends_with("_Товары")),
        "payment_allocations" => sets(&|name| name.ends_with("_РасшифровкаПлатежа")),
        _ => demo.entries,
    };
    i64::try_from(rows).unwrap()
}

/// Runs the background work until the ledger is being read, and then kills it without a word.
fn run_and_kill(setup: &Setup, rows: i64) {
    let setup = setup.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        setup.run_background().await;
        let pool = PgPool::connect(&setup.database_url).await.unwrap();
        eventually("the reading gets that far", async || {
            let written: Option<i64> = sqlx::query_scalar("select max(rows) from onec.sync_jobs")
                .fetch_one(&pool)
                .await
                .unwrap();
            (written? >= rows).then_some(())
        })
        .await;
    });
    runtime.shutdown_background();
}

async fn slow_demo() -> TestServer {
    let demo = demo().await;
    // Small answers, so that there is something to interrupt.
    set_faults(&demo, &json!({"max_rows": 400, "latency_ms": 5})).await;
    demo
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_job_goes_on_and_loses_and_doubles_nothing() {
    let demo = slow_demo().await;
    let whole = Service::synchronised_with(&demo).await;
    let expected = contents(&whole.pool).await;
    for (table, rows, _) in &expected {
        assert_eq!(*rows, expected_rows(table), "{table}");
    }

    let setup = Setup::new(Some(&demo.url())).await;
    for rows in [300, 3000, 9000] {
        let setup = setup.clone();
        tokio::task::spawn_blocking(move || run_and_kill(&setup, rows))
            .await
            .unwrap();
    }
    let service = setup.start().await;
    let job = service.job_end().await;
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(contents(&service.pool).await, expected);
    let jobs: Value = service.admin().get("/sync/jobs").await.json();
    assert_eq!(
        jobs["items"].as_array().unwrap().len(),
        1,
        "one job did it all: {jobs}"
    );
    let job: Value = service
        .admin()
        .get(&format!("/sync/jobs/{}", job["id"].as_str().unwrap()))
        .await
        .json();
    for entity in job["entities"].as_array().unwrap() {
        assert_eq!(entity["state"], "done", "{entity}");
        assert_eq!(
            entity["done"], entity["total"],
            "no page was read twice: {entity}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_replica_takes_over_when_the_lease_runs_out() {
    let demo = slow_demo().await;
    let setup = Setup::new(Some(&demo.url())).await;
    let dying = setup.clone();
    tokio::task::spawn_blocking(move || run_and_kill(&dying, 1000))
        .await
        .unwrap();
    let killed = std::time::Instant::now();
    let other = Setup {
        instance: "test:2",
        ..setup
    };
    let service = other.start().await;
    let job = service.job_end().await;
    assert_eq!(job["state"], "succeeded", "{job}");
    assert!(
        killed.elapsed() < Duration::from_secs(60),
        "{:?}",
        killed.elapsed()
    );
    let owner: Option<String> = sqlx::query_scalar("select owner from onec.sync_jobs")
        .fetch_one(&service.pool)
        .await
        .unwrap();
    assert_eq!(owner.as_deref(), Some("test:2"));
    for (table, rows, _) in contents(&service.pool).await {
        assert_eq!(rows, expected_rows(&table), "{table}");
    }
}
