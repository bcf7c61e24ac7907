//! What handlers share.

use std::sync::Arc;

use chrono_tz::Tz;
use common::service::Context;
use sqlx::PgPool;

use crate::cache::Cache;
use crate::chat::running::Running;
use crate::doors::mcp::Allowed;
use crate::privacy::Privacy;
pub(crate) use crate::providers::Registry;
use crate::providers::Remote;
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
    /// Tokens of the conversation so far that a model is shown.
    pub(crate) history_tokens: u64,
    pub(crate) mcp: Arc<Allowed>,
    pub(crate) privacy: Privacy,
    /// Models of others whose price is not known are not asked where money is limited.
    pub(crate) refuse_unpriced: bool,
    pub(crate) cache: Cache,
    /// Answers in the making.
    pub(crate) running: Running,
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
    /// The engine of that model, or of the default one.
    pub(crate) fn engine(&self, model: Option<&str>) -> Option<Engine> {
        let default = self.default_model();
        let model = model.unwrap_or(&default);
        if model == crate::builtin::MODEL {
            return Some(Engine::Rules);
        }
        self.find(model).map(Engine::Model)
    }
}

impl Engine {
    /// Name of the provider.
    pub(crate) fn provider(&self) -> &str {
        match self {
            Self::Rules => crate::builtin::PROVIDER,
            Self::Model(remote) => &remote.provider,
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
