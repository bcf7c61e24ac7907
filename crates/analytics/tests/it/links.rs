//! Links to dashboards for people without an account.

use common::auth::Permission::{DashboardsEdit, DashboardsRead, OnecRead};
use common::testing::Client;
use http::Method;
use serde_json::{Value, json};

use crate::onec::Mood;
use crate::support::{Service, find};

#[tokio::test]
async fn a_link_shows_what_its_maker_saw_until_it_ends() {
    let service = Service::start().await;
    let maker = service.client(&[DashboardsRead, DashboardsEdit, OnecRead]);
    let anybody = Client::anonymous(service.server.url());
    let body = json!({"from": "2026-11-01", "to": "2026-11-20", "expires_in_days": 3});
    let made = maker.post("/dashboards/director/links", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made: Value = made.json();
    let path = made["url"]
        .as_str()
        .unwrap()
        .strip_prefix("/api/analytics")
        .unwrap()
        .to_owned();

    // Nobody is asked when it is looked at: it works without 1C, and shows no way further in.
    service.onec.set(Mood::InfobaseAway);
    let asked = service.onec.asked().len();
    let seen: Value = anybody.get(&path).await.json();
    assert_eq!(
        find(&seen["panels"], "id", "cash")["data"]["totals"]["balance"],
        "77.00"
    );
    assert!(
        seen["panels"]
            .as_array()
            .unwrap()
            .iter()
            .all(|panel| panel.get("drill_down").is_none())
    );
    let page = anybody.get(&format!("{path}?format=html")).await;
    assert!(page.text().contains("Директор"), "{}", page.text());
    assert_eq!(
        anybody.get(&format!("{path}?format=png&width=400")).await.status,
        200
    );
    assert_eq!(service.onec.asked().len(), asked);

    let listed: Value = maker.get("/dashboards/director/links").await.json();
    assert_eq!(listed["items"][0]["id"], made["id"]);
    assert!(listed["items"][0].get("url").is_none(), "the secret is told once");
    let other = service.client(&[DashboardsRead, DashboardsEdit, OnecRead]);
    let link = format!("/dashboards/director/links/{}", made["id"].as_str().unwrap());
    let revoke = async |client: &Client| client.send(client.request(Method::DELETE, &link)).await;
    revoke(&other).await.assert_problem(404, "request.not_found");
    assert_eq!(revoke(&maker).await.status, 204);
    anybody
        .get(&path)
        .await
        .assert_problem(410, "analytics.link_revoked");
    let kept = "select count(*) from analytics.dashboard_links where snapshot is not null";
    assert_eq!(service.number(kept).await, 0, "what was shared is gone");
    assert_eq!(
        service
            .number("select count(*) from analytics.dashboard_links where token_hash::text like '%' || id")
            .await,
        0
    );

    service.onec.set(Mood::Well);
    let made: Value = maker.post("/dashboards/director/links", &json!({})).await.json();
    let path = made["url"]
        .as_str()
        .unwrap()
        .strip_prefix("/api/analytics")
        .unwrap()
        .to_owned();
    sqlx::query("update analytics.dashboard_links set expires_at = now() - interval '1 s'")
        .execute(&service.db)
        .await
        .unwrap();
    anybody
        .get(&path)
        .await
        .assert_problem(410, "analytics.link_expired");
    anybody
        .get("/shared/dashboards/0123456789abcdef")
        .await
        .assert_problem(404, "request.not_found");
    let body = json!({"expires_in_days": 1000});
    maker
        .post("/dashboards/director/links", &body)
        .await
        .assert_problem(422, "request.validation_failed");
}
