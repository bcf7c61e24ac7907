//! `cargo dev prepare`: the query data of SQLx, made against a private database.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use private_servers::{Postgres, PostgresOptions};

use crate::programs::repository;

/// Applies all migrations to a private database and runs `cargo sqlx prepare` against it; with
/// `check` it only tells whether the committed data is up to date.
///
/// # Errors
/// When a migration or the preparation fails, or the data is not up to date.
pub fn prepare(check: bool) -> Result<()> {
    let postgres = Postgres::start(&PostgresOptions::default())?;
    postgres.create_database("prepare")?;
    let root = repository();
    for schema in folders(&root.join("migrations"))? {
        let name = schema
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        postgres.psql("prepare", &format!("create schema \"{name}\""))?;
        for migration in files(&schema)? {
            let text = std::fs::read_to_string(&migration)
                .with_context(|| format!("read {}", migration.display()))?;
            postgres
                .psql("prepare", &text)
                .with_context(|| format!("apply {}", migration.display()))?;
        }
    }
    let mut command = Command::new("cargo");
    command.args(["sqlx", "prepare", "--workspace"]);
    if check {
        command.arg("--check");
    }
    command
        .args(["--", "--all-targets"])
        .env("DATABASE_URL", postgres.url("prepare"))
        .current_dir(root);
    let status = command.status().context("run cargo sqlx")?;
    ensure!(
        status.success(),
        "cargo sqlx prepare failed; it is installed by: \
         cargo install sqlx-cli --version 0.9.0 --no-default-features --features rustls,postgres"
    );
    Ok(())
}

fn folders(parent: &Path) -> Result<Vec<PathBuf>> {
    Ok(files(parent)?.into_iter().filter(|path| path.is_dir()).collect())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}
