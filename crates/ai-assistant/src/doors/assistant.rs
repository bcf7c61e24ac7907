//! The assistant answers a client of another protocol. The client keeps the conversation; nothing
//! of it is stored here.

use common::auth::Identity;
use common::http::Problem;
use common::{Locale, Text, ids};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::answering::Teller;
use super::{ASSISTANT, Asked, End, Told};
use crate::builtin::format::moment;
use crate::chat::events::{ChatEvent, Sink};
use crate::chat::place::Place;
use crate::chat::run::{self, Answer, Job, Question};
use crate::providers::{Item, Tokens, ToolChoice};
use crate::state::AppState;
use crate::store::conversations::Past;

/// Characters of a question.
const MAX_CHARS: usize = 8000;

/// The question and what went before it.
pub(super) fn prepare(
    state: &AppState,
    identity: Identity,
    asked: Asked,
    model: Option<String>,
) -> Result<Job, Problem> {
    match asked.options.tool_choice {
        ToolChoice::Auto | ToolChoice::None => {}
        // It has tools of its own only.
        ToolChoice::Required | ToolChoice::Named(_) => {
            return Err(super::asked::unsupported("tool_choice of 1c-assistant"));
        }
    }
    let mut items = asked.items;
    let Some(Item::User(message)) = items.pop() else {
        return Err(super::asked::invalid(
            "Последнее сообщение должно быть вопросом пользователя.",
            "The last message has to be a question of the user.",
        ));
    };
    if message.chars().count() > MAX_CHARS {
        return Err(super::asked::invalid(
            "Вопрос длиннее 8000 символов.",
            "The question is longer than 8000 characters.",
        ));
    }
    let said = |role: &str, content: String| Past {
        id: ids::new_id(),
        role: role.to_owned(),
        content,
        memory: None,
        summary: None,
    };
    let mut history: Vec<Past> = items
        .into_iter()
        .filter_map(|item| match item {
            Item::User(text) => Some(said("user", text)),
            Item::Said(text) => Some(said("assistant", text)),
            Item::Turn(turn) if !turn.text.is_empty() => Some(said("assistant", turn.text)),
            // Tools of the client are no source of figures.
            Item::Turn(_) | Item::Results(_) => None,
        })
        .collect();
    if !asked.system.trim().is_empty() {
        history.insert(0, said("user", asked.system));
    }
    let question = Question {
        message,
        conversation_id: None,
        company_id: asked.place.company,
        infobase_id: asked.place.infobase,
        model,
        fresh: false,
        attachments: Vec::new(),
        place: Place::default(),
    };
    Ok(run::passing(state.clone(), identity, question, history)?)
}

/// Answers to the end and tells of it.
pub(super) async fn run(job: Job, teller: Teller, cancel: CancellationToken) {
    let (locale, zone) = (job.locale(), job.zone());
    let (sink, mut receiver) = Sink::stream();
    let forward = async {
        let (mut began, mut spoke) = (false, false);
        while let Some(numbered) = receiver.recv().await {
            // It ends an answer that never began, too.
            if matches!(numbered.event, ChatEvent::Usage(_)) {
                continue;
            }
            if !std::mem::replace(&mut began, true) {
                teller.tell(Told::Began);
            }
            match numbered.event {
                ChatEvent::Token { text } => {
                    spoke = true;
                    teller.tell(Told::Text(text));
                }
                // What was sent cannot be taken back here; it is said that it is void.
                ChatEvent::Restart {} if std::mem::take(&mut spoke) => {
                    teller.tell(Told::Text(void(locale).to_owned()));
                }
                _ => {}
            }
        }
    };
    let (answered, ()) = futures_util::join!(job.run(sink, cancel), forward);
    match answered {
        Ok(answer) => {
            let tail = tail(&answer, zone, locale);
            if !tail.is_empty() {
                teller.tell(Told::Text(tail.clone()));
            }
            teller.tell(Told::End(Box::new(end(answer, &tail))));
        }
        Err(error) => teller.tell(Told::Failed(error.into())),
    }
}

const fn void(locale: Locale) -> &'static str {
    match locale {
        Locale::Ru => "\n\n---\n**Написанное выше недействительно, ответ составляется заново:**\n\n",
        Locale::En => "\n\n---\n**What is above is void; the answer begins anew:**\n\n",
    }
}

/// What clients without a place for sources and notices show under the answer.
fn tail(answer: &Answer, zone: chrono_tz::Tz, locale: Locale) -> String {
    let mut lines = Vec::new();
    if !answer.citations.is_empty() {
        lines.push(Text::new("Источники:", "Sources:").get(locale).to_owned());
        for one in &answer.citations {
            let (citation, id) = (&one.citation, one.id);
            let of = moment(citation.as_of, zone, locale);
            lines.push(format!(
                "[{id}] {} · {} · {of}",
                citation.infobase, citation.object
            ));
        }
    }
    lines.extend(answer.notices.iter().map(|notice| format!("_{notice}_")));
    if lines.is_empty() {
        return String::new();
    }
    format!("\n\n---\n{}", lines.join("  \n"))
}

fn end(answer: Answer, tail: &str) -> End {
    let text = format!("{}{tail}", answer.answer);
    let tokens = Tokens {
        input: answer.usage.input_tokens,
        output: answer.usage.output_tokens,
        ..Tokens::default()
    };
    End {
        model: ASSISTANT.to_owned(),
        text,
        tokens,
        onec: Some(beside(answer)),
        ..End::default()
    }
}

/// The answer as data, without its text.
fn beside(answer: Answer) -> Value {
    json!({
        "engine": answer.engine,
        "provider": answer.provider,
        "model": answer.model,
        "intent": answer.intent,
        "citations": answer.citations,
        "as_of": answer.as_of,
        "tables": answer.tables,
        "suggestions": answer.suggestions,
        "notices": answer.notices,
        "unverified_numbers": answer.unverified_numbers,
        "cached": answer.cached,
        "drafts": answer.drafts,
        "files": answer.files,
        "usage": answer.usage,
    })
}
