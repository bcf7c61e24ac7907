//! Background loops.

pub(crate) mod checkpoints;
pub(crate) mod consume;
pub(crate) mod erase;
pub(crate) mod keep;
mod measure;
mod retain;
pub(crate) mod seal;
mod take_over;
pub(crate) mod verify;

use std::future::Future;
use std::time::Duration;

use common::cache::Redis;
use common::events::{Consumer, Stream};
use common::service::Context;
use common::telemetry::Chain;
use tokio_util::sync::CancellationToken;

use crate::state::AppState;

const STREAMS: &[Stream] = &[Stream::Audit, Stream::Auth, Stream::Requests];

/// Starts all of them.
pub(crate) fn start(state: &AppState, redis: &Redis, verify_every: Duration, context: &Context) {
    crate::metrics::describe();
    let handler = consume::EventHandler::new(state.clone());
    let consumer = Consumer::new(
        redis.clone(),
        "security",
        context.instance.clone(),
        STREAMS,
        handler,
    );
    context.spawn("consumer", consumer.run(context.shutdown.clone()));
    let (shutdown, own) = (context.shutdown.clone(), state.clone());
    context.spawn(
        "measure",
        every("measure", Duration::from_secs(5), shutdown, move || {
            let own = own.clone();
            async move { measure::measure(&own).await }
        }),
    );
    let (shutdown, own) = (context.shutdown.clone(), state.clone());
    context.spawn(
        "retain",
        every("retain", Duration::from_secs(600), shutdown, move || {
            let own = own.clone();
            async move { retain::retain(&own).await }
        }),
    );
    let (shutdown, own) = (context.shutdown.clone(), state.clone());
    context.spawn(
        "verify",
        every("verify", verify_every, shutdown, move || {
            let own = own.clone();
            async move { verify::verify(&own).await.map(|_| ()) }
        }),
    );
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
