//! Months that are older than the retention go into the archive, and then out of the database.

use std::path::Path;

use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc};
use common::BoxError;
use common::db::StoreResult;
use sqlx::PgConnection;

use super::checkpoints::make_at;
use crate::audit::archive::{Head, Writer};
use crate::audit::checkpoint::{Checkpoint, CheckpointJson};
use crate::audit::merkle::BLOCK;
use crate::audit_config::AuditConfig;
use crate::state::AppState;
use crate::store;
use crate::store::audit_segments::Segment;

/// Rows that are written, and removed, at once.
const ROWS: i64 = 2000;

/// Archives what is old enough and removes what is archived.
pub(crate) async fn seal(state: &AppState, config: &AuditConfig) -> Result<(), BoxError> {
    let Some(folder) = &config.archive else {
        return Ok(());
    };
    while seal_one(state, config, folder).await? {}
    remove(state).await
}

/// The first month that is over before `time` and not archived, cut to whole blocks of the tree, so that
/// the proofs of what stays need nothing of what goes. Entries that are left over go with the next.
async fn next_segment(
    connection: &mut PgConnection,
    time: DateTime<Utc>,
) -> Result<Option<(i64, i64, NaiveDate)>, BoxError> {
    let segments = store::audit_segments::all(connection).await?;
    let archived = segments.last().map_or(0, |segment| segment.last_sequence);
    let first = store::audit_segments::first_after(connection, archived).await?;
    let Some((first, recorded_at)) = first else {
        return Ok(None);
    };
    let mut month = begin_of_month(recorded_at.date_naive());
    loop {
        let next = month + Months::new(1);
        let end = next.and_time(chrono::NaiveTime::MIN).and_utc();
        if end > time {
            return Ok(None);
        }
        let last = store::audit_segments::last_before(connection, archived, end).await?;
        let last = last.unwrap_or(0) / BLOCK * BLOCK;
        if last >= first {
            return Ok(Some((first, last, month)));
        }
        month = next;
    }
}

fn begin_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

async fn seal_one(state: &AppState, config: &AuditConfig, folder: &Path) -> Result<bool, BoxError> {
    let mut transaction = state.db.begin().await.store("begin")?;
    store::audit_checkpoints::lock_in_turn(&mut transaction).await?;
    let keep = TimeDelta::from_std(config.retention)?;
    let segment = next_segment(&mut transaction, state.clock.now() - keep).await?;
    let Some((first, last, month)) = segment else {
        return Ok(false);
    };
    // What is archived has been followed to its end and signed.
    let made = make_at(state, &mut transaction, last).await?;
    let checkpoint = match made {
        Some(checkpoint) => checkpoint,
        None => signed_at(&mut transaction, last).await?,
    };
    if !state.audit.signer.has_signed(&checkpoint) {
        return Err("the checkpoint of the month is not ours".into());
    }
    let file = format!("audit-{}-{first}-{last}.ndjson.gz", month.format("%Y-%m"));
    let head = Head::new(first, last, CheckpointJson::from(&checkpoint));
    let (to, name) = (folder.to_path_buf(), file.clone());
    let mut writer = tokio::task::spawn_blocking(move || Writer::create(&to, &name, &head)).await??;
    let mut after = first - 1;
    while after < last {
        let rows = store::audit::list_forward(
            &mut transaction,
            &store::audit::Filter::default(),
            after,
            Some(last),
            ROWS,
        )
        .await?;
        after = rows.last().map_or(last, |entry| entry.sequence);
        writer = tokio::task::spawn_blocking(move || writer.add(&rows).map(|()| writer)).await??;
    }
    let written = tokio::task::spawn_blocking(move || writer.finish()).await??;
    let segment = Segment {
        first_sequence: first,
        last_sequence: last,
        month,
        file,
        bytes: written.bytes,
        sha256: written.sha256,
        sealed_at: state.clock.now(),
        removed_at: None,
    };
    store::audit_segments::insert(&mut transaction, &segment).await?;
    transaction.commit().await.store("commit")?;
    tracing::info!(
        "entries {first} to {last} of the audit log are archived in {}",
        segment.file
    );
    Ok(true)
}

async fn signed_at(connection: &mut PgConnection, size: i64) -> Result<Checkpoint, BoxError> {
    let milestone = store::audit_checkpoints::largest(connection, size).await?;
    let milestone = milestone.filter(|milestone| milestone.checkpoint.size == size);
    Ok(milestone.ok_or("the checkpoint of the month is gone")?.checkpoint)
}

async fn remove(state: &AppState) -> Result<(), BoxError> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let segments = store::audit_segments::all(&mut connection).await?;
    for segment in segments.iter().filter(|segment| segment.removed_at.is_none()) {
        let last = segment.last_sequence;
        while store::audit_segments::remove(&mut connection, last, ROWS).await? > 0 {}
        store::audit_segments::removed(&mut connection, last, state.clock.now()).await?;
    }
    Ok(())
}
