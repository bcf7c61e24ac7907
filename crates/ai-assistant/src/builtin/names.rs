//! Names of counterparties, goods, warehouses and people in a question: what remains when all
//! known words are taken away.

use common::contract::onec::{Match, SubjectKind};
use serde::{Deserialize, Serialize};

use super::lexicon::{Concept, idle};
use super::words::{self, Kind, Word};

/// A name as the question writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mention {
    /// What it is, when a word beside it says so.
    pub(crate) kind: Option<SubjectKind>,
    /// The name.
    pub(crate) text: String,
    /// Index of the word that says what it is.
    #[serde(skip)]
    pub(super) kind_word: Option<usize>,
    /// It stands where names do; other words are looked for in the infobase, but nothing is asked back
    /// when they are not found there.
    #[serde(default = "yes")]
    pub(crate) sure: bool,
    /// «кроме Ромашки»: it is to be left out.
    #[serde(default)]
    pub(crate) excluded: bool,
    /// Written as a name: with a capital letter, in quotes, or as a tax number.
    #[serde(default)]
    pub(crate) proper: bool,
}

fn yes() -> bool {
    true
}

/// All names, in order.
pub(super) fn find(words: &[Word], concepts: &[Option<Concept>], used: &[bool]) -> Vec<Mention> {
    let mut mentions = Vec::new();
    let mut i = 0;
    while i < words.len() {
        if let Some(quotation) = words[i].quotation {
            let end = (i..words.len())
                .find(|j| words[*j].quotation != Some(quotation))
                .unwrap_or(words.len());
            mentions.push(mention(words, concepts, i..end));
            i = end;
            continue;
        }
        let after_form = (i > 0 && concepts[i - 1] == Some(Concept::LegalForm) && words[i].capital)
            || begins_a_capitalised_name(words, concepts, used, i);
        if !used[i] && (is_unknown(words, concepts, i) || after_form) {
            let end = run_end(words, concepts, used, i, after_form);
            mentions.push(mention(words, concepts, i..end));
            i = end;
            continue;
        }
        i += 1;
    }
    mentions
}

/// «Склад Сервис», «Торговый Дом Вега»: in the middle of a question two words with capitals, one of
/// them unknown, are one name.
fn begins_a_capitalised_name(words: &[Word], concepts: &[Option<Concept>], used: &[bool], i: usize) -> bool {
    let capital = |j: usize| {
        words.get(j).is_some_and(|word| {
            !used[j]
                && word.capital
                && word.kind == Kind::Word
                && word.lower.chars().count() > 3
                && !word.text.chars().all(char::is_uppercase)
        })
    };
    i > 0 && capital(i) && concepts[i].is_some() && capital(i + 1) && concepts[i + 1].is_none()
}

fn is_unknown(words: &[Word], concepts: &[Option<Concept>], i: usize) -> bool {
    words[i].kind == Kind::Word && concepts[i].is_none() && words[i].lower.chars().count() > 1
        || is_tax_number(&words[i])
}

/// ИНН of a person or a company.
fn is_tax_number(word: &Word) -> bool {
    matches!(word.lower.len(), 10 | 12) && word.lower.bytes().all(|b| b.is_ascii_digit())
}

/// A name goes on over numbers («бумага 500»), over a preposition between two of its words, and
/// over capitalised words that mean something elsewhere («ООО Торговый Склад»).
fn run_end(
    words: &[Word],
    concepts: &[Option<Concept>],
    used: &[bool],
    start: usize,
    after_form: bool,
) -> usize {
    let mut end = start + 1;
    // «вводил Иванов»: a verb before a name.
    if !words[start].capital
        && idle::looks_like_the_past(&words[start].lower)
        && words.get(end).is_some_and(|next| next.capital)
    {
        return end;
    }
    loop {
        let Some(word) = words.get(end) else {
            return end;
        };
        if used[end] || word.quotation.is_some() {
            return end;
        }
        // «Ромашка закрыла долг»
        if words[start].capital && !word.capital && idle::looks_like_the_past(&word.lower) {
            return end;
        }
        let is_verb = !word.capital && idle::looks_like_a_verb(&word.lower);
        let goes_on = (word.kind == Kind::Word && concepts[end].is_none() && !is_verb)
            || word.kind == Kind::Number
            || (after_form && word.capital && word.kind == Kind::Word);
        if goes_on {
            end += 1;
            continue;
        }
        let bridge = word.is(&["для", "из", "без", "под", "/", ",", "*", "+", "."]);
        let beyond = words.get(end + 1).is_some_and(|next| {
            !used[end + 1]
                && next.quotation.is_none()
                && (is_unknown(words, concepts, end + 1) || (word.is(&[","]) && next.kind == Kind::Number))
        });
        if bridge && beyond {
            end += 2;
            continue;
        }
        return end;
    }
}

