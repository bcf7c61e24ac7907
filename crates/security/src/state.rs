//! What handlers share.

use common::clock::Clock;
use sqlx::PgPool;

/// What handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The database.
    pub db: PgPool,
    /// The time.
    pub clock: Clock,
}
