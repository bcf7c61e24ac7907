//! The service against a demo 1C server, real PostgreSQL and real Redis.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by a panic")]

mod api;
mod changing;
mod commerceml;
mod commerceml_admin;
mod commerceml_files;
mod commerceml_hostile;
mod doctor;
mod events;
mod exchange;
mod faults;
mod infobases;
mod reports;
mod resume;
mod setup;
mod sync;
mod tls;
