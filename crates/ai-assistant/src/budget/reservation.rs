//! What one request holds and has spent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use chrono_tz::Tz;
use common::clock::Clock;
use common::db::{StoreError, StoreResult};
use common::{Locale, ids};
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Payer, Refusal, Standing, sweep};
use crate::metrics;
use crate::providers::{Attempt, Prompt, Remote, Tokens, estimate_prompt};
use crate::state::AppState;
use crate::store::budgets::{self, Verdict};

/// How long an attempt may last before what it holds is given back, beyond the limit of a turn.
const GRACE: TimeDelta = TimeDelta::minutes(2);

/// What an attempt may use at most.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub(crate) tokens: u64,
    /// US dollars; `None` when the price is not known.
    pub(crate) usd: Option<Decimal>,
    /// The model is another's, so that money is spent whether its price is known or not.
    pub(crate) paid: bool,
}

/// The spending of one request. Before each attempt it holds what the attempt may use; afterwards it is
/// told what was used.
#[derive(Debug)]
pub(crate) struct Reservation {
    db: PgPool,
    clock: Clock,
    zone: Tz,
    /// Models of unknown price are not asked under a limit of money.
    refuse_unpriced: bool,
    patience: TimeDelta,
    payer: Payer,
    held: Mutex<Held>,
}

/// An attempt that has ended: its id, the tokens and US dollars that it used.
type Done = (Uuid, u64, Option<Decimal>);

#[derive(Debug, Default)]
struct Held {
    /// The attempt that is under way.
    open: Option<Uuid>,
    /// Attempts that have ended and are not settled.
    done: Vec<Done>,
    /// Where the limits stood at the latest attempt.
    standings: Vec<Standing>,
    /// Spent since.
    tokens: u64,
    usd: Decimal,
    /// Soft limits that were reached by what is settled.
    reached: Vec<Standing>,
}

impl Reservation {
    /// Nothing is held yet.
    pub(crate) fn new(state: &AppState, payer: Payer) -> Arc<Self> {
        Arc::new(Self {
            db: state.db.clone(),
            clock: state.context.clock.clone(),
            zone: state.zone,
            refuse_unpriced: state.refuse_unpriced,
            patience: TimeDelta::from_std(state.models.longest_turn()).unwrap_or(GRACE) + GRACE,
            payer,
            held: Mutex::default(),
        })
    }

    /// Who pays.
    pub(crate) fn payer(&self) -> &Payer {
        &self.payer
    }

    /// Holds what one attempt on a model may use: the prompt by its length, and the longest answer.
    ///
    /// # Errors
    /// When a hard limit does not leave that much, or when it cannot be known.
    pub(crate) async fn hold_for(&self, remote: &Remote, prompt: &Prompt<'_>) -> Result<(), Refusal> {
        let input = estimate_prompt(prompt);
        let output = u64::from(prompt.max_output_tokens);
        let price = |cache_write| {
            remote.cost(Tokens {
                input,
                cache_write,
                output,
                ..Tokens::default()
            })
        };
        // Some providers charge more for what they put into their cache.
        let usd = price(0).max(price(input));
        self.hold(Wanted {
            tokens: input + output,
            usd,
            paid: remote.external,
        })
        .await
    }

    /// Holds what one attempt may use.
    ///
    /// # Errors
    /// When a hard limit does not leave that much, or when it cannot be known.
    pub(crate) async fn hold(&self, wanted: Wanted) -> Result<(), Refusal> {
        let id = ids::new_id();
        let ended = {
            let mut held = self.lock();
            held.close();
            // Whatever becomes of this future, whoever settles knows of it, and of those before it:
            // settling twice is settling once.
            held.open = Some(id);
            held.done.clone()
        };
        let mut verdict = self.try_hold(id, wanted, &ended).await?;
        if matches!(verdict, Verdict::Refused(_)) && sweep::once(&self.db, &self.clock).await? > 0 {
            verdict = self.try_hold(id, wanted, &[]).await?;
        }
        let mut held = self.lock();
        held.done
            .retain(|(done, ..)| !ended.iter().any(|(ended, ..)| ended == done));
        (held.tokens, held.usd) = (0, Decimal::ZERO);
        match verdict {
            Verdict::Held(standings) if !standings.is_empty() => {
                held.standings = standings;
                Ok(())
            }
            Verdict::Held(_) => {
                // No limit holds.
                held.open = None;
                held.standings = Vec::new();
                Ok(())
            }
            Verdict::Refused(standing) => {
                held.open = None;
                metrics::budget_refused(standing.scope.as_str());
                let only_unpriced = wanted.usd.is_none()
                    && standing
                        .cap_tokens
                        .is_none_or(|cap| standing.tokens + wanted.tokens <= cap);
                Err(if only_unpriced {
                    Refusal::PriceUnknown
                } else {
                    let now = self.clock.now();
                    Refusal::Exhausted {
                        standing: Box::new(standing),
                        now,
                    }
                })
            }
        }
    }

    async fn try_hold(&self, id: Uuid, wanted: Wanted, ended: &[Done]) -> Result<Verdict, StoreError> {
        let now = self.clock.now();
        let mut db = self.db.acquire().await.store("acquire")?;
        let reached = settle_all(&mut db, ended).await?;
        self.lock().reached.extend(reached);
        let asked = budgets::Asked {
            id,
            payer: &self.payer,
            zone: self.zone,
            now,
            expires: now + self.patience,
            tokens: wanted.tokens,
            usd: wanted.usd,
            price_needed: wanted.paid && self.refuse_unpriced,
        };
        budgets::reserve(&mut db, &asked).await
    }

    /// The attempt under way has ended and used that much.
    pub(crate) fn used(&self, attempt: &Attempt) {
        let mut held = self.lock();
        let Some(id) = held.open.take() else {
            return;
        };
        let tokens = attempt.tokens.input + attempt.tokens.output;
        let cost = attempt.cost();
        held.tokens += tokens;
        held.usd += cost.unwrap_or_default();
        held.done.push((id, tokens, cost));
    }

    /// Settles the attempts, within the transaction that books them. Tells of soft limits that were
    /// reached by this request.
    pub(crate) async fn settle(&self, db: &mut PgConnection) -> Result<Vec<Standing>, StoreError> {
        let (ended, mut reached) = {
            let mut held = self.lock();
            held.close();
            (std::mem::take(&mut held.done), std::mem::take(&mut held.reached))
        };
        reached.extend(settle_all(db, &ended).await?);
        Ok(reached)
    }

    /// What the reader of the answer should know of the budgets.
    pub(crate) fn notices(&self, locale: Locale) -> Vec<String> {
        let held = self.lock();
        let after = held.standings.iter().map(|standing| Standing {
            tokens: standing.tokens + held.tokens,
            usd: standing.usd + held.usd,
            ..standing.clone()
        });
        let past = after.filter(|standing| {
            standing.cap_tokens.is_some_and(|cap| standing.tokens >= cap)
                || standing.cap_usd.is_some_and(|cap| standing.usd >= cap)
        });
        past.map(|standing| standing.soft_notice(self.zone, locale))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// An attempt that was begun and never told of has used nothing.
    fn close(&mut self) {
        self.done
            .extend(self.open.take().map(|id| (id, 0, Some(Decimal::ZERO))));
    }
}

async fn settle_all(db: &mut PgConnection, ended: &[Done]) -> Result<Vec<Standing>, StoreError> {
    let mut reached = Vec::new();
    for &(id, tokens, usd) in ended {
        reached.extend(budgets::settle(db, id, tokens, usd).await?);
    }
    Ok(reached)
}

#[cfg(test)]
mod tests;
