//! Runs the whole system on one machine without Docker: a private PostgreSQL and Redis, the demo
//! 1C server and all services, connected, synchronised and with demo users.
//!
//! Modules in reading order: [`plan`] (what runs where), [`programs`] (building and finding the
//! programs), [`process`] (one program and its log), [`stack`] (all of them), [`seed`] (demo
//! users and the first synchronisation), [`control`] (how `cargo dev down` and others reach a
//! running stack), [`report`] (what a person is told).
//!
//! The crate knows every service by its variables and addresses, and no service knows it.

pub mod client;
pub mod control;
pub mod plan;
pub mod process;
pub mod programs;
pub mod report;
pub mod seed;
pub mod sqlx;
pub mod stack;
