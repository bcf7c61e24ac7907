//! Requests are told of in the stream.

use common::cache::Redis;
use common::contract::events::{REQUEST_HANDLED, RequestEvent};
use common::events::{Event, Stream};
use common::testing::{Grant, Proxy};
use http::Method;
use redis::AsyncCommands;
use redis::streams::StreamRangeReply;

use crate::world::{World, eventually};

async fn published(redis: &Redis) -> Vec<Event> {
    let mut connection = redis.connection();
    let range: StreamRangeReply = connection.xrange_all(Stream::Requests.key()).await.unwrap();
    let texts = range
        .ids
        .iter()
        .map(|entry| entry.get::<String>("event").unwrap());
    texts.map(|text| serde_json::from_str(&text).unwrap()).collect()
}

#[tokio::test]
async fn every_request_is_told_of_as_it_ended() {
    let world = World::builder().set("RATE_LIMIT_ANONYMOUS", "1").start().await;
    let grant = Grant::new(&[]);
    let user = world.anonymous().with_token(world.issuer.sign(&grant));
    let request = user
        .request(Method::GET, "/api/1c/reports/sales?secret=1")
        .header("user-agent", "test/1")
        .header("x-request-id", "request-9");
    // Sent as it is, so that the id is the one above.
    let client = common::http::client::builder().build().unwrap();
    client.execute(request.build().unwrap()).await.unwrap();
    world.anonymous().get("/api/users/me").await;
    world.anonymous().get("/api/users/auth/login").await;
    world.anonymous().get("/api/users/auth/login").await;
    world.anonymous().get("/somewhere/else").await;

    let redis = world.redis.connect();
    eventually("five events", async || published(&redis).await.len() == 5).await;
    let mut events = published(&redis).await;
    // Several threads report; each event tells its time.
    events.sort_by_key(|event| event.time);
    assert!(
        events
            .iter()
            .all(|event| event.kind == REQUEST_HANDLED && event.source == "gateway")
    );
    let data: Vec<RequestEvent> = events.iter().map(|event| event.data().unwrap()).collect();
    let summary: Vec<_> = data
        .iter()
        .map(|data| {
            (
                data.route.as_str(),
                data.status,
                data.upstream.as_deref(),
                data.code.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        summary,
        [
            ("/api/1c/*", 200, Some("onec-integration"), None),
            ("/api/users/*", 401, None, Some("auth.token_required")),
            ("/api/users/auth/login", 200, Some("user-management"), None),
            ("/api/users/auth/login", 429, None, Some("gateway.rate_limited")),
            ("unmatched", 404, None, Some("request.not_found")),
        ]
    );
    assert_eq!(data[0].user_id, Some(grant.user_id));
    assert_eq!(data[0].user_agent.as_deref(), Some("test/1"));
    assert_eq!(
        (data[0].ip.as_str(), data[0].method.as_str()),
        ("127.0.0.1", "GET")
    );
    assert_eq!(events[0].request_id.as_deref(), Some("request-9"));
    assert_eq!(
        events[0].actor.as_ref().map(|actor| actor.user_id),
        Some(grant.user_id)
    );
    assert_eq!(events[1].actor, None);
    let texts = serde_json::to_string(&events).unwrap();
    assert!(!texts.contains("secret") && !texts.contains("sales"), "{texts}");
}

#[tokio::test]
async fn a_client_that_leaves_is_told_of_too() {
    let (began, mut beginning) = tokio::sync::mpsc::channel(1);
    let wait = move || async move {
        began.send(()).await.unwrap();
        std::future::pending::<&'static str>().await
    };
    let router = axum::Router::new().route("/wait", axum::routing::get(wait));
    let world = World::builder().assistant(router).start().await;
    let user = world.user();
    let mut asked = Box::pin(common::http::client::send(
        user.request(Method::GET, "/api/ai/wait"),
    ));
    tokio::select! {
        _ = &mut asked => {}
        began = beginning.recv() => began.unwrap(),
    }
    drop(asked);
    let redis = world.redis.connect();
    eventually("the event", async || published(&redis).await.len() == 1).await;
    let data: RequestEvent = published(&redis).await[0].data().unwrap();
    assert_eq!(
        (data.status, data.code.as_deref()),
        (499, Some("gateway.client_closed"))
    );
}

#[tokio::test]
async fn none_is_lost_while_redis_is_away() {
    const REQUESTS: usize = 300;
    let outside = common::testing::redis().await;
    let proxy = Proxy::start(outside.url()[8..].trim_end_matches('/').parse().unwrap()).await;
    let world = World::builder()
        .set("REDIS_URL", format!("redis://{}/", proxy.address()))
        .start()
        .await;
    let redis = outside.connect();
    let user = world.user();
    assert_eq!(user.get("/api/users/me").await.status, 200);
    eventually("the first event", async || published(&redis).await.len() == 1).await;

    proxy.cut();
    for _ in 0..REQUESTS {
        assert_eq!(user.get("/api/users/me").await.status, 200);
    }
    assert_eq!(published(&redis).await.len(), 1, "Redis is away");
    proxy.restore();
    let ids = async || {
        let events = published(&redis).await;
        events
            .iter()
            .map(|event| event.id)
            .collect::<std::collections::HashSet<_>>()
    };
    eventually("all events", async || ids().await.len() == REQUESTS + 1).await;
}

#[tokio::test]
async fn the_end_of_the_service_publishes_the_rest() {
    let world = World::new().await;
    let user = world.user();
    for _ in 0..20 {
        user.get("/api/users/me").await;
    }
    world.context.shutdown.cancel();
    let redis = world.redis.connect();
    eventually("all events", async || published(&redis).await.len() == 20).await;
}
