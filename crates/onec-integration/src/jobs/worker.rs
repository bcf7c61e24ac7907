//! Runs queued synchronisations.

use std::time::Duration;

use common::contract::events::{SYNC_ENDED, SyncEvent};
use common::db::{StoreError, StoreResult};
use common::events::{Event, Stream, outbox};
use common::telemetry::Chain;
use tokio_util::sync::CancellationToken;

use super::probe;
use crate::infobase::InfobaseError;
use crate::metrics::SYNC_JOBS;
use crate::odata::OdataError;
use crate::state::AppState;
use crate::store::jobs::{self, Held, Mode};
use crate::store::{SCHEMA, infobases, schedule};
use crate::sync::{Run, SyncError};

/// How often the queue is looked at when nothing rings.
const POLL: Duration = Duration::from_millis(500);
/// How often the lease of a running job is extended, and how soon it is noticed that a job is to be
/// cancelled.
const HEARTBEAT: Duration = Duration::from_secs(1);

pub(super) async fn run(state: AppState, shutdown: CancellationToken) {
    loop {
        if shutdown.is_cancelled() {
            return;
        }
        let held = match next(&state).await {
            Ok(held) => held,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "the queue of synchronisations cannot be read");
                None
            }
        };
        let Some(held) = held else {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = state.queued.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
            continue;
        };
        tokio::select! {
            () = shutdown.cancelled() => {
                // The next process goes on with it.
                if let Ok(mut connection) = state.pool.acquire().await {
                    let _ = jobs::release_own(&mut connection, &state.instance).await;
                }
                return;
            }
            () = perform(&state, &held) => {}
        }
    }
}

async fn next(state: &AppState) -> Result<Option<Held>, StoreError> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    jobs::take(&mut connection, &state.instance).await
}

/// Runs one job to its end, whatever that is.
async fn perform(state: &AppState, held: &Held) {
    let outcome = tokio::select! {
        outcome = Box::pin(synchronise(state, held)) => outcome,
        lost = beat(state, held) => Err(lost),
    };
    match &outcome {
        Ok(()) => {}
        Err(SyncError::LeaseLost) => {
            tracing::warn!("a synchronisation was taken over by another replica");
            return;
        }
        Err(SyncError::Cancelled) => {
            tracing::info!(labels.infobase = %held.infobase_id, "a synchronisation was cancelled");
        }
        Err(error) => {
            tracing::warn!(error = %Chain(error), labels.infobase = %held.infobase_id, "a synchronisation failed");
        }
    }
    let ended = Box::pin(end(state, held, outcome)).await;
    if let Err(error) = ended {
        // The lease runs out and the job is taken again.
        tracing::warn!(error = %Chain(&error), "the end of a synchronisation could not be written");
    }
}

async fn synchronise(state: &AppState, held: &Held) -> Result<(), SyncError> {
    let connection = state.connections.get(held.infobase_id).await?;
    let mut database = state.pool.acquire().await.store("acquire")?;
    let exchange = schedule::exchange(&mut database, held.infobase_id).await?;
    drop(database);
    let run = Run::new(
        state.pool.clone(),
        state.clock.clone(),
        held.clone(),
        exchange,
        connection.clone(),
    )
    .await?;
    let mut database = state.pool.acquire().await.store("acquire")?;
    infobases::note_profile(&mut database, held.infobase_id, run.profile_id()).await?;
    drop(database);
    probe::note(state, held.infobase_id, None).await?;
    let outcome = run.run().await;
    if let Err(SyncError::Infobase(InfobaseError::Odata(
        OdataError::NotPublished(_) | OdataError::Refused(..),
    ))) = &outcome
    {
        // What is published has changed.
        connection.forget_plan().await;
    }
    outcome
}

/// Extends the lease until it is lost or the job is cancelled.
async fn beat(state: &AppState, held: &Held) -> SyncError {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let Ok(mut connection) = state.pool.acquire().await else {
            continue;
        };
        match jobs::beat(&mut connection, held).await {
            Ok(Some(false)) => {}
            Ok(Some(true)) => return SyncError::Cancelled,
            Ok(None) => return SyncError::LeaseLost,
            Err(error) => tracing::warn!(error = %Chain(&error), "a lease could not be extended"),
        }
    }
}

async fn end(state: &AppState, held: &Held, outcome: Result<(), SyncError>) -> Result<(), StoreError> {
    let code = match &outcome {
        Ok(()) | Err(SyncError::Cancelled) => None,
        Err(SyncError::Infobase(error)) => Some(error.code()),
        Err(SyncError::Store(_) | SyncError::LeaseLost) => Some("dependency.unavailable"),
    };
    match &outcome {
        Ok(()) => probe::note(state, held.infobase_id, None).await?,
        Err(SyncError::Infobase(error)) => probe::note(state, held.infobase_id, Some(error)).await?,
        Err(SyncError::Store(_) | SyncError::LeaseLost | SyncError::Cancelled) => {}
    }
    let ended = match &outcome {
        Ok(()) => "succeeded",
        Err(SyncError::Cancelled) => "cancelled",
        Err(_) => "failed",
    };
    let mut transaction = state.pool.begin().await.store("begin")?;
    let Some(job) = jobs::finish(&mut transaction, held, ended, code).await? else {
        return Ok(());
    };
    jobs::prune(&mut transaction, held.infobase_id).await?;
    if outcome.is_ok() && held.mode == Mode::Full && held.scope.is_empty() {
        infobases::note_mirrored(&mut transaction, held.infobase_id).await?;
    }
    if let Some(infobase) = infobases::get(&mut transaction, held.infobase_id).await? {
        let took = job
            .finished_at
            .zip(job.started_at)
            .map(|(end, start)| (end - start).num_milliseconds());
        let data = SyncEvent {
            infobase_id: infobase.id,
            infobase: infobase.name,
            job_id: job.id,
            outcome: job.state,
            rows: u64::try_from(job.rows).unwrap_or(0),
            duration_ms: took.and_then(|took| u64::try_from(took).ok()).unwrap_or(0),
            error: code.map(str::to_owned),
        };
        let event = Event::new(crate::DEFINITION.name, SYNC_ENDED, &state.clock, &data)
            .subject(format!("infobase:{}", infobase.id));
        outbox::append(&mut transaction, &SCHEMA, Stream::Sync, &event).await?;
    }
    transaction.commit().await.store("commit")?;
    metrics::counter!(SYNC_JOBS, "outcome" => ended).increment(1);
    Ok(())
}
