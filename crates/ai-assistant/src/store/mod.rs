//! What is kept in PostgreSQL, schema `assistant`.

pub(crate) mod attachments;
pub(crate) mod budgets;
pub(crate) mod conversations;
pub(crate) mod privacy;
pub(crate) mod templates;
pub(crate) mod tool_calls;
pub(crate) mod usage;

use common::db::Schema;
use sqlx::migrate::Migrator;

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/assistant");

/// The schema.
pub static SCHEMA: Schema = Schema {
    name: "assistant",
    migrator: &MIGRATOR,
};
