//! The words of the trade and what they mean.

pub(super) mod idle;
mod meanings;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::words::{Kind, Word, stem};
use idle::IDLE;
use meanings::{EXACT, MEANINGS};

/// What a word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Concept {
    Debt,
    /// «висит», «торчит»: a debt when nothing else is spoken of.
    Hangs,
    Receivable,
    Payable,
    Unpaid,
    Advance,
    Overdue,
    /// «причитается», "due".
    Ought,
    /// «ждём», «ожидаемые».
    Await,
    /// «остаток», which may be of goods, of money or of an account.
    Balance,
    /// Goods at hand, without doubt.
    Stock,
    Warehouse,
    RunsOut,
    Enough,
    Plenty,
    Sales,
    Bought,
    /// «ходовой», «популярный».
    Sought,
    Profit,
    Income,
    AverageSale,
    Money,
    Bank,
    CashDesk,
    Pay,
    Received,
    Spent,
    Flow,
    Tax,
    TrialBalance,
    Turnover,
    Account,
    Correspond,
    Analysis,
    Postings,
    DebitCredit,
    Reconcile,
    /// «расчёты», «отношения» with somebody.
    Settlement,
    Card,
    TaxNumber,
    Document,
    Waybill,
    Act,
    Invoice,
    PaymentOrder,
    Order,
    Return,
    Unposted,
    PostedWord,
    Forgot,
    Latest,
    Create,
    /// «выставили»: a document that exists already.
    Made,
    /// «сделай», which is said of reports as well.
    MakeWord,
    Write,
    Letter,
    Purchase,
    Salary,
    Forecast,
    Price,
    Loan,
    FixedAssets,
    Courses,
    Help,
    Greeting,
    Customer,
    Supplier,
    Counterparty,
    Company,
    Manager,
    Item,
    ItemGroup,
    ByDay,
    ByWeek,
    ByMonth,
    Contract,
    Compare,
    Top,
    Least,
    Who,
    Whom,
    Us,
    We,
    Our,
    Facing,
    Not,
    All,
    Pronoun,
    LegalForm,
    /// Means nothing here.
    Idle,
}

struct Table {
    exact: HashMap<&'static str, Concept>,
    stems: HashMap<String, Concept>,
    /// Stems of the words that change nothing.
    idle_stems: HashSet<String>,
    /// Beginnings, the longest first.
    beginnings: Vec<(&'static str, Concept)>,
    /// Listed forms long enough to be recognised with a typo.
    forms: Vec<(&'static str, usize, Concept)>,
    /// Listed forms as they sound.
    sounds: HashMap<String, Concept>,
    /// Beginnings as they sound.
    sounding_beginnings: Vec<(String, Concept)>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        exact: HashMap::new(),
        stems: HashMap::new(),
        idle_stems: HashSet::new(),
        beginnings: Vec::new(),
        forms: Vec::new(),
        sounds: HashMap::new(),
        sounding_beginnings: Vec::new(),
    };
    for (concept, words) in EXACT {
        for word in words.split_whitespace() {
            table.exact.entry(word).or_insert(*concept);
        }
    }
    for word in "ооо оао зао пао ао ип нко фгуп муп тд llc ltd inc".split_whitespace()
    {
        table.exact.entry(word).or_insert(Concept::LegalForm);
    }
    for (concept, words) in MEANINGS {
        for word in words.split_whitespace() {
            table.learn(word, *concept);
        }
    }
    for word in IDLE.split_whitespace() {
        table.exact.entry(word).or_insert(Concept::Idle);
        if word.chars().count() >= 4 {
            let stem = stem(word);
            if stem.chars().count() >= 4 {
                table.idle_stems.insert(stem);
            }
        }
    }
    table.beginnings.sort_by_key(|(text, _)| Reverse(text.len()));
    table
});

impl Table {
    fn learn(&mut self, entry: &'static str, concept: Concept) {
        let word = entry.trim_end_matches(['=', '*']);
        let length = word.chars().count();
        if entry.ends_with('*') {
            self.beginnings.push((word, concept));
        } else {
            self.exact.entry(word).or_insert(concept);
            if !entry.ends_with('=') {
                self.stems.entry(stem(word)).or_insert(concept);
            }
        }
        if entry.ends_with('*') && length >= TYPO_LENGTH {
            self.sounding_beginnings.push((sound(word), concept));
        } else if length >= SOUND_LENGTH {
            self.sounds.entry(sound(word)).or_insert(concept);
        }
        if length >= TYPO_LENGTH {
            self.forms.push((word, length, concept));
        }
    }

