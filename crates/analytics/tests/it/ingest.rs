//! From the streams into tables and rollups, each event once and at its own time.

use analytics::SCHEMA;
use chrono::{Duration, DurationRound};
use common::clock::Clock;
use common::contract::events::{LOGIN_FAILED, REQUEST_HANDLED};
use common::events::{DEAD_LETTERS, Event, Stream};
use common::{ids, testing};
use redis::AsyncCommands;
use serde_json::json;

use crate::support::{Service, answered, eventually, now, request, synced};

#[tokio::test]
async fn duplicates_and_late_events_are_counted_once_in_their_own_hour() {
    let service = Service::start().await;
    // Half past some hour of yesterday.
    let time = (now() - Duration::days(1))
        .duration_trunc(Duration::hours(1))
        .unwrap()
        + Duration::minutes(30);
    let events: Vec<Event> = (1..=100)
        .map(|n| request(time, "ai-assistant", 200, n, None))
        .collect();
    service.publish(Stream::Requests, &events).await;
    service.publish(Stream::Requests, &events).await;
    service
        .publish(Stream::Requests, &[events[0].clone(), events[0].clone()])
        .await;
    service
        .reaches(
            "select coalesce(sum(count), 0)::bigint from analytics.requests_hourly",
            100,
        )
        .await;

    // An hour late by its arrival, 29 minutes later by its time: the same hour.
    let late = request(time + Duration::minutes(29), "ai-assistant", 500, 7, None);
    service.publish(Stream::Requests, &[late.clone(), late]).await;
    service
        .reaches(
            "select coalesce(sum(count), 0)::bigint from analytics.requests_hourly",
            101,
        )
        .await;
    service
        .reaches("select count(*) from analytics.dirty_hours", 0)
        .await;
    assert_eq!(
        service
            .number("select count(distinct hour) from analytics.requests_hourly")
            .await,
        1
    );
    assert_eq!(service.number("select count(*) from analytics.events").await, 101);
    assert_eq!(
        service
            .number("select sum(count)::bigint from analytics.requests_hourly where status_class = 5")
            .await,
        1
    );
}

#[tokio::test]
async fn every_stream_has_its_rollup() {
    let service = Service::start().await;
    let (time, user, infobase) = (now(), ids::new_id(), ids::new_id());
    service
        .publish(
            Stream::Requests,
            &[request(time, "ai-assistant", 200, 5, Some(user))],
        )
        .await;
    let usage = [
        answered(time, user, "gpt", "answered", Some("0.0012")),
        answered(time, ids::new_id(), "gpt", "answered", None),
    ];
    service.publish(Stream::Usage, &usage).await;
    service
        .publish(Stream::Sync, &[synced(time, infobase, "succeeded", 50)])
        .await;
    let failed = Event::new(
        "user-management",
        LOGIN_FAILED,
        &Clock::system(),
        &json!({
            "user_id": null, "email_hash": "secret-hash", "ip": "192.0.2.1", "user_agent": "curl", "reason": "wrong_password",
        }),
    );
    service.publish(Stream::Auth, &[failed]).await;
    service
        .reaches(
            "select count(*) from analytics.auth_hourly where kind = 'auth.login_failed'",
            1,
        )
        .await;
    service
        .reaches("select count(*) from analytics.users_hourly", 2)
        .await;
    service
        .reaches(
            "select coalesce(sum(calls), 0)::bigint from analytics.usage_hourly",
            2,
        )
        .await;
    service
        .reaches(
            "select coalesce(sum(rows), 0)::bigint from analytics.sync_hourly",
            50,
        )
        .await;
    service
        .reaches(
            "select coalesce(sum(count), 0)::bigint from analytics.requests_hourly",
            1,
        )
        .await;
    assert_eq!(
        service
            .number("select sum(unpriced)::bigint from analytics.usage_hourly")
            .await,
        1
    );
    assert_eq!(
        service
            .number("select count(*) from analytics.usage_hourly where cost_usd = 0.0012")
            .await,
        1
    );
    // Nobody is named.
    let named: bool = sqlx::query_scalar(
        "select exists (select from analytics.users_hourly where user_id = $1)
             or exists (select from analytics.events where user_id = $1)",
    )
    .bind(user)
    .fetch_one(&service.db)
    .await
    .unwrap();
    assert!(!named);
    // What is not counted is not kept.
    assert_eq!(
        service
            .number("select count(*) from analytics.events where events::text ~ 'secret-hash|192.0.2.1|curl'")
            .await,
        0
    );
}

