//! What one try on one model used, booked whatever became of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;

use super::remote::Heard;
use super::{Failure, Part, Prompt, ProviderError, Remote, Tokens, Turn, estimate};
use crate::budget::Reservation;
use crate::metrics;

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered,
    Failed(Failure),
    /// Whoever asked went away.
    Cancelled,
}

impl Outcome {
    /// The name in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "ok",
            Self::Failed(failure) => failure.as_str(),
            Self::Cancelled => "cancelled",
        }
    }
}

/// One try on one model.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) remote: Arc<Remote>,
    pub(crate) outcome: Outcome,
    pub(crate) tokens: Tokens,
    /// The provider told no tokens, or went away before it could; `tokens` is a guess.
    pub(crate) estimated: bool,
    /// From the request to the first part of the answer.
    pub(crate) first_token: Option<Duration>,
    pub(crate) duration: Duration,
}

impl Attempt {
    /// What it cost in US dollars; `None` when the price is not known. What used nothing cost
    /// nothing, whatever the price.
    pub(crate) fn cost(&self) -> Option<Decimal> {
        if self.tokens == Tokens::default() {
            return Some(Decimal::ZERO);
        }
        self.remote.cost(self.tokens)
    }
}

/// A try that is going on. Dropped in the middle it is booked as cancelled.
pub(super) struct Running<'a, 'p> {
    remote: &'a Arc<Remote>,
    prompt: &'a Prompt<'p>,
    payer: Option<&'a Reservation>,
    sink: &'a mut (dyn FnMut(Part) + Send),
    started: Instant,
    first_token: Option<Duration>,
    accepted: bool,
    /// Text has gone to the sink.
    pub(super) spoke: bool,
    /// About how many tokens have come.
    output: u64,
    ended: bool,
}

impl<'a, 'p> Running<'a, 'p> {
    pub(super) fn begin(
        remote: &'a Arc<Remote>,
        prompt: &'a Prompt<'p>,
        payer: Option<&'a Reservation>,
        sink: &'a mut (dyn FnMut(Part) + Send),
    ) -> Self {
        Self {
            remote,
            prompt,
            payer,
            sink,
            started: Instant::now(),
            first_token: None,
            accepted: false,
            spoke: false,
            output: 0,
            ended: false,
        }
    }

    pub(super) fn hears(&mut self, heard: Heard) {
        match heard {
            Heard::Accepted => self.accepted = true,
            Heard::Text(text) => {
                self.content();
                self.spoke = true;
                self.output += estimate::tokens(&text);
                (self.sink)(Part::Text(text));
            }
            Heard::Content(chars) => {
                self.content();
                self.output += (chars as u64).div_ceil(4);
            }
        }
    }

    fn content(&mut self) {
        if self.first_token.is_none() {
            self.first_token = Some(self.started.elapsed());
            let remote = self.remote.clone();
            (self.sink)(Part::Began { remote });
        }
    }

    /// Books the end.
    pub(super) fn end(mut self, result: &Result<Turn, ProviderError>) {
        self.ended = true;
        match result {
            Ok(turn) => self.book(Outcome::Answered, turn.tokens, turn.estimated),
            Err(error) => {
                let (tokens, estimated) = self.used(error.tokens);
                self.book(Outcome::Failed(error.failure), tokens, estimated);
            }
        }
        self.remote.learn(Some(result.as_ref().map(|_| ())));
    }

    /// Of a broken answer: what the provider told, else a guess. A question that it never took
    /// cost nothing.
    fn used(&self, told: Tokens) -> (Tokens, bool) {
        if !self.accepted {
            return (told, false);
        }
        let guess = Tokens {
            input: if told.input == 0 {
                estimate::prompt(self.prompt)
            } else {
                told.input
            },
            // Anthropic tells one token at the beginning and the others at the end.
            output: told.output.max(self.output),
            ..told
        };
        (guess, guess != told)
    }

    fn book(&mut self, outcome: Outcome, tokens: Tokens, estimated: bool) {
        let attempt = Attempt {
            remote: self.remote.clone(),
            outcome,
            tokens,
            estimated,
            first_token: self.first_token,
            duration: self.started.elapsed(),
        };
        metrics::model_called(&attempt);
        if let Some(payer) = self.payer {
            payer.used(&attempt);
        }
        (self.sink)(Part::Tried(attempt));
    }
}

impl Drop for Running<'_, '_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (tokens, estimated) = self.used(Tokens::default());
        self.book(Outcome::Cancelled, tokens, estimated);
        self.remote.learn(None);
    }
}
