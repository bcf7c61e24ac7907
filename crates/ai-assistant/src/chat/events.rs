//! What happens while an answer is made, for clients that watch it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::draft::NumberedCitation;
use super::ledger::Used;
use super::run::Answer;
use crate::tools::Drafted;

/// One event of the stream.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum ChatEvent {
    /// The first event.
    MessageStart {
        conversation_id: Uuid,
        message_id: Uuid,
        /// The message that is answered.
        question_id: Uuid,
        model: String,
        /// The answer goes on when the connection breaks, and its events can be read again.
        resumable: bool,
    },
    /// A tool is called.
    ToolCall { id: String, name: String, title: String },
    /// A tool has answered.
    ToolResult {
        id: String,
        name: String,
        title: String,
        is_error: bool,
        /// A change in 1C that the user may confirm, outside of the conversation.
        #[serde(skip_serializing_if = "Option::is_none")]
        draft: Option<Box<Drafted>>,
    },
    /// The next piece of the text.
    Token { text: String },
    /// A source.
    Citation(NumberedCitation),
    /// What the answer used in all.
    Usage(Used),
    /// The whole answer.
    Done(Box<Answer>),
    /// The text so far is void, the answer begins anew: a model broke off and another takes over.
    Restart {},
    /// The problem that ended it.
    Error { problem: serde_json::Value },
}

impl ChatEvent {
    /// Its name in the stream.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message.start",
            Self::ToolCall { .. } => "tool.call",
            Self::ToolResult { .. } => "tool.result",
            Self::Token { .. } => "token",
            Self::Citation(_) => "citation",
            Self::Usage(_) => "usage",
            Self::Done(_) => DONE,
            Self::Restart {} => "restart",
            Self::Error { .. } => ERROR,
        }
    }

    /// Its data.
    pub(crate) fn data(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Name of the last event of a complete answer.
pub(crate) const DONE: &str = "done";
/// Name of the last event of any other.
pub(crate) const ERROR: &str = "error";

/// An event with its number in the answer, from 1. Numbers grow; they need not follow one another.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    pub(crate) id: u64,
    pub(crate) event: ChatEvent,
}

/// Where events go: to whoever watches, to where they are kept, or nowhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sink {
    // One answer is bounded by its tokens, so the channels need no bound.
    watching: Option<mpsc::UnboundedSender<Numbered>>,
    kept: Option<mpsc::UnboundedSender<Numbered>>,
    last: Arc<AtomicU64>,
}

impl Sink {
    /// Events are not wanted.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Events go to a stream.
    pub(crate) fn stream() -> (Self, mpsc::UnboundedReceiver<Numbered>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let sink = Self {
            watching: Some(sender),
            ..Self::default()
        };
        (sink, receiver)
    }

    /// The same, and events are kept too.
    #[must_use]
    pub(crate) fn keeping(self, kept: mpsc::UnboundedSender<Numbered>) -> Self {
        Self {
            kept: Some(kept),
            ..self
        }
    }

    /// Sends an event; a client that has gone does not matter here.
    pub(crate) fn send(&self, event: ChatEvent) {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let numbered = Numbered { id, event };
        if let Some(kept) = &self.kept {
            let _ = kept.send(numbered.clone());
        }
        if let Some(watching) = &self.watching {
            let _ = watching.send(numbered);
        }
    }
}
