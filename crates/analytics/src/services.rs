//! Whether the services of the system are up, by asking them.

use std::time::{Duration, Instant};

use common::http::client;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use crate::DEFINITION;

/// One that has not answered by then counts as down.
const PATIENCE: Duration = Duration::from_secs(1);
/// Answers are shown again for this long: many open dashboards must not become a load.
const FRESH: Duration = Duration::from_secs(5);

/// What a service said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) name: &'static str,
    /// At least one replica is healthy.
    pub(crate) up: bool,
    pub(crate) replicas: usize,
    pub(crate) replicas_up: usize,
    pub(crate) version: Option<String>,
}

/// The services that are asked.
#[derive(Debug)]
pub(crate) struct Services {
    addresses: Vec<(&'static str, Vec<Url>)>,
    client: reqwest::Client,
    // Held while asking, so that concurrent readers share one round.
    last: Mutex<Option<(Instant, Vec<Health>)>>,
}

impl Services {
    pub(crate) fn new(addresses: Vec<(&'static str, Vec<Url>)>) -> reqwest::Result<Self> {
        Ok(Self {
            addresses,
            client: client::builder()
                .timeout(PATIENCE)
                .connect_timeout(PATIENCE)
                .build()?,
            last: Mutex::new(None),
        })
    }

    /// All services, this one too, in the order of the configuration.
    pub(crate) async fn health(&self) -> Vec<Health> {
        let mut last = self.last.lock().await;
        if let Some((asked, health)) = last.as_ref()
            && asked.elapsed() < FRESH
        {
            return health.clone();
        }
        let asked = self
            .addresses
            .iter()
            .map(|(name, replicas)| self.ask(name, replicas));
        let mut health = join_all(asked).await;
        health.push(Health {
            name: DEFINITION.name,
            up: true,
            replicas: 1,
            replicas_up: 1,
            version: Some(DEFINITION.version.to_owned()),
        });
        *last = Some((Instant::now(), health.clone()));
        health
    }

    async fn ask(&self, name: &'static str, replicas: &[Url]) -> Health {
        let answers = join_all(replicas.iter().map(|address| self.ask_one(address))).await;
        let replicas_up = answers.iter().filter(|(up, _)| *up).count();
        Health {
            name,
            up: replicas_up > 0,
            replicas: replicas.len(),
            replicas_up,
            version: answers.into_iter().find_map(|(_, version)| version),
        }
    }

    /// Whether it is healthy, and its version, which an unhealthy one tells too.
    async fn ask_one(&self, address: &Url) -> (bool, Option<String>) {
        let url = format!("{}/health", address.as_str().trim_end_matches('/'));
        let Ok(response) = client::send(self.client.get(url)).await else {
            return (false, None);
        };
        let up = response.status().is_success();
        let body: Value = response.json().await.unwrap_or_default();
        (up, body["version"].as_str().map(str::to_owned))
    }
}
