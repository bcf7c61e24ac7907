//! Calls of one infobase.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use common::http::client;
use futures_util::TryStreamExt;
use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio_util::io::StreamReader;
use url::Url;

use super::{Metadata, OdataError, Query};
use crate::metrics::REQUEST_DURATION;

/// Calls of one infobase at a time: each takes a session, and a session a licence.
const CONCURRENCY: usize = 3;
/// How often a call is made before its failure counts.
const ATTEMPTS: u32 = 3;

/// Who waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// A job, which tries again when 1C cannot be reached.
    Job,
    /// A person: that 1C cannot be reached is told at once.
    Person,
}

impl Patience {
    /// True when it is worth trying again. A call that ran into its time limit would do so again.
    fn retries(self, error: &OdataError) -> bool {
        match error {
            OdataError::Failed(..) | OdataError::NoLicence => true,
            OdataError::Unreachable(_) => self == Self::Job,
            _ => false,
        }
    }
}

/// The pause after the first failure; four times longer after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Metadata of a whole configuration take 23 s to make.
const METADATA_TIMEOUT: Duration = Duration::from_secs(120);
/// A probe that takes longer is a failure.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is taken in.
const LARGEST_ANSWER: usize = 48 * 1024 * 1024;

/// Login of 1C.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    /// Name of the 1C user.
    pub(crate) username: String,
    /// Its password; may be empty.
    pub(crate) password: SecretString,
}

/// A client of one infobase.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// Ends in a slash.
    root: Url,
    credentials: Credentials,
    permits: Semaphore,
}

impl Client {
    /// A client of the service at `root`, which ends in a slash.
    pub(crate) fn new(root: Url, credentials: Credentials) -> Result<Self, reqwest::Error> {
        // Sessions of 1C live in cookies when its publication is set so.
        let http = client::builder().cookie_store(true).build()?;
        Ok(Self {
            http,
            root,
            credentials,
            permits: Semaphore::new(CONCURRENCY),
        })
    }

    /// The body of a query's rows: JSON of a [`Collection`](super::Collection).
    pub(crate) async fn rows(&self, query: &Query, patience: Patience) -> Result<Bytes, OdataError> {
        let address = query.rows_address();
        let kind = ("rows", "application/json");
        self.retried(kind, query.name(), &address, patience).await
    }

    /// How many rows a query has.
    pub(crate) async fn count(&self, query: &Query) -> Result<u64, OdataError> {
        let address = query.count_address();
        let kind = ("count", "text/plain");
        let body = self.retried(kind, query.name(), &address, Patience::Job).await?;
        parse_count(query.name(), &body)
    }

    /// Asks for a number of rows once, without patience: does 1C answer?
    pub(crate) async fn probe(&self, query: &Query) -> Result<(), OdataError> {
        let request = self.get(&query.count_address()).timeout(PROBE_TIMEOUT);
        let started = Instant::now();
        let answer = self.body(request, query.name(), "text/plain").await;
        measure("probe", started, answer.as_ref().err());
        parse_count(query.name(), &answer?).map(drop)
    }

    /// The metadata of the sets named.
    pub(crate) async fn metadata(&self, wanted: &HashSet<String>) -> Result<Metadata, OdataError> {
        let started = Instant::now();
        let read = self.read_metadata(wanted).await;
        measure("metadata", started, read.as_ref().err());
        read
    }

    async fn read_metadata(&self, wanted: &HashSet<String>) -> Result<Metadata, OdataError> {
        let request = self.get("$metadata").timeout(METADATA_TIMEOUT);
        let response = self.answer(request, "$metadata", "application/xml").await?;
        let body = response.bytes_stream().map_err(std::io::Error::other);
        Ok(Metadata::read(StreamReader::new(body), wanted).await?)
    }

    /// The root of the service; ends in a slash.
    pub(super) fn root(&self) -> &Url {
        &self.root
    }

    /// A call that changes something, without a body; made once.
    pub(super) async fn post(
        &self,
        address: &str,
        set: &str,
        expected: &'static str,
        limit: Duration,
    ) -> Result<Response, OdataError> {
        let request = self.http.post(format!("{}{address}", self.root));
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        self.answer(request.timeout(limit), set, expected).await
    }

    fn get(&self, address: &str) -> RequestBuilder {
        self.http.get(format!("{}{address}", self.root))
    }

    /// Calls until it succeeds or patience ends. `kind` is the operation's name and the content
    /// type expected.
    async fn retried(
        &self,
        (operation, expected): (&'static str, &'static str),
        set: &str,
        address: &str,
        patience: Patience,
    ) -> Result<Bytes, OdataError> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let started = Instant::now();
            let answer = self.body(self.get(address), set, expected).await;
            measure(operation, started, answer.as_ref().err());
            match answer {
                Err(error) if attempt < ATTEMPTS && patience.retries(&error) => {
                    tracing::debug!(error = %error, "1C: attempt {attempt} failed");
                    tokio::time::sleep(pause).await;
                    pause *= 4;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn body(
        &self,
        request: RequestBuilder,
        set: &str,
        expected: &'static str,
    ) -> Result<Bytes, OdataError> {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        let response = self.answer(request, set, expected).await?;
        limited(response).await
    }

    /// Sends a request and returns an answer of success in the form expected; with no form expected,
    /// any success.
    async fn answer(
        &self,
        request: RequestBuilder,
        set: &str,
        expected: &'static str,
    ) -> Result<Response, OdataError> {
        let request = request
            .basic_auth(
                &self.credentials.username,
                Some(self.credentials.password.expose_secret()),
            )
            .header(ACCEPT, if expected.is_empty() { "*/*" } else { expected });
        let response = client::send(request).await.map_err(transport)?;
        let status = response.status();
        let fits = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with(expected));
        if status == StatusCode::OK && fits || status.is_success() && expected.is_empty() {
            return Ok(response);
        }
        let body = limited(response).await?;
        Err(OdataError::from_answer(set, status.as_u16(), &body))
    }
}

async fn limited(mut response: Response) -> Result<Bytes, OdataError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(OdataError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn transport(error: reqwest::Error) -> OdataError {
    if error.is_timeout() && !error.is_connect() {
        OdataError::TimedOut
    } else {
        // The address holds keys and conditions, which do not belong into logs.
        OdataError::Unreachable(error.without_url())
    }
}

fn parse_count(set: &str, body: &[u8]) -> Result<u64, OdataError> {
    let text = String::from_utf8_lossy(super::row::without_bom(body));
    text.trim()
        .parse()
        .map_err(|_| OdataError::from_answer(set, 200, body))
}

/// The operations that calls are measured by.
pub(crate) const CALLS: [&str; 6] = [
    "rows",
    "count",
    "probe",
    "metadata",
    "select_changes",
    "notify_changes",
];

pub(super) fn measure(operation: &'static str, started: Instant, error: Option<&OdataError>) {
    let outcome = error.map_or("ok", OdataError::code);
    metrics::histogram!(REQUEST_DURATION, "operation" => operation, "outcome" => outcome)
        .record(started.elapsed().as_secs_f64());
}
