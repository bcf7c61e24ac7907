//! Publishes ended sessions that Redis could not be told of at once.

use std::time::Duration;

use common::telemetry::Chain;
use tokio_util::sync::CancellationToken;

use crate::revoker::Revoker;

const PAUSE: Duration = Duration::from_secs(1);

pub(crate) async fn run(revoker: Revoker, shutdown: CancellationToken) {
    loop {
        let pause = match revoker.publish_pending().await {
            Ok(0) => PAUSE,
            Ok(_) => Duration::ZERO,
            Err(error) => {
                tracing::warn!(error = %Chain(error.as_ref()), "ended sessions cannot be published; trying again");
                PAUSE
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
