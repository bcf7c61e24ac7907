//! Handlers: what a request says, what is answered.

pub(crate) mod account_pages;
pub(crate) mod accounts;
pub(crate) mod api_keys;
pub(crate) mod auth;
mod client;
mod etag;
pub(crate) mod federation;
pub(crate) mod identities;
pub(crate) mod import;
pub(crate) mod invites;
pub(crate) mod jwks;
pub(crate) mod login;
pub(crate) mod login_failures;
pub(crate) mod oauth;
pub(crate) mod passkeys;
pub(crate) mod passwords;
pub(crate) mod registration;
pub(crate) mod rights;
pub(crate) mod roles;
pub(crate) mod second_factors;
pub(crate) mod service_accounts;
pub(crate) mod sessions;
pub(crate) mod users;

use common::Locale;
use common::telemetry::RequestContext;
use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

pub(crate) use client::Client;

/// The language that the client reads.
pub(crate) fn locale() -> Locale {
    RequestContext::current().map_or(Locale::default(), |context| context.locale)
}

/// A secret, which is not repeated in the answer when it is no text.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    SecretString::deserialize(deserializer).map_err(|_| D::Error::custom("invalid type: expected a string"))
}

/// The same where it may be absent.
fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Option::deserialize(deserializer).map_err(|_| D::Error::custom("invalid type: expected a string"))
}
