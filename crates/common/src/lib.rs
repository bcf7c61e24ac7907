//! What at least two services need, and that knows none of them.
//!
//! Modules in reading order: [`service`] (one call in `main`), [`config`], [`telemetry`],
//! [`http`], [`auth`], [`db`], [`cache`], [`events`], [`contract`] and the small nouns
//! [`clock`], [`ids`], [`idempotency`] and [`sealing`].
//!
//! Never here: a table, rule or feature of one service, a shared application state, or a module
//! called `utils`. Every line here is built into six programs.

pub mod auth;
pub mod cache;
pub mod clock;
pub mod config;
pub mod contract;
pub mod db;
pub mod events;
pub mod http;
pub mod idempotency;
pub mod ids;
pub mod sealing;
pub mod service;
pub mod telemetry;
#[cfg(feature = "testing")]
#[expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends by a panic"
)]
pub mod testing;
mod text;

pub use text::{Locale, Text};

/// Any error, where the receiver only reports it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
