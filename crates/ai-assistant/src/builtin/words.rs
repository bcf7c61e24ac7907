//! From a question to words: spelling differences removed, stems found, quoted names kept whole.

use std::cell::OnceCell;

use rust_stemmers::{Algorithm, Stemmer};

use super::lexicon::{self, Concept};

/// What a piece of the question is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, perhaps with digits and hyphens inside.
    Word,
    /// Digits, perhaps with separators inside: `15`, `62.01`, `01.03.2026`.
    Number,
    /// One sign.
    Sign,
}

/// A piece of the question.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// As written.
    pub(super) text: String,
    /// Lower case, ё as е.
    pub(super) lower: String,
    /// The stem of `lower`.
    pub(super) stem: String,
    pub(super) kind: Kind,
    /// Begins with a capital letter.
    pub(super) capital: bool,
    /// Number of the quotation that it stands in.
    pub(super) quotation: Option<usize>,
    /// What it means, once that has been asked.
    meaning: OnceCell<Option<Concept>>,
}

impl Word {
    fn new(text: &str, quotation: Option<usize>) -> Self {
        let lower = fold(text);
        let kind = if lower.chars().any(char::is_alphabetic) {
            Kind::Word
        } else if lower.chars().any(|c| c.is_ascii_digit()) {
            Kind::Number
        } else {
            Kind::Sign
        };
        Self {
            text: text.to_owned(),
            stem: if kind == Kind::Word {
                stem(&lower)
            } else {
                lower.clone()
            },
            capital: text.chars().next().is_some_and(char::is_uppercase),
            lower,
            kind,
            quotation,
            meaning: OnceCell::new(),
        }
    }

    /// What it means here: looked up once.
    pub(super) fn concept(&self) -> Option<Concept> {
        *self.meaning.get_or_init(|| lexicon::look_up(self))
    }

    /// True when the word is one of these, in lower case.
    pub(super) fn is(&self, words: &[&str]) -> bool {
        words.contains(&self.lower.as_str())
    }

    /// The value of plain digits.
    pub(super) fn number(&self) -> Option<u32> {
        (self.kind == Kind::Number)
            .then(|| self.lower.parse().ok())
            .flatten()
    }
}

/// Lower case, with ё as е.
pub(super) fn fold(text: &str) -> String {
    text.to_lowercase().replace('ё', "е").replace('\u{2019}', "'")
}

/// The stem of a folded word, by its script.
pub(super) fn stem(folded: &str) -> String {
    let cyrillic = folded.chars().any(is_cyrillic);
    let algorithm = if cyrillic {
        Algorithm::Russian
    } else {
        Algorithm::English
    };
    Stemmer::create(algorithm).stem(folded).into_owned()
}

fn is_cyrillic(c: char) -> bool {
    ('\u{400}'..='\u{4ff}').contains(&c)
}

/// Splits a question. Pieces such as `62.01`, `2026-03-01`, `КА00-000012` and `р/с` stay whole;
/// `топ-5`, `1-15` and `октябрь-ноябрь` come apart.
pub(super) fn split(text: &str) -> Vec<Word> {
    let chars: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut quotation = None;
    let mut quotations = 0;
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        if c.is_alphanumeric() {
            let start = i;
            i += 1;
            while i < chars.len() && (chars[i].is_alphanumeric() || joins(&chars, i)) {
                i += 1;
            }
            let piece: String = chars[start..i].iter().collect();
            push(&mut words, &piece, quotation);
            continue;
        }
        match c {
            '«' | '„' => quotation = Some(next(&mut quotations)),
            '»' => quotation = None,
            '"' | '“' | '”' => {
                quotation = if quotation.is_some() {
                    None
                } else {
                    Some(next(&mut quotations))
                };
            }
            c if c.is_whitespace() => {}
            c => words.push(Word::new(&c.to_string(), quotation)),
        }
        i += 1;
    }
    words
}

fn next(counter: &mut usize) -> usize {
    *counter += 1;
    *counter
}

/// True for a sign within a piece.
fn joins(chars: &[char], i: usize) -> bool {
    let (Some(before), Some(after)) = (i.checked_sub(1).map(|b| chars[b]), chars.get(i + 1)) else {
        return false;
    };
    match chars[i] {
        // `62.01`, `76.АВ`
        '.' => {
            before.is_ascii_digit()
                && (after.is_ascii_digit() || (after.is_uppercase() && is_cyrillic(*after)))
        }
        '\'' | '\u{2019}' => before.is_alphabetic() && after.is_alphabetic() && before.is_ascii(),
        '-' | '/' | '\u{2011}' => before.is_alphanumeric() && after.is_alphanumeric(),
        _ => false,
    }
}

fn push(words: &mut Vec<Word>, piece: &str, quotation: Option<usize>) {
    if quotation.is_none()
        && let Some((left, right)) = piece.split_once(['-', '\u{2011}'])
        && comes_apart(left, right)
    {
        words.push(Word::new(left, None));
        words.push(Word::new("-", None));
        words.push(Word::new(right, None));
        return;
    }
    // "Vector's"
    let owner = piece
        .strip_suffix("'s")
        .or_else(|| piece.strip_suffix("\u{2019}s"))
        .filter(|owner| {
            !matches!(
                fold(owner).as_str(),
                "what" | "who" | "it" | "how" | "let" | "where"
            )
        });
    words.push(Word::new(owner.unwrap_or(piece), quotation));
}

fn comes_apart(left: &str, right: &str) -> bool {
    let small = |s: &str| s.len() <= 2 && s.bytes().all(|b| b.is_ascii_digit());
    let day = |s: &str| s.matches('.').count() >= 1 && s.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let (l, r) = (fold(left), fold(right));
    (small(&l) && small(&r))
        || (day(&l) && day(&r))
        || (matches!(l.as_str(), "топ" | "top") && r.parse::<u32>().is_ok())
        || (super::period::month(&l).is_some() && super::period::month(&r).is_some())
        || (asks_for_something(left) && asks_for_something(right))
}

/// «приход» and «расход» of «приход-расход».
fn asks_for_something(part: &str) -> bool {
    part.chars().count() >= 4
        && lexicon::concept_as_spelt(&Word::new(part, None)).is_some_and(|concept| concept != Concept::Idle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        split(text).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn pieces_stay_whole_or_come_apart() {
        assert_eq!(texts("ОСВ по счёту 62.01?"), ["ОСВ", "по", "счёту", "62.01", "?"]);
        assert_eq!(
            texts("с 2026-03-01 № КА00-000012"),
            ["с", "2026-03-01", "№", "КА00-000012"]
        );
        assert_eq!(
            texts("топ-5 за 1-15 марта"),
            ["топ", "-", "5", "за", "1", "-", "15", "марта"]
        );
        assert_eq!(texts("октябрь-ноябрь"), ["октябрь", "-", "ноябрь"]);
        assert_eq!(texts("01.03.2026-15.03.2026"), ["01.03.2026", "-", "15.03.2026"]);
    }

    #[test]
    fn quotations_are_numbered() {
        let words = split("долг ООО «Ромашка Плюс» и \"Василёк\"");
        let quoted: Vec<_> = words
            .iter()
            .filter_map(|w| w.quotation.map(|q| (q, w.lower.as_str())))
            .collect();
        assert_eq!(quoted, [(1, "ромашка"), (1, "плюс"), (2, "василек")]);
    }
}
