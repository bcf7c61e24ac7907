//! The service's tables. Functions work on a connection and neither begin nor commit.

pub(crate) mod events;
pub(crate) mod overview;
pub(crate) mod report_figures;
pub(crate) mod reports;
pub(crate) mod rollups;
pub(crate) mod schedules;
pub(crate) mod system;
pub(crate) mod variants;

use common::db::Schema;
use sqlx::migrate::Migrator;

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/analytics");

/// The service's schema.
pub static SCHEMA: Schema = Schema {
    name: "analytics",
    migrator: &MIGRATOR,
};
