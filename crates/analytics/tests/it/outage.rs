//! Dependencies that go away and come back.

use analytics::SCHEMA;
use common::auth::Permission;
use common::events::Stream;
use common::ids;
use common::testing::{self, Client, Proxy};
use serde_json::json;

use crate::support::{Service, Setting, eventually, find, now, request};

#[tokio::test]
async fn without_postgres_every_route_says_so_and_recovers() {
    let direct: url::Url = testing::database_url(&SCHEMA).await.parse().unwrap();
    let target = format!("{}:{}", direct.host_str().unwrap(), direct.port().unwrap());
    let proxy = Proxy::start(target.parse().unwrap()).await;
    let mut through = direct.clone();
    through.set_port(Some(proxy.address().port())).unwrap();
    let setting = Setting {
        database: Some((direct.to_string(), through.to_string())),
        ..Setting::default()
    };
    let service = Service::with(setting).await;
    let client = service.client(Permission::ALL);
    assert_eq!(client.get("/metrics").await.status, 200);

    proxy.cut();
    let id = ids::new_id();
    for path in [
        "/metrics".to_owned(),
        "/dashboards".to_owned(),
        format!("/dashboards/{id}"),
        format!("/reports/jobs/{id}"),
        format!("/reports/files/{id}"),
    ] {
        client
            .get(&path)
            .await
            .assert_problem(503, "dependency.unavailable");
    }
    // Panels of other sources are there all the same.
    let overview: serde_json::Value = client.get("/dashboards/overview?refresh=true").await.json();
    let panel = |id| find(&overview["panels"], "id", id);
    assert_eq!(panel("questions")["error"]["code"], "dependency.unavailable");
    assert_eq!(panel("cash").get("error"), None);
    let body = json!({"report": "cash", "format": "csv"});
    let answer = client.post("/reports/generate", &body).await;
    answer.assert_problem(503, "dependency.unavailable");
    assert_eq!(
        Client::anonymous(service.server.url())
            .get("/health")
            .await
            .status,
        503
    );
    // An event that comes meanwhile is kept by its stream.
    service
        .publish(Stream::Requests, &[request(now(), "x", 200, 1, None)])
        .await;

    proxy.restore();
    eventually("the service recovers", async || {
        client.post("/reports/generate?wait=5", &body).await.status == 200
    })
    .await;
    service.reaches("select count(*) from analytics.events", 1).await;
}

#[tokio::test]
async fn without_redis_requests_are_served_and_events_wait() {
    let redis = testing::redis().await;
    let target = redis.url()["redis://".len()..]
        .trim_end_matches('/')
        .parse()
        .unwrap();
    let proxy = Proxy::start(target).await;
    proxy.cut();
    let setting = Setting {
        redis: Some(redis),
        redis_url: Some(format!("redis://{}/", proxy.address())),
        ..Setting::default()
    };
    let service = Service::with(setting).await;
    let client = service.client(Permission::ALL);
    let body = json!({"report": "cash", "format": "csv"});
    assert_eq!(client.post("/reports/generate?wait=20", &body).await.status, 200);
    assert_eq!(client.get("/dashboards/overview").await.status, 200);
    assert_eq!(service.number("select count(*) from analytics.outbox").await, 1);
    service
        .publish(Stream::Requests, &[request(now(), "x", 200, 1, None)])
        .await;
    assert_eq!(client.get("/health").await.status, 503);

    proxy.restore();
    service.reaches("select count(*) from analytics.outbox", 0).await;
    service.reaches("select count(*) from analytics.events", 1).await;
}
