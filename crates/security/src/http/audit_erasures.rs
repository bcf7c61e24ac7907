//! `POST /audit/erasures`: personal data leave the log, its proof stays.

use axum::extract::State;
use common::Text;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Problem, Violations};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::audit::own_entry;
use crate::audit::ERASED;
use crate::chain::Erasure;
use crate::error::Error;
use crate::state::AppState;
use crate::store;
use crate::store::audit_erasures::Erasable;

/// Entries of one transaction: their numbers must fit the particulars of the entry that tells of them.
const BATCH: usize = 200;

#[derive(Debug, Deserialize)]
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

#[derive(Debug, Serialize)]
pub(crate) struct EraseResponse {
    /// Entries of which something was erased.
    entries: usize,
}

/// POST /audit/erasures
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
        request.user_id.is_some() != !request.entries.is_empty() && request.entries.len() <= BATCH,
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
    let mut entries = 0;
    loop {
        let mut transaction = state.db.begin().await.store("begin")?;
        let found = match request.user_id {
            Some(user) => {
                let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
                store::audit_erasures::about(&mut transaction, user, limit).await?
            }
            None => store::audit_erasures::of_ids(&mut transaction, &request.entries).await?,
        };
        let numbers = |of: fn(&Erasable) -> bool| -> Vec<i64> {
            found
                .iter()
                .filter(|entry| of(entry))
                .map(|entry| entry.sequence)
                .collect()
        };
        let (who, what) = (numbers(|entry| entry.who), numbers(|entry| entry.what));
        if who.is_empty() && what.is_empty() {
            return Ok(Json(EraseResponse { entries }));
        }
        store::audit_erasures::erase(&mut transaction, &who, &what).await?;
        let erasure = Erasure {
            who: ranges(&who),
            what: ranges(&what),
        };
        let details = json!({
            "who": erasure.who, "what": erasure.what, "reason": request.reason.trim(), "entries": found.len(),
        });
        let record = own_entry(&state, &identity, ip, ERASED, "audit_log".to_owned(), details);
        store::audit::append(&mut transaction, vec![record], state.clock.now()).await?;
        transaction.commit().await.store("commit")?;
        entries += found.len();
        if found.len() < BATCH {
            return Ok(Json(EraseResponse { entries }));
        }
    }
}

/// Numbers in order as ranges, both ends included.
fn ranges(numbers: &[i64]) -> Vec<[i64; 2]> {
    let runs = numbers.chunk_by(|one, next| one + 1 == *next);
    runs.filter_map(|run| Some([*run.first()?, *run.last()?]))
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_become_ranges() {
        assert_eq!(super::ranges(&[1, 2, 3, 7, 9, 10]), [[1, 3], [7, 7], [9, 10]]);
        assert!(super::ranges(&[]).is_empty());
    }
}
