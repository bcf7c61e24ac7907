//! Whether a request is answered from what is kept, and what becomes of an answer that may be kept.
//!
//! Whose answers are whose: with a token, everything is of the session; only without one are answers for
//! all. So a permission that a service checks is never passed by.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use common::auth::Identity;
use common::http::Problem;
use http::header::{
    AGE, CACHE_CONTROL, CONTENT_LOCATION, DATE, ETAG, EXPIRES, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, VARY,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, Limited};
use sha2::{Digest, Sha256};

use crate::body::Answer;
use crate::cache_rule::{Caching, Scope};
use crate::forward::{self, Outgoing};
use crate::freshness::{self, VARIES, Wanted};
use crate::metrics::{self, Kept};
use crate::problems;
use crate::response_cache::{Entry, Flight, MOST_BYTES, Name, State};
use crate::routing::Route;
use crate::upstream::Upstream;
use crate::visit::Visit;
use crate::worker::Worker;

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
/// What a 304 tells again (RFC 9110, section 15.4.5).
const OF_UNCHANGED: [HeaderName; 7] = [
    CACHE_CONTROL,
    CONTENT_LOCATION,
    DATE,
    ETAG,
    EXPIRES,
    LAST_MODIFIED,
    VARY,
];
/// Nobody waits longer for somebody else's question.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What decides on keeping, taken from a request before it is sent. Most answers are never kept, so their
/// names are not worked out before that is clear.
#[derive(Debug, Clone)]
struct Asked {
    route: Route,
    identity: Option<Arc<Identity>>,
    path: PathAndQuery,
    /// Values of [`VARIES`].
    varies: [Option<HeaderValue>; 6],
    secrets: bool,
    head: bool,
    /// `If-None-Match`.
    known: Option<HeaderValue>,
}

/// Answers a request, by the service or by what it has answered before.
///
/// # Errors
/// A [`Problem`] when there is no answer.
pub(crate) async fn answer(
    worker: &Rc<Worker>,
    route: Route,
    visit: &mut Visit<'_>,
    mut outgoing: Outgoing,
) -> Result<Response<Answer>, Problem> {
    let upstream = worker.gateway.upstream(route.service);
    let cache = &worker.gateway.cache;
    let rule = matches!(route.caching, Caching::For { .. });
    if !outgoing.method.is_safe() {
        let changes = rule || cache.is_used(route.label);
        let identity = visit.identity.clone();
        let response = pass(worker, upstream, visit, outgoing).await?;
        if changes && response.status().as_u16() < 400 && route.caching != Caching::Never {
            forget(worker, &route, identity.as_deref()).await;
        }
        return Ok(response);
    }
    let empty = outgoing.upload.is_empty();
    let wanted = freshness::wanted(&outgoing.method, &outgoing.headers, empty);
    if route.caching == Caching::Never || wanted == Wanted::Nothing {
        return pass(worker, upstream, visit, outgoing).await;
    }
    let asked = Asked::of(route, visit.identity.clone(), &outgoing);
    let may_be_kept = rule || cache.is_used(route.label) && cache.knows(&asked.name());
    if wanted == Wanted::New || !may_be_kept || asked.head {
        if may_be_kept && wanted == Wanted::Any && outgoing.method == Method::HEAD {
            let found = cache.look(&asked.name(), worker.gateway.clock.now()).await;
            if let Some((entry, State::Fresh)) = found {
                return Ok(shown(worker, &asked, &entry, Kept::Hit));
            }
        }
        // Where nothing was kept nothing was taken away.
        let changes = if cache.is_used(route.label) {
            cache.changes_of(&asked.name())
        } else {
            0
        };
        let response = pass(worker, upstream, visit, outgoing).await?;
        if asked.head || lifetime(&asked, &response).is_none() {
            return Ok(response);
        }
        return match gathered(worker, &asked, response).await? {
            Ok(entry) => {
                cache.keep(&asked.name(), entry.clone(), changes).await;
                Ok(shown(worker, &asked, &entry, Kept::Miss))
            }
            Err(response) => Ok(response),
        };
    }
    let name = asked.name();
    let mut waited = false;
    loop {
        let landed = cache.landed();
        let flight = match cache.look(&name, worker.gateway.clock.now()).await {
            Some((entry, State::Fresh)) => return Ok(shown(worker, &asked, &entry, Kept::Hit)),
            Some((entry, _)) => {
                if let Ok(flight) = cache.fly(name) {
                    let refreshing =
                        refresh(worker.clone(), upstream.clone(), asked.clone(), flight, outgoing);
                    tokio::task::spawn_local(refreshing);
                }
                return Ok(shown(worker, &asked, &entry, Kept::Stale));
            }
            None => cache.fly(name),
        };
        match flight {
            Ok(flight) => {
                // Somebody may have fetched it since we looked.
                if cache.landed() != landed
                    && let Some((entry, State::Fresh)) = cache.look(&name, worker.gateway.clock.now()).await
                {
                    return Ok(shown(worker, &asked, &entry, Kept::Hit));
                }
                unconditional(&mut outgoing.headers);
                let response = pass(worker, upstream, visit, outgoing).await?;
                return kept(worker, &asked, &flight, response).await;
            }
            Err(mut other) if !waited => {
                waited = true;
                let patience = outgoing.patience.min(LONGEST_WAIT);
                let _ = tokio::time::timeout(patience, other.changed()).await;
            }
            // Whoever asked before has got nothing that can be kept: each for themselves.
            Err(_) => {
                metrics::kept(Kept::Miss);
                return pass(worker, upstream, visit, outgoing).await;
            }
        }
    }
}

