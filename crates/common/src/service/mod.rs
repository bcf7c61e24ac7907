//! Running a service: the one call in `main`.
//!
//! Exit codes: 0 after an orderly end, 1 when the service could not start or a part of it died,
//! 64 (`EX_USAGE` of sysexits.h) when the configuration is wrong.

mod admin;
mod context;
mod health;
mod healthcheck;
mod migrate;
mod run;

pub use context::Context;
pub use health::{Check, report as health_report};
pub use run::{Api, App, Definition, OwnServer, Serve, Serving, install_crypto_provider, router, run};
