//! `security.observations`, `security.known_places` and `security.request_rates`.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::detect::{Field, Observation};

/// Observations of one subject that are looked at; an attack is found in far fewer.
const MAX_PER_SUBJECT: i64 = 2000;

/// An observation, as the table has it.
#[derive(Debug)]
struct Row {
    event_id: Uuid,
    signal: String,
    occurred_at: DateTime<Utc>,
    ip: Option<String>,
    network: Option<String>,
    account: Option<String>,
    who: String,
    agent: Option<String>,
    target: Option<String>,
    value: i64,
    details: Option<Value>,
}

impl From<Row> for Observation {
    fn from(row: Row) -> Self {
        Self {
            event_id: row.event_id,
            signal: row.signal,
            at: row.occurred_at,
            ip: row.ip,
            network: row.network,
            account: row.account,
            who: row.who,
            agent: row.agent,
            target: row.target,
            value: row.value,
            details: row.details,
            fresh: false,
        }
    }
}

/// Makes the detection of concurrent batches happen one after the other until the transaction
/// ends: two halves of an attack must see each other.
pub(crate) async fn lock_detection(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!("select pg_advisory_xact_lock(hashtext('security.detection'))")
        .execute(connection)
        .await
        .store("detection_lock")?;
    Ok(())
}

/// Adds observations and tells which of them were not there, as event and signal.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    observations: &[Observation],
) -> Result<HashSet<(Uuid, String)>, StoreError> {
    fn column<T>(all: &[Observation], field: impl Fn(&Observation) -> T) -> Vec<T> {
        all.iter().map(field).collect()
    }
    let fresh = sqlx::query!(
        "insert into security.observations
             (event_id, signal, occurred_at, ip, network, account, who, agent, target, value, details)
         select * from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
                              $7::text[], $8::text[], $9::text[], $10::bigint[], $11::jsonb[])
         on conflict do nothing
         returning event_id, signal",
        &column(observations, |one| one.event_id),
        &column(observations, |one| one.signal.clone()),
        &column(observations, |one| one.at),
        &column(observations, |one| one.ip.clone()) as &[Option<String>],
        &column(observations, |one| one.network.clone()) as &[Option<String>],
        &column(observations, |one| one.account.clone()) as &[Option<String>],
        &column(observations, |one| one.who.clone()),
        &column(observations, |one| one.agent.clone()) as &[Option<String>],
        &column(observations, |one| one.target.clone()) as &[Option<String>],
        &column(observations, |one| one.value),
        &column(observations, |one| one.details.clone()) as &[Option<Value>],
    )
    .fetch_all(connection)
    .await
    .store("observations_insert")?;
    Ok(fresh.into_iter().map(|row| (row.event_id, row.signal)).collect())
}

