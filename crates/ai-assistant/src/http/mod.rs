//! Requests and responses.

pub(crate) mod answers;
pub(crate) mod attachments;
pub(crate) mod budgets;
pub(crate) mod chat;
pub(crate) mod conversations;
pub(crate) mod event_stream;
pub(crate) mod generate;
pub(crate) mod models;
pub(crate) mod privacy;
pub(crate) mod ratings;
pub(crate) mod templates;
pub(crate) mod tool_calls;
pub(crate) mod usage;
