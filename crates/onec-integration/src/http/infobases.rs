//! `/infobases`.

use axum::extract::State;
use chrono::{DateTime, Utc};
use common::auth::{Identity, Permission};
use common::db::StoreResult;
use common::http::{ClientIp, Json, Path, Problem, Violations};
use common::{Text, ids};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::checks::ReportView;
use super::{Caller, audit, locale};
use crate::error::Error;
use crate::profile::Profiles;
use crate::settings::InfobaseSettings;
use crate::sight::Sight;
use crate::state::AppState;
use crate::store::infobases::{self, Infobase, Kind};

/// How an infobase is doing.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Condition {
    id: Uuid,
    /// The configuration's profile, once it is known.
    profile: Option<String>,
    /// What people call the configuration.
    configuration: Option<String>,
    /// Whether 1C answered the last call; null before the first.
    reachable: Option<bool>,
    last_attempt_at: Option<DateTime<Utc>>,
    /// Code of the last failure.
    error: Option<String>,
    /// The moment that the mirror is true of.
    as_of: Option<DateTime<Utc>>,
    /// Another one for each state of the mirror: as long as it is the same, so are reports of one day.
    data_version: Option<String>,
    created_at: DateTime<Utc>,
}

/// An infobase as clients see it: never its password, nor its proxy, which may hold one.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum InfobaseView {
    /// For those who may change it.
    Whole(Box<WholeView>),
    /// For all others.
    Brief {
        name: String,
        kind: Kind,
        time_zone: String,
        paused: bool,
        #[serde(flatten)]
        condition: Condition,
    },
}

/// An infobase with all its settings.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WholeView {
    #[serde(flatten)]
    settings: InfobaseSettings,
    has_proxy: bool,
    /// Named by the environment, whose settings win at each start.
    from_environment: bool,
    #[serde(flatten)]
    condition: Condition,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_check: Option<ReportView>,
}

impl InfobaseView {
    fn new(profiles: Profiles, stored: Infobase, data_version: Option<String>, viewer: &Identity) -> Self {
        let settings = InfobaseSettings::of(&stored);
        let condition = Condition {
            id: stored.id,
            configuration: stored
                .profile
                .as_deref()
                .and_then(|id| profiles.by_id(id))
                .map(|profile| profile.title.clone()),
            profile: stored.profile,
            reachable: stored.reachable,
            last_attempt_at: stored.attempted_at,
            error: stored.error_code,
            as_of: stored.as_of,
            data_version,
            created_at: stored.created_at,
        };
        if !viewer.may(Permission::OnecAdmin) {
            return Self::Brief {
                name: stored.name,
                kind: stored.kind,
                time_zone: stored.time_zone,
                paused: stored.paused,
                condition,
            };
        }
        Self::Whole(Box::new(WholeView {
            settings,
            has_proxy: stored.proxy_url.is_some(),
            from_environment: stored.from_environment,
            condition,
            last_check: stored
                .last_check
                .and_then(|check| ReportView::stored(check, locale())),
        }))
    }
}

/// `{items: […]}`: there are few, so they come at once.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InfobaseList {
    items: Vec<InfobaseView>,
}

/// The caller's infobases with any of the caller's companies.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<Json<InfobaseList>, Problem> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let stored = infobases::list(&mut connection, &Sight::of(&identity)).await?;
    let items = views(&state, &mut connection, stored, &identity).await?;
    Ok(Json(InfobaseList { items }))
}

/// Infobases with the versions of their mirrors, which only these answers tell.
async fn views(
    state: &AppState,
    connection: &mut PgConnection,
    stored: Vec<Infobase>,
    viewer: &Identity,
) -> Result<Vec<InfobaseView>, Problem> {
    let ids: Vec<Uuid> = stored.iter().map(|stored| stored.id).collect();
    let mut versions = infobases::mirror_versions(connection, &ids).await?;
    Ok(stored
        .into_iter()
        .map(|stored| {
            let version = versions.remove(&stored.id);
            InfobaseView::new(state.profiles, stored, version, viewer)
        })
        .collect())
}

async fn view(
    state: &AppState,
    connection: &mut PgConnection,
    stored: Option<Infobase>,
    viewer: &Identity,
) -> Result<InfobaseView, Problem> {
    let views = views(state, connection, stored.into_iter().collect(), viewer).await?;
    views
        .into_iter()
        .next()
        .ok_or_else(|| Error::InfobaseNotFound.into())
}

/// That an infobase is among the caller's; others do not exist.
pub(super) fn reach(identity: &Identity, id: Uuid) -> Result<(), Error> {
    if identity.infobases.contains(id) {
        Ok(())
    } else {
        Err(Error::InfobaseNotFound)
    }
}

/// That the caller may connect another infobase: with a list of infobases it would be out of reach.
pub(super) fn reach_new(identity: &Identity) -> Result<(), Error> {
    if identity.infobases.is_all() {
        Ok(())
    } else {
        Err(Error::InfobasesLimited)
    }
}

/// One infobase; it exists only for those with any of its companies.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<InfobaseView>, Problem> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let seen = infobases::list(&mut connection, &Sight::of(&identity)).await?;
    let stored = seen.into_iter().find(|stored| stored.id == id);
    Ok(Json(view(&state, &mut connection, stored, &identity).await?))
}

