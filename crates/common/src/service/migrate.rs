//! `<service> migrate`: brings the service's schema up to date and ends. A deployment runs it with the
//! new image before any replica is replaced, so that a migration that fails stops it there.

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::Definition;
use super::run::refuse;
use crate::config::{self, Reader};
use crate::telemetry::{self, Chain};
use crate::{BoxError, db};

/// Success when the schema is up to date, or when there is none.
pub(super) fn run(definition: Definition, mut reader: Reader) -> ExitCode {
    let telemetry = config::Telemetry::read(&mut reader);
    let database = definition.schema.map(|_| config::Database::read(&mut reader));
    let built = telemetry.zip(database.map_or(Some(None), |database| database.map(Some)));
    let (telemetry, database) = match reader.finish(built) {
        Ok(built) => built,
        Err(errors) => return refuse(definition, &errors),
    };
    telemetry::init(&telemetry, definition.name);
    super::install_crypto_provider();
    match migrate(definition, database) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %Chain(error.as_ref()), "the schema could not be migrated");
            ExitCode::FAILURE
        }
    }
}

fn migrate(definition: Definition, database: Option<config::Database>) -> Result<(), BoxError> {
    let (Some(schema), Some(database)) = (definition.schema, database) else {
        tracing::info!("{} has no database", definition.name);
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let never = CancellationToken::new();
        let pool = db::connect(&database, definition.name, schema, &never).await?;
        pool.close().await;
        tracing::info!("the schema {} is up to date", schema.name);
        Ok(())
    })
}
