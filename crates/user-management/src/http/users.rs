//! `/users`.

use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use common::Text;
use common::auth::{Companies, Identity, Infobases, Permission, PermissionSet};
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Page, PageQuery, Path, Problem, Query};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::Client;
use super::etag::etag;
use crate::AppState;
use crate::account::{PersonName, User, folded};
use crate::error::Error;
use crate::record::Audited;
use crate::store;

/// An account as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct UserResponse {
    id: Uuid,
    email: String,
    name: String,
    role: String,
    permissions: PermissionSet,
    companies: Companies,
    infobases: Infobases,
    created_at: DateTime<Utc>,
    kind: &'static str,
    version: i64,
}

impl From<User> for UserResponse {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email.as_str().to_owned(),
            name: user.name,
            role: user.role,
            permissions: user.permissions,
            companies: user.companies,
            infobases: user.infobases,
            created_at: user.created_at,
            kind: user.kind.as_str(),
            version: user.version,
        }
    }
}

/// The caller's own account, as the database has it now.
pub(crate) async fn me(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<Json<UserResponse>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let user = store::users::find(&mut connection, identity.user_id).await?;
    Ok(Json(user.ok_or(Error::UserNotFound)?.into()))
}

/// What users may change about themselves. Anything else, such as a role, is refused rather than
/// ignored.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateMe {
    name: String,
}

pub(crate) async fn update_me(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Json(body): Json<UpdateMe>,
) -> Result<Json<UserResponse>, Problem> {
    let name = match PersonName::parse(&body.name) {
        Ok(name) => name,
        Err(detail) => return Err(violation("/name", detail)),
    };
    let mut transaction = state.db.begin().await.store("begin")?;
    let user = store::users::find(&mut transaction, identity.user_id).await?;
    let mut user = user.ok_or(Error::UserNotFound)?;
    if user.name != name.as_str() {
        store::users::rename(&mut transaction, &user, &name, state.clock.now()).await?;
        name.as_str().clone_into(&mut user.name);
        user.version += 1;
        let audited = Audited {
            action: "users.profile_changed",
            outcome: Outcome::Success,
            user: Some(user.id),
            details: json!({ "changed": ["name"] }),
        };
        let actor = Some((&identity).into());
        audited
            .append(&mut transaction, &state.clock, actor, Some(&client))
            .await?;
        transaction.commit().await.store("commit")?;
    }
    Ok(Json(user.into()))
}

/// Parameters of the list.
#[derive(Debug, Deserialize)]
pub(crate) struct ListUsers {
    limit: Option<u32>,
    cursor: Option<String>,
    /// Part of a name or of an address.
    q: Option<String>,
}

/// Users by name.
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListUsers>,
) -> Result<Json<Page<UserResponse>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let (limit, after) = (page.limit(), page.after::<(String, Uuid)>()?);
    let search = query.q.map(|q| folded(&q)).filter(|q| !q.is_empty());
    // PostgreSQL has no zero character in texts, so that nothing can be found by one or after one.
    let has_zero = |text: &str| text.contains('\0');
    if search.as_deref().is_some_and(has_zero) || after.as_ref().is_some_and(|(name, _)| has_zero(name)) {
        return Ok(Json(Page {
            items: Vec::new(),
            next_cursor: None,
        }));
    }
    let mut connection = state.db.acquire().await.store("acquire")?;
    let users = store::users::list(&mut connection, search.as_deref(), after.as_ref(), limit + 1).await?;
    let users = users.into_iter().map(UserResponse::from).collect();
    let page = Page::from_rows(users, limit, |user: &UserResponse| (user.name.clone(), user.id));
    Ok(Json(page))
}

/// One account: one's own, or anybody's with `users:read`. Without that right, others do not exist.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<impl IntoResponse, Problem> {
    if id != identity.user_id && !identity.may(Permission::UsersRead) {
        return Err(Error::UserNotFound.into());
    }
    let mut connection = state.db.acquire().await.store("acquire")?;
    let user = store::users::find(&mut connection, id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    Ok((etag(user.version), Json(UserResponse::from(user))))
}

pub(super) fn violation(pointer: &str, detail: Text) -> Problem {
    Problem::validation(vec![common::http::FieldError {
        pointer: pointer.to_owned(),
        detail,
    }])
}
