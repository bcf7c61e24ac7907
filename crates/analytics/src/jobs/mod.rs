//! Background loops.

mod build;
mod consume;
mod measure;
mod retain;
mod roll_up;
mod schedules;

use std::future::Future;
use std::time::Duration;

use common::BoxError;
use common::auth::Authenticator;
use common::cache::Redis;
use common::events::{Consumer, Relay, Stream};
use common::service::Context;
use common::telemetry::Chain;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::pseudonyms::Pseudonyms;
use crate::state::AppState;
use crate::store::SCHEMA;

const STREAMS: &[Stream] = &[Stream::Auth, Stream::Usage, Stream::Requests, Stream::Sync];

/// Starts all of them.
///
/// # Errors
/// When the partitions of this month cannot be made.
pub(crate) async fn start(
    state: &AppState,
    redis: &Redis,
    config: &Config,
    authenticator: &Authenticator,
    context: &Context,
) -> Result<(), BoxError> {
    crate::metrics::describe();
    let retention = chrono::Duration::from_std(config.events_retention)?;
    retain::prepare_months(state).await?;
    retain::settle_zone(state).await?;

    let pseudonyms = Pseudonyms::new(&config.reports_key).map_err(|_| "no key can be derived")?;
    retain::pseudonymise(state, &pseudonyms).await?;
    let handler = consume::EventHandler::new(state.clone(), retention, pseudonyms);
    let consumer = Consumer::new(
        redis.clone(),
        "analytics",
        context.instance.clone(),
        STREAMS,
        handler,
    );
    context.spawn("consumer", consumer.run(context.shutdown.clone()));
    let relay = Relay::new(state.db.clone(), redis.clone(), &SCHEMA);
    context.spawn("relay", relay.run(context.shutdown.clone()));
    let file_ttl = chrono::Duration::from_std(config.report_file_ttl)?;
    // Two, so that a small report need not wait for a large one.
    for name in ["builder", "second builder"] {
        let builder = build::Builder::new(state.clone(), &context.instance, file_ttl);
        context.spawn(name, builder.run(context.shutdown.clone()));
    }

    let scheduler = schedules::Scheduler::new(state.clone(), authenticator.clone(), &context.instance);
    context.spawn("scheduler", scheduler.run(context.shutdown.clone()));

    let own = state.clone();
    loop_in(context, "roll_up", config.rollup_every, move || {
        let own = own.clone();
        async move { roll_up::roll_up(&own).await }
    });
    let own = state.clone();
    loop_in(context, "retain", Duration::from_secs(3600), move || {
        let own = own.clone();
        async move { retain::retain(&own, retention).await }
    });
    let own = state.clone();
    loop_in(context, "measure", Duration::from_secs(5), move || {
        let own = own.clone();
        async move { measure::measure(&own).await }
    });
    Ok(())
}

fn loop_in<E, F>(
    context: &Context,
    name: &'static str,
    period: Duration,
    work: impl FnMut() -> F + Send + 'static,
) where
    E: std::error::Error + Send + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
{
    context.spawn(name, every(name, period, context.shutdown.clone(), work));
}

/// Does something at once and then every `period` until `shutdown`. A failure is logged and tried
/// again with the next round.
async fn every<E, F>(
    name: &'static str,
    period: Duration,
    shutdown: CancellationToken,
    mut work: impl FnMut() -> F,
) where
    E: std::error::Error + 'static,
    F: Future<Output = Result<(), E>>,
{
    loop {
        if let Err(error) = work().await {
            tracing::warn!(error = %Chain(&error), "the job `{name}` failed; it will be tried again");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(period) => {}
        }
    }
}
