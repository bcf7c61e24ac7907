//! One question from the moment it is accepted to the stored answer.

use chrono::{DateTime, Utc};
use common::auth::{Identity, Permission};
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::idempotency::{self, Claim, Key};
use common::telemetry::{self, RequestContext};
use common::{Locale, ids};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::draft::{Draft, NumberedCitation, Table};
use super::events::{ChatEvent, Sink};
use super::ledger::{Ledger, Used};
use super::model_loop::{self, LoopError, Task};
use super::place::{self, Place};
use super::running::AnswerName;
use super::{attached, history, prompt};
use crate::attachments::Attachment;
use crate::builtin::{self, Surroundings};
use crate::error::Error;
use crate::privacy::{self, Subject};
use crate::providers::{Chain, Item};
use crate::record;
use crate::state::{AppState, Engine};
use crate::store::conversations::{self, NewMessage, Past};
use crate::store::{self, SCHEMA};
use crate::tools::{CallLog, Drafted, Onec, ReportFile, Scope, Toolbox};

mod recall;

/// A question.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Question {
    pub(crate) message: String,
    pub(crate) conversation_id: Option<Uuid>,
    pub(crate) company_id: Option<Uuid>,
    pub(crate) infobase_id: Option<Uuid>,
    pub(crate) model: Option<String>,
    /// It is to be answered anew, whatever is in the cache.
    #[serde(skip)]
    pub(crate) fresh: bool,
    pub(crate) place: Place,
    /// Files of the user that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) attachments: Vec<Uuid>,
}

/// The answer as clients get it and as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The conversation, to go on with.
    pub conversation_id: Uuid,
    /// This answer in it.
    pub message_id: Uuid,
    /// The question in it.
    #[serde(default)]
    pub question_id: Uuid,
    /// The text, in Markdown.
    pub answer: String,
    /// `rules` or `llm`.
    pub engine: String,
    /// Name of the provider.
    pub provider: String,
    /// Name of the model.
    pub model: String,
    /// What the question is about, as the built-in engine sees it.
    pub intent: Option<String>,
    /// True when a language model made it.
    #[serde(default)]
    pub llm: bool,
    /// `high`, `medium` or `low`: how sure the built-in engine is of what it has understood; null of a
    /// language model, which cannot tell.
    #[serde(default)]
    pub confidence: Option<String>,
    /// How the built-in engine has understood the question, in words.
    #[serde(default)]
    pub understood: Option<String>,
    /// Where the figures come from.
    pub citations: Vec<NumberedCitation>,
    /// The moment the oldest of the figures is of; null when there are none.
    pub as_of: Option<DateTime<Utc>>,
    /// The reports behind the answer.
    pub tables: Vec<Table>,
    /// What to ask next.
    pub suggestions: Vec<String>,
    /// What the reader should know of this answer.
    pub notices: Vec<String>,
    /// Figures of the text that no source accounts for.
    pub unverified_numbers: Vec<String>,
    /// It was given before, to the same rights on the same data, and used nothing now.
    #[serde(default)]
    pub cached: bool,
    /// Changes in 1C that the user may confirm; nothing was written.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub drafts: Vec<Drafted>,
    /// Files of reports that are being made.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub files: Vec<ReportFile>,
    /// What it used.
    pub usage: Used,
}

/// What becomes of an accepted request.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It was answered before.
    Replay(Value),
    /// It is to be answered.
    Job(Box<Job>),
}

/// A question that has been accepted and stored.
#[derive(Debug)]
pub(crate) struct Job {
    state: AppState,
    identity: Identity,
    context: RequestContext,
    question: Question,
    engine: Engine,
    pub(crate) conversation_id: Uuid,
    pub(crate) message_id: Uuid,
    pub(crate) question_id: Uuid,
    memory: builtin::State,
    history: Vec<Past>,
    files: Vec<Attachment>,
    /// What the tools were asked for.
    calls: CallLog,
    key: Option<Key>,
    /// The conversation is stored here.
    kept: bool,
}

/// The request's context with the language of the question.
pub(crate) fn context_for(text: &str) -> RequestContext {
    let context = RequestContext::current().unwrap_or_else(RequestContext::background);
    RequestContext {
        locale: builtin::language_of(text),
        ..context
    }
}

