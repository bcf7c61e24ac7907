//! `/users`.

use axum::extract::State;
use chrono::{DateTime, Utc};
use common::Text;
use common::auth::{Companies, Identity, Permission, PermissionSet};
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Page, PageQuery, Path, Problem, Query, Violations};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::Client;
use crate::account::{User, UserState, folded};
use crate::error::Error;
use crate::record::Audited;
use crate::roles::{ADMINISTRATOR, may_change, parse_companies};
use crate::sessions::EndReason;
use crate::store::users::Filter;
use crate::store::{self, Turn};
use crate::{AppState, login};

/// An account as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct UserResponse {
    id: Uuid,
    email: String,
    name: String,
    role: String,
    permissions: PermissionSet,
    companies: Companies,
    created_at: DateTime<Utc>,
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
            created_at: user.created_at,
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
#[derive(Debug, Deserialize)]
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
) -> Result<Json<UserResponse>, Problem> {
    if id != identity.user_id && !identity.may(Permission::UsersRead) {
        return Err(Error::UserNotFound.into());
    }
    let mut connection = state.db.acquire().await.store("acquire")?;
    let user = store::users::find(&mut connection, id).await?;
    Ok(Json(user.ok_or(Error::UserNotFound)?.into()))
}

/// The role to give; companies stay as they are when absent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetRole {
    role: String,
    companies: Option<Vec<String>>,
}

/// Gives a user a role and companies. The user's sessions end, so that no token with the former
/// rights stays valid: they log in again.
pub(crate) async fn set_role(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
    Json(body): Json<SetRole>,
) -> Result<Json<UserResponse>, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    store::take_turn(&mut transaction, Turn::Roles).await?;
    let roles = store::roles::list(&mut transaction).await?;
    let mut violations = Violations::new();
    let role = roles.into_iter().find(|role| role.name == body.role);
    violations.check(
        role.is_some(),
        "/role",
        Text::new("Такой роли нет.", "There is no such role."),
    );
    let companies = match body.companies.as_deref().map(parse_companies).transpose() {
        Ok(companies) => companies,
        Err(wrong) => {
            for (pointer, detail) in wrong {
                violations.add(&format!("/companies{pointer}"), detail);
            }
            None
        }
    };
    violations.finish()?;
    let user = store::users::find(&mut transaction, id).await?;
    let mut user = user.ok_or(Error::UserNotFound)?;
    let role = role.ok_or_else(|| Problem::internal("an unknown role was not recorded as a violation"))?;
    let companies = companies.unwrap_or_else(|| user.companies.clone());
    if user.role == role.name && user.companies == companies {
        return Ok(Json(user.into()));
    }

    let details = json!({
        "before": { "role": user.role, "companies": user.companies },
        "after": { "role": role.name, "companies": companies },
    });
    let audited = |outcome| Audited {
        action: "users.role_changed",
        outcome,
        user: Some(id),
        details,
    };
    let actor = Some((&identity).into());
    if !may_change(&identity, &user, role.permissions, &companies) {
        let audited = audited(Outcome::Denied);
        audited
            .append(&mut transaction, &state.clock, actor, Some(&client))
            .await?;
        transaction.commit().await.store("commit")?;
        return Err(Error::BeyondOwnRights.into());
    }
    let takes_administrator = user.role == ADMINISTRATOR && role.name != ADMINISTRATOR;
    if takes_administrator && store::users::count_with_role(&mut transaction, ADMINISTRATOR).await? <= 1 {
        return Err(Error::LastAdministrator.into());
    }
    let now = state.clock.now();
    store::users::set_role(&mut transaction, id, &role.name, &companies, now).await?;
    let ended = store::sessions::end_all(&mut transaction, id, EndReason::RoleChanged, now).await?;
    let audited = audited(Outcome::Success);
    audited
        .append(&mut transaction, &state.clock, actor, Some(&client))
        .await?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;

    user.role = role.name;
    user.permissions = role.permissions;
    user.companies = companies;
    Ok(Json(user.into()))
}

pub(super) fn violation(pointer: &str, detail: Text) -> Problem {
    Problem::validation(vec![common::http::FieldError {
        pointer: pointer.to_owned(),
        detail,
    }])
}
