//! Figures of the own reports, from the rollups.

use chrono::NaiveDate;
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

/// Requests to one service on one day whose durations are in one interval.
#[derive(Debug)]
pub(crate) struct DayRequests {
    pub(crate) day: NaiveDate,
    pub(crate) upstream: String,
    pub(crate) bucket: i16,
    pub(crate) count: i64,
    pub(crate) failures: i64,
}

/// Requests by day, service and duration.
pub(crate) async fn requests_by_day(
    connection: &mut PgConnection,
    from: NaiveDate,
    to: NaiveDate,
    time_zone: &str,
) -> Result<Vec<DayRequests>, StoreError> {
    sqlx::query_as!(
        DayRequests,
        r#"select (hour at time zone $3)::date as "day!", upstream, duration_bucket as bucket,
                  sum(count)::bigint as "count!",
                  coalesce(sum(count) filter (where status_class = 5), 0)::bigint as "failures!"
           from analytics.requests_hourly
           where hour >= $1::date::timestamp at time zone $3
             and hour < ($2::date + 1)::timestamp at time zone $3
           group by 1, 2, 3 order by 1, 2, 3"#,
        from,
        to,
        time_zone
    )
    .fetch_all(connection)
    .await
    .store("report_requests_by_day")
}

/// What happened to accounts on one day.
#[derive(Debug)]
pub(crate) struct DayLogins {
    pub(crate) day: NaiveDate,
    pub(crate) succeeded: i64,
    pub(crate) failed: i64,
    pub(crate) registered: i64,
    pub(crate) logged_out: i64,
    pub(crate) refresh_reused: i64,
}

/// Logins by day.
pub(crate) async fn logins_by_day(
    connection: &mut PgConnection,
    from: NaiveDate,
    to: NaiveDate,
    time_zone: &str,
) -> Result<Vec<DayLogins>, StoreError> {
    sqlx::query_as!(
        DayLogins,
        r#"select (hour at time zone $3)::date as "day!",
                  coalesce(sum(count) filter (where kind = 'auth.login_succeeded'), 0)::bigint as "succeeded!",
                  coalesce(sum(count) filter (where kind = 'auth.login_failed'), 0)::bigint as "failed!",
                  coalesce(sum(count) filter (where kind = 'auth.registered'), 0)::bigint as "registered!",
                  coalesce(sum(count) filter (where kind = 'auth.logged_out'), 0)::bigint as "logged_out!",
                  coalesce(sum(count) filter (where kind = 'auth.refresh_reused'), 0)::bigint as "refresh_reused!"
           from analytics.auth_hourly
           where hour >= $1::date::timestamp at time zone $3
             and hour < ($2::date + 1)::timestamp at time zone $3
           group by 1 order by 1"#,
        from,
        to,
        time_zone
    )
    .fetch_all(connection)
    .await
    .store("report_logins_by_day")
}
