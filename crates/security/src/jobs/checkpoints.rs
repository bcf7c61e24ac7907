//! Signs what has been appended, and tells the outside.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use common::BoxError;
use common::db::{StoreError, StoreResult};
use common::http::client;
use secrecy::ExposeSecret;
use sqlx::PgConnection;

use crate::audit::GENESIS;
use crate::audit::checkpoint::{Checkpoint, CheckpointJson};
use crate::audit::merkle::{BLOCK, Hash, Tree};
use crate::audit_config::AuditConfig;
use crate::chain::{Break, FirstBroken, Verifier};
use crate::metrics::{
    AUDIT_CHECKPOINTS, AUDIT_CHECKPOINTS_UNDELIVERED, AUDIT_UNSIGNED_ENTRIES, AUDIT_UNSIGNED_SECONDS,
};
use crate::state::AppState;
use crate::store::{self, audit_checkpoints::Milestone};

/// So many entries never wait for a checkpoint.
const ENTRIES: i64 = 1000;
/// Checkpoints that are told of in one transaction.
const BATCH: i64 = 20;
/// How long the receiver may take.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the audit log is broken at entry {}, so it is not signed", .0.sequence)]
    Broken(FirstBroken),
}

/// Makes a checkpoint when one is due, and keeps the metrics up to date.
pub(super) async fn make_when_due(state: &AppState, every: Duration) -> Result<(), MakeError> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let backlog = store::audit_checkpoints::backlog(&mut connection).await?;
    drop(connection);
    let waited = backlog
        .unsigned_since
        .and_then(|since| (state.clock.now() - since).to_std().ok())
        .unwrap_or_default();
    metrics::counter!(AUDIT_CHECKPOINTS).absolute(backlog.made.unsigned_abs());
    #[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
    {
        metrics::gauge!(AUDIT_CHECKPOINTS_UNDELIVERED).set(backlog.undelivered as f64);
        metrics::gauge!(AUDIT_UNSIGNED_ENTRIES).set(backlog.unsigned as f64);
    }
    metrics::gauge!(AUDIT_UNSIGNED_SECONDS).set(waited.as_secs_f64());
    if backlog.unsigned >= ENTRIES || (backlog.unsigned > 0 && waited >= every) {
        make(state).await?;
    }
    Ok(())
}

/// Signs everything that has been appended. `None` when nothing has, or another replica is at it.
pub(crate) async fn make(state: &AppState) -> Result<Option<Checkpoint>, MakeError> {
    let mut transaction = state.db.begin().await.store("begin")?;
    if !store::audit_checkpoints::lock(&mut transaction).await? {
        return Ok(None);
    }
    let tip = store::audit_walk::tip(&mut transaction).await?;
    let Some((size, hash)) = tip.filter(|(size, _)| *size > 0) else {
        return Ok(None);
    };
    let made = make_at(state, &mut transaction, size).await?;
    if let Some(checkpoint) = &made
        && checkpoint.hash != hash
    {
        return Err(MakeError::Broken(FirstBroken::new(Break::Truncated, size)));
    }
    transaction.commit().await.store("commit")?;
    Ok(made)
}

/// Signs the first `size` entries, after following those that no checkpoint has. `None` when there is
/// one already. The transaction has the lock.
pub(super) async fn make_at(
    state: &AppState,
    connection: &mut PgConnection,
    size: i64,
) -> Result<Option<Checkpoint>, MakeError> {
    let before = store::audit_checkpoints::largest(connection, size).await?;
    let (tree, hash) = match before {
        Some(milestone) if milestone.checkpoint.size == size => return Ok(None),
        Some(milestone) => trusted(state, milestone)?,
        None => (Tree::default(), GENESIS.to_vec()),
    };
    let mut verifier = Verifier::after(tree, hash, []);
    let mut blocks: Vec<(i64, Hash)> = Vec::new();
    let outcome = store::audit_walk::follow(connection, &mut verifier, size, |sequence, root| {
        blocks.push((sequence / BLOCK - 1, root));
    })
    .await?;
    outcome.map_err(MakeError::Broken)?;
    if verifier.sequence() != size {
        let broken = FirstBroken::new(Break::Truncated, verifier.sequence() + 1);
        return Err(MakeError::Broken(broken));
    }
    let latest = store::audit_checkpoints::latest(connection).await?;
    let checkpoint = state.audit.signer.sign(Checkpoint {
        number: latest.as_ref().map_or(1, |latest| latest.number + 1),
        size,
        root: verifier.tree().root().to_vec(),
        hash: verifier.hash().to_vec(),
        previous: latest.map_or(GENESIS, |latest| latest.statement_hash()).to_vec(),
        made_at: whole_microseconds(state),
        key_id: String::new(),
        signature: Vec::new(),
    });
    store::audit_checkpoints::insert_blocks(connection, &blocks).await?;
    let milestone = Milestone {
        checkpoint,
        peaks: verifier.tree().peaks(),
    };
    store::audit_checkpoints::insert(connection, &milestone).await?;
    Ok(Some(milestone.checkpoint))
}

/// The time as PostgreSQL keeps it: the signature is over it.
fn whole_microseconds(state: &AppState) -> chrono::DateTime<chrono::Utc> {
    let now = state.clock.now();
    chrono::DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
}

/// Tree and hash of a checkpoint that is ours: nothing is signed on top of a forgery.
fn trusted(state: &AppState, milestone: Milestone) -> Result<(Tree, Vec<u8>), MakeError> {
    let checkpoint = milestone.checkpoint;
    let tree = Tree::from_peaks(checkpoint.size, &milestone.peaks)
        .filter(|tree| tree.root().as_slice() == checkpoint.root);
    match tree {
        Some(tree) if state.audit.signer.has_signed(&checkpoint) => Ok((tree, checkpoint.hash)),
        _ => Err(MakeError::Broken(FirstBroken::of_checkpoint(
            Break::Forged,
            &checkpoint,
        ))),
    }
}

/// Tells the log, the file and the receiver of checkpoints that they have not seen, in order. Who
/// receives them may see one twice.
pub(super) async fn deliver(
    state: &AppState,
    config: &AuditConfig,
    http: &reqwest::Client,
) -> Result<(), BoxError> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let waiting = store::audit_checkpoints::undelivered(&mut transaction, BATCH).await?;
    let mut failure = None;
    for checkpoint in waiting {
        match tell(&checkpoint, config, http).await {
            Ok(()) => {
                let now = state.clock.now();
                store::audit_checkpoints::delivered(&mut transaction, checkpoint.number, now).await?;
            }
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    transaction.commit().await.store("commit")?;
    failure.map_or(Ok(()), Err)
}

async fn tell(checkpoint: &Checkpoint, config: &AuditConfig, http: &reqwest::Client) -> Result<(), BoxError> {
    let json = CheckpointJson::from(checkpoint);
    let line = serde_json::to_string(&json)?;
    if let Some(path) = config.checkpoint_file.clone() {
        let line = line.clone();
        tokio::task::spawn_blocking(move || append(&path, &line)).await??;
    }
    if let Some(url) = &config.checkpoint_webhook {
        let request = http
            .post(url.expose_secret())
            .timeout(WEBHOOK_TIMEOUT)
            .json(&json);
        client::send(request)
            .await?
            .error_for_status()
            .map_err(reqwest::Error::without_url)?;
    }
    tracing::info!(
        labels.audit_number = %checkpoint.number,
        labels.audit_size = %checkpoint.size,
        "audit checkpoint {line}"
    );
    Ok(())
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_all()
}
