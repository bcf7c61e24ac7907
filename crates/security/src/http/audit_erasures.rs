//! `POST /audit/erasures`: personal data leave the log, its proof stays.

use axum::extract::State;
use common::Text;
use common::auth::Identity;
use common::http::{ClientIp, Json, Problem, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::audit::own_entry;
use crate::audit::ERASED;
use crate::chain::Erasure;
use crate::error::Error;
use crate::jobs::erase::{self, BATCH, Wanted};
use crate::state::AppState;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EraseRequest {
    /// A person: who they are wherever they acted, and what was done where they are the target.
    user_id: Option<Uuid>,
    /// Or single entries, whole.
    #[serde(default)]
    entries: Vec<Uuid>,
    /// Why; it is recorded, so it must not name the person.
    reason: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EraseResponse {
    /// Entries of which something was erased.
    entries: usize,
}

/// Erases personal data from entries; the chain still verifies.
pub(crate) async fn erase(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(request): Json<EraseRequest>,
) -> Result<Json<EraseResponse>, Problem> {
    if !identity.companies.is_all() {
        return Err(Error::AllCompaniesNeeded.into());
    }
    let mut violations = Violations::new();
    violations.check(
        request.user_id.is_some() == request.entries.is_empty() && request.entries.len() <= BATCH,
        "",
        Text::new(
            "Укажите либо user_id, либо до 200 записей в entries.",
            "Give either user_id or up to 200 entries.",
        ),
    );
    violations.check(
        (3..=500).contains(&request.reason.trim().chars().count()),
        "/reason",
        Text::new("От 3 до 500 символов.", "3 to 500 characters."),
    );
    violations.finish()?;
    let record = |erasure: &Erasure, entries: usize| {
        let details = json!({
            "who": erasure.who, "what": erasure.what, "reason": request.reason.trim(), "entries": entries,
        });
        own_entry(&state, &identity, ip, ERASED, "audit_log".to_owned(), details)
    };
    let entries = match request.user_id {
        Some(user) => {
            let archived = erase::in_archive(&state, user, record)
                .await
                .map_err(|error| match error {
                    erase::Failure::Store(error) => error.into(),
                    error => Problem::unavailable("archive").source(error),
                })?;
            archived + erase::in_database(&state, Wanted::About(user), record).await?
        }
        None => erase::in_database(&state, Wanted::Entries(&request.entries), record).await?,
    };
    Ok(Json(EraseResponse { entries }))
}