async fn pass(
    worker: &Worker,
    upstream: &Arc<Upstream>,
    visit: &mut Visit<'_>,
    outgoing: Outgoing,
) -> Result<Response<Answer>, Problem> {
    visit.forwarded = true;
    forward::forward(worker, upstream, outgoing).await
}

/// Fetches another answer while the old one is shown.
async fn refresh(
    worker: Rc<Worker>,
    upstream: Arc<Upstream>,
    asked: Asked,
    flight: Flight,
    mut outgoing: Outgoing,
) {
    unconditional(&mut outgoing.headers);
    // Failures are logged and counted where they happen, and the old answer ends by itself.
    if let Ok(response) = forward::forward(&worker, &upstream, outgoing).await {
        let _ = kept(&worker, &asked, &flight, response).await;
    }
}

/// An answer that may be kept is not one that says "as before".
fn unconditional(headers: &mut HeaderMap) {
    headers.remove(IF_NONE_MATCH);
    headers.remove(IF_MODIFIED_SINCE);
}

/// Keeps the answer if it may be, and shows it.
async fn kept(
    worker: &Worker,
    asked: &Asked,
    flight: &Flight,
    response: Response<Answer>,
) -> Result<Response<Answer>, Problem> {
    if lifetime(asked, &response).is_none() {
        metrics::kept(Kept::Miss);
        return Ok(response);
    }
    match gathered(worker, asked, response).await? {
        Ok(entry) => {
            flight.keep(entry.clone()).await;
            Ok(shown(worker, asked, &entry, Kept::Miss))
        }
        Err(response) => Ok(response),
    }
}

fn lifetime(asked: &Asked, response: &Response<Answer>) -> Option<freshness::Lifetime> {
    // Only what is small, and known to be: nobody's answer waits for its end for the sake of others.
    let small = response
        .body()
        .size_hint()
        .exact()
        .is_some_and(|bytes| bytes <= MOST_BYTES);
    small
        .then(|| {
            freshness::lifetime(
                response.status(),
                response.headers(),
                asked.route.caching,
                asked.scope(),
                asked.secrets,
            )
        })
        .flatten()
}

/// The whole answer as an entry, or back as it was when it cannot be one.
async fn gathered(
    worker: &Worker,
    asked: &Asked,
    response: Response<Answer>,
) -> Result<Result<Arc<Entry>, Response<Answer>>, Problem> {
    let Some(lifetime) = lifetime(asked, &response) else {
        return Ok(Err(response));
    };
    let at = worker.gateway.clock.now();
    let (mut parts, body) = response.into_parts();
    let limit = usize::try_from(MOST_BYTES).unwrap_or(usize::MAX);
    let body = Limited::new(body, limit).collect().await;
    let body = body
        .map_err(|error| problems::upstream_broken(asked.route.service).source(error))?
        .to_bytes();
    for name in [
        AGE,
        common::http::layers::X_REQUEST_ID,
        common::http::layers::TRACEPARENT,
    ] {
        parts.headers.remove(name);
    }
    if !parts.headers.contains_key(ETAG) {
        let digest = Sha256::digest(&body);
        let tag = digest[..12]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{tag}\"")) {
            parts.headers.insert(ETAG, tag);
        }
    }
    let times = (lifetime.age, lifetime.fresh, lifetime.stale);
    Ok(match Entry::new(at, times, &parts.headers, body.clone()) {
        Some(entry) => Ok(Arc::new(entry)),
        None => Err(Response::from_parts(parts, Answer::Own(Body::from(body)))),
    })
}

