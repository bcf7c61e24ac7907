//! What the service does while others do not work.

use common::auth::Permission;
use common::testing::{Proxy, TestServer};
use serde_json::{Value, json};

use crate::setup::{Service, Setup, demo, eventually, set_faults};

#[tokio::test]
async fn the_mirror_answers_while_1c_is_away_and_says_so() {
    let demo = demo().await;
    let proxy = Proxy::start(demo.address()).await;
    let service = Service::start(Some(&format!("http://{}", proxy.address()))).await;
    service.job_end().await;
    let client = service.client(&[Permission::OnecRead]);
    let path = "/reports/receivables?date=2025-03-31";
    let before: Value = client.get(path).await.json();
    assert_eq!(before["onec_reachable"], true);

    proxy.cut();
    let live = client.get("/reports/cash?source=live").await;
    live.assert_problem(503, "onec.infobase_unreachable");
    assert!(live.headers.contains_key("retry-after"));
    // The failure itself tells; and so does the probe, without anybody asking.
    let after: Value = client.get(path).await.json();
    assert_eq!(after["onec_reachable"], false);
    assert_eq!(
        (&after["rows"], &after["as_of"]),
        (&before["rows"], &before["as_of"])
    );
    let infobases: Value = client.get("/infobases").await.json();
    assert_eq!(infobases["items"][0]["error"], "onec.infobase_unreachable");

    proxy.restore();
    eventually("1C is reachable again", async || {
        let report: Value = client.get(path).await.json();
        (report["onec_reachable"] == true).then_some(())
    })
    .await;
    let live: Value = client
        .get("/reports/cash?date=2025-03-31&source=live")
        .await
        .json();
    assert_eq!(live["source"], "live");

    // An idle service notices as well.
    proxy.cut();
    eventually("the probe notices", async || {
        let report: Value = client.get(path).await.json();
        (report["onec_reachable"] == false).then_some(())
    })
    .await;
}

#[tokio::test]
async fn failures_of_1c_are_survived_or_named() {
    let demo = demo().await;
    // Each seventh call fails, and large answers do.
    set_faults(
        &demo,
        &json!({"fail_rate": 0.14, "fail_status": 503, "max_rows": 700}),
    )
    .await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.client(&[Permission::OnecRead]);
    set_faults(&demo, &json!({})).await;
    assert_eq!(client.get("/reports/cash?source=live").await.status, 200);
    for (faults, code) in [
        (json!({"no_licence": true}), "onec.no_licence"),
        (json!({"login_page": true}), "onec.not_odata"),
        (json!({"maintenance": true}), "onec.infobase_locked"),
        (json!({"empty_composition": true}), "onec.not_published"),
    ] {
        set_faults(&demo, &faults).await;
        client
            .get("/reports/cash?source=live")
            .await
            .assert_problem(503, code);
    }
    set_faults(&demo, &json!({})).await;
    let live = client.get("/reports/cash?source=live").await;
    assert_eq!(live.status, 200, "{}", live.text());
}

#[tokio::test]
async fn a_first_synchronisation_waits_for_1c() {
    let demo = demo().await;
    let proxy = Proxy::start(demo.address()).await;
    proxy.cut();
    let service = Service::start(Some(&format!("http://{}", proxy.address()))).await;
    let client = service.admin();
    client
        .get("/reports/cash")
        .await
        .assert_problem(503, "onec.not_synchronised");
    let job = service.job_end().await;
    assert_eq!(job["error"], "onec.infobase_unreachable", "{job}");
    proxy.restore();
    eventually("the first synchronisation ends", async || {
        (client.get("/reports/cash").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn wrong_credentials_are_named() {
    let demo = demo().await;
    let mut setup = Setup::new(Some(&demo.url())).await;
    setup.variables.push(("ONEC_USERNAME", "nobody"));
    let service = setup.start().await;
    let job = service.job_end().await;
    assert_eq!(job["error"], "onec.credentials_refused", "{job}");
    let infobases: Value = service.admin().get("/infobases").await.json();
    assert_eq!(infobases["items"][0]["reachable"], false);
    assert!(!infobases.to_string().contains("odata-demo"), "{infobases}");
}

#[tokio::test]
async fn another_server_at_the_address_is_named() {
    let other = TestServer::serve(axum::Router::new().fallback(|| async { "<html>hello</html>" })).await;
    let service = Service::start(Some(&other.url())).await;
    let job = service.job_end().await;
    assert_eq!(job["error"], "onec.not_odata", "{job}");
}

#[tokio::test]
async fn without_the_database_requests_are_refused_and_health_says_so() {
    let demo = demo().await;
    let mut setup = Setup::new(Some(&demo.url())).await;
    let direct: url::Url = setup.database_url.parse().unwrap();
    let target = format!("{}:{}", direct.host_str().unwrap(), direct.port().unwrap());
    let proxy = Proxy::start(target.parse().unwrap()).await;
    let mut through = direct.clone();
    through.set_host(Some("127.0.0.1")).unwrap();
    through.set_port(Some(proxy.address().port())).unwrap();
    setup.database_url = through.to_string();
    let service = setup.start().await;
    service.job_end().await;
    let client = service.admin();
    proxy.cut();
    for path in [
        "/companies",
        "/reports/cash",
        "/search?q=x",
        "/infobases",
        "/sync/jobs",
    ] {
        client
            .get(path)
            .await
            .assert_problem(503, "dependency.unavailable");
    }
    let health = client.get("/health").await;
    assert_eq!(health.status, 503);
    assert!(
        health.text().contains("\"postgres\":\"down\""),
        "{}",
        health.text()
    );
    proxy.restore();
    eventually("requests are answered again", async || {
        (client.get("/companies").await.status == 200).then_some(())
    })
    .await;
}
