//! Jobs of synchronisation: what they find, what they cannot read, and how they are followed.

use std::time::{Duration, Instant};

use common::auth::Permission;
use common::testing::{Client, Grant};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::changing::{Edits, Living, report, service};
use crate::setup::{Service, Setup, base, demo, eventually, set_faults};

async fn documents(service: &Service, before: &str, most: i64) -> Vec<Uuid> {
    sqlx::query_scalar(
        "select ref from onec.documents
         where entity = 'sale' and posted and not deleted and date < $1::text::timestamp order by date desc limit $2",
    )
    .bind(before)
    .bind(most)
    .fetch_all(&service.pool)
    .await
    .unwrap()
}

async fn count(service: &Service, statement: &'static str, id: Uuid) -> i64 {
    sqlx::query_scalar(statement)
        .bind(id)
        .fetch_one(&service.pool)
        .await
        .unwrap()
}

const ENTRIES: &str = "select count(*) from onec.ledger_entries where recorder = $1";
const DOCUMENTS: &str = "select count(*) from onec.documents where ref = $1";
const PAYLOADS: &str =
    "select count(*) from onec.objects where ref = $1 and payload ->> 'Ref_Key' = $1::uuid::text";
const UNPOSTED: &str = "select count(*) from onec.documents where ref = $1 and not posted";

