//! Calls to onec-integration, and to analytics for files of reports, on behalf of the caller.

use std::sync::Arc;
use std::time::Duration;

use common::BoxError;
use common::contract::onec::{
    CompanyInfo, InfobaseInfo, Match, Named, Report, ReportId, ReportQuery, SubjectKind,
};
use common::http::{Page, client};
use common::telemetry::RequestContext;
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::drafts::Drafted;
use super::entities::{Entity, Listed, Rows};
use super::report_files::{self, ReportFile};
use crate::cache::{Key, Recall, Seat};

/// Greatest answer that is read, bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Sets in one list.
const SETS: &str = "200";
/// Names in one answer; in full and in Russian they stay below `MAX_BYTES`.
const NAMES: u32 = 3000;

/// onec-integration, as this service calls it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Onec {
    base: Url,
    /// Analytics, which makes files.
    analytics: Url,
    client: Client,
    /// Where results are found that were asked for before.
    recall: Option<Arc<Recall>>,
}

/// Why a call gave no data.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OnecError {
    /// onec-integration cannot be reached or does not answer in time.
    #[error("onec-integration does not answer")]
    Unreachable(#[source] BoxError),
    /// It refused, and says why.
    #[error("onec-integration answered {status} {code}")]
    Refused {
        status: StatusCode,
        code: String,
        /// What it says, in the language of the question.
        message: String,
    },
    /// It answered something else than the contract.
    #[error("the answer of onec-integration cannot be read")]
    Malformed(#[source] BoxError),
}

#[derive(Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ProblemBody {
    code: String,
    title: String,
    detail: Option<String>,
    errors: Vec<FieldError>,
}

#[derive(Deserialize)]
struct FieldError {
    pointer: String,
    detail: String,
}

impl Onec {
    pub(crate) fn new(base: Url, analytics: Url, timeout: Duration) -> reqwest::Result<Self> {
        let client = client::builder()
            .timeout(timeout)
            .connect_timeout(timeout.min(Duration::from_secs(3)))
            .build()?;
        Ok(Self {
            base,
            analytics,
            client,
            recall: None,
        })
    }

    /// The same; reports and names that were asked for before, with the same rights and on the same
    /// data, come out of the cache.
    #[must_use]
    pub(crate) fn recalling(&self, recall: Arc<Recall>) -> Self {
        Self {
            recall: Some(recall),
            ..self.clone()
        }
    }

    pub(crate) async fn report(
        &self,
        token: &SecretString,
        report: ReportId,
        query: &ReportQuery,
    ) -> Result<Report, OnecError> {
        let path = format!("reports/{report}");
        self.get(token, &path, |request| request.query(query)).await
    }

    pub(crate) async fn search(
        &self,
        token: &SecretString,
        kind: SubjectKind,
        words: &str,
        infobase: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Match>, OnecError> {
        let kind = serde_json::to_value(kind).map_err(|error| OnecError::Malformed(error.into()))?;
        let limit = limit.to_string();
        let infobase = infobase.map(|id| id.to_string());
        let mut parameters = vec![
            ("kind", kind.as_str().unwrap_or_default()),
            ("q", words),
            ("limit", &limit),
        ];
        parameters.extend(infobase.as_deref().map(|id| ("infobase", id)));
        let found: Items<Match> = self
            .get(token, "search", |request| request.query(&parameters))
            .await?;
        Ok(found.items)
    }

    /// A piece of all names of a kind, and where the next piece begins.
    pub(crate) async fn names(
        &self,
        token: &SecretString,
        kind: SubjectKind,
        infobase: Option<Uuid>,
        cursor: Option<&str>,
    ) -> Result<(Vec<Named>, Option<String>), OnecError> {
        #[derive(Serialize)]
        struct Asked<'a> {
            kind: SubjectKind,
            infobase: Option<Uuid>,
            cursor: Option<&'a str>,
            limit: u32,
        }
        let asked = Asked {
            kind,
            infobase,
            cursor,
            limit: NAMES,
        };
        let page: Page<Named> = self.get(token, "names", |request| request.query(&asked)).await?;
        Ok((page.items, page.next_cursor))
    }

    /// The infobases that the caller sees.
    pub(crate) async fn infobases(&self, token: &SecretString) -> Result<Vec<InfobaseInfo>, OnecError> {
        // Never out of the cache: it is what tells of the state of the data.
        let asked = self.client.get(self.url("infobases"));
        let found: Items<InfobaseInfo> = self.send(token, asked).await?;
        Ok(found.items)
    }

    /// The companies that the caller sees, as many as a list has at most.
    pub(crate) async fn companies(&self, token: &SecretString) -> Result<Vec<CompanyInfo>, OnecError> {
        let parameters = [("limit", "200")];
        let found: Items<CompanyInfo> = self
            .get(token, "companies", |request| request.query(&parameters))
            .await?;
        Ok(found.items)
    }

    /// The key of a result that can be found again: what is read live in 1C cannot.
    async fn key(&self, path: &str, request: &reqwest::RequestBuilder) -> Option<(&Recall, Key)> {
        let recall = self
            .recall
            .as_deref()
            .filter(|recall| !recall.cache.tools.is_zero())?;
        if path != "search" && !path.starts_with("reports/") {
            return None;
        }
        let request = request.try_clone()?.build().ok()?;
        let query = request.url().query().unwrap_or_default();
        if query.split('&').any(|pair| pair == "source=live") {
            return None;
        }
        let locale = RequestContext::current_locale();
        let key = recall.key("tool", locale, None, None).await?;
        Some((recall, key.and(path).and(query)))
    }

