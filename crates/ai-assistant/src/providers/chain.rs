//! Failover: the models that may answer, one after another, and when each of them is asked.
//!
//! What a failure means for the next step stands in one table, [`Failure::then`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::{Attempt, Running};
use super::breaker::State;
use super::failure::Then;
use super::remote::Heard;
use super::{Failure, Prompt, ProviderError, Remote, Turn, estimate};
use crate::budget::Reservation;
use crate::privacy::Veil;

/// A provider that wants to be asked later than this is not waited for while another can be
/// asked.
const PATIENT_WAIT: Duration = Duration::from_secs(2);
/// The same when there is no other.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// How often one model is tried when others can be asked, and when none can.
const TRIES: (u32, u32) = (2, 3);
/// The first pause before the same model is tried again; it doubles.
const BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(8);

/// What a caller hears while a turn is made.
#[derive(Debug)]
pub(crate) enum Part {
    /// The answer that now begins is of this model. After [`Part::Restart`] it comes again.
    Began { remote: Arc<Remote> },
    /// The next piece of the text.
    Text(String),
    /// The text of this turn so far is void; the answer begins anew.
    Restart,
    /// A try has ended; one for each, the cancelled and failed ones too.
    Tried(Attempt),
}

/// The models that may answer one exchange. It remembers: the next turn of the exchange begins
/// with the model that answered, and models that failed are not asked again.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    lead: Arc<Remote>,
    /// The wanted model first.
    remotes: Vec<Arc<Remote>>,
    /// Asked only when a conversation is too long for the others, smallest window first.
    larger: Vec<Arc<Remote>>,
    /// Failed in this exchange.
    struck: Vec<Arc<Remote>>,
    /// Providers whose account or key failed in this exchange.
    barred: Vec<Arc<str>>,
    /// The conversation did not fit a window of so many tokens.
    outgrown: Option<Outgrown>,
    restarts: bool,
    total: Duration,
    /// Whose budgets each attempt is on.
    payer: Option<Arc<Reservation>>,
}

/// A window that the conversation did not fit.
#[derive(Debug, Clone, Copy)]
struct Outgrown {
    window: u64,
    /// The data file knows it; otherwise it is a guess from the conversation.
    known: bool,
}

impl Chain {
    /// `None` without any model.
    pub(super) fn new(remotes: Vec<Arc<Remote>>, larger: Vec<Arc<Remote>>, total: Duration) -> Option<Self> {
        Some(Self {
            lead: remotes.first()?.clone(),
            remotes,
            larger,
            struck: Vec::new(),
            barred: Vec::new(),
            outgrown: None,
            restarts: true,
            total,
            payer: None,
        })
    }

    /// The same, but once text has come no other answer may follow: for protocols that cannot
    /// take back what was sent.
    #[must_use]
    pub(crate) fn without_restarts(mut self) -> Self {
        self.restarts = false;
        self
    }

    /// The same, each attempt being on these budgets.
    #[must_use]
    pub(crate) fn paid_by(mut self, payer: Arc<Reservation>) -> Self {
        self.payer = Some(payer);
        self
    }

    /// The same without the models that `keep` refuses, such as external ones; `None` when no
    /// model is left.
    #[must_use]
    pub(crate) fn retain(self, keep: impl Fn(&Remote) -> bool) -> Option<Self> {
        let kept = |remotes: Vec<Arc<Remote>>| remotes.into_iter().filter(|remote| keep(remote)).collect();
        let (restarts, payer) = (self.restarts, self.payer);
        let chain = Self::new(kept(self.remotes), kept(self.larger), self.total)?;
        Some(Self {
            restarts,
            payer,
            ..chain
        })
    }

    /// The model that is asked first; after a turn, the one that answered.
    pub(crate) fn remote(&self) -> &Arc<Remote> {
        &self.lead
    }

    /// All models that may be asked, the first one first.
    pub(crate) fn remotes(&self) -> impl Iterator<Item = &Arc<Remote>> {
        self.remotes.iter().chain(&self.larger)
    }

    #[cfg(test)]
    pub(super) fn parts(&self) -> (&[Arc<Remote>], &[Arc<Remote>]) {
        (&self.remotes, &self.larger)
    }

    /// True when what is asked may leave the company.
    pub(crate) fn is_external(&self) -> bool {
        self.remotes().any(|remote| remote.external)
    }

    /// Gets one turn from the first model that gives one.
    pub(crate) async fn turn(
        &mut self,
        prompt: &Prompt<'_>,
        sink: &mut (dyn FnMut(Part) + Send),
    ) -> Result<Turn, ProviderError> {
        let deadline = Instant::now() + self.total;
        let mut shown = false;
        let mut last = None;
        while let Some(candidate) = self.candidate() {
            let remote = candidate.remote.clone();
            let payer = self.payer.as_deref();
            match ask(
                &candidate,
                prompt,
                sink,
                payer,
                deadline,
                self.restarts,
                &mut shown,
            )
            .await
            {
                Ok(turn) => {
                    self.lead = remote;
                    return Ok(turn);
                }
                Err(error) => {
                    self.strike(&remote, &error, prompt);
                    let stop = error.failure.then() == Then::Stop || shown && !self.restarts;
                    tracing::info!(
                        labels.provider = &*remote.provider,
                        labels.model = &*remote.model,
                        labels.failure = error.failure.as_str(),
                        "a language model failed"
                    );
                    last = Some(error);
                    if stop || Instant::now() >= deadline {
                        break;
                    }
                }
            }
        }
        Err(last.unwrap_or_else(|| ProviderError::new(Failure::Resting)))
    }

