//! New settings without a restart: at SIGHUP they are read again, and only what is right as a whole is
//! used. Requests that are under way keep the settings they began with.

use std::sync::Arc;

use common::config::{ConfigErrors, Reader};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::metrics;
use crate::state::AppState;

/// Reads the settings again at each SIGHUP until `shutdown`. Run it as a background task.
///
/// # Errors
/// When the signal cannot be waited for.
pub(crate) fn at_sighup(
    gateway: AppState,
    shutdown: CancellationToken,
) -> std::io::Result<impl Future<Output = ()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = hangup.recv() => {}
            }
            match reload(&gateway, Reader::from_process(crate::DEFINITION.name)) {
                Ok(()) => {
                    metrics::reloaded(true);
                    tracing::info!("SIGHUP: the new settings are in use");
                }
                Err(errors) => {
                    metrics::reloaded(false);
                    tracing::error!(error = %errors, "SIGHUP: the settings stay as they were");
                }
            }
        }
    })
}

/// Puts the settings of a reader in place. Those that take a restart are checked all the same.
fn reload(gateway: &AppState, mut reader: Reader) -> Result<(), ConfigErrors> {
    let config = Config::read(&mut reader);
    let settings = reader.finish(config)?.reloadable;
    gateway.limiter.set_quotas(settings.quotas);
    gateway.settings.store(Arc::new(settings));
    gateway.reloaded.notify_one();
    Ok(())
}
