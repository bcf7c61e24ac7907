//! The service's tables. Functions work on a connection and neither begin nor commit.

pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod audit_checkpoints;
pub(crate) mod audit_erasures;
pub(crate) mod audit_legacy;
pub(crate) mod audit_segments;
pub(crate) mod audit_walk;
pub(crate) mod deliveries;
pub(crate) mod exceptions;
pub(crate) mod observations;
pub(crate) mod posture;
pub(crate) mod responses;
pub(crate) mod threats;

use common::db::Schema;
use sqlx::migrate::Migrator;

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/security");

/// The service's schema.
pub static SCHEMA: Schema = Schema {
    name: "security",
    migrator: &MIGRATOR,
};