/// Accepts a question: checks the key, finds or begins the conversation, stores the question.
pub(crate) async fn open(
    state: AppState,
    identity: Identity,
    mut question: Question,
    key: Option<Key>,
) -> Result<Opened, Error> {
    let engine = state
        .models
        .engine(question.model.as_deref())
        .ok_or_else(|| Error::UnknownModel(question.model.clone().unwrap_or_default()))?;
    let now = state.context.clock.now();
    let mut tx = state.db.begin().await.store("begin")?;
    if let Some(key) = &key
        && let Claim::Answered(answer) = idempotency::claim(&mut tx, &SCHEMA, key, now).await?
    {
        return Ok(Opened::Replay(answer));
    }
    let placed = place::put(
        &mut tx,
        identity.user_id,
        question.conversation_id,
        question.place,
        &question.message,
        now,
    )
    .await?;
    if let Some(text) = placed.text {
        question.message = text;
    }
    let (conversation_id, memory) = (placed.conversation_id, placed.memory);
    store::privacy::subject_add(&mut tx, conversation_id, question.company_id).await?;
    let files = attached::join(&mut tx, identity.user_id, conversation_id, &question.attachments).await?;
    tx.commit().await.store("commit")?;
    let context = context_for(&question.message);
    // Free answers before a paid model, unless one is asked for by name.
    let today = now.with_timezone(&state.zone).date_naive();
    let by_rules = state.rules_first
        && question.model.is_none()
        && files.is_empty()
        && builtin::understand(&question.message, &memory, today)
            .is_some_and(|understood| understood.is_certain());
    let engine = if by_rules { Engine::Rules } else { engine };
    Ok(Opened::Job(Box::new(Job {
        state,
        identity,
        context,
        question,
        engine,
        conversation_id,
        message_id: ids::new_id(),
        question_id: placed.question_id,
        memory,
        history: placed.history,
        files,
        calls: CallLog::default(),
        key,
        kept: true,
    })))
}

/// Accepts a question of a client that keeps the conversation itself: nothing is stored of it but
/// what it used.
pub(crate) fn passing(
    state: AppState,
    identity: Identity,
    question: Question,
    history: Vec<Past>,
) -> Result<Job, Error> {
    let engine = state
        .models
        .engine(question.model.as_deref())
        .ok_or_else(|| Error::UnknownModel(question.model.clone().unwrap_or_default()))?;
    Ok(Job {
        context: context_for(&question.message),
        state,
        identity,
        question,
        engine,
        conversation_id: ids::new_id(),
        message_id: ids::new_id(),
        question_id: Uuid::nil(),
        memory: builtin::State::default(),
        history,
        files: Vec::new(),
        calls: CallLog::default(),
        key: None,
        kept: false,
    })
}

impl Job {
    /// The language of the question.
    pub(crate) fn locale(&self) -> Locale {
        self.context.locale
    }

    /// The time zone of moments in the answer.
    pub(crate) fn zone(&self) -> chrono_tz::Tz {
        self.state.zone
    }

    /// Where usage is booked.
    fn conversation(&self) -> Option<Uuid> {
        self.kept.then_some(self.conversation_id)
    }

    /// The answer among those in the making.
    pub(crate) fn name(&self) -> AnswerName {
        AnswerName {
            user: self.identity.user_id,
            message: self.message_id,
        }
    }

    /// The first event of its stream.
    pub(crate) fn start(&self, resumable: bool) -> ChatEvent {
        ChatEvent::MessageStart {
            conversation_id: self.conversation_id,
            message_id: self.message_id,
            question_id: self.question_id,
            model: self.model().to_owned(),
            resumable,
        }
    }

    /// Name of the model that is asked first.
    fn model(&self) -> &str {
        self.engine.model()
    }

    /// Answers, and books whatever happened, to the end: `cancel` ends the answering only.
    pub(crate) async fn run(self, sink: Sink, cancel: CancellationToken) -> Result<Answer, Error> {
        let context = self.context.clone();
        let locale = context.locale;
        let running = Box::pin(self.run_within(sink, cancel, locale));
        context.scope(running).await
    }

