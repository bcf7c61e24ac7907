//! What a question means before anybody answers it: for the choice between the rules and a paid model,
//! and as a key of answers that are alike.

use chrono::NaiveDate;

use super::confidence::Confidence;
use super::double;
use super::frame::{self, Frame, State};
use super::names;
use super::parse;

/// A question that the rules understand.
#[derive(Debug, Clone)]
pub(crate) struct Understanding {
    confidence: Confidence,
    frame: Frame,
    /// It is one question, not two in one sentence.
    single: bool,
}

/// Understands a question of a conversation; `None` when the rules do not.
pub(crate) fn understand(message: &str, state: &State, today: NaiveDate) -> Option<Understanding> {
    let parsed = parse::parse(message, today);
    if parsed.impossible_day.is_some() {
        return None;
    }
    let confidence = if parsed.intent.is_none() {
        Confidence::Medium
    } else {
        parsed.confidence
    };
    let frame = frame::complete(&parsed, state)?;
    Some(Understanding {
        confidence,
        frame,
        single: double::split(message, today).is_none(),
    })
}

impl Understanding {
    /// True when the rules answer it as well as a model would: every word has its place and a report
    /// has the figures.
    pub(crate) fn is_certain(&self) -> bool {
        self.confidence == Confidence::High
            && self.frame.intent.report().is_some()
            && !self.frame.why
            && !self.frame.net_profit
    }

    /// The intent and the slots: the same for questions that differ in words only. Who asks, of which
    /// company and of which state of the data are not in it. Two questions in one have none.
    pub(crate) fn key(&self) -> Option<String> {
        if !self.single {
            return None;
        }
        let mut frame = self.frame.clone();
        for name in &mut frame.names {
            name.mention.text = names::stems(&name.mention.text);
            name.found = None;
        }
        serde_json::to_string(&frame).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &str) -> Option<Understanding> {
        understand(message, &State::default(), "2026-11-24".parse().unwrap())
    }

    #[test]
    fn only_what_is_certain_needs_no_model() {
        for (question, certain) in [
            ("Кто нам должен?", true),
            ("Продажи за октябрь по менеджерам", true),
            ("Почему упала выручка в октябре?", false),
            ("Сколько должны Ромашке?", false),
            ("Что ты умеешь?", false),
            ("Создай счёт для Ромашки", false),
        ] {
            assert_eq!(
                of(question).is_some_and(|understood| understood.is_certain()),
                certain,
                "{question}"
            );
        }
        assert!(of("Напиши стихотворение").is_none());
    }

    #[test]
    fn questions_that_mean_the_same_have_one_key() {
        let key = |question: &str| of(question).unwrap().key();
        assert_eq!(key("Сколько нам должна Ромашка?"), key("какой долг у Ромашки"));
        assert_eq!(
            key("выручка за октябрь"),
            key("Покажи продажи за октябрь 2026 года")
        );
        assert_ne!(key("выручка за октябрь"), key("выручка за сентябрь"));
    }
}
