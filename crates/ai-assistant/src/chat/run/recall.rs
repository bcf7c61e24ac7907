//! Answers that were given before: the same question of the same rights on the same data.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use common::Locale;
use common::contract::onec::DataSource;
use serde::{Deserialize, Serialize};

use super::{Draft, Engine, Error, Job, Ledger, NumberedCitation, Sink, Table, builtin, prompt};
use crate::builtin::Surroundings;
use crate::cache::{Key, Recall, Seat};
use crate::chat::events::ChatEvent;
use crate::chat::place::Place;
use crate::privacy::{self, Mode, Subject};
use crate::tools;

/// An answer as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// `provider/model`; none of the built-in engine.
    model: Option<String>,
    text: String,
    intent: Option<String>,
    confidence: Option<String>,
    understood: Option<String>,
    citations: Vec<NumberedCitation>,
    as_of: Option<DateTime<Utc>>,
    tables: Vec<Table>,
    suggestions: Vec<String>,
    notices: Vec<String>,
    state: builtin::State,
}

impl Job {
    /// Answers out of the cache, or anew.
    pub(super) async fn recall_or_answer(
        &self,
        sink: &Sink,
        ledger: &mut Ledger,
        locale: Locale,
    ) -> Result<(Draft, Engine), Error> {
        let recall = ledger.recall(&self.state, &self.identity);
        let Some(key) = self.key(&recall, locale).await else {
            return self.answer(sink, ledger, locale).await;
        };
        let flight = match recall.cache.seat(&key).await {
            Seat::Alone => None,
            Seat::Ours(flight) => Some(flight),
            Seat::Found(bytes) => match self.revived(&bytes).await? {
                Some((draft, engine)) => {
                    for report in draft.citations.iter().filter_map(|one| one.citation.report) {
                        recall.saw(report.as_str());
                    }
                    ledger.recalls(&engine);
                    for line in draft.text.split_inclusive('\n') {
                        sink.send(ChatEvent::Token {
                            text: line.to_owned(),
                        });
                    }
                    return Ok((draft, engine));
                }
                None => None,
            },
        };
        let (draft, engine) = self.answer(sink, ledger, locale).await?;
        if let Some(flight) = flight
            && self.is_worth_keeping(&draft, &engine, ledger)
            && let Ok(bytes) = serde_json::to_vec(&Kept::of(&draft, &engine))
        {
            flight.land(&bytes, recall.cache.answers).await;
        }
        Ok((draft, engine))
    }

    /// Everything that the answer depends on; `None` when it is not to be kept or found.
    async fn key(&self, recall: &Recall, locale: Locale) -> Option<Key> {
        // Who asks again wants another answer, and files are of their owner only.
        let is_new = self.question.fresh || matches!(self.question.place, Place::Again(_));
        if recall.cache.answers.is_zero() || is_new || !self.files.is_empty() {
            return None;
        }
        let now = self.state.context.clock.now();
        let around = Surroundings {
            today: now.with_timezone(&self.state.zone).date_naive(),
            zone: self.state.zone,
            may_read: self.identity.may(common::auth::Permission::OnecRead),
        };
        let question = match &self.engine {
            Engine::Rules => {
                let message = &self.question.message;
                let understood = builtin::understand(message, &self.memory, around.today)
                    .filter(builtin::Understanding::is_certain)?;
                Some(understood.key()?)
            }
            Engine::Model(_) => None,
        };
        let key = recall
            .key(
                "answer",
                locale,
                self.question.company_id,
                self.question.infobase_id,
            )
            .await?
            .and(around.today.to_string())
            .and(around.zone.name());
        Some(match question {
            Some(understood) => {
                let memory = serde_json::to_string(&self.memory).ok()?;
                let key = key.and("rules").and(understood).and(memory);
                // Which infobase is meant stands in the words only.
                if recall.infobases().await == 1 {
                    key
                } else {
                    key.and(self.question.message.to_lowercase())
                }
            }
            None => {
                let chain = self.chain()?;
                let mut key = key
                    .and("llm")
                    .and(chain.remote().full_name())
                    .and(self.state.models.max_output_tokens.to_string())
                    .and(prompt::CHAT);
                for said in &self.history {
                    key = key
                        .and(&said.role)
                        .and(&said.content)
                        .and(said.summary.as_deref().unwrap_or_default());
                }
                let message = &self.question.message;
                let question = prompt::question(message, around.today, around.zone, around.may_read);
                key = key.and(question).and(self.state.history_tokens.to_string());
                for tool in tools::specs(self.identity.permissions) {
                    key = key
                        .and(tool.name.as_bytes())
                        .and(tool.description.as_bytes())
                        .and(tool.parameters.to_string());
                }
                key
            }
        })
    }

