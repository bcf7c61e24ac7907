//! SQL: plain functions over a connection, by what they are about. Callers own transactions.

pub(crate) mod analytics_keys;
pub(crate) mod catalogue;
pub(crate) mod change_points;
pub(crate) mod commerceml;
mod copy;
pub(crate) mod documents;
pub(crate) mod drafts;
pub(crate) mod goods;
pub(crate) mod imports;
pub(crate) mod indexes;
pub(crate) mod infobases;
pub(crate) mod jobs;
pub(crate) mod ledger;
pub(crate) mod mirror;
pub(crate) mod names;
pub(crate) mod objects;
pub(crate) mod progress;
pub(crate) mod recorders;
pub(crate) mod schedule;
pub(crate) mod search;
pub(crate) mod statistics;
pub(crate) mod totals;

use sqlx::migrate::Migrator;

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/onec");

/// The schema of this service.
pub static SCHEMA: common::db::Schema = common::db::Schema {
    name: "onec",
    migrator: &MIGRATOR,
};
