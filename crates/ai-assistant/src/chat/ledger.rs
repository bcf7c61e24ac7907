//! What attempts used, as they are booked: one usage row and one event each, failed and cancelled
//! ones too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::Locale;
use common::auth::Identity;
use common::contract::events::{ASSISTANT_ANSWERED, INJECTION_SUSPECTED, Outcome, UsageEvent};
use common::db::StoreError;
use common::events::{Actor, Event, Stream, outbox};
use common::ids;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::model_loop::Spent;
use crate::budget::{Payer, Reservation, Standing};
use crate::cache::Recall;
use crate::metrics;
use crate::privacy::{Mask, Suspicion};
use crate::providers::{Attempt as Try, Chain, Outcome as TryOutcome};
use crate::record;
use crate::state::{AppState, Engine};
use crate::store::usage::{Usage, usage_add};
use crate::store::{SCHEMA, privacy};
use crate::tools::Onec;

/// One finished attempt.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    provider: String,
    model: String,
    outcome: &'static str,
    error: Option<&'static str>,
    input_tokens: u64,
    output_tokens: u64,
    cost_usd: Option<Decimal>,
    estimated: bool,
    cached: bool,
    tool_calls: u32,
    duration: Duration,
    first_token: Option<Duration>,
}

impl Attempt {
    /// What several tries on one model came to: the outcome is that of the last.
    fn of(last: &Try, tries: &[Try]) -> Self {
        let cost_usd = tries.iter().map(Try::cost).sum();
        metrics::attempt_cost(&last.remote.provider, &last.remote.model, cost_usd);
        let (outcome, error) = match last.outcome {
            TryOutcome::Answered => ("answered", None),
            TryOutcome::Failed(failure) => ("failed", Some(failure.as_str())),
            TryOutcome::Cancelled => ("cancelled", None),
        };
        Self {
            provider: last.remote.provider.to_string(),
            model: last.remote.model.to_string(),
            outcome,
            error,
            input_tokens: tries.iter().map(|one| one.tokens.input).sum(),
            output_tokens: tries.iter().map(|one| one.tokens.output).sum(),
            cost_usd,
            estimated: tries.iter().any(|one| one.estimated),
            cached: false,
            tool_calls: 0,
            duration: tries.iter().map(|one| one.duration).sum(),
            first_token: tries.iter().find_map(|one| one.first_token),
        }
    }
}

/// What an answer used in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Tokens that were sent to language models.
    pub input_tokens: u64,
    /// Tokens that they wrote.
    pub output_tokens: u64,
    /// What it cost in US dollars; null when the price of the model is not known.
    pub cost_usd: Option<Decimal>,
}

/// The attempts of one request.
#[derive(Debug)]
pub(crate) struct Ledger {
    operation: &'static str,
    attempts: Vec<Attempt>,
    running: Option<(Engine, Instant)>,
    /// What the running attempt has used so far.
    pub(crate) spent: Spent,
    /// Whose new tokens are to be kept.
    pub(crate) mask: Option<Arc<Mask>>,
    /// What tried to command the assistant.
    suspicions: BTreeSet<Suspicion>,
    reservation: Option<Arc<Reservation>>,
    recall: Option<Arc<Recall>>,
    /// The running attempt found its answer in the cache.
    recalled: bool,
}

impl Ledger {
    pub(crate) fn new(operation: &'static str) -> Self {
        Self {
            operation,
            attempts: Vec::new(),
            running: None,
            spent: Spent::default(),
            mask: None,
            suspicions: BTreeSet::new(),
            reservation: None,
            recall: None,
            recalled: false,
        }
    }

    /// Names who pays, and for which company; nothing is held yet.
    pub(crate) fn charge(
        &mut self,
        state: &AppState,
        identity: &Identity,
        company: Option<Uuid>,
    ) -> Arc<Reservation> {
        let reservation = Reservation::new(state, Payer::of(identity, company));
        self.reservation = Some(reservation.clone());
        reservation
    }

    /// What the caller may find in the cache, and of which state of the data.
    pub(crate) fn recall(&mut self, state: &AppState, identity: &Identity) -> Arc<Recall> {
        self.recall
            .get_or_insert_with(|| Recall::new(state.cache.clone(), identity, state.onec.clone()))
            .clone()
    }

    /// onec-integration, with results of the cache where they are the same.
    pub(crate) fn onec(&mut self, state: &AppState, identity: &Identity) -> Onec {
        state.onec.recalling(self.recall(state, identity))
    }

