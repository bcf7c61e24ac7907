//! What narrows a question: the breakdown, how many rows, which direction, tax, document.

use std::collections::HashSet;

use common::contract::onec::{Breakdown, GroupBy};
use serde::{Deserialize, Serialize};

use super::lexicon::{self, Concept};
use super::names::Mention;
use super::words::{Kind, Word};

/// Money in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Flow {
    In,
    Out,
}

/// A tax that a question names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tax {
    Vat,
    Income,
    Profit,
    Contributions,
}

/// A kind of documents that a question names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DocumentType {
    /// Счёт на оплату.
    Invoice,
    /// Накладная: whatever moves goods.
    Waybill,
    /// Реализация.
    Sale,
    /// Поступление.
    Receipt,
    /// Платёжное поручение.
    Payment,
    /// Счёт-фактура.
    TaxInvoice,
    Act,
    Order,
    Return,
}

/// «топ-5», "top 10", «5 крупнейших», «три самых больших», «первые 10».
pub(super) fn top(words: &[Word], used: &mut [bool]) -> Option<u32> {
    let is_top = |i: usize| {
        words.get(i).is_some_and(|word| {
            matches!(
                lexicon::concept(word),
                Some(Concept::Top | Concept::Latest | Concept::Least)
            ) && !word.is(&["больше", "меньше", "most", "least"])
        })
    };
    for i in 0..words.len() {
        if used[i] {
            continue;
        }
        let Some(number) = count(&words[i]).filter(|number| (1..=100).contains(number)) else {
            continue;
        };
        let before = i > 0 && (is_top(i - 1) || (words[i - 1].lower == "-" && i > 1 && is_top(i - 2)));
        if before || is_top(i + 1) {
            used[i] = true;
            return Some(number);
        }
    }
    None
}

fn count(word: &Word) -> Option<u32> {
    if let Some(number) = word.number() {
        return Some(number);
    }
    Some(match word.lower.as_str() {
        "два" | "двух" | "две" | "two" | "двое" => 2,
        "три" | "трех" | "three" | "трое" | "тройка" => 3,
        "четыре" | "four" => 4,
        "пять" | "five" | "пятерка" | "пятерку" => 5,
        "семь" | "seven" => 7,
        "десять" | "ten" | "десятка" | "десятку" => 10,
        "двадцать" | "twenty" => 20,
        _ => return None,
    })
}

/// What the rows of a report are to be: one dimension, or two that the question joins.
pub(super) fn dimensions(
    words: &[Word],
    concepts: &[Option<Concept>],
    names: &[Mention],
    set: &HashSet<Concept>,
) -> Vec<GroupBy> {
    let mut found: Vec<(usize, GroupBy)> = Vec::new();
    for (i, concept) in concepts.iter().enumerate() {
        let Some(group) = concept.and_then(group_of) else {
            continue;
        };
        // «по складу Центральный» names one, it does not group.
        let names_one = names.iter().any(|mention| mention.kind_word == Some(i));
        if !names_one && found.iter().all(|(_, other)| *other != group) {
            found.push((i, group));
        }
    }
    // A second one only where the two are joined: «продажи клиентам по товарам» has one.
    let joined: Option<(GroupBy, GroupBy)> = found.windows(2).find_map(|pair| {
        let [(first, group), (second, then)] = pair else {
            return None;
        };
        let between = words.get(first + 1..*second)?;
        let is_joined = between.iter().any(|word| word.is(&["и", ",", "and"]))
            && between.iter().all(|word| word.is(&["и", ",", "and", "по", "by"]));
        is_joined.then_some((*group, *then))
    });
    // «по товарам» before the «клиентам» of «продажи клиентам по товарам».
    let main = found
        .iter()
        .find(|(at, _)| is_grouped(words, *at))
        .or_else(|| found.first());
    match (time(words, set), joined, main) {
        (_, Some((group, then)), _) => vec![group, then],
        (Some(time), None, Some((at, group))) if is_grouped(words, *at) => vec![*group, time],
        (Some(time), None, _) => vec![time],
        (None, None, Some((_, group))) => vec![*group],
        (None, None, None) => asked_for(words, set).into_iter().collect(),
    }
}

