//! Events between services: Redis Streams with consumer groups, at-least-once.
//!
//! A service that owns a database writes an event to its [`outbox`] in the transaction of the
//! change it tells of; the [`Relay`] publishes it later, so that nothing is lost while Redis is
//! down. Consumers are idempotent by event id.

mod consumer;
mod envelope;
pub mod outbox;
mod publish;
mod stream;

pub use consumer::{Consumer, HandleError, Handler};
pub use envelope::{Actor, Event};
pub use outbox::Relay;
pub use publish::{publish, publish_texts};
pub use stream::{DEAD_LETTERS, Stream};
