//! `GET /companies`.

use axum::extract::State;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{Json, Page, PageQuery, Problem, Query};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::sight::Sight;
use crate::state::AppState;
use crate::store::search;

/// A company.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Company {
    pub(crate) id: Uuid,
    pub(crate) infobase_id: Uuid,
    /// Reference in 1C.
    #[serde(rename = "ref")]
    pub(crate) reference: Uuid,
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) inn: String,
    pub(crate) kpp: String,
    pub(crate) ogrn: String,
}

/// The caller's companies, by name.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Company>>, Problem> {
    let after: Option<(String, Uuid)> = page.after()?;
    let limit = page.limit();
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let rows = search::companies(&mut connection, &Sight::of(&identity), after, limit + 1).await?;
    Ok(Json(Page::from_rows(rows, limit, |company| {
        (company.name.clone(), company.id)
    })))
}