    /// An answer of that engine came out of the cache.
    pub(crate) fn recalls(&mut self, engine: &Engine) {
        self.begin(engine);
        self.recalled = true;
        self.end("answered", None, 0);
    }

    /// Something tried to command the assistant.
    pub(crate) fn is_suspicious(&self) -> bool {
        !self.suspicions.is_empty() || self.spent.screen.suspicions().next().is_some()
    }

    /// Has the payer pay for each attempt of the chain.
    pub(crate) fn pays(&self, chain: Chain) -> Chain {
        match &self.reservation {
            Some(reservation) => chain.paid_by(reservation.clone()),
            None => chain,
        }
    }

    /// What the reader should know of the payer's budgets.
    pub(crate) fn notices(&self, locale: Locale) -> Vec<String> {
        self.reservation
            .as_ref()
            .map(|reservation| reservation.notices(locale))
            .unwrap_or_default()
    }

    /// An attempt begins.
    pub(crate) fn begin(&mut self, engine: &Engine) {
        self.running = Some((engine.clone(), Instant::now()));
        self.spent = Spent::default();
    }

    /// The running attempt ends; nothing happens when none runs.
    pub(crate) fn end(&mut self, outcome: &'static str, error: Option<&'static str>, tool_calls: u32) {
        let Some((engine, started)) = self.running.take() else {
            return;
        };
        let kind = match &engine {
            Engine::Rules => "rules",
            Engine::Model(_) => "llm",
        };
        metrics::attempt_ended(self.operation, kind, outcome);
        self.suspicions.extend(self.spent.screen.suspicions().cloned());
        let mut last = Attempt {
            provider: engine.provider().to_owned(),
            model: engine.model().to_owned(),
            outcome,
            error,
            input_tokens: 0,
            output_tokens: 0,
            cost_usd: Some(Decimal::ZERO),
            estimated: false,
            cached: std::mem::take(&mut self.recalled),
            tool_calls,
            duration: started.elapsed(),
            first_token: self.spent.first_token,
        };
        // Tries on the same model one after another are one attempt.
        let tries = std::mem::take(&mut self.spent.tries);
        let mut of_models: Vec<Attempt> = tries
            .chunk_by(|one, two| Arc::ptr_eq(&one.remote, &two.remote))
            .filter_map(|tries| Some(Attempt::of(tries.last()?, tries)))
            .collect();
        if let Some(asked_last) = of_models.pop() {
            let before: Duration = of_models.iter().map(|attempt| attempt.duration).sum();
            last = Attempt {
                outcome,
                error,
                tool_calls,
                duration: last.duration.saturating_sub(before),
                ..asked_last
            };
            self.attempts.append(&mut of_models);
        }
        self.attempts.push(last);
    }

    /// The sum of the attempts.
    pub(crate) fn used(&self) -> Used {
        Used {
            input_tokens: self.attempts.iter().map(|attempt| attempt.input_tokens).sum(),
            output_tokens: self.attempts.iter().map(|attempt| attempt.output_tokens).sum(),
            cost_usd: self.attempts.iter().map(|attempt| attempt.cost_usd).sum(),
        }
    }

    /// Books the attempts and what is to be told of them, within the caller's transaction.
    pub(crate) async fn book(
        &self,
        db: &mut PgConnection,
        state: &AppState,
        identity: &Identity,
        conversation: Option<Uuid>,
        intent: Option<&str>,
    ) -> Result<(), StoreError> {
        self.book_attempts(db, state, identity, conversation, intent)
            .await?;
        self.book_privacy(db, state, identity, conversation).await?;
        let last = self.attempts.last();
        let succeeded = last.is_some_and(|attempt| attempt.outcome == "answered");
        let action = match self.operation {
            "chat" => "chat.asked",
            "proxy" => "model.asked",
            _ => "texts.generated",
        };
        let outcome = if succeeded {
            Outcome::Success
        } else {
            Outcome::Failure
        };
        let target = conversation.map(|id| format!("conversation:{id}"));
        let details = serde_json::json!({
            "model": last.map(|attempt| attempt.model.as_str()),
            "outcome": last.map(|attempt| attempt.outcome),
            "intent": intent,
        });
        record::audit(db, state, identity, action, outcome, target, details).await
    }

