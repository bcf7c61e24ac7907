//! `/roles` and `/permissions`.

use ::http::StatusCode;
use axum::extract::State;
use common::auth::{Identity, Permission, PermissionSet};
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::openapi::Answer;
use common::http::{IfMatch, Json, Page, Path, Problem, Violations, etag};
use common::{Locale, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;

use super::{Client, locale};
use crate::account::PersonName;
use crate::error::Error;
use crate::record::Audited;
use crate::rights::{self, Reach, Rights};
use crate::roles::{MAX_CUSTOM, Role, parse_name, parse_permissions};
use crate::store::{self, Turn};
use crate::{AppState, login};

/// A role as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RoleResponse {
    name: String,
    title: String,
    /// The title in both languages, for who edits it.
    titles: Titles,
    permissions: PermissionSet,
    custom: bool,
    version: i64,
}

impl RoleResponse {
    fn new(role: Role, locale: Locale) -> Self {
        Self {
            title: role.title.get(locale).to_owned(),
            titles: Titles {
                ru: role.title.get(Locale::Ru).to_owned(),
                en: Some(role.title.get(Locale::En).to_owned()),
            },
            name: role.name,
            permissions: role.permissions,
            custom: role.custom,
            version: role.version,
        }
    }
}

/// All roles with their permissions; there are few, so that the list has one page.
pub(crate) async fn list(State(state): State<AppState>) -> Result<Json<Page<RoleResponse>>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let roles = store::roles::list(&mut connection).await?;
    let locale = locale();
    let items = roles
        .into_iter()
        .map(|role| RoleResponse::new(role, locale))
        .collect();
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// One role.
pub(crate) async fn get(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<impl Answer, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let role = find(&mut connection, &name).await?;
    Ok((etag(role.version), Json(RoleResponse::new(role, locale()))))
}

/// A permission as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PermissionResponse {
    name: &'static str,
    title: String,
}

/// All permissions, of which roles are made.
pub(crate) async fn permissions() -> Json<Page<PermissionResponse>> {
    let locale = locale();
    let items = Permission::ALL.iter().map(|permission| PermissionResponse {
        name: permission.as_str(),
        title: rights::title(*permission).get(locale).to_owned(),
    });
    Json(Page {
        items: items.collect(),
        next_cursor: None,
    })
}

/// A title in both languages; the Russian one stands for the English one that is absent.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Titles {
    ru: String,
    en: Option<String>,
}

/// A role to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRole {
    name: String,
    titles: Titles,
    permissions: Vec<String>,
}

/// What may be changed about a role.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangedRole {
    titles: Titles,
    permissions: Vec<String>,
}

/// Makes a role of permissions that the caller has.
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Json(body): Json<NewRole>,
) -> Result<impl Answer, Problem> {
    let mut violations = Violations::new();
    if let Err(detail) = parse_name(&body.name) {
        violations.add("/name", detail);
    }
    let (title, permissions) = checked(&mut violations, &body.titles, &body.permissions);
    violations.finish()?;
    let role = Role {
        name: body.name,
        title,
        permissions,
        custom: true,
        version: 1,
    };
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    store::take_turn(&mut transaction, Turn::Roles).await?;
    let act = Act {
        state: &state,
        identity: &identity,
        client: &client,
        action: "roles.created",
        role: &role.name,
        details: json!({ "permissions": role.permissions }),
    };
    if !identity.permissions.covers(role.permissions) {
        act.refuse(&mut transaction).await?;
        transaction.commit().await.store("commit")?;
        return Err(Error::BeyondOwnRights.into());
    }
    let roles = store::roles::list(&mut transaction).await?;
    let custom = roles.iter().filter(|role| role.custom).count();
    if i64::try_from(custom).unwrap_or(i64::MAX) >= MAX_CUSTOM {
        return Err(Error::TooManyRoles.into());
    }
    store::roles::insert(&mut transaction, &role, state.clock.now())
        .await
        .map_err(|error| {
            if error.breaks(store::roles::NAME_KEY) {
                Error::RoleNameTaken
            } else {
                error.into()
            }
        })?;
    act.record(&mut transaction).await?;
    transaction.commit().await.store("commit")?;
    let response = RoleResponse::new(role, locale());
    Ok((StatusCode::CREATED, etag(response.version), Json(response)))
}

