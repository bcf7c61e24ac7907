//! PostgreSQL: one schema per service, migrated by its owner at start.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio_util::sync::CancellationToken;

use crate::http::Problem;
use crate::telemetry::Chain;
use crate::{BoxError, config};

/// A service's schema and how it is made.
#[derive(Debug)]
pub struct Schema {
    /// Name of the schema, such as `identity`.
    pub name: &'static str,
    /// Its migrations: `sqlx::migrate!("../../migrations/<name>")`.
    pub migrator: &'static Migrator,
}

/// Opens the pool, waiting for a database that is still starting, and brings the schema up to
/// date.
///
/// # Errors
/// When the database does not answer in time or a migration fails.
pub async fn connect(
    config: &config::Database,
    application: &str,
    schema: &Schema,
    shutdown: &CancellationToken,
) -> Result<PgPool, BoxError> {
    let options = PgConnectOptions::from_str(config.url.expose_secret())?
        .application_name(application)
        .options([
            ("timezone", "UTC"),
            ("lock_timeout", "30s"),
            ("idle_in_transaction_session_timeout", "120s"),
        ]);
    let deadline = Instant::now() + config.connect_within;
    let pool = loop {
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(config.acquire_timeout)
            .idle_timeout(Duration::from_secs(300))
            .connect_with(options.clone())
            .await;
        match pool {
            Ok(pool) => break pool,
            Err(error) if Instant::now() < deadline && !shutdown.is_cancelled() => {
                tracing::warn!(error = %Chain(&error), "the database does not answer yet; trying again");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(error) => return Err(error.into()),
        }
    };
    migrate(&pool, schema).await?;
    Ok(pool)
}

/// Applies what is missing of the schema's migrations, under the advisory lock of `sqlx`. A
/// schema that a newer release has migrated already is left as it is: migrations are
/// expand/contract, so that the previous release runs on it.
///
/// # Errors
/// When a migration fails or an applied one was changed afterwards.
pub async fn migrate(pool: &PgPool, schema: &Schema) -> Result<(), sqlx::migrate::MigrateError> {
    let migrator = Migrator {
        migrations: Cow::Borrowed(&schema.migrator.migrations),
        ignore_missing: true,
        // The table of applied migrations lives in the schema, so that services may share a database.
        table_name: Cow::Owned(format!("{}.schema_migrations", schema.name)),
        create_schemas: Cow::Owned(vec![Cow::Borrowed(schema.name)]),
        ..Migrator::DEFAULT
    };
    migrator.run(pool).await
}

/// How often [`measure`] looks at the pool.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// Keeps the gauges of the pool up to date until `shutdown`. Run it as a background task.
pub async fn measure(pool: PgPool, shutdown: CancellationToken) {
    metrics::describe_gauge!("db_pool_connections", "Connections of the pool, by state");
    metrics::describe_gauge!("db_pool_connections_max", "Connections that the pool may open");
    metrics::gauge!("db_pool_connections_max").set(f64::from(pool.options().get_max_connections()));
    loop {
        let open = pool.size();
        let idle = u32::try_from(pool.num_idle()).unwrap_or(open);
        metrics::gauge!("db_pool_connections", "state" => "idle").set(f64::from(idle));
        metrics::gauge!("db_pool_connections", "state" => "in_use").set(f64::from(open.saturating_sub(idle)));
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(MEASURE_EVERY) => {}
        }
    }
}

/// True when the database answers.
pub async fn is_up(pool: &PgPool) -> bool {
    sqlx::query("select 1").execute(pool).await.is_ok()
}

/// A statement that failed.
#[derive(Debug, thiserror::Error)]
#[error("store operation `{operation}` failed")]
pub struct StoreError {
    /// What was being done.
    pub operation: &'static str,
    /// The cause.
    #[source]
    pub source: sqlx::Error,
}

impl StoreError {
    /// True when the database could not be reached, rather than refused the statement.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match &self.source {
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            // A connection that broke off in the middle of a message.
            | sqlx::Error::Protocol(_)
            | sqlx::Error::Io(_)
            | sqlx::Error::Tls(_) => true,
            // Classes 08 (connection), 53 (resources) and 57P (shutdown) of PostgreSQL.
            sqlx::Error::Database(error) => error
                .code()
                .is_some_and(|code| ["08", "53", "57P"].iter().any(|class| code.starts_with(class))),
            _ => false,
        }
    }

    /// True when the statement lost against a concurrent one and may succeed when repeated: a
    /// deadlock, a serialisation failure, or a lock that was not free in time.
    #[must_use]
    pub fn is_contention(&self) -> bool {
        self.source
            .as_database_error()
            .and_then(|error| error.code())
            .is_some_and(|code| code.starts_with("40") || code == "55P03")
    }

    /// True when the statement broke the constraint of that name.
    #[must_use]
    pub fn breaks(&self, constraint: &str) -> bool {
        self.source
            .as_database_error()
            .is_some_and(|error| error.constraint() == Some(constraint))
    }

    /// True when the statement names a row that is not there, or would take one away that others
    /// name.
    #[must_use]
    pub fn breaks_foreign_key(&self) -> bool {
        self.source
            .as_database_error()
            .is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() {
            Self::unavailable("postgres").source(error)
        } else {
            Self::internal(error)
        }
    }
}

/// Names the operation of a statement that failed.
pub trait StoreResult<T> {
    /// Turns the error into a [`StoreError`] of this operation.
    ///
    /// # Errors
    /// The named error.
    fn store(self, operation: &'static str) -> Result<T, StoreError>;
}

impl<T> StoreResult<T> for Result<T, sqlx::Error> {
    fn store(self, operation: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError { operation, source })
    }
}
