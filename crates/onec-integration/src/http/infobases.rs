//! `/infobases`.

use axum::extract::State;
use chrono::{DateTime, Utc};
use common::auth::{Identity, Permission};
use common::db::StoreResult;
use common::http::{ClientIp, Json, Problem, Violations};
use common::{Text, ids};
use http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::{Caller, audit};
use crate::error::Error;
use crate::infobase::{Zone, service_root};
use crate::state::AppState;
use crate::store::infobases::{self, Infobase, Kind};

/// An infobase as clients see it: never its password.
#[derive(Debug, Serialize)]
pub(crate) struct InfobaseView {
    id: Uuid,
    name: String,
    /// For those who may change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<String>,
    /// For those who may change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    time_zone: String,
    /// The configuration's profile, once it is known.
    profile: Option<String>,
    /// Whether 1C answered the last call; null before the first.
    reachable: Option<bool>,
    last_attempt_at: Option<DateTime<Utc>>,
    /// Code of the last failure.
    error: Option<String>,
    /// The moment that the mirror is true of.
    as_of: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl InfobaseView {
    fn new(stored: infobases::Infobase, viewer: &Identity) -> Self {
        let is_admin = viewer.may(Permission::OnecAdmin);
        Self {
            id: stored.id,
            name: stored.name,
            base_url: stored.base_url.filter(|_| is_admin),
            username: is_admin.then_some(stored.username),
            time_zone: stored.time_zone,
            profile: stored.profile,
            reachable: stored.reachable,
            last_attempt_at: stored.attempted_at,
            error: stored.error_code,
            as_of: stored.as_of,
            created_at: stored.created_at,
        }
    }
}

/// `{items: […]}`: there are few, so they come at once.
#[derive(Debug, Serialize)]
pub(crate) struct InfobaseList {
    items: Vec<InfobaseView>,
}

/// The infobases with any of the caller's companies.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<Json<InfobaseList>, Problem> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let restriction = identity.companies.restriction();
    let items = infobases::list(&mut connection, restriction.as_deref()).await?;
    Ok(Json(InfobaseList {
        items: items
            .into_iter()
            .map(|stored| InfobaseView::new(stored, &identity))
            .collect(),
    }))
}

/// An infobase to connect.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddInfobase {
    name: String,
    base_url: Url,
    username: String,
    #[serde(default)]
    password: SecretString,
    #[serde(default = "moscow")]
    time_zone: String,
}

fn moscow() -> String {
    "Europe/Moscow".to_owned()
}

/// Connects an infobase; its first synchronisation begins by itself.
pub(crate) async fn add(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(new): Json<AddInfobase>,
) -> Result<(StatusCode, Json<InfobaseView>), Problem> {
    let name = new.name.trim();
    let root = service_root(&new.base_url);
    let mut violations = Violations::new();
    violations.check(
        (1..=100).contains(&name.chars().count()),
        "/name",
        Text::new("От 1 до 100 символов.", "1 to 100 characters."),
    );
    violations.check(
        root.is_some(),
        "/base_url",
        Text::new(
            "Нужен адрес http или https.",
            "An http or https address is needed.",
        ),
    );
    violations.check(
        !new.username.trim().is_empty(),
        "/username",
        Text::new("Укажите имя пользователя 1С.", "Name the 1C user."),
    );
    violations.check(
        Zone::parse(&new.time_zone).is_some(),
        "/time_zone",
        Text::new(
            "Укажите часовой пояс из базы IANA, например Europe/Moscow.",
            "Name a zone of the IANA database, such as Europe/Moscow.",
        ),
    );
    violations.finish()?;
    let id = ids::new_id();
    let mut infobase = Infobase::new(id, name.to_owned(), Kind::Odata);
    infobase.base_url = root.map(String::from);
    new.username.trim().clone_into(&mut infobase.username);
    infobase.time_zone = new.time_zone;
    infobase.password = state
        .connections
        .vault()
        .seal(id, &new.password)
        .map_err(|_| Error::Encryption)?;
    let mut transaction = state.pool.begin().await.store("begin")?;
    if infobases::insert(&mut transaction, &infobase).await?.is_none() {
        return Err(Error::InfobaseExists.into());
    }
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let details = json!({"name": name});
    audit(
        &mut transaction,
        &state,
        &caller,
        "infobases.added",
        format!("infobase:{id}"),
        details,
    )
    .await?;
    let stored = infobases::get(&mut transaction, id)
        .await?
        .ok_or(Error::InfobaseNotFound)?;
    transaction.commit().await.store("commit")?;
    let view = InfobaseView::new(stored, &identity);
    Ok((StatusCode::CREATED, Json(view)))
}
