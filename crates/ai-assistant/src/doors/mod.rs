//! Doors for clients that speak a protocol of others: OpenAI's Chat Completions and Responses,
//! Anthropic's Messages, and the Model Context Protocol.
//!
//! A door reads a request into [`Asked`], [`start`] has it answered, and the door writes what it is
//! [`Told`]. The model `1c-assistant` is the assistant with its tools; every other name is a
//! language model and gets the client's own prompt and tools, whatever protocol it speaks itself.

mod answering;
mod asked;
mod assistant;
mod bridge;
pub(crate) mod chat_completions;
mod events;
pub(crate) mod mcp;
pub(crate) mod messages;
pub(crate) mod models;
mod proxy;
mod refusal;
pub(crate) mod responses;

pub use bridge::mcp_stdio;

use answering::{End, Told, start};
use asked::{Asked, Door};

/// The model that answers with figures of 1C. `1c-assistant/<model>` has that model do it.
pub(crate) const ASSISTANT: &str = "1c-assistant";

/// Answers of problems on `/v1/*` in the words of the protocol.
pub(crate) async fn in_dialect(
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> axum::response::Response {
    let dialect = common::http::dialect::Dialect::of(request.uri().path(), request.headers());
    let response = next.run(request).await;
    match dialect {
        Some(dialect) => dialect.translate(response).await,
        None => response,
    }
}
