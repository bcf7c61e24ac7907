//! What happens while an answer is made, for clients that watch it.

use serde::Serialize;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::draft::NumberedCitation;
use super::run::Answer;

/// One event of the stream.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum ChatEvent {
    /// The first event.
    Meta {
        conversation_id: Uuid,
        message_id: Uuid,
        model: String,
    },
    /// A tool is called or has answered.
    Tool {
        name: String,
        state: &'static str,
        title: String,
    },
    /// The next piece of the text.
    Delta { text: String },
    /// A source.
    Citation(NumberedCitation),
    /// The whole answer.
    Done(Box<Answer>),
    /// The text so far is void, the answer begins anew: a model broke off and another takes over.
    Restart {},
    /// The problem that ended it.
    Error { problem: serde_json::Value },
}

impl ChatEvent {
    /// Its name in the stream.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Meta { .. } => "meta",
            Self::Tool { .. } => "tool",
            Self::Delta { .. } => "delta",
            Self::Citation(_) => "citation",
            Self::Done(_) => "done",
            Self::Restart {} => "restart",
            Self::Error { .. } => "error",
        }
    }
}

/// Where events go; nowhere when the client wants one JSON answer.
#[derive(Debug, Clone)]
pub(crate) struct Sink(Option<mpsc::UnboundedSender<ChatEvent>>);

impl Sink {
    /// Events are not wanted.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Events go to a stream. One answer is bounded by its tokens, so the channel needs no bound.
    pub(crate) fn stream() -> (Self, mpsc::UnboundedReceiver<ChatEvent>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(Some(sender)), receiver)
    }

    /// Sends an event; a client that has gone does not matter here.
    pub(crate) fn send(&self, event: ChatEvent) {
        if let Some(sender) = &self.0 {
            let _ = sender.send(event);
        }
    }
}
