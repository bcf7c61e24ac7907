//! The HTTP side: addresses, Basic authentication, troubles, answers.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use base64::Engine as _;
use futures_util::stream;
use tokio::net::TcpListener;

use crate::base::Base;
use crate::faults::{Faults, Switches};
use crate::infobase::{Infobase, simulate};
use crate::odata::error::Refusal;
use crate::odata::write::{Change, Outcome};
use crate::odata::{self, Answer, Format, Pieces, Request};

/// Where the base is published.
pub const BASE_PATH: &str = "/demo";
/// Where the service is, below the publication.
const SERVICE: &str = "/demo/odata/standard.odata";

/// Settings of a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// User of the base.
    pub user: String,
    /// The user's password.
    pub password: String,
    /// Troubles that are on from the start.
    pub faults: Faults,
    /// The user may change data. Without it, changes are answered 405; change tracking can be read anyway.
    pub writable: bool,
}

impl ServerOptions {
    /// The default options, for a user who may change data.
    pub fn writable() -> Self {
        Self {
            writable: true,
            ..Self::default()
        }
    }
}

impl Default for ServerOptions {
    /// User `odata` with password `odata-demo`, who may only read; no troubles.
    fn default() -> Self {
        Self {
            user: "odata".to_owned(),
            password: "odata-demo".to_owned(),
            faults: Faults::default(),
            writable: false,
        }
    }
}

/// The base as it is now. Readers keep the state they have begun with.
struct Store {
    now: RwLock<Arc<Infobase>>,
    writing: Mutex<()>,
}

impl Store {
    fn new(base: Arc<Base>) -> Self {
        Self {
            now: RwLock::new(Arc::new(Infobase::new(base))),
            writing: Mutex::new(()),
        }
    }

    fn get(&self) -> Arc<Infobase> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes a change that takes effect as a whole or, when it fails, not at all.
    fn change<T>(&self, work: impl FnOnce(&mut Infobase) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = Infobase::clone(&self.get());
        let done = work(&mut next)?;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(done)
    }
}

struct Server {
    store: Store,
    writable: bool,
    /// What a client that may come in says in `Authorization`, decoded.
    credentials: String,
    switches: Switches,
}

/// Serves `base` on `listener` until `shutdown` is done, then lets the answers under way finish.
///
/// The service's address is `http://<listener>/demo/odata/standard.odata/`.
///
/// # Errors
///
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    base: Arc<Base>,
    options: ServerOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(base, options))
        .with_graceful_shutdown(shutdown)
        .await
}

/// The routes of a server, for those who listen themselves.
pub fn router(base: Arc<Base>, options: ServerOptions) -> Router {
    let switches = Switches::default();
    switches.set(options.faults);
    let credentials = format!("{}:{}", options.user, options.password);
    let server = Arc::new(Server {
        store: Store::new(base),
        writable: options.writable,
        credentials,
        switches,
    });
    Router::new()
        .route("/demo/_faults", get(faults).post(set_faults))
        .route("/demo/_admin/changes", post(make_changes))
        .route(SERVICE, any(service))
        .route("/demo/odata/standard.odata/", any(service))
        .route("/demo/odata/standard.odata/{*path}", any(service))
        .with_state(server)
}

async fn faults(State(server): State<Arc<Server>>) -> Response {
    axum::Json(server.switches.get()).into_response()
}