/// Connects an infobase; its first synchronisation begins by itself.
pub(crate) async fn add(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(new): Json<InfobaseSettings>,
) -> Result<(StatusCode, Json<InfobaseView>), Problem> {
    reach_new(&identity)?;
    let mut violations = new.violations();
    violations.check(
        new.kind == Kind::Odata,
        "/kind",
        Text::new(
            "База, которая сама передаёт данные (CommerceML), входит по своему имени и паролю: создайте её запросом POST /api/1c/commerceml/exchanges, он вернёт адрес и пароль для 1С.",
            "A base that pushes its data (CommerceML) has a login of its own: create it by POST /api/1c/commerceml/exchanges, which returns the address and the password for 1C.",
        ),
    );
    violations.finish()?;
    let id = ids::new_id();
    let mut infobase = Infobase::new(id, String::new(), new.kind);
    new.apply(&mut infobase, state.connections.vault())
        .map_err(|_| Error::Encryption)?;
    let mut transaction = state.pool.begin().await.store("begin")?;
    if infobases::insert(&mut transaction, &infobase).await?.is_none() {
        return Err(Error::InfobaseExists.into());
    }
    let caller = Caller {
        identity: &identity,
        ip,
    };
    audit(
        &mut transaction,
        &state,
        &caller,
        "infobases.added",
        format!("infobase:{id}"),
        json!({"name": infobase.name}),
    )
    .await?;
    let stored = infobases::get(&mut transaction, id).await?;
    let view = view(&state, &mut transaction, stored, &identity).await?;
    transaction.commit().await.store("commit")?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Changes settings by a merge patch (RFC 7396).
pub(crate) async fn change(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
    Json(patch): Json<Map<String, Value>>,
) -> Result<Json<InfobaseView>, Problem> {
    reach(&identity, id)?;
    let mut transaction = state.pool.begin().await.store("begin")?;
    if !infobases::lock(&mut transaction, id).await? {
        return Err(Error::InfobaseNotFound.into());
    }
    let before = infobases::get(&mut transaction, id)
        .await?
        .ok_or(Error::InfobaseNotFound)?;
    let settings = merged(&before, &patch)?;
    let mut after = before.clone();
    settings
        .apply(&mut after, state.connections.vault())
        .map_err(|_| Error::Encryption)?;
    if infobases::has_address(&mut transaction, after.base_url.as_deref(), id).await? {
        return Err(Error::InfobaseExists.into());
    }
    let anew = crate::infobase::Made::of(&before) != crate::infobase::Made::of(&after);
    infobases::update(&mut transaction, &after, anew).await?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    // Which settings, not their values: some are secret.
    let changed: Vec<&String> = patch.keys().collect();
    audit(
        &mut transaction,
        &state,
        &caller,
        "infobases.changed",
        format!("infobase:{id}"),
        json!({"name": after.name, "changed": changed}),
    )
    .await?;
    let stored = infobases::get(&mut transaction, id).await?;
    let view = view(&state, &mut transaction, stored, &identity).await?;
    transaction.commit().await.store("commit")?;
    if anew {
        state.connections.forget(id).await;
    }
    Ok(Json(view))
}

/// The settings after a patch, when they are right.
pub(super) fn merged(before: &Infobase, patch: &Map<String, Value>) -> Result<InfobaseSettings, Problem> {
    let known = InfobaseSettings::of(before);
    let after = known.patched(patch).map_err(|error| {
        // The message names the member and its form; it does not repeat the value of a string.
        let mut violations = Violations::new();
        let wrong = patch.iter().find(|(name, value)| {
            known
                .patched(&Map::from_iter([((*name).clone(), (*value).clone())]))
                .is_err()
        });
        let pointer = wrong.map_or_else(String::new, |(name, _)| format!("/{name}"));
        let is_unknown = error.to_string().starts_with("unknown field");
        let detail = if is_unknown {
            Text::new("Такой настройки нет.", "There is no such setting.")
        } else {
            Text::new("Значение не того вида.", "The value is of another form.")
        };
        violations.add(&pointer, detail);
        violations
            .finish()
            .err()
            .unwrap_or_else(|| Problem::internal(error))
    })?;
    let mut violations = after.violations();
    violations.check(
        after.kind == before.kind,
        "/kind",
        Text::new(
            "Вид базы не меняется: подключите новую.",
            "The kind of an infobase does not change: connect a new one.",
        ),
    );
    violations.finish()?;
    Ok(after)
}

/// Disconnects an infobase and deletes its mirror. It is gone at once; its rows go in parts.
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    reach(&identity, id)?;
    let mut transaction = state.pool.begin().await.store("begin")?;
    if !infobases::lock(&mut transaction, id).await? {
        return Err(Error::InfobaseNotFound.into());
    }
    let infobase = infobases::get(&mut transaction, id)
        .await?
        .ok_or(Error::InfobaseNotFound)?;
    if infobase.from_environment {
        return Err(Error::FromEnvironment.into());
    }
    infobases::delete(&mut transaction, id).await?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    audit(
        &mut transaction,
        &state,
        &caller,
        "infobases.deleted",
        format!("infobase:{id}"),
        json!({"name": infobase.name}),
    )
    .await?;
    transaction.commit().await.store("commit")?;
    state.connections.forget(id).await;
    Ok(StatusCode::NO_CONTENT)
}
