//! Synchronisations that are cut off at the worst moments: between the database and 1C, and from
//! the database itself.

use common::testing::Proxy;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::faults_at_once::{anew, connect};
use crate::front::{Front, Turn};
use crate::resume::{contents, expected_rows};
use crate::setup::{Service, Setup, demo, eventually, set_faults};

/// Starts a synchronisation in a process of its own, and kills it while it waits for the answer to its
/// acknowledgement.
fn synchronise_and_be_killed(setup: &Setup, front: &Front) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let service = runtime.block_on(async {
        let service = setup.clone().start().await;
        let started = service
            .admin()
            .post("/sync/data", &json!({"mode": "incremental"}))
            .await;
        assert_eq!(started.status, 202, "{}", started.text());
        eventually("the acknowledgement is on its way", async || {
            (front.held() > 0).then_some(())
        })
        .await;
        service
    });
    runtime.shutdown_background();
    drop(service);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_between_commit_and_acknowledgement_loses_and_doubles_nothing() {
    let front = std::sync::Arc::new(Front::start().await);
    let setup = Setup::new(None).await;
    let service = setup.clone().start().await;
    connect(&service, &front).await;
    drop(service);
    for turn in [Turn::HoldRequest, Turn::HoldAnswer] {
        front.work(15).await;
        front.on_notify(Some(turn));
        let (dying, at) = (setup.clone(), front.clone());
        tokio::task::spawn_blocking(move || synchronise_and_be_killed(&dying, &at))
            .await
            .unwrap();
        // What was taken over is there, and more is done before somebody goes on.
        let pool = PgPool::connect(&setup.database_url).await.unwrap();
        assert_eq!(contents(&pool).await, anew(&front).await);
        front.work(15).await;
        front.calm().await;
        let service = setup.clone().start().await;
        let job = service.job_end().await;
        assert_eq!(
            (&job["state"], &job["dead_objects"]),
            (&json!("succeeded"), &json!(0)),
            "{job}"
        );
        let job = service.run_job(&json!({"mode": "incremental"})).await;
        assert_eq!(job["state"], "succeeded", "{job}");
        assert_eq!(contents(&service.pool).await, anew(&front).await, "{turn:?}");
        let job = service.run_job(&json!({"mode": "incremental"})).await;
        assert_eq!(
            (&job["done"], &job["rows"]),
            (&json!(0), &json!(0)),
            "{turn:?}: {job}"
        );
    }
}

#[tokio::test]
async fn a_database_that_goes_away_in_the_middle_is_gone_on_with() {
    let demo = demo().await;
    // Small answers, so that there is something to cut.
    set_faults(&demo, &json!({"max_rows": 400, "latency_ms": 5})).await;
    let mut setup = Setup::new(Some(&demo.url())).await;
    let direct: url::Url = setup.database_url.parse().unwrap();
    let target = format!("{}:{}", direct.host_str().unwrap(), direct.port().unwrap());
    let proxy = Proxy::start(target.parse().unwrap()).await;
    let mut through = direct.clone();
    through.set_host(Some("127.0.0.1")).unwrap();
    through.set_port(Some(proxy.address().port())).unwrap();
    setup.database_url = through.to_string();
    let service = setup.start().await;
    let pool = PgPool::connect(direct.as_str()).await.unwrap();
    for rows in [500, 9000] {
        eventually("the reading gets that far", async || {
            let written: Option<i64> = sqlx::query_scalar("select max(rows) from onec.sync_jobs")
                .fetch_one(&pool)
                .await
                .unwrap();
            (written? >= rows).then_some(())
        })
        .await;
        proxy.cut();
        service
            .admin()
            .get("/sync/jobs")
            .await
            .assert_problem(503, "dependency.unavailable");
        proxy.restore();
    }
    let job: Value = eventually("the reading ends", async || {
        let jobs: Value = service.admin().get("/sync/jobs?state=succeeded").await.json();
        jobs["items"].get(0).cloned()
    })
    .await;
    assert_eq!(job["dead_objects"], 0, "{job}");
    for (table, rows, _) in contents(&pool).await {
        assert_eq!(rows, expected_rows(&table), "{table}");
    }
    // Those that were cut failed plainly or were gone on with.
    let jobs: Value = service.admin().get("/sync/jobs").await.json();
    for job in jobs["items"].as_array().unwrap() {
        if job["state"] != "succeeded" {
            assert_eq!(
                (&job["state"], &job["error"]),
                (&json!("failed"), &json!("dependency.unavailable")),
                "{job}"
            );
        }
    }
    let whole = Service::synchronised_with(&demo).await;
    assert_eq!(contents(&pool).await, contents(&whole.pool).await);
}
