//! A question with everything that earlier questions of the conversation add to it.

use common::contract::onec::{GroupBy, Match, SubjectKind};
use serde::{Deserialize, Serialize};

use super::intent::Intent;
use super::names::{self, Fit, Mention};
use super::parse::{Compare, Flow, Parsed, Tax};
use super::period::Span;

/// A complete question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) intent: Intent,
    pub(crate) span: Option<Span>,
    pub(crate) compare: Option<Compare>,
    pub(crate) group_by: Option<GroupBy>,
    #[serde(default)]
    pub(crate) then_by: Option<GroupBy>,
    /// The infobases that are asked for; all when empty.
    #[serde(default)]
    pub(crate) bases: Vec<uuid::Uuid>,
    pub(crate) overdue: bool,
    pub(crate) top: Option<u32>,
    pub(crate) account: Option<String>,
    pub(crate) number: Option<String>,
    pub(crate) unposted: bool,
    pub(crate) flow: Option<Flow>,
    pub(crate) tax: Option<Tax>,
    pub(crate) cash_desk: bool,
    #[serde(default)]
    pub(crate) bank: bool,
    #[serde(default)]
    pub(crate) least: bool,
    #[serde(default)]
    pub(crate) why: bool,
    /// Net profit was asked for, which no report computes.
    #[serde(default)]
    pub(crate) net_profit: bool,
    #[serde(default)]
    pub(crate) profit: bool,
    #[serde(default)]
    pub(crate) of_that_one: bool,
    pub(crate) names: Vec<Name>,
}

/// A name and whom it was found to mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Name {
    pub(crate) mention: Mention,
    pub(crate) found: Option<Match>,
}

impl Name {
    fn kind(&self) -> Option<SubjectKind> {
        self.found.as_ref().map(|found| found.kind).or(self.mention.kind)
    }
}

/// What the engine waits for after a question back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pending {
    /// Which of these is meant by the name at that place.
    Choice { name: usize, candidates: Vec<Match> },
    /// Who owes whom.
    Direction,
    /// The name of a counterparty.
    Counterparty,
    /// The number of a document.
    Number,
}

/// What the engine remembers of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    pub(crate) frame: Option<Frame>,
    pub(crate) pending: Option<Pending>,
}

/// Puts a question together with what came before; `None` when it is not understood.
pub(crate) fn complete(parsed: &Parsed, state: &State) -> Option<Frame> {
    if let (Some(frame), Some(pending)) = (&state.frame, &state.pending)
        && let Some(frame) = answered(parsed, frame, pending)
    {
        return Some(frame);
    }
    let narrows = parsed.follow_up && parsed.weak && state.frame.is_some();
    match parsed.intent {
        Some(intent) if !narrows => {
            let mut frame = fresh(intent, parsed);
            if parsed.follow_up
                && let Some(before) = &state.frame
            {
                inherit(&mut frame, before, parsed);
            }
            Some(frame)
        }
        _ => {
            let before = state.frame.as_ref()?;
            says_something(parsed).then(|| narrowed(before, parsed))
        }
    }
}

fn fresh(intent: Intent, parsed: &Parsed) -> Frame {
    Frame {
        intent,
        span: parsed.span,
        compare: parsed.compare,
        group_by: parsed.group_by,
        then_by: parsed.then_by,
        bases: parsed.bases.clone(),
        overdue: parsed.overdue,
        top: parsed.top,
        account: parsed.account.clone(),
        number: parsed.number.clone(),
        unposted: parsed.unposted,
        flow: parsed.flow,
        tax: parsed.tax,
        cash_desk: parsed.cash_desk,
        bank: parsed.bank,
        least: parsed.least,
        why: parsed.why,
        net_profit: parsed.net_profit,
        profit: parsed.profit,
        of_that_one: parsed.of_that_one,
        names: parsed.names.iter().cloned().map(unknown).collect(),
    }
}

fn unknown(mention: Mention) -> Name {
    Name { mention, found: None }
}

/// «А её реквизиты?», «а поступления денег?»: another report about the same.
fn inherit(frame: &mut Frame, before: &Frame, parsed: &Parsed) {
    if frame.names.is_empty() && parsed.all_of.is_none() {
        frame.names = before
            .names
            .iter()
            .filter(|name| {
                name.found
                    .as_ref()
                    .is_some_and(|found| kinds(frame.intent).contains(&found.kind))
            })
            .cloned()
            .collect();
    }
    if frame.bases.is_empty() && !parsed.all_bases {
        frame.bases.clone_from(&before.bases);
    }
    if frame.span.is_none() && frame.intent.is_balance() == before.intent.is_balance() {
        frame.span = before.span;
    }
}

