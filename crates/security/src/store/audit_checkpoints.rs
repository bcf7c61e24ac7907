//! `security.audit_checkpoints` and the blocks of the Merkle tree.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

use crate::audit::checkpoint::Checkpoint;
use crate::audit::merkle::{self, BLOCK, Hash, Range};

/// A checkpoint with what is needed to go on from it.
#[derive(Debug, Clone)]
pub(crate) struct Milestone {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) peaks: Vec<u8>,
}

/// Makes this transaction the only one that makes checkpoints or archives; false when another is at it.
pub(crate) async fn lock(connection: &mut PgConnection) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtext('security.audit_checkpoints')) as "locked!""#
    )
    .fetch_one(connection)
    .await
    .store("audit_checkpoints_lock")
}

/// As [`lock`], but waits for the other.
pub(crate) async fn lock_in_turn(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!("select pg_advisory_xact_lock(hashtext('security.audit_checkpoints'))")
        .execute(connection)
        .await
        .store("audit_checkpoints_lock_in_turn")?;
    Ok(())
}

/// All checkpoints, by number.
pub(crate) async fn all(connection: &mut PgConnection) -> Result<Vec<Checkpoint>, StoreError> {
    sqlx::query_as!(
        Checkpoint,
        "select number, size, root, hash, previous, made_at, key_id, signature
         from security.audit_checkpoints order by number"
    )
    .fetch_all(connection)
    .await
    .store("audit_checkpoints_all")
}

/// Up to `limit` checkpoints, the latest first, before the number `before`.
pub(crate) async fn list(
    connection: &mut PgConnection,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<(Checkpoint, Option<DateTime<Utc>>)>, StoreError> {
    let rows = sqlx::query!(
        "select number, size, root, hash, previous, made_at, key_id, signature, delivered_at
         from security.audit_checkpoints
         where $1::bigint is null or number < $1 order by number desc limit $2",
        before,
        limit
    )
    .fetch_all(connection)
    .await
    .store("audit_checkpoints_list")?;
    let rows = rows.into_iter().map(|row| {
        let checkpoint = Checkpoint {
            number: row.number,
            size: row.size,
            root: row.root,
            hash: row.hash,
            previous: row.previous,
            made_at: row.made_at,
            key_id: row.key_id,
            signature: row.signature,
        };
        (checkpoint, row.delivered_at)
    });
    Ok(rows.collect())
}

/// The largest checkpoint of at most `size` entries.
pub(crate) async fn largest(
    connection: &mut PgConnection,
    size: i64,
) -> Result<Option<Milestone>, StoreError> {
    let row = sqlx::query!(
        "select number, size, root, hash, peaks, previous, made_at, key_id, signature
         from security.audit_checkpoints where size <= $1 order by size desc limit 1",
        size
    )
    .fetch_optional(connection)
    .await
    .store("audit_checkpoint_largest")?;
    Ok(row.map(|row| Milestone {
        checkpoint: Checkpoint {
            number: row.number,
            size: row.size,
            root: row.root,
            hash: row.hash,
            previous: row.previous,
            made_at: row.made_at,
            key_id: row.key_id,
            signature: row.signature,
        },
        peaks: row.peaks,
    }))
}

/// The checkpoint that was made last.
pub(crate) async fn latest(connection: &mut PgConnection) -> Result<Option<Checkpoint>, StoreError> {
    sqlx::query_as!(
        Checkpoint,
        "select number, size, root, hash, previous, made_at, key_id, signature
         from security.audit_checkpoints order by number desc limit 1"
    )
    .fetch_optional(connection)
    .await
    .store("audit_checkpoint_latest")
}

/// Keeps a checkpoint.
pub(crate) async fn insert(connection: &mut PgConnection, milestone: &Milestone) -> Result<(), StoreError> {
    let checkpoint = &milestone.checkpoint;
    sqlx::query!(
        "insert into security.audit_checkpoints
             (number, size, root, hash, peaks, previous, made_at, key_id, signature)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        checkpoint.number,
        checkpoint.size,
        checkpoint.root,
        checkpoint.hash,
        milestone.peaks,
        checkpoint.previous,
        checkpoint.made_at,
        checkpoint.key_id,
        checkpoint.signature
    )
    .execute(connection)
    .await
    .store("audit_checkpoint_insert")?;
    Ok(())
}

/// Checkpoints that have not left, the earliest first; others wait for those that are being told of.
pub(crate) async fn undelivered(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Vec<Checkpoint>, StoreError> {
    sqlx::query_as!(
        Checkpoint,
        "select number, size, root, hash, previous, made_at, key_id, signature
         from security.audit_checkpoints where delivered_at is null
         order by number limit $1 for update skip locked",
        limit
    )
    .fetch_all(connection)
    .await
    .store("audit_checkpoints_undelivered")
}

/// Remembers that a checkpoint has left.
pub(crate) async fn delivered(
    connection: &mut PgConnection,
    number: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update security.audit_checkpoints set delivered_at = $2 where number = $1",
        number,
        now
    )
    .execute(connection)
    .await
    .store("audit_checkpoint_delivered")?;
    Ok(())
}

/// How far behind the checkpoints are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backlog {
    /// Checkpoints that were made, ever.
    pub(crate) made: i64,
    /// Checkpoints that have not left.
    pub(crate) undelivered: i64,
    /// Entries after the largest checkpoint.
    pub(crate) unsigned: i64,
    /// When the first of them was recorded.
    pub(crate) unsigned_since: Option<DateTime<Utc>>,
}

