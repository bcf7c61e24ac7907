//! Two questions in one: «Дебиторка и кредиторка», «кто нам должен и сколько денег на счетах?».

use chrono::NaiveDate;

use super::confidence::Confidence;
use super::frame::{self, Frame, Name, State};
use super::intent::Intent;
use super::parse;
use crate::chat::draft::Draft;

/// Two complete questions.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) first: Frame,
    pub(super) second: Frame,
}

/// The two questions, when each part is one by itself and they ask for different reports.
pub(super) fn split(message: &str, today: NaiveDate) -> Option<Pair> {
    const JOINTS: [&str; 9] = [
        " и ещё ",
        " а также ",
        " и ",
        " and ",
        "; ",
        "? ",
        ", а ",
        ", ",
        " + ",
    ];
    JOINTS.iter().find_map(|joint| {
        message.match_indices(joint).find_map(|(at, _)| {
            let (left, right) = (message.get(..at)?, message.get(at + joint.len()..)?);
            let (first, second) = (alone(left, today)?, alone(right, today)?);
            (first.intent != second.intent).then(|| shared(first, second))
        })
    })
}

/// A part that is a question by itself.
fn alone(part: &str, today: NaiveDate) -> Option<Frame> {
    let parsed = parse::parse(part, today);
    // «…и уплачено» goes on with what was said before.
    let unfinished = parsed.intent == Some(Intent::CashFlow) && parsed.length < 2;
    let sure = !unfinished
        && parsed.intent.is_some_and(|intent| intent.report().is_some())
        // «топ-5 клиентов» says enough.
        && (!parsed.weak || parsed.top.is_some())
        && parsed.confidence >= Confidence::Medium
        && parsed.impossible_day.is_none();
    frame::complete(&parsed, &State::default()).filter(|_| sure)
}

/// «акт сверки и реквизиты Ромашки за октябрь»: what one part leaves out is said in the other.
fn shared(mut first: Frame, mut second: Frame) -> Pair {
    let span = first.span.or(second.span);
    let same_kind = first.intent.is_balance() == second.intent.is_balance();
    if same_kind {
        first.span = span;
        second.span = span.filter(|_| second.span.is_none()).or(second.span);
    }
    let account = first.account.clone().or_else(|| second.account.clone());
    for frame in [&mut first, &mut second] {
        let of_accounts = matches!(
            frame.intent,
            Intent::TrialBalance | Intent::AccountAnalysis | Intent::AccountCard
        );
        if of_accounts && frame.account.is_none() {
            frame.account.clone_from(&account);
        }
    }
    lend(&mut first, &second.names);
    lend(&mut second, &first.names.clone());
    Pair { first, second }
}

fn lend(frame: &mut Frame, names: &[Name]) {
    let needs = matches!(frame.intent, Intent::Statement | Intent::CounterpartyCard) || frame.of_that_one;
    if frame.names.is_empty() && needs {
        frame.names = names.to_vec();
    }
}

/// Both answers as one, the sources of the second numbered on.
pub(super) fn together(first: Draft, second: Draft) -> Draft {
    let before = u32::try_from(first.tables.len()).unwrap_or(u32::MAX);
    let own = u32::try_from(second.tables.len()).unwrap_or(u32::MAX);
    // From the last number down, so that none is moved twice.
    let text = (1..=own).rev().fold(second.text, |text, number| {
        text.replace(&format!("[{number}]"), &format!("[{}]", number + before))
    });
    let mut all = first;
    all.text = format!("{}\n\n---\n\n{text}", all.text.trim_end());
    all.citations
        .extend(second.citations.into_iter().map(|mut source| {
            source.id += before;
            source
        }));
    all.tables.extend(second.tables);
    all.as_of = [all.as_of, second.as_of].into_iter().flatten().min();
    for notice in second.notices {
        if !all.notices.contains(&notice) {
            all.notices.push(notice);
        }
    }
    all.understood = match (all.understood, second.understood) {
        (Some(one), Some(other)) => Some(format!("{one}; {other}")),
        (one, other) => one.or(other),
    };
    all.suggestions.truncate(2);
    all.suggestions.extend(second.suggestions.into_iter().take(2));
    all.confidence = all.confidence.map(|_| Confidence::Medium.as_str());
    all.state = second.state;
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intents(message: &str) -> Option<(Intent, Intent)> {
        let pair = split(message, "2026-11-24".parse().unwrap())?;
        Some((pair.first.intent, pair.second.intent))
    }

    #[test]
    fn two_questions_are_told_from_one() {
        for (message, expected) in [
            ("Дебиторка и кредиторка", (Intent::Receivables, Intent::Payables)),
            (
                "Кто нам должен и сколько денег на счетах?",
                (Intent::Receivables, Intent::Cash),
            ),
            (
                "Кто нам должен, а кому должны мы?",
                (Intent::Receivables, Intent::Payables),
            ),
            (
                "Сколько отгрузили и сколько оплатили в октябре",
                (Intent::Sales, Intent::CashFlow),
            ),
            (
                "топ-5 клиентов за год и дебиторка",
                (Intent::Sales, Intent::Receivables),
            ),
            (
                "sales and cash flow for October",
                (Intent::Sales, Intent::CashFlow),
            ),
        ] {
            assert_eq!(intents(message), Some(expected), "{message}");
        }
        for message in [
            "Кто нам должен больше всего и сколько просрочено?",
            "Приход и расход денег за октябрь",
            "Сколько денег на счетах и в кассе?",
            "Сколько налогов начислено и уплачено?",
            "продажи по менеджерам и товарам",
            "Кому должны мы и до какого числа?",
            "КПП и ОГРН Ромашки",
            "сравни продажи за октябрь и сентябрь",
            "Скажи, пожалуйста, сколько денег на счетах",
        ] {
            assert_eq!(intents(message), None, "{message}");
        }
    }

    #[test]
    fn what_one_part_leaves_out_is_taken_from_the_other() {
        let today = "2026-11-24".parse().unwrap();
        let pair = split("выручка и поступления денег за октябрь", today).unwrap();
        assert_eq!(pair.first.span, pair.second.span);
        assert!(pair.first.span.is_some());
        let pair = split("акт сверки и реквизиты Ромашки", today).unwrap();
        assert_eq!(pair.first.names, pair.second.names);
        assert_eq!(pair.first.names.len(), 1);
    }
}
