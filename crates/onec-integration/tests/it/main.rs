//! The service against a demo 1C server, real PostgreSQL and real Redis.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by a panic")]

mod api;
mod changing;
mod commerceml;
mod commerceml_admin;
mod commerceml_files;
mod commerceml_hostile;
mod cuts;
mod doctor;
mod doctor_findings;
mod drafts;
mod drafts_cut;
mod drafts_faults;
mod entities;
mod events;
mod exchange;
mod faults;
mod faults_at_once;
mod front;
mod hostile;
mod idempotency;
mod infobase_scope;
mod infobases;
mod ledger_reports;
mod load;
mod names;
mod profiles;
mod reports;
mod resume;
mod sales_totals;
mod services;
mod setup;
mod shapes;
mod sync;
mod tls;
mod totals;
