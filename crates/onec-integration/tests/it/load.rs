//! What a first load does without, and that it is all there afterwards.

use serde_json::json;
use sqlx::PgPool;

use crate::setup::{Service, Setup, base, demo, eventually, set_faults};

/// Definitions of the indices of the tables that a first load fills.
async fn indices(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "select indexdef from pg_indexes
         where schemaname = 'onec' and tablename in ('documents', 'ledger_entries') order by 1",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

async fn waiting(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from onec.deferred_indexes")
        .fetch_one(pool)
        .await
        .unwrap()
}

async fn database() -> (Setup, PgPool) {
    let setup = Setup::new(None).await;
    let pool = PgPool::connect(&setup.database_url).await.unwrap();
    (setup, pool)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_load_builds_its_indices_at_its_end() {
    let demo = demo().await;
    // Small answers, so that it can be seen at work.
    set_faults(&demo, &json!({"max_rows": 400, "latency_ms": 5})).await;
    let setup = Setup::new(Some(&demo.url())).await;
    let pool = PgPool::connect(&setup.database_url).await.unwrap();
    let before = indices(&pool).await;
    let service = setup.start().await;
    eventually("indices are deferred", async || {
        (waiting(&pool).await > 0).then_some(())
    })
    .await;
    assert!(indices(&pool).await.len() < before.len());
    let job = service.job_end().await;
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(waiting(&pool).await, 0);
    assert_eq!(indices(&pool).await, before);
    // Totals of all that was loaded are right, and need no computing any more.
    let right: bool = sqlx::query_scalar(
        "select valid_until = 'infinity' and not exists (select 1 from onec.sales_months where not is_right)
         from onec.totals_state",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!(right);
    // Once there are rows, somebody may be reading them.
    let deferred: bool = sqlx::query_scalar("select onec.defer_indexes()")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(!deferred);
    assert_eq!(indices(&pool).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indices_that_nobody_comes_back_for_are_built() {
    let (setup, pool) = database().await;
    let before = indices(&pool).await;
    // As a first load leaves it that was killed, and whose infobase was disconnected then.
    let deferred: bool = sqlx::query_scalar("select onec.defer_indexes()")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(deferred);
    assert!(waiting(&pool).await > 0);
    let _service = setup.start().await;
    eventually("the indices are built", async || {
        (waiting(&pool).await == 0).then_some(())
    })
    .await;
    assert_eq!(indices(&pool).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indices_in_use_are_not_waited_for() {
    let (_setup, pool) = database().await;
    let before = indices(&pool).await;
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("lock table onec.documents in access share mode")
        .execute(&mut *reader)
        .await
        .unwrap();
    let deferred: bool = sqlx::query_scalar("select onec.defer_indexes()")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(!deferred);
    reader.rollback().await.unwrap();
    assert_eq!(indices(&pool).await, before);
    assert_eq!(waiting(&pool).await, 0);
}

/// What foreign keys did before is done by triggers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_a_removed_row_goes_with_it() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let pool = &service.pool;
    let left = async |table: &str| -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from onec.{table}")))
            .fetch_one(pool)
            .await
            .unwrap()
    };
    assert!(base().summary().documents > 0);
    sqlx::query("delete from onec.documents where entity in ('sale', 'bank_in')")
        .execute(pool)
        .await
        .unwrap();
    for table in ["document_rows", "payment_allocations"] {
        let lost = format!(
            "{table} r where not exists (select 1 from onec.documents d
             where d.infobase_id = r.infobase_id and d.ref = r.document)"
        );
        assert_eq!(left(&lost).await, 0, "{table}");
        assert!(left(table).await > 0, "{table}");
    }
    sqlx::query("delete from onec.infobases")
        .execute(pool)
        .await
        .unwrap();
    for table in [
        "documents",
        "document_rows",
        "payment_allocations",
        "ledger_entries",
        "objects",
        "totals_balances",
        "totals_turnovers",
        "totals_correspondence",
        "sales_items",
        "sales_documents",
    ] {
        assert_eq!(left(table).await, 0, "{table}");
    }
}
