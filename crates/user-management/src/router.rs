//! Every route of this service and what it takes to call it.

use common::auth::Permission;
use common::http::routes::{Access, Routes};

use crate::AppState;
use crate::http::{
    accounts, auth, import, invites, jwks, login, passkeys, passwords, registration, roles, second_factors,
    sessions, users,
};

/// The route table.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let read = Access::Permission(Permission::UsersRead);
    let admin = Access::Permission(Permission::UsersAdmin);
    Routes::new()
        .post("/auth/register", Access::Public, registration::register)
        .post("/auth/login", Access::Public, login::login)
        .post("/auth/refresh", Access::Public, auth::refresh)
        .post("/auth/logout", Access::Authenticated, auth::logout)
        .get("/.well-known/jwks.json", Access::Public, jwks::get)
        .get("/users/me", Access::Authenticated, users::me)
        .patch("/users/me", Access::Authenticated, accounts::update_me)
        .get("/users", read, users::list)
        // Oneself, or anybody with `users:read`; decided in the handler, since it depends on the id.
        .get("/users/{id}", Access::Authenticated, users::get)
        .put("/users/{id}/role", admin, users::set_role)
        .get("/roles", read, roles::list)
        .post("/auth/login/second-factor", Access::Public, login::second_factor)
        .post("/auth/passkeys/options", Access::Public, login::passkey_options)
        .post("/auth/passkeys/login", Access::Public, login::passkey_login)
        .post(
            "/auth/step-up/options",
            Access::Authenticated,
            login::step_up_options,
        )
        .post("/auth/step-up", Access::Authenticated, login::step_up)
        .get(
            "/users/me/second-factors",
            Access::Authenticated,
            second_factors::list,
        )
        .post(
            "/users/me/totp",
            Access::Authenticated,
            second_factors::begin_totp,
        )
        .post(
            "/users/me/totp/confirm",
            Access::Authenticated,
            second_factors::confirm_totp,
        )
        .delete(
            "/users/me/totp",
            Access::Authenticated,
            second_factors::remove_totp,
        )
        .post(
            "/users/me/recovery-codes",
            Access::Authenticated,
            second_factors::renew_recovery_codes,
        )
        .delete("/users/{id}/second-factors", admin, second_factors::reset)
        .post(
            "/users/me/passkeys/options",
            Access::Authenticated,
            passkeys::options,
        )
        .post("/users/me/passkeys", Access::Authenticated, passkeys::add)
        .patch("/users/me/passkeys/{id}", Access::Authenticated, passkeys::rename)
        .delete("/users/me/passkeys/{id}", Access::Authenticated, passkeys::remove)
        .get("/users/me/sessions", Access::Authenticated, sessions::own)
        .delete("/users/me/sessions", Access::Authenticated, sessions::end_others)
        .delete(
            "/users/me/sessions/{id}",
            Access::Authenticated,
            sessions::end_own,
        )
        .get("/users/{id}/sessions", admin, sessions::of_user)
        .delete("/users/{id}/sessions", admin, sessions::end_all_of_user)
        .delete("/users/{id}/sessions/{session}", admin, sessions::end_of_user)
        .post("/auth/verify-email", Access::Public, registration::verify_email)
        .post("/auth/verify-email/resend", Access::Public, registration::resend)
        .post("/auth/setup", Access::Public, registration::setup)
        .post("/auth/password/forgot", Access::Public, passwords::forgot)
        .post("/auth/password/reset", Access::Public, passwords::reset)
        .post("/auth/invites/accept", Access::Public, invites::accept)
        .post("/users/me/password", Access::Authenticated, passwords::change)
        .post("/users/me/email", Access::Authenticated, accounts::change_email)
        // Oneself, or anybody with `users:admin`; decided in the handler, since it depends on the id.
        .patch("/users/{id}", Access::Authenticated, accounts::update_user)
        .delete("/users/{id}", admin, accounts::delete)
        .post("/users/{id}/deactivate", admin, accounts::deactivate)
        .post("/users/{id}/reactivate", admin, accounts::reactivate)
        .post("/users/import", admin, import::import)
        .get("/invites", admin, invites::list)
        .post("/invites", admin, invites::create)
        .delete("/invites/{id}", admin, invites::delete)
}