/// The same report, seen otherwise.
fn narrowed(before: &Frame, parsed: &Parsed) -> Frame {
    let mut frame = before.clone();
    if let Some(span) = parsed.span {
        frame.span = Some(span);
        frame.compare = None;
    }
    if parsed.compare.is_some() {
        frame.compare = parsed.compare;
        // «а по сравнению с сентябрём?»: the period named is the one to compare with.
        if let (Some(span), Some(_)) = (parsed.span, before.span) {
            frame.span = before.span;
            frame.compare = Some(Compare::With(span));
        }
    }
    if let Some(kind) = parsed.all_of {
        frame.names.retain(|name| name.kind() != Some(kind));
    }
    if parsed.group_by.is_some() {
        frame.group_by = parsed.group_by;
        frame.then_by = parsed.then_by;
    }
    if parsed.all_bases || !parsed.bases.is_empty() {
        frame.bases.clone_from(&parsed.bases);
    }
    frame.overdue |= parsed.overdue;
    frame.top = parsed.top.or(frame.top);
    frame.account = parsed.account.clone().or(frame.account);
    frame.number = parsed.number.clone().or(frame.number);
    frame.unposted |= parsed.unposted;
    frame.flow = parsed.flow.or(frame.flow);
    frame.tax = parsed.tax.or(frame.tax);
    frame.cash_desk |= parsed.cash_desk;
    frame.profit |= parsed.profit;
    frame.least |= parsed.least;
    frame.why = parsed.why;
    frame.net_profit = parsed.net_profit;
    if parsed.bank != parsed.cash_desk {
        frame.bank = parsed.bank;
        frame.cash_desk = parsed.cash_desk;
    }
    for mention in &parsed.names {
        if let Some(kind) = mention.kind {
            frame.names.retain(|name| name.kind() != Some(kind));
        }
        frame.names.push(unknown(mention.clone()));
    }
    frame
}

/// True when an incomplete question says enough to be read as one about the report before.
fn says_something(parsed: &Parsed) -> bool {
    let slots = parsed.span.is_some()
        || parsed.compare.is_some()
        || parsed.group_by.is_some()
        || parsed.all_bases
        || !parsed.bases.is_empty()
        || parsed.overdue
        || parsed.top.is_some()
        || parsed.account.is_some()
        || parsed.number.is_some()
        || parsed.flow.is_some()
        || parsed.tax.is_some()
        || parsed.all_of.is_some()
        || parsed.weak && parsed.intent.is_some();
    if parsed.follow_up {
        return slots || !parsed.names.is_empty();
    }
    if parsed.names.is_empty() {
        return slots;
    }
    parsed.length <= 2 || parsed.names.iter().all(|mention| mention.kind.is_some())
}

/// The frame with the answer to the engine's own question put in.
fn answered(parsed: &Parsed, frame: &Frame, pending: &Pending) -> Option<Frame> {
    let mut frame = frame.clone();
    match pending {
        Pending::Choice { name, candidates } => {
            let chosen = match parsed.choice {
                Some(number) => candidates.get(number - 1)?,
                None if parsed.intent.is_none() => the_one(&parsed.names, candidates)?,
                None => return None,
            };
            frame.names.get_mut(*name)?.found = Some(chosen.clone());
            if let Some(base) = chosen.infobase_id {
                frame.bases = vec![base];
            }
            Some(frame)
        }
        Pending::Direction => {
            let about_debt = matches!(
                parsed.intent,
                None | Some(Intent::Receivables | Intent::Payables | Intent::DebtOfUnknownDirection)
            );
            let we_owe = parsed.we_owe.filter(|_| about_debt && parsed.names.is_empty())?;
            frame.intent = if we_owe {
                Intent::Payables
            } else {
                Intent::Receivables
            };
            Some(frame)
        }
        Pending::Counterparty => {
            if parsed.intent.is_some() || parsed.names.is_empty() {
                return None;
            }
            frame.names = parsed.names.iter().cloned().map(unknown).collect();
            frame.span = parsed.span.or(frame.span);
            Some(frame)
        }
        Pending::Number => {
            let number = parsed
                .number
                .clone()
                .or_else(|| parsed.choice.map(|n| n.to_string()))?;
            frame.number = Some(number);
            Some(frame)
        }
    }
}

fn the_one<'a>(mentions: &[Mention], candidates: &'a [Match]) -> Option<&'a Match> {
    let mention = mentions.first()?;
    let fitting = |least: Fit| {
        let mut fitting = candidates
            .iter()
            .filter(|candidate| names::fit(&mention.text, candidate) >= least);
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    };
    fitting(Fit::Whole).or_else(|| fitting(Fit::Words))
}