    /// Books what each attempt used, and settles what was held for it.
    pub(crate) async fn book_attempts(
        &self,
        db: &mut PgConnection,
        state: &AppState,
        identity: &Identity,
        conversation: Option<Uuid>,
        intent: Option<&str>,
    ) -> Result<(), StoreError> {
        let company = self
            .reservation
            .as_ref()
            .and_then(|reservation| reservation.payer().company);
        let clock = &state.context.clock;
        let (service, millis) = (state.context.service, |d: Duration| {
            u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
        });
        for attempt in &self.attempts {
            let usage = Usage {
                id: ids::new_id(),
                user: identity.user_id,
                conversation,
                operation: self.operation,
                provider: &attempt.provider,
                model: &attempt.model,
                outcome: attempt.outcome,
                error: attempt.error,
                input_tokens: attempt.input_tokens,
                output_tokens: attempt.output_tokens,
                cost_usd: attempt.cost_usd,
                role: &identity.role,
                company,
                estimated: attempt.estimated,
                cached: attempt.cached,
                tool_calls: attempt.tool_calls,
                duration_ms: millis(attempt.duration),
                at: clock.now(),
            };
            usage_add(db, &usage).await?;
            let data = UsageEvent {
                conversation_id: conversation,
                operation: self.operation.to_owned(),
                provider: attempt.provider.clone(),
                model: attempt.model.clone(),
                outcome: attempt.outcome.to_owned(),
                intent: intent.map(str::to_owned),
                input_tokens: attempt.input_tokens,
                output_tokens: attempt.output_tokens,
                cost_usd: attempt.cost_usd,
                tool_calls: attempt.tool_calls,
                duration_ms: millis(attempt.duration),
                first_token_ms: attempt.first_token.map(millis),
                company_id: company,
                estimated: attempt.estimated,
                cached: attempt.cached,
            };
            let event = Event::new(service, ASSISTANT_ANSWERED, clock, &data).actor(Actor::from(identity));
            outbox::append(db, &SCHEMA, Stream::Usage, &event).await?;
        }
        // 1C's side tells the audit log of the reports that it is asked for; of these it has not heard.
        for report in self.recall.iter().flat_map(|recall| recall.take_seen()) {
            let (action, target) = ("reports.viewed", Some(format!("report:{report}")));
            let details = serde_json::json!({"cached": true});
            record::audit(db, state, identity, action, Outcome::Success, target, details).await?;
        }
        if let Some(reservation) = &self.reservation {
            // The last statements of the transaction but few: counters of many are locked till its end.
            for standing in reservation.settle(db).await? {
                tell_of_soft(db, state, identity, &standing).await?;
            }
        }
        Ok(())
    }

    /// Keeps the new tokens of the conversation and tells of what was suspicious, without its text.
    async fn book_privacy(
        &self,
        db: &mut PgConnection,
        state: &AppState,
        identity: &Identity,
        conversation: Option<Uuid>,
    ) -> Result<(), StoreError> {
        if let Some(mask) = &self.mask {
            for (kind, count) in mask.counts() {
                metrics::hidden(kind.as_str(), count);
            }
            if let Some(conversation) = conversation {
                privacy::tokens_add(db, conversation, &mask.fresh()).await?;
            }
        }
        for suspicion in &self.suspicions {
            metrics::suspected(suspicion.place.as_str());
            let target = conversation.map(|id| format!("conversation:{id}"));
            let details = serde_json::json!({
                "place": suspicion.place,
                "origin": suspicion.origin,
                "rules": suspicion.rules,
                "operation": self.operation,
            });
            let outcome = Outcome::Denied;
            record::audit(db, state, identity, INJECTION_SUSPECTED, outcome, target, details).await?;
        }
        Ok(())
    }
}

/// Tells, once in its period, that a soft limit is reached.
async fn tell_of_soft(
    db: &mut PgConnection,
    state: &AppState,
    identity: &Identity,
    standing: &Standing,
) -> Result<(), StoreError> {
    metrics::budget_soft_reached(standing.scope.as_str());
    let details = serde_json::json!({
        "period": standing.period,
        "tokens": standing.tokens,
        "usd": standing.usd,
        "soft_tokens": standing.cap_tokens,
        "soft_usd": standing.cap_usd,
    });
    let target = Some(format!("budget:{}:{}", standing.scope.as_str(), standing.subject));
    let action = "budget.soft_limit_reached";
    record::audit(db, state, identity, action, Outcome::Success, target, details).await
}
