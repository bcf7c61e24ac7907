//! Answering questions: the conversation, the engine, the tools, and the books.

mod attached;
pub(crate) mod draft;
pub(crate) mod events;
pub(crate) mod export;
mod guard;
pub(crate) mod history;
pub(crate) mod kept;
pub(crate) mod ledger;
pub(crate) mod model_loop;
pub(crate) mod place;
pub(crate) mod prompt;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod running;
mod sources;
