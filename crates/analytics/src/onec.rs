//! onec-integration, asked with the caller's own token.

use std::time::Duration;

use ::http::header::{CONTENT_TYPE, RETRY_AFTER};
use ::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use common::BoxError;
use common::auth::Identity;
use common::contract::onec::{Report, ReportId, ReportInfo, ReportQuery};
use common::http::{Page, client};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OnecError {
    /// It did not answer, or with something that is not its contract.
    #[error("onec-integration does not answer")]
    Unavailable(#[source] BoxError),
    /// It refused, with a problem that is passed on.
    #[error("onec-integration refused with {status}")]
    Refused {
        status: StatusCode,
        retry_after: Option<HeaderValue>,
        problem: Value,
    },
}

impl OnecError {
    /// Code, title and detail, for a panel.
    pub(crate) fn summary(&self) -> Value {
        match self {
            Self::Unavailable(_) => {
                let problem = common::http::Problem::unavailable("onec-integration");
                let locale = common::telemetry::RequestContext::current_locale();
                members(&problem.to_json(locale, None))
            }
            Self::Refused { problem, .. } => members(problem),
        }
    }
}

fn members(problem: &Value) -> Value {
    serde_json::json!({
        "code": problem["code"],
        "title": problem["title"],
        "detail": problem["detail"],
    })
}

impl IntoResponse for OnecError {
    fn into_response(self) -> Response {
        match self {
            Self::Unavailable(error) => common::http::Problem::unavailable("onec-integration")
                .source(error)
                .into_response(),
            Self::Refused {
                status,
                retry_after,
                problem,
            } => {
                let mut response = (status, problem.to_string()).into_response();
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
                if let Some(seconds) = retry_after {
                    headers.insert(RETRY_AFTER, seconds);
                }
                response
            }
        }
    }
}

/// A client of onec-integration. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Onec {
    base: Url,
    client: reqwest::Client,
}

impl Onec {
    pub(crate) fn new(base: Url) -> reqwest::Result<Self> {
        // A live report is bounded by 1C; a minute is what a person waits.
        let client = client::builder().timeout(Duration::from_secs(60)).build()?;
        Ok(Self { base, client })
    }

    /// Computes a report with the rights of the caller.
    ///
    /// # Errors
    /// When onec-integration does not answer or refuses.
    pub(crate) async fn report(
        &self,
        caller: &Identity,
        report: ReportId,
        query: &ReportQuery,
        patience: Duration,
    ) -> Result<Report, OnecError> {
        self.report_by(&caller.token, report, query, patience).await
    }

    /// Computes a report with the rights that a token has.
    ///
    /// # Errors
    /// As [`Self::report`].
    pub(crate) async fn report_by(
        &self,
        token: &SecretString,
        report: ReportId,
        query: &ReportQuery,
        patience: Duration,
    ) -> Result<Report, OnecError> {
        let path = format!("reports/{report}");
        self.get(token, &path, query, patience).await
    }

    /// The catalogue of reports, in the language of the request.
    ///
    /// # Errors
    /// As [`Self::report`].
    pub(crate) async fn catalogue(
        &self,
        caller: &Identity,
        patience: Duration,
    ) -> Result<Vec<ReportInfo>, OnecError> {
        let page: Page<ReportInfo> = self.get(&caller.token, "reports", &(), patience).await?;
        Ok(page.items)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        token: &SecretString,
        path: &str,
        query: &impl Serialize,
        patience: Duration,
    ) -> Result<T, OnecError> {
        let unavailable = |error: reqwest::Error| OnecError::Unavailable(error.without_url().into());
        let base = self.base.as_str().trim_end_matches('/');
        let request = self
            .client
            .get(format!("{base}/{path}"))
            .query(query)
            .timeout(patience)
            .bearer_auth(token.expose_secret());
        let response = client::send(request).await.map_err(unavailable)?;
        let status = response.status();
        if status.is_success() {
            return response.json().await.map_err(unavailable);
        }
        let retry_after = response.headers().get(RETRY_AFTER).cloned();
        let problem: Value = response.json().await.map_err(unavailable)?;
        if problem["code"].is_string() {
            Err(OnecError::Refused {
                status,
                retry_after,
                problem,
            })
        } else {
            Err(OnecError::Unavailable(format!("an answer with {status}").into()))
        }
    }
}
