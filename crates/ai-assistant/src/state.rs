//! What handlers share.

use std::sync::Arc;

use chrono_tz::Tz;
use common::service::Context;
use sqlx::PgPool;

use crate::config::Models;
use crate::providers::{self, Remote};
use crate::tools::{Limits, Onec};

/// State of the service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub(crate) db: PgPool,
    pub(crate) context: Context,
    pub(crate) onec: Onec,
    pub(crate) models: Arc<Registry>,
    pub(crate) zone: Tz,
    pub(crate) limits: Limits,
    /// Questions that the built-in rules are certain of are answered by them.
    pub(crate) rules_first: bool,
}

/// The engines on offer.
#[derive(Debug)]
pub(crate) struct Registry {
    remotes: Vec<Arc<Remote>>,
    default: String,
    pub(crate) max_output_tokens: u32,
}

/// What answers a question.
#[derive(Debug, Clone)]
pub(crate) enum Engine {
    /// The built-in rules.
    Rules,
    /// A language model.
    Model(Arc<Remote>),
}

impl Registry {
    pub(crate) fn new(models: &Models) -> reqwest::Result<Self> {
        let http = providers::http_client()?;
        let connections = [("openai", &models.openai), ("anthropic", &models.anthropic)];
        let remotes = connections
            .into_iter()
            .filter_map(|(provider, connection)| connection.as_ref().map(|connection| (provider, connection)))
            .flat_map(|(provider, connection)| {
                let (http, patience) = (http.clone(), models.patience);
                connection.models.iter().map(move |model| {
                    Arc::new(Remote {
                        provider,
                        model: model.clone(),
                        dialect: connection.dialect,
                        base: connection.base_url.clone(),
                        key: connection.key.clone(),
                        version: connection.version.clone(),
                        patience,
                        http: http.clone(),
                    })
                })
            })
            .collect();
        Ok(Self {
            remotes,
            default: models.default.clone(),
            max_output_tokens: models.max_output_tokens,
        })
    }

    /// All language models; the built-in engine comes besides.
    pub(crate) fn remotes(&self) -> &[Arc<Remote>] {
        &self.remotes
    }

    /// Name of the model that answers when none is named.
    pub(crate) fn default_model(&self) -> &str {
        &self.default
    }

    /// The engine of that model, or of the default one.
    pub(crate) fn engine(&self, model: Option<&str>) -> Option<Engine> {
        let model = model.unwrap_or(&self.default);
        if model == crate::builtin::MODEL {
            return Some(Engine::Rules);
        }
        let remote = self.remotes.iter().find(|remote| remote.model == model)?;
        Some(Engine::Model(remote.clone()))
    }
}

impl Engine {
    /// Name of the provider.
    pub(crate) fn provider(&self) -> &'static str {
        match self {
            Self::Rules => crate::builtin::PROVIDER,
            Self::Model(remote) => remote.provider,
        }
    }

    /// Name of the model.
    pub(crate) fn model(&self) -> &str {
        match self {
            Self::Rules => crate::builtin::MODEL,
            Self::Model(remote) => &remote.model,
        }
    }
}
