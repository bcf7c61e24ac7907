//! HTTP to one infobase: login, sessions, limits, proxy and trust.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use common::http::{address, client};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Certificate, RequestBuilder, Response};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use url::Url;

use crate::odata::{Credentials, OdataError};

/// Time to connect: 1C's web server is near, or it is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An answer that may say that a session has ended is no longer than this.
const LARGEST_REFUSAL: usize = 256 * 1024;
/// Time to end a session that nobody needs any more.
const FINISH_TIMEOUT: Duration = Duration::from_secs(3);
/// The header that begins and ends sessions, and the cookie that names one
/// (administrator guide of the platform, reuse of sessions).
const SESSION_HEADER: &str = "ibsession";

/// How sessions of 1C are reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type, serde::Serialize, serde::Deserialize, JsonSchema)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub(crate) enum SessionMode {
    /// As the publication decides (`reuseSessions="autouse"` or `dontuse`): cookies are kept.
    Auto,
    /// We begin, keep and end sessions ourselves (`reuseSessions="use"`).
    Use,
    /// No cookies at all: each call is a session of its own.
    None,
}

/// What a transport is made of.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Root of the OData service; ends in a slash.
    pub(crate) odata: Url,
    /// Root of the web services; none: `ws/` of the base.
    pub(crate) soap: Option<Url>,
    /// Root of the HTTP services; none: `hs/` of the base.
    pub(crate) http: Option<Url>,
    pub(crate) credentials: Credentials,
    /// Calls at a time.
    pub(crate) concurrency: usize,
    /// Calls begun per second; none: no limit.
    pub(crate) requests_per_second: Option<f64>,
    pub(crate) session_mode: SessionMode,
    /// An http or https proxy; may hold a login.
    pub(crate) proxy: Option<SecretString>,
    /// Authorities trusted besides the usual ones, as PEM.
    pub(crate) ca_certificate: Option<String>,
    /// For a whole call; callers may set another one for a request.
    pub(crate) timeout: Duration,
}

/// Why settings make no transport.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// The proxy is not an http or https address.
    #[error("the address of the proxy is not usable")]
    Proxy,
    /// The certificate is not PEM, or there is none in it.
    #[error("the certificate of the authority is not usable")]
    Certificate,
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be made")]
    Client(#[source] reqwest::Error),
}

/// HTTP to one infobase. OData, SOAP and HTTP services go through it.
#[derive(Debug)]
pub(crate) struct Transport {
    client: reqwest::Client,
    odata: Url,
    soap: Url,
    http: Url,
    credentials: Credentials,
    permits: Arc<Semaphore>,
    pace: Option<Pace>,
    /// In mode `use` only.
    sessions: Option<Arc<Sessions>>,
}

impl Transport {
    /// A transport that has not called yet.
    pub(crate) fn new(settings: &Settings) -> Result<Self, TransportError> {
        let mut builder = client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(settings.timeout)
            .dns_resolver(Arc::new(address::Resolver))
            .cookie_store(settings.session_mode == SessionMode::Auto);
        if let Some(proxy) = &settings.proxy {
            let address = proxy.expose_secret();
            let proxy = reqwest::Proxy::all(address).map_err(|_| TransportError::Proxy)?;
            builder = builder.proxy(proxy);
        }
        if let Some(pem) = &settings.ca_certificate {
            builder = builder.tls_certs_merge(certificates(pem)?);
        }
        let base = base_of(&settings.odata);
        Ok(Self {
            client: builder.build().map_err(TransportError::Client)?,
            soap: settings.soap.clone().unwrap_or_else(|| under(&base, "ws/")),
            http: settings.http.clone().unwrap_or_else(|| under(&base, "hs/")),
            odata: settings.odata.clone(),
            credentials: settings.credentials.clone(),
            permits: Arc::new(Semaphore::new(settings.concurrency.max(1))),
            pace: settings.requests_per_second.map(Pace::new),
            sessions: (settings.session_mode == SessionMode::Use).then(Arc::default),
        })
    }

