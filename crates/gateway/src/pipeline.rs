//! The way of a request, step by step.
//!
//! 1. a place among the requests in flight, before any work is done: what is too much costs nothing;
//! 2. questions of browsers and `/health`, which are nobody's requests;
//! 3. bans and rate limit by address, which protect all that follows and ask nobody else;
//! 4. where the request ends and whom it is for, which must have one reading; the web console, whose files
//!    are the gateway's own, or the route, by the one spelling of the path, since all that follows depends on it;
//!    then a look at the head: what needs no caller to be an attack;
//! 5. rate limit of logins by address, before a password or a signature is looked at;
//! 6. token or key: from then on it is known who asks;
//! 7. rate limit of the user, so that one user's address does not count for another's;
//! 8. bans of users and sessions, now that the caller is known;
//! 9. size of the body, and a look at its beginning, before a service is troubled;
//! 10. what has been answered before and may be shown again: after everything that could refuse it;
//! 11. circuit breaker, choice of a replica, forwarding;
//! 12. report of the request (see [`Visit`], which sees every outcome).

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse;
use common::auth::Identity;
use common::http::Problem;
use common::http::layers::{self, X_REQUEST_ID};
use common::telemetry::RequestContext;
use futures_util::FutureExt;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use crate::body::{Answer, Source, Upload};
use crate::config::Reloadable;
use crate::forward::Outgoing;
use crate::headers::{self, Origin};
use crate::limit::{Class, Subject};
use crate::protocols::{self, Expected};
use crate::routing::{self, Access, Origins, Patience, Rate, Route};
use crate::visit::Visit;
use crate::worker::Worker;
use crate::{
    api_keys, caching, compression, console, cors, framing, inspection, metrics, path, problems, tunnel,
};

/// Bytes of path and query.
const MAX_URI_BYTES: usize = 8 * 1024;

/// Answers any request; `conflict` when its head states in two ways where it ends.
pub(crate) async fn handle(
    worker: &Rc<Worker>,
    peer: SocketAddr,
    request: Request<Incoming>,
    conflict: bool,
) -> Response<Answer> {
    let (parts, body) = request.into_parts();
    let settings = worker.gateway.settings.load_full();
    let client = settings.trusted_proxies.client(peer, &parts.headers);
    let secure = settings.tls_terminated
        || (settings.trusted_proxies.contains(peer.ip().to_canonical()) && says_https(&parts.headers));
    let origin = settings.allowed_origins.of(&parts.headers);
    let expected = Expected::of(&parts, secure);
    let packs = settings.compression && parts.method != Method::HEAD && compression::accepted(&parts.headers);
    let context = layers::context_of(&parts.headers);
    let request_id = HeaderValue::from_str(&context.request_id).ok();

    let mut visit = Visit::begin(worker, context, client, &parts);
    let mut decided = Origins::Listed;
    let mut response = if let Some(place) = worker.gateway.limits.enter() {
        let preflight = origin
            .is_some()
            .then(|| cors::preflight(&parts.method, &parts.headers))
            .flatten();
        if let Some(response) = preflight {
            (visit.is_event, visit.label) = (false, "preflight");
            response.map(Answer::Own)
        } else if parts.uri.path() == "/health" {
            (visit.is_event, visit.label) = (false, "/health");
            health(worker, &parts.method, &visit.context).await
        } else {
            let passing = async {
                inspection::of_origin(worker, &visit)?;
                let address = Subject::address(visit.client);
                limit(worker, &mut visit, Class::Address, address).await?;
                framing::check(&parts, conflict)?;
                pass(worker, &settings, &mut visit, parts, body, secure).await
            };
            let passed = AssertUnwindSafe(passing).catch_unwind().await;
            drop(place);
            let mut response = match passed {
                Ok(Ok(response)) => response,
                Ok(Err(problem)) => own(problem, &visit.context),
                Err(panic) => own(layers::panicked(&*panic), &visit.context),
            };
            if let Some(verdict) = &visit.verdict {
                headers::add_quota(response.headers_mut(), verdict);
            }
            // A refusal of our own has none of the service's headers.
            decided = visit.route.map_or(decided, |route| route.origins);
            let response = expected.finish(response).await;
            compression::finish(response, visit.route.filter(|_| settings.compression), packs)
        }
    } else {
        metrics::shed();
        visit.is_event = false;
        own(layers::overloaded(), &visit.context)
    };
    visit.end(&response);
    let headers = response.headers_mut();
    if let Some(request_id) = request_id {
        headers.insert(X_REQUEST_ID, request_id);
    }
    headers::add_security(headers, settings.tls_terminated);
    cors::finish(headers, origin, decided);
    response
}