#[tokio::test]
async fn impossible_times_are_set_aside_and_poison_is_buried() {
    let service = Service::start().await;
    let time = now();
    let mut poison = request(time, "x", 200, 1, None);
    poison.data = json!({"status": "fine"});
    assert_eq!(poison.kind, REQUEST_HANDLED);
    let events = [
        request(time + Duration::minutes(10), "future", 200, 1, None),
        request(time + Duration::minutes(4), "soon", 200, 1, None),
        poison,
        request(time - Duration::days(91), "expired", 200, 1, None),
        request(time - Duration::days(89), "old", 200, 1, None),
    ];
    service.publish(Stream::Requests, &events).await;
    service
        .reaches("select count(*) from analytics.events_rejected", 2)
        .await;
    service
        .reaches(
            "select count(*) from analytics.events where upstream in ('soon', 'old')",
            2,
        )
        .await;
    assert_eq!(service.number("select count(*) from analytics.events").await, 2);
    assert_eq!(
        service
            .number("select count(*) from analytics.events_rejected where reason = 'future'")
            .await,
        1
    );
    let mut redis = service.redis.connect().connection();
    eventually("the dead letter", async || {
        let dead: usize = redis.xlen(DEAD_LETTERS).await.unwrap();
        dead == 1
    })
    .await;
    // A month that was not there was made; nothing strays.
    assert_eq!(
        service
            .number("select count(*) from analytics.events_default")
            .await,
        0
    );
}

#[tokio::test]
async fn months_are_made_with_what_strayed_and_dropped_whole() {
    // Without the service, whose own retention would be faster.
    let db = testing::database(&SCHEMA).await;
    let number = async |statement: &'static str| -> i64 {
        sqlx::query_scalar(statement).fetch_one(&db).await.unwrap()
    };
    let insert = "insert into analytics.events (id, time, stream, kind, source, data)
                  values (gen_random_uuid(), '2020-02-29T23:59:59Z', 'sync', 'x', 'test', '{}')";
    sqlx::query(insert).execute(&db).await.unwrap();
    let strayed = "select count(*) from analytics.events_default";
    assert_eq!(number(strayed).await, 1);
    let ensure = "select analytics.ensure_month('2020-02-01')::int::bigint";
    assert_eq!(number(ensure).await, 1);
    assert_eq!(number(ensure).await, 0, "it is there");
    assert_eq!(number(strayed).await, 0);
    assert_eq!(number("select count(*) from analytics.events_2020_02").await, 1);
    let early = "select analytics.drop_months_before('2020-02-29T12:00:00Z')::bigint";
    assert_eq!(number(early).await, 0);
    let late = "select analytics.drop_months_before('2020-03-01T00:00:00Z')::bigint";
    assert_eq!(number(late).await, 1);
    assert_eq!(number("select count(*) from analytics.events").await, 0);
}

#[tokio::test]
async fn hours_that_are_counted_while_events_come_are_right_in_the_end() {
    let service = Service::start().await;
    let time = (now() - Duration::days(1))
        .duration_trunc(Duration::hours(1))
        .unwrap();
    // The hours are counted again every 100 ms meanwhile.
    for batch in 0..40 {
        let events: Vec<Event> = (0..50)
            .map(|n| request(time + Duration::seconds(n * 100), "x", 200, batch, None))
            .collect();
        service.publish(Stream::Requests, &events).await;
    }
    service
        .reaches("select count(*) from analytics.events", 2000)
        .await;
    service
        .reaches("select count(*) from analytics.dirty_hours", 0)
        .await;
    assert_eq!(
        service
            .number("select sum(count)::bigint from analytics.requests_hourly")
            .await,
        2000
    );
}