    /// Root of the OData service; ends in a slash.
    pub(crate) fn odata(&self) -> &Url {
        &self.odata
    }

    /// Root of the web services, `…/ws/`.
    pub(crate) fn soap(&self) -> &Url {
        &self.soap
    }

    /// Root of the HTTP services, `…/hs/`.
    pub(crate) fn http(&self) -> &Url {
        &self.http
    }

    /// A request with the login; [`Transport::send`] adds the headers of the trace.
    pub(crate) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url).basic_auth(
            &self.credentials.username,
            Some(self.credentials.password.expose_secret()),
        )
    }

    /// Sends within the concurrency and the rate of the base. The place is taken until the answer is read
    /// or dropped.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Answer, OdataError> {
        // The semaphore is never closed.
        let permit = self.permits.clone().acquire_owned().await.ok();
        let Some(sessions) = &self.sessions else {
            let response = self.paced(request).await?;
            return Ok(Answer::coming(
                response,
                Lease {
                    permit,
                    session: None,
                },
            ));
        };
        let again = request.try_clone();
        let mut session = sessions.take();
        let had_begun = session.has_begun();
        let response = self.paced(session.apply(request)).await?;
        session.learn(response.headers());
        if !had_begun || !matches!(response.status().as_u16(), 400 | 404) {
            let lease = Lease {
                permit,
                session: Some((session, sessions.clone())),
            };
            return Ok(Answer::coming(response, lease));
        }
        // Either an ordinary refusal or the end of our session.
        let (status, headers) = (response.status(), response.headers().clone());
        let body = limited(response, LARGEST_REFUSAL).await?;
        let Some(again) = again.filter(|_| tells_of_lost_session(&body)) else {
            let lease = Lease {
                permit,
                session: Some((session, sessions.clone())),
            };
            return Ok(Answer {
                status,
                headers,
                body: Body::Whole(body),
                lease,
            });
        };
        let mut session = Session::default();
        let response = self.paced(session.apply(again)).await?;
        session.learn(response.headers());
        let lease = Lease {
            permit,
            session: Some((session, sessions.clone())),
        };
        Ok(Answer::coming(response, lease))
    }

    async fn paced(&self, request: RequestBuilder) -> Result<Response, OdataError> {
        if let Some(pace) = &self.pace {
            pace.wait().await;
        }
        client::send(request).await.map_err(failure)
    }

    /// Ends the sessions that we began and that nobody uses now, as well as it can be done.
    pub(crate) async fn finish(&self) {
        let Some(sessions) = &self.sessions else { return };
        let idle = std::mem::take(&mut *sessions.idle());
        for session in idle {
            let request = self
                .request(Method::GET, self.odata.as_str())
                .header(COOKIE, session.cookies())
                .header(SESSION_HEADER, "finish")
                .timeout(FINISH_TIMEOUT);
            if let Err(error) = client::send(request).await {
                tracing::debug!(error = %error.without_url(), "a session of 1C is left to end by itself");
                return;
            }
        }
    }
}

/// An answer of 1C whose body may still be on its way.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
    lease: Lease,
}

#[derive(Debug)]
enum Body {
    Coming(Response),
    Whole(Bytes),
}

impl Answer {
    fn coming(response: Response, lease: Lease) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: Body::Coming(response),
            lease,
        }
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The whole body; fails when it is larger than `limit` bytes.
    pub(crate) async fn bytes(self, limit: usize) -> Result<Bytes, OdataError> {
        match self.body {
            Body::Whole(body) if body.len() > limit => Err(OdataError::TooLarge),
            Body::Whole(body) => Ok(body),
            Body::Coming(response) => limited(response, limit).await,
        }
    }

    /// The body as it comes.
    pub(crate) fn stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        let lease = self.lease;
        let body = match self.body {
            Body::Whole(body) => stream::iter([Ok(body)]).left_stream(),
            Body::Coming(response) => response.bytes_stream().map_err(io::Error::other).right_stream(),
        };
        body.inspect(move |_| {
            // The stream owns the place among the calls of the base.
            let _held = &lease;
        })
    }
}

