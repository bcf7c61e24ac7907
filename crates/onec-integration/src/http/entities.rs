//! `/entities`: what an infobase publishes, whatever its configuration.

use axum::extract::State;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Cursor, Json, Page, PageQuery, Path, Problem, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::infobases::reach;
use super::{Caller, audit};
use crate::catalogue::access::{Entity, rows_type};
use crate::error::Error;
use crate::infobase::Connection;
use crate::reports::choose_infobase;
use crate::state::AppState;
use crate::store::catalogue::{self, StoredFunction, StoredProperty, Wanted};
use crate::store::infobases::{self, Infobase};

/// Which sets are listed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    infobase: Option<Uuid>,
    /// `Catalog`, `Document`, …
    kind: Option<String>,
    /// A part of the name.
    q: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// A set in the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EntityItem {
    name: String,
    kind: String,
    /// The set that a tabular part belongs to.
    owner: Option<String>,
    /// How many properties it has.
    properties: i64,
}

/// Published sets by name.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<EntityItem>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let after: Option<String> = page.after()?;
    let limit = page.limit();
    let (infobase, _) = open(&state, &identity, query.infobase).await?;
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let wanted = Wanted {
        kind: query.kind.as_deref(),
        part: query.q.as_deref().map(str::trim),
        after: after.as_deref(),
        limit: limit + 1,
    };
    let found = catalogue::list(&mut connection, infobase.id, &wanted).await?;
    let items = found
        .into_iter()
        .map(|listed| EntityItem {
            name: listed.name,
            kind: listed.kind,
            owner: listed.owner,
            properties: listed.properties,
        })
        .collect();
    Ok(Json(Page::from_rows(items, limit, |item: &EntityItem| {
        item.name.clone()
    })))
}

/// Which infobase.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfInfobase {
    infobase: Option<Uuid>,
}

/// A set with all that is known about it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EntityView {
    infobase_id: Uuid,
    name: String,
    kind: String,
    owner: Option<String>,
    properties: Vec<PropertyView>,
    parts: Vec<PartView>,
    functions: Vec<FunctionView>,
}

/// A property.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PropertyView {
    name: String,
    /// `Edm.String`, `Edm.Guid`, …
    r#type: String,
    nullable: bool,
    is_key: bool,
    /// The set that a reference leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// The name to walk to the object by, in filters, and to ask for its name by, in `expand`.
    #[serde(skip_serializing_if = "Option::is_none")]
    navigation: Option<String>,
    /// True for a reference of several types: which one is in `X_Type`.
    is_composite: bool,
}

/// A tabular part.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PartView {
    /// Name of the property that holds it.
    name: String,
    properties: Vec<PropertyView>,
}

/// A function or action.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FunctionView {
    name: String,
    /// True when it changes something.
    is_action: bool,
    returns: Option<String>,
    parameters: Vec<ParameterView>,
}

/// A parameter.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ParameterView {
    name: String,
    r#type: String,
}

fn views(properties: &[StoredProperty]) -> Vec<PropertyView> {
    properties
        .iter()
        .map(|property| {
            let kind = format!("{}_Type", property.name);
            PropertyView {
                name: property.name.clone(),
                r#type: property.edm_type.clone(),
                nullable: property.nullable,
                is_key: property.is_key,
                target: property.target.clone(),
                navigation: property.navigation.clone(),
                is_composite: properties.iter().any(|other| other.name == kind),
            }
        })
        .collect()
}

impl From<StoredFunction> for FunctionView {
    fn from(function: StoredFunction) -> Self {
        let parameters = function.parameters.into_iter().zip(function.parameter_types);
        Self {
            name: function.name,
            is_action: function.side_effecting,
            returns: function.return_type,
            parameters: parameters
                .map(|(name, r#type)| ParameterView { name, r#type })
                .collect(),
        }
    }
}

/// One set.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    Path(name): Path<String>,
    Query(query): Query<OfInfobase>,
) -> Result<Json<EntityView>, Problem> {
    let (infobase, _) = open(&state, &identity, query.infobase).await?;
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let entity = load(&mut connection, infobase.id, &name).await?;
    let mut parts = Vec::new();
    for property in &entity.properties {
        if let Some(of) = rows_type(&property.edm_type) {
            let rows = catalogue::properties(&mut connection, infobase.id, of).await?;
            parts.push(PartView {
                name: property.name.clone(),
                properties: views(&rows),
            });
        }
    }
    let functions = catalogue::functions(&mut connection, infobase.id, &name).await?;
    Ok(Json(EntityView {
        infobase_id: infobase.id,
        properties: views(&entity.properties),
        name: entity.stored.name,
        kind: entity.stored.kind,
        owner: entity.stored.owner,
        parts,
        functions: functions.into_iter().map(FunctionView::from).collect(),
    }))
}

/// What came of asking 1C.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Refreshed {
    /// True when something is published that was not, or the other way round.
    changed: bool,
}

