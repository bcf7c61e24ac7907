//! Links to dashboards for people without an account.
//!
//! A link shows the figures that its maker saw when it was made: nobody else's rights are used
//! later on, and no token of the maker's is kept. Whoever has the address may look until it
//! expires or is revoked.

use std::collections::BTreeMap;

use ::http::{HeaderMap, StatusCode};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Duration, Utc};
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Path, Problem, Query};
use common::telemetry::RequestContext;
use common::{Text, ids};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::dashboards::{audit, find};
use super::{PUBLIC_PREFIX, shape};
use crate::dashboards::{self, Board, Request};
use crate::error::Error;
use crate::state::AppState;
use crate::store::dashboards::{self as store, LinkRow};

/// Days that a link lives at most.
const MOST_DAYS: u32 = 90;
/// Width of a picture unless asked otherwise, in pixels.
const WIDE: u32 = 1200;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkRequest {
    /// The range instead of that of the dashboard.
    from: Option<String>,
    to: Option<String>,
    company: Option<Uuid>,
    infobase: Option<Uuid>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default = "week")]
    expires_in_days: u32,
}

const fn week() -> u32 {
    7
}

/// A link as its maker sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LinkInfo {
    id: Uuid,
    /// Told once, when the link is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

fn info(row: LinkRow, url: Option<String>) -> LinkInfo {
    LinkInfo {
        id: row.id,
        url,
        created_at: row.created_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
    }
}

/// Makes a link to a snapshot of a dashboard, for people without an account.
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<String>,
    Json(request): Json<LinkRequest>,
) -> Result<Response, Error> {
    if !(1..=MOST_DAYS).contains(&request.expires_in_days) {
        return Err(Error::member(
            "/expires_in_days",
            Text::new(
                format!("От 1 до {MOST_DAYS} дней."),
                format!("1 to {MOST_DAYS} days."),
            ),
        ));
    }
    let found = find(&state, &identity, &id).await?;
    let wanted = Request {
        from: request.from,
        to: request.to,
        zone: None,
        company: request.company,
        infobase: request.infobase,
        variables: request.variables,
        refresh: false,
    };
    let locale = RequestContext::current_locale();
    let mut board = dashboards::build(
        &state,
        &identity,
        &found.id,
        found.version,
        &found.definition,
        &wanted,
        locale,
    )
    .await?;
    for panel in &mut board.panels {
        // Those who follow the link have no account to follow these with.
        panel.drill_down = serde_json::Value::Null;
    }
    let mut secret = [0; 32];
    aws_lc_rs::rand::fill(&mut secret).map_err(|_| Problem::internal("the system gives no randomness"))?;
    let token = hex::encode(secret);
    let now = state.clock.now();
    let row = LinkRow {
        id: ids::new_id(),
        dashboard: found.id,
        created_at: now,
        expires_at: now + Duration::days(i64::from(request.expires_in_days)),
        revoked_at: None,
    };
    let mut transaction = state.db.begin().await.store("begin")?;
    let snapshot = serde_json::to_value(&board)?;
    store::insert_link(&mut transaction, &row, identity.user_id, &hash(&token), &snapshot).await?;
    let details = json!({"link": row.id, "expires_at": row.expires_at});
    let name = row.dashboard.clone();
    audit(
        &mut transaction,
        &state,
        &identity,
        ip,
        "dashboards.link_created",
        &name,
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    let url = format!("{PUBLIC_PREFIX}/shared/dashboards/{token}");
    Ok((StatusCode::CREATED, Json(info(row, Some(url)))).into_response())
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LinkList {
    items: Vec<LinkInfo>,
}

/// Links to a dashboard.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<LinkList>, Error> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let links = store::links(&mut connection, &id, identity.user_id).await?;
    Ok(Json(LinkList {
        items: links.into_iter().map(|row| info(row, None)).collect(),
    }))
}

/// Revokes a link.
pub(crate) async fn revoke(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path((id, link)): Path<(String, Uuid)>,
) -> Result<StatusCode, Error> {
    let mut transaction = state.db.begin().await.store("begin")?;
    let now = state.clock.now();
    if !store::revoke_link(&mut transaction, link, &id, identity.user_id, now).await? {
        return Err(Error::NotFound);
    }
    let details = json!({"link": link});
    audit(
        &mut transaction,
        &state,
        &identity,
        ip,
        "dashboards.link_revoked",
        &id,
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}

/// The snapshot of a dashboard, for everybody who has the address.
pub(crate) async fn shared(
    State(state): State<AppState>,
    Path(token): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    // What is shown was chosen by the maker; only its form is left to choose.
    let looks: BTreeMap<String, String> = query
        .into_iter()
        .filter(|(name, _)| matches!(name.as_str(), "format" | "theme" | "width" | "scale"))
        .collect();
    let (_, shape) = shape::read(&looks, &headers, WIDE)?;
    let mut connection = state.db.acquire().await.store("acquire")?;
    let shared = store::shared(&mut connection, &hash(&token)).await?;
    drop(connection);
    let shared = shared.ok_or(Error::NotFound)?;
    if shared.revoked_at.is_some() {
        return Err(Error::LinkRevoked);
    }
    let snapshot = shared
        .snapshot
        .filter(|_| shared.expires_at > state.clock.now())
        .ok_or(Error::LinkExpired)?;
    let board: Board = serde_json::from_value(snapshot)?;
    Ok(shape::respond(&board, shape, &headers).await?)
}
