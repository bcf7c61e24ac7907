//! Audit log, threats and alerts.
