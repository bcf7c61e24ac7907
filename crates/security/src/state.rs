//! What handlers share.

use common::clock::Clock;
use sqlx::PgPool;

use crate::audit_config::AuditKeeping;
use crate::defence::Defence;

/// What handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The database.
    pub db: PgPool,
    /// The signer and the archive of the audit log.
    pub audit: AuditKeeping,
    /// The time.
    pub clock: Clock,
    /// Rules of the detectors, responses, and who is told.
    pub defence: Defence,
}
