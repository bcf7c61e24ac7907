//! Audit log, threats and alerts.
//!
//! Owns the schema `security`: the hash chain of the audit log, observations of the last month, the
//! threats found in them, the alerts that people handle, and what was done against them. It never
//! changes an audit entry, and keeps no e-mail addresses and no texts.
//!
//! Modules in reading order: `router`, `http`, then the rules `audit`, `chain`, `detect`, `threats`,
//! `alerts` and `responses`, the ways out `channels` and `identity`, then `store` and `jobs`.

mod alerts;
mod appender;
mod audit;
mod audit_config;
mod chain;
mod channels;
mod config;
mod defence;
mod detect;
mod error;
mod http;
mod identity;
mod jobs;
mod metrics;
mod network;
mod responses;
mod router;
mod state;
pub mod store;
mod threats;

use common::BoxError;
use common::auth::Authenticator;
use common::cache::Redis;
use common::db;
use common::service::{App, Check, Context, Definition};

pub use audit_config::{AuditConfig, AuditKeeping};
pub use config::Config;
pub use defence::{Defence, DefenceSettings};
pub use router::routes;
pub use state::AppState;
pub use store::SCHEMA;

/// Name, port and version of the service.
pub const DEFINITION: Definition = Definition {
    name: "security",
    port: 8004,
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
        audit: config.audit.keeping()?,
        clock: context.clock.clone(),
        defence: Defence::new(config.defence, Some(redis.clone()))?,
    };
    jobs::start(&state, &redis, config.verify_every, &context);
    jobs::keep::start(&state, &config.audit, &context)?;
    Ok(App {
        checks: vec![Check::postgres(&state.db), Check::redis(&redis)],
        router: routes().measured(DEFINITION.name).build(state, authenticator),
    })
}