    fn known(&self, word: &Word) -> Option<Concept> {
        if let Some(concept) = self.exact.get(word.lower.as_str()) {
            return Some(*concept);
        }
        if let Some((_, concept)) = self
            .beginnings
            .iter()
            .find(|(beginning, _)| word.lower.starts_with(beginning))
        {
            return Some(*concept);
        }
        self.stems
            .get(&word.stem)
            .copied()
            .or_else(|| self.idle_stems.contains(&word.stem).then_some(Concept::Idle))
    }

    /// A word written as it is heard: «прадажи», «дибиторка».
    fn misheard(&self, word: &Word) -> Option<Concept> {
        if word.lower.chars().count() < SOUND_LENGTH {
            return None;
        }
        let heard = sound(&word.lower);
        self.sounds.get(&heard).copied().or_else(|| {
            self.sounding_beginnings
                .iter()
                .find(|(beginning, _)| heard.starts_with(beginning.as_str()))
                .map(|(_, concept)| *concept)
        })
    }

    /// A word with one wrong, missing, additional or exchanged letter.
    fn mistyped(&self, word: &Word) -> Option<Concept> {
        let length = word.lower.chars().count();
        if length < TYPO_LENGTH || !word.lower.chars().all(|c| c.is_alphabetic() || c == '-') {
            return None;
        }
        let same_script = |form: &str| form.is_ascii() == word.lower.is_ascii();
        let whole = self.forms.iter().find(|(form, of_form, _)| {
            same_script(form) && of_form.abs_diff(length) <= 1 && strsim::osa_distance(form, &word.lower) <= 1
        });
        // The form may be only the beginning of the word, as in «прсороченная».
        let beginning = || {
            self.forms
                .iter()
                .filter(|(form, of_form, _)| {
                    *of_form > TYPO_LENGTH && *of_form < length && same_script(form) && {
                        let beginning: String = word.lower.chars().take(*of_form).collect();
                        strsim::osa_distance(form, &beginning) <= 1
                    }
                })
                .max_by_key(|(_, of_form, _)| *of_form)
        };
        whole.or_else(beginning).map(|(_, _, concept)| *concept)
    }
}

/// Words shorter than this are too like each other to be compared by their sound.
const SOUND_LENGTH: usize = 5;

/// Vowels without stress, voiced consonants at an end and doubled letters are where Russian is
/// misspelt.
fn sound(folded: &str) -> String {
    let mut heard = String::with_capacity(folded.len());
    for c in folded.chars() {
        let c = match c {
            'о' => 'а',
            'е' | 'э' | 'я' | 'й' => 'и',
            'ъ' | 'ь' => continue,
            'щ' => 'ш',
            other => other,
        };
        if !heard.ends_with(c) {
            heard.push(c);
        }
    }
    heard
}

/// Shorter words are too like each other: «каска» is no «касса».
const TYPO_LENGTH: usize = 6;

/// The meaning of a word, if it has one here.
pub(super) fn concept(word: &Word) -> Option<Concept> {
    word.concept()
}

/// Finds the meaning of a word: as it is spelt, as it sounds, with a typo.
pub(super) fn look_up(word: &Word) -> Option<Concept> {
    if word.kind != Kind::Word || word.quotation.is_some() {
        return None;
    }
    let table = &*TABLE;
    // «глянь-ка», «долги-то»
    let plain = word
        .lower
        .strip_suffix("-ка")
        .or_else(|| word.lower.strip_suffix("-то"));
    if let Some(concept) = plain.and_then(|plain| table.exact.get(plain)) {
        return Some(*concept);
    }
    table
        .known(word)
        .or_else(|| table.misheard(word))
        .or_else(|| table.mistyped(word))
}

/// The meaning of a word that is spelt right.
pub(super) fn concept_as_spelt(word: &Word) -> Option<Concept> {
    if word.kind != Kind::Word || word.quotation.is_some() {
        return None;
    }
    TABLE.known(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::words::split;

    fn of(text: &str) -> Option<Concept> {
        concept(&split(text)[0])
    }

    #[test]
    fn forms_and_typos_are_recognised() {
        for (word, expected) in [
            ("задолженностями", Concept::Debt),
            ("Дебиторке", Concept::Receivable),
            ("просроченой", Concept::Overdue),
            ("продожи", Concept::Sales),
            ("проадажи", Concept::Sales),
            ("непроведённые", Concept::Unposted),
            ("receivabels", Concept::Receivable),
            ("customer", Concept::Customer),
        ] {
            assert_eq!(of(word), Some(expected), "{word}");
        }
        for name in ["каска", "Ромашка", "бумага", "SvetoCopy", "«касса»"] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
