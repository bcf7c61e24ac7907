//! The table of routes.

use common::auth::Permission;
use common::http::routes::{Access, Routes};

use crate::http::{companies, entities, entity_rows, infobases, reports, search, sync};
use crate::state::AppState;

const READ: Access = Access::Permission(Permission::OnecRead);
const SYNC: Access = Access::Permission(Permission::OnecSync);
const ADMIN: Access = Access::Permission(Permission::OnecAdmin);

/// All routes, each with what it takes to call it.
#[must_use]
pub fn routes() -> Routes<AppState> {
    Routes::new()
        .get("/companies", READ, companies::list)
        .get("/infobases", READ, infobases::list)
        .post("/infobases", ADMIN, infobases::add)
        .post("/sync/data", SYNC, sync::start)
        .get("/sync/jobs", SYNC, sync::list)
        .get("/sync/jobs/{id}", SYNC, sync::get)
        .get("/reports", READ, reports::list)
        .get("/reports/{id}", READ, reports::get)
        .get("/search", READ, search::search)
        .get("/entities", READ, entities::list)
        .get("/entities/{name}", READ, entities::get)
        .get("/entities/{name}/rows", READ, entity_rows::rows)
        .post("/infobases/{id}/metadata/refresh", ADMIN, entities::refresh)
}
