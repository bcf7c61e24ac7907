//! Requests and responses.

pub(crate) mod charts;
pub(crate) mod dashboards;
pub(crate) mod links;
pub(crate) mod metrics;
mod report_audit;
pub(crate) mod report_catalogue;
pub(crate) mod report_files;
pub(crate) mod report_schedules;
pub(crate) mod report_variants;
pub(crate) mod reports;
mod shape;

/// Where clients find this service behind the gateway.
const PUBLIC_PREFIX: &str = "/api/analytics";
