//! What handlers share.

use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use common::clock::Clock;
use sqlx::PgPool;
use tokio::sync::Notify;
use url::Url;

use crate::dashboards::Cache;
use crate::delivery::Ways;
use crate::links::Links;
use crate::onec::Onec;
use crate::prometheus::Prometheus;
use crate::schedules::Vault;
use crate::services::Services;
use crate::users::Users;

/// What handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub(crate) db: PgPool,
    /// Connections that cannot write and whose statements are cut off, for panels.
    pub(crate) reader: PgPool,
    /// Answers that panels show again for a while.
    pub(crate) dashboards: Arc<Cache>,
    pub(crate) clock: Clock,
    pub(crate) onec: Onec,
    pub(crate) services: Arc<Services>,
    pub(crate) prometheus: Arc<Prometheus>,
    pub(crate) time_zone: Tz,
    /// Wakes the builder of report files.
    pub(crate) work: Arc<Notify>,
    pub(crate) links: Arc<Links>,
    /// How reports reach their readers.
    pub(crate) ways: Arc<Ways>,
    /// What schedules keep.
    pub(crate) vault: Arc<Vault>,
    pub(crate) users: Users,
    /// How people reach this system, where that is known.
    pub(crate) public_url: Option<Url>,
}

impl AppState {
    /// The day that it is in the zone of reports.
    pub(crate) fn today(&self) -> NaiveDate {
        self.clock.now().with_timezone(&self.time_zone).date_naive()
    }
}
