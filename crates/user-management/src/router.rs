//! Every route of this service and what it takes to call it.

use common::auth::Permission;
use common::http::routes::{Access, Routes};

use crate::AppState;
use crate::http::{api_keys, auth, jwks, rights, roles, users};

/// The route table.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let read = Access::Permission(Permission::UsersRead);
    let admin = Access::Permission(Permission::UsersAdmin);
    Routes::new()
        .post("/auth/register", Access::Public, auth::register)
        .post("/auth/login", Access::Public, auth::login)
        .post("/auth/refresh", Access::Public, auth::refresh)
        .post("/auth/logout", Access::Authenticated, auth::logout)
        .get("/.well-known/jwks.json", Access::Public, jwks::get)
        .get("/users/me", Access::Authenticated, users::me)
        .patch("/users/me", Access::Authenticated, users::update_me)
        .get("/users", read, users::list)
        // Oneself, or anybody with `users:read`; decided in the handler, since it depends on the id.
        .get("/users/{id}", Access::Authenticated, users::get)
        .put("/users/{id}/role", admin, rights::set_role)
        // As `/users/{id}`.
        .get("/users/{id}/permissions", Access::Authenticated, rights::explain)
        .get("/permissions", read, roles::permissions)
        .get("/roles", read, roles::list)
        .post("/roles", admin, roles::create)
        .get("/roles/{name}", read, roles::get)
        .put("/roles/{name}", admin, roles::replace)
        .delete("/roles/{name}", admin, roles::delete)
        // One's own keys; those of others by `users:admin`, decided in the handlers.
        .post("/api-keys", Access::Authenticated, api_keys::create)
        .get("/api-keys", Access::Authenticated, api_keys::list)
        .delete("/api-keys/{id}", Access::Authenticated, api_keys::revoke)
        .post("/api-keys/{id}/rotate", Access::Authenticated, api_keys::rotate)
        .post("/auth/api-keys/token", Access::Public, api_keys::exchange)
}
