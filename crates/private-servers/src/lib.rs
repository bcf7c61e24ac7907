//! Private PostgreSQL and Redis servers for development and tests.
//!
//! Both run on loopback with free or given ports, as child processes of a small supervisor that
//! ends them when this process ends, however it ends: nothing is left running after a crashed
//! test. PostgreSQL refuses to run as root, so under root it runs as `nobody`.
//!
//! Not here: any knowledge of the schemas or keys that are put into the servers.

mod install;
mod postgres;
mod process;
mod redis;

pub use install::{Program, locate};
pub use postgres::{Postgres, PostgresOptions};
pub use process::free_port;
pub use redis::{Redis, RedisOptions};

/// Why a private server could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's programs are not on this machine and could not be installed.
    #[error("{program} is not installed; install it with: {command}")]
    NotInstalled {
        /// What is missing.
        program: &'static str,
        /// The command that installs it on this kind of machine.
        command: String,
    },
    /// A command of the server failed.
    #[error("`{command}` failed: {output}")]
    Command {
        /// The command as it was run.
        command: String,
        /// What it printed.
        output: String,
    },
    /// The server did not answer in time.
    #[error("{program} did not become ready within {seconds} s; its log: {log}")]
    NotReady {
        /// The server.
        program: &'static str,
        /// How long was waited.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
    /// A file or process operation failed.
    #[error("{action}")]
    Io {
        /// What was being done.
        action: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
