//! Logs, metrics and trace context.
//!
//! Logs go to standard error, one line each; in JSON with ECS field names where a machine reads
//! them. Secrets and chat texts are never logged. Metrics are served at `/metrics` of the admin
//! port. Every request belongs to a [`RequestContext`], which travels on to other services, 1C
//! and model providers.

mod chain;
mod context;
mod json;
mod recorder;

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

pub use chain::Chain;
pub(crate) use context::request_id;
pub use context::{RequestContext, TraceParent};
pub(crate) use recorder::keep_metrics_small;
pub use recorder::{hide_series, install_recorder, render_metrics, show_series};

use crate::config;

static JSON: OnceLock<bool> = OnceLock::new();

/// True when the log is JSON for machines, false when it is text for people; `None` as long as there
/// is no log.
#[must_use]
pub fn writes_json() -> Option<bool> {
    JSON.get().copied()
}

/// Sets the process's log output. Only the first call has an effect, so that tests may repeat it.
pub fn init(config: &config::Telemetry, service: &'static str) {
    static INIT: OnceLock<()> = OnceLock::new();
    INIT.get_or_init(|| {
        let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("info"));
        let output = if config.json {
            json::EcsLayer::new(service).boxed()
        } else {
            tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(std::io::stderr().is_terminal())
                .with_target(false)
                .compact()
                .fmt_fields(tracing_subscriber::fmt::format::debug_fn(people_read))
                .boxed()
        };
        // A subscriber that is set already belongs to a test harness; it stays.
        let _ = tracing_subscriber::registry()
            .with(filter)
            .with(output)
            .try_init();
        let _ = JSON.set(config.json);
    });
}

/// What a person reads of an event's fields: messages make sense alone, so the rest, which
/// machines filter by, would only be in the way.
fn people_read(
    writer: &mut tracing_subscriber::fmt::format::Writer<'_>,
    field: &tracing::field::Field,
    value: &dyn std::fmt::Debug,
) -> std::fmt::Result {
    match field.name() {
        "message" => write!(writer, "{value:?}"),
        "error" => write!(writer, " error={value:?}"),
        _ => Ok(()),
    }
}