    /// The kept answer, unless its model is gone or may no longer be asked by this company.
    async fn revived(&self, bytes: &[u8]) -> Result<Option<(Draft, Engine)>, Error> {
        let Ok(kept) = serde_json::from_slice::<Kept>(bytes) else {
            return Ok(None);
        };
        let engine = match &kept.model {
            None => Engine::Rules,
            Some(model) => match self.state.models.find(model) {
                Some(remote) => Engine::Model(remote),
                None => return Ok(None),
            },
        };
        if let Engine::Model(remote) = &engine
            && remote.external
        {
            let subject = Subject {
                company: self.question.company_id,
                infobase: self.question.infobase_id,
                conversation: self.conversation(),
            };
            let policy = privacy::policy(&self.state, &self.identity, subject).await?;
            if policy.mode == Mode::Forbid {
                return Ok(None);
            }
        }
        Ok(Some((kept.draft(), engine)))
    }

    /// Only what everybody would be glad to get: of the engine that was asked, with figures that are
    /// accounted for, and nothing suspicious in the data.
    fn is_worth_keeping(&self, draft: &Draft, engine: &Engine, ledger: &Ledger) -> bool {
        let as_asked = match (&self.engine, engine) {
            (Engine::Rules, Engine::Rules) => true,
            (Engine::Model(_), Engine::Model(answered)) => self
                .chain()
                .is_some_and(|chain| Arc::ptr_eq(chain.remote(), answered)),
            (Engine::Rules, Engine::Model(_)) | (Engine::Model(_), Engine::Rules) => false,
        };
        // What was drafted or ordered is of whoever asked.
        let is_shared = draft.drafts.is_empty() && draft.files.is_empty();
        // Of what was read live in 1C there is no version.
        let is_mirrored = draft
            .citations
            .iter()
            .all(|one| one.citation.source == DataSource::Mirror);
        as_asked
            && is_shared
            && is_mirrored
            && self.calls.is_of_copy()
            && draft.unverified_numbers.is_empty()
            && !ledger.is_suspicious()
    }
}

impl Kept {
    fn of(draft: &Draft, engine: &Engine) -> Self {
        let draft = draft.clone();
        Self {
            model: match engine {
                Engine::Rules => None,
                Engine::Model(remote) => Some(remote.full_name()),
            },
            text: draft.text,
            intent: draft.intent,
            confidence: draft.confidence.map(str::to_owned),
            understood: draft.understood,
            citations: draft.citations,
            as_of: draft.as_of,
            tables: draft.tables,
            suggestions: draft.suggestions,
            notices: draft.notices,
            state: draft.state,
        }
    }

    fn draft(self) -> Draft {
        Draft {
            text: self.text,
            intent: self.intent,
            confidence: self
                .confidence
                .and_then(|name| ["high", "medium", "low"].into_iter().find(|known| *known == name)),
            understood: self.understood,
            citations: self.citations,
            as_of: self.as_of,
            tables: self.tables,
            suggestions: self.suggestions,
            notices: self.notices,
            state: self.state,
            cached: true,
            ..Draft::default()
        }
    }
}
