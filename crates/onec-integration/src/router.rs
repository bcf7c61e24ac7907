//! The table of routes.

use common::auth::Permission;
use common::http::routes::{Access, Routes};

use crate::http::{
    checks, commerceml, companies, drafts, enterprise_data, entities, entity_object, entity_rows, exchange,
    infobases, names, prices, reports, search, services, soap, sync, sync_events, virtual_tables, writes,
};
use crate::state::AppState;

const READ: Access = Access::Permission(Permission::OnecRead);
const SYNC: Access = Access::Permission(Permission::OnecSync);
const SERVICES: Access = Access::Permission(Permission::OnecServices);
const WRITE: Access = Access::Permission(Permission::OnecWrite);
const ADMIN: Access = Access::Permission(Permission::OnecAdmin);

/// All routes, each with what it takes to call it.
#[must_use]
pub fn routes() -> Routes<AppState> {
    Routes::new()
        .get("/companies", READ, companies::list)
        .get("/infobases", READ, infobases::list)
        .post_once("/infobases", ADMIN, infobases::add)
        .post("/infobases/check", ADMIN, checks::unsaved)
        .get("/infobases/{id}", READ, infobases::get)
        .patch("/infobases/{id}", ADMIN, infobases::change)
        .delete("/infobases/{id}", ADMIN, infobases::delete)
        .post("/infobases/{id}/check", ADMIN, checks::saved)
        .post_once("/sync/data", SYNC, sync::start)
        .get("/sync/jobs", SYNC, sync::list)
        .get("/sync/jobs/{id}", SYNC, sync::get)
        .get("/sync/jobs/{id}/events", SYNC, sync_events::events)
        .get("/sync/jobs/{id}/dead-objects", SYNC, sync::dead_objects)
        .post("/sync/jobs/{id}/cancel", SYNC, sync::cancel)
        .get("/reports", READ, reports::list)
        .get("/reports/{id}", READ, reports::get)
        .get("/search", READ, search::search)
        .get("/names", READ, names::list)
        .get("/soap/services", SERVICES, soap::list)
        .get("/soap/services/{name}", SERVICES, soap::get)
        .post_once(
            "/soap/services/{name}/operations/{operation}",
            SERVICES,
            soap::call,
        )
        .post("/soap/enterprise-data/test", SERVICES, enterprise_data::test)
        .post("/soap/enterprise-data/fetch", SERVICES, enterprise_data::fetch)
        .post_once("/soap/enterprise-data/put", SERVICES, enterprise_data::put)
        .post(
            "/soap/enterprise-data/put-result",
            SERVICES,
            enterprise_data::result,
        )
        .get("/hs/{*path}", SERVICES, services::pass)
        .post("/hs/{*path}", SERVICES, services::pass)
        .put("/hs/{*path}", SERVICES, services::pass)
        .patch("/hs/{*path}", SERVICES, services::pass)
        .delete("/hs/{*path}", SERVICES, services::pass)
        .get("/entities", READ, entities::list)
        .get("/entities/{name}", READ, entities::get)
        .get("/entities/{name}/rows", READ, entity_rows::rows)
        .get("/entities/{name}/object", READ, entity_object::get)
        .get("/entities/{name}/tables/{table}", READ, virtual_tables::get)
        .post_once("/documents/drafts", WRITE, drafts::create)
        .get("/documents/drafts/{id}", WRITE, drafts::get)
        .delete("/documents/drafts/{id}", WRITE, drafts::delete)
        .post_once("/documents/drafts/{id}/confirm", WRITE, drafts::confirm)
        .get("/documents/writes", WRITE, writes::history)
        .post_once("/documents/writes/{id}/undo", WRITE, writes::undo)
        .post("/infobases/{id}/metadata/refresh", ADMIN, entities::refresh)
        .get("/prices", READ, prices::get)
        .get("/commerceml/exchanges", ADMIN, commerceml::list)
        .post_once("/commerceml/exchanges", ADMIN, commerceml::add)
        .post_once(
            "/commerceml/exchanges/{id}/password",
            ADMIN,
            commerceml::set_password,
        )
        .delete("/commerceml/exchanges/{id}", ADMIN, commerceml::remove)
        .get("/commerceml/exchanges/{id}/imports", ADMIN, commerceml::history)
        // 1C logs in with a name and a password of its own.
        .get("/commerceml/{id}/exchange", Access::Public, exchange::exchange)
        .post("/commerceml/{id}/exchange", Access::Public, exchange::exchange)
}
