//! Requests and responses.

pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod scan;
pub(crate) mod threats;
