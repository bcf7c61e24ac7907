//! `/users/me/sessions` and `/users/{id}/sessions`.

use ::http::StatusCode;
use axum::extract::State;
use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Page, Path, Problem};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::Client;
use crate::error::Error;
use crate::record::Audited;
use crate::rights::may_change;
use crate::sessions::{EndReason, Ended};
use crate::store::sessions::Listed;
use crate::{AppState, store};

/// A session as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionResponse {
    id: Uuid,
    /// Whether it is the one that asks.
    current: bool,
    /// `bearer` for a program, `cookie` for a browser.
    kind: String,
    client_id: Option<String>,
    user_agent: Option<String>,
    /// Where it was opened.
    ip: Option<String>,
    created_at: DateTime<Utc>,
    last_ip: Option<String>,
    last_seen_at: DateTime<Utc>,
    /// How the user proved who they are (RFC 8176), and when last.
    methods: Vec<String>,
    authenticated_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

fn response(session: Listed, identity: &Identity) -> SessionResponse {
    SessionResponse {
        current: session.id == identity.session_id,
        id: session.id,
        kind: session.kind,
        client_id: session.client_id,
        user_agent: session.user_agent,
        ip: session.ip,
        created_at: session.created_at,
        last_ip: session.last_ip,
        last_seen_at: session.last_seen_at.unwrap_or(session.created_at),
        methods: session.amr,
        authenticated_at: session.auth_time,
        expires_at: session.refresh_expires_at,
    }
}

async fn page(
    state: &AppState,
    identity: &Identity,
    user: Uuid,
) -> Result<Json<Page<SessionResponse>>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let sessions = store::sessions::list(&mut connection, user, state.clock.now()).await?;
    let items = sessions
        .into_iter()
        .map(|session| response(session, identity))
        .collect();
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// The caller's sessions, the one that was used last first. One person has few, so that the list
/// has one page.
pub(crate) async fn own(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<Json<Page<SessionResponse>>, Problem> {
    page(&state, &identity, identity.user_id).await
}

/// Ends one session of the caller.
pub(crate) async fn end_own(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    end(&state, &identity, &client, identity.user_id, Some(id)).await
}

/// Ends all sessions of the caller but the one that asks.
pub(crate) async fn end_others(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
) -> Result<StatusCode, Problem> {
    end(&state, &identity, &client, identity.user_id, None).await
}

/// The sessions of somebody.
pub(crate) async fn of_user(
    State(state): State<AppState>,
    identity: Identity,
    Path(user): Path<Uuid>,
) -> Result<Json<Page<SessionResponse>>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    store::users::find(&mut connection, user)
        .await?
        .ok_or(Error::UserNotFound)?;
    drop(connection);
    page(&state, &identity, user).await
}

/// Ends one session of somebody.
pub(crate) async fn end_of_user(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path((user, id)): Path<(Uuid, Uuid)>,
) -> Result<StatusCode, Problem> {
    end(&state, &identity, &client, user, Some(id)).await
}

/// Ends all sessions of somebody, but not the one that asks.
pub(crate) async fn end_all_of_user(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(user): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    end(&state, &identity, &client, user, None).await
}

/// Ends one session of the user, or all but the caller's own.
async fn end(
    state: &AppState,
    identity: &Identity,
    client: &Client,
    user: Uuid,
    session: Option<Uuid>,
) -> Result<StatusCode, Problem> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    let target = store::users::find_steady(&mut transaction, user).await?;
    let target = target.ok_or(Error::UserNotFound)?;
    let own = user == identity.user_id;
    if !own && !may_change(identity, &target, &target.rights()) {
        return Err(Error::BeyondOwnRights.into());
    }
    let reason = EndReason::Revoked;
    let ended: Vec<Ended> = match session {
        Some(id) => {
            let ended = store::sessions::end(&mut transaction, id, user, reason, now).await?;
            vec![ended.ok_or(Error::SessionNotFound)?]
        }
        None => store::sessions::end_others(&mut transaction, user, identity.session_id, reason, now).await?,
    };
    let audited = Audited {
        action: "users.sessions_ended",
        outcome: Outcome::Success,
        user: Some(user),
        details: json!({ "sessions": ended.iter().map(|ended| ended.id).collect::<Vec<_>>() }),
    };
    audited
        .append(
            &mut transaction,
            &state.clock,
            Some(identity.into()),
            Some(client),
        )
        .await?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    Ok(StatusCode::NO_CONTENT)
}
