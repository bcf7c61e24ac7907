//! Settings of the service.

use std::time::Duration;

use common::config::{self, Reader};

use crate::audit_config::AuditConfig;
use crate::defence::DefenceSettings;

/// Settings of the service, beside those of every service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database.
    pub database: config::Database,
    /// Event streams and revoked sessions.
    pub redis: config::Redis,
    /// How access tokens are verified.
    pub auth: config::Auth,
    /// How the audit log is signed and archived.
    pub audit: AuditConfig,
    /// `AUDIT_VERIFY_EVERY` (1h): how often the audit chain is recomputed without being asked.
    pub verify_every: Duration,
    /// Detection, responses and notifications.
    pub defence: DefenceSettings,
}

impl Config {
    /// Reads the settings.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let database = config::Database::read(reader);
        let redis = config::Redis::read(reader);
        let auth = config::Auth::read(reader);
        let audit = AuditConfig::read(reader);
        let verify_every = reader.duration("AUDIT_VERIFY_EVERY", Duration::from_secs(3600));
        let defence = DefenceSettings::read(reader);
        if verify_every.is_some_and(|every| every < Duration::from_secs(1)) {
            reader.invalid("AUDIT_VERIFY_EVERY", "is shorter than a second");
        }
        Some(Self {
            database: database?,
            redis: redis?,
            auth: auth?,
            audit: audit?,
            verify_every: verify_every?,
            defence: defence?,
        })
    }
}
