//! The service through its real router, on a real PostgreSQL and a real Redis.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by a panic")]

mod alerts;
mod audit;
mod audit_archive;
mod audit_checkpoints;
mod audit_export;
mod audit_rights;
mod audit_tampering;
mod authz;
mod crash;
mod detection;
mod detections;
mod lifecycle;
mod migrate;
mod notifications;
mod outage;
mod posture;
mod responses;
mod scan;
mod support;
