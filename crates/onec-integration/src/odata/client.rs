//! Calls of one infobase.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, StatusCode};
use reqwest::RequestBuilder;
use secrecy::SecretString;
use tokio_util::io::StreamReader;

use super::{Metadata, OdataError, Query};
use crate::metrics::REQUEST_DURATION;
use crate::transport::{Answer, Transport};

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
    transport: Arc<Transport>,
}

impl Client {
    /// A client over the transport of an infobase.
    pub(crate) fn new(transport: Arc<Transport>) -> Self {
        Self { transport }
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
        let answer = self.answer(request, "$metadata", "application/xml").await?;
        let body = std::pin::pin!(answer.stream());
        Ok(Metadata::read(StreamReader::new(body), wanted).await?)
    }

    /// The root of the service; ends in a slash.
    pub(super) fn root(&self) -> &url::Url {
        self.transport.odata()
    }

    /// A call that changes something, without a body; made once.
    pub(super) async fn post(
        &self,
        address: &str,
        set: &str,
        expected: &'static str,
        limit: Duration,
    ) -> Result<Answer, OdataError> {
        let address = format!("{}{address}", self.root());
        // IIS wants a length even where there is no body.
        let request = self
            .transport
            .request(Method::POST, &address)
            .header(CONTENT_LENGTH, 0);
        self.answer(request.timeout(limit), set, expected).await
    }

    fn get(&self, address: &str) -> RequestBuilder {
        let address = format!("{}{address}", self.transport.odata());
        self.transport.request(Method::GET, &address)
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
        let answer = self.answer(request, set, expected).await?;
        answer.bytes(LARGEST_ANSWER).await
    }

    /// Sends a request and returns an answer of success in the form expected; with no form expected,
    /// any success.
    async fn answer(
        &self,
        request: RequestBuilder,
        set: &str,
        expected: &'static str,
    ) -> Result<Answer, OdataError> {
        let answer = self
            .transport
            .send(request.header(ACCEPT, if expected.is_empty() { "*/*" } else { expected }))
            .await?;
        let status = answer.status();
        let fits = answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with(expected));
        if status == StatusCode::OK && fits || status.is_success() && expected.is_empty() {
            return Ok(answer);
        }
        let body = answer.bytes(LARGEST_ANSWER).await?;
        Err(OdataError::from_answer(set, status.as_u16(), &body))
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
