//! Talks to 1C infobases, mirrors their data, and builds reports from the mirror or live.
//!
//! It owns the schema `onec` and the passwords of infobases. It writes into 1C in two steps only
//! (`drafts`), and it never shows a caller a company that is not the caller's.
//!
//! In reading order: [`routes`] (what there is), `http` (requests), `reports` (figures), `sync` (how
//! the mirror is made), `profile` (what sets of 1C mean), `odata` (how 1C speaks), `store` (SQL).

mod catalogue;
mod commerceml;
mod config;
mod doctor;
mod drafts;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod hs;
mod http;
mod infobase;
mod jobs;
mod live;
mod metrics;
mod odata;
mod profile;
mod reports;
mod router;
mod settings;
mod sight;
mod soap;
mod state;
mod store;
mod sync;
mod transport;
mod vault;
mod xml;

use common::service::{App, Check, Context, Definition};
use common::{BoxError, auth, cache, db, events};

pub use config::{Config, Seed};
pub use router::routes;
pub use soap::ServiceName;
pub use state::AppState;
pub use store::SCHEMA;

/// What never changes about this service.
pub const DEFINITION: Definition = Definition {
    name: "onec-integration",
    port: 8001,
    version: env!("CARGO_PKG_VERSION"),
    schema: Some(&SCHEMA),
};

/// Starts the service: database, background jobs, routes.
///
/// # Errors
/// When the database cannot be reached or migrated, or settings turn out to be unusable.
pub async fn start(config: Config, context: Context) -> Result<App, BoxError> {
    metrics::describe();
    let pool = db::connect(&config.database, DEFINITION.name, &SCHEMA, &context.shutdown).await?;
    context.spawn(
        "database pool",
        db::measure(pool.clone(), context.shutdown.clone()),
    );
    let redis = cache::Redis::new(&config.redis)?;
    let authenticator = auth::Authenticator::of_service(&config.auth, &redis, &context)?;
    let state = AppState::new(&config, pool.clone(), &context)?;
    jobs::start(&config, &state, &context).await?;
    commerceml::worker::start(&state, &context).await?;
    let relay = events::Relay::new(pool.clone(), redis.clone(), &SCHEMA);
    context.spawn("outbox", relay.run(context.shutdown.clone()));
    Ok(App {
        router: router(state, authenticator),
        checks: vec![Check::postgres(&pool), Check::redis(&redis)],
    })
}

/// The routes with what is around all of them.
pub fn router(state: AppState, authenticator: auth::Authenticator) -> axum::Router {
    let answers = state.answers.clone();
    let routes = routes().measured(DEFINITION.name).build(state, authenticator);
    routes.layer(axum::Extension(answers))
}
