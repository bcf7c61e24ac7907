//! user-management through its real router, on a real PostgreSQL and a real Redis.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by a panic")]

mod account_pages;
mod accounts;
mod address_limit;
mod administrator;
mod api_keys;
mod authenticator;
mod client_assertions;
mod cookies;
mod erasure;
mod federation;
mod harness;
mod invites;
mod keys;
mod lockout;
mod login;
mod logout;
mod notices;
mod oauth;
mod oauth_clients;
mod oauth_origins;
mod outage;
mod passkeys;
mod password_policy;
mod post_office;
mod refresh;
mod register;
mod relying_party;
mod role_change;
mod roles;
mod routes;
mod service_accounts;
mod sessions;
mod step_up;
mod totp;
mod users;