    async fn run_within(
        self,
        sink: Sink,
        cancel: CancellationToken,
        locale: Locale,
    ) -> Result<Answer, Error> {
        let mut ledger = Ledger::new("chat");
        ledger.charge(&self.state, &self.identity, self.question.company_id);
        let answered = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Error::Cancelled),
            answered = self.recall_or_answer(&sink, &mut ledger, locale) => answered,
        };
        let answered = answered.map(|(mut draft, engine)| {
            draft.notices.extend(ledger.notices(locale));
            let memory = matches!(engine, Engine::Rules).then(|| draft.state.clone());
            (self.assemble(draft, &engine, ledger.used()), memory)
        });
        match answered {
            Ok((answer, memory)) => {
                self.keep(&answer, memory.as_ref(), &ledger).await?;
                for citation in &answer.citations {
                    sink.send(ChatEvent::Citation(citation.clone()));
                }
                sink.send(ChatEvent::Usage(answer.usage.clone()));
                sink.send(ChatEvent::Done(Box::new(answer.clone())));
                Ok(answer)
            }
            Err(error) => {
                let cancelled = matches!(error, Error::Cancelled);
                let text = std::mem::take(&mut ledger.spent.text);
                ledger.end(
                    if cancelled { "cancelled" } else { "failed" },
                    Some(error.code()),
                    0,
                );
                if let Err(store) = self.keep_failure(cancelled.then_some(text), &ledger).await {
                    tracing::error!(error = %telemetry::Chain(&store), "a failed answer could not be booked");
                }
                sink.send(ChatEvent::Usage(ledger.used()));
                Err(error)
            }
        }
    }

    async fn answer(
        &self,
        sink: &Sink,
        ledger: &mut Ledger,
        locale: Locale,
    ) -> Result<(Draft, Engine), Error> {
        let now = self.state.context.clock.now();
        let around = Surroundings {
            today: now.with_timezone(&self.state.zone).date_naive(),
            zone: self.state.zone,
            may_read: self.identity.may(Permission::OnecRead),
        };
        let (company, infobase) = (self.question.company_id, self.question.infobase_id);
        let scope = Scope::new(&self.identity, company, infobase, locale);
        let mut notices = Vec::new();
        let mut chain = self.chain();
        if let Some(all) = chain.take() {
            let subject = Subject {
                company: self.question.company_id,
                infobase: self.question.infobase_id,
                conversation: self.conversation(),
            };
            let shielded = privacy::shielded(all, &self.state, &self.identity, subject).await?;
            if shielded.barred {
                notices.push(privacy::barred_notice(self.state.privacy.local_only, locale));
            }
            ledger.mask = shielded.mask;
            chain = shielded.chain.map(|chain| ledger.pays(chain));
        }
        if let Some(chain) = chain {
            // The one that was asked for, or who takes its place where it may not be asked.
            let remote = &chain.remote().clone();
            ledger.begin(&Engine::Model(remote.clone()));
            let onec = ledger.onec(&self.state, &self.identity);
            let mut toolbox = self.toolbox(onec, scope.clone());
            let items = self.items(around, &chain, ledger, &mut toolbox).await?;
            let task = Task {
                chain,
                system: prompt::CHAT,
                items,
                question: &self.question.message,
                around,
                max_output_tokens: self.state.models.max_output_tokens,
                mask: ledger.mask.clone(),
            };
            match model_loop::run(task, &mut toolbox, sink, &mut ledger.spent).await {
                Ok((mut draft, answered)) => {
                    ledger.end("answered", None, toolbox.calls());
                    draft.notices.splice(0..0, notices);
                    if !std::sync::Arc::ptr_eq(&answered, remote) {
                        draft
                            .notices
                            .insert(0, stand_in_notice(&remote.model, &answered.model, locale));
                    }
                    return Ok((draft, Engine::Model(answered)));
                }
                Err(LoopError::Onec(error)) => {
                    ledger.end("failed", Some("onec_unavailable"), toolbox.calls());
                    return Err(Error::Onec(error));
                }
                Err(LoopError::Provider(error)) if error.failure.is_budget() => {
                    return Err(Error::of_provider(error));
                }
                Err(LoopError::Provider(error)) => {
                    tracing::warn!(error = %telemetry::Chain(&error), labels.provider = &*remote.provider, labels.model = &*remote.model, "the language model failed");
                    // What the client has read is called void.
                    if !ledger.spent.text.is_empty() {
                        sink.send(ChatEvent::Restart {});
                    }
                    ledger.end("failed", Some(error.failure.as_str()), toolbox.calls());
                    notices.push(fallback_notice(&remote.model, locale));
                }
            }
        }
        ledger.begin(&Engine::Rules);
        let onec = ledger.onec(&self.state, &self.identity);
        let mut toolbox = self.toolbox(onec, scope);
        let mut draft = builtin::answer(&self.question.message, &self.memory, &mut toolbox, around)
            .await
            .map_err(Error::Onec)?;
        ledger.end("answered", None, toolbox.calls());
        notices.push(rules_notice(locale));
        if !self.files.is_empty() {
            notices.push(attached::unread_notice(locale));
        }
        draft.notices.splice(0..0, notices);
        for (number, report) in (1..).zip(toolbox.reports()) {
            let (id, title) = (format!("rules-{number}"), report.title.clone());
            let name = crate::tools::Tool::Report(report.report).name().to_owned();
            sink.send(ChatEvent::ToolCall {
                id: id.clone(),
                name: name.clone(),
                title: title.clone(),
            });
            sink.send(ChatEvent::ToolResult {
                id,
                name,
                title,
                is_error: false,
                draft: None,
            });
        }
        for line in draft.text.split_inclusive('\n') {
            sink.send(ChatEvent::Token {
                text: line.to_owned(),
            });
        }
        Ok((draft, Engine::Rules))
    }

    /// The tools of one engine.
    fn toolbox(&self, onec: Onec, scope: Scope) -> Toolbox {
        Toolbox::new(onec, scope, self.state.limits).logged(&self.calls)
    }

    /// The models that may answer; none when the built-in engine is wanted.
    fn chain(&self) -> Option<Chain> {
        match self.engine {
            Engine::Rules => None,
            Engine::Model(_) => self.state.models.chain(self.question.model.as_deref()),
        }
    }

    /// The conversation so far, as far as a model is shown it, and the question.
    async fn items(
        &self,
        around: Surroundings,
        chain: &Chain,
        ledger: &mut Ledger,
        toolbox: &mut Toolbox,
    ) -> Result<Vec<Item>, Error> {
        let budget = self.state.history_tokens;
        let cut = history::cut(&self.history, budget);
        let mut fresh = None;
        if self.kept
            && let Some(last) = cut.needs_summary()
        {
            let tries = &mut ledger.spent.tries;
            fresh = cut.summarize(chain.clone(), ledger.mask.as_ref(), tries).await;
            if let Some(summary) = &fresh {
                let mut db = self.state.db.acquire().await.store("acquire")?;
                conversations::summary_set(&mut db, last.id, summary).await?;
            }
        }
        let mut items = cut.items(fresh.as_deref(), budget);
        let question = prompt::question(&self.question.message, around.today, around.zone, around.may_read);
        let screen = &mut ledger.spent.screen;
        items.push(Item::User(attached::told(question, &self.files, screen, toolbox)));
        Ok(items)
    }

    fn assemble(&self, draft: Draft, engine: &Engine, usage: Used) -> Answer {
        Answer {
            conversation_id: self.conversation_id,
            message_id: self.message_id,
            question_id: self.question_id,
            answer: draft.text,
            engine: match engine {
                Engine::Rules => "rules".to_owned(),
                Engine::Model(_) => "llm".to_owned(),
            },
            provider: engine.provider().to_owned(),
            model: engine.model().to_owned(),
            intent: draft.intent,
            llm: matches!(engine, Engine::Model(_)),
            confidence: draft.confidence.map(str::to_owned),
            understood: draft.understood,
            citations: draft.citations,
            as_of: draft.as_of,
            tables: draft.tables,
            suggestions: draft.suggestions,
            notices: draft.notices,
            unverified_numbers: draft.unverified_numbers,
            cached: draft.cached,
            drafts: draft.drafts,
            files: draft.files,
            usage,
        }
    }

    /// Stores an answer with everything that belongs to it.
    async fn keep(
        &self,
        answer: &Answer,
        memory: Option<&builtin::State>,
        ledger: &Ledger,
    ) -> Result<(), Error> {
        let value = serde_json::to_value(answer).unwrap_or_default();
        let memory = memory.and_then(|memory| serde_json::to_value(memory).ok());
        let message = NewMessage {
            answer: Some(&value),
            memory: memory.as_ref(),
            ..self.message(&answer.answer, "answered")
        };
        let mut tx = self.state.db.begin().await.store("begin")?;
        self.add(&mut tx, &message).await?;
        self.keep_calls(&mut tx).await?;
        ledger
            .book(
                &mut tx,
                &self.state,
                &self.identity,
                self.conversation(),
                answer.intent.as_deref(),
            )
            .await?;
        if let Some(key) = &self.key {
            idempotency::complete(&mut tx, &SCHEMA, key, &value).await?;
        }
        tx.commit().await.store("commit")?;
        Ok(())
    }

    /// Books a failure; of a cancelled answer, what had come of it is kept.
    async fn keep_failure(&self, cancelled: Option<String>, ledger: &Ledger) -> Result<(), Error> {
        let mut tx = self.state.db.begin().await.store("begin")?;
        if let Some(text) = cancelled {
            self.add(&mut tx, &self.message(&text, "cancelled")).await?;
        }
        self.keep_calls(&mut tx).await?;
        ledger
            .book(&mut tx, &self.state, &self.identity, self.conversation(), None)
            .await?;
        if let Some(key) = &self.key {
            idempotency::release(&mut tx, &SCHEMA, key).await?;
        }
        tx.commit().await.store("commit")?;
        Ok(())
    }

    /// Keeps what the tools were asked for, and tells of what was asked without the right to it.
    async fn keep_calls(&self, db: &mut sqlx::PgConnection) -> Result<(), Error> {
        let conversation = self.conversation();
        if let Some(conversation) = conversation {
            for call in self.calls.rows(self.state.context.clock.now()) {
                store::tool_calls::add(db, conversation, self.message_id, &call).await?;
            }
        }
        for tool in self.calls.denied() {
            let target = conversation.map(|id| format!("conversation:{id}"));
            let details = serde_json::json!({ "tool": tool });
            let (state, identity) = (&self.state, &self.identity);
            record::audit(
                db,
                state,
                identity,
                "tools.denied",
                Outcome::Denied,
                target,
                details,
            )
            .await?;
        }
        Ok(())
    }

    fn message<'a>(&self, content: &'a str, status: &'a str) -> NewMessage<'a> {
        NewMessage {
            id: self.message_id,
            parent_id: self.question_id,
            role: "assistant",
            content,
            status: Some(status),
            answer: None,
            memory: None,
            created_at: self.state.context.clock.now(),
        }
    }

    /// A conversation that its user has deleted meanwhile gets no message.
    async fn add(&self, db: &mut sqlx::PgConnection, message: &NewMessage<'_>) -> Result<(), Error> {
        if !self.kept {
            return Ok(());
        }
        let (user, id) = (self.identity.user_id, self.conversation_id);
        let memory = message.memory;
        if conversations::conversation_update(db, user, id, memory, message.created_at).await? {
            conversations::message_add(db, id, message).await?;
        }
        Ok(())
    }
}

/// Says plainly that no language model was at work.
pub(crate) fn rules_notice(locale: Locale) -> String {
    match locale {
        Locale::Ru => "Ответ сформирован встроенными правилами, без языковой модели.".to_owned(),
        Locale::En => "This answer was made by built-in rules, without a language model.".to_owned(),
    }
}

/// Says that another model answered than the one asked.
pub(crate) fn stand_in_notice(wanted: &str, answered: &str, locale: Locale) -> String {
    match locale {
        Locale::Ru => format!("Языковая модель «{wanted}» не ответила, вместо неё ответила «{answered}»."),
        Locale::En => format!("The language model “{wanted}” did not answer; “{answered}” answered instead."),
    }
}

/// Says that another engine answered than the one asked.
pub(crate) fn fallback_notice(model: &str, locale: Locale) -> String {
    match locale {
        Locale::Ru => {
            format!("Языковая модель «{model}» не ответила, вместо неё отвечает встроенный помощник.")
        }
        Locale::En => {
            format!("The language model “{model}” did not answer; the built-in engine answers instead.")
        }
    }
}
