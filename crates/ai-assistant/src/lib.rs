//! Answers questions from 1C data, generates texts, talks to language models.
//!
//! It owns conversations, usage and the engines. It must never read 1C by itself, nor call
//! onec-integration with rights other than the caller's, nor show a figure as fact that no source
//! accounts for, nor pass off a part of an answer as the whole.
//!
//! Modules in reading order: [`config`], `state`, [`router`], `http`, `chat`, `builtin` (the engine
//! of rules), `tools`, `attachments`, `providers` (language models), `budget`, `cache`, `generate`, `doors`
//! (protocols of others), [`store`].

mod attachments;
mod budget;
mod builtin;
mod cache;
mod chat;
pub mod config;
mod doors;
mod error;
mod generate;
mod http;
mod metrics;
mod privacy;
mod providers;
mod record;
pub mod router;
mod state;
pub mod store;
#[cfg(test)]
mod testing;
mod tools;

use std::sync::Arc;

use common::BoxError;
use common::auth::Authenticator;
use common::cache::Redis;
use common::db;
use common::events::Relay;
use common::service::{App, Check, Context, Definition};
use sqlx::PgPool;

pub use chat::draft::{NumberedCitation, Table};
pub use chat::ledger::Used;
pub use chat::run::Answer;
pub use config::Config;
pub use doors::mcp_stdio;
pub use providers::{Breaking, Catalog, CatalogError, Dialect, Fallback, Patience};
pub use state::AppState;
pub use tools::{Confirm, Drafted, ReportFile};

/// What never changes about this service.
pub const DEFINITION: Definition = Definition {
    name: "ai-assistant",
    port: 8000,
    version: env!("CARGO_PKG_VERSION"),
    schema: Some(&store::SCHEMA),
};

/// Starts the service: opens its stores and background loops.
///
/// # Errors
/// When the database does not answer in time, a migration fails, or a client cannot be made.
pub async fn start(config: Config, context: Context) -> Result<App, BoxError> {
    let db = db::connect(
        &config.database,
        DEFINITION.name,
        &store::SCHEMA,
        &context.shutdown,
    )
    .await?;
    context.spawn("database pool", db::measure(db.clone(), context.shutdown.clone()));
    let redis = Redis::new(&config.redis)?;
    let authenticator = Authenticator::of_service(&config.auth, &redis, &context)?;
    app(&config, context, db, redis, authenticator)
}

/// The service on stores that are open already.
///
/// # Errors
/// When an HTTP client cannot be made.
pub fn app(
    config: &Config,
    context: Context,
    db: PgPool,
    redis: Redis,
    authenticator: Authenticator,
) -> Result<App, BoxError> {
    let models = Arc::new(state::Registry::new(&config.models, &context.clock)?);
    metrics::describe(&models.remotes());
    let watching = providers::watch(
        models.clone(),
        config.models.probe_every,
        context.shutdown.clone(),
    );
    context.spawn("language models", watching);
    let relay = Relay::new(db.clone(), redis.clone(), &store::SCHEMA);
    context.spawn("outbox", relay.run(context.shutdown.clone()));
    let sweeping = budget::sweep(db.clone(), context.clock.clone(), context.shutdown.clone());
    context.spawn("budgets", sweeping);
    let running = chat::running::Running::new(redis.clone());
    context.spawn(
        "cancellations of answers",
        running.clone().listen(context.shutdown.clone()),
    );
    let checks = vec![Check::postgres(&db), Check::redis(&redis)];
    let onec = tools::Onec::new(
        config.onec_integration_url.clone(),
        config.analytics_url.clone(),
        config.tool_timeout,
    )?;
    let cache = cache::Cache::new(redis, context.clone(), config.answer_cache, config.tool_cache);
    let state = AppState {
        cache,
        db,
        context,
        privacy: privacy::Privacy::new(onec.clone(), config.local_only),
        onec,
        running,
        models,
        zone: config.time_zone,
        limits: tools::Limits {
            timeout: config.tool_timeout,
            deadline: config.tools_deadline,
            ..tools::Limits::default()
        },
        rules_first: config.rules_first,
        history_tokens: config.history_tokens,
        mcp: Arc::new(doors::mcp::Allowed {
            hosts: config.mcp_allowed_hosts.clone(),
            origins: config.mcp_allowed_origins.clone(),
            are_local: config.mcp_clients_local,
        }),
        refuse_unpriced: config.refuse_unpriced,
    };
    Ok(App {
        router: router::routes()
            .measured(DEFINITION.name)
            .build(state, authenticator)
            .layer(axum::middleware::from_fn(doors::in_dialect)),
        checks,
    })
}
