//! One text from the request to the books.

use chrono::{DateTime, NaiveDate, Utc};
use common::auth::{Identity, Permission};
use common::contract::onec::{Match, ReportId, ReportQuery, SubjectKind};
use common::db::StoreResult;
use common::idempotency::{self, Claim, Key};
use common::telemetry::{Chain, RequestContext};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::letters::{self, Fields};
use crate::builtin::{self, Fit, Surroundings};
use crate::chat::draft::{Draft, NumberedCitation};
use crate::chat::events::Sink;
use crate::chat::ledger::{Ledger, Used};
use crate::chat::model_loop::{self, LoopError, Task};
use crate::chat::{prompt, run};
use crate::error::Error;
use crate::privacy::{self, Subject};
use crate::providers::Item;
use crate::state::{AppState, Engine};
use crate::store::SCHEMA;
use crate::tools::{Scope, Toolbox};

/// What is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A free text.
    Text,
    /// A free business letter.
    Letter,
    /// A reminder of a debt.
    Reminder,
    /// A letter that goes with a reconciliation statement.
    ReconciliationCover,
    /// The head of a commercial offer.
    Offer,
}

impl Kind {
    /// True when a template exists.
    pub(crate) fn is_template(self) -> bool {
        match self {
            Self::Text | Self::Letter => false,
            Self::Reminder | Self::ReconciliationCover | Self::Offer => true,
        }
    }
}

/// A request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Order {
    pub(crate) kind: Kind,
    pub(crate) prompt: Option<String>,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) company_id: Option<Uuid>,
    pub(crate) infobase_id: Option<Uuid>,
    pub(crate) model: Option<String>,
}

/// A text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Generated {
    pub(crate) kind: Kind,
    /// The text, in Markdown.
    pub(crate) text: String,
    /// `rules` or `llm`.
    pub(crate) engine: String,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) citations: Vec<NumberedCitation>,
    pub(crate) as_of: Option<DateTime<Utc>>,
    pub(crate) notices: Vec<String>,
    pub(crate) unverified_numbers: Vec<String>,
    pub(crate) usage: Used,
}

/// What becomes of an accepted request.
#[derive(Debug)]
pub(crate) enum Opened {
    Replay(Value),
    Job(Box<Job>),
}

/// An accepted request.
#[derive(Debug)]
pub(crate) struct Job {
    state: AppState,
    identity: Identity,
    context: RequestContext,
    order: Order,
    engine: Engine,
    key: Option<Key>,
}

/// Accepts a request.
pub(crate) async fn open(
    state: AppState,
    identity: Identity,
    order: Order,
    key: Option<Key>,
) -> Result<Opened, Error> {
    let named = state
        .models
        .engine(order.model.as_deref())
        .ok_or_else(|| Error::UnknownModel(order.model.clone().unwrap_or_default()))?;
    // A template without further wishes needs no model.
    let engine = if order.kind.is_template() && order.prompt.is_none() {
        Engine::Rules
    } else {
        named
    };
    if matches!(engine, Engine::Rules) && !order.kind.is_template() {
        return Err(Error::ModelRequired);
    }
    if let Some(key) = &key {
        let mut db = state.db.acquire().await.store("acquire")?;
        if let Claim::Answered(answer) =
            idempotency::claim(&mut db, &SCHEMA, key, state.context.clock.now()).await?
        {
            return Ok(Opened::Replay(answer));
        }
    }
    let context = run::context_for(order.prompt.as_deref().unwrap_or_default());
    Ok(Opened::Job(Box::new(Job {
        state,
        identity,
        context,
        order,
        engine,
        key,
    })))
}

impl Job {
    /// Writes the text and books whatever happened.
    pub(crate) async fn run(self, cancel: CancellationToken) -> Result<Generated, Error> {
        let context = self.context.clone();
        let running = Box::pin(self.run_within(cancel));
        context.scope(running).await
    }

