//! Prometheus, where the system has one: how close services are to their limits, which no event
//! tells.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use common::http::client;
use common::telemetry::Chain;
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

/// One that has not answered by then is left out.
const PATIENCE: Duration = Duration::from_secs(2);
/// It scrapes no more often than this.
const FRESH: Duration = Duration::from_secs(10);

/// What is asked, each by service.
const QUERIES: [&str; 4] = [
    "max by (service) (http_requests_in_flight{job=\"services\"} / http_requests_in_flight_limit{job=\"services\"})",
    "max by (service) (db_pool_connections{job=\"services\",state=\"in_use\"} / ignoring (state) db_pool_connections_max{job=\"services\"})",
    "sum by (service) (rate(process_cpu_seconds_total{job=\"services\"}[5m]))",
    "max by (service) (process_resident_memory_bytes{job=\"services\"})",
];

/// How busy a service is. What Prometheus does not know is null.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Saturation {
    /// Requests in flight of those that it takes at once, 0 to 1, of its busiest replica.
    pub(crate) requests: Option<f64>,
    /// Connections in use of those to its database, 0 to 1.
    pub(crate) database_connections: Option<f64>,
    /// Processors in use, of all replicas.
    pub(crate) processors: Option<f64>,
    /// Memory of its largest replica, in bytes.
    pub(crate) memory_bytes: Option<f64>,
}

type ByService = HashMap<String, Saturation>;

/// A client, which asks nothing when no Prometheus is configured.
#[derive(Debug)]
pub(crate) struct Prometheus {
    base: Option<Url>,
    client: reqwest::Client,
    // Held while asking, so that concurrent readers share one round.
    last: Mutex<Option<(Instant, Option<ByService>)>>,
}

/// An answer of `/api/v1/query`.
#[derive(Debug, Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    result: Vec<Sample>,
}

#[derive(Debug, Deserialize)]
struct Sample {
    metric: HashMap<String, String>,
    value: (f64, String),
}

impl Prometheus {
    pub(crate) fn new(base: Option<Url>) -> reqwest::Result<Self> {
        Ok(Self {
            base,
            client: client::builder().timeout(PATIENCE).build()?,
            last: Mutex::default(),
        })
    }

    /// True when there is one.
    pub(crate) fn is_configured(&self) -> bool {
        self.base.is_some()
    }

    /// How busy each service is; `None` when Prometheus does not answer or there is none.
    pub(crate) async fn saturation(&self) -> Option<ByService> {
        let base = self.base.as_ref()?;
        let mut last = self.last.lock().await;
        if let Some((asked, known)) = last.as_ref()
            && asked.elapsed() < FRESH
        {
            return known.clone();
        }
        let answers = join_all(QUERIES.iter().map(|query| self.ask(base, query))).await;
        let found = combine(answers);
        *last = Some((Instant::now(), found.clone()));
        found
    }

    async fn ask(&self, base: &Url, query: &str) -> Option<Vec<Sample>> {
        let url = format!("{}/api/v1/query", base.as_str().trim_end_matches('/'));
        let request = self.client.get(url).query(&[("query", query)]);
        let answer = async {
            client::send(request)
                .await?
                .error_for_status()?
                .json::<Answer>()
                .await
        };
        match answer.await {
            Ok(answer) => Some(answer.data.result),
            Err(error) => {
                tracing::warn!(error = %Chain(&error.without_url()), "Prometheus does not answer");
                None
            }
        }
    }
}

/// One round of answers, in the order of the queries.
fn combine(answers: Vec<Option<Vec<Sample>>>) -> Option<ByService> {
    if answers.iter().all(Option::is_none) {
        return None;
    }
    let mut services = ByService::new();
    for (number, samples) in answers.into_iter().enumerate() {
        for sample in samples.into_iter().flatten() {
            let Some(service) = sample.metric.get("service") else {
                continue;
            };
            // Nothing divided by nothing is NaN, which JSON does not have.
            let value = sample
                .value
                .1
                .parse::<f64>()
                .ok()
                .filter(|value| value.is_finite());
            let known = services.entry(service.clone()).or_default();
            match number {
                0 => known.requests = value,
                1 => known.database_connections = value,
                2 => known.processors = value,
                _ => known.memory_bytes = value,
            }
        }
    }
    Some(services)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_put_together_by_service() {
        let samples = |service: &str, value: &str| {
            let text = format!("{{\"metric\":{{\"service\":\"{service}\"}},\"value\":[1.5,\"{value}\"]}}");
            Some(vec![serde_json::from_str(&text).unwrap()])
        };
        let found = combine(vec![
            samples("gateway", "0.25"),
            samples("security", "NaN"),
            None,
            None,
        ])
        .unwrap();
        assert_eq!(found["gateway"].requests, Some(0.25));
        assert_eq!(found["security"], Saturation::default());
        assert_eq!(combine(vec![None, None]), None);
    }
}
