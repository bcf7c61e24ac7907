//! Usage events, system metrics, dashboards and report files.
//!
//! Owns the schema `analytics`: raw events of the last months, their hourly rollups, and report
//! files until they expire. Figures of 1C are never stored here as facts: reports and panels ask
//! onec-integration with the caller's own token, and that token is never written down.
//!
//! Modules in reading order: `router`, `http`, then the rules `ingest`, `pseudonyms`, `period`, `quantile`,
//! `reports`, `orders`, `links`, `cron`, `schedules`, `delivery`, `dashboards`, `charts`, the clients `onec`, `users`,
//! `services` and `prometheus`, then `store` and `jobs`.

mod charts;
mod config;
mod cron;
mod dashboards;
mod delivery;
mod error;
mod http;
mod ingest;
mod jobs;
mod links;
mod metrics;
mod onec;
mod orders;
mod period;
mod prometheus;
mod pseudonyms;
mod quantile;
mod reports;
mod router;
pub mod sample;
mod schedules;
mod services;
mod state;
pub mod store;
mod users;

use std::sync::Arc;

use common::BoxError;
use common::auth::Authenticator;
use common::cache::Redis;
use common::db;
use common::service::{App, Check, Context, Definition};
use tokio::sync::Notify;

pub use config::Config;
pub use router::routes;
pub use state::AppState;
pub use store::SCHEMA;

/// Name, port and version of the service.
pub const DEFINITION: Definition = Definition {
    name: "analytics",
    port: 8003,
    version: env!("CARGO_PKG_VERSION"),
    schema: Some(&SCHEMA),
};

/// Connects, migrates, and starts the background tasks.
///
/// # Errors
/// When the database does not answer in time or a setting cannot be used.
pub async fn start(config: Config, context: Context) -> Result<App, BoxError> {
    let db = db::connect(&config.database, DEFINITION.name, &SCHEMA, &context.shutdown).await?;
    context.spawn("database pool", db::measure(db.clone(), context.shutdown.clone()));
    let redis = Redis::new(&config.redis)?;
    let authenticator = Authenticator::of_service(&config.auth, &redis, &context)?;
    let state = AppState {
        db,
        reader: store::read_only(&config.database)?,
        dashboards: Arc::default(),
        clock: context.clock.clone(),
        onec: onec::Onec::new(config.onec_integration.clone())?,
        services: Arc::new(services::Services::new(config.services.clone())?),
        prometheus: Arc::new(prometheus::Prometheus::new(config.prometheus.clone())?),
        time_zone: config.time_zone,
        work: Arc::new(Notify::new()),
        ways: Arc::new(delivery::Ways::new(&config.delivery)?),
        vault: Arc::new(schedules::Vault::new(&config.reports_key).map_err(|_| "no key can be derived")?),
        users: users::Users::new(user_management(&config)?)?,
        public_url: config.delivery.public_url.clone(),
        links: Arc::new(links::Links::new(&config.reports_key).map_err(|_| "no key can be derived")?),
    };
    jobs::start(&state, &redis, &config, &authenticator, &context).await?;
    Ok(App {
        checks: vec![Check::postgres(&state.db), Check::redis(&redis)],
        router: routes().measured(DEFINITION.name).build(state, authenticator),
    })
}

/// The first address of user-management.
fn user_management(config: &Config) -> Result<url::Url, BoxError> {
    let mut services = config.services.iter();
    let found = services.find(|(name, _)| *name == "user-management");
    let address = found.and_then(|(_, addresses)| addresses.first());
    Ok(address.ok_or("user-management has no address")?.clone())
}
