//! From a question to what it asks, without any call: the same words always give the same result.

use std::collections::HashSet;

use chrono::NaiveDate;
use common::contract::onec::{GroupBy, SubjectKind};
use serde::{Deserialize, Serialize};

use super::intent::{self, Intent, Signs};
use super::lexicon::{self, Concept};
use super::names::{self, Mention};
use super::period::{self, Span};
use super::words::{self, Kind, Word};

/// Money in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Flow {
    In,
    Out,
}

/// What to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compare {
    /// The period before.
    Previous,
    /// The same days of the year before.
    YearBefore,
    /// This one.
    With(Span),
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

/// What a question says, as far as it says it.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub(crate) intent: Option<Intent>,
    /// The intent rests on words such as «склад» alone, which in a follow-up only narrow the
    /// question before.
    pub(crate) weak: bool,
    /// A day that no calendar has, as it was written.
    pub(crate) impossible_day: Option<String>,
    /// Words in all.
    pub(crate) length: usize,
    /// Begins with «а», "and", "what about", or refers back by a pronoun.
    pub(crate) follow_up: bool,
    pub(crate) span: Option<Span>,
    pub(crate) compare: Option<Compare>,
    pub(crate) group_by: Option<GroupBy>,
    /// «по менеджерам и товарам»: the second of two dimensions.
    pub(crate) then_by: Option<GroupBy>,
    /// Infobases that the question names; [`super::bases`] fills them in.
    pub(crate) bases: Vec<uuid::Uuid>,
    /// «по всем базам».
    pub(crate) all_bases: bool,
    pub(crate) overdue: bool,
    pub(crate) top: Option<u32>,
    pub(crate) account: Option<String>,
    pub(crate) number: Option<String>,
    pub(crate) unposted: bool,
    pub(crate) flow: Option<Flow>,
    pub(crate) tax: Option<Tax>,
    pub(crate) cash_desk: bool,
    /// Money in the bank only.
    pub(crate) bank: bool,
    /// The smallest rather than the largest.
    pub(crate) least: bool,
    /// A reason is asked for, which no report knows.
    pub(crate) why: bool,
    /// Net profit is asked for, which no report computes.
    pub(crate) net_profit: bool,
    /// Profit is asked for rather than revenue.
    pub(crate) profit: bool,
    /// «она», «его»: somebody named before.
    pub(crate) of_that_one: bool,
    pub(crate) names: Vec<Mention>,
    /// «по всем складам»: the name of that kind no longer counts.
    pub(crate) all_of: Option<SubjectKind>,
    /// A bare number, as an answer to a question with choices.
    pub(crate) choice: Option<usize>,
    /// «нам» or «мы», as an answer to the question who owes whom.
    pub(crate) we_owe: Option<bool>,
}

/// Understands a question asked on the day `today`.
pub(crate) fn parse(text: &str, today: NaiveDate) -> Parsed {
    let words = words::split(text);
    let mut used = vec![false; words.len()];
    let number = document_number(&words, &mut used);
    let account = account(&words, &mut used);
    let periods = period::find(&without_used(&words, &used), today);
    for found in &periods {
        used[found.words.clone()].fill(true);
    }
    let top = top(&words, &mut used);
    let concepts: Vec<Option<Concept>> = words
        .iter()
        .zip(&used)
        .map(|(word, used)| if *used { None } else { lexicon::concept(word) })
        .collect();
    let set: HashSet<Concept> = concepts.iter().flatten().copied().collect();
    let names = names::find(&words, &concepts, &used);
    let signs = Signs {
        concepts: &set,
        words: &words,
        has_account: account.is_some(),
        has_number: number.is_some(),
        has_names: !names.is_empty(),
    };
    let mut intent = intent::classify(&signs);
    if intent.is_none() && number.is_some() && set.contains(&Concept::Document) {
        intent = Some(Intent::Postings);
    }
    let weak = {
        const NARROWING: [Concept; 10] = [
            Concept::Warehouse,
            Concept::Customer,
            Concept::Supplier,
            Concept::Counterparty,
            Concept::Manager,
            Concept::Item,
            Concept::Top,
            Concept::Least,
            Concept::Balance,
            Concept::Overdue,
        ];
        let concepts = set
            .iter()
            .copied()
            .filter(|concept| !NARROWING.contains(concept))
            .collect();
        let signs = Signs {
            concepts: &concepts,
            ..signs
        };
        intent::classify(&signs).is_none()
    };
    let has = |concept| set.contains(&concept);
    let mut dimensions = dimensions(&words, &concepts, &names, &set).into_iter();
    Parsed {
        intent,
        weak,
        impossible_day: period::impossible(&words),
        length: words.iter().filter(|word| word.kind != Kind::Sign).count(),
        follow_up: is_follow_up(&words) || has(Concept::Pronoun),
        compare: compare(&words, &set, &periods),
        span: periods.first().map(|found| found.span),
        group_by: dimensions.next(),
        then_by: dimensions.next(),
        bases: Vec::new(),
        all_bases: false,
        overdue: is_overdue_only(&words, &set),
        top,
        account,
        number,
        unposted: has(Concept::Unposted)
            || (has(Concept::Not)
                && words
                    .iter()
                    .any(|w| w.is(&["проведены", "проведенные", "posted"]))),
        flow: flow(&words, &set),
        tax: tax(&words),
        cash_desk: has(Concept::CashDesk) && !has(Concept::Bank) && !has(Concept::Account),
        bank: (has(Concept::Bank) || has(Concept::Account)) && !has(Concept::CashDesk),
        least: has(Concept::Least),
        why: words.iter().any(|w| w.is(&["почему", "отчего", "why"])),
        net_profit: has(Concept::Profit)
            && words.iter().any(|w| w.is(&["чистая", "чистую", "чистой", "net"])),
        profit: has(Concept::Profit),
        of_that_one: words.iter().any(|w| {
            w.is(&[
                "он", "она", "его", "ее", "ему", "ей", "ним", "ней", "it", "its", "him", "her",
            ])
        }),
        all_of: if has(Concept::All) {
            names::kind_of_any(&concepts)
        } else {
            None
        },
        choice: choice(&words),
        we_owe: if words.iter().any(|w| w.is(&["нам", "us", "они", "they"])) {
            Some(false)
        } else if words.iter().any(|w| w.is(&["мы", "we"])) {
            Some(true)
        } else {
            None
        },
        names,
    }
}

