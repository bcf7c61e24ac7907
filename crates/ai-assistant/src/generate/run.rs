//! One text from the request to the books.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use chrono::{DateTime, Utc};
use common::Locale;
use common::auth::{Identity, Permission};
use common::db::StoreResult;
use common::idempotency::{self, Claim, Key};
use common::telemetry::{Chain, RequestContext};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::fill::{self, Missing};
use super::order::{self, Length, Order, Tone, What};
use super::output::Format;
use super::render;
use super::template::Definition;
use crate::builtin::Surroundings;
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

/// A text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Generated {
    /// The template, or `text` or `letter`.
    pub(crate) template: String,
    /// Its version; 0 for those that come with the product, null for free texts.
    pub(crate) version: Option<i32>,
    pub(crate) title: String,
    pub(crate) language: String,
    pub(crate) format: Format,
    /// The text, in the format that was asked for; of a DOCX, in Markdown.
    pub(crate) text: String,
    /// The file, when the format is no text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) file: Option<File>,
    /// What is left to be filled in by hand.
    pub(crate) missing: Vec<Missing>,
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

/// A file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) media_type: String,
    /// Bytes.
    pub(crate) size: usize,
    /// The bytes in Base64 (RFC 4648, section 4).
    pub(crate) content: String,
}

/// What becomes of an accepted request.
#[derive(Debug)]
pub(crate) enum Opened {
    Replay(Value),
    Job(Box<Job>),
}

