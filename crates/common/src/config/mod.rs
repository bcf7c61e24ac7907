//! Settings: built-in defaults, then an optional TOML file (`CONFIG_FILE`), then the environment.
//!
//! A service describes its settings as a struct with a `read(&mut Reader) -> Option<Self>`
//! function. Mistakes are collected, so that an operator sees all of them at once, each by the
//! name of its variable.
//!
//! - Any setting may come from a file: `NAME_FILE` holds the path (Docker and Kubernetes secrets).
//! - An empty value counts as absent: compose writes unset variables so.
//! - `1C_NAME` is another spelling of `ONEC_NAME`, because shells cannot name the former.
//! - In TOML, `[database] url = "…"` is `DATABASE_URL`.

mod reader;
mod sections;

pub use reader::{ConfigErrors, Environment, Reader};
pub use sections::{Auth, Database, Http, Redis, Telemetry};
