//! Requests and responses.

pub(crate) mod chat;
pub(crate) mod conversations;
pub(crate) mod generate;
pub(crate) mod models;
pub(crate) mod privacy;