/// An answer of the gateway itself, in the language of the client and with the id of the request.
fn own(answer: impl IntoResponse, context: &RequestContext) -> Response<Answer> {
    let response = context.clone().enter(|| answer.into_response());
    response.map(Answer::Own)
}

async fn health(worker: &Worker, method: &Method, context: &RequestContext) -> Response<Answer> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return own(problems::method_not_allowed(), context);
    }
    let (name, version) = (crate::DEFINITION.name, crate::DEFINITION.version);
    let report = common::service::health_report(name, version, &worker.gateway.checks);
    report.await.map(Answer::Own)
}

async fn pass(
    worker: &Rc<Worker>,
    settings: &Reloadable,
    visit: &mut Visit<'_>,
    mut parts: Parts,
    body: Incoming,
    secure: bool,
) -> Result<Response<Answer>, Problem> {
    let address = Subject::address(visit.client);
    if matches!(parts.method, Method::CONNECT | Method::TRACE) {
        return Err(problems::method_not_allowed());
    }
    if let Some(answer) = console::answer(&parts) {
        (visit.is_event, visit.label) = (false, console::LABEL);
        return answer;
    }
    let found = find_route(&settings.routes, &parts.uri);
    visit.route = found.as_ref().ok().map(|(route, _)| *route);
    // A path that could be read in two ways is refused for that.
    if found
        .as_ref()
        .err()
        .is_none_or(|problem| problem.code() == "request.not_found")
    {
        inspection::of_head(&settings.inspection, visit, &parts)?;
    }
    let (route, path) = found?;
    let upgrade = headers::asks_for_upgrade(&parts.headers);
    let client = parts.extensions.remove::<OnUpgrade>().filter(|_| upgrade);
    // HTTP/2 opens WebSockets in another way (RFC 8441), which nobody has asked for yet.
    if upgrade && (client.is_none() || route.access == Access::Public || parts.method != Method::GET) {
        return Err(problems::upgrade_not_supported());
    }
    if route.rate == Rate::Anonymous {
        limit(worker, visit, Class::Anonymous, address).await?;
    }

    let anonymous = route.access == Access::Optional && !shows_credentials(&parts.headers);
    if route.access != Access::Public && !anonymous {
        if route.outside == "/v1" {
            protocols::move_token(&mut parts.headers);
        }
        let identity = match identify(worker, settings, visit, &mut parts.headers).await {
            Ok(identity) => identity,
            Err(problem) => {
                // Forged tokens cost a verification each. Expired ones are everyday.
                if matches!(problem.code(), "auth.token_invalid" | "auth.api_key_invalid") {
                    limit(worker, visit, Class::Anonymous, address).await?;
                }
                return Err(problem);
            }
        };
        let user = Subject::User(identity.user_id);
        visit.identity = Some(identity);
        let class = if route.asks_model(&parts.method, path.path()) {
            Class::Chat
        } else {
            Class::User
        };
        limit(worker, visit, class, user).await?;
    }

    inspection::of_request(worker, visit)?;

    let body_limit = route.body_limit.min(worker.gateway.limits.most_body_bytes());
    let too_large = declared_length(&parts.headers).is_some_and(|length| length > body_limit);
    if too_large {
        return Err(problems::body_too_large(body_limit));
    }
    let patience = patience(worker, settings, &route, &parts.headers);
    let body = inspection::of_body(visit, &parts.headers, body, patience).await?;
    let outgoing = outgoing(visit, path, parts, body, secure, body_limit, patience);
    let Some(client) = client else {
        return caching::answer(worker, route, visit, outgoing).await;
    };
    visit.forwarded = true;
    let upstream = worker.gateway.upstream(route.service);
    tunnel::open(worker, upstream, outgoing.into_request(), client, patience).await
}

