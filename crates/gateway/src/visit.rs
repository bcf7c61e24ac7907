//! What is known of one request so far, and the event that tells of it at its end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::response::Response;
use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::contract::events::RequestEvent;
use common::events::Actor;
use common::http::layers::{ProblemCode, RouteLabel};
use common::telemetry::RequestContext;
use http::header::USER_AGENT;
use http::request::Parts;

use crate::events::Handled;
use crate::limit::Verdict;
use crate::routing::Route;
use crate::state::Gateway;

/// The status of a request whose client left before the answer; not a status of HTTP, but the one
/// that nginx made known.
const CLIENT_CLOSED: u16 = 499;
/// Clients choose these texts; an event keeps so many characters of them.
const MAX_TEXT: usize = 256;
const MAX_METHOD: usize = 16;

/// One request. Dropped before its end, it reports that the client left.
pub(crate) struct Visit<'a> {
    gateway: &'a Gateway,
    started: Instant,
    time: DateTime<Utc>,
    request_id: Option<String>,
    method: String,
    user_agent: Option<String>,
    pub(crate) client: IpAddr,
    pub(crate) route: Option<&'static Route>,
    /// True once a service has been asked.
    pub(crate) forwarded: bool,
    pub(crate) identity: Option<Arc<Identity>>,
    /// The quota that the client is told of.
    pub(crate) verdict: Option<Verdict>,
    reported: bool,
}

impl<'a> Visit<'a> {
    pub(crate) fn begin(gateway: &'a Gateway, client: IpAddr, parts: &Parts) -> Self {
        let user_agent = parts.headers.get(USER_AGENT);
        let user_agent = user_agent.map(|value| start(&String::from_utf8_lossy(value.as_bytes()), MAX_TEXT));
        Self {
            gateway,
            started: Instant::now(),
            time: gateway.clock.now(),
            request_id: RequestContext::current().map(|context| context.request_id),
            method: start(parts.method.as_str(), MAX_METHOD),
            user_agent,
            client,
            route: None,
            forwarded: false,
            identity: None,
            verdict: None,
            reported: false,
        }
    }

    /// Reports the answer and labels it for the access log and metrics.
    pub(crate) fn end(mut self, response: &mut Response) {
        response.extensions_mut().insert(RouteLabel(self.label().into()));
        let code = response.extensions().get::<ProblemCode>().map(|code| code.0);
        self.report(response.status().as_u16(), code);
    }

    fn label(&self) -> &'static str {
        self.route.map_or("unmatched", |route| route.label)
    }

    fn report(&mut self, status: u16, code: Option<&'static str>) {
        self.reported = true;
        let identity = self.identity.as_deref();
        let upstream = self.route.filter(|_| self.forwarded);
        self.gateway.events.report(Handled {
            time: self.time,
            request_id: self.request_id.take(),
            actor: identity.map(Actor::from),
            data: RequestEvent {
                method: std::mem::take(&mut self.method),
                route: self.label().to_owned(),
                upstream: upstream.map(|route| route.service.name().to_owned()),
                status,
                duration_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
                ip: self.client.to_string(),
                user_id: identity.map(|identity| identity.user_id),
                user_agent: self.user_agent.take(),
                code: code.map(str::to_owned),
            },
        });
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if !self.reported {
            self.report(CLIENT_CLOSED, Some("gateway.client_closed"));
        }
    }
}

fn start(text: &str, length: usize) -> String {
    text.chars().take(length).collect()
}