/// Changes a role, and with it the rights of everybody who has it: their tokens are refused from
/// then on, and a refresh gives new ones.
pub(crate) async fn replace(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(name): Path<String>,
    if_match: IfMatch,
    Json(body): Json<ChangedRole>,
) -> Result<impl Answer, Problem> {
    let mut violations = Violations::new();
    let (title, permissions) = checked(&mut violations, &body.titles, &body.permissions);
    violations.finish()?;
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    store::take_turn(&mut transaction, Turn::Roles).await?;
    let before = find_custom(&mut transaction, &name).await?;
    if_match.check(before.version)?;
    let mut role = Role {
        title,
        permissions,
        ..before.clone()
    };
    let act = Act {
        state: &state,
        identity: &identity,
        client: &client,
        action: "roles.changed",
        role: &name,
        details: json!({
            "before": { "permissions": before.permissions },
            "after": { "permissions": role.permissions },
        }),
    };
    let held = store::roles::holders(&mut transaction, &name).await? > 0;
    let allowed =
        may_define(&identity, before.permissions, held) && may_define(&identity, role.permissions, held);
    if !allowed {
        act.refuse(&mut transaction).await?;
        transaction.commit().await.store("commit")?;
        return Err(Error::BeyondOwnRights.into());
    }
    role.version = store::roles::update(&mut transaction, &role).await?;
    let changes = if role.permissions == before.permissions {
        Vec::new()
    } else {
        store::rights::role_changed(&mut transaction, &name, state.clock.now()).await?
    };
    act.record(&mut transaction).await?;
    transaction.commit().await.store("commit")?;
    state.revoker.outdate(&changes).await;
    Ok((etag(role.version), Json(RoleResponse::new(role, locale()))))
}

/// Deletes a role that nobody has.
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(name): Path<String>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    store::take_turn(&mut transaction, Turn::Roles).await?;
    let role = find_custom(&mut transaction, &name).await?;
    if_match.check(role.version)?;
    let act = Act {
        state: &state,
        identity: &identity,
        client: &client,
        action: "roles.deleted",
        role: &name,
        details: json!({ "permissions": role.permissions }),
    };
    if !may_define(&identity, role.permissions, false) {
        act.refuse(&mut transaction).await?;
        transaction.commit().await.store("commit")?;
        return Err(Error::BeyondOwnRights.into());
    }
    let holders = store::roles::holders(&mut transaction, &name).await?;
    if holders > 0 {
        return Err(Error::RoleInUse { holders }.into());
    }
    store::roles::delete(&mut transaction, &name)
        .await
        .map_err(|error| {
            if error.breaks_foreign_key() {
                Error::RoleInUse { holders }
            } else {
                error.into()
            }
        })?;
    act.record(&mut transaction).await?;
    transaction.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(connection: &mut PgConnection, name: &str) -> Result<Role, Error> {
    let roles = store::roles::list(connection).await?;
    roles
        .into_iter()
        .find(|role| role.name == name)
        .ok_or(Error::RoleNotFound)
}

async fn find_custom(connection: &mut PgConnection, name: &str) -> Result<Role, Error> {
    let role = find(connection, name).await?;
    if role.custom {
        Ok(role)
    } else {
        Err(Error::RoleBuiltIn)
    }
}

/// True when the caller may say that a role has these permissions. Once somebody has the role, its
/// permissions count for the data of any of them.
fn may_define(identity: &Identity, permissions: PermissionSet, held: bool) -> bool {
    let own = Rights::from(identity);
    let reach = if held { Reach::ALL } else { own.reach.clone() };
    own.covers(&Rights { permissions, reach })
}

fn checked(violations: &mut Violations, titles: &Titles, permissions: &[String]) -> (Text, PermissionSet) {
    let mut title = |text: &str, pointer: &str| match PersonName::parse(text) {
        Ok(title) => title.as_str().to_owned(),
        Err(_) => {
            violations.add(
                pointer,
                Text::new(
                    "Нужно название от 1 до 100 символов без управляющих.",
                    "Must be a title of 1 to 100 characters without control characters.",
                ),
            );
            String::new()
        }
    };
    let ru = title(&titles.ru, "/titles/ru");
    let en = titles.en.as_deref().map(|en| title(en, "/titles/en"));
    let en = en.unwrap_or_else(|| ru.clone());
    let permissions = match parse_permissions(permissions) {
        Ok(permissions) => permissions,
        Err(wrong) => {
            for (pointer, detail) in wrong {
                violations.add(&format!("/permissions{pointer}"), detail);
            }
            PermissionSet::EMPTY
        }
    };
    (Text::new(ru, en), permissions)
}

/// Something done to a role, for the audit log.
struct Act<'a> {
    state: &'a AppState,
    identity: &'a Identity,
    client: &'a Client,
    action: &'static str,
    role: &'a str,
    details: serde_json::Value,
}

impl Act<'_> {
    async fn record(self, connection: &mut PgConnection) -> Result<(), Error> {
        self.append(connection, Outcome::Success).await
    }

    async fn refuse(self, connection: &mut PgConnection) -> Result<(), Error> {
        self.append(connection, Outcome::Denied).await
    }

    async fn append(self, connection: &mut PgConnection, outcome: Outcome) -> Result<(), Error> {
        let audited = Audited {
            action: self.action,
            outcome,
            user: None,
            details: self.details,
        };
        let target = Some(format!("role:{}", self.role));
        let actor = Some(self.identity.into());
        audited
            .append_about(connection, &self.state.clock, target, actor, Some(self.client))
            .await?;
        Ok(())
    }
}
