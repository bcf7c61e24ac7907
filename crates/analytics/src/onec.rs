//! onec-integration, asked with the caller's own token.

use std::time::Duration;

use ::http::header::{CONTENT_TYPE, RETRY_AFTER};
use ::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use common::BoxError;
use common::auth::Identity;
use common::contract::onec::{Report, ReportId, ReportQuery};
use common::http::client;
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

/// Rows that onec-integration gives at most.
pub(crate) const MAX_ROWS: u32 = 1000;

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
        let unavailable = |error: reqwest::Error| OnecError::Unavailable(error.without_url().into());
        let base = self.base.as_str().trim_end_matches('/');
        let request = self
            .client
            .get(format!("{base}/reports/{report}"))
            .query(query)
            .timeout(patience)
            .bearer_auth(caller.token.expose_secret());
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
