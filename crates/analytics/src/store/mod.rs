//! The service's tables. Functions work on a connection and neither begin nor commit.

pub(crate) mod calendar;
pub(crate) mod dashboards;
pub(crate) mod events;
pub(crate) mod overview;
pub(crate) mod report_figures;
pub(crate) mod reports;
pub(crate) mod rollups;
pub(crate) mod schedules;
pub(crate) mod series;
pub(crate) mod system;
pub(crate) mod variants;

use std::str::FromStr;
use std::time::Duration;

use common::config;
use common::db::Schema;
use secrecy::ExposeSecret;
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/analytics");

/// The service's schema.
pub static SCHEMA: Schema = Schema {
    name: "analytics",
    migrator: &MIGRATOR,
};

/// How long a statement of a panel may take.
const PATIENCE: &str = "5s";

/// Connections for panels: they cannot write, and what takes too long is cut off. They are opened
/// when they are needed.
///
/// # Errors
/// When the URL cannot be read.
pub(crate) fn read_only(config: &config::Database) -> Result<PgPool, sqlx::Error> {
    let options = PgConnectOptions::from_str(config.url.expose_secret())?
        .application_name("analytics panels")
        .options([
            ("timezone", "UTC"),
            ("default_transaction_read_only", "on"),
            ("statement_timeout", PATIENCE),
        ]);
    Ok(PgPoolOptions::new()
        .max_connections(config.max_connections.div_ceil(2))
        .acquire_timeout(config.acquire_timeout)
        .idle_timeout(Duration::from_secs(60))
        .connect_lazy_with(options))
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::config::Reader;
    use common::testing;

    #[tokio::test]
    async fn panels_can_neither_write_nor_hold_a_connection() {
        let url = testing::database_url(&SCHEMA).await;
        let mut reader = Reader::from_values([("DATABASE_URL", url)]);
        let config = config::Database::read(&mut reader);
        let pool = read_only(&reader.finish(config).unwrap()).unwrap();
        let code = async |statement: &'static str| {
            let error = sqlx::query(statement).execute(&pool).await.unwrap_err();
            error.as_database_error().unwrap().code().unwrap().into_owned()
        };
        assert_eq!(code("delete from analytics.dashboards").await, "25006");
        let limit: String = sqlx::query_scalar("show statement_timeout")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(limit, PATIENCE);
    }
}
