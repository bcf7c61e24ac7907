//! Runs the whole system on one machine without Docker.
