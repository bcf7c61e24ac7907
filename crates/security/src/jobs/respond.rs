//! Does what was recorded to be done: bans to the gateways, sessions and passwords to user-management.
//!
//! The table is the truth and Redis a copy of it: a Redis that has lost its data gets the bans back with the next
//! round. Members of the set that are not ours stay as they are.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use common::BoxError;
use common::cache::Redis;
use common::db::StoreResult;
use common::telemetry::Chain;
use redis::AsyncCommands;
use sqlx::Connection;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::defence::{Defence, Waiter};
use crate::detect::Response;
use crate::identity::IdentityError;
use crate::metrics::{BAN_DELAY, BANS, RESPONSES};
use crate::responses::{REMEMBERED, member, user_of};
use crate::state::AppState;
use crate::store;
use crate::store::responses::ResponseRow;

/// The sorted set that gateways read: member = who is banned, score = until when, in seconds since 1970.
const BANS_KEY: &str = "security:bans";
/// The channel on which gateways are told that the set has changed.
const BANS_CHANNEL: &str = "security:bans:changed";

/// How often the table is compared with Redis when nothing has happened.
const EVERY: Duration = Duration::from_secs(5);
/// Responses done at once.
const AT_ONCE: i64 = 20;
/// How long another replica leaves a response that was taken.
const LEASE: chrono::Duration = chrono::Duration::seconds(60);
/// Attempts, with growing pauses, until a response is given up: about a day.
const MOST_ATTEMPTS: i32 = 30;

/// Runs until `shutdown`.
pub(super) async fn run(state: AppState, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        if let Err(error) = tell_gateways(&state).await {
            tracing::warn!(error = %Chain(error.as_ref()), "gateways cannot be told of bans; it will be tried again");
        }
        if let Err(error) = do_waiting(&state).await {
            tracing::warn!(error = %Chain(error.as_ref()), "responses wait; they will be tried again");
        }
        let _ = shutdown
            .run_until_cancelled(state.defence.wait(Waiter::Responses, EVERY))
            .await;
    }
}

/// Makes the gateways' set say what the table says.
async fn tell_gateways(state: &AppState) -> Result<(), BoxError> {
    let Some(redis) = state.defence.redis() else {
        return Ok(());
    };
    let now = state.clock.now();
    let mut connection = state.db.acquire().await?;
    let bans = store::responses::bans_in_force(&mut connection, now).await?;
    let lifted = store::responses::lifted(&mut connection, now - REMEMBERED).await?;
    drop(connection);
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    metrics::gauge!(BANS).set(bans.len() as f64);
    let mut wanted: BTreeMap<&str, i64> = BTreeMap::new();
    for ban in &bans {
        if let Some(until) = ban.expires_at {
            let entry = wanted.entry(member(&ban.subject)).or_default();
            // To the end of the second: a ban must not end before its time.
            *entry = (*entry).max(until.timestamp() + 1);
        }
    }
    let lifted: Vec<&str> = lifted
        .iter()
        .map(|subject| member(subject))
        .filter(|one| !wanted.contains_key(one))
        .collect();
    write(redis, &wanted, &lifted, now).await?;

    let waiting: Vec<&ResponseRow> = bans.iter().filter(|ban| ban.state == "pending").collect();
    if !waiting.is_empty() {
        let ids: Vec<Uuid> = waiting.iter().map(|ban| ban.id).collect();
        let now = state.clock.now();
        let mut transaction = state.db.begin().await?;
        store::responses::done(&mut transaction, &ids, now).await?;
        super::record::done(&mut transaction, &waiting, now).await?;
        transaction.commit().await?;
        for ban in waiting {
            let delay = (now - ban.created_at).to_std().unwrap_or_default();
            metrics::histogram!(BAN_DELAY).record(delay.as_secs_f64());
            metrics::counter!(RESPONSES, "action" => "ban", "outcome" => "done").increment(1);
        }
    }
    Ok(())
}

async fn write(
    redis: &Redis,
    wanted: &BTreeMap<&str, i64>,
    lifted: &[&str],
    now: DateTime<Utc>,
) -> redis::RedisResult<()> {
    let mut connection = redis.connection();
    let known: Vec<(String, i64)> = connection.zrange_withscores(BANS_KEY, 0, -1).await?;
    let known: BTreeMap<String, i64> = known.into_iter().collect();
    let missing: Vec<(i64, &str)> = wanted
        .iter()
        .filter(|(member, until)| known.get(**member) != Some(until))
        .map(|(member, until)| (*until, *member))
        .collect();
    let gone: Vec<&str> = lifted
        .iter()
        .copied()
        .filter(|member| known.contains_key(*member))
        .collect();
    let over = known.values().any(|until| *until <= now.timestamp());
    if missing.is_empty() && gone.is_empty() && !over {
        return Ok(());
    }
    let mut pipeline = redis::pipe();
    pipeline
        .atomic()
        .zrembyscore(BANS_KEY, "-inf", now.timestamp())
        .ignore();
    if !missing.is_empty() {
        pipeline.zadd_multiple(BANS_KEY, &missing).ignore();
    }
    if !gone.is_empty() {
        pipeline.zrem(BANS_KEY, &gone).ignore();
    }
    pipeline.publish(BANS_CHANNEL, "changed").ignore();
    pipeline.query_async::<()>(&mut connection).await
}

/// Asks user-management for what is due.
async fn do_waiting(state: &AppState) -> Result<(), BoxError> {
    let now = state.clock.now();
    let mut connection = state.db.acquire().await?;
    let due = store::responses::take(&mut connection, now, now + LEASE, AT_ONCE).await?;
    drop(connection);
    for response in due {
        let outcome = perform(&state.defence, &response).await;
        let mut connection = state.db.acquire().await.store("acquire")?;
        let now = state.clock.now();
        let name = match outcome {
            Ok(()) => {
                let mut transaction = connection.begin().await.store("begin")?;
                store::responses::done(&mut transaction, &[response.id], now).await?;
                super::record::done(&mut transaction, &[&response], now).await?;
                transaction.commit().await.store("commit")?;
                "done"
            }
            Err(error) => {
                let again = matches!(error, IdentityError::NotNow(_)) && response.attempts < MOST_ATTEMPTS;
                let again = again.then(|| now + super::pause(response.attempts));
                let text = Chain(&error).to_string();
                store::responses::failed(&mut connection, response.id, &text, again).await?;
                if again.is_some() { "retried" } else { "failed" }
            }
        };
        metrics::counter!(RESPONSES, "action" => response.action.clone(), "outcome" => name).increment(1);
        if name != "done" {
            tracing::warn!(
                "the response {} ({}) of {} was {name}",
                response.id,
                response.action,
                response.subject
            );
        }
    }
    Ok(())
}

async fn perform(defence: &Defence, response: &ResponseRow) -> Result<(), IdentityError> {
    let not_now = |text: &str| IdentityError::NotNow(text.to_owned().into());
    let identity = defence
        .identity()
        .ok_or_else(|| not_now("RESPONSE_CLIENT_ID is not set"))?;
    let user = user_of(&response.subject).ok_or_else(|| not_now("the response names no user"))?;
    match Response::from_name(&response.action) {
        Some(Response::RevokeSessions) => identity.revoke_sessions(user).await,
        Some(Response::ForcePasswordReset) => identity.require_new_password(user, true).await,
        Some(Response::Ban) | None => Err(not_now("the response is of a later release")),
    }
}
