//! `GET /names`: all names of a kind.

use axum::extract::State;
use common::Text;
use common::auth::Identity;
use common::contract::onec::{Named, SubjectKind};
use common::db::StoreResult;
use common::http::{Json, Page, PageQuery, Problem, Query, Violations};
use serde::Deserialize;
use uuid::Uuid;

use crate::state::AppState;
use crate::store::names as store;

/// Greatest number of names in an answer: they are short, and a catalogue has many.
const MAX_LIMIT: u32 = 5000;

/// Which names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamesQuery {
    kind: SubjectKind,
    infobase: Option<Uuid>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Lists the names of a kind.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Query(query): Query<NamesQuery>,
) -> Result<Json<Page<Named>>, Problem> {
    let mut violations = Violations::new();
    let limit = query.limit.unwrap_or(MAX_LIMIT);
    violations.check(
        (1..=MAX_LIMIT).contains(&limit),
        "?limit",
        Text::new("От 1 до 5000.", "1 to 5000."),
    );
    violations.finish()?;
    let position = PageQuery {
        limit: None,
        cursor: query.cursor,
    };
    let limit = i64::from(limit);
    let asked = store::Asked {
        kind: query.kind,
        infobase: query.infobase,
        after: position.after()?,
        limit: limit + 1,
    };
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let restriction = identity.companies.restriction();
    let rows = store::names(&mut connection, &asked, restriction.as_deref()).await?;
    let page = Page::from_rows(rows, limit, |(id, _)| *id);
    Ok(Json(Page {
        items: page.items.into_iter().map(|(_, named)| named).collect(),
        next_cursor: page.next_cursor,
    }))
}
