//! What handlers and jobs share.

use std::sync::Arc;

use common::BoxError;
use common::clock::Clock;
use common::http::FirstAnswers;
use common::service::Context;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::infobase::Connections;
use crate::profile::Profiles;
use crate::soap::Services;
use crate::store::SCHEMA;
use crate::vault::Vault;

/// State of the service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub(crate) pool: PgPool,
    pub(crate) clock: Clock,
    pub(crate) connections: Arc<Connections>,
    /// The configurations that are known.
    pub(crate) profiles: Profiles,
    /// Web services of infobases, as far as they are known.
    pub(crate) services: Arc<Services>,
    /// Rings when a job was queued.
    pub(crate) queued: Arc<Notify>,
    /// Rings when a file that a base has pushed is to be imported.
    pub(crate) pushed: Arc<Notify>,
    /// Answers to requests that may be repeated.
    pub(crate) answers: FirstAnswers,
    /// Name of this replica, the same after a restart.
    pub(crate) instance: Arc<str>,
    /// The service is ending.
    pub(crate) shutdown: CancellationToken,
}

impl AppState {
    /// State over a database.
    ///
    /// # Errors
    /// When no key can be derived, or a profile cannot be read.
    pub fn new(config: &Config, pool: PgPool, context: &Context) -> Result<Self, BoxError> {
        let vault = Vault::new(&config.encryption_key).map_err(|_| "no key can be derived")?;
        let answers = FirstAnswers::new(pool.clone(), &SCHEMA, &config.encryption_key, context)
            .map_err(|_| "no key can be derived")?;
        let profiles = Profiles::load(config.profiles_dir.as_deref())?;
        Ok(Self {
            connections: Arc::new(Connections::new(pool.clone(), vault, context.clone(), profiles)),
            profiles,
            pool,
            clock: context.clock.clone(),
            services: Arc::new(Services::new(&config.soap_services)),
            queued: Arc::new(Notify::new()),
            pushed: Arc::new(Notify::new()),
            answers,
            instance: context.instance.as_str().into(),
            shutdown: context.shutdown.clone(),
        })
    }
}
