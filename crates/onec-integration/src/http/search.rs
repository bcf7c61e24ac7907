//! `GET /search`: things by the words people call them.

use axum::extract::State;
use common::Text;
use common::auth::Identity;
use common::contract::onec::{Match, SubjectKind};
use common::db::StoreResult;
use common::http::{Json, Problem, Query, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::sight::Sight;
use crate::state::AppState;
use crate::store::{infobases, search as store};
use crate::sync::search_name;

/// What to look for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchQuery {
    /// All kinds when absent.
    kind: Option<SubjectKind>,
    q: String,
    limit: Option<u32>,
    infobase: Option<Uuid>,
}

/// `{items: […]}`, best first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Matches {
    items: Vec<Match>,
}

const KINDS: [SubjectKind; 5] = [
    SubjectKind::Counterparty,
    SubjectKind::Item,
    SubjectKind::Warehouse,
    SubjectKind::Manager,
    SubjectKind::Company,
];

/// Looks things up.
pub(crate) async fn search(
    State(state): State<AppState>,
    identity: Identity,
    Query(query): Query<SearchQuery>,
) -> Result<Json<Matches>, Problem> {
    let mut violations = Violations::new();
    let asked = query.q.trim();
    violations.check(
        (1..=200).contains(&asked.chars().count()),
        "?q",
        Text::new("От 1 до 200 символов.", "1 to 200 characters."),
    );
    let limit = query.limit.unwrap_or(10);
    violations.check(
        (1..=100).contains(&limit),
        "?limit",
        Text::new("От 1 до 100.", "1 to 100."),
    );
    violations.finish()?;
    let plain = search_name(asked);
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let sight = Sight::of(&identity);
    let mut infobases = infobases::visible(&mut connection, &sight).await?;
    infobases.retain(|id| query.infobase.is_none_or(|wanted| wanted == *id));
    let kinds: &[SubjectKind] = match &query.kind {
        Some(kind) => std::slice::from_ref(kind),
        None => &KINDS,
    };
    let mut items: Vec<Match> = Vec::new();
    for kind in kinds {
        let asked = store::Asked {
            infobases: &infobases,
            text: asked,
            plain: &plain,
            limit: i64::from(limit),
        };
        items.extend(store::subjects(&mut connection, *kind, &asked, &sight).await?);
    }
    items.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.name.cmp(&b.name)));
    items.truncate(limit as usize);
    Ok(Json(Matches { items }))
}
