//! What proves that the audit log is what was written: following it, checkpoints, proofs, the archive.

use ::http::StatusCode;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use common::Text;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{Json, Page, PageQuery, Path, Problem, Query, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::audit::find;
use crate::audit::checkpoint::{Checkpoint, CheckpointJson};
use crate::audit::line::Line;
use crate::audit::merkle;
use crate::chain::FirstBroken;
use crate::error::Error;
use crate::jobs::checkpoints::{MakeError, make};
use crate::jobs::verify::{Verified, Wanted, verify_what};
use crate::state::AppState;
use crate::store;

/// Copies of checkpoints in one request.
const MAX_COPIES: usize = 10_000;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct VerifyQuery {
    from: Option<i64>,
    to: Option<i64>,
    #[serde(default)]
    archive: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VerifyResponse {
    valid: bool,
    /// The entry after which following began.
    after: i64,
    /// Entries that were found in order.
    entries: i64,
    /// Signed roots that agreed.
    checkpoints: i64,
    /// Entries of which something was erased.
    erased: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_broken: Option<FirstBroken>,
    verified_at: DateTime<Utc>,
}

impl VerifyResponse {
    fn new(verified: Verified, verified_at: DateTime<Utc>) -> Self {
        Self {
            valid: verified.outcome.is_ok(),
            after: verified.after,
            entries: verified.entries,
            checkpoints: verified.checkpoints,
            erased: verified.erased,
            first_broken: verified.outcome.err(),
            verified_at,
        }
    }
}

/// Verifies the audit log, and names the first entry that is not what was written.
pub(crate) async fn verify(
    State(state): State<AppState>,
    Query(query): Query<VerifyQuery>,
) -> Result<Json<VerifyResponse>, Problem> {
    if query.from.zip(query.to).is_some_and(|(from, to)| from > to) {
        return Err(Problem::bad_request(Text::new(
            "from больше to.",
            "from is greater than to.",
        )));
    }
    let wanted = Wanted {
        from: query.from,
        to: query.to,
        archive: query.archive,
        copies: Vec::new(),
    };
    let verified = verify_what(&state, wanted).await?;
    Ok(Json(VerifyResponse::new(verified, state.clock.now())))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompareRequest {
    /// As they were delivered.
    checkpoints: Vec<CheckpointJson>,
    #[serde(default)]
    archive: bool,
}

/// Compares the log with copies of checkpoints that were kept outside.
pub(crate) async fn compare(
    State(state): State<AppState>,
    Json(request): Json<CompareRequest>,
) -> Result<Json<VerifyResponse>, Problem> {
    let mut violations = Violations::new();
    violations.check(
        (1..=MAX_COPIES).contains(&request.checkpoints.len()),
        "/checkpoints",
        Text::new("От 1 до 10 000 контрольных точек.", "1 to 10,000 checkpoints."),
    );
    let mut copies = Vec::with_capacity(request.checkpoints.len());
    for (number, copy) in request.checkpoints.iter().enumerate() {
        match copy.read() {
            Some(copy) => copies.push(copy),
            None => violations.add(
                &format!("/checkpoints/{number}"),
                Text::new(
                    "Хеши и подпись — в шестнадцатеричном виде.",
                    "Hashes and signature are hexadecimal.",
                ),
            ),
        }
    }
    violations.finish()?;
    let wanted = Wanted {
        archive: request.archive,
        copies,
        ..Wanted::default()
    };
    let verified = verify_what(&state, wanted).await?;
    Ok(Json(VerifyResponse::new(verified, state.clock.now())))
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CheckpointResponse {
    #[serde(flatten)]
    checkpoint: CheckpointJson,
    /// What the signature is over.
    statement: String,
    delivered_at: Option<DateTime<Utc>>,
}

impl CheckpointResponse {
    fn new(checkpoint: &Checkpoint, delivered_at: Option<DateTime<Utc>>) -> Self {
        Self {
            checkpoint: CheckpointJson::from(checkpoint),
            statement: checkpoint.statement(),
            delivered_at,
        }
    }
}

/// Signed checkpoints, the newest first.
pub(crate) async fn checkpoints(
    State(state): State<AppState>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<CheckpointResponse>>, Problem> {
    let (limit, before) = (page.limit(), page.after::<i64>()?);
    let mut connection = state.db.acquire().await.store("acquire")?;
    let rows = store::audit_checkpoints::list(&mut connection, before, limit + 1).await?;
    let rows = rows
        .iter()
        .map(|(checkpoint, delivered)| CheckpointResponse::new(checkpoint, *delivered));
    Ok(Json(Page::from_rows(rows.collect(), limit, |row| {
        row.checkpoint.number
    })))
}

/// Signs now what has been appended.
pub(crate) async fn make_checkpoint(
    State(state): State<AppState>,
) -> Result<(StatusCode, Json<CheckpointResponse>), Problem> {
    let made = make(&state).await?;
    let mut connection = state.db.acquire().await.store("acquire")?;
    let (status, checkpoint) = match made {
        Some(made) => (StatusCode::CREATED, Some(made)),
        None => (
            StatusCode::OK,
            store::audit_checkpoints::latest(&mut connection).await?,
        ),
    };
    let checkpoint = checkpoint.ok_or(Error::NotSigned)?;
    Ok((status, Json(CheckpointResponse::new(&checkpoint, None))))
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyResponse {
    key_id: String,
    /// Ed25519, hexadecimal.
    public_key: String,
    /// Whether it signs now.
    current: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeysResponse {
    items: Vec<KeyResponse>,
}

/// Public keys that checkpoints are verified with.
pub(crate) async fn keys(State(state): State<AppState>) -> Json<KeysResponse> {
    let signer = &state.audit.signer;
    let items = signer.trusted().iter().map(|(key_id, key)| KeyResponse {
        key_id: key_id.clone(),
        public_key: hex::encode(key),
        current: key_id == signer.key_id(),
    });
    Json(KeysResponse {
        items: items.collect(),
    })
}

/// That an entry is in what a checkpoint has signed (RFC 6962, section 2.1.1).
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProofResponse {
    entry: Line,
    /// Number of the leaf, from 0.
    leaf_index: i64,
    leaf_hash: String,
    tree_size: i64,
    /// Hashes from the leaf up.
    path: Vec<String>,
    checkpoint: CheckpointJson,
}

/// Proves that an entry is in a signed checkpoint (RFC 6962).
pub(crate) async fn proof(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<ProofResponse>, Problem> {
    let entry = find(&state, &identity, id).await?;
    let mut connection = state.db.acquire().await.store("acquire")?;
    let mut milestone = store::audit_checkpoints::largest(&mut connection, i64::MAX).await?;
    if milestone
        .as_ref()
        .is_none_or(|milestone| milestone.checkpoint.size < entry.sequence)
    {
        make(&state).await?;
        milestone = store::audit_checkpoints::largest(&mut connection, i64::MAX).await?;
    }
    let checkpoint = milestone
        .map(|milestone| milestone.checkpoint)
        .filter(|checkpoint| checkpoint.size >= entry.sequence)
        .ok_or(Error::NotSigned)?;
    let leaf_index = entry.sequence - 1;
    let mut path = Vec::new();
    for range in merkle::path(leaf_index, checkpoint.size) {
        let root = store::audit_checkpoints::range_root(&mut connection, range).await?;
        path.push(hex::encode(root.ok_or(Error::Broken(range.start + 1))?));
    }
    Ok(Json(ProofResponse {
        leaf_index,
        leaf_hash: hex::encode(merkle::leaf(&entry.hash)),
        tree_size: checkpoint.size,
        path,
        checkpoint: CheckpointJson::from(&checkpoint),
        entry: Line::new(&entry),
    }))
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SegmentResponse {
    first_sequence: i64,
    last_sequence: i64,
    month: NaiveDate,
    file: String,
    bytes: i64,
    sha256: String,
    sealed_at: DateTime<Utc>,
    removed_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SegmentsResponse {
    items: Vec<SegmentResponse>,
}

/// Months that are in the archive.
pub(crate) async fn segments(State(state): State<AppState>) -> Result<Json<SegmentsResponse>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let segments = store::audit_segments::all(&mut connection).await?;
    let items = segments.into_iter().map(|segment| SegmentResponse {
        first_sequence: segment.first_sequence,
        last_sequence: segment.last_sequence,
        month: segment.month,
        file: segment.file,
        bytes: segment.bytes,
        sha256: hex::encode(segment.sha256),
        sealed_at: segment.sealed_at,
        removed_at: segment.removed_at,
    });
    Ok(Json(SegmentsResponse {
        items: items.collect(),
    }))
}

impl From<MakeError> for Problem {
    fn from(error: MakeError) -> Self {
        match error {
            MakeError::Store(error) => error.into(),
            MakeError::Broken(broken) => Error::Broken(broken.sequence).into(),
        }
    }
}