/// Words that are taken already must not be read as dates.
fn without_used(words: &[Word], used: &[bool]) -> Vec<Word> {
    let mut words = words.to_vec();
    for (word, used) in words.iter_mut().zip(used) {
        if *used {
            word.lower = "№".to_owned();
            word.kind = Kind::Sign;
        }
    }
    words
}

/// «№ 15», «документа КА00-000012», "number 15".
fn document_number(words: &[Word], used: &mut [bool]) -> Option<String> {
    for (i, word) in words.iter().enumerate() {
        let next = words.get(i + 1);
        let announced = word.is(&["№", "#", "номер", "номером", "номера", "номеру", "number", "no"]);
        if announced
            && let Some(next) = next
            && next.lower.chars().any(|c| c.is_ascii_digit())
        {
            used[i] = true;
            used[i + 1] = true;
            return Some(next.text.clone());
        }
        let digits = word.lower.chars().filter(char::is_ascii_digit).count();
        let looks_like_one = word.quotation.is_none()
            && word.lower.contains('-')
            && digits >= 4
            && chrono::NaiveDate::parse_from_str(&word.lower, "%Y-%m-%d").is_err();
        if looks_like_one {
            used[i] = true;
            return Some(word.text.clone());
        }
        // «документа 123»
        let document = lexicon::concept(word) == Some(Concept::Document)
            || word.is(&["реализации", "поступления", "invoice", "счета"]);
        if document
            && let Some(next) = next
            && next.kind == Kind::Number
            && next.lower.len() >= 3
            && next.lower.bytes().all(|b| b.is_ascii_digit())
            && !(next.lower.len() == 4 && next.lower.starts_with("20"))
        {
            used[i + 1] = true;
            return Some(next.text.clone());
        }
    }
    None
}

/// An account of the chart: «по счёту 62.01», «ОСВ 62», "account 51", «68.02».
fn account(words: &[Word], used: &mut [bool]) -> Option<String> {
    for (i, word) in words.iter().enumerate() {
        if used[i] || word.quotation.is_some() {
            continue;
        }
        let announced = i > 0
            && (matches!(
                lexicon::concept(&words[i - 1]),
                Some(Concept::Account | Concept::TrialBalance | Concept::Turnover)
            ) || (words[i - 1].is(&["по", "for", "of"])
                && i > 1
                && matches!(lexicon::concept(&words[i - 2]), Some(Concept::TrialBalance))));
        let parts: Vec<&str> = word.lower.split('.').collect();
        let first_ok = parts[0].len() == 2 && parts[0].bytes().all(|b| b.is_ascii_digit());
        let rest_ok = parts.len() <= 3
            && parts[1..]
                .iter()
                .all(|part| (1..=2).contains(&part.chars().count()));
        if announced && first_ok && rest_ok {
            used[i] = true;
            return Some(word.text.clone());
        }
    }
    None
}

