//! The rules of the OAuth 2.0 and OpenID Connect provider, by which other programs (Grafana, Open
//! WebUI, oauth2-proxy, MCP clients) log their users in with us. No axum and no SQL.
//!
//! One flow logs people in: authorization code with PKCE (S256) and refresh tokens, as OAuth 2.1 leaves
//! it. Service accounts get tokens of their own by client credentials. The
//! issuer is one string everywhere: in the discovery document, in ID tokens and in answers.

pub(crate) mod assertion;
pub(crate) mod claims;
pub(crate) mod client;
pub(crate) mod client_keys;

pub(crate) mod code;
pub(crate) mod error;
pub(crate) mod metadata;
pub(crate) mod params;
pub(crate) mod redirect;
pub(crate) mod request;
pub(crate) mod scope;
mod settings;

pub(crate) use settings::{Provider, ProviderSettings};