/// A place among the calls of a base and the session used, given back when dropped.
#[derive(Debug)]
struct Lease {
    #[expect(dead_code, reason = "held until the answer is read")]
    permit: Option<OwnedSemaphorePermit>,
    session: Option<(Session, Arc<Sessions>)>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((session, sessions)) = self.session.take()
            && session.has_begun()
        {
            sessions.idle().push(session);
        }
    }
}

/// Sessions that nobody uses at the moment: 1C serves one call of a session at a time.
#[derive(Debug, Default)]
struct Sessions(Mutex<Vec<Session>>);

impl Sessions {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Session {
        self.idle().pop().unwrap_or_default()
    }
}

/// A session of 1C: its cookies.
#[derive(Default)]
struct Session(Vec<(String, String)>);

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(..)")
    }
}

impl Session {
    fn has_begun(&self) -> bool {
        self.0
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(SESSION_HEADER))
    }

    fn cookies(&self) -> String {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn apply(&self, request: RequestBuilder) -> RequestBuilder {
        let request = if self.0.is_empty() {
            request
        } else {
            request.header(COOKIE, self.cookies())
        };
        if self.has_begun() {
            request
        } else {
            request.header(SESSION_HEADER, "start")
        }
    }

    fn learn(&mut self, headers: &HeaderMap) {
        for header in headers.get_all(SET_COOKIE) {
            let Some((name, value)) = header
                .to_str()
                .ok()
                .and_then(|header| header.split(';').next())
                .and_then(|pair| pair.split_once('='))
            else {
                continue;
            };
            self.0.retain(|(known, _)| known != name.trim());
            if !value.trim().is_empty() {
                self.0.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
    }
}

/// True for a refusal that speaks of the session and not of what was asked.
fn tells_of_lost_session(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    ["сеанс", "session"].iter().any(|word| text.contains(word))
        && !text.contains("\"odata.error\"")
        && !text.contains("<m:error")
}

/// Spreads calls evenly over time.
#[derive(Debug)]
struct Pace {
    pause: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    fn new(per_second: f64) -> Self {
        Self {
            pause: Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(Duration::from_secs(60)),
            next: Mutex::new(Instant::now()),
        }
    }

    async fn wait(&self) {
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(Instant::now());
            *next = turn + self.pause;
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}

/// The certificates of a PEM text.
pub(crate) fn certificates(pem: &str) -> Result<Vec<Certificate>, TransportError> {
    let found = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|_| TransportError::Certificate)?;
    if found.is_empty() {
        return Err(TransportError::Certificate);
    }
    Ok(found)
}

/// The address of the base itself; ends in a slash.
pub(crate) fn base_of(odata: &Url) -> Url {
    let mut base = odata.clone();
    let path = odata.path().trim_end_matches('/');
    let path = path.strip_suffix("/odata/standard.odata").unwrap_or(path);
    base.set_path(&format!("{path}/"));
    base
}

fn under(base: &Url, part: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{part}", base.path()));
    url
}

async fn limited(mut response: Response, limit: usize) -> Result<Bytes, OdataError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > limit {
            return Err(OdataError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// What a failure below HTTP means.
pub(crate) fn failure(error: reqwest::Error) -> OdataError {
    if error.is_timeout() && !error.is_connect() {
        OdataError::TimedOut
    } else {
        // The address holds keys and conditions, which do not belong into logs.
        OdataError::Unreachable(error.without_url())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::response::IntoResponse;
    use common::testing::TestServer;

    use super::*;

    /// A publication with `reuseSessions="use"`: it begins sessions when asked to, and forgets all of
    /// them each third call.
    async fn publication(begun: Arc<AtomicUsize>, finished: Arc<AtomicUsize>) -> TestServer {
        let calls = Arc::new(AtomicUsize::new(0));
        TestServer::serve(Router::new().fallback(move |headers: HeaderMap| {
            let (begun, finished, calls) = (begun.clone(), finished.clone(), calls.clone());
            async move {
                let header = headers.get("ibsession").and_then(|value| value.to_str().ok());
                match header {
                    Some("start") => {
                        let number = begun.fetch_add(1, Ordering::SeqCst);
                        return ([(SET_COOKIE, format!("ibsession={number}; path=/"))], "ok").into_response();
                    }
                    Some("finish") => {
                        finished.fetch_add(1, Ordering::SeqCst);
                        return "ok".into_response();
                    }
                    _ => {}
                }
                assert!(
                    headers.contains_key(COOKIE),
                    "neither a session nor the wish for one"
                );
                if calls.fetch_add(1, Ordering::SeqCst) % 3 == 2 {
                    return (StatusCode::NOT_FOUND, "Сеанс не найден").into_response();
                }
                "ok".into_response()
            }
        }))
        .await
    }

    fn settings(server: &TestServer, session_mode: SessionMode) -> Settings {
        Settings {
            odata: format!("{}/base/odata/standard.odata/", server.url())
                .parse()
                .unwrap(),
            soap: None,
            http: None,
            credentials: Credentials {
                username: "odata".to_owned(),
                password: SecretString::default(),
            },
            concurrency: 2,
            requests_per_second: None,
            session_mode,
            proxy: None,
            ca_certificate: None,
            timeout: Duration::from_secs(10),
        }
    }

    async fn call(transport: &Transport) -> (StatusCode, Bytes) {
        let request = transport.request(Method::GET, transport.odata().as_str());
        let answer = transport.send(request).await.unwrap();
        (answer.status(), answer.bytes(1000).await.unwrap())
    }

    #[tokio::test]
    async fn a_session_is_begun_once_begun_again_when_lost_and_ended() {
        let (begun, finished) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let server = publication(begun.clone(), finished.clone()).await;
        let transport = Transport::new(&settings(&server, SessionMode::Use)).unwrap();
        assert_eq!(transport.soap().path(), "/base/ws/");
        assert_eq!(transport.http().path(), "/base/hs/");
        for _ in 0..3 {
            assert_eq!(call(&transport).await.0, StatusCode::OK);
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        // The third call of the session finds it lost; the caller does not notice.
        assert_eq!(
            call(&transport).await,
            (StatusCode::OK, Bytes::from_static(b"ok"))
        );
        assert_eq!(begun.load(Ordering::SeqCst), 2);
        // Calls at the same time take a session each.
        let request = || transport.request(Method::GET, transport.odata().as_str());
        let first = transport.send(request()).await.unwrap();
        let second = transport.send(request()).await.unwrap();
        assert_eq!(begun.load(Ordering::SeqCst), 3);
        // There is no third place until an answer is dropped.
        let waits = tokio::time::timeout(Duration::from_millis(100), transport.send(request())).await;
        assert!(waits.is_err());
        drop((first, second));
        transport.finish().await;
        assert_eq!(finished.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn an_answer_is_read_as_it_comes_or_whole_up_to_a_limit() {
        let server = TestServer::serve(Router::new().fallback(|| async { "x".repeat(5000) })).await;
        let transport = Transport::new(&settings(&server, SessionMode::None)).unwrap();
        let request = || transport.request(Method::GET, transport.odata().as_str());
        let answer = transport.send(request()).await.unwrap();
        assert!(matches!(answer.bytes(4999).await, Err(OdataError::TooLarge)));
        let answer = transport.send(request()).await.unwrap();
        let parts: Vec<Bytes> = answer.stream().try_collect().await.unwrap();
        assert_eq!(parts.concat().len(), 5000);
    }

    #[tokio::test]
    async fn calls_are_spread_over_time() {
        let pace = Pace::new(50.0);
        let started = Instant::now();
        for _ in 0..5 {
            pace.wait().await;
        }
        assert!(started.elapsed() >= Duration::from_millis(80));
    }
}
