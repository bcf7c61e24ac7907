//! The service's tables. Functions work on a connection and neither begin nor commit.

pub(crate) mod calendar;
pub(crate) mod events;
pub(crate) mod overview;
pub(crate) mod reports;
pub(crate) mod rollups;
pub(crate) mod series;
pub(crate) mod system;

use common::db::Schema;
use sqlx::migrate::Migrator;

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/analytics");

/// The service's schema.
pub static SCHEMA: Schema = Schema {
    name: "analytics",
    migrator: &MIGRATOR,
};
