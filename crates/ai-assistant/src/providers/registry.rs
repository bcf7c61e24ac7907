//! The models on offer, and which of them may answer a request.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use common::clock::Clock;
use common::http::client;

use super::breaker::Breaker;
use super::catalog::Catalog;
use super::credentials::{Credentials, Exchange};
use super::remote::Connection;
use super::{Breaking, Chain, Lifecycle, Remote};
use crate::builtin;
use crate::config::{Models, Provider, Signing};

/// Who answers in place of the wanted model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fallback {
    /// The first model of each other provider, in their order.
    Usual,
    /// These models, in this order; perhaps none.
    Only(Vec<String>),
}

/// The language models.
#[derive(Debug)]
pub(crate) struct Registry {
    connections: Vec<Arc<Connection>>,
    /// In the order of the configuration; those that were found on a server come in their order.
    remotes: RwLock<Vec<Arc<Remote>>>,
    default: Option<String>,
    fallback: Fallback,
    total: Duration,
    clock: Clock,
    pub(crate) max_output_tokens: u32,
}

impl Registry {
    /// # Errors
    /// When an HTTP client cannot be made, as with a certificate that is none.
    pub(crate) fn new(models: &Models, clock: &Clock) -> reqwest::Result<Self> {
        let catalog = Arc::new(models.catalog.clone());
        let mut connections = Vec::new();
        let mut remotes = Vec::new();
        for provider in &models.providers {
            let connection = Arc::new(connect(provider, &catalog, models.breaking, clock)?);
            let named = provider
                .models
                .iter()
                .map(|model| Arc::new(Remote::new(connection.clone(), model)));
            remotes.extend(named);
            connections.push(connection);
        }
        Ok(Self {
            connections,
            remotes: RwLock::new(remotes),
            default: models.default.clone(),
            fallback: models.fallback.clone(),
            total: models.total,
            clock: clock.clone(),
            max_output_tokens: models.max_output_tokens,
        })
    }

    /// All language models; the built-in engine comes besides.
    pub(crate) fn remotes(&self) -> Vec<Arc<Remote>> {
        self.remotes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The model of that name, or of that name with its provider before it.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Remote>> {
        self.remotes().into_iter().find(|remote| remote.is_called(name))
    }

    /// Name of the model that answers when none is named.
    pub(crate) fn default_model(&self) -> String {
        if let Some(default) = &self.default {
            return default.clone();
        }
        self.remotes()
            .iter()
            .find(|remote| remote.calls_tools())
            .map_or_else(|| builtin::MODEL.to_owned(), |remote| remote.model.to_string())
    }

    /// The models that may answer when that one, or the default one, is wanted. `None` when there
    /// is no such model, or when it is the built-in engine.
    ///
    /// What is asked of a model within the company goes outside only where `LLM_FALLBACK` names
    /// an external model.
    pub(crate) fn chain(&self, wanted: Option<&str>) -> Option<Chain> {
        let default = self.default_model();
        let wanted = wanted.unwrap_or(&default);
        let all = self.remotes();
        let first = all.iter().find(|remote| remote.is_called(wanted))?;
        let usual = self.fallback == Fallback::Usual;
        let inside = |remote: &Remote| first.external || !remote.external;
        let mut chain = vec![first.clone()];
        let add = |chain: &mut Vec<Arc<Remote>>, remote: &Arc<Remote>| {
            if !chain.iter().any(|one| Arc::ptr_eq(one, remote)) {
                chain.push(remote.clone());
            }
        };
        match &self.fallback {
            Fallback::Usual => {
                // The same model elsewhere is the nearest to what was wanted.
                let twins = all.iter().filter(|remote| remote.model == first.model);
                let others = self.connections.iter().filter_map(|connection| {
                    let of_it = |remote: &&Arc<Remote>| Arc::ptr_eq(&remote.connection, connection);
                    all.iter().filter(of_it).find(|remote| self.may_stand_in(remote))
                });
                let others = others.filter(|remote| remote.provider != first.provider);
                for remote in twins.chain(others).filter(|remote| inside(remote)) {
                    add(&mut chain, remote);
                }
            }
            Fallback::Only(names) => {
                for remote in names
                    .iter()
                    .filter_map(|name| all.iter().find(|remote| remote.is_called(name)))
                {
                    add(&mut chain, remote);
                }
            }
        }
        let mut larger: Vec<Arc<Remote>> = all
            .iter()
            .filter(|remote| {
                usual && inside(remote) && remote.context().is_some() && self.may_stand_in(remote)
            })
            .filter(|remote| !chain.iter().any(|one| Arc::ptr_eq(one, remote)))
            .cloned()
            .collect();
        larger.sort_by_key(|remote| remote.context());
        Chain::new(chain, larger, self.total)
    }

    fn may_stand_in(&self, remote: &Remote) -> bool {
        let today = self.clock.now().date_naive();
        let retired = remote
            .data()
            .is_some_and(|data| data.lifecycle(today) == Lifecycle::Retired);
        remote.calls_tools() && !retired
    }
}

fn connect(
    provider: &Provider,
    catalog: &Arc<Catalog>,
    breaking: Breaking,
    clock: &Clock,
) -> reqwest::Result<Connection> {
    let mut http = client::builder()
        .connect_timeout(provider.patience.connect)
        // Each turn has limits of its own; this one only ends what they should have ended.
        .timeout(provider.patience.total + Duration::from_secs(60));
    if let Some(pem) = &provider.authority {
        for certificate in reqwest::Certificate::from_pem_bundle(pem.as_bytes())? {
            http = http.add_root_certificate(certificate);
        }
    }
    let credentials = match &provider.auth {
        Signing::None => Credentials::None,
        Signing::Bearer(key) => Credentials::Authorization("Bearer", key.clone()),
        Signing::ApiKey(key) => Credentials::Authorization("Api-Key", key.clone()),
        Signing::Anthropic { key, version } => Credentials::Anthropic(key.clone(), version.clone()),
        Signing::Exchange { key, url, scope } => Credentials::Exchange(Box::new(Exchange {
            url: url.clone(),
            key: key.clone(),
            scope: scope.clone(),
            clock: clock.clone(),
            kept: Mutex::new(None),
            turn: tokio::sync::Mutex::new(()),
        })),
    };
    Ok(Connection {
        provider: provider.name.as_str().into(),
        dialect: provider.dialect,
        base: provider.base_url.clone(),
        credentials,
        headers: provider.headers.clone(),
        external: provider.external,
        patience: provider.patience,
        http: http.build()?,
        breaker: Mutex::new(Breaker::new(breaking)),
        clock: clock.clone(),
        catalog: catalog.clone(),
    })
}