    /// Sets that an infobase publishes.
    pub(super) async fn entities(
        &self,
        token: &SecretString,
        kind: Option<&str>,
        part: Option<&str>,
        infobase: Option<Uuid>,
    ) -> Result<Vec<Listed>, OnecError> {
        let infobase = infobase.map(|id| id.to_string());
        let given = [
            ("kind", kind),
            ("q", part),
            ("infobase", infobase.as_deref()),
            ("limit", Some(SETS)),
        ];
        let parameters: Vec<_> = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let found: Items<Listed> = self
            .get(token, "entities", |request| request.query(&parameters))
            .await?;
        Ok(found.items)
    }

    /// What a set has.
    pub(super) async fn entity(
        &self,
        token: &SecretString,
        name: &str,
        infobase: Option<Uuid>,
    ) -> Result<Entity, OnecError> {
        let path = format!("entities/{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
        let parameters: Vec<_> = infobase.map(|id| ("infobase", id)).into_iter().collect();
        self.get(token, &path, |request| request.query(&parameters)).await
    }

    /// Rows of a set.
    pub(super) async fn rows(
        &self,
        token: &SecretString,
        name: &str,
        parameters: &[(&'static str, String)],
    ) -> Result<Rows, OnecError> {
        let path = format!("entities/{}/rows", utf8_percent_encode(name, NON_ALPHANUMERIC));
        self.get(token, &path, |request| request.query(parameters)).await
    }

    /// Drafts a change; 1C is only read.
    pub(super) async fn draft(&self, token: &SecretString, draft: &Value) -> Result<Drafted, OnecError> {
        let url = self.url("documents/drafts");
        let drafted: Drafted = self.send(token, self.client.post(url).json(draft)).await?;
        Ok(drafted.with_confirmation())
    }

    /// Has analytics make a file of a report.
    pub(super) async fn report_file(
        &self,
        token: &SecretString,
        report: ReportId,
        query: &ReportQuery,
    ) -> Result<ReportFile, OnecError> {
        let url = format!(
            "{}/reports/generate",
            self.analytics.as_str().trim_end_matches('/')
        );
        let order = report_files::order(report, query);
        let accepted = self.send(token, self.client.post(url).json(&order)).await?;
        Ok(ReportFile::new(report, accepted))
    }

    async fn get<T: DeserializeOwned>(
        &self,
        token: &SecretString,
        path: &str,
        with: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Result<T, OnecError> {
        let request = with(self.request(token, path));
        let mut flight = None;
        if let Some((recall, key)) = self.key(path, &request).await {
            match recall.cache.seat(&key).await {
                Seat::Found(body) => {
                    if let Ok(found) = serde_json::from_slice(&body) {
                        if let Some(report) = path.strip_prefix("reports/") {
                            recall.saw(report);
                        }
                        return Ok(found);
                    }
                }
                Seat::Ours(ours) => flight = Some((ours, recall.cache.tools)),
                Seat::Alone => {}
            }
        }
        let body = body_of(request).await?;
        let parsed = serde_json::from_slice(&body).map_err(|error| OnecError::Malformed(error.into()))?;
        if let Some((flight, keep)) = flight {
            flight.land(&body, keep).await;
        }
        Ok(parsed)
    }

    fn request(&self, token: &SecretString, path: &str) -> reqwest::RequestBuilder {
        self.client.get(self.url(path)).bearer_auth(token.expose_secret())
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base.as_str().trim_end_matches('/'))
    }

    async fn send<T: DeserializeOwned>(
        &self,
        token: &SecretString,
        request: reqwest::RequestBuilder,
    ) -> Result<T, OnecError> {
        let body = body_of(request.bearer_auth(token.expose_secret())).await?;
        serde_json::from_slice(&body).map_err(|error| OnecError::Malformed(error.into()))
    }
}

/// The body of a success.
async fn body_of(request: reqwest::RequestBuilder) -> Result<Vec<u8>, OnecError> {
    let response = client::send(request).await.map_err(unreachable)?;
    let status = response.status();
    let body = read(response).await?;
    if status.is_success() {
        return Ok(body);
    }
    let problem: ProblemBody = serde_json::from_slice(&body).unwrap_or_default();
    // The gateway's own codes mean that the service itself is away.
    if problem.code.is_empty() && status.is_server_error() {
        return Err(OnecError::Unreachable(format!("status {status}").into()));
    }
    Err(OnecError::Refused {
        status,
        message: message_of(&problem),
        code: problem.code,
    })
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, OnecError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(OnecError::Malformed(
                format!("more than {MAX_BYTES} bytes").into(),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unreachable(error: reqwest::Error) -> OnecError {
    // The URL may name counterparties; the log does not need it.
    OnecError::Unreachable(error.without_url().into())
}

fn message_of(problem: &ProblemBody) -> String {
    let mut parts = vec![problem.detail.clone().unwrap_or_else(|| problem.title.clone())];
    parts.extend(
        problem
            .errors
            .iter()
            .map(|error| format!("{}: {}", error.pointer, error.detail)),
    );
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}