    async fn run_within(self, cancel: CancellationToken) -> Result<Generated, Error> {
        let mut ledger = Ledger::new("generate");
        let written = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Error::Cancelled),
            written = self.write(&mut ledger) => written,
        };
        match written {
            Ok((draft, engine)) => {
                let generated = self.assemble(draft, &engine, ledger.used());
                self.keep(Some(&generated), &ledger).await?;
                Ok(generated)
            }
            Err(error) => {
                let outcome = if matches!(error, Error::Cancelled) {
                    "cancelled"
                } else {
                    "failed"
                };
                ledger.end(outcome, Some(error.code()), 0);
                if let Err(store) = self.keep(None, &ledger).await {
                    tracing::error!(error = %Chain(&store), "a failed text could not be booked");
                }
                Err(error)
            }
        }
    }

    async fn write(&self, ledger: &mut Ledger) -> Result<(Draft, Engine), Error> {
        let locale = self.context.locale;
        let around = Surroundings {
            today: self
                .state
                .context
                .clock
                .now()
                .with_timezone(&self.state.zone)
                .date_naive(),
            zone: self.state.zone,
            may_read: self.identity.may(Permission::OnecRead),
        };
        let scope = Scope {
            token: self.identity.token.clone(),
            company: self.order.company_id,
            infobase: self.order.infobase_id,
            locale,
        };
        let mut toolbox = Toolbox::new(self.state.onec.clone(), scope, self.state.limits);
        let mut notices = Vec::new();
        let mut chain = match &self.engine {
            Engine::Model(_) => self.state.models.chain(self.order.model.as_deref()),
            Engine::Rules => None,
        };
        if let Some(all) = chain.take() {
            let subject = Subject {
                company: self.order.company_id,
                infobase: self.order.infobase_id,
                conversation: None,
            };
            let shielded = privacy::shielded(all, &self.state, &self.identity, subject).await?;
            if shielded.chain.is_none() && !self.order.kind.is_template() {
                return Err(Error::ExternalForbidden);
            }
            if shielded.barred {
                notices.push(privacy::barred_notice(self.state.privacy.local_only, locale));
            }
            ledger.mask = shielded.mask;
            chain = shielded.chain;
        }
        let asked = chain.as_ref().map(|chain| chain.remote().clone());
        ledger.begin(&asked.clone().map_or(Engine::Rules, Engine::Model));
        if let (Some(remote), Some(chain)) = (&asked, chain) {
            let question = self.question();
            let task = Task {
                chain,
                system: prompt::GENERATE,
                items: vec![Item::User(prompt::question(
                    &question,
                    around.today,
                    around.zone,
                    around.may_read,
                ))],
                question: &question,
                around,
                max_output_tokens: self.state.models.max_output_tokens,
                mask: ledger.mask.clone(),
            };
            match model_loop::run(task, &mut toolbox, &Sink::none(), &mut ledger.spent).await {
                Ok((mut draft, answered)) => {
                    ledger.end("answered", None, toolbox.calls());
                    draft.notices.splice(0..0, notices);
                    if !std::sync::Arc::ptr_eq(&answered, remote) {
                        let notice = run::stand_in_notice(&remote.model, &answered.model, locale);
                        draft.notices.insert(0, notice);
                    }
                    return Ok((draft, Engine::Model(answered)));
                }
                Err(LoopError::Onec(error)) => return Err(Error::Onec(error)),
                Err(LoopError::Provider(error)) if !self.order.kind.is_template() => {
                    return Err(Error::Provider(error));
                }
                Err(LoopError::Provider(error)) => {
                    tracing::warn!(error = %Chain(&error), labels.provider = &*remote.provider, "the language model failed");
                    ledger.end("failed", Some(error.failure.as_str()), toolbox.calls());
                    notices.push(run::fallback_notice(&remote.model, locale));
                    ledger.begin(&Engine::Rules);
                }
            }
        }
        let mut draft = self.template(&mut toolbox, around).await?;
        ledger.end("answered", None, toolbox.calls());
        let reports: Vec<_> = toolbox.reports().iter().collect();
        draft.add_reports(&reports, locale, around.zone);
        notices.push(run::rules_notice(locale));
        draft.notices.splice(0..0, notices);
        Ok((draft, Engine::Rules))
    }

    /// The task of a model: what to write, with what the caller filled in.
    fn question(&self) -> String {
        let what = match self.order.kind {
            Kind::Text => "Составь текст.",
            Kind::Letter => "Составь деловое письмо.",
            Kind::Reminder => "Составь письмо-напоминание о задолженности.",
            Kind::ReconciliationCover => "Составь сопроводительное письмо к акту сверки.",
            Kind::Offer => "Составь коммерческое предложение.",
        };
        let prompt = self.order.prompt.as_deref().unwrap_or_default();
        if self.order.parameters.is_empty() {
            return format!("{what}\n{prompt}");
        }
        let parameters = Value::Object(self.order.parameters.clone());
        format!("{what}\n{prompt}\n\nДанные: {parameters}")
    }

    async fn template(&self, toolbox: &mut Toolbox, around: Surroundings) -> Result<Draft, Error> {
        let fields = Fields(&self.order.parameters);
        let day = |name: &str| fields.get(name).and_then(|text| text.parse::<NaiveDate>().ok());
        match self.order.kind {
            Kind::Offer => Ok(Draft::words(letters::offer(
                fields.get("counterparty"),
                around.today,
                &fields,
            ))),
            Kind::Reminder => {
                let debtor = self.counterparty(toolbox, around, &fields).await?;
                let query = ReportQuery {
                    counterparty: Some(debtor.id),
                    date: Some(day("date").unwrap_or(around.today)),
                    ..ReportQuery::default()
                };
                let report = toolbox
                    .report(ReportId::Receivables, query)
                    .await
                    .map_err(Error::Onec)?;
                let text = letters::reminder(&debtor, &report, around.today, &fields).unwrap_or_else(|| {
                    let name = builtin::format::escaped(&debtor.name);
                    format!("По данным учёта **{name}** нам ничего не должен, напоминать не о чем.")
                });
                Ok(Draft::words(text))
            }
            Kind::ReconciliationCover => {
                let partner = self.counterparty(toolbox, around, &fields).await?;
                let year = around.today.format("%Y-01-01").to_string().parse().ok();
                let query = ReportQuery {
                    counterparty: Some(partner.id),
                    from: day("from").or(year),
                    to: Some(day("to").unwrap_or(around.today)),
                    ..ReportQuery::default()
                };
                let report = toolbox
                    .report(ReportId::Statement, query)
                    .await
                    .map_err(Error::Onec)?;
                Ok(Draft::words(letters::reconciliation_cover(
                    &partner,
                    &report,
                    around.today,
                    &fields,
                )))
            }
            Kind::Text | Kind::Letter => Err(Error::ModelRequired),
        }
    }

    /// The one counterparty that is meant.
    async fn counterparty(
        &self,
        toolbox: &mut Toolbox,
        around: Surroundings,
        fields: &Fields<'_>,
    ) -> Result<Match, Error> {
        if !around.may_read {
            return Err(Error::DataForbidden);
        }
        let name = fields.get("counterparty").unwrap_or_default();
        let found = toolbox
            .find(SubjectKind::Counterparty, name)
            .await
            .map_err(Error::Onec)?;
        let best = found.iter().map(|candidate| builtin::fit(name, candidate)).max();
        let fitting: Vec<&Match> = found
            .iter()
            .filter(|candidate| Some(builtin::fit(name, candidate)) == best && best >= Some(Fit::Words))
            .collect();
        match fitting.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(Error::SubjectNotFound(name.to_owned())),
            several => Err(Error::SubjectAmbiguous(
                several.iter().take(10).map(|one| one.name.clone()).collect(),
            )),
        }
    }

    fn assemble(&self, draft: Draft, engine: &Engine, usage: Used) -> Generated {
        Generated {
            kind: self.order.kind,
            text: draft.text,
            engine: match engine {
                Engine::Rules => "rules".to_owned(),
                Engine::Model(_) => "llm".to_owned(),
            },
            provider: engine.provider().to_owned(),
            model: engine.model().to_owned(),
            citations: draft.citations,
            as_of: draft.as_of,
            notices: draft.notices,
            unverified_numbers: draft.unverified_numbers,
            usage,
        }
    }

    async fn keep(&self, generated: Option<&Generated>, ledger: &Ledger) -> Result<(), Error> {
        let mut tx = self.state.db.begin().await.store("begin")?;
        ledger
            .book(&mut tx, &self.state, &self.identity, None, None)
            .await?;
        if let Some(key) = &self.key {
            match generated {
                Some(generated) => {
                    let value = serde_json::to_value(generated).unwrap_or_default();
                    idempotency::complete(&mut tx, &SCHEMA, key, &value).await?;
                }
                None => idempotency::release(&mut tx, &SCHEMA, key).await?,
            }
        }
        tx.commit().await.store("commit")?;
        Ok(())
    }
}