/// «топ-5», "top 10", «5 крупнейших».
fn top(words: &[Word], used: &mut [bool]) -> Option<u32> {
    let is_top = |i: usize| {
        words
            .get(i)
            .is_some_and(|word| matches!(lexicon::concept(word), Some(Concept::Top | Concept::Latest)))
    };
    for i in 0..words.len() {
        if used[i] {
            continue;
        }
        let Some(number) = words[i].number().filter(|number| (1..=100).contains(number)) else {
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

fn is_follow_up(words: &[Word]) -> bool {
    let first = words.iter().find(|word| word.kind == Kind::Word);
    first.is_some_and(|word| word.is(&["а", "и", "and", "теперь"]))
        || words.first().is_some_and(|word| word.is(&["ну"]))
        || (words.len() > 1 && words[0].is(&["what", "how"]) && words[1].is(&["about"]))
        || (words.len() > 1 && words[0].is(&["то"]) && words[1].is(&["же"]))
}

fn compare(words: &[Word], set: &HashSet<Concept>, periods: &[period::Found]) -> Option<Compare> {
    let asked = set.contains(&Concept::Compare)
        || words.iter().any(|word| word.is(&["чем"])) && periods.len() > 1
        || words
            .windows(2)
            .any(|pair| pair[0].is(&["год"]) && pair[1].is(&["к"]));
    if !asked {
        return None;
    }
    let main = periods.first().map(|found| found.span);
    let second = periods.get(1).map(|found| found.span);
    let year = words.windows(2).any(|pair| {
        (pair[0].lower.starts_with("прошл") && pair[1].lower.starts_with("год"))
            || (pair[0].is(&["last"]) && pair[1].is(&["year"]))
    });
    Some(match (main, second) {
        // «за октябрь по сравнению с прошлым годом»: with October of that year.
        (Some(main), _) if year && (main.to - main.from).num_days() < 360 => Compare::YearBefore,
        (Some(main), Some(second)) if second != main => Compare::With(second),
        _ => Compare::Previous,
    })
}

/// What the rows of a sales report are to be: one dimension, or two that the question joins.
fn dimensions(
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
    let time = if set.contains(&Concept::ByDay) || by_word(words, &["day"]) {
        Some(GroupBy::Day)
    } else if set.contains(&Concept::ByMonth) || by_word(words, &["month"]) {
        Some(GroupBy::Month)
    } else {
        None
    };
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
    match (time, joined, found.first()) {
        (_, Some((group, then)), _) => vec![group, then],
        (Some(time), None, Some((at, group))) if is_grouped(words, *at) => vec![*group, time],
        (Some(time), None, _) => vec![time],
        (None, None, Some((_, group))) => vec![*group],
        (None, None, None) if set.contains(&Concept::Who) => vec![GroupBy::Counterparty],
        (None, None, None) => Vec::new(),
    }
}

/// «по менеджерам», "by manager": the word groups.
fn is_grouped(words: &[Word], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| words.get(before));
    before.is_some_and(|word| word.is(&["по", "by", "per"]))
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
        Concept::Warehouse => Some(GroupBy::Warehouse),
        _ => None,
    }
}

/// «сколько просрочено» asks to show what is overdue; «просроченная дебиторка» asks for nothing else.
fn is_overdue_only(words: &[Word], set: &HashSet<Concept>) -> bool {
    if !set.contains(&Concept::Overdue) {
        return false;
    }
    let shown_besides = words.windows(3).any(|window| {
        window[0].is(&["и", "and", "сколько"])
            && window[1..]
                .iter()
                .any(|word| lexicon::concept(word) == Some(Concept::Overdue))
    }) || words.windows(5).any(|window| {
        window[0].is(&["and", "и"])
            && window[1..]
                .iter()
                .any(|word| lexicon::concept(word) == Some(Concept::Overdue))
    });
    !(shown_besides
        && (set.contains(&Concept::Debt)
            || set.contains(&Concept::Receivable)
            || set.contains(&Concept::Payable)))
}

fn flow(words: &[Word], set: &HashSet<Concept>) -> Option<Flow> {
    let has = |concept| set.contains(&concept);
    if has(Concept::Received) && has(Concept::Spent) {
        return None;
    }
    if has(Concept::Received) {
        return Some(Flow::In);
    }
    if has(Concept::Spent) {
        return Some(Flow::Out);
    }
    if has(Concept::Pay) {
        let ours = has(Concept::We)
            || has(Concept::Whom)
            || has(Concept::Supplier)
            || words.iter().any(|w| {
                w.is(&["выплатили", "заплатили", "перечислили"]) && !has(Concept::Who) && !has(Concept::Us)
            });
        if ours {
            return Some(Flow::Out);
        }
        if has(Concept::Who) || has(Concept::Us) || has(Concept::Customer) {
            return Some(Flow::In);
        }
    }
    None
}

fn tax(words: &[Word]) -> Option<Tax> {
    words.iter().find_map(|word| match word.lower.as_str() {
        "ндс" | "vat" => Some(Tax::Vat),
        "ндфл" => Some(Tax::Income),
        "прибыль" => Some(Tax::Profit),
        "взносы" | "взносов" | "взносам" | "contributions" => Some(Tax::Contributions),
        _ => None,
    })
}

/// «1», «2-й», «первый», "the second".
fn choice(words: &[Word]) -> Option<usize> {
    let meaningful: Vec<&Word> = words
        .iter()
        .filter(|word| word.kind != Kind::Sign && !word.is(&["the", "вариант", "номер", "one", "option"]))
        .collect();
    let [word] = meaningful.as_slice() else {
        return None;
    };
    match word.lower.as_str() {
        "первый" | "первая" | "первое" | "first" => Some(1),
        "второй" | "вторая" | "второе" | "second" => Some(2),
        "третий" | "третья" | "третье" | "third" => Some(3),
        other => other
            .trim_end_matches("-й")
            .parse()
            .ok()
            .filter(|n| (1..=20).contains(n)),
    }
}