/// A text, and who wrote it.
struct Written {
    draft: Draft,
    missing: Vec<Missing>,
    engine: Engine,
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
    let is_template = matches!(order.what, What::Template { .. });
    // A template without further wishes needs no model.
    let engine = if is_template && order.prompt.is_none() {
        Engine::Rules
    } else {
        named
    };
    if matches!(engine, Engine::Rules) && !is_template {
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
    let context = RequestContext {
        locale: order.style.language,
        ..RequestContext::current().unwrap_or_else(RequestContext::background)
    };
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
        ledger.charge(&self.state, &self.identity, self.order.company_id);
        let written = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Error::Cancelled),
            written = self.write(&mut ledger) => written,
        };
        match written {
            Ok(mut written) => {
                written
                    .draft
                    .notices
                    .extend(ledger.notices(self.order.style.language));
                let generated = self.assemble(written, ledger.used())?;
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

    async fn write(&self, ledger: &mut Ledger) -> Result<Written, Error> {
        let locale = self.order.style.language;
        let today = self
            .state
            .context
            .clock
            .now()
            .with_timezone(&self.state.zone)
            .date_naive();
        let around = Surroundings {
            today,
            zone: self.state.zone,
            may_read: self.identity.may(Permission::OnecRead),
        };
        let (company, infobase) = (self.order.company_id, self.order.infobase_id);
        let scope = Scope::new(&self.identity, company, infobase, locale);
        // A letter prepares no changes.
        let onec = ledger.onec(&self.state, &self.identity);
        let mut toolbox = Toolbox::new(onec, scope, self.state.limits).reading_only();
        ledger.begin(&self.engine);
        let filled = match &self.order.what {
            What::Free { .. } => None,
            What::Template { definition, .. } => {
                Some(self.by_template(definition, &mut toolbox, around).await?)
            }
        };
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
            if shielded.chain.is_none() && filled.is_none() {
                return Err(Error::ExternalForbidden);
            }
            if shielded.barred {
                notices.push(privacy::barred_notice(self.state.privacy.local_only, locale));
            }
            ledger.mask = shielded.mask;
            chain = shielded.chain.map(|chain| ledger.pays(chain));
        }
        let asked = chain.as_ref().map(|chain| chain.remote().clone());
        ledger.begin(&asked.clone().map_or(Engine::Rules, Engine::Model));
        if let (Some(remote), Some(chain)) = (&asked, chain) {
            let question = self.task(filled.as_ref());
            let task = Task {
                chain,
                system: prompt::GENERATE,
                items: vec![Item::User(prompt::question(
                    &question,
                    today,
                    around.zone,
                    around.may_read,
                ))],
                question: &question,
                around,
                max_output_tokens: self.state.models.max_output_tokens,
                mask: ledger.mask.clone(),
            };
            match (
                model_loop::run(task, &mut toolbox, &Sink::none(), &mut ledger.spent).await,
                &filled,
            ) {
                (Ok((mut draft, answered)), filled) => {
                    ledger.end("answered", None, toolbox.calls());
                    draft.notices.splice(0..0, notices);
                    if !std::sync::Arc::ptr_eq(&answered, remote) {
                        let notice = run::stand_in_notice(&remote.model, &answered.model, locale);
                        draft.notices.insert(0, notice);
                    }
                    return Ok(Written {
                        draft,
                        missing: filled
                            .as_ref()
                            .map(|(_, missing)| missing.clone())
                            .unwrap_or_default(),
                        engine: Engine::Model(answered),
                    });
                }
                (Err(LoopError::Onec(error)), _) => return Err(Error::Onec(error)),
                (Err(LoopError::Provider(error)), filled)
                    if filled.is_none() || error.failure.is_budget() =>
                {
                    return Err(Error::of_provider(error));
                }
                (Err(LoopError::Provider(error)), _) => {
                    tracing::warn!(error = %Chain(&error), labels.provider = &*remote.provider, "the language model failed");
                    ledger.end("failed", Some(error.failure.as_str()), toolbox.calls());
                    notices.push(run::fallback_notice(&remote.model, locale));
                    ledger.begin(&Engine::Rules);
                }
            }
        }
        let (text, missing) = filled.ok_or(Error::ModelRequired)?;
        ledger.end("answered", None, toolbox.calls());
        let mut draft = Draft::words(text);
        let reports: Vec<_> = toolbox.reports().iter().collect();
        draft.add_reports(&reports, locale, around.zone);
        notices.push(run::rules_notice(locale));
        draft.notices.splice(0..0, notices);
        Ok(Written {
            draft,
            missing,
            engine: Engine::Rules,
        })
    }

    /// The document as the template alone makes it.
    async fn by_template(
        &self,
        definition: &Definition,
        toolbox: &mut Toolbox,
        around: Surroundings,
    ) -> Result<(String, Vec<Missing>), Error> {
        let style = self.order.style;
        let filled = fill::fill(definition, &self.order.parameters, style, toolbox, around).await?;
        let body = definition.body.get(style.language);
        let text = render::render(body, filled.context, style.language).map_err(Error::TemplateFailed)?;
        Ok((text, filled.missing))
    }

    /// What a model is asked to write.
    fn task(&self, filled: Option<&(String, Vec<Missing>)>) -> String {
        let style = self.order.style;
        let tone = match style.tone {
            Tone::Neutral => "деловой, нейтральный",
            Tone::Polite => "доброжелательный",
            Tone::Firm => "твёрдый, требовательный",
        };
        let length = match style.length {
            Length::Short => "кратко, в несколько предложений",
            Length::Standard => "обычная",
            Length::Detailed => "подробно",
        };
        let language = match style.language {
            Locale::Ru => "русский",
            Locale::En => "английский",
        };
        let how = format!("Тон: {tone}. Длина: {length}. Язык: {language}.");
        let wish = self.order.prompt.as_deref().unwrap_or_default();
        match filled {
            Some((draft, _)) => format!(
                "Перепиши документ «{}» по пожеланию. Суммы, даты и имена оставь как есть, места в квадратных скобках не заполняй.\n{how}\nПожелание: {wish}\n\nДокумент:\n{draft}",
                self.order.title()
            ),
            None => {
                let what = if self.order.name() == order::LETTER {
                    "Составь деловое письмо."
                } else {
                    "Составь текст."
                };
                let data = if self.order.parameters.is_empty() {
                    String::new()
                } else {
                    format!("\n\nДанные: {}", Value::Object(self.order.parameters.clone()))
                };
                format!("{what} {how}\n{wish}{data}")
            }
        }
    }

    fn assemble(&self, written: Written, usage: Used) -> Result<Generated, Error> {
        let Written {
            draft,
            missing,
            engine,
        } = written;
        let (title, format) = (self.order.title(), self.order.format);
        let bytes = format.file(title, &draft.text).map_err(Error::File)?;
        let (text, file) = if format == Format::Docx {
            let file = File {
                name: format!("{title}.{}", format.extension()),
                media_type: format.media_type().to_owned(),
                size: bytes.len(),
                content: STANDARD.encode(&bytes),
            };
            (draft.text, Some(file))
        } else {
            (String::from_utf8_lossy(&bytes).into_owned(), None)
        };
        Ok(Generated {
            template: self.order.name().to_owned(),
            version: match self.order.what {
                What::Template { version, .. } => Some(version),
                What::Free { .. } => None,
            },
            title: title.to_owned(),
            language: self.order.style.language.tag().to_owned(),
            format,
            text,
            file,
            missing,
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
        })
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
