//! What handlers share.

use std::sync::Arc;

use chrono_tz::Tz;
use common::clock::Clock;
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::dashboards::Cache;
use crate::links::Links;
use crate::onec::Onec;
use crate::prometheus::Prometheus;
use crate::services::Services;

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
}
