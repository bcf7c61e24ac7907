//! The service through its real router: a real PostgreSQL and Redis, and real sockets to
//! stand-ins for onec-integration and for language models.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by a panic")]

mod access;
mod attachments;
mod bases;
mod branches;
mod budgets;
mod cache;
mod chat;
mod conversations;
mod crossing;
mod doors;
mod doors_privacy;
mod external;
mod failover;
#[path = "../../examples/fake_provider/server.rs"]
mod fake_provider;
mod generate;
mod llmock;
mod mcp;
mod onec;
mod onec_objects;
mod outages;
mod privacy;
mod providers;
mod providers_more;
mod resume;
mod rules;
mod setup;
mod streams;
mod templates;
mod tools;
mod usage;
