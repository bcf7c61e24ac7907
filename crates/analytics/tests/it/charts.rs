//! `POST /charts`.

use common::auth::Permission::OnecRead;
use common::testing::Client;
use serde_json::{Value, json};

use crate::onec::{Mood, as_of};
use crate::support::Service;

fn chart(kind: &str) -> Value {
    json!({"kind": kind, "title": "Выручка «Ёжик №5»", "unit": "RUB", "categories": ["янв", "фев"],
        "series": [{"name": "Выручка", "values": ["1234567.89", 5]}]})
}

#[tokio::test]
async fn given_values_are_drawn_with_their_data_beside_them() {
    let service = Service::start().await;
    let client = service.client(&[]);
    for kind in [
        "line",
        "bar",
        "stacked_bar",
        "pie",
        "heat_map",
        "waterfall",
        "gauge",
    ] {
        let answer: Value = client
            .post("/charts", &json!({"chart": chart(kind)}))
            .await
            .json();
        assert!(answer["svg"].as_str().unwrap().starts_with("<svg "), "{kind}");
        assert_eq!(answer["data"]["rows"][0]["s0"], "1234567.89");
        assert_eq!(answer["chart"]["kind"], kind);
    }
    for (format, content_type) in [("svg", "image/svg+xml"), ("png", "image/png")] {
        let body = json!({"chart": chart("bar"), "format": format, "theme": "dark", "width": 360});
        let answer = client.post("/charts", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.headers["content-type"], content_type);
    }
}

#[tokio::test]
async fn a_report_is_drawn_with_the_rights_of_the_caller() {
    let service = Service::start().await;
    let client = service.client(&[OnecRead]);
    let body = json!({"report": {"id": "receivables", "kind": "bar", "fields": {"x": "counterparty", "y": ["debt"]}}});
    let answer: Value = client.post("/charts", &body).await.json();
    assert_eq!(answer["chart"]["categories"][0], "ООО «Ромашка»");
    assert_eq!(answer["chart"]["series"][0]["values"][0], "1500000.50");
    assert_eq!(answer["as_of"], json!(as_of()));
    let nothing = json!({"report": {"id": "cash", "kind": "bar", "fields": {"y": ["profit"]}}});
    client
        .post("/charts", &nothing)
        .await
        .assert_problem(422, "request.validation_failed");
    // onec-integration itself refuses who may not read it.
    let nobody = service.client(&[]);
    nobody
        .post("/charts", &body)
        .await
        .assert_problem(403, "auth.permission_denied");
    service.onec.set(Mood::InfobaseAway);
    client
        .post("/charts", &body)
        .await
        .assert_problem(503, "onec.infobase_unreachable");
}

#[tokio::test]
async fn wrong_charts() {
    let service = Service::start().await;
    let client = service.client(&[]);
    let mut short = chart("bar");
    short["series"][0]["values"] = json!([1]);
    let mut odd = chart("bar");
    odd["title"] = json!("Продажи \u{1F600}");
    let mut unknown = chart("bar");
    unknown["colour"] = json!("red");
    for body in [
        json!({}),
        json!({"chart": chart("bar"), "report": {"id": "cash", "kind": "bar"}}),
        json!({"chart": chart("radar")}),
        json!({"chart": short}),
        json!({"chart": unknown}),
        json!({"chart": chart("bar"), "width": 10}),
        json!({"chart": chart("bar"), "format": "html"}),
    ] {
        client
            .post("/charts", &body)
            .await
            .assert_problem(422, "request.validation_failed");
    }
    let body = json!({"chart": odd, "format": "png"});
    client
        .post("/charts", &body)
        .await
        .assert_problem(422, "analytics.glyph_missing");
    let large = json!({"chart": chart("bar"), "format": "png", "width": 2000, "height": 2000, "scale": 3});
    client
        .post("/charts", &large)
        .await
        .assert_problem(422, "analytics.picture_too_large");
    let stranger = Client::anonymous(service.server.url());
    let answer = stranger.post("/charts", &json!({"chart": chart("bar")})).await;
    answer.assert_problem(401, "auth.token_required");
}
