//! The way of a request, step by step.
//!
//! 1. rate limit by address, before any work is done;
//! 2. route;
//! 3. token;
//! 4. rate limit of the user;
//! 5. report of the request (see [`Visit`], which sees every outcome);
//! 6. circuit breaker, choice of a replica, forwarding.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use common::auth::Identity;
use common::http::Problem;
use common::http::layers::RouteLabel;
use http::header::{CONTENT_LENGTH, HOST};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Uri};

use crate::body::Upload;
use crate::forward::{self, Outgoing};
use crate::headers::{self, Origin};
use crate::limit::{Class, Subject};
use crate::protocols::{self, Expected};
use crate::routing::{self, Access, Origins, Patience, Rate, Route, Service};
use crate::state::{AppState, Gateway};
use crate::visit::Visit;
use crate::{api_keys, cors, path, problems};

/// Bytes of path and query.
const MAX_URI_BYTES: usize = 8 * 1024;

/// Answers any request.
pub(crate) async fn handle(State(gateway): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let edge = &gateway.edge;
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), |peer| peer.0);
    let client = edge.trusted_proxies.client(peer, &parts.headers);
    let secure = edge.tls_terminated
        || (edge.trusted_proxies.contains(peer.ip().to_canonical()) && says_https(&parts.headers));
    let origin = edge.allowed_origins.of(&parts.headers);
    let expected = Expected::of(&parts, secure);

    let preflight = match &origin {
        Some(_) => cors::preflight(&parts.method, &parts.headers),
        None => None,
    };
    let mut decided = Origins::Listed;
    let mut response = if let Some(mut response) = preflight {
        response.extensions_mut().insert(RouteLabel("preflight".into()));
        response
    } else {
        let mut visit = Visit::begin(&gateway, client, &parts);
        let passed = pass(&gateway, &mut visit, parts, body, secure).await;
        let mut response = passed.unwrap_or_else(IntoResponse::into_response);
        if let Some(verdict) = &visit.verdict {
            headers::add_quota(response.headers_mut(), verdict);
        }
        // A refusal of our own has none of the service's headers.
        decided = visit.route.map_or(decided, |route| route.origins);
        visit.end(&mut response);
        expected.finish(response).await
    };
    headers::add_security(response.headers_mut(), edge.tls_terminated);
    cors::finish(response.headers_mut(), origin, decided);
    response
}

async fn pass(
    gateway: &Gateway,
    visit: &mut Visit<'_>,
    mut parts: Parts,
    body: Body,
    secure: bool,
) -> Result<Response, Problem> {
    let address = Subject::address(visit.client);
    limit(gateway, visit, Class::Address, address).await?;

    if matches!(parts.method, Method::CONNECT | Method::TRACE) {
        return Err(problems::method_not_allowed());
    }
    let (route, path) = find_route(&parts.uri)?;
    visit.route = Some(route);
    if headers::asks_for_upgrade(&parts.headers) {
        return Err(problems::upgrade_not_supported());
    }
    if route.rate == Rate::Anonymous {
        limit(gateway, visit, Class::Anonymous, address).await?;
    }

    if route.access == Access::Token {
        if route.outside == "/v1" {
            protocols::move_token(&mut parts.headers);
        }
        let identity = match identify(gateway, visit, &mut parts.headers).await {
            Ok(identity) => identity,
            Err(problem) => {
                // Forged tokens cost a verification each. Expired ones are everyday.
                if matches!(problem.code(), "auth.token_invalid" | "auth.api_key_invalid") {
                    limit(gateway, visit, Class::Anonymous, address).await?;
                }
                return Err(problem);
            }
        };
        let user = Subject::User(identity.user_id);
        visit.identity = Some(identity);
        let class = match route.rate {
            Rate::Chat if parts.method == Method::POST => Class::Chat,
            Rate::Chat | Rate::User | Rate::Anonymous | Rate::Address => Class::User,
        };
        limit(gateway, visit, class, user).await?;
    }

    let too_large = declared_length(&parts.headers).is_some_and(|length| length > route.body_limit);
    if too_large {
        return Err(problems::body_too_large(route.body_limit));
    }
    let outgoing = outgoing(gateway, visit, route, path, parts, body, secure);
    visit.forwarded = true;
    forward::forward(&gateway.client, gateway.upstream(route.service), outgoing).await
}

/// Who calls, by a token or by a key. A key is left behind here: services see its token.
async fn identify(
    gateway: &Gateway,
    visit: &Visit<'_>,
    headers: &mut HeaderMap,
) -> Result<Arc<Identity>, Problem> {
    let Some(key) = api_keys::key_of(headers) else {
        return gateway.tokens.identify(headers).await;
    };
    let users = gateway.upstream(Service::UserManagement);
    let patience = gateway.timeouts.of(Patience::Ordinary);
    let identity = gateway
        .api_keys
        .identify(&key, visit.client, &gateway.client, users, patience)
        .await?;
    api_keys::present_token(headers, &identity)?;
    Ok(identity)
}

/// Counts the request; the client is told of the quota, but of the coarse one by address only when
/// it is used up.
async fn limit(
    gateway: &Gateway,
    visit: &mut Visit<'_>,
    class: Class,
    subject: Subject,
) -> Result<(), Problem> {
    let verdict = gateway.limiter.check(class, subject).await;
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
fn find_route(uri: &Uri) -> Result<(&'static Route, PathAndQuery), Problem> {
    if uri
        .path_and_query()
        .is_some_and(|both| both.as_str().len() > MAX_URI_BYTES)
    {
        return Err(problems::uri_too_long());
    }
    let path = path::normalise(uri.path()).map_err(problems::bad_path)?;
    let (route, mut inside) = routing::find(&path).ok_or_else(Problem::not_found)?;
    if let Some(query) = uri.query() {
        inside.push('?');
        inside.push_str(query);
    }
    let inside = PathAndQuery::try_from(inside).map_err(Problem::internal)?;
    Ok((route, inside))
}

fn outgoing(
    gateway: &Gateway,
    visit: &Visit<'_>,
    route: &'static Route,
    path: PathAndQuery,
    parts: Parts,
    body: Body,
    secure: bool,
) -> Outgoing {
    let mut headers = parts.headers;
    // HTTP/2 names the host in the URI.
    let host = parts
        .uri
        .authority()
        .map(|authority| authority.as_str().to_owned());
    let host = host.or_else(|| Some(headers.get(HOST)?.to_str().ok()?.to_owned()));
    let origin = Origin {
        client: visit.client,
        secure,
        host: host.as_deref(),
    };
    headers::prepare_request(&mut headers, origin);
    Outgoing {
        method: parts.method,
        path,
        headers,
        upload: Upload::new(body, route.body_limit),
        body_limit: route.body_limit,
        patience: gateway.timeouts.of(route.patience),
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn says_https(headers: &HeaderMap) -> bool {
    let proto = headers.get("x-forwarded-proto").map(http::HeaderValue::as_bytes);
    proto.is_some_and(|proto| proto.eq_ignore_ascii_case(b"https"))
}
