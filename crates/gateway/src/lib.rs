//! The only door: routes, authenticates, limits and forwards requests.
//!
//! It owns no data and decides on no permission: it makes sure who calls, and the services decide
//! what that caller may do. It never reads a body.
//!
//! Modules in reading order: [`config`]; `pipeline`, the way of a request; `path`, `routing`,
//! `client_address`, `limit`, `tokens`, `api_keys`, `visit` with `events`; `forward` with `upstream`,
//! `breaker`, `client` and `body`; `headers`, `cors`, `problems`,
//! `protocols` and `metrics`.

mod api_keys;
mod body;
pub mod breaker;
mod client;
pub mod client_address;
pub mod config;
pub mod cors;
mod events;
mod forward;
mod headers;
pub mod limit;
mod metrics;
pub mod path;
mod pipeline;
mod problems;
mod protocols;
mod recent;
pub mod routing;
mod state;
mod tokens;
pub mod upstream;
mod visit;

use std::future::{Ready, ready};

use axum::Router;
use axum::routing::any;
use common::BoxError;
use common::cache::Redis;
use common::service::{App, Check, Context, Definition};

use crate::config::Config;
use crate::state::AppState;

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
pub fn start(config: Config, context: Context) -> Ready<Result<App, BoxError>> {
    ready(build(config, &context))
}

fn build(config: Config, context: &Context) -> Result<App, BoxError> {
    metrics::describe();
    let redis = Redis::new(&config.redis)?;
    let checks = vec![Check::redis(&redis)];
    let state = AppState::new(config, redis, context)?;
    // The gateway has a table of its own: see `routing`.
    let router = Router::new()
        .route("/", any(pipeline::handle))
        .route("/{*path}", any(pipeline::handle))
        .with_state(state);
    Ok(App { router, checks })
}
