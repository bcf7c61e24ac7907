//! The only door: routes, authenticates, limits and forwards requests.
//!
//! It owns no data and decides on no permission: it makes sure who calls, and the services decide
//! what that caller may do. It keeps no body: it looks at the beginning of texts.
//!
//! Modules in reading order: [`config`]; `server`, which takes connections, `worker`, one thread that
//! serves some of them, and `client_stream`; `pipeline`, the way of a request; `framing`, `path`, `routing` with `route_table` and `route_settings`, `client_address`, `bans`,
//! `inspection`, `limit` with `lease`, `tokens`, `api_keys`; `console`; `caching` with `cache_rule`, `freshness` and `response_cache`;
//! `forward` with `upstream`, `replica`, `breaker`, `retry_budget`,
//! `connections`, `body`, `compression` and `tunnel`; `resolve`, `health_checks` and `outliers`, which keep the replicas up to date; `visit`
//! with `events`, `access_log` and `meters`; `headers`, `cors`, `problems`, `protocols`, `ticks` and
//! `metrics`; `reload`, `admin`, what the admin port tells, and
//! [`fuzzing`].

mod access_log;
mod admin;
mod api_keys;
pub mod bans;
mod body;
pub mod breaker;
pub mod cache_rule;
mod caching;
pub mod client_address;
mod client_stream;
mod compression;
pub mod config;
mod connections;
mod console;
pub mod cors;
mod events;
mod forward;
mod framing;
mod freshness;
pub mod fuzzing;
mod headers;
mod health_checks;
pub mod inspection;
mod lease;
pub mod limit;
mod meters;
mod metrics;
mod outliers;
pub mod path;
mod pipeline;
mod problems;
mod protocols;
mod recent;
mod reload;
mod replica;
mod resolve;
mod response_cache;
mod retry_budget;
pub mod route_settings;
mod route_table;
pub mod routing;
mod server;
mod state;
mod ticks;
mod tokens;
mod tunnel;
pub mod upstream;
mod visit;
mod worker;

use std::future::{Ready, ready};
use std::time::Duration;

use common::BoxError;
use common::service::{Context, Definition, OwnServer};

use crate::config::Config;
use crate::state::AppState;

/// How long the first connection waits for the names of services to be looked up.
const RESOLVED_WITHIN: Duration = Duration::from_secs(2);

/// What never changes about this service.
pub const DEFINITION: Definition = Definition {
    name: "gateway",
    port: 3000,
    version: env!("CARGO_PKG_VERSION"),
    schema: None,
};

/// Starts the service. The future is ready at once: the gateway waits for nobody, and takes
/// requests while the services behind it are still starting.
///
/// # Errors
/// When the address of Redis cannot be used or no HTTP client can be made.
pub fn start(config: Config, context: Context) -> Ready<Result<OwnServer, BoxError>> {
    ready(build(config, &context))
}

fn build(config: Config, context: &Context) -> Result<OwnServer, BoxError> {
    metrics::describe();
    let threads = usize::try_from(config.threads.get()).unwrap_or(1);
    let state = AppState::new(config, context)?;
    let reloads = reload::at_sighup(state.clone(), context.shutdown.clone())?;
    context.spawn("reload of settings", reloads);
    Ok(OwnServer {
        admin: admin::router(state.clone()),
        serve: Box::new(move |listener, serving| {
            Box::pin(async move {
                let resolved = state.resolved.cancelled();
                let _ = tokio::time::timeout(RESOLVED_WITHIN, resolved).await;
                server::serve(listener, serving, state, threads).await;
            })
        }),
    })
}
