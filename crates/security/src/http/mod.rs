//! Requests and responses.

pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod audit_erasures;
pub(crate) mod audit_export;
pub(crate) mod audit_integrity;
mod audit_query;
pub(crate) mod threats;
