//! Who calls, as far as the connection tells.

use std::convert::Infallible;
use std::net::IpAddr;

use ::http::header::USER_AGENT;
use ::http::request::Parts;
use axum::extract::FromRequestParts;
use common::http::ClientIp;
use common::http::openapi::Part;

/// A longer name of a program is cut.
const MAX_USER_AGENT_CHARS: usize = 256;

/// Address and program of the client, for sessions and events.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) ip: IpAddr,
    pub(crate) user_agent: Option<String>,
}

impl Part for Client {}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let ClientIp(ip) = ClientIp::from_request_parts(parts, state).await?;
        let user_agent = parts
            .headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok());
        Ok(Self {
            ip,
            user_agent: user_agent.map(|text| text.chars().take(MAX_USER_AGENT_CHARS).collect()),
        })
    }
}