/// «остаток степлеров», «бумаги осталось», «по вектору», «есть ли бумага»: as against «принёс»,
/// «в итоге» and whatever else a question is made of.
fn stands_where_names_do(
    words: &[Word],
    concepts: &[Option<Concept>],
    range: &std::ops::Range<usize>,
) -> bool {
    use Concept as C;
    let first = &words[range.start];
    if range.len() == 1 && (idle::looks_like_a_verb(&first.lower) || idle::looks_like_an_adverb(&first.lower))
    {
        return false;
    }
    let next = concepts.get(range.end).copied().flatten();
    // «живых денег»: an adjective of a known word, unless of a warehouse.
    if range.len() == 1
        && idle::looks_like_an_adjective(&first.lower)
        && next.is_some_and(|concept| !matches!(concept, C::Idle | C::Warehouse))
    {
        return false;
    }
    let Some(before) = range.start.checked_sub(1) else {
        // «бумага есть?», «степлеры в наличии?»
        return range.len() == words.len()
            || next.is_some_and(|concept| matches!(concept, C::Stock | C::Balance | C::Enough))
            || words[range.end..].iter().take(2).any(|word| {
                word.is(&["есть", "осталось", "остались"]) || matches!(word.concept(), Some(C::Stock))
            });
    };
    let after_preposition = words[before].is(&[
        "по",
        "у",
        "от",
        "для",
        "с",
        "со",
        "к",
        "перед",
        "of",
        "for",
        "to",
        "from",
        "with",
        "about",
    ]);
    let after_count = words[before].is(&[
        "есть",
        "сколько",
        "ли",
        "нет",
        "штук",
        "пачек",
        "коробок",
        "any",
        "many",
        "much",
        "имеется",
        "скок",
        "скоко",
        "скока",
        "на",
        "the",
    ]) && (!words[before].is(&["на", "the"])
        || concepts
            .iter()
            .take(before)
            .flatten()
            .any(|c| matches!(c, C::Price | C::Profit | C::Stock | C::Balance | C::Warehouse)));
    let after_meaning = concepts[before].is_some_and(|concept| {
        matches!(
            concept,
            C::Debt
                | C::Receivable
                | C::Payable
                | C::Balance
                | C::Stock
                | C::Warehouse
                | C::Sales
                | C::Bought
                | C::Profit
                | C::Card
                | C::Reconcile
                | C::Pay
                | C::Flow
                | C::Enough
                | C::Price
        )
    });
    let before_meaning = next.is_some_and(|concept| matches!(concept, C::Stock | C::Balance))
        || words.get(range.end).is_some_and(|word| word.is(&["есть"]));
    after_preposition || after_count || after_meaning || before_meaning
}

