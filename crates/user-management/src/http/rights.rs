//! `PUT /users/{id}/role` and `GET /users/{id}/permissions`.

use axum::extract::State;
use common::Text;
use common::auth::{Companies, Identity, Infobases, Permission, Selected};
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::openapi::Answer;
use common::http::{IfMatch, Json, Path, Problem, Violations, etag};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::users::UserResponse;
use super::{Client, locale};
use crate::account::User;
use crate::error::Error;
use crate::record::Audited;
use crate::rights::{self, MAX_IDS, Reach, Rights, may_change, parse_selected};
use crate::roles::{ADMINISTRATOR, Role};
use crate::sessions::EndReason;
use crate::store::{self, Turn};
use crate::{AppState, login};

/// The role to give; companies and infobases stay as they are when absent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetRole {
    role: String,
    companies: Option<Vec<String>>,
    infobases: Option<Vec<String>>,
}

/// Gives a user a role, companies and infobases. The user's sessions end: they log in again, and
/// no token with the former rights stays valid.
pub(crate) async fn set_role(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
    if_match: IfMatch,
    Json(body): Json<SetRole>,
) -> Result<impl Answer, Problem> {
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
    let companies = selected(&mut violations, "/companies", body.companies.as_deref());
    let infobases = selected(&mut violations, "/infobases", body.infobases.as_deref());
    violations.finish()?;
    let user = store::users::find(&mut transaction, id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    let role = role.ok_or_else(|| Problem::internal("an unknown role was not recorded as a violation"))?;
    if_match.check(user.version)?;
    let asked = Rights {
        permissions: role.permissions,
        reach: Reach {
            companies: companies.unwrap_or_else(|| user.companies.clone()),
            infobases: infobases.unwrap_or_else(|| user.infobases.clone()),
        },
    };
    fits_into_token(&asked.reach)?;
    if user.role == role.name && user.reach() == asked.reach {
        return Ok((etag(user.version), Json(UserResponse::from(user))));
    }

    let details = json!({
        "before": assignment(&user.role, &user.reach()),
        "after": assignment(&role.name, &asked.reach),
    });
    let audited = |outcome| Audited {
        action: "users.role_changed",
        outcome,
        user: Some(id),
        details,
    };
    let actor = Some((&identity).into());
    if !may_change(&identity, &user, &asked) {
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
    let change = store::rights::assign(&mut transaction, id, &role.name, &asked.reach, now).await?;
    let ended = store::sessions::end_all(&mut transaction, id, EndReason::RoleChanged, now).await?;
    let audited = audited(Outcome::Success);
    audited
        .append(&mut transaction, &state.clock, actor, Some(&client))
        .await?;
    let user = store::users::find(&mut transaction, id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    // The tokens of the user's keys belong to no session.
    state.revoker.outdate(&[change]).await;
    Ok((etag(user.version), Json(user.into())))
}

/// The set that a request names, with its mistakes recorded under `pointer`.
pub(super) fn selected(
    violations: &mut Violations,
    pointer: &str,
    names: Option<&[String]>,
) -> Option<Selected> {
    match names.map(parse_selected)? {
        Ok(selected) => Some(selected),
        Err(wrong) => {
            for (inside, detail) in wrong {
                violations.add(&format!("{pointer}{inside}"), detail);
            }
            None
        }
    }
}

/// Refuses more ids than travel in a token.
pub(super) fn fits_into_token(reach: &Reach) -> Result<(), Problem> {
    let count = |selected: &Selected| match selected {
        Selected::All => 0,
        Selected::Some(ids) => ids.len(),
    };
    let mut violations = Violations::new();
    violations.check(
        count(&reach.companies) + count(&reach.infobases) <= MAX_IDS,
        "/infobases",
        Text::new(
            format!("Компаний и баз вместе больше {MAX_IDS}."),
            format!("Companies and infobases together are more than {MAX_IDS}."),
        ),
    );
    violations.finish()
}

fn assignment(role: &str, reach: &Reach) -> serde_json::Value {
    json!({ "role": role, "companies": reach.companies, "infobases": reach.infobases })
}

/// What a user may do, and why.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ExplanationResponse {
    user_id: Uuid,
    role: RoleName,
    permissions: Vec<PermissionExplained>,
    companies: Companies,
    infobases: Infobases,
    /// Why the companies and infobases are these.
    reach_because: String,
    /// Version of the rights that new tokens carry.
    rights_version: i64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RoleName {
    name: String,
    title: String,
    custom: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PermissionExplained {
    name: &'static str,
    title: String,
    granted: bool,
    /// False as well when the permission is granted but cannot be used.
    effective: bool,
    because: String,
    /// The roles that give it.
    roles: Vec<String>,
}

/// The rights of a user with where each comes from: one's own, or anybody's with `users:read`.
pub(crate) async fn explain(
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
    let roles = store::roles::list(&mut connection).await?;
    let version = user.version;
    Ok((etag(version), Json(explanation(user, &roles))))
}

fn explanation(user: User, roles: &[Role]) -> ExplanationResponse {
    let locale = locale();
    let role = roles.iter().find(|role| role.name == user.role);
    let role = RoleName {
        name: user.role.clone(),
        title: role.map_or(String::new(), |role| role.title.get(locale).to_owned()),
        custom: role.is_some_and(|role| role.custom),
    };
    let permissions = Permission::ALL.iter().map(|&permission| {
        let granted = user.permissions.contains(permission);
        let needs_all_companies = permission == Permission::OnecServices && !user.companies.is_all();
        let because = match (granted, needs_all_companies) {
            (true, false) => Text::new(
                format!("Даёт роль «{}».", role.title),
                format!("The role “{}” gives it.", role.title),
            ),
            (true, true) => Text::new(
                format!(
                    "Роль «{}» даёт это право, но оно действует только с доступом ко всем компаниям.",
                    role.title
                ),
                format!(
                    "The role “{}” gives it, but it works with access to all companies only.",
                    role.title
                ),
            ),
            (false, _) => Text::new(
                format!("Роль «{}» этого не даёт.", role.title),
                format!("The role “{}” does not give it.", role.title),
            ),
        };
        let giving = roles.iter().filter(|role| role.permissions.contains(permission));
        PermissionExplained {
            name: permission.as_str(),
            title: rights::title(permission).get(locale).to_owned(),
            granted,
            effective: granted && !needs_all_companies,
            because: because.get(locale).to_owned(),
            roles: giving.map(|role| role.name.clone()).collect(),
        }
    });
    let permissions = permissions.collect();
    let reach_because = Text::new(
        "Компании и базы назначены вместе с ролью; их меняет администратор.",
        "Companies and infobases were given with the role; an administrator changes them.",
    );
    ExplanationResponse {
        user_id: user.id,
        role,
        permissions,
        companies: user.companies,
        infobases: user.infobases,
        reach_because: reach_because.get(locale).to_owned(),
        rights_version: user.rights_version,
    }
}
