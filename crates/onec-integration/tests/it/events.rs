//! Events that leave the service.

use common::contract::events::{AUDIT_RECORDED, AuditEvent, SYNC_ENDED, SyncEvent};
use common::events::{Event, Stream};
use redis::AsyncCommands;
use serde_json::json;

use crate::setup::{Service, demo, eventually};

pub(crate) async fn published(service: &Service, stream: Stream, kind: &str) -> Vec<Event> {
    let mut connection = service.redis.connect().connection();
    let entries: redis::streams::StreamRangeReply = connection.xrange_all(stream.key()).await.unwrap();
    entries
        .ids
        .iter()
        .filter_map(|entry| entry.get::<String>("event"))
        .map(|event| serde_json::from_str::<Event>(&event).unwrap())
        .filter(|event| event.kind == kind)
        .collect()
}

#[tokio::test]
async fn what_happened_is_told() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let ended = eventually("the end of the synchronisation is told", async || {
        published(&service, Stream::Sync, SYNC_ENDED)
            .await
            .into_iter()
            .next()
    })
    .await;
    let data: SyncEvent = ended.data().unwrap();
    assert_eq!(
        (data.outcome.as_str(), data.infobase.as_str()),
        ("succeeded", "Демо")
    );
    assert!(data.rows > 1000);

    let admin = service.admin();
    let answer = admin.get("/reports/cash?date=2025-03-31").await;
    assert_eq!(answer.status, 200);
    let new = json!({"name": "x", "base_url": "http://127.0.0.1:9/x", "username": "a"});
    assert_eq!(admin.post("/infobases", &new).await.status, 201);
    let infobases: serde_json::Value = admin.get("/infobases").await.json();
    let id = infobases["items"][0]["id"].as_str().unwrap();
    let demo_id = data.infobase_id;
    assert_eq!(
        admin.post("/sync/data", &json!({"infobase_id": id})).await.status,
        202
    );
    let rows = "/entities/Catalog_%D0%9A%D0%B0%D1%81%D1%81%D1%8B/rows";
    let answer = admin.get(&format!("{rows}?infobase={demo_id}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let actions = eventually("what was done is told", async || {
        let events = published(&service, Stream::Audit, AUDIT_RECORDED).await;
        assert!(
            events
                .iter()
                .all(|event| event.actor.is_some() && event.request_id.is_some())
        );
        let mut actions: Vec<String> = events
            .iter()
            .map(|event| event.data::<AuditEvent>().unwrap().action)
            .collect();
        actions.sort();
        (actions.len() == 4).then_some(actions)
    })
    .await;
    assert_eq!(
        actions,
        [
            "entities.viewed",
            "infobases.added",
            "reports.viewed",
            "sync.started"
        ]
    );
}
