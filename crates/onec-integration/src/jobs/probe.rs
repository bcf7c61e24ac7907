//! Sees whether idle infobases answer, so that answers can tell how far their copy may be trusted,
//! and so that synchronisation goes on by itself when 1C is back.

use std::time::Duration;

use chrono::TimeDelta;
use common::db::{StoreError, StoreResult};
use common::telemetry::Chain;
use tokio_util::sync::CancellationToken;

use crate::infobase::InfobaseError;
use crate::odata::{OdataError, Query};
use crate::sight::Sight;
use crate::state::AppState;
use crate::store::infobases::{self, Infobase};

/// Between probes of an infobase that refused the login: repeated attempts lock a user out.
const AFTER_REFUSAL: TimeDelta = TimeDelta::seconds(60);

pub(super) async fn run(state: AppState, interval: Duration, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            probed = probe_all(&state, interval) => if let Err(error) = probed {
                tracing::warn!(error = %Chain(&error), "infobases cannot be probed");
            }
        }
    }
}

async fn probe_all(state: &AppState, interval: Duration) -> Result<(), StoreError> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let infobases = infobases::list(&mut connection, &Sight::ALL).await?;
    drop(connection);
    let interval = TimeDelta::from_std(interval).unwrap_or(TimeDelta::MAX);
    let now = state.clock.now();
    let idle = infobases.iter().filter(|infobase| {
        let pause = match infobase.error_code.as_deref() {
            Some("onec.credentials_refused") => interval.max(AFTER_REFUSAL),
            _ => interval / 2,
        };
        infobase.is_called() && infobase.attempted_at.is_some_and(|at| now - at >= pause)
    });
    let probes = idle.map(|infobase| probe(state, infobase));
    for probed in futures_util::future::join_all(probes).await {
        probed?;
    }
    Ok(())
}

async fn probe(state: &AppState, infobase: &Infobase) -> Result<(), StoreError> {
    match ask(state, infobase).await {
        Ok(true) => note(state, infobase.id, None).await,
        Ok(false) => Ok(()),
        Err(error) => note(state, infobase.id, Some(&error)).await,
    }
}

/// Asks 1C; false when there was nothing to ask.
async fn ask(state: &AppState, infobase: &Infobase) -> Result<bool, InfobaseError> {
    let connection = state.connections.of(infobase).await?;
    match connection.known_plan().await {
        Some(plan) => connection.client.probe(&Query::set(plan.probe_set())).await?,
        None if connection.is_reading() => return Ok(false),
        // Nothing was read yet by this process; the metadata are needed anyway.
        None => {
            // What is published may be known without asking 1C.
            let plan = connection.plan().await?;
            connection.client.probe(&Query::set(plan.probe_set())).await?;
        }
    }
    Ok(true)
}

/// Notes the outcome of a call of 1C.
pub(crate) async fn note(
    state: &AppState,
    infobase: uuid::Uuid,
    error: Option<&InfobaseError>,
) -> Result<(), StoreError> {
    let reachable = match error {
        None => true,
        Some(InfobaseError::Odata(error)) => OdataError::has_answered(error),
        // Nothing was learnt about 1C.
        Some(InfobaseError::Store(_)) => return Ok(()),
        Some(
            InfobaseError::UnknownConfiguration
            | InfobaseError::NothingPublished
            | InfobaseError::NoExchangePlan
            | InfobaseError::NoExchangeNode
            | InfobaseError::SeveralExchangeNodes,
        ) => true,
        // Nothing was called.
        Some(InfobaseError::NotCalled) => return Ok(()),
        Some(
            InfobaseError::Unknown
            | InfobaseError::Password(_)
            | InfobaseError::Settings
            | InfobaseError::Transport(_),
        ) => false,
    };
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let code = error.map(InfobaseError::code);
    infobases::note_attempt(&mut connection, infobase, state.clock.now(), reachable, code).await
}
