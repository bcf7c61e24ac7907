//! Names of counterparties, goods, warehouses and people in a question: what remains when all
//! known words are taken away.

use common::contract::onec::{Match, SubjectKind};
use serde::{Deserialize, Serialize};

use super::lexicon::Concept;
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
        let after_form = i > 0 && concepts[i - 1] == Some(Concept::LegalForm) && words[i].capital;
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
    loop {
        let Some(word) = words.get(end) else {
            return end;
        };
        if used[end] || word.quotation.is_some() {
            return end;
        }
        let goes_on = (word.kind == Kind::Word && concepts[end].is_none())
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
    let found = before
        .checked_sub(1)
        .and_then(kind_at)
        // After: «на центральном складе». Only singular forms name one.
        .or_else(|| {
            kind_at(range.end).filter(|(kind, i)| {
                *kind == SubjectKind::Warehouse
                    && !words[*i].is(&["складам", "складах", "склады", "warehouses"])
            })
        });
    let legal_form = before < range.start;
    Mention {
        kind: found
            .map(|(kind, _)| kind)
            .or(legal_form.then_some(SubjectKind::Counterparty)),
        kind_word: found.map(|(_, i)| i),
        text,
    }
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
