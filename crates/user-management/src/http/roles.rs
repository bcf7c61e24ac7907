//! `GET /roles`.

use axum::extract::State;
use common::Locale;
use common::auth::PermissionSet;
use common::db::StoreResult;
use common::http::{Json, Page, Problem};
use common::telemetry::RequestContext;
use serde::Serialize;

use crate::{AppState, store};

/// A role as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct RoleResponse {
    name: String,
    title: String,
    permissions: PermissionSet,
}

/// All roles with their permissions; there are few, so that the list has one page.
pub(crate) async fn list(State(state): State<AppState>) -> Result<Json<Page<RoleResponse>>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let roles = store::roles::list(&mut connection).await?;
    let locale = RequestContext::current().map_or(Locale::default(), |context| context.locale);
    let items = roles
        .into_iter()
        .map(|role| RoleResponse {
            name: role.name,
            title: role.title.get(locale).to_owned(),
            permissions: role.permissions,
        })
        .collect();
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}
