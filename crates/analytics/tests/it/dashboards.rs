//! `/dashboards`.

use common::auth::Permission::{DashboardsRead, OnecRead};
use common::contract::onec::ReportQuery;
use common::events::Stream;
use common::ids;
use serde_json::{Value, json};

use crate::onec::{Mood, as_of};
use crate::support::{Service, Setting, answered, find, now, request, synced};

fn panel_ids(body: &Value) -> Vec<&str> {
    body["panels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|panel| panel["id"].as_str().unwrap())
        .collect()
}

const SYSTEM: [&str; 5] = ["requests", "latency", "questions", "model_cost", "sync_freshness"];
const BUSINESS: [&str; 4] = ["receivables", "cash", "sales", "stock"];

#[tokio::test]
async fn the_overview_of_the_system() {
    let service = Service::start().await;
    let client = service.client(&[DashboardsRead]);
    let list: Value = client.get("/dashboards").await.json();
    assert_eq!(list["items"][0]["id"], "overview");
    assert_eq!(list["items"][0]["title"], "Обзор");

    let time = now();
    service
        .publish(
            Stream::Requests,
            &[
                request(time, "ai-assistant", 200, 100, None),
                request(time, "ai-assistant", 503, 100, None),
            ],
        )
        .await;
    service
        .publish(
            Stream::Usage,
            &[answered(time, ids::new_id(), "gpt", "answered", Some("0.10"))],
        )
        .await;
    service
        .publish(Stream::Sync, &[synced(time, ids::new_id(), "succeeded", 5)])
        .await;
    service.reaches("select count(*) from analytics.events", 4).await;
    service
        .reaches("select count(*) from analytics.dirty_hours", 0)
        .await;

    for (range, at_least) in [("24h", 24), ("7d", 7), ("30d", 30)] {
        let body: Value = client
            .get(&format!("/dashboards/overview?range={range}"))
            .await
            .json();
        assert_eq!(panel_ids(&body), SYSTEM, "no figures of 1C without onec:read");
        let points = body["panels"][0]["data"]["points"].as_array().unwrap();
        assert!(
            (at_least..=at_least + 2).contains(&points.len()),
            "{range}: {}",
            points.len()
        );
        let sum = |key: &str| {
            points
                .iter()
                .map(|point| point[key].as_i64().unwrap())
                .sum::<i64>()
        };
        assert_eq!((sum("requests"), sum("errors")), (2, 1));
        let latency = body["panels"][1]["data"]["points"].as_array().unwrap();
        assert_eq!(latency.first().unwrap()["p95_ms"], Value::Null);
        let questions = body["panels"][2]["data"]["points"].as_array().unwrap();
        assert_eq!(questions.last().unwrap()["answered"], 1);
        assert_eq!(body["panels"][3]["data"]["rows"][0]["cost_usd"], "0.1");
        assert_eq!(body["panels"][4]["data"]["rows"][0]["infobase"], "Бухгалтерия");
    }
    assert!(service.onec.asked().is_empty());
}

#[tokio::test]
async fn the_business_for_those_who_may_read_1c() {
    let service = Service::start().await;
    let client = service.client(&[DashboardsRead, OnecRead]);
    let body: Value = client.get("/dashboards/overview").await.json();
    assert_eq!(panel_ids(&body), [&BUSINESS[..], &SYSTEM[..]].concat());
    let receivables = find(&body["panels"], "id", "receivables");
    assert_eq!(receivables["data"]["total"], "1499990.50");
    assert_eq!(receivables["data"]["overdue"], "10.00");
    assert_eq!(receivables["data"]["top"].as_array().unwrap().len(), 2);
    assert_eq!(receivables["as_of"], json!(as_of()));
    assert!(receivables.get("error").is_none());
    assert_eq!(find(&body["panels"], "id", "cash")["data"]["total"], "77.00");
    let sales = &find(&body["panels"], "id", "sales")["data"];
    assert_eq!(
        (&sales["current"]["revenue"], &sales["previous"]["revenue"]),
        (&json!("100.00"), &json!("100.00"))
    );
    assert_eq!(find(&body["panels"], "id", "stock")["data"]["total"], "60.00");

    let asked = service.onec.asked();
    let of = |id: &str| -> Vec<ReportQuery> {
        asked
            .iter()
            .filter(|(report, _)| report == id)
            .map(|(_, query)| query.clone())
            .collect()
    };
    assert_eq!(of("receivables")[0].limit, Some(5));
    let (current, previous) = (&of("sales")[0], &of("sales")[1]);
    assert_ne!(current.from, previous.from);
}

#[tokio::test]
async fn a_panel_without_its_source_says_so() {
    let service = Service::start().await;
    let client = service.client(&[DashboardsRead, OnecRead]);
    for (mood, code) in [
        (Mood::InfobaseAway, "onec.infobase_unreachable"),
        (Mood::Garbage, "dependency.unavailable"),
    ] {
        service.onec.set(mood);
        let answer = client.get("/dashboards/overview").await;
        assert_eq!(answer.status, 200);
        let body: Value = answer.json();
        for id in BUSINESS {
            let panel = find(&body["panels"], "id", id);
            assert_eq!(
                (&panel["error"]["code"], &panel["data"]),
                (&json!(code), &Value::Null),
                "{panel}"
            );
        }
        assert!(find(&body["panels"], "id", "requests").get("error").is_none());
    }

    let away = Setting {
        onec_url: Some("http://127.0.0.1:9".to_owned()),
        ..Setting::default()
    };
    let service = Service::with(away).await;
    let client = service.client(&[DashboardsRead, OnecRead]).with_language("en");
    let body: Value = client.get("/dashboards/overview").await.json();
    let panel = find(&body["panels"], "id", "cash");
    assert_eq!(panel["error"]["code"], "dependency.unavailable");
    assert_eq!(panel["error"]["detail"], "Not answering: onec-integration.");
}

#[tokio::test]
async fn wrong_requests() {
    let service = Service::start().await;
    let client = service.client(&[DashboardsRead]);
    client
        .get("/dashboards/secret")
        .await
        .assert_problem(404, "request.not_found");
    let answer = client.get("/dashboards/overview?range=forever").await;
    answer.assert_problem(400, "request.invalid_query");
}
