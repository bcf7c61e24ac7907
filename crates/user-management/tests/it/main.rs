//! user-management through its real router, on a real PostgreSQL and a real Redis.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by a panic")]

mod accounts;
mod address_limit;
mod administrator;
mod api_keys;
mod attacks;
mod authenticator;
mod cookies;
mod federation;
mod harness;
mod keys;
mod lockout;
mod login;
mod logout;
mod oauth;
mod oauth_clients;
mod outage;
mod passkeys;
mod post_office;
mod races;
mod refresh;
mod register;
mod relying_party;
mod role_change;
mod roles;
mod routes;
mod sessions;
mod step_up;
mod timing;
mod totp;
mod users;
