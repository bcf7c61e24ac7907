//! Requests and responses.

pub(crate) mod dashboards;
pub(crate) mod metrics;
pub(crate) mod reports;
