//! Everything that can go wrong with 1C, at once and one after the other, while the mirror is read.

use serde_json::{Value, json};
use sqlx::types::Decimal;

use crate::front::{Front, Turn};
use crate::resume::{contents, expected_rows};
use crate::setup::{Service, set_faults};

const PLAN: &str = "ExchangePlan_ИИАссистент";

/// What a mirror gets over by itself: all of it together.
fn passing() -> Value {
    json!({
        "latency_ms": 1, "fail_rate": 0.1, "fail_status": 503, "max_rows": 600, "max_bytes": 1_500_000,
        "bom": true, "english_errors": true, "ignore_if_match": true, "metadata_mb": 1,
        "cold_start_ms": 300, "idle_seconds": 1, "reuse_sessions": "use", "session_max_age": 1, "licences": 4,
        "closed_until": "2025-03-31",
    })
}

/// What no job gets over, with the codes that tell it. An answer may be cut or wrong in the middle of
/// anything, so that some are told in several ways.
fn fatal() -> Vec<(Value, &'static [&'static str])> {
    vec![
        (json!({"fail_rate": 1.0}), &["onec.infobase_failed"]),
        (json!({"no_licence": true}), &["onec.no_licence"]),
        (json!({"login_page": true}), &["onec.not_odata"]),
        (json!({"maintenance": true}), &["onec.infobase_locked"]),
        (json!({"forbidden": true}), &["onec.access_denied"]),
        (json!({"wrong_password": true}), &["onec.credentials_refused"]),
        (
            json!({"empty_composition": true}),
            &["onec.not_published", "onec.exchange_plan_not_published"],
        ),
        (json!({"device_full": true}), &["onec.infobase_failed"]),
        (json!({"rls": true}), &["onec.access_denied"]),
        (json!({"malformed_json": true}), &["onec.unexpected_data"]),
        (
            json!({"cut_after": 300}),
            &["onec.infobase_unreachable", "onec.unexpected_data"],
        ),
    ]
}

/// All of them and all that is passing.
fn everything() -> Value {
    let mut all = passing();
    for (faults, _) in fatal() {
        all.as_object_mut()
            .unwrap()
            .extend(faults.as_object().unwrap().clone());
    }
    all["fail_rate"] = json!(0.5);
    all["drip_ms"] = json!(1);
    all["sql_data_version"] = json!(true);
    all
}

/// A service over a base with a plan, by settings that keep sessions.
async fn mirrored(front: &Front) -> Service {
    let service = Service::start(None).await;
    connect(&service, front).await;
    service
}

/// Adds the base to a service and waits for the first synchronisation.
pub(crate) async fn connect(service: &Service, front: &Front) {
    let settings = json!({
        "name": "База", "base_url": format!("{}/demo", front.server.url()), "username": "odata",
        "password": "odata-demo", "exchange_plan": PLAN, "session_mode": "use",
    });
    let added = service.admin().post("/infobases", &settings).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let job = service.job_end().await;
    assert_eq!(job["state"], "succeeded", "{job}");
}

/// What a mirror of the base has that is made anew, without any trouble.
pub(crate) async fn anew(front: &Front) -> Vec<(String, i64, Decimal)> {
    let service = Service::start(Some(&front.server.url())).await;
    let job = service.job_end().await;
    assert_eq!(job["state"], "succeeded", "{job}");
    contents(&service.pool).await
}

#[tokio::test]
async fn what_passes_is_got_over() {
    let front = Front::start().await;
    set_faults(&front.server, &passing()).await;
    let service = mirrored(&front).await;
    for (table, rows, _) in contents(&service.pool).await {
        assert_eq!(rows, expected_rows(&table), "{table}");
    }
    for mode in ["incremental", "reconcile"] {
        set_faults(&front.server, &json!({})).await;
        front.work(25).await;
        set_faults(&front.server, &passing()).await;
        let job = service.run_job(&json!({"mode": mode})).await;
        assert_eq!(
            (&job["state"], &job["dead_objects"]),
            (&json!("succeeded"), &json!(0)),
            "{job}"
        );
    }
    set_faults(&front.server, &json!({})).await;
    assert_eq!(contents(&service.pool).await, anew(&front).await);
}

#[tokio::test]
async fn what_does_not_pass_takes_nothing_away_and_has_a_name() {
    let front = Front::start().await;
    let service = mirrored(&front).await;
    let whole = contents(&service.pool).await;
    for (faults, codes) in fatal() {
        for (mode, after) in [
            ("reconcile", 0),
            ("reconcile", 7),
            ("full", 12),
            ("incremental", 1),
        ] {
            front.then(after, faults.clone());
            let job = service.run_job(&json!({"mode": mode})).await;
            front.calm().await;
            // A message of changes is neither JSON nor asked for row by row.
            let is_untouched = mode == "incremental"
                && (faults.get("rls").is_some() || faults.get("malformed_json").is_some());
            if !is_untouched {
                let code = job["error"].as_str().unwrap_or_default();
                assert!(codes.contains(&code), "{faults} in {mode} after {after}: {job}");
            }
            // Nothing was done in the base: whatever else is in the mirror now is wrong.
            assert_eq!(
                contents(&service.pool).await,
                whole,
                "{faults} in {mode} after {after}: {job}"
            );
        }
    }
    let job = service.run_job(&json!({"mode": "reconcile"})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(contents(&service.pool).await, whole);
}

#[tokio::test]
async fn everything_at_once_is_repaired_by_a_later_pass() {
    let front = Front::start().await;
    let service = mirrored(&front).await;
    for (mode, after) in [
        ("incremental", 2),
        ("reconcile", 9),
        ("full", 20),
        ("incremental", 0),
    ] {
        front.work(20).await;
        front.then(after, everything());
        let job = service.run_job(&json!({"mode": mode})).await;
        front.calm().await;
        assert_eq!(job["state"], "failed", "{job}");
        let code = job["error"].as_str().unwrap();
        assert!(code.starts_with("onec."), "{job}");
    }
    let job = service.run_job(&json!({"mode": "incremental"})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(contents(&service.pool).await, anew(&front).await);
}

#[tokio::test]
async fn an_acknowledgement_that_is_cut_loses_and_doubles_nothing() {
    let front = Front::start().await;
    let service = mirrored(&front).await;
    for turn in [Turn::LoseRequest, Turn::LoseAnswer] {
        front.work(15).await;
        front.on_notify(Some(turn));
        let job = service.run_job(&json!({"mode": "incremental"})).await;
        assert_eq!(job["error"], "onec.infobase_unreachable", "{job}");
        let taken = contents(&service.pool).await;
        assert_eq!(taken, anew(&front).await, "the changes are in the mirror");
        // More is registered before the next pass asks.
        front.work(15).await;
        front.on_notify(None);
        let job = service.run_job(&json!({"mode": "incremental"})).await;
        assert_eq!(
            (&job["state"], &job["dead_objects"]),
            (&json!("succeeded"), &json!(0)),
            "{job}"
        );
        assert_eq!(contents(&service.pool).await, anew(&front).await);
    }
    let job = service.run_job(&json!({"mode": "incremental"})).await;
    assert_eq!((&job["done"], &job["rows"]), (&json!(0), &json!(0)), "{job}");
}
