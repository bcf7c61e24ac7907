//! `GET /prices`: prices that a 1C base has pushed.

use axum::extract::State;
use chrono::{DateTime, Utc};
use common::Text;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Problem, Query, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{Caller, audit};
use crate::error::Error;
use crate::reports::choose_infobase;
use crate::state::AppState;
use crate::store::goods::{self, Shown};

/// Whose prices are asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PricesQuery {
    /// An item, or a group of items, by the id of a search.
    item: Uuid,
    /// The infobase; the item tells it when it is left out.
    infobase: Option<Uuid>,
    /// Prices at most: 100 when absent, 1000 at most.
    limit: Option<u32>,
}

/// Prices, by name of item.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Prices {
    infobase_id: Uuid,
    infobase: String,
    /// When the base has pushed something last.
    as_of: DateTime<Utc>,
    items: Vec<Shown>,
}

/// Prices of an item or of a group of items.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Query(query): Query<PricesQuery>,
) -> Result<Json<Prices>, Problem> {
    let limit = query.limit.unwrap_or(100);
    let mut violations = Violations::new();
    violations.check(
        (1..=1000).contains(&limit),
        "?limit",
        Text::new("От 1 до 1000.", "1 to 1000."),
    );
    violations.finish()?;
    let mut transaction = state.pool.begin().await.store("begin")?;
    let found = goods::items_below(&mut transaction, query.item).await?;
    let (of_item, items) = found.ok_or(Error::SubjectNotFound("item"))?;
    if query.infobase.is_some_and(|asked| asked != of_item) {
        return Err(Error::SubjectNotFound("item").into());
    }
    // Whose companies the caller may not see has no items for them either.
    let infobase = match choose_infobase(&mut transaction, &identity, Some(of_item), "?infobase").await {
        Err(problem) if problem.code() == "onec.infobase_not_found" => {
            return Err(Error::SubjectNotFound("item").into());
        }
        found => found?,
    };
    if infobase.profile.as_deref() != Some(crate::commerceml::PROFILE) {
        return Err(Error::PricesNotAvailable.into());
    }
    let as_of = infobase.as_of.ok_or(Error::NotSynchronised)?;
    let items = goods::prices(&mut transaction, of_item, &items, i64::from(limit)).await?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let details = json!({"item": query.item, "infobase": of_item});
    audit(
        &mut transaction,
        &state,
        &caller,
        "prices.viewed",
        format!("infobase:{of_item}"),
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(Json(Prices {
        infobase_id: infobase.id,
        infobase: infobase.name,
        as_of,
        items,
    }))
}
