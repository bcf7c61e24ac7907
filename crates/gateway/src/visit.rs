//! What is known of one request so far, and what is told of it at its end: metrics, the access line and
//! the event.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::http::layers::ProblemCode;
use common::telemetry::RequestContext;
use http::header::USER_AGENT;
use http::request::Parts;
use http::{HeaderValue, Method, Response, Uri};

use crate::access_log::Line;
use crate::body::Answer;
use crate::events::{Handled, UNMATCHED};
use crate::inspection::Inspection;
use crate::limit::Verdict;
use crate::metrics;
use crate::routing::Route;
use crate::worker::Worker;

/// The status of a request whose client left before the answer; not a status of HTTP, but the one
/// that nginx made known.
const CLIENT_CLOSED: u16 = 499;

/// One request. Dropped before its end, it reports that the client left.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    worker: &'a Worker,
    started: Instant,
    time: DateTime<Utc>,
    pub(crate) context: RequestContext,
    method: Method,
    uri: Uri,
    user_agent: Option<HeaderValue>,
    pub(crate) client: IpAddr,
    pub(crate) route: Option<Route>,
    /// What metrics and logs name while there is no route.
    pub(crate) label: &'static str,
    /// False for what is no request of anybody: a question of a browser, a look at the health.
    pub(crate) is_event: bool,
    /// True once a service has been asked.
    pub(crate) forwarded: bool,
    pub(crate) identity: Option<Arc<Identity>>,
    /// The quota that the client is told of.
    pub(crate) verdict: Option<Verdict>,
    /// What was thought of what it carries.
    pub(crate) inspection: Option<Inspection>,
    reported: bool,
}

impl<'a> Visit<'a> {
    pub(crate) fn begin(worker: &'a Worker, context: RequestContext, client: IpAddr, parts: &Parts) -> Self {
        Self {
            worker,
            started: Instant::now(),
            time: worker.gateway.clock.now(),
            context,
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            user_agent: parts.headers.get(USER_AGENT).cloned(),
            client,
            route: None,
            label: UNMATCHED,
            is_event: true,
            forwarded: false,
            identity: None,
            verdict: None,
            inspection: None,
            reported: false,
        }
    }

    /// Reports the answer.
    pub(crate) fn end(mut self, response: &Response<Answer>) {
        let status = response.status().as_u16();
        let elapsed = self.started.elapsed();
        let code = response.extensions().get::<ProblemCode>().map(|code| code.0);
        self.worker
            .meters
            .request(&self.method, self.label(), status, elapsed);
        self.report(status, elapsed, code);
    }

    fn label(&self) -> &'static str {
        self.route.map_or(self.label, |route| route.label)
    }

    fn report(&mut self, status: u16, elapsed: Duration, code: Option<&'static str>) {
        self.reported = true;
        let route = self.label();
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        if status >= 500 {
            self.log_failure(status, nanos, code);
        }
        let passed = i64::try_from(nanos).unwrap_or(i64::MAX);
        self.worker.log.borrow_mut().add(&Line {
            context: &self.context,
            ended: self.time + chrono::TimeDelta::nanoseconds(passed),
            method: &self.method,
            path: self.uri.path(),
            route,
            status,
            nanos,
            code,
        });
        if !self.is_event {
            return;
        }
        if let Some(suspicion) = self.inspection.take().and_then(Inspection::suspicion) {
            metrics::attack_suspected(route, &suspicion);
            self.worker.gateway.events.report(Handled {
                time: self.time,
                request_id: self.context.request_id.clone(),
                identity: self.identity.clone(),
                method: self.method.clone(),
                route,
                upstream: None,
                status,
                duration: elapsed,
                client: self.client,
                user_agent: self.user_agent.clone(),
                code,
                refused: None,
                suspicion: Some(Box::new(suspicion)),
            });
        }
        self.worker.gateway.events.report(Handled {
            suspicion: None,
            time: self.time,
            request_id: std::mem::take(&mut self.context.request_id),
            identity: self.identity.take(),
            method: std::mem::take(&mut self.method),
            route,
            upstream: self
                .route
                .filter(|_| self.forwarded)
                .map(|route| route.service.name()),
            status,
            duration: elapsed,
            client: self.client,
            user_agent: self.user_agent.take(),
            code,
            refused: (400..CLIENT_CLOSED)
                .contains(&status)
                .then(|| std::mem::take(&mut self.uri)),
        });
    }

    /// At once and in any case, unlike the other lines.
    fn log_failure(&self, status: u16, nanos: u64, code: Option<&'static str>) {
        let (method, path) = (&self.method, self.uri.path());
        tracing::error!(
            http.request.id = self.context.request_id,
            http.request.method = %method,
            http.response.status_code = status,
            error.code = code,
            event.duration = nanos,
            labels.route = self.label(),
            trace.id = %format_args!("{:032x}", self.context.trace.trace_id),
            url.path = path,
            "{method} {path} {status} in {} ms",
            nanos / 1_000_000
        );
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if !self.reported {
            self.report(
                CLIENT_CLOSED,
                self.started.elapsed(),
                Some("gateway.client_closed"),
            );
        }
    }
}