/// «по менеджерам», "by manager": the word groups.
fn is_grouped(words: &[Word], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| words.get(before));
    before.is_some_and(|word| word.is(&["по", "by", "per"]))
}

/// «по дням», «в каком месяце», "which week".
fn time(words: &[Word], set: &HashSet<Concept>) -> Option<GroupBy> {
    if set.contains(&Concept::ByDay) || by_word(words, &["day"]) {
        return Some(GroupBy::Day);
    }
    if set.contains(&Concept::ByWeek) || by_word(words, &["week"]) {
        return Some(GroupBy::Week);
    }
    if set.contains(&Concept::ByMonth) || by_word(words, &["month"]) {
        return Some(GroupBy::Month);
    }
    words.windows(2).find_map(|pair| {
        if !pair[0].is(&[
            "какой",
            "каком",
            "какого",
            "какая",
            "какую",
            "какие",
            "which",
            "what",
        ]) {
            return None;
        }
        match pair[1].lower.as_str() {
            "месяц" | "месяце" | "месяца" | "month" => Some(GroupBy::Month),
            "неделя" | "неделю" | "неделе" | "week" => Some(GroupBy::Week),
            "день" | "дни" | "day" => Some(GroupBy::Day),
            _ => None,
        }
    })
}

/// «кто купил», «что продали»: the pronoun tells what the rows are.
fn asked_for(words: &[Word], set: &HashSet<Concept>) -> Option<GroupBy> {
    let has = |concept| set.contains(&concept);
    if has(Concept::Who) || (has(Concept::Whom) && has(Concept::Sales)) {
        return Some(GroupBy::Counterparty);
    }
    let what = words.iter().any(|word| word.is(&["что", "чего", "чем"])) && !has(Concept::Compare);
    (has(Concept::Sought) || (what && has(Concept::Sales))).then_some(GroupBy::Item)
}

fn by_word(words: &[Word], units: &[&str]) -> bool {
    words
        .windows(2)
        .any(|pair| pair[0].is(&["by", "per", "each", "every"]) && pair[1].is(units))
}

fn group_of(concept: Concept) -> Option<GroupBy> {
    match concept {
        Concept::Customer | Concept::Counterparty => Some(GroupBy::Counterparty),
        Concept::Manager => Some(GroupBy::Manager),
        Concept::Item => Some(GroupBy::Item),
        Concept::ItemGroup => Some(GroupBy::ItemGroup),
        Concept::Warehouse => Some(GroupBy::Warehouse),
        Concept::Company => Some(GroupBy::Company),
        _ => None,
    }
}

/// The analytics that the balance of an account is broken down by.
pub(super) fn breakdown(
    words: &[Word],
    concepts: &[Option<Concept>],
    names: &[Mention],
) -> Option<Breakdown> {
    concepts.iter().enumerate().find_map(|(i, concept)| {
        let by = i > 0 && words[i - 1].is(&["по", "разрезе", "by", "per", "each", "и", "and"]);
        if !by || names.iter().any(|mention| mention.kind_word == Some(i)) {
            return None;
        }
        match (*concept)? {
            Concept::Customer | Concept::Counterparty | Concept::Supplier => Some(Breakdown::Counterparty),
            Concept::Contract => Some(Breakdown::Contract),
            Concept::Document => Some(Breakdown::Document),
            Concept::Item => Some(Breakdown::Item),
            Concept::Warehouse => Some(Breakdown::Warehouse),
            Concept::Bank | Concept::CashDesk => Some(Breakdown::MoneyPlace),
            _ => None,
        }
    })
}

/// «сколько просрочено» asks to show what is overdue; «просроченная дебиторка» asks for nothing else.
pub(super) fn is_overdue_only(words: &[Word], set: &HashSet<Concept>) -> bool {
    if !set.contains(&Concept::Overdue) {
        return false;
    }
    let overdue = |word: &Word| lexicon::concept(word) == Some(Concept::Overdue);
    let shown_besides = words.windows(3).any(|window| {
        window[0].is(&["и", "and", "сколько", "включая", "плюс"]) && window[1..].iter().any(overdue)
    }) || words
        .windows(5)
        .any(|window| window[0].is(&["and", "и"]) && window[1..].iter().any(overdue));
    !(shown_besides
        && (set.contains(&Concept::Debt)
            || set.contains(&Concept::Receivable)
            || set.contains(&Concept::Payable)))
}

