//! `/commerceml/exchanges`: 1C bases that push, and what they have brought.

use axum::extract::State;
use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Page, PageQuery, Path, Problem, Query, Violations};
use common::{Text, ids};
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::infobases::{reach, reach_new};
use super::{Caller, audit};
use crate::commerceml::access;
use crate::error::Error;
use crate::infobase::Zone;
use crate::sight::Sight;
use crate::state::AppState;
use crate::store::commerceml::{self as store, Exchange, NewExchange};
use crate::store::imports::{self, Import};
use crate::store::infobases;

/// An exchange as clients see it: its password is shown once, when it is made.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ExchangeView {
    id: Uuid,
    name: String,
    time_zone: String,
    /// What is entered in 1C as the address of the site; without the site's own address when the
    /// service was not called through the gateway.
    address: String,
    login: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    created_at: DateTime<Utc>,
    /// When 1C logged in last.
    last_seen_at: Option<DateTime<Utc>>,
    /// When something was imported last.
    as_of: Option<DateTime<Utc>>,
}

impl ExchangeView {
    fn new(exchange: Exchange, headers: &HeaderMap, password: Option<String>) -> Self {
        Self {
            address: address(exchange.id, headers),
            id: exchange.id,
            name: exchange.name,
            time_zone: exchange.time_zone,
            login: exchange.login,
            password,
            created_at: exchange.created_at,
            last_seen_at: exchange.last_seen_at,
            as_of: exchange.as_of,
        }
    }
}

/// The address of the endpoint as it is seen from outside.
fn address(id: Uuid, headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let path = format!("/api/1c/commerceml/{id}/exchange");
    match text("x-forwarded-host") {
        Some(host) => {
            let scheme = text("x-forwarded-proto").unwrap_or("https");
            format!("{scheme}://{host}{path}")
        }
        None => path,
    }
}

/// `{items: […]}`: there are few, so they come at once.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ExchangeList {
    items: Vec<ExchangeView>,
}

/// An exchange to make.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewExchangeBody {
    name: String,
    #[serde(default = "moscow")]
    time_zone: String,
}

fn moscow() -> String {
    "Europe/Moscow".to_owned()
}

/// Makes an exchange. Its password is in this answer only.
pub(crate) async fn add(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    headers: HeaderMap,
    Json(new): Json<NewExchangeBody>,
) -> Result<(StatusCode, Json<ExchangeView>), Problem> {
    reach_new(&identity)?;
    let name = new.name.trim();
    let mut violations = Violations::new();
    violations.check(
        (1..=100).contains(&name.chars().count()),
        "/name",
        Text::new("От 1 до 100 символов.", "1 to 100 characters."),
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
    let password = access::secret();
    let mut transaction = state.pool.begin().await.store("begin")?;
    let login = access::login(id);
    store::exchange_insert(
        &mut transaction,
        &NewExchange {
            id,
            name,
            time_zone: &new.time_zone,
            login: &login,
            password_hash: &access::password_hash(id, &password),
        },
    )
    .await?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let details = json!({"name": name});
    audit(
        &mut transaction,
        &state,
        &caller,
        "commerceml.added",
        target(id),
        details,
    )
    .await?;
    let exchange = one(&mut transaction, &identity, id).await?;
    transaction.commit().await.store("commit")?;
    let view = ExchangeView::new(exchange, &headers, Some(password));
    Ok((StatusCode::CREATED, Json(view)))
}

fn target(id: Uuid) -> String {
    format!("infobase:{id}")
}

async fn one(
    connection: &mut sqlx::PgConnection,
    identity: &Identity,
    id: Uuid,
) -> Result<Exchange, Problem> {
    let found = store::exchange_list(connection, Some(id), &Sight::of(identity))
        .await?
        .pop();
    Ok(found.ok_or(Error::InfobaseNotFound)?)
}

/// The exchanges, the oldest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    headers: HeaderMap,
) -> Result<Json<ExchangeList>, Problem> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let exchanges = store::exchange_list(&mut connection, None, &Sight::of(&identity)).await?;
    let items = exchanges
        .into_iter()
        .map(|exchange| ExchangeView::new(exchange, &headers, None))
        .collect();
    Ok(Json(ExchangeList { items }))
}

/// Gives an exchange another password; the old one and its sessions end.
pub(crate) async fn set_password(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Json<ExchangeView>, Problem> {
    reach(&identity, id)?;
    let password = access::secret();
    let hash = access::password_hash(id, &password);
    let mut transaction = state.pool.begin().await.store("begin")?;
    if !store::exchange_set_password(&mut transaction, id, &hash).await? {
        return Err(Error::InfobaseNotFound.into());
    }
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let action = "commerceml.password_changed";
    audit(&mut transaction, &state, &caller, action, target(id), json!({})).await?;
    let exchange = one(&mut transaction, &identity, id).await?;
    transaction.commit().await.store("commit")?;
    Ok(Json(ExchangeView::new(exchange, &headers, Some(password))))
}

/// Removes an exchange with all that it has brought. It is gone at once; its rows go in parts.
pub(crate) async fn remove(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut transaction = state.pool.begin().await.store("begin")?;
    // An infobase that is called is removed as such.
    let exchange = one(&mut transaction, &identity, id).await?;
    if !infobases::lock(&mut transaction, id).await? {
        return Err(Error::InfobaseNotFound.into());
    }
    infobases::delete(&mut transaction, id).await?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let details = json!({"name": exchange.name});
    audit(
        &mut transaction,
        &state,
        &caller,
        "commerceml.removed",
        target(id),
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}

/// An import in the history.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ImportView {
    id: Uuid,
    file: String,
    /// `queued`, `running`, `succeeded` or `failed`.
    state: String,
    /// Objects read.
    objects: i64,
    /// How many of what were imported.
    counts: Value,
    error: Option<String>,
    /// What the user of 1C was told.
    message: Option<String>,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl From<Import> for ImportView {
    fn from(import: Import) -> Self {
        Self {
            id: import.id,
            file: import.name,
            state: import.state,
            objects: import.done,
            counts: import.counts,
            error: import.error_code,
            message: import.error_text,
            created_at: import.created_at,
            finished_at: import.finished_at,
        }
    }
}

/// What an exchange has brought, the latest first.
pub(crate) async fn history(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<ImportView>>, Problem> {
    let after: Option<Uuid> = page.after()?;
    let limit = page.limit();
    let mut connection = state.pool.acquire().await.store("acquire")?;
    one(&mut connection, &identity, id).await?;
    let rows = imports::history(&mut connection, id, after, limit + 1).await?;
    let rows = rows.into_iter().map(ImportView::from).collect();
    Ok(Json(Page::from_rows(rows, limit, |import: &ImportView| {
        import.id
    })))
}
