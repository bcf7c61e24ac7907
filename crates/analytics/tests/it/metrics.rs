//! `GET /metrics`.

use chrono::Duration;
use common::auth::Permission::{AnalyticsRead, DashboardsRead};
use common::events::{Event, Stream};
use common::ids;
use common::testing::{Grant, TestServer};
use http::Method;
use serde_json::{Value, json};

use crate::support::{Service, Setting, answered, find, now, request, synced};

#[tokio::test]
async fn the_system_in_figures_with_the_time_before() {
    let service = Service::start().await;
    let client = service.client(&[AnalyticsRead]);
    let (time, user, infobase) = (now(), ids::new_id(), ids::new_id());
    let recently = time - Duration::minutes(2);
    let earlier = time - Duration::minutes(90);
    let mut requests: Vec<Event> = (1..=90)
        .map(|n| request(recently, "ai-assistant", 200, n * 10, Some(user)))
        .collect();
    requests.extend((1..=10).map(|_| request(recently, "ai-assistant", 502, 1000, Some(ids::new_id()))));
    requests.extend((1..=4).map(|_| request(earlier, "ai-assistant", 200, 10, Some(user))));
    service.publish(Stream::Requests, &requests).await;
    let usage = [
        answered(recently, user, "gpt", "answered", Some("0.50")),
        answered(recently, user, "gpt", "failed", None),
        answered(recently, user, "builtin", "answered", None),
        answered(earlier, user, "gpt", "answered", Some("0.25")),
    ];
    service.publish(Stream::Usage, &usage).await;
    let syncs = [
        synced(earlier, infobase, "succeeded", 70),
        synced(recently, infobase, "failed", 0),
    ];
    service.publish(Stream::Sync, &syncs).await;
    service
        .reaches("select count(*) from analytics.events", 110)
        .await;
    service
        .reaches("select count(*) from analytics.dirty_hours", 0)
        .await;

    // The same through raw events and through rollups.
    for range in ["5m", "1h", "24h", "7d", "30d"] {
        let body: Value = client.get(&format!("/metrics?range={range}")).await.json();
        assert_eq!(body["range"], range);
        let assistant = find(&body["services"], "name", "ai-assistant");
        let wide = !matches!(range, "5m" | "1h");
        let expected = if wide { 104 } else { 100 };
        assert_eq!(assistant["requests"], expected, "{range}: {assistant}");
        let p95 = assistant["p95_ms"].as_u64().unwrap();
        assert!((900..=1050).contains(&p95), "{p95}");
        assert_eq!(find(&body["services"], "name", "gateway")["requests"], expected);
    }

    let body: Value = client.get("/metrics").await.json();
    assert_eq!(body["range"], "1h");
    let assistant = find(&body["services"], "name", "ai-assistant");
    assert_eq!(assistant["error_ratio"], 0.1);
    assert_eq!(assistant["previous"]["requests"], 4);
    assert_eq!(assistant["previous"]["error_ratio"], 0.0);
    let rate = assistant["requests_per_second"].as_f64().unwrap();
    assert!((rate - 100.0 / 3600.0).abs() < 1e-9, "{rate}");
    let security = find(&body["services"], "name", "security");
    assert_eq!(
        (&security["up"], &security["error_ratio"], &security["p50_ms"]),
        (&json!(false), &Value::Null, &Value::Null)
    );
    let onec = find(&body["services"], "name", "onec-integration");
    assert_eq!((&onec["up"], &onec["version"]), (&json!(true), &json!("9.9.9")));
    let gateway = find(&body["services"], "name", "gateway");
    assert_eq!(
        (&gateway["up"], &gateway["replicas"], &gateway["replicas_up"]),
        (&json!(true), &json!(2), &json!(1))
    );
    assert_eq!(find(&body["services"], "name", "analytics")["up"], true);

    let gpt = find(&body["models"], "model", "gpt");
    assert_eq!(
        (&gpt["calls"], &gpt["failures"], &gpt["cost_usd"]),
        (&json!(2), &json!(1), &json!("0.5"))
    );
    assert_eq!(gpt["unpriced_calls"], 1);
    assert_eq!(gpt["previous"]["cost_usd"], "0.25");
    let builtin = find(&body["models"], "model", "builtin");
    assert_eq!(
        (&builtin["cost_usd"], &builtin["previous"]),
        (&Value::Null, &Value::Null)
    );

    assert_eq!(
        (&gpt["cache_hits"], &gpt["cache_hit_ratio"]),
        (&json!(0), &json!(0.0))
    );
    assert_eq!(gpt["average_ms"], 900);

    // Any range, with the time of the same length before it.
    let chosen: Value = client.get("/metrics?from=now-2h&to=now").await.json();
    assert_eq!(find(&chosen["services"], "name", "ai-assistant")["requests"], 104);
    assert!(chosen.get("range").is_none());
    let wrong = client.get("/metrics?from=now&to=now-1h").await;
    wrong.assert_problem(400, "request.invalid_query");
    let wrong = client.get("/metrics?range=1h&to=now").await;
    wrong.assert_problem(400, "request.invalid");

    let base = &body["onec"][0];
    assert!(
        (7_190..7_290).contains(&(base["age_seconds"].as_i64().unwrap() + 1_800)),
        "{base}"
    );
    assert_eq!(base["rows_per_second"], 0.0);
    assert_eq!(
        (&base["last_outcome"], &base["syncs"], &base["rows"]),
        (&json!("failed"), &json!(1), &json!(0))
    );
    assert_eq!(base["last_error"], "onec.infobase_unreachable");
    assert_eq!(base["last_success_at"], json!(earlier));
    // Who may use other infobases only is told nothing of this one, here and on the dashboard.
    let grant = Grant::new(&[AnalyticsRead, DashboardsRead]);
    for (own, count) in [(infobase, 1), (ids::new_id(), 0)] {
        let client = service.client_of(&grant.clone().infobases([own]));
        let seen: Value = client.get("/metrics").await.json();
        assert_eq!(seen["onec"].as_array().unwrap().len(), count);
        let overview: Value = client.get("/dashboards/overview").await.json();
        let panel = find(&overview["panels"], "id", "sync_freshness");
        assert_eq!(panel["data"]["rows"].as_array().unwrap().len(), count, "{panel}");
    }
    assert_eq!(
        (&body["users"]["active"], &body["users"]["previous_active"]),
        (&json!(11), &json!(1))
    );
}

