//! What of a question tells its intent.

use std::collections::HashSet;

use crate::builtin::lexicon::Concept;
use crate::builtin::words::Word;

/// What [`super::classify()`] looks at.
pub(in crate::builtin) struct Signs<'a> {
    pub(in crate::builtin) concepts: &'a HashSet<Concept>,
    pub(in crate::builtin) words: &'a [Word],
    pub(in crate::builtin) has_account: bool,
    pub(in crate::builtin) has_number: bool,
    pub(in crate::builtin) has_names: bool,
    /// One name in small letters, as goods are written.
    pub(in crate::builtin) names_goods: bool,
    /// Rows above or below a figure are asked for.
    pub(in crate::builtin) limits: bool,
    /// The period begins after today.
    pub(in crate::builtin) of_the_future: bool,
}

impl Signs<'_> {
    pub(super) fn has(&self, concept: Concept) -> bool {
        self.concepts.contains(&concept)
    }

    pub(super) fn any(&self, concepts: &[Concept]) -> bool {
        concepts.iter().any(|concept| self.has(*concept))
    }

    pub(super) fn says(&self, words: &[&str]) -> bool {
        self.words.iter().any(|word| word.is(words))
    }

    /// A word that begins so.
    pub(super) fn begins(&self, beginnings: &[&str]) -> bool {
        self.words.iter().any(|word| {
            beginnings
                .iter()
                .any(|beginning| word.lower.starts_with(beginning))
        })
    }

    /// True when the words stand in this order, next to each other.
    pub(super) fn phrase(&self, phrase: &[&str]) -> bool {
        self.words.windows(phrase.len()).any(|window| {
            window
                .iter()
                .zip(phrase)
                .all(|(word, wanted)| word.lower == *wanted)
        })
    }

    /// True when the second word follows the first within three words.
    pub(super) fn near(&self, first: &[&str], second: &[&str]) -> bool {
        self.words
            .iter()
            .enumerate()
            .filter(|(_, word)| word.is(first))
            .any(|(i, _)| self.words.iter().skip(i + 1).take(3).any(|word| word.is(second)))
    }

    /// Nothing is spoken of but these, function words aside.
    pub(super) fn only(&self, concepts: &[Concept]) -> bool {
        const SLOTS: [Concept; 7] = [
            Concept::All,
            Concept::Idle,
            Concept::We,
            Concept::Our,
            Concept::Us,
            Concept::Pronoun,
            Concept::Not,
        ];
        self.concepts
            .iter()
            .all(|concept| concepts.contains(concept) || SLOTS.contains(concept))
    }
}
