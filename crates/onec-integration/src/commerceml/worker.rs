//! Runs queued imports, one of an infobase at a time, and removes what exchanges have left.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use common::contract::events::{AUDIT_RECORDED, AuditEvent, Outcome};
use common::db::{StoreError, StoreResult};
use common::events::{Event, Stream, outbox};
use common::service::Context;
use common::telemetry::Chain;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::files::Blob;
use super::import::{Counts, ImportError, Importer};
use super::protocol::{explain, has_extension, part_of_name};
use super::reader::{ReadError, Records};
use super::zip::{self, ZipError};
use crate::metrics::{EXCHANGE_IMPORTS, EXCHANGE_ROWS};
use crate::state::AppState;
use crate::store::imports::{self, Held};
use crate::store::{SCHEMA, commerceml as store, goods, infobases};

/// How often the queue is looked at when nothing rings.
const POLL: Duration = Duration::from_millis(500);
/// How often the lease is extended and progress is told.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How often old sessions and files are looked for.
const CLEANING: Duration = Duration::from_secs(600);
/// How long the history of imports is kept.
const HISTORY: TimeDelta = TimeDelta::days(90);

/// Imports that this replica runs at a time, each of another infobase.
const WORKERS: usize = 2;

/// Starts the loops.
pub(crate) async fn start(state: &AppState, context: &Context) -> Result<(), StoreError> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    // Imports of an earlier process of this replica go on at once.
    imports::release_own(&mut connection, &state.instance).await?;
    drop(connection);
    for _ in 0..WORKERS {
        context.spawn("exchange worker", run(state.clone(), context.shutdown.clone()));
    }
    context.spawn("exchange cleaner", clean(state.clone(), context.shutdown.clone()));
    Ok(())
}

/// Takes imports and runs them until the service stops.
async fn run(state: AppState, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let held = match next(&state).await {
            Ok(held) => held,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "the queue of imports cannot be read");
                None
            }
        };
        let Some(held) = held else {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = state.pushed.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
            continue;
        };
        tokio::select! {
            () = shutdown.cancelled() => {
                release(&state, &held).await;
                return;
            }
            () = Box::pin(perform(&state, &held)) => {}
        }
    }
}

async fn next(state: &AppState) -> Result<Option<Held>, StoreError> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    imports::take(&mut connection, &state.instance).await
}

async fn release(state: &AppState, held: &Held) {
    if let Ok(mut connection) = state.pool.acquire().await {
        let _ = imports::release(&mut connection, held).await;
    }
}

async fn perform(state: &AppState, held: &Held) {
    let failure = match import(state, held).await {
        Ok(true) => None,
        Ok(false) => {
            tracing::warn!("an import was taken over by another replica");
            return;
        }
        Err(error) => Some(error),
    };
    let outcome = if failure.is_some() { "failed" } else { "succeeded" };
    if let Some(error) = failure {
        tracing::warn!(error = %Chain(&error), labels.infobase = %held.infobase_id, "a file of 1C was not imported");
        let Some((code, text)) = explain(&error) else {
            // Our database: it is tried again.
            release(state, held).await;
            tokio::time::sleep(POLL).await;
            return;
        };
        if let Err(error) = refuse(state, held, code, &text).await {
            tracing::warn!(error = %Chain(&error), "the end of an import could not be written");
            return;
        }
    }
    metrics::counter!(EXCHANGE_IMPORTS, "outcome" => outcome).increment(1);
}

/// Notes that the file cannot be imported: its bytes are of no more use.
async fn refuse(state: &AppState, held: &Held, code: &str, text: &str) -> Result<(), StoreError> {
    let mut transaction = state.pool.begin().await.store("begin")?;
    imports::fail(&mut transaction, held, state.clock.now(), code, text).await?;
    forget_xml(&mut transaction, held).await?;
    transaction.commit().await.store("commit")
}

/// Removes the bytes of an XML file; an archive has other members.
async fn forget_xml(connection: &mut sqlx::PgConnection, held: &Held) -> Result<(), StoreError> {
    let file = store::file_get(connection, held.file_id).await?;
    match file {
        Some(file) if !has_extension(&file.name, "zip") => store::file_empty(connection, file.id).await,
        _ => Ok(()),
    }
}