#[tokio::test]
async fn an_empty_system_has_no_invented_figures() {
    let service = Service::start().await;
    let client = service.client(&[AnalyticsRead]);
    let body: Value = client.get("/metrics?range=7d").await.json();
    assert_eq!(body["services"].as_array().unwrap().len(), 6);
    for service in body["services"].as_array().unwrap() {
        assert_eq!(
            (&service["requests"], &service["error_ratio"]),
            (&json!(0), &Value::Null)
        );
    }
    assert_eq!((&body["models"], &body["onec"]), (&json!([]), &json!([])));
    client
        .get("/metrics?range=1y")
        .await
        .assert_problem(400, "request.invalid_query");
}

#[tokio::test]
async fn prometheus_gets_its_own_format() {
    common::telemetry::install_recorder();
    let service = Service::start().await;
    let client = service.client(&[AnalyticsRead]);
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    let request = client.request(Method::GET, "/metrics").header("accept", accept);
    let answer = client.send(request).await;
    assert_eq!(
        answer.headers["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert!(
        answer.text().contains("# TYPE events_ingested_total counter"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn saturation_comes_from_prometheus_where_there_is_one() {
    let service = Service::start().await;
    let client = service.client(&[AnalyticsRead]);
    let body: Value = client.get("/metrics").await.json();
    assert_eq!(body["prometheus"], json!({"configured": false, "up": false}));
    assert_eq!(
        find(&body["services"], "name", "gateway")["saturation"],
        Value::Null
    );

    let answer = axum::routing::get(|| async {
        axum::Json(
            json!({"status": "success", "data": {"resultType": "vector", "result": [
            {"metric": {"service": "gateway"}, "value": [1.0, "0.25"]}]}}),
        )
    });
    let prometheus = TestServer::serve(axum::Router::new().route("/api/v1/query", answer)).await;
    for (url, up) in [(prometheus.url(), true), ("http://127.0.0.1:9".to_owned(), false)] {
        let setting = Setting {
            more: vec![("PROMETHEUS_URL", url)],
            ..Setting::default()
        };
        let service = Service::with(setting).await;
        let client = service.client(&[AnalyticsRead]);
        let body: Value = client.get("/metrics").await.json();
        assert_eq!(body["prometheus"], json!({"configured": true, "up": up}));
        let saturation = &find(&body["services"], "name", "gateway")["saturation"];
        assert_eq!(saturation["requests"], if up { json!(0.25) } else { Value::Null });
    }
}