fn mention(words: &[Word], concepts: &[Option<Concept>], range: std::ops::Range<usize>) -> Mention {
    let text = words[range.clone()].iter().fold(String::new(), |text, word| {
        let tight = text.is_empty() || word.is(&[",", "."]);
        if tight {
            text + &word.text
        } else {
            text + " " + &word.text
        }
    });
    let kind_at = |i: usize| {
        concepts
            .get(i)
            .copied()
            .flatten()
            .and_then(kind_of)
            .map(|kind| (kind, i))
    };
    // Before: «по складу Центральный», «от поставщика ООО «Ромашка»».
    let mut before = range.start;
    while before > 0 && (concepts[before - 1] == Some(Concept::LegalForm)) {
        before -= 1;
    }
    // «какой клиент принёс» names nobody.
    let asks = |kind: usize| {
        kind.checked_sub(1).is_some_and(|i| {
            words[i].is(&[
                "какой",
                "какие",
                "каких",
                "какому",
                "какая",
                "какое",
                "каком",
                "какого",
                "каким",
                "which",
                "what",
                "кто",
                "самый",
                "самые",
            ])
        }) && !words[range.start].capital
    };
    let found = before
        .checked_sub(1)
        .and_then(kind_at)
        .filter(|(kind, i)| !asks(*i) && !is_plural(*kind, &words[*i].lower))
        .filter(|_| {
            words[range.start].capital
                || words[range.start].quotation.is_some()
                || !idle::looks_like_the_past(&words[range.start].lower)
        })
        // After: «на центральном складе». Only singular forms name one.
        .or_else(|| {
            kind_at(range.end).filter(|(kind, i)| {
                *kind == SubjectKind::Warehouse
                    && !words[*i].is(&["складам", "складах", "склады", "warehouses"])
            })
        });
    let legal_form = before < range.start;
    let first = &words[range.start];
    // The first word of a question has a capital in any case, «А4» always.
    let begins = range.start == 0;
    let is_verb = begins && idle::looks_like_a_verb(&first.lower);
    let proper = first.quotation.is_some()
        || is_tax_number(first)
        || (first.capital
            && !is_verb
            && (!begins
                || words.len() <= 2
                || range.len() == words.len()
                || words.get(range.end).is_some_and(|next| !next.capital)));
    Mention {
        kind: found
            .map(|(kind, _)| kind)
            .or(legal_form.then_some(SubjectKind::Counterparty)),
        kind_word: found.map(|(_, i)| i),
        excluded: before.checked_sub(1).is_some_and(|i| {
            let i = if found.is_some() && i > 0 { i - 1 } else { i };
            words[i].is(&[
                "кроме",
                "исключая",
                "без",
                "except",
                "excluding",
                "without",
                "помимо",
            ])
        }),
        sure: proper || legal_form || found.is_some() || stands_where_names_do(words, concepts, &range),
        proper: proper || legal_form,
        text,
    }
}

/// «топ клиентов Иванова»: only singular forms name one.
fn is_plural(kind: SubjectKind, lower: &str) -> bool {
    const ENDINGS: [&str; 11] = ["ов", "ей", "ы", "и", "ам", "ям", "ах", "ях", "ами", "ями", "s"];
    kind != SubjectKind::Company
        && !matches!(
            lower,
            "фирмы" | "компании" | "номенклатуры" | "позиции" | "продукции"
        )
        && ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

fn kind_of(concept: Concept) -> Option<SubjectKind> {
    match concept {
        Concept::Customer | Concept::Supplier | Concept::Counterparty => Some(SubjectKind::Counterparty),
        Concept::Warehouse => Some(SubjectKind::Warehouse),
        Concept::Manager => Some(SubjectKind::Manager),
        Concept::Item => Some(SubjectKind::Item),
        Concept::Company => Some(SubjectKind::Company),
        _ => None,
    }
}

/// The first kind that a question speaks of.
pub(super) fn kind_of_any(concepts: &[Option<Concept>]) -> Option<SubjectKind> {
    concepts.iter().flatten().copied().find_map(kind_of)
}

/// How well a name of 1C fits the words of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// Not all words are in the name.
    Part,
    /// All words are, some with a typo.
    Typo,
    /// All words are, up to their endings.
    Words,
    /// The whole name, legal form aside.
    Whole,
}

/// Compares a name of 1C with what the question wrote.
pub(crate) fn fit(written: &str, candidate: &Match) -> Fit {
    if candidate
        .code
        .as_deref()
        .is_some_and(|code| code == written.trim())
    {
        return Fit::Whole;
    }
    let wanted = significant(written);
    let name = significant(&candidate.name);
    if wanted.is_empty() {
        return Fit::Part;
    }
    let found = |alike: fn(&Stemmed, &Stemmed) -> bool| {
        wanted
            .iter()
            .all(|word| name.iter().any(|other| alike(word, other)))
    };
    if found(same) {
        if wanted.len() == name.len() {
            Fit::Whole
        } else {
            Fit::Words
        }
    } else if found(same_up_to_a_typo) {
        Fit::Typo
    } else {
        Fit::Part
    }
}