    /// What a failure means for the rest of the exchange.
    fn strike(&mut self, remote: &Arc<Remote>, error: &ProviderError, prompt: &Prompt<'_>) {
        self.struck.push(remote.clone());
        match error.failure.then() {
            Then::Elsewhere => self.barred.push(remote.provider.clone()),
            Then::Larger => {
                self.outgrown = Some(Outgrown {
                    window: remote.context().unwrap_or_else(|| estimate::prompt(prompt)),
                    known: remote.context().is_some(),
                });
            }
            Then::Again | Then::Next | Then::Stop => {}
        }
    }

    /// Whom to ask next, and after what pause.
    fn candidate(&self) -> Option<Candidate> {
        let open: Vec<&Arc<Remote>> = self.in_order().filter(|remote| self.may_ask(remote)).collect();
        let soon = |limit: Duration| open.iter().find(|remote| remote.held_for() <= limit);
        let chosen = soon(PATIENT_WAIT).or_else(|| {
            open.iter()
                .min_by_key(|remote| remote.held_for())
                .filter(|remote| remote.held_for() <= LONGEST_WAIT)
        })?;
        Some(Candidate {
            remote: (*chosen).clone(),
            pause: chosen.held_for(),
            alone: open.len() == 1,
        })
    }

    /// The lead, then the others; those with larger windows only when one is needed.
    fn in_order(&self) -> impl Iterator<Item = &Arc<Remote>> {
        let larger = self.larger.iter().filter(|_| self.outgrown.is_some());
        let others = self.remotes.iter().chain(larger);
        std::iter::once(&self.lead).chain(others.filter(|remote| !Arc::ptr_eq(remote, &self.lead)))
    }

    fn may_ask(&self, remote: &Arc<Remote>) -> bool {
        let fits = self.outgrown.is_none_or(|outgrown| match remote.context() {
            Some(window) => window > outgrown.window,
            None => !outgrown.known,
        });
        fits && !self.barred.contains(&remote.provider)
            && !self.struck.iter().any(|struck| Arc::ptr_eq(struck, remote))
            && remote.breaker_state() != State::Open
    }
}

/// A model that is to be asked.
#[derive(Debug)]
struct Candidate {
    remote: Arc<Remote>,
    /// It wants to be left alone for so long.
    pause: Duration,
    /// Nobody else can be asked.
    alone: bool,
}

/// Asks one model, again when that may help.
async fn ask(
    candidate: &Candidate,
    prompt: &Prompt<'_>,
    sink: &mut (dyn FnMut(Part) + Send),
    payer: Option<&Reservation>,
    deadline: Instant,
    restarts: bool,
    shown: &mut bool,
) -> Result<Turn, ProviderError> {
    let Candidate { remote, pause, alone } = candidate;
    tokio::time::sleep(*pause).await;
    let (mut tried, mut backoff) = (0, BACKOFF);
    loop {
        if let Some(payer) = payer {
            payer
                .hold_for(remote, prompt)
                .await
                .map_err(ProviderError::of_budget)?;
        }
        if !remote.admits() {
            return Err(ProviderError::new(Failure::Resting));
        }
        if std::mem::take(shown) {
            sink(Part::Restart);
        }
        tried += 1;
        let began = Instant::now();
        let veil = prompt
            .mask
            .filter(|_| remote.external)
            .map(|mask| Veil::new(mask, prompt));
        let asked = veil
            .as_ref()
            .map_or_else(|| prompt.clone(), |veil| veil.prompt(prompt));
        let mut running = Running::begin(remote, &asked, payer, sink);
        let mut unmasker = veil.as_ref().map(Veil::incoming);
        let mut result = remote
            .once(&asked, deadline, &mut |heard| {
                running.hears(match (heard, &mut unmasker) {
                    (Heard::Text(text), Some(unmasker)) => unmasked(unmasker.push(&text)),
                    (heard, _) => heard,
                });
            })
            .await;
        if let Some(veil) = &veil {
            result = result.map(|turn| veil.restored(turn));
            let rest = unmasker.map(|mut unmasker| unmasker.finish()).unwrap_or_default();
            if result.is_ok() && !rest.is_empty() {
                running.hears(Heard::Text(rest));
            }
        }
        let spoke = running.spoke;
        running.end(&result);
        let error = match result {
            Ok(turn) => return Ok(turn),
            Err(error) => error,
        };
        *shown = spoke;
        let tries = if *alone { TRIES.1 } else { TRIES.0 };
        let longest = if *alone { LONGEST_WAIT } else { PATIENT_WAIT };
        let wait = error.advice.after.unwrap_or_else(|| jittered(backoff));
        let in_time = wait <= longest && Instant::now() + wait < deadline;
        // Time that a user has waited already is not spent on the same model a second time.
        let others_first = !alone && (spoke || began.elapsed() > PATIENT_WAIT);
        if !error.may_pass() || tried >= tries || !in_time || others_first || spoke && !restarts {
            return Err(error);
        }
        backoff = (backoff * 2).min(LONGEST_BACKOFF);
        tokio::time::sleep(wait).await;
    }
}

/// What is heard of a text that may be held back whole.
fn unmasked(text: String) -> Heard {
    if text.is_empty() {
        Heard::Content(0)
    } else {
        Heard::Text(text)
    }
}

/// Up to a quarter less, so that clients that failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let random = common::ids::new_id().as_u128() % 256;
    let share = u32::try_from(random).unwrap_or(0);
    pause - pause / 1024 * share
}
