//! `/reports/variants`.

use common::auth::Permission::{OnecRead, Reports};
use common::ids;
use http::Method;
use serde_json::{Value, json};

use crate::support::Service;

fn variant(name: &str) -> Value {
    json!({"name": name, "order": {"report": "sales", "parameters": {"group_by": "item"},
        "period": "previous_month", "format": "xlsx"}})
}

#[tokio::test]
async fn a_variant_is_saved_shared_and_used() {
    let service = Service::start().await;
    let client = service.client(&[Reports, OnecRead]);
    let answer = client
        .post("/reports/variants", &variant(" Продажи за месяц "))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let saved: Value = answer.json();
    assert_eq!(
        (&saved["name"], &saved["own"], &saved["shared"]),
        (&json!("Продажи за месяц"), &json!(true), &json!(false))
    );
    let path = format!("/reports/variants/{}", saved["id"].as_str().unwrap());
    let got = client.get(&path).await;
    assert_eq!(got.headers["etag"], "\"1\"");
    assert_eq!(got.json::<Value>(), saved);
    client
        .post("/reports/variants", &variant("Продажи за месяц"))
        .await
        .assert_problem(409, "analytics.name_taken");

    // Others see it once it is shared, and cannot change it.
    let other = service.client(&[Reports, OnecRead]);
    other.get(&path).await.assert_problem(404, "request.not_found");
    let mut shared = variant("Продажи");
    shared["shared"] = json!(true);
    let stale = client
        .request(Method::PUT, &path)
        .header("if-match", "\"7\"")
        .json(&shared);
    client
        .send(stale)
        .await
        .assert_problem(412, "request.version_mismatch");
    let put = client
        .request(Method::PUT, &path)
        .header("if-match", "\"1\"")
        .json(&shared);
    let changed: Value = client.send(put).await.json();
    assert_eq!(changed["version"], 2);
    let seen: Value = other.get("/reports/variants").await.json();
    assert_eq!(
        (&seen["items"][0]["name"], &seen["items"][0]["own"]),
        (&json!("Продажи"), &json!(false))
    );
    let put = other.request(Method::PUT, &path).json(&shared);
    other.send(put).await.assert_problem(404, "request.not_found");
    other.delete(&path).await.assert_problem(404, "request.not_found");

    // What is saved is what is ordered; the period becomes days.
    let answer = other
        .post("/reports/generate?wait=20", &seen["items"][0]["order"])
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (report, query) = service.onec.asked().remove(0);
    assert_eq!(report, "sales");
    let (from, to) = (query.from.unwrap(), query.to.unwrap());
    assert_eq!(chrono::Datelike::day(&from), 1);
    assert_eq!(chrono::Datelike::day(&to.succ_opt().unwrap()), 1);

    assert_eq!(client.delete(&path).await.status, 204);
    client.get(&path).await.assert_problem(404, "request.not_found");
}

#[tokio::test]
async fn wrong_variants_are_refused_by_member() {
    let service = Service::start().await;
    let client = service.client(&[Reports, OnecRead]);
    let order = |change: Value| {
        let mut variant = variant("x");
        for (name, value) in change.as_object().unwrap() {
            variant["order"][name] = value.clone();
        }
        variant
    };
    for (body, pointer) in [
        (variant("  "), "/name"),
        (variant(&"я".repeat(101)), "/name"),
        (order(json!({"report": "everything"})), "/order/report"),
        (
            order(json!({"parameters": {"limit": 1}})),
            "/order/parameters/limit",
        ),
        (
            order(json!({"parameters": {"from": "2026-01-01"}})),
            "/order/period",
        ),
        (
            order(json!({"report": "postings", "parameters": {"number": "1"}})),
            "/order/period",
        ),
        (order(json!({"period": "next_month"})), "/order/period"),
        (order(json!({"format": "docx"})), "/order/format"),
    ] {
        let problem = client
            .post("/reports/variants", &body)
            .await
            .assert_problem(422, "request.validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let missing = format!("/reports/variants/{}", ids::new_id());
    client
        .get(&missing)
        .await
        .assert_problem(404, "request.not_found");
    client
        .delete(&missing)
        .await
        .assert_problem(404, "request.not_found");
}
