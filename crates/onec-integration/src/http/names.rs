//! `GET /names`: all names of a kind.

use axum::extract::State;
use common::Text;
use common::auth::Identity;
use common::contract::onec::{Named, SubjectKind};
use common::db::StoreResult;
use common::http::{Json, Page, PageQuery, Problem, Query, Violations};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use crate::sight::Sight;
use crate::state::AppState;
use crate::store::{infobases, names as store};

/// Greatest number of names in an answer: they are short, and a catalogue has many.
const MAX_LIMIT: u32 = 5000;

/// Which names.
#[derive(Debug, Deserialize, JsonSchema)]
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
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let sight = Sight::of(&identity);
    let mut infobases = infobases::visible(&mut connection, &sight).await?;
    infobases.retain(|id| query.infobase.is_none_or(|wanted| wanted == *id));
    let asked = store::Asked {
        kind: query.kind,
        infobases: &infobases,
        companies: sight.companies.as_deref(),
        after: position.after()?,
        limit: limit + 1,
    };
    let rows = store::names(&mut connection, &asked).await?;
    let page = Page::from_rows(rows, limit, |(id, _)| *id);
    Ok(Json(Page {
        items: page.items.into_iter().map(|(_, named)| named).collect(),
        next_cursor: page.next_cursor,
    }))
}
