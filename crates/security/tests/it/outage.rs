//! Dependencies that go away and come back.

use std::time::Duration;

use common::auth::Permission;
use common::events::Stream;
use common::testing::{self, Client, Proxy};
use security::SCHEMA;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;

use crate::support::{Service, Whole, audited, eventually, items};

#[tokio::test]
async fn without_postgres_every_route_says_so_and_recovers() {
    let url: url::Url = testing::database_url(&SCHEMA).await.parse().unwrap();
    let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let proxy = Proxy::start(target.parse().unwrap()).await;
    let mut through = url.clone();
    through.set_port(Some(proxy.address().port())).unwrap();
    let db = PgPoolOptions::new()
        .max_connections(3)
        .acquire_timeout(Duration::from_secs(1))
        .connect(through.as_str())
        .await
        .unwrap();
    let service = Service::on(db).await;
    let client = service.client(Permission::ALL);
    let entry = json!({"action": "a.b", "outcome": "success"});
    assert_eq!(client.post("/audit/log", &entry).await.status, 201);

    proxy.cut();
    for path in [
        "/audit/log",
        "/audit/log/01890a5d-ac96-774b-bcce-b302099a8057",
        "/audit/log/01890a5d-ac96-774b-bcce-b302099a8057/proof",
        "/audit/export",
        "/audit/verify",
        "/audit/checkpoints",
        "/audit/segments",
        "/threats",
        "/alerts",
    ] {
        client
            .get(path)
            .await
            .assert_problem(503, "dependency.unavailable");
    }
    for path in [
        "/alerts/01890a5d-ac96-774b-bcce-b302099a8057/resolve",
        "/audit/log",
    ] {
        let problem = client.post(path, &entry).await;
        problem.assert_problem(503, "dependency.unavailable");
        assert!(problem.headers.contains_key("retry-after"));
    }
    let erase = json!({"entries": ["01890a5d-ac96-774b-bcce-b302099a8057"], "reason": "because"});
    for (path, body) in [
        ("/audit/log/batch", json!({"entries": [entry]})),
        ("/audit/checkpoints", json!({})),
        ("/audit/erasures", erase),
    ] {
        let answer = client.post(path, &body).await;
        answer.assert_problem(503, "dependency.unavailable");
    }
    let health = Client::anonymous(service.server.url()).get("/health").await;
    assert_eq!(health.status, 503);

    proxy.restore();
    eventually("the service recovers", Duration::from_secs(10), async || {
        client.post("/audit/log", &entry).await.status == 201
    })
    .await;
    let verified: Value = client.get("/audit/verify").await.json();
    assert_eq!(verified["valid"], true);
}

#[tokio::test]
async fn without_redis_requests_are_served_and_events_are_read_later() {
    let redis = testing::redis().await;
    let target = redis.url()["redis://".len()..]
        .trim_end_matches('/')
        .parse()
        .unwrap();
    let proxy = Proxy::start(target).await;
    proxy.cut();
    let service = Whole::with_redis(redis, &format!("redis://{}/", proxy.address())).await;
    let client = service.client(&[Permission::AuditRead]);
    service
        .publish(Stream::Audit, &[audited("users.registered")])
        .await;
    assert!(items(&client, "/audit/log").await.is_empty());
    assert_eq!(client.get("/health").await.status, 503);

    proxy.restore();
    eventually("the event is read", Duration::from_secs(20), async || {
        items(&client, "/audit/log").await.len() == 1
    })
    .await;
}
