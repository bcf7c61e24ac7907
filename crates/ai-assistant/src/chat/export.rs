//! A conversation as a document.

use std::fmt::Write as _;

use chrono_tz::Tz;
use common::{Locale, Text};

use super::run::Answer;
use crate::builtin::format::moment;
use crate::store::conversations::{Conversation, Message};

/// The messages as Markdown, with the sources of the figures.
pub(crate) fn markdown(
    conversation: &Conversation,
    messages: &[Message],
    zone: Tz,
    locale: Locale,
) -> String {
    let say = |ru: &'static str, en: &'static str| Text::new(ru, en).get(locale).to_owned();
    let mut text = format!(
        "# {}\n\n{}\n",
        conversation.title.replace('\n', " "),
        moment(conversation.created_at, zone, locale)
    );
    for message in messages {
        let at = moment(message.created_at, zone, locale);
        if message.role == "user" {
            let who = say("Вопрос", "Question");
            let quoted = message.content.trim().replace('\n', "\n> ");
            let _ = write!(text, "\n## {who}, {at}\n\n> {quoted}\n");
            continue;
        }
        let who = say("Ответ", "Answer");
        let _ = write!(text, "\n## {who}, {at}\n\n{}\n", message.content.trim());
        if message.status.as_deref() == Some("cancelled") {
            let _ = write!(
                text,
                "\n_{}_\n",
                say("Ответ прерван.", "The answer was broken off.")
            );
        }
        let answer = message.answer.clone();
        let answer: Option<Answer> = answer.and_then(|value| serde_json::from_value(value).ok());
        let Some(answer) = answer else {
            continue;
        };
        if !answer.citations.is_empty() {
            let _ = write!(text, "\n{}\n\n", say("Источники:", "Sources:"));
            for cited in &answer.citations {
                let (id, citation) = (cited.id, &cited.citation);
                let of = moment(citation.as_of, zone, locale);
                let _ = writeln!(
                    text,
                    "- [{id}] {} · {} · {of}",
                    citation.infobase, citation.object
                );
            }
        }
        for notice in &answer.notices {
            let _ = write!(text, "\n_{notice}_\n");
        }
    }
    text
}
