//! Delivers messages about alerts, again and again until a receiver has taken them or a day is over.

use std::time::Duration;

use common::BoxError;
use common::db::StoreResult;
use common::telemetry::Chain;
use tokio_util::sync::CancellationToken;

use crate::channels::{Channel, Message, NotDelivered};
use crate::defence::Waiter;
use crate::metrics::DELIVERIES;
use crate::state::AppState;
use crate::store;
use crate::store::deliveries::Delivery;

/// How often it is looked for messages that are due.
const EVERY: Duration = Duration::from_secs(1);
/// Messages delivered at once.
const AT_ONCE: i64 = 20;
/// How long another replica leaves a message that was taken: longer than any channel waits for its receiver.
const LEASE: chrono::Duration = chrono::Duration::seconds(90);
/// A message is given up when it is so old.
const GIVE_UP_AFTER: chrono::Duration = chrono::Duration::hours(24);

/// Runs until `shutdown`.
pub(super) async fn run(state: AppState, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        if let Err(error) = deliver_due(&state).await {
            tracing::warn!(error = %Chain(error.as_ref()), "messages about alerts wait; they will be tried again");
        }
        let _ = shutdown
            .run_until_cancelled(state.defence.wait(Waiter::Deliveries, EVERY))
            .await;
    }
}

async fn deliver_due(state: &AppState) -> Result<(), BoxError> {
    let now = state.clock.now();
    let mut connection = state.db.acquire().await?;
    let due = store::deliveries::take(&mut connection, now, now + LEASE, AT_ONCE).await?;
    drop(connection);
    // Side by side: a receiver that is down must not hold up the others.
    let attempts = due.into_iter().map(|delivery| attempt(state, delivery));
    for outcome in futures_util::future::join_all(attempts).await {
        outcome?;
    }
    Ok(())
}

async fn attempt(state: &AppState, delivery: Delivery) -> Result<(), BoxError> {
    let outcome = send(state, &delivery).await;
    let now = state.clock.now();
    let (name, error, again) = match outcome {
        Ok(()) => ("delivered", None, None),
        Err(error) => {
            let text = Chain(&error).to_string();
            let is_lost = matches!(error, NotDelivered::Refused(_) | NotDelivered::NotConfigured);
            if is_lost || now - delivery.created_at > GIVE_UP_AFTER {
                tracing::error!(
                    "the message {} by {} is given up: {text}",
                    delivery.id,
                    delivery.channel
                );
                ("dead", Some(text), None)
            } else {
                ("pending", Some(text), Some(now + super::pause(delivery.attempts)))
            }
        }
    };
    let mut connection = state.db.acquire().await.store("acquire")?;
    store::deliveries::settle(&mut connection, delivery.id, name, error.as_deref(), again, now).await?;
    let outcome = if name == "pending" { "retried" } else { name };
    metrics::counter!(DELIVERIES, "channel" => delivery.channel, "outcome" => outcome).increment(1);
    Ok(())
}

async fn send(state: &AppState, delivery: &Delivery) -> Result<(), NotDelivered> {
    let channel = Channel::from_name(&delivery.channel).ok_or(NotDelivered::NotConfigured)?;
    let message: Message = serde_json::from_value(delivery.payload.clone())
        .map_err(|error| NotDelivered::Refused(error.to_string()))?;
    let now = state.clock.now().timestamp();
    state
        .defence
        .channels()
        .deliver(channel, delivery.id, &message, now)
        .await
}
