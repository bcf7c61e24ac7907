//! Handlers: what a request says, what is answered.

pub(crate) mod api_keys;
pub(crate) mod auth;
mod client;
mod etag;
pub(crate) mod jwks;
pub(crate) mod rights;
pub(crate) mod roles;
pub(crate) mod users;

pub(crate) use client::Client;
