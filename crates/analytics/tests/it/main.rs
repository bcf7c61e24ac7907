//! The service as `main` starts it, on a real PostgreSQL and a real Redis. onec-integration is
//! another service: a stand-in with its contract types and the real check of tokens answers for it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by a panic")]

mod authz;
mod charts;
mod dashboards;
mod ingest;
mod links;
mod metrics;
mod onec;
mod outage;
mod post_office;
mod report_schedules;
mod report_variants;
mod reports;
mod rollups;
mod scale;
mod support;
mod users;
