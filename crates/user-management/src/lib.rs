//! Who a person is and what they may do: accounts, logins, tokens, roles.
//!
//! Owns the schema `identity` and the keys that access tokens are signed with. No other service
//! sees a password or issues a token. Never here: 1C data, or a decision about anything but
//! accounts; other services decide by the permissions in the token.
//!
//! Reading order: [`Config`], `router` (every route and what it takes), `http` (handlers), then the
//! rules: `account` (e-mail and name), `password` (policy and hashing), `throttle` (guessing), `devices` (where logins came from),
//! `login` (factors one after another, `challenges` between them), `second_factors` (with `totp`,
//! `recovery` and `webauthn`), `cookies`, `keys` (signing keys), `tokens`, `sessions` (opening, refreshing, ending),
//! `federation` (logging in at providers that are not ours), `jws` (tokens that others sign), `rights` and `roles`, `service_accounts`, `api_keys`,
//! `revoker` (tokens that end before their time), `links` (secrets in letters), `mail` (letters), `invites`, `record`
//! (events); `store` holds the SQL and `jobs` what runs beside requests.

mod account;
mod api_keys;
mod bootstrap;
mod browser;
mod challenges;
mod command;
mod config;
mod cookies;
mod devices;
mod error;
mod federation;
mod http;
mod invites;
mod jobs;
mod jws;
mod keys;
mod links;
mod login;
mod mail;
mod metrics;
mod oauth;
mod pages;
mod password;
mod record;
mod recovery;
mod revoker;
mod rights;
mod roles;
mod router;
mod second_factors;
mod service_accounts;
mod sessions;
mod start;
mod state;
mod store;
mod throttle;
mod tokens;
mod totp;
mod webauthn;

pub use command::command;
pub use config::Config;
pub use router::routes;
pub use start::{DEFINITION, prepare, start};
pub use state::AppState;
pub use store::SCHEMA;
