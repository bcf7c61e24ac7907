//! `/users`.

use axum::extract::State;
use chrono::{DateTime, Utc};
use common::Text;
use common::auth::{Companies, Identity, Infobases, Permission, PermissionSet};
use common::db::StoreResult;
use common::http::openapi::Answer;
use common::http::{Json, Page, PageQuery, Path, Problem, Query, etag};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::AppState;
use crate::account::{User, UserState, folded};
use crate::error::Error;
use crate::store;
use crate::store::users::Filter;

/// An account as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UserResponse {
    id: Uuid,
    email: String,
    name: String,
    role: String,
    permissions: PermissionSet,
    companies: Companies,
    infobases: Infobases,
    created_at: DateTime<Utc>,
    version: i64,
    state: UserState,
    email_verified: bool,
    locale: &'static str,
    must_change_password: bool,
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
            version: user.version,
            state: user.state,
            email_verified: user.email_verified,
            locale: user.locale.tag(),
            must_change_password: user.must_change_password,
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

/// Parameters of the list.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListUsers {
    limit: Option<u32>,
    cursor: Option<String>,
    /// Part of a name or of an address.
    q: Option<String>,
    /// Name of a role.
    role: Option<String>,
    state: Option<UserState>,
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
    if search.as_deref().is_some_and(has_zero)
        || query.role.as_deref().is_some_and(has_zero)
        || after.as_ref().is_some_and(|(name, _)| has_zero(name))
    {
        return Ok(Json(Page {
            items: Vec::new(),
            next_cursor: None,
        }));
    }
    let mut connection = state.db.acquire().await.store("acquire")?;
    let filter = Filter {
        search: search.as_deref(),
        role: query.role.as_deref(),
        state: query.state,
    };
    let users = store::users::list(&mut connection, &filter, after.as_ref(), limit + 1).await?;
    let users = users.into_iter().map(UserResponse::from).collect();
    let page = Page::from_rows(users, limit, |user: &UserResponse| (user.name.clone(), user.id));
    Ok(Json(page))
}

/// One account: one's own, or anybody's with `users:read`. Without that right, others do not exist.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<impl Answer, Problem> {
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
