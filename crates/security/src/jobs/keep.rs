//! The loops that keep the audit log signed, told of, and archived.

use std::time::Duration;

use common::BoxError;
use common::http::client;
use common::service::Context;

use super::{checkpoints, every, seal, take_over};
use crate::audit_config::AuditConfig;
use crate::state::AppState;

/// Starts all of them.
///
/// # Errors
/// When no HTTP client can be made.
pub(crate) fn start(state: &AppState, config: &AuditConfig, context: &Context) -> Result<(), BoxError> {
    let signer = &state.audit.signer;
    let key = signer
        .trusted()
        .get(signer.key_id())
        .map(hex::encode)
        .unwrap_or_default();
    tracing::info!(
        "audit checkpoints are signed with the key {}: {key}",
        signer.key_id()
    );
    let http = client::builder().build()?;

    let (shutdown, own) = (context.shutdown.clone(), state.clone());
    let checkpoint_every = config.checkpoint_every;
    context.spawn(
        "audit checkpoints",
        every("audit checkpoints", Duration::from_secs(2), shutdown, move || {
            let own = own.clone();
            async move { checkpoints::make_when_due(&own, checkpoint_every).await }
        }),
    );
    let (shutdown, own, settings) = (context.shutdown.clone(), state.clone(), config.clone());
    context.spawn(
        "audit delivery",
        every("audit delivery", Duration::from_secs(5), shutdown, move || {
            let (own, settings, http) = (own.clone(), settings.clone(), http.clone());
            async move {
                let delivered = checkpoints::deliver(&own, &settings, &http).await;
                delivered.map_err(Failure)
            }
        }),
    );
    let (shutdown, own, settings) = (context.shutdown.clone(), state.clone(), config.clone());
    context.spawn(
        "audit archive",
        every("audit archive", Duration::from_secs(3600), shutdown, move || {
            let (own, settings) = (own.clone(), settings.clone());
            async move { seal::seal(&own, &settings).await.map_err(Failure) }
        }),
    );
    let (shutdown, own) = (context.shutdown.clone(), state.clone());
    context.spawn(
        "audit take-over",
        every("audit take-over", Duration::from_secs(10), shutdown, move || {
            let own = own.clone();
            async move { take_over::take_over(&own).await }
        }),
    );
    Ok(())
}

/// A failure of several possible kinds.
#[derive(Debug, thiserror::Error)]
#[error("the audit log could not be kept")]
struct Failure(#[source] BoxError);
