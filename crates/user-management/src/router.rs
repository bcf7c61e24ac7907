//! Every route of this service and what it takes to call it.

use common::auth::Permission;
use common::http::routes::{Access, Routes};

use crate::AppState;
use crate::http::{
    account_pages, accounts, api_keys, auth, federation, identities, import, invites, jwks, login,
    login_failures, oauth, passkeys, passwords, registration, rights, roles, second_factors,
    service_accounts, sessions, users,
};

/// The route table.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let read = Access::Permission(Permission::UsersRead);
    let admin = Access::Permission(Permission::UsersAdmin);
    Routes::for_own_logins()
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
        .put("/users/{id}/role", admin, rights::set_role)
        // As `/users/{id}`.
        .get("/users/{id}/permissions", Access::Authenticated, rights::explain)
        .get("/permissions", read, roles::permissions)
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
        .get("/auth/providers", Access::Public, federation::providers)
        .get("/auth/oidc/{provider}/start", Access::Public, federation::start)
        .get(
            "/auth/oidc/{provider}/callback",
            Access::Public,
            federation::callback,
        )
        .post("/auth/oidc/complete", Access::Public, federation::complete)
        .post("/auth/supabase", Access::Public, federation::supabase)
        .get("/users/me/identities", Access::Authenticated, identities::list)
        .post(
            "/users/me/identities/{provider}",
            Access::Authenticated,
            identities::link,
        )
        .delete(
            "/users/me/identities/{provider}",
            Access::Authenticated,
            identities::unlink,
        )
        .post("/users/{id}/unlock", admin, login_failures::unlock)
        .get(
            "/.well-known/openid-configuration",
            Access::Public,
            oauth::discovery::metadata,
        )
        .get(
            "/.well-known/oauth-authorization-server",
            Access::Public,
            oauth::discovery::metadata,
        )
        .get(
            "/.well-known/oauth-protected-resource",
            Access::Public,
            oauth::discovery::protected_resource,
        )
        .get("/oauth2/jwks", Access::Public, jwks::get)
        // Browsers ask whether a page of another origin may call.
        .options(
            "/.well-known/jwks.json",
            Access::Public,
            oauth::cors::preflight_of_any,
        )
        .options(
            "/.well-known/openid-configuration",
            Access::Public,
            oauth::cors::preflight_of_any,
        )
        .options(
            "/.well-known/oauth-authorization-server",
            Access::Public,
            oauth::cors::preflight_of_any,
        )
        .options(
            "/.well-known/oauth-protected-resource",
            Access::Public,
            oauth::cors::preflight_of_any,
        )
        .options("/oauth2/jwks", Access::Public, oauth::cors::preflight_of_any)
        .options("/oauth2/token", Access::Public, oauth::cors::preflight)
        .options("/oauth2/userinfo", Access::Public, oauth::cors::preflight)
        .options("/oauth2/revoke", Access::Public, oauth::cors::preflight)
        .options(
            "/oauth2/register",
            Access::Public,
            oauth::cors::preflight_of_registration,
        )
        // What a person sees answers without a token: the browser has a cookie.
        .get("/oauth2/authorize", Access::Public, oauth::authorize::get)
        .post("/oauth2/authorize", Access::Public, oauth::authorize::post)
        .post("/oauth2/login", Access::Public, oauth::login::password)
        .post(
            "/oauth2/second-factor",
            Access::Public,
            oauth::login::second_factor,
        )
        .get("/oauth2/federated", Access::Public, oauth::login::federated)
        .post("/oauth2/consent", Access::Public, oauth::consent::post)
        .get("/oauth2/logout", Access::Public, oauth::logout::get)
        .post("/oauth2/logout", Access::Public, oauth::logout::post)
        .post("/oauth2/logout-confirm", Access::Public, oauth::logout::confirmed)
        // A program shows its own credentials; userinfo answers a wrong token as OAuth has it.
        .post("/oauth2/token", Access::Public, oauth::token::post)
        .get("/oauth2/userinfo", Access::Public, oauth::userinfo::get)
        .post("/oauth2/userinfo", Access::Public, oauth::userinfo::get)
        .post("/oauth2/introspect", Access::Public, oauth::introspect::post)
        .post("/oauth2/revoke", Access::Public, oauth::revoke::post)
        // Open only where CLIENT_REGISTRATION says so.
        .post("/oauth2/register", Access::Public, oauth::register::post)
        .get("/oauth2/clients", admin, oauth::clients::list)
        .post("/oauth2/clients", admin, oauth::clients::create)
        .get("/oauth2/clients/{id}", admin, oauth::clients::get)
        .put("/oauth2/clients/{id}", admin, oauth::clients::replace)
        .delete("/oauth2/clients/{id}", admin, oauth::clients::delete)
        .post(
            "/oauth2/clients/{id}/secret",
            admin,
            oauth::clients::replace_secret,
        )
        .get(
            "/users/me/applications",
            Access::Authenticated,
            oauth::applications::list,
        )
        .delete(
            "/users/me/applications/{id}",
            Access::Authenticated,
            oauth::applications::delete,
        )
        .post("/roles", admin, roles::create)
        .get("/roles/{name}", read, roles::get)
        .put("/roles/{name}", admin, roles::replace)
        .delete("/roles/{name}", admin, roles::delete)
        .get("/service-accounts", admin, service_accounts::list)
        .post("/service-accounts", admin, service_accounts::create)
        .get("/service-accounts/{id}", admin, service_accounts::get)
        .patch("/service-accounts/{id}", admin, service_accounts::update)
        .delete("/service-accounts/{id}", admin, service_accounts::delete)
        .post(
            "/service-accounts/{id}/secret",
            admin,
            service_accounts::replace_secret,
        )
        // One's own keys; those of others by `users:admin`, decided in the handlers.
        .post("/api-keys", Access::Authenticated, api_keys::create)
        .get("/api-keys", Access::Authenticated, api_keys::list)
        .delete("/api-keys/{id}", Access::Authenticated, api_keys::revoke)
        .post("/api-keys/{id}/rotate", Access::Authenticated, api_keys::rotate)
        .post("/auth/api-keys/token", Access::Public, api_keys::exchange)
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
        // Pages that links in letters lead to; their secrets are what opens them.
        .get(
            "/account/verify-email",
            Access::Public,
            account_pages::show_verify_email,
        )
        .post(
            "/account/verify-email",
            Access::Public,
            account_pages::verify_email,
        )
        .get(
            "/account/reset-password",
            Access::Public,
            account_pages::show_reset_password,
        )
        .post(
            "/account/reset-password",
            Access::Public,
            account_pages::reset_password,
        )
        .get("/account/invite", Access::Public, account_pages::show_invite)
        .post("/account/invite", Access::Public, account_pages::invite)
        .get("/account/setup", Access::Public, account_pages::show_setup)
        .post("/account/setup", Access::Public, account_pages::setup)
        .get("/invites", admin, invites::list)
        .post("/invites", admin, invites::create)
        .delete("/invites/{id}", admin, invites::delete)
}