#[tokio::test]
async fn the_nightly_comparison_finds_old_changes_and_deletions() {
    let living = Living::start(base()).await;
    let service = service(&living).await;
    let old = documents(&service, "2024-12-20", 2).await;
    let (unposted, removed) = (old[0], old[1]);
    assert_eq!(count(&service, PAYLOADS, unposted).await, 1);
    assert!(count(&service, ENTRIES, removed).await > 0);
    living.edit(Edits {
        unposted: Some(unposted),
        removed: Some(removed),
        ..Edits::default()
    });
    // Older than what is compared each time.
    let job = service.run_job(&json!({"mode": "incremental"})).await;
    assert_eq!(
        (&job["state"], &job["rows"]),
        (&json!("succeeded"), &json!(0)),
        "{job}"
    );
    assert_eq!(count(&service, DOCUMENTS, removed).await, 1);

    let job = service.run_job(&json!({"mode": "reconcile"})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!((&job["mode"], &job["full"]), (&json!("reconcile"), &json!(false)));
    assert_eq!(count(&service, UNPOSTED, unposted).await, 1);
    for gone in [DOCUMENTS, PAYLOADS, ENTRIES] {
        assert_eq!(count(&service, gone, removed).await, 0, "{gone}");
    }
    assert_eq!(count(&service, ENTRIES, unposted).await, 0);
}

#[tokio::test]
async fn objects_that_cannot_be_read_are_reported_and_stop_nothing() {
    let living = Living::start(base()).await;
    let service = service(&living).await;
    let sales = documents(&service, "2025-03-20", 2).await;
    let (poisonous, malformed) = (sales[0], sales[1]);
    let before = report(&service, "sales?from=2025-03-01&to=2025-03-31&group_by=month").await;
    living.edit(Edits {
        poisonous: Some(poisonous),
        malformed: Some(malformed),
        ..Edits::default()
    });
    let job = service.run_job(&json!({"mode": "full", "scope": ["sale"]})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(job["dead_objects"], 2, "{job}");
    assert_eq!(job["scope"], json!(["sale"]));
    assert_eq!(job["entities"].as_array().unwrap().len(), 1);
    let path = format!("/sync/jobs/{}/dead-objects", job["id"].as_str().unwrap());
    let first: Value = service.admin().get(&format!("{path}?limit=1")).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second: Value = service
        .admin()
        .get(&format!("{path}?limit=1&cursor={cursor}"))
        .await
        .json();
    let mut dead = vec![first["items"][0].clone(), second["items"][0].clone()];
    dead.sort_by_key(|object| object["code"].to_string());
    let set = "Document_РеализацияТоваровУслуг";
    assert_eq!(
        dead,
        [
            json!({"entity": "sale", "set": set, "ref": poisonous, "code": "onec.infobase_failed"}),
            json!({"entity": "sale", "set": set, "ref": malformed, "code": "onec.unexpected_data",
                   "field": "DeletionMark"}),
        ]
    );
    // The mirror keeps what it had of them.
    let after = report(&service, "sales?from=2025-03-01&to=2025-03-31&group_by=month").await;
    assert_eq!(after["totals"], before["totals"]);
}

#[tokio::test]
async fn a_job_is_followed_and_cancelled() {
    let demo = demo().await;
    set_faults(&demo, &json!({"latency_ms": 20, "max_rows": 300})).await;
    let service = Service::start(Some(&demo.url())).await;
    let admin = service.admin();
    let job = eventually("the first job gets somewhere", async || {
        let jobs: Value = admin.get("/sync/jobs?state=running").await.json();
        let job = jobs["items"].get(0)?.clone();
        (job["rows"].as_i64()? > 0).then_some(job)
    })
    .await;
    let path = format!("/sync/jobs/{}", job["id"].as_str().unwrap());
    let running: Value = admin.get(&path).await.json();
    assert!(running["rate"].as_f64().unwrap() > 0.0, "{running}");
    // While most of it still waits.
    assert!(running["eta_seconds"].as_f64().unwrap() > 0.0, "{running}");
    let events = format!("{path}/events");
    let (answer, asked) = tokio::join!(admin.get(&events), async {
        eventually("the job goes on", async || {
            let job: Value = admin.get(&path).await.json();
            (job["pages"].as_i64()? > running["pages"].as_i64()? + 3).then_some(())
        })
        .await;
        let asked = Instant::now();
        let cancelled = admin.post(&format!("{path}/cancel"), &json!({})).await;
        assert_eq!(cancelled.status, 202, "{}", cancelled.text());
        asked
    });
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert_eq!(answer.status, 200);
    assert!(
        answer.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/event-stream")
    );
    let text = answer.text();
    let blocks: Vec<&str> = text
        .split("\n\n")
        .filter(|block| block.contains("data:"))
        .collect();
    assert!(blocks.len() >= 2, "{text}");
    assert!(blocks[0].contains("event: progress"), "{text}");
    let last = blocks.last().unwrap();
    assert!(
        last.contains("event: end") && last.contains("\"state\":\"cancelled\""),
        "{last}"
    );
    let id = last.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();

    // To a client that comes back with the end there is nothing more to tell; to one that does not
    // have it, the end.
    let again = |seen: &str| {
        let request = admin.request(http::Method::GET, &format!("{path}/events"));
        admin.send(request.header("last-event-id", seen))
    };
    assert_eq!(again(id).await.status, 204);
    let rest = again("1").await.text();
    assert_eq!(rest.matches("data:").count(), 1, "{rest}");

    admin
        .post(&format!("{path}/cancel"), &json!({}))
        .await
        .assert_problem(409, "onec.job_over");
    let listed: Value = admin.get("/sync/jobs?state=cancelled").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let none: Value = admin
        .get(&format!("/sync/jobs?infobase={}", Uuid::nil()))
        .await
        .json();
    assert!(none["items"].as_array().unwrap().is_empty());
    // Whole pages stay, and a later job comes to the whole.
    set_faults(&demo, &json!({})).await;
    let job = service.run_job(&json!({})).await;
    assert_eq!(
        (&job["state"], &job["mode"]),
        (&json!("succeeded"), &json!("full")),
        "{job}"
    );
}

#[tokio::test]
async fn requests_are_checked() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let admin = service.admin();
    for (request, pointer) in [
        (json!({"scope": ["sale", "nothing"]}), "/scope/1"),
        (json!({"full": true, "mode": "reconcile"}), "/mode"),
    ] {
        let answer = admin.post("/sync/data", &request).await;
        answer.assert_problem(422, "request.validation_failed");
        assert!(answer.text().contains(pointer), "{}", answer.text());
    }
    assert_eq!(admin.post("/sync/data", &json!({"mode": "x"})).await.status, 422);
    let jobs: Value = admin.get("/sync/jobs").await.json();
    let job = format!("/sync/jobs/{}", jobs["items"][0]["id"].as_str().unwrap());
    let unknown = format!("/sync/jobs/{}", Uuid::nil());
    // A caller of a company that is none of this infobase does not see its jobs.
    let grant = Grant::new(&[Permission::OnecSync]).companies([Uuid::nil()]);
    let stranger = Client::anonymous(service.url()).with_token(service.issuer.sign(&grant));
    let reader = service.client(&[Permission::OnecRead]);
    let anonymous = Client::anonymous(service.url());
    for path in ["", "/events", "/dead-objects"] {
        admin
            .get(&format!("{unknown}{path}"))
            .await
            .assert_problem(404, "onec.job_not_found");
        stranger
            .get(&format!("{job}{path}"))
            .await
            .assert_problem(404, "onec.job_not_found");
        assert_eq!(reader.get(&format!("{job}{path}")).await.status, 403);
        assert_eq!(anonymous.get(&format!("{job}{path}")).await.status, 401);
    }
    let cancel = |client: &Client, job: &str| {
        let (client, path) = (client.clone(), format!("{job}/cancel"));
        async move { client.post(&path, &json!({})).await }
    };
    cancel(&admin, &unknown)
        .await
        .assert_problem(404, "onec.job_not_found");
    cancel(&stranger, &job)
        .await
        .assert_problem(404, "onec.job_not_found");
    assert_eq!(cancel(&reader, &job).await.status, 403);
    assert_eq!(cancel(&anonymous, &job).await.status, 401);
    let none: Value = stranger.get("/sync/jobs").await.json();
    assert!(none["items"].as_array().unwrap().is_empty(), "{none}");
    assert_eq!(admin.get("/sync/jobs?state=x").await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_never_work_on_one_base() {
    let demo = demo().await;
    let setup = Setup::new(Some(&demo.url())).await;
    let second = Setup {
        instance: "test:2",
        ..setup.clone()
    };
    second.run_background().await;
    let service = setup.start().await;
    service.job_end().await;
    for _ in 0..3 {
        service.run_job(&json!({"mode": "reconcile"})).await;
    }
    let attempts: Vec<i32> =
        sqlx::query_scalar("select attempt from onec.sync_jobs where state = 'succeeded'")
            .fetch_all(&service.pool)
            .await
            .unwrap();
    assert_eq!(attempts, [1, 1, 1, 1], "each job was taken once");
}

#[tokio::test]
async fn schedules_are_those_of_the_infobase() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let update = async |statement: &'static str| {
        sqlx::query(statement).execute(&service.pool).await.unwrap();
    };
    let modes = async || -> Vec<String> {
        sqlx::query_scalar("select mode from onec.sync_jobs order by id")
            .fetch_all(&service.pool)
            .await
            .unwrap()
    };
    // The comparison of the night was missed.
    update("update onec.sync_jobs set created_at = created_at - interval '2 days', finished_at = finished_at - interval '2 days'")
        .await;
    eventually("everything is compared", async || {
        (modes().await == ["full", "reconcile"]).then_some(())
    })
    .await;
    service.job_end().await;
    update("update onec.infobases set sync_interval_seconds = 1").await;
    eventually("its own interval counts", async || {
        (modes().await.len() > 3).then_some(())
    })
    .await;
    assert!(modes().await[2..].iter().all(|mode| mode == "incremental"));
}
