//! The schema `identity`: plain functions over a connection, one file for each table.

pub(crate) mod api_keys;
pub(crate) mod authorization_codes;
pub(crate) mod challenges;
pub(crate) mod client_assertions;
pub(crate) mod consents;
pub(crate) mod federation;
pub(crate) mod invites;
pub(crate) mod known_devices;
pub(crate) mod links;
pub(crate) mod login_failures;
pub(crate) mod mails;
pub(crate) mod oauth_clients;
pub(crate) mod oauth_sessions;
pub(crate) mod passkeys;
pub(crate) mod recovery_codes;
pub(crate) mod registrations;
pub(crate) mod revocations;
pub(crate) mod rights;
pub(crate) mod roles;
pub(crate) mod second_factors;
pub(crate) mod service_accounts;
pub(crate) mod sessions;
pub(crate) mod signing_keys;
pub(crate) mod totp;
pub(crate) mod users;

use common::db::{Schema, StoreError, StoreResult};
use sqlx::PgConnection;
use sqlx::migrate::Migrator;

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/identity");

/// The schema of this service.
pub static SCHEMA: Schema = Schema {
    name: "identity",
    migrator: &MIGRATOR,
};

/// What is done by one transaction at a time, in all replicas.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Turn {
    /// Giving roles, so that two administrators cannot take each other's away at once.
    Roles,
    /// Making and rotating signing keys.
    SigningKeys,
}

/// Waits for the turn; it ends with the transaction.
pub(crate) async fn take_turn(connection: &mut PgConnection, turn: Turn) -> Result<(), StoreError> {
    // "identity" in ASCII, so that services in one database do not wait for each other.
    const NAMESPACE: i32 = 0x6964_656e;
    let number = match turn {
        Turn::Roles => 1,
        Turn::SigningKeys => 2,
    };
    sqlx::query("select pg_advisory_xact_lock($1, $2)")
        .bind(NAMESPACE)
        .bind(number)
        .execute(connection)
        .await
        .store("take_turn")?;
    Ok(())
}
