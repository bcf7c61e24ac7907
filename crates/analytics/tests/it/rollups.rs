//! Rollups say what the raw events say, in whatever order those come.

use chrono::{Duration, DurationRound};
use common::events::Stream;
use common::ids;

use crate::support::{Service, answered, now, request};

#[tokio::test]
async fn days_and_months_equal_the_raw_events_whatever_their_order() {
    let service = Service::start().await;
    let start = (now() - Duration::days(40))
        .duration_trunc(Duration::hours(1))
        .unwrap();
    let users: Vec<_> = (0..5).map(|_| ids::new_id()).collect();
    // Numbers that look random and are the same each time.
    let mut seed = 42_u64;
    let mut next = |most: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % most
    };
    let mut events = Vec::new();
    for _ in 0..400 {
        let time = start + Duration::minutes(i64::try_from(next(39 * 24 * 60)).unwrap());
        let status = [200, 200, 404, 503][usize::try_from(next(4)).unwrap()];
        let user = users[usize::try_from(next(5)).unwrap()];
        events.push(request(time, "ai-assistant", status, next(3000), Some(user)));
    }
    let usage: Vec<_> = (0..50)
        .map(|n| {
            answered(
                start + Duration::hours(n * 17),
                users[0],
                "gpt",
                "answered",
                Some("0.01"),
            )
        })
        .collect();
    // Each event comes at least once, many twice, and late ones after their day was counted.
    for part in events.chunks(37).rev() {
        service.publish(Stream::Requests, part).await;
        service.publish(Stream::Requests, &part[part.len() / 2..]).await;
    }
    service.publish(Stream::Usage, &usage).await;
    service
        .reaches("select count(*) from analytics.events", 450)
        .await;
    let waiting =
        "select (select count(*) from analytics.dirty_hours) + (select count(*) from analytics.dirty_days)
                        + (select count(*) from analytics.dirty_months)";
    service.reaches(waiting, 0).await;

    for statement in [
        "select count(*) from (
             select date_trunc('hour', time) as hour, status / 100 as class, count(*) as n
             from analytics.events where stream = 'requests' group by 1, 2
             except select hour, status_class, sum(count) from analytics.traffic_hourly group by 1, 2) wrong",
        "select count(*) from (
             select (time at time zone 'Europe/Moscow')::date as day, upstream, status / 100 as class, count(*) as n
             from analytics.events where stream = 'requests' group by 1, 2, 3
             except select day, upstream, status_class, sum(count) from analytics.requests_daily group by 1, 2, 3) wrong",
        "select count(*) from (
             select date_trunc('month', time at time zone 'Europe/Moscow')::date as day,
                    analytics.duration_bucket(duration_ms) as bucket, count(*) as n
             from analytics.events where stream = 'requests' group by 1, 2
             except select day, duration_bucket, sum(count) from analytics.requests_monthly group by 1, 2) wrong",
        "select count(*) from (
             select (time at time zone 'Europe/Moscow')::date as day, user_id from analytics.events
             except select day, user_id from analytics.users_daily) wrong",
        "select count(*) from (
             select date_trunc('month', time at time zone 'Europe/Moscow')::date as day, user_id from analytics.events
             except select day, user_id from analytics.users_monthly) wrong",
        "select count(*) from (
             select date_trunc('month', time at time zone 'Europe/Moscow')::date as day, count(*),
                    sum((data->>'cost_usd')::numeric)
             from analytics.events where stream = 'usage' group by 1
             except select day, sum(calls), sum(cost_usd) from analytics.usage_monthly group by 1) wrong",
    ] {
        assert_eq!(service.number(statement).await, 0, "{statement}");
    }
    let all = "select sum(count)::bigint from analytics.requests_monthly";
    assert_eq!(service.number(all).await, 400);

    // What was mended by hand is counted when somebody says so.
    sqlx::query("delete from analytics.events where status = 503")
        .execute(&service.db)
        .await
        .unwrap();
    let left = service
        .number("select count(*) from analytics.events where stream = 'requests'")
        .await;
    let recounted = service
        .number("select analytics.recount('2000-01-01', '2100-01-01')")
        .await;
    assert!(recounted > 100, "{recounted}");
    service.reaches(waiting, 0).await;
    let kept = service
        .number(
            "select coalesce(sum(count), 0)::bigint from analytics.requests_monthly where status_class <> 5",
        )
        .await;
    assert_eq!(kept, left);
}