/// Who calls, by a token or by a key. A key is left behind here: services see its token.
async fn identify(
    worker: &Worker,
    settings: &Reloadable,
    visit: &Visit<'_>,
    headers: &mut HeaderMap,
) -> Result<Arc<Identity>, Problem> {
    let tokens = &worker.gateway.tokens;
    let Some(key) = api_keys::key_of(headers) else {
        if let Some(identity) = tokens.known(headers) {
            worker.meters.token_hit.increment(1);
            return Ok(identity);
        }
        worker.meters.token_miss.increment(1);
        return visit.context.clone().scope(tokens.verify(headers)).await;
    };
    let patience = settings.timeouts.of(Patience::Ordinary);
    let identity = worker.gateway.api_keys.identify(worker, &key, visit, patience);
    let identity = visit.context.clone().scope(identity).await?;
    api_keys::present_token(headers, &identity)?;
    Ok(identity)
}

/// Counts the request; the client is told of the quota, but of the coarse one by address only when
/// it is used up.
async fn limit(
    worker: &Worker,
    visit: &mut Visit<'_>,
    class: Class,
    subject: Subject,
) -> Result<(), Problem> {
    let verdict = worker.gateway.limiter.check(class, subject).await;
    if class != Class::Address || !verdict.allowed {
        visit.verdict = Some(verdict);
    }
    if verdict.allowed {
        Ok(())
    } else {
        Err(problems::rate_limited(&verdict))
    }
}

/// The route, and what the service will see as path and query.
fn find_route(table: &[Route], uri: &Uri) -> Result<(Route, PathAndQuery), Problem> {
    if uri
        .path_and_query()
        .is_some_and(|both| both.as_str().len() > MAX_URI_BYTES)
    {
        return Err(problems::uri_too_long());
    }
    let path = path::normalise(uri.path()).map_err(problems::bad_path)?;
    let (route, mut inside) = routing::find_in(table, &path).ok_or_else(Problem::not_found)?;
    if let Some(query) = uri.query() {
        inside.push('?');
        inside.push_str(query);
    }
    let inside = PathAndQuery::try_from(inside).map_err(Problem::internal)?;
    Ok((*route, inside))
}

/// How long the head of the answer may take: as long as the route says, or the client waits.
fn patience(worker: &Worker, settings: &Reloadable, route: &Route, headers: &HeaderMap) -> Duration {
    let most = route
        .timeout
        .unwrap_or_else(|| settings.timeouts.of(route.patience))
        .min(worker.gateway.limits.longest());
    layers::patience_of(headers).map_or(most, |asked| asked.min(most))
}

fn outgoing(
    visit: &Visit<'_>,
    path: PathAndQuery,
    parts: Parts,
    body: Source,
    secure: bool,
    body_limit: u64,
    patience: Duration,
) -> Outgoing {
    let mut headers = parts.headers;
    // HTTP/2 names the host in the URI.
    let of_uri = parts
        .uri
        .authority()
        .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    let host = of_uri.or_else(|| headers.get(HOST).cloned());
    let origin = Origin {
        client: visit.client,
        secure,
        host,
        version: parts.version,
    };
    headers::prepare_request(&mut headers, origin, &visit.context);
    compression::restore_tags(&mut headers);
    Outgoing {
        method: parts.method,
        path,
        headers,
        upload: Upload::new(body, body_limit),
        body_limit,
        patience,
    }
}

/// True when there is something that says who calls.
fn shows_credentials(headers: &HeaderMap) -> bool {
    headers.contains_key(AUTHORIZATION) || api_keys::key_of(headers).is_some()
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn says_https(headers: &HeaderMap) -> bool {
    let proto = headers.get("x-forwarded-proto").map(HeaderValue::as_bytes);
    proto.is_some_and(|proto| proto.eq_ignore_ascii_case(b"https"))
}
