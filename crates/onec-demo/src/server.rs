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
use tokio::net::TcpListener;

use crate::base::Base;
use crate::faults::{Faults, Switches, Trouble};
use crate::infobase::{Infobase, Rules, simulate};
use crate::odata::error::Refusal;
use crate::odata::write::{Change, Outcome};
use crate::odata::{self, Answer, Format, Request};
use crate::sessions::{Limits, NoSession, Seat, Sessions, Wish};
use crate::wire;

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
    sessions: Arc<Sessions>,
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
    let credentials = format!("{}:{}", options.user, options.password);
    let server = Arc::new(Server {
        store: Store::new(base),
        sessions: Arc::default(),
        writable: options.writable,
        credentials,
        switches,
    });
    server.switch(options.faults);
    Router::new()
        .route("/demo/_faults", get(faults).post(set_faults))
        .route("/demo/_admin/changes", post(make_changes))
        .route("/demo/_admin/reset", post(reset))
        .route("/demo/_admin/sessions", get(sessions).delete(end_sessions))
        .route(SERVICE, any(service))
        .route("/demo/odata/standard.odata/", any(service))
        .route("/demo/odata/standard.odata/{*path}", any(service))
        .fallback(elsewhere)
        .with_state(server)
}

impl Server {
    fn switch(&self, faults: Faults) {
        let rules = Rules {
            closed_until: faults.closed_until,
            sql_versions: faults.sql_data_version,
        };
        self.switches.set(faults);
        let set = self.store.change(|infobase| {
            infobase.rules = rules;
            Ok(())
        });
        if let Err(refusal) = set {
            tracing::error!(?refusal, "the rules were not set");
        }
    }
}

/// A publication's name in the wrong case is redirected to the right one, which turns a POST into a GET.
async fn elsewhere(uri: Uri) -> Response {
    let path = uri.path();
    let name = path.get(..BASE_PATH.len()).unwrap_or("");
    if name.eq_ignore_ascii_case(BASE_PATH) && name != BASE_PATH {
        let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
        let target = format!("{BASE_PATH}{}{query}", &path[BASE_PATH.len()..]);
        return (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, target)]).into_response();
    }
    StatusCode::NOT_FOUND.into_response()
}

async fn sessions(State(server): State<Arc<Server>>) -> Response {
    let (named, idle, busy) = server.sessions.count();
    axum::Json(serde_json::json!({ "named": named, "idle": idle, "busy": busy })).into_response()
}

async fn end_sessions(State(server): State<Arc<Server>>) -> Response {
    server.sessions.end_all();
    StatusCode::NO_CONTENT.into_response()
}

/// Forgets all that was written.
async fn reset(State(server): State<Arc<Server>>) -> Response {
    let done = server.store.change(|infobase| {
        let rules = infobase.rules.clone();
        *infobase = Infobase::new(Arc::clone(&infobase.base));
        infobase.rules = rules;
        Ok(())
    });
    match done {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refuse(&refusal, Format::Json(odata::Metadata::None)),
    }
}

async fn faults(State(server): State<Arc<Server>>) -> Response {
    axum::Json(server.switches.get()).into_response()
}

async fn set_faults(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    match serde_json::from_slice::<Faults>(&body) {
        Ok(faults) => {
            server.switch(faults.clone());
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
    let idle = Duration::from_secs(if faults.idle_seconds == 0 {
        20
    } else {
        faults.idle_seconds
    });
    if server.sessions.is_cold(idle) && faults.cold_start_ms > 0 {
        tokio::time::sleep(Duration::from_millis(faults.cold_start_ms)).await;
    }
    if faults.wrong_password || !authorized(&headers, &server.credentials) {
        let mut response = respond(401, "text/plain;charset=utf-8", "401 Unauthorized");
        let realm = header::HeaderValue::from_static("Basic realm=\"1C:Enterprise 8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        return response;
    }
    if let Some(trouble) = server.switches.next() {
        let (status, content_type, body) = trouble.answer(uri.path());
        return respond(status, content_type, body);
    }
    let seat = match session(&server, &faults, &headers) {
        Ok(seat) => seat,
        Err(trouble) => {
            let (status, content_type, body) = trouble.answer(uri.path());
            return respond(status, content_type, body);
        }
    };
    let mut response = answer(&server, faults, method, uri, headers, body).await;
    if let Some(name) = seat.opened {
        let cookie = format!("ibsession={name}; path={BASE_PATH}/");
        if let Ok(cookie) = header::HeaderValue::from_str(&cookie) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// The session a request runs in.
fn session(server: &Server, faults: &Faults, headers: &HeaderMap) -> Result<Seat, Trouble> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let cookies = text("cookie").unwrap_or("").split(';');
    let mut cookie = cookies.filter_map(|one| one.trim().strip_prefix("ibsession="));
    let wish = Wish {
        header: text("ibsession").map(str::to_lowercase),
        cookie: cookie.next().map(str::to_owned),
    };
    let limits = Limits {
        reuse: faults.reuse_sessions,
        max_age: Duration::from_secs(faults.session_max_age),
        licences: faults.licences,
    };
    server.sessions.take(limits, &wish).map_err(|why| match why {
        NoSession::Licence => Trouble::NoLicence,
        NoSession::Unknown => Trouble::UnknownSession,
    })
}

async fn answer(
    server: &Arc<Server>,
    faults: Faults,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let server = Arc::clone(server);
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
    if faults.device_full {
        return refuse(&device_full(), format);
    }
    let switches = faults.clone();
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
            padding: faults.metadata_mb.min(64) * 1_000_000,
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
    let refusal = match work.await {
        Ok(Ok(outcome)) => match written(outcome, &switches) {
            Some(response) => return response,
            None => device_full(),
        },
        Ok(Err(refusal)) => refusal,
        Err(error) => {
            tracing::error!(%error, "a request was not answered");
            Refusal::internal("Произошла внутренняя ошибка OData сервиса")
        }
    };
    let refusal = if switches.english_errors {
        refusal.english()
    } else {
        refusal
    };
    let response = refuse(&refusal, format);
    if switches.bom {
        marked(response).await
    } else {
        response
    }
}

/// The same answer with a byte order mark.
async fn marked(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let text = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let whole = ["\u{feff}".as_bytes(), &text].concat();
    let mut response = Response::from_parts(parts, Body::from(whole));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

/// The server has no room for an answer.
fn device_full() -> Refusal {
    Refusal::internal("The device is full '/tmp/v8_3F2A_17.tmp'")
}

/// Nothing if the answer is too large.
fn written(outcome: Outcome, faults: &Faults) -> Option<Response> {
    let mut response = match outcome.answer {
        None => respond(outcome.status, "text/plain;charset=utf-8", Body::empty()),
        Some(Answer { content_type, body }) => {
            respond(outcome.status, content_type, wire::body(body, faults)?)
        }
    };
    if let Some(value) = outcome.location.and_then(|place| location(&place)) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Some(response)
}

/// An address as a header can carry it.
fn location(place: &str) -> Option<header::HeaderValue> {
    const LETTERS: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b' ');
    let text = percent_encoding::utf8_percent_encode(place, LETTERS).to_string();
    header::HeaderValue::from_str(&text).ok()
}
