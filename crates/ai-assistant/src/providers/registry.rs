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
            .find(|remote| Self::may_stand_in(remote))
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
                    all.iter().filter(of_it).find(|remote| Self::may_stand_in(remote))
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
                usual && inside(remote) && remote.context().is_some() && Self::may_stand_in(remote)
            })
            .filter(|remote| !chain.iter().any(|one| Arc::ptr_eq(one, remote)))
            .cloned()
            .collect();
        larger.sort_by_key(|remote| remote.context());
        Chain::new(chain, larger, self.total)
    }

    /// How long a turn may take, all tries on all models together.
    pub(crate) fn longest_turn(&self) -> Duration {
        self.total
    }

    fn may_stand_in(remote: &Remote) -> bool {
        remote.calls_tools() && remote.lifecycle() != Lifecycle::Retired
    }

    pub(super) fn connections(&self) -> &[Arc<Connection>] {
        &self.connections
    }

    /// Puts other models in the place of those of a server.
    pub(super) fn replace(&self, connection: &Arc<Connection>, found: Vec<Arc<Remote>>) {
        let mut remotes = self.remotes.write().unwrap_or_else(PoisonError::into_inner);
        remotes.retain(|remote| !Arc::ptr_eq(&remote.connection, connection));
        remotes.extend(found);
        // The order of the configuration.
        remotes.sort_by_key(|remote| {
            self.connections
                .iter()
                .position(|connection| Arc::ptr_eq(connection, &remote.connection))
        });
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
        discovers: provider.models.is_empty(),
        tried_first: provider.tried_first,
        patience: provider.patience,
        http: http.build()?,
        breaker: Mutex::new(Breaker::new(breaking)),
        clock: clock.clone(),
        catalog: catalog.clone(),
    })
}

#[cfg(test)]
mod tests {
    use common::config::Reader;

    use super::*;

    /// The models that may answer, and after a bar those with larger windows.
    fn chain(settings: &[(&str, &str)], wanted: &str) -> String {
        let base = [("DATABASE_URL", "postgres://u@h/d"), ("REDIS_URL", "redis://h")];
        let mut reader = Reader::from_values(base.iter().chain(settings).map(|(k, v)| (*k, *v)));
        let config = crate::Config::read(&mut reader);
        let config = reader.finish(config).unwrap();
        let clock = Clock::fixed("2026-11-24T10:00:00Z".parse().unwrap());
        let registry = Registry::new(&config.models, &clock).unwrap();
        let wanted = (!wanted.is_empty()).then_some(wanted);
        registry.chain(wanted).map_or_else(String::new, |chain| {
            let (first, larger) = chain.parts();
            let names = |remotes: &[Arc<Remote>]| {
                let names: Vec<String> = remotes.iter().map(|remote| remote.full_name()).collect();
                names.join(" ")
            };
            format!("{} | {}", names(first), names(larger))
        })
    }

    const KEYS: [(&str, &str); 2] = [("OPENAI_API_KEY", "k"), ("ANTHROPIC_API_KEY", "k")];

    fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        KEYS.iter().chain(more).copied().collect()
    }

    #[test]
    fn other_providers_stand_in_with_their_first_model() {
        let settings = with(&[
            ("OPENAI_MODEL", "gpt-6.1-terra, gpt-4.1"),
            ("ANTHROPIC_MODEL", "claude-sonnet-5-5, claude-haiku-5-5"),
        ]);
        assert_eq!(
            chain(&settings, ""),
            "openai/gpt-6.1-terra anthropic/claude-sonnet-5-5 | openai/gpt-4.1"
        );
        assert_eq!(
            chain(&settings, "claude-haiku-5-5"),
            "anthropic/claude-haiku-5-5 openai/gpt-6.1-terra | openai/gpt-4.1"
        );
        assert_eq!(chain(&settings, "builtin"), "");
        assert_eq!(chain(&settings, "nobody"), "");
    }

    #[test]
    fn the_same_model_elsewhere_comes_first() {
        let settings = [
            ("LLM_PROVIDERS", "one, two, three"),
            ("LLM_ONE_URL", "https://one.example/v1"),
            ("LLM_ONE_MODELS", "a, b"),
            ("LLM_TWO_URL", "https://two.example/v1"),
            ("LLM_TWO_MODELS", "c"),
            ("LLM_THREE_URL", "https://three.example/v1"),
            ("LLM_THREE_MODELS", "d, b"),
        ];
        assert_eq!(chain(&settings, "b"), "one/b three/b two/c three/d | ");
        assert_eq!(chain(&settings, "three/b"), "three/b one/b one/a two/c | ");
    }

    #[test]
    fn what_is_asked_within_the_company_stays_there() {
        let own = [
            ("LLM_PROVIDERS", "own, gpu"),
            ("LLM_OWN_URL", "http://10.0.0.5:8000/v1"),
            ("LLM_OWN_MODELS", "qwen3"),
            ("LLM_GPU_URL", "http://gpu:8000/v1"),
            ("LLM_GPU_MODELS", "gemma"),
        ];
        let mut settings = with(&own);
        assert_eq!(chain(&settings, "qwen3"), "own/qwen3 gpu/gemma | ");
        assert_eq!(
            chain(&settings, ""),
            "openai/gpt-6.1-terra anthropic/claude-sonnet-5-5 own/qwen3 gpu/gemma | "
        );
        settings.push(("LLM_FALLBACK", "claude-sonnet-5-5"));
        assert_eq!(
            chain(&settings, "qwen3"),
            "own/qwen3 anthropic/claude-sonnet-5-5 | "
        );
        settings.push(("LLM_FALLBACK", "none"));
        assert_eq!(chain(&settings, "qwen3"), "own/qwen3 | ");
    }

    #[test]
    fn models_that_have_ended_do_not_stand_in() {
        let settings = with(&[("OPENAI_MODEL", "o1, gpt-6-sol")]);
        assert_eq!(
            chain(&settings, ""),
            "openai/gpt-6-sol anthropic/claude-sonnet-5-5 | "
        );
        assert_eq!(
            chain(&settings, "claude-sonnet-5-5"),
            "anthropic/claude-sonnet-5-5 openai/gpt-6-sol | "
        );
    }
}