/// Asks 1C for its metadata now.
pub(crate) async fn refresh(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<Json<Refreshed>, Problem> {
    reach(&identity, id)?;
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let infobase = infobases::get(&mut connection, id)
        .await?
        .ok_or(Error::InfobaseNotFound)?;
    drop(connection);
    let onec = state.connections.of(&infobase).await.map_err(Error::from)?;
    let changed = Box::pin(onec.refresh()).await.map_err(Error::from)?;
    let mut transaction = state.pool.begin().await.store("begin")?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let target = format!("infobase:{id}");
    let details = json!({"changed": changed});
    audit(
        &mut transaction,
        &state,
        &caller,
        "infobases.metadata_refreshed",
        target,
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(Json(Refreshed { changed }))
}

/// The infobase asked for, whose catalogue can be looked up.
pub(super) async fn open(
    state: &AppState,
    identity: &Identity,
    infobase: Option<Uuid>,
) -> Result<(Infobase, std::sync::Arc<Connection>), Problem> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let infobase = choose_infobase(&mut connection, identity, infobase, "?infobase").await?;
    drop(connection);
    let onec = state.connections.of(&infobase).await.map_err(Error::from)?;
    Box::pin(onec.catalogue()).await.map_err(Error::from)?;
    Ok((infobase, onec))
}

/// A published set.
pub(super) async fn load(
    connection: &mut sqlx::PgConnection,
    infobase: Uuid,
    name: &str,
) -> Result<Entity, Problem> {
    let stored = catalogue::get(connection, infobase, name)
        .await?
        .filter(|stored| stored.published)
        .ok_or(Error::EntityNotFound)?;
    let properties = catalogue::properties(connection, infobase, name).await?;
    Ok(Entity { stored, properties })
}

/// Where a list of rows goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Position {
    /// The last value of the first property of the order, when it can be compared.
    pub(super) after: Option<String>,
    /// Rows to skip: those with that value that were seen, or all that were.
    pub(super) skip: u64,
}

impl Position {
    pub(super) fn decode(cursor: Option<&str>) -> Result<Self, Problem> {
        cursor.map_or_else(|| Ok(Self::default()), Cursor::decode)
    }

    pub(super) fn encode(&self) -> String {
        Cursor::encode(self)
    }

    /// After a page whose rows have these values.
    pub(super) fn next(&self, values: &[Option<String>]) -> Self {
        let seen = values.len() as u64;
        let Some(Some(last)) = values.last() else {
            return Self {
                after: self.after.clone(),
                skip: self.skip + seen,
            };
        };
        let equal = values
            .iter()
            .rev()
            .take_while(|value| value.as_ref() == Some(last))
            .count() as u64;
        let goes_on = equal == seen && self.after.as_ref() == Some(last);
        Self {
            after: Some(last.clone()),
            skip: if goes_on { self.skip + seen } else { equal },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_goes_on_after_the_rows_with_its_last_value() {
        let values = |text: &str| -> Vec<Option<String>> {
            text.split_whitespace()
                .map(|value| (value != "-").then(|| value.to_owned()))
                .collect()
        };
        let position = |after: Option<&str>, skip| Position {
            after: after.map(str::to_owned),
            skip,
        };
        let start = Position::default();
        assert_eq!(start.next(&values("1 2 3 3")), position(Some("3"), 2));
        assert_eq!(
            position(Some("3"), 2).next(&values("3 3")),
            position(Some("3"), 4)
        );
        assert_eq!(
            position(Some("3"), 4).next(&values("3 4")),
            position(Some("4"), 1)
        );
        assert_eq!(start.next(&values("- -")), position(None, 2));
        assert_eq!(position(None, 2).next(&values("-")), position(None, 3));
    }
}