/// Observations with these signals within the times, by the value of a field, each group in the order of
/// its times.
pub(crate) async fn groups(
    connection: &mut PgConnection,
    field: Field,
    keys: &[String],
    signals: &[String],
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<BTreeMap<String, Vec<Observation>>, StoreError> {
    let rows = match field {
        Field::Ip => sqlx::query_as!(
            Row,
            r#"select found.event_id as "event_id!", found.signal as "signal!", found.occurred_at as "occurred_at!",
                      found.ip, found.network, found.account, found.who as "who!", found.agent, found.target,
                      found.value as "value!", found.details
               from unnest($1::text[]) as subject (key)
               cross join lateral (
                   select * from security.observations o
                   where o.ip = subject.key and o.signal = any($2) and o.occurred_at between $3 and $4
                   order by o.occurred_at desc limit $5
               ) found"#,
            keys,
            signals,
            from,
            to,
            MAX_PER_SUBJECT
        )
        .fetch_all(connection)
        .await,
        Field::Network => sqlx::query_as!(
            Row,
            r#"select found.event_id as "event_id!", found.signal as "signal!", found.occurred_at as "occurred_at!",
                      found.ip, found.network, found.account, found.who as "who!", found.agent, found.target,
                      found.value as "value!", found.details
               from unnest($1::text[]) as subject (key)
               cross join lateral (
                   select * from security.observations o
                   where o.network = subject.key and o.signal = any($2) and o.occurred_at between $3 and $4
                   order by o.occurred_at desc limit $5
               ) found"#,
            keys,
            signals,
            from,
            to,
            MAX_PER_SUBJECT
        )
        .fetch_all(connection)
        .await,
        Field::Account => sqlx::query_as!(
            Row,
            r#"select found.event_id as "event_id!", found.signal as "signal!", found.occurred_at as "occurred_at!",
                      found.ip, found.network, found.account, found.who as "who!", found.agent, found.target,
                      found.value as "value!", found.details
               from unnest($1::text[]) as subject (key)
               cross join lateral (
                   select * from security.observations o
                   where o.account = subject.key and o.signal = any($2) and o.occurred_at between $3 and $4
                   order by o.occurred_at desc limit $5
               ) found"#,
            keys,
            signals,
            from,
            to,
            MAX_PER_SUBJECT
        )
        .fetch_all(connection)
        .await,
        Field::Who => sqlx::query_as!(
            Row,
            r#"select found.event_id as "event_id!", found.signal as "signal!", found.occurred_at as "occurred_at!",
                      found.ip, found.network, found.account, found.who as "who!", found.agent, found.target,
                      found.value as "value!", found.details
               from unnest($1::text[]) as subject (key)
               cross join lateral (
                   select * from security.observations o
                   where o.who = subject.key and o.signal = any($2) and o.occurred_at between $3 and $4
                   order by o.occurred_at desc limit $5
               ) found"#,
            keys,
            signals,
            from,
            to,
            MAX_PER_SUBJECT
        )
        .fetch_all(connection)
        .await,
        Field::Everybody | Field::Agent | Field::Target => sqlx::query_as!(
            Row,
            r#"select event_id, signal, occurred_at, ip, network, account, who, agent, target, value, details
               from security.observations
               where signal = any($1) and occurred_at between $2 and $3
               order by occurred_at desc limit $4"#,
            signals,
            from,
            to,
            MAX_PER_SUBJECT
        )
        .fetch_all(connection)
        .await,
    };
    let mut groups: BTreeMap<String, Vec<Observation>> = BTreeMap::new();
    for observation in rows
        .store("observations_groups")?
        .into_iter()
        .map(Observation::from)
    {
        if let Some(key) = observation.field(field) {
            groups.entry(key.to_owned()).or_default().push(observation);
        }
    }
    for group in groups.values_mut() {
        group.sort_by(|one, other| {
            (one.at, one.event_id, &one.signal).cmp(&(other.at, other.event_id, &other.signal))
        });
    }
    Ok(groups)
}

/// Everything with these signals within the times, in order, for trying out a rule.
pub(crate) async fn history(
    connection: &mut PgConnection,
    signals: &[String],
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    limit: i64,
) -> Result<Vec<Observation>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select event_id, signal, occurred_at, ip, network, account, who, agent, target, value, details
           from security.observations
           where signal = any($1) and occurred_at >= $2 and occurred_at < $3
           order by occurred_at, event_id, signal limit $4"#,
        signals,
        from,
        to,
        limit
    )
    .fetch_all(connection)
    .await
    .store("observations_history")?;
    Ok(rows.into_iter().map(Observation::from).collect())
}

/// Different users that have logged in from an address since a time.
pub(crate) async fn good_users(
    connection: &mut PgConnection,
    ip: &str,
    since: DateTime<Utc>,
) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(distinct who) as "count!" from security.observations
           where ip = $1 and signal = 'login_succeeded' and occurred_at >= $2"#,
        ip,
        since
    )
    .fetch_one(connection)
    .await
    .store("observations_good_users")
}