async fn set_faults(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    match serde_json::from_slice::<Faults>(&body) {
        Ok(faults) => {
            server.switches.set(faults.clone());
            axum::Json(faults).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

/// How much is to be changed.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Work {
    documents: usize,
}

async fn make_changes(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let work = match serde_json::from_slice::<Work>(&body) {
        Ok(work) => work,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    let done = tokio::task::spawn_blocking(move || {
        server
            .store
            .change(|infobase| simulate(infobase, work.documents.min(10_000)))
    });
    match done.await {
        Ok(Ok(done)) => axum::Json(done).into_response(),
        Ok(Err(refusal)) => refuse(&refusal, Format::Json(odata::Metadata::None)),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

fn authorized(headers: &HeaderMap, credentials: &str) -> bool {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let encoded = given.and_then(|value| {
        value
            .strip_prefix("Basic ")
            .or_else(|| value.strip_prefix("basic "))
    });
    let decoded = encoded.and_then(|text| base64::engine::general_purpose::STANDARD.decode(text.trim()).ok());
    decoded.is_some_and(|bytes| bytes == credentials.as_bytes())
}

fn respond(status: u16, content_type: &str, body: impl Into<Body>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = [
        (header::CONTENT_TYPE.as_str(), content_type),
        ("DataServiceVersion", "3.0"),
    ];
    (status, headers, body.into()).into_response()
}

fn refuse(refusal: &Refusal, format: Format) -> Response {
    match format {
        Format::Json(_) => respond(refusal.status, "application/json;charset=utf-8", refusal.json()),
        Format::Atom => respond(refusal.status, "application/xml;charset=utf-8", refusal.xml()),
    }
}

async fn service(
    State(server): State<Arc<Server>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let faults = server.switches.get();
    if faults.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(faults.latency_ms)).await;
    }
    if !authorized(&headers, &server.credentials) {
        let mut response = respond(401, "text/plain;charset=utf-8", "401 Unauthorized");
        let realm = header::HeaderValue::from_static("Basic realm=\"1C:Enterprise 8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        return response;
    }
    if let Some(trouble) = server.switches.next() {
        let (status, content_type, body) = trouble.answer(uri.path());
        return respond(status, content_type, body);
    }
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
        .to_owned();
    let format = match odata::format(uri.query().unwrap_or(""), &accept) {
        Ok(format) => format,
        Err(refusal) => return refuse(&refusal, Format::Atom),
    };
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("localhost");
    let root = format!("http://{host}{SERVICE}/");
    let said = move |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    // Sums over a large base take seconds: they must not hold up other requests.
    let work = tokio::task::spawn_blocking(move || {
        let request = Request {
            path: uri.path().strip_prefix(SERVICE).unwrap_or(""),
            query: uri.query().unwrap_or(""),
            accept: &accept,
            root,
            unpublished: faults.empty_composition,
            hidden: faults.rls.then_some(2),
            most_rows: (faults.max_rows > 0).then_some(faults.max_rows),
        };
        if method == Method::GET || method == Method::HEAD {
            let answer = odata::answer(&server.store.get(), &request)?;
            return Ok(Outcome {
                status: 200,
                location: None,
                answer: Some(answer),
            });
        }
        let if_match = said("if-match");
        let change = Change {
            method: method.as_str(),
            body: &body,
            if_match: if_match.as_deref(),
            enforce: !faults.ignore_if_match,
            loading: said("1c_odata-dataloadmode").is_some_and(|value| value.eq_ignore_ascii_case("true")),
            read_only: !server.writable,
        };
        server
            .store
            .change(|infobase| odata::write::change(infobase, &request, &change))
    });
    match work.await {
        Ok(Ok(outcome)) => written(outcome),
        Ok(Err(refusal)) => refuse(&refusal, format),
        Err(error) => {
            tracing::error!(%error, "a request was not answered");
            refuse(
                &Refusal::internal("Произошла внутренняя ошибка OData сервиса"),
                format,
            )
        }
    }
}

fn written(outcome: Outcome) -> Response {
    let mut response = match outcome.answer {
        None => respond(outcome.status, "text/plain;charset=utf-8", Body::empty()),
        Some(Answer { content_type, body }) => match body {
            Pieces::Whole(body) => respond(outcome.status, content_type, body),
            Pieces::Stream(pieces) => {
                let stream = stream::iter(pieces.map(Ok::<_, std::convert::Infallible>));
                respond(outcome.status, content_type, Body::from_stream(stream))
            }
        },
    };
    if let Some(value) = outcome.location.and_then(|place| location(&place)) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// An address as a header can carry it.
fn location(place: &str) -> Option<header::HeaderValue> {
    const LETTERS: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b' ');
    let text = percent_encoding::utf8_percent_encode(place, LETTERS).to_string();
    header::HeaderValue::from_str(&text).ok()
}
