//! Having a request answered, and hearing of it.

use std::time::Duration;

use common::auth::Identity;
use common::http::Problem;
use common::telemetry::RequestContext;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Asked, assistant, proxy};
use crate::error::Error;
use crate::providers::{Dialect, Finish, Tokens};
use crate::state::AppState;
use crate::tools::ToolCall;

/// What fails before this is told by the status of the response; what fails later, in the stream.
const OPENING: Duration = Duration::from_secs(10);

/// What a door hears.
#[derive(Debug)]
pub(super) enum Told {
    /// The answer begins.
    Began,
    /// The next piece of its text.
    Text(String),
    /// It is complete; the last thing that is heard.
    End(Box<End>),
    /// There is none, or it broke off; the last thing that is heard.
    Failed(Problem),
}

/// A complete answer.
#[derive(Debug, Default)]
pub(super) struct End {
    /// Who answered.
    pub(super) model: String,
    /// All of the text.
    pub(super) text: String,
    pub(super) calls: Vec<ToolCall>,
    pub(super) tokens: Tokens,
    pub(super) finish: Finish,
    /// The turn as its model sent it.
    pub(super) raw: Vec<Value>,
    /// The protocol of `raw`.
    pub(super) dialect: Option<Dialect>,
    /// What the assistant has to say beside the text: sources, tables, notices.
    pub(super) onec: Option<Value>,
}

/// A request that is being answered. Dropping it cancels the answer.
#[derive(Debug)]
pub(super) struct Answering {
    receiver: mpsc::UnboundedReceiver<Told>,
    first: Option<Told>,
    _guard: DropGuard,
}

/// Where an answer is told.
#[derive(Debug, Clone)]
pub(super) struct Teller(mpsc::UnboundedSender<Told>);

impl Teller {
    /// A client that has gone does not matter here.
    pub(super) fn tell(&self, told: Told) {
        let _ = self.0.send(told);
    }
}

/// Begins to answer. The books are closed to the end even when the client goes.
///
/// # Errors
/// When there is no such model, or the request is not for the assistant.
pub(super) fn start(state: &AppState, identity: Identity, asked: Asked) -> Result<Answering, Problem> {
    // One answer is bounded by its tokens, so the channel needs no bound.
    let (sender, receiver) = mpsc::unbounded_channel();
    let teller = Teller(sender);
    let cancel = CancellationToken::new();
    let guard = cancel.clone().drop_guard();
    if let Some(model) = asked.assistant().map(|model| model.map(str::to_owned)) {
        let job = assistant::prepare(state, identity, asked, model)?;
        state.context.spawn_transient(assistant::run(job, teller, cancel));
    } else {
        let chain = state
            .models
            .chain(Some(&asked.model))
            .ok_or_else(|| Error::UnknownModel(asked.model.clone()))?
            .without_restarts();
        let context = RequestContext::current().unwrap_or_else(RequestContext::background);
        let state_of_task = state.clone();
        state.context.spawn_transient(context.scope(Box::pin(async move {
            proxy::run(&state_of_task, &identity, asked, chain, &teller, cancel).await;
        })));
    }
    Ok(Answering {
        receiver,
        first: None,
        _guard: guard,
    })
}

impl Answering {
    /// Waits for the beginning, so that a refusal becomes the status of the response; not for long:
    /// a model may think.
    pub(super) async fn opened(mut self) -> Result<Self, Problem> {
        match tokio::time::timeout(OPENING, self.next()).await {
            Ok(Told::Failed(problem)) => Err(problem),
            Ok(told) => {
                self.first = Some(told);
                Ok(self)
            }
            Err(_) => Ok(self),
        }
    }

    /// What comes next.
    pub(super) async fn next(&mut self) -> Told {
        if let Some(first) = self.first.take() {
            return first;
        }
        match self.receiver.recv().await {
            Some(told) => told,
            None => Told::Failed(Problem::internal("an answer ended without an end")),
        }
    }

    /// The complete answer.
    pub(super) async fn whole(mut self) -> Result<End, Problem> {
        loop {
            match self.next().await {
                Told::Began | Told::Text(_) => {}
                Told::End(end) => return Ok(*end),
                Told::Failed(problem) => return Err(problem),
            }
        }
    }
}