/// Remembers where somebody logs in. True when somebody who was known already had not been there.
pub(crate) async fn visit(
    connection: &mut PgConnection,
    who: &str,
    kind: &str,
    value: &str,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let known = sqlx::query_scalar!(
        r#"select exists (select 1 from security.known_places where who = $1 and kind = $2) as "known!""#,
        who,
        kind
    )
    .fetch_one(&mut *connection)
    .await
    .store("places_known")?;
    let added = sqlx::query_scalar!(
        r#"insert into security.known_places as place (who, kind, value, first_seen, last_seen)
           values ($1, $2, $3, $4, $4)
           on conflict (who, kind, value) do update set
               first_seen = least(place.first_seen, excluded.first_seen),
               last_seen = greatest(place.last_seen, excluded.last_seen)
           returning (xmax = 0) as "added!""#,
        who,
        kind,
        value,
        at
    )
    .fetch_one(connection)
    .await
    .store("places_visit")?;
    Ok(known && added)
}

/// Adds to the requests of somebody in an hour.
pub(crate) async fn count_requests(
    connection: &mut PgConnection,
    counts: &BTreeMap<(String, DateTime<Utc>), i64>,
) -> Result<(), StoreError> {
    let who: Vec<String> = counts.keys().map(|(who, _)| who.clone()).collect();
    let hours: Vec<DateTime<Utc>> = counts.keys().map(|(_, hour)| *hour).collect();
    let added: Vec<i64> = counts.values().copied().collect();
    sqlx::query!(
        "insert into security.request_rates as rate (who, hour, count)
         select * from unnest($1::text[], $2::timestamptz[], $3::bigint[])
         on conflict (who, hour) do update set count = rate.count + excluded.count",
        &who,
        &hours,
        &added
    )
    .execute(connection)
    .await
    .store("rates_count")?;
    Ok(())
}

/// Who has made at least `least` requests in an hour that has not been told of.
pub(crate) async fn busy(
    connection: &mut PgConnection,
    hour: DateTime<Utc>,
    least: i64,
) -> Result<Vec<(String, i64)>, StoreError> {
    let rows = sqlx::query!(
        "select who, count from security.request_rates where hour = $1 and count >= $2 and not told
         order by count desc limit 1000",
        hour,
        least
    )
    .fetch_all(connection)
    .await
    .store("rates_busy")?;
    Ok(rows.into_iter().map(|row| (row.who, row.count)).collect())
}

/// Requests of somebody in the hours before one, the oldest first.
pub(crate) async fn past_rates(
    connection: &mut PgConnection,
    who: &str,
    hour: DateTime<Utc>,
    since: DateTime<Utc>,
) -> Result<Vec<u64>, StoreError> {
    let rows = sqlx::query_scalar!(
        "select count from security.request_rates where who = $1 and hour < $2 and hour >= $3 order by hour",
        who,
        hour,
        since
    )
    .fetch_all(connection)
    .await
    .store("rates_past")?;
    Ok(rows.into_iter().map(i64::unsigned_abs).collect())
}

/// Marks an hour as told of.
pub(crate) async fn tell_rate(
    connection: &mut PgConnection,
    who: &str,
    hour: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update security.request_rates set told = true where who = $1 and hour = $2",
        who,
        hour
    )
    .execute(connection)
    .await
    .store("rates_tell")?;
    Ok(())
}

/// Removes what is older than any use of it, up to 20,000 observations at a time. When API keys were made is
/// remembered for longer.
pub(crate) async fn delete_before(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    places_before: DateTime<Utc>,
    keys_before: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let deleted = sqlx::query!(
        "delete from security.observations where (event_id, signal) in (
             select event_id, signal from security.observations
             where occurred_at < $1 and (signal not in ('key_made', 'key_ended') or occurred_at < $2)
             order by occurred_at limit 20000)",
        before,
        keys_before
    )
    .execute(&mut *connection)
    .await
    .store("observations_delete")?;
    sqlx::query!("delete from security.request_rates where hour < $1", before)
        .execute(&mut *connection)
        .await
        .store("rates_delete")?;
    sqlx::query!(
        "delete from security.known_places where last_seen < $1",
        places_before
    )
    .execute(connection)
    .await
    .store("places_delete")?;
    Ok(deleted.rows_affected())
}
