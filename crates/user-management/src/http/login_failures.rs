//! `/users/{id}/unlock`.

use ::http::StatusCode;
use axum::extract::State;
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Path, Problem};
use serde_json::json;
use uuid::Uuid;

use super::Client;
use crate::account::AccountKey;
use crate::error::Error;
use crate::record::Audited;
use crate::second_factors::failures_key;
use crate::{AppState, store};

/// Forgets the failed logins of somebody, so that they need not wait. It gives nobody any right,
/// and so it may be done for those who have more than the caller.
pub(crate) async fn unlock(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let user = store::users::find(&mut transaction, id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    for key in [AccountKey::of(user.email.as_str()), failures_key(&user)] {
        store::login_failures::clear(&mut transaction, key).await?;
    }
    let audited = Audited {
        action: "users.login_unlocked",
        outcome: Outcome::Success,
        user: Some(id),
        details: json!({}),
    };
    let actor = Some((&identity).into());
    audited
        .append(&mut transaction, &state.clock, actor, Some(&client))
        .await?;
    transaction.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}