/// Kinds of things that narrow a report.
pub(crate) fn kinds(intent: Intent) -> &'static [SubjectKind] {
    use SubjectKind::{Company, Counterparty, Item, Manager, Warehouse};
    match intent {
        Intent::Receivables
        | Intent::Payables
        | Intent::DebtOfUnknownDirection
        | Intent::CashFlow
        | Intent::Statement
        | Intent::Documents => &[Counterparty, Company],
        Intent::CounterpartyCard => &[Counterparty],
        Intent::Stock => &[Item, Warehouse, Company],
        Intent::Sales => &[Counterparty, Item, Manager, Warehouse, Company],
        Intent::Cash | Intent::Taxes | Intent::TrialBalance | Intent::AccountAnalysis => &[Company],
        Intent::AccountCard => &[Company, Counterparty],
        Intent::StockTurnover => &[Company, Item, Warehouse],
        Intent::Postings | Intent::CreateDocument | Intent::NotCovered(_) | Intent::Help => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::parse::parse;

    fn ask(state: &mut State, text: &str) -> Frame {
        let parsed = parse(text, "2026-11-24".parse().unwrap());
        let frame = complete(&parsed, state).unwrap_or_else(|| panic!("{text} is not understood"));
        state.frame = Some(frame.clone());
        state.pending = None;
        frame
    }

    fn span(frame: &Frame) -> String {
        frame
            .span
            .map(|span| format!("{}..{}", span.from, span.to))
            .unwrap_or_default()
    }

    #[test]
    fn a_follow_up_changes_one_thing() {
        let mut state = State::default();
        let frame = ask(&mut state, "Продажи за октябрь");
        assert_eq!(frame.intent, Intent::Sales);
        let frame = ask(&mut state, "а по менеджерам?");
        assert_eq!(
            (frame.intent, frame.group_by),
            (Intent::Sales, Some(GroupBy::Manager))
        );
        assert_eq!(span(&frame), "2026-10-01..2026-10-31");
        let frame = ask(&mut state, "а за сентябрь?");
        assert_eq!(frame.group_by, Some(GroupBy::Manager));
        assert_eq!(span(&frame), "2026-09-01..2026-09-30");
        let frame = ask(&mut state, "а по складу Центральный?");
        assert_eq!(frame.intent, Intent::Sales);
        assert_eq!(frame.names[0].mention.kind, Some(SubjectKind::Warehouse));
        let frame = ask(&mut state, "а по складу Южный?");
        assert_eq!(frame.names.len(), 1);
        let frame = ask(&mut state, "а по всем складам?");
        assert!(frame.names.is_empty());
        let frame = ask(&mut state, "а сколько денег поступило?");
        assert_eq!(
            (frame.intent, span(&frame).as_str()),
            (Intent::CashFlow, "2026-09-01..2026-09-30")
        );
        let frame = ask(&mut state, "what about last month?");
        assert_eq!(
            (frame.intent, span(&frame).as_str()),
            (Intent::CashFlow, "2026-10-01..2026-10-31")
        );
    }

    #[test]
    fn a_new_question_forgets_the_old_one() {
        let mut state = State::default();
        ask(&mut state, "Продажи по складу Центральный за октябрь");
        let frame = ask(&mut state, "Сколько денег на счетах?");
        assert_eq!(frame.intent, Intent::Cash);
        assert!(frame.names.is_empty() && frame.span.is_none());
    }

    #[test]
    fn what_is_no_follow_up_is_not_understood() {
        let mut state = State::default();
        ask(&mut state, "Продажи за октябрь");
        let parsed = parse(
            "Напиши мне стихотворение про осень",
            "2026-11-24".parse().unwrap(),
        );
        assert_eq!(complete(&parsed, &state), None);
    }

    #[test]
    fn questions_back_are_answered() {
        let mut state = State::default();
        ask(&mut state, "Сколько должны Ромашке?");
        state.pending = Some(Pending::Direction);
        assert_eq!(ask(&mut state, "мы им").intent, Intent::Payables);
        ask(&mut state, "акт сверки");
        state.pending = Some(Pending::Counterparty);
        let frame = ask(&mut state, "Ромашка");
        assert_eq!(
            (frame.intent, frame.names[0].mention.text.as_str()),
            (Intent::Statement, "Ромашка")
        );
        ask(&mut state, "Проводки документа");
        state.pending = Some(Pending::Number);
        assert_eq!(ask(&mut state, "15").number.as_deref(), Some("15"));
        let candidate = |name: &str| Match {
            infobase_id: None,
            id: common::ids::new_id(),
            kind: SubjectKind::Counterparty,
            name: name.to_owned(),
            code: None,
            score: 0.6,
        };
        ask(&mut state, "долг Ромашки");
        let pending = Pending::Choice {
            name: 0,
            candidates: vec![candidate("ООО «Ромашка»"), candidate("ООО «Ромашка Плюс»")],
        };
        for (answer, expected) in [
            ("2", "ООО «Ромашка Плюс»"),
            ("Ромашка плюс", "ООО «Ромашка Плюс»"),
            ("первый", "ООО «Ромашка»"),
        ] {
            let mut state = State {
                pending: Some(pending.clone()),
                ..state.clone()
            };
            assert_eq!(
                ask(&mut state, answer).names[0].found.as_ref().unwrap().name,
                expected
            );
        }
    }
}