/// Reads and writes one file; false when another replica has taken it over.
async fn import(state: &AppState, held: &Held) -> Result<bool, ImportError> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let file = store::file_get(&mut connection, held.file_id).await?;
    drop(connection);
    // Its session has ended.
    let file = file.ok_or(ReadError::Malformed)?;
    let blob = Blob::stored(&state.pool, &file).await?;
    let mut names = Vec::new();
    let source = if has_extension(&file.name, "zip") {
        let members = zip::members(&blob).await.map_err(of_archive)?;
        let member = zip::find(&members, &held.name).ok_or_else(|| of_archive(ZipError::Damaged))?;
        let member = member.clone();
        names.extend(members.into_iter().map(|member| member.name));
        zip::unpack(blob, member).await.map_err(of_archive)?
    } else {
        blob.source()
    };
    let mut records = Records::new(source);
    let mut transaction = state.pool.begin().await.store("begin")?;
    goods::lock(&mut transaction, held.infobase_id).await?;
    let mut importer = Importer::new(&mut transaction, held.infobase_id, held.session_id);
    let mut told = Instant::now();
    while importer.step(&mut records).await? {
        if told.elapsed() >= HEARTBEAT {
            told = Instant::now();
            // Not in the transaction, which nobody sees before its end.
            let mut connection = state.pool.acquire().await.store("acquire")?;
            if !imports::extend(&mut connection, held, importer.done).await? {
                return Ok(false);
            }
        }
    }
    let whole = importer.whole(&held.name);
    let (done, mut counts) = (importer.done, std::mem::take(&mut importer.counts));
    drop(importer);
    let whole = goods::whole_note(&mut transaction, held.session_id, whole).await?;
    if is_last(&mut transaction, held, names).await? {
        let hidden = goods::sweep(&mut transaction, held.infobase_id, held.session_id, whole).await?;
        counts.insert("ended", hidden);
    }
    finish(state, transaction, held, done, &counts).await
}

fn of_archive(error: ZipError) -> ImportError {
    ReadError::Feed(super::feed::FeedError::Zip(error)).into()
}

/// True when the session has no other file of the same sort that waits to be imported: what is in
/// none of them has ended.
async fn is_last(
    connection: &mut sqlx::PgConnection,
    held: &Held,
    members: Vec<String>,
) -> Result<bool, StoreError> {
    let (mut sent, imported) = goods::session_names(connection, held.session_id).await?;
    sent.extend(members);
    let part = part_of_name(&held.name);
    let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let ours = last(&held.name);
    Ok(!sent.iter().any(|name| {
        has_extension(name, "xml")
            && part_of_name(name) == part
            && last(name) != ours
            && !imported.iter().any(|imported| last(imported) == last(name))
    }))
}

async fn finish(
    state: &AppState,
    mut transaction: sqlx::Transaction<'static, sqlx::Postgres>,
    held: &Held,
    done: i64,
    counts: &Counts,
) -> Result<bool, ImportError> {
    let now = state.clock.now();
    let counts_json = json!(counts);
    if !imports::succeed(&mut transaction, held, now, done, &counts_json).await? {
        return Ok(false);
    }
    // Goods alone say nothing of stocks: what is there is not of this moment before they have come.
    if counts.get("stocks").is_some_and(|stocks| *stocks > 0) {
        goods::freshen(&mut transaction, held.infobase_id, now).await?;
    }
    infobases::note_profile(&mut transaction, held.infobase_id, super::PROFILE).await?;
    forget_xml(&mut transaction, held).await?;
    let target = format!("infobase:{}", held.infobase_id);
    let data = AuditEvent {
        action: "commerceml.imported".to_owned(),
        outcome: Outcome::Success,
        target: Some(target.clone()),
        ip: None,
        details: json!({"file": held.name, "counts": counts_json}),
    };
    let event = Event::new(crate::DEFINITION.name, AUDIT_RECORDED, &state.clock, &data).subject(target);
    outbox::append(&mut transaction, &SCHEMA, Stream::Audit, &event).await?;
    transaction.commit().await.store("commit")?;
    for (kind, number) in counts {
        metrics::counter!(EXCHANGE_ROWS, "kind" => *kind).increment(u64::try_from(*number).unwrap_or(0));
    }
    Ok(true)
}

/// Removes old sessions, files and history until the service stops.
async fn clean(state: AppState, shutdown: CancellationToken) {
    loop {
        let now = state.clock.now();
        let cleaned = async {
            let mut connection = state.pool.acquire().await.store("acquire")?;
            store::clean(&mut connection, now, now - HISTORY).await
        };
        if let Err(error) = cleaned.await {
            tracing::warn!(error = %Chain(&error), "what exchanges have left cannot be removed");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(CLEANING) => {}
        }
    }
}