/// The kept answer for this request: 304 when the client has it.
fn shown(worker: &Worker, asked: &Asked, entry: &Entry, how: Kept) -> Response<Answer> {
    metrics::kept(how);
    let mut headers = entry.headers();
    let has_it = match (&asked.known, headers.get(ETAG)) {
        (Some(known), Some(tag)) => names(known, tag),
        _ => false,
    };
    let age = entry.age(worker.gateway.clock.now());
    let body = if has_it || asked.head {
        Body::empty()
    } else {
        Body::from(entry.body.clone())
    };
    let mut response = Response::new(Answer::Own(body));
    if has_it {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        let told: Vec<HeaderName> = headers
            .keys()
            .filter(|name| !OF_UNCHANGED.contains(name))
            .cloned()
            .collect();
        for name in told {
            headers.remove(name);
        }
    }
    headers.insert(AGE, HeaderValue::from(age));
    headers.insert(X_CACHE, HeaderValue::from_static(how.name()));
    *response.headers_mut() = headers;
    response
}

/// Weak comparison (RFC 9110, section 13.1.2).
fn names(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(known), Ok(tag)) = (known.to_str(), tag.to_str()) else {
        return false;
    };
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.trim() == "*" || known.split(',').any(|one| bare(one) == bare(tag))
}

async fn forget(worker: &Worker, route: &Route, identity: Option<&Identity>) {
    let cache = &worker.gateway.cache;
    cache.forget(&group(route, identity, &[])).await;
    if identity.is_some() {
        cache.forget(&group(route, None, &[])).await;
    }
}

/// Answers of one service under one route, for one session with its rights or for all.
fn group(route: &Route, identity: Option<&Identity>, one: &[&[u8]]) -> Name {
    match identity {
        None => Name::new(route.label, &[b"all"], one),
        Some(identity) => Name::new(
            route.label,
            &[
                b"session",
                identity.user_id.as_bytes(),
                identity.session_id.as_bytes(),
                &identity.rights_version.to_be_bytes(),
            ],
            one,
        ),
    }
}

impl Asked {
    fn of(route: Route, identity: Option<Arc<Identity>>, outgoing: &Outgoing) -> Self {
        let headers = &outgoing.headers;
        Self {
            route,
            path: outgoing.path.clone(),
            varies: VARIES.each_ref().map(|name| headers.get(name).cloned()),
            secrets: identity.is_none() && freshness::has_secrets(headers),
            head: outgoing.method == Method::HEAD,
            known: headers.get(IF_NONE_MATCH).cloned(),
            identity,
        }
    }

    fn scope(&self) -> Scope {
        self.identity.as_ref().map_or(Scope::Public, |_| Scope::Session)
    }

    fn name(&self) -> Name {
        let varies = self.varies.iter();
        let varies = varies.map(|value| value.as_ref().map_or(&b""[..], HeaderValue::as_bytes));
        let one: Vec<&[u8]> = std::iter::once(self.path.as_str().as_bytes())
            .chain(varies)
            .collect();
        group(&self.route, self.identity.as_deref(), &one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_names_what_it_has() {
        let has = |known, tag| names(&HeaderValue::from_static(known), &HeaderValue::from_static(tag));
        assert!(has("\"a\"", "\"a\""));
        assert!(has("\"b\", W/\"a\"", "\"a\""));
        assert!(has("\"a\"", "W/\"a\""));
        assert!(has("*", "\"a\""));
        assert!(!has("\"ab\"", "\"a\""));
        assert!(!has("", "\"a\""));
    }
}