/// How far behind the checkpoints are.
pub(crate) async fn backlog(connection: &mut PgConnection) -> Result<Backlog, StoreError> {
    sqlx::query_as!(
        Backlog,
        r#"with signed as (select coalesce(max(number), 0) as made, coalesce(max(size), 0) as size
                           from security.audit_checkpoints)
           select signed.made as "made!",
                  (select count(*) from security.audit_checkpoints where delivered_at is null) as "undelivered!",
                  greatest(tip.sequence - signed.size, 0) as "unsigned!",
                  (select recorded_at from security.audit_entries where sequence = signed.size + 1) as unsigned_since
           from signed, security.audit_tip tip"#
    )
    .fetch_one(connection)
    .await
    .store("audit_backlog")
}

/// Keeps roots of complete blocks.
pub(crate) async fn insert_blocks(
    connection: &mut PgConnection,
    blocks: &[(i64, Hash)],
) -> Result<(), StoreError> {
    let numbers: Vec<i64> = blocks.iter().map(|(number, _)| *number).collect();
    let roots: Vec<&[u8]> = blocks.iter().map(|(_, root)| root.as_slice()).collect();
    sqlx::query!(
        "insert into security.audit_blocks (block, root)
         select block, root from unnest($1::bigint[], $2::bytea[]) as block (block, root)
         on conflict (block) do nothing",
        &numbers,
        &roots as &[&[u8]]
    )
    .execute(connection)
    .await
    .store("audit_blocks_insert")?;
    Ok(())
}

/// The root over a range of leaves; `None` when entries of it are not there.
pub(crate) async fn range_root(
    connection: &mut PgConnection,
    range: Range,
) -> Result<Option<Hash>, StoreError> {
    let whole = range.length / BLOCK;
    let first = range.start / BLOCK;
    let blocks = if whole > 0 {
        sqlx::query_scalar!(
            "select root from security.audit_blocks where block >= $1 and block < $2 order by block",
            first,
            first + whole
        )
        .fetch_all(&mut *connection)
        .await
        .store("audit_blocks")?
    } else {
        Vec::new()
    };
    let rest = range.start + whole * BLOCK;
    let hashes = sqlx::query_scalar!(
        "select hash from security.audit_entries where sequence > $1 and sequence <= $2 order by sequence",
        rest,
        range.start + range.length
    )
    .fetch_all(connection)
    .await
    .store("audit_leaves")?;
    let complete = i64::try_from(blocks.len()) == Ok(whole)
        && i64::try_from(hashes.len()) == Ok(range.start + range.length - rest);
    if !complete {
        return Ok(None);
    }
    let blocks: Option<Vec<Hash>> = blocks
        .iter()
        .map(|root| root.as_slice().try_into().ok())
        .collect();
    let leaves: Vec<Hash> = hashes.iter().map(|hash| merkle::leaf(hash)).collect();
    Ok(blocks.map(|blocks| merkle::range_root(&blocks, &leaves)))
}