pub(super) fn flow(words: &[Word], set: &HashSet<Concept>) -> Option<Flow> {
    let has = |concept| set.contains(&concept);
    let says = |list: &[&str]| words.iter().any(|word| word.is(list));
    if has(Concept::Received) && has(Concept::Spent) {
        return None;
    }
    if has(Concept::Received) {
        return Some(Flow::In);
    }
    if has(Concept::Spent) || says(&["куда"]) || (has(Concept::Money) && says(&["where"])) {
        return Some(Flow::Out);
    }
    if has(Concept::Pay) {
        if has(Concept::Us) || says(&["нам"]) {
            return Some(Flow::In);
        }
        let ours = has(Concept::We)
            || has(Concept::Whom)
            || has(Concept::Supplier)
            || says(&["поставщикам", "outgoing"])
            || (says(&[
                "выплатили",
                "заплатили",
                "перечислили",
                "выплаты",
                "выплачено",
                "уплачено",
                "переводили",
                "перевели",
                "оплатили",
            ]) && !has(Concept::Who)
                && !has(Concept::Customer));
        if ours {
            return Some(Flow::Out);
        }
        let theirs = has(Concept::Who)
            || has(Concept::Customer)
            // «заплатила Ромашка», «оплата от Ромашки»
            || says(&[
                "заплатил", "заплатила", "заплатило", "платил", "платила", "оплатил", "оплатила", "перечислил", "перечислила", "перевел",
                "перевела", "внес", "внесла",
            ])
            || words.windows(2).any(|pair| {
                pair[0].is(&["от", "from"]) && pair[1].kind == Kind::Word
            });
        if theirs {
            return Some(Flow::In);
        }
    }
    None
}

pub(super) fn tax(words: &[Word]) -> Option<Tax> {
    let profit_tax = words
        .windows(3)
        .any(|w| w[0].lower.starts_with("налог") && w[1].is(&["на"]) && w[2].is(&["прибыль"]))
        || words
            .windows(2)
            .any(|w| w[0].is(&["income", "profit"]) && w[1].is(&["tax", "taxes"]));
    if profit_tax {
        return Some(Tax::Profit);
    }
    words.iter().find_map(|word| match word.lower.as_str() {
        "ндс" | "vat" | "ндсу" | "ндс-то" => Some(Tax::Vat),
        "ндфл" => Some(Tax::Income),
        "прибыль" => Some(Tax::Profit),
        "взносы" | "взносов" | "взносам" | "взнос" | "страховые" | "страховых" | "contributions" => {
            Some(Tax::Contributions)
        }
        _ => None,
    })
}

/// The kind of documents that is meant.
pub(super) fn document_type(words: &[Word], set: &HashSet<Concept>) -> Option<DocumentType> {
    let has = |concept| set.contains(&concept);
    let begins = |beginnings: &[&str]| {
        words.iter().any(|word| {
            beginnings
                .iter()
                .any(|beginning| word.lower.starts_with(beginning))
        })
    };
    if begins(&["счет-фактур", "счета-фактур", "счетов-фактур", "упд", "счф"])
    {
        return Some(DocumentType::TaxInvoice);
    }
    if has(Concept::Waybill) {
        return Some(DocumentType::Waybill);
    }
    if has(Concept::PaymentOrder) {
        return Some(DocumentType::Payment);
    }
    if has(Concept::Invoice) || (has(Concept::Account) && !has(Concept::Bank)) {
        return Some(DocumentType::Invoice);
    }
    if begins(&["реализац"]) {
        return Some(DocumentType::Sale);
    }
    if begins(&["поступлен"]) {
        return Some(DocumentType::Receipt);
    }
    if has(Concept::Order) {
        return Some(DocumentType::Order);
    }
    if has(Concept::Return) {
        return Some(DocumentType::Return);
    }
    has(Concept::Act).then_some(DocumentType::Act)
}