/// A word as written and its stem.
type Stemmed = (String, String);

/// Words without legal forms and signs: (as written, stem).
fn significant(text: &str) -> Vec<Stemmed> {
    words::split(text)
        .into_iter()
        .filter(|word| word.kind != Kind::Sign)
        .filter(|word| {
            !word.is(&[
                "ооо",
                "оао",
                "зао",
                "пао",
                "ао",
                "ип",
                "llc",
                "ltd",
                "склад",
                "складе",
                "складу",
            ])
        })
        .map(|word| {
            let stem = if word.kind == Kind::Word {
                words::stem(&word.lower)
            } else {
                word.lower.clone()
            };
            (word.lower, stem)
        })
        .collect()
}

/// True when a name is like enough to ask whether it is meant.
pub(crate) fn resembles(written: &str, candidate: &Match) -> bool {
    let name = significant(&candidate.name);
    significant(written)
        .iter()
        .filter(|word| word.1.chars().count() >= 4)
        .any(|word| {
            name.iter().any(|other| {
                // «Эверест» of «ЭверестТехно»
                let length = word.1.chars().count();
                let beginning: String = other.1.chars().take(length).collect();
                strsim::osa_distance(&word.1, &beginning) <= 1
                    || strsim::normalized_damerau_levenshtein(&word.1, &other.1) >= 0.8
            })
        })
}

/// The stems of a name's words, for a second search: endings may hide the likeness.
pub(crate) fn stems(text: &str) -> String {
    significant(text)
        .into_iter()
        .map(|(_, stem)| stem)
        .collect::<Vec<_>>()
        .join(" ")
}

fn same(a: &Stemmed, b: &Stemmed) -> bool {
    // A Latin A4 and a Cyrillic А4 look the same.
    a.0 == b.0 || a.1 == b.1 || latinised(&a.0) == latinised(&b.0)
}

/// Short words and numbers are too like each other for a typo to be likely.
fn same_up_to_a_typo(a: &Stemmed, b: &Stemmed) -> bool {
    let shorter = a.1.chars().count().min(b.1.chars().count());
    let is_word = a.0.chars().any(char::is_alphabetic);
    same(a, b) || (is_word && shorter >= 5 && strsim::osa_distance(&a.1, &b.1) <= 1)
}

fn latinised(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            'а' => 'a',
            'в' => 'b',
            'е' => 'e',
            'к' => 'k',
            'м' => 'm',
            'н' => 'h',
            'о' => 'o',
            'р' => 'p',
            'с' => 'c',
            'т' => 't',
            'х' => 'x',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_up_to_endings_and_typos() {
        let candidate = |name: &str| Match {
            infobase_id: None,
            id: uuid::Uuid::nil(),
            kind: SubjectKind::Counterparty,
            name: name.to_owned(),
            code: Some("7701234567".to_owned()),
            score: 0.5,
        };
        for (written, name, expected) in [
            ("Ромашка", "ООО «Ромашка»", Fit::Whole),
            ("ромашке", "ООО «Ромашка»", Fit::Whole),
            ("Рамашка", "ООО «Ромашка»", Fit::Typo),
            ("Ромашка", "ООО «Ромашка Плюс»", Fit::Words),
            ("Василёк", "ООО «Ромашка»", Fit::Part),
            ("Эверест", "ЭверестСтрой ООО", Fit::Part),
            ("7701234567", "ООО «Ромашка»", Fit::Whole),
            ("бумаги а4", "Бумага A4 SvetoCopy, 500 л.", Fit::Words),
            ("бумага а3", "Бумага А4 SvetoCopy, 500 л.", Fit::Part),
            ("центральном", "Центральный", Fit::Whole),
        ] {
            assert_eq!(fit(written, &candidate(name)), expected, "{written} / {name}");
        }
    }
}
