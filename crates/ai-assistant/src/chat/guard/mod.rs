//! The number guard: every figure, full date and number of a document that a language model writes
//! must be one that a tool returned or the question named, or a sum, difference, share or count of
//! such. What remains is named and marked in the text.

mod known;
#[cfg(test)]
mod tests;
mod written;

use chrono::NaiveDate;
use common::contract::onec::{Match, Report};

use self::known::Known;
use crate::tools::{Facts, Toolbox};

/// What stands behind a figure that nothing accounts for.
const MARK: &str = "\u{a0}[?]";
/// Currencies and the like that the mark stands behind.
const BEHIND: [&str; 8] = ["₽", "руб.", "рублей", "рубля", "рубль", "RUB", "шт.", "коп."];

/// What an answer rests on besides the results of tools.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grounds<'a> {
    /// The question: figures in it may be repeated.
    pub(crate) question: &'a str,
    pub(crate) today: NaiveDate,
}

/// A text whose figures were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    /// What nothing accounts for, as written, each once.
    pub(crate) unverified: Vec<String>,
    /// The text with a mark behind each of them.
    pub(crate) marked: String,
}

impl Grounds<'_> {
    /// What nothing accounts for, as written.
    pub(crate) fn unverified(&self, text: &str, toolbox: &Toolbox) -> Vec<String> {
        self.check(text, toolbox).unverified
    }

    /// Checks a text against the results of tools.
    pub(crate) fn check(&self, text: &str, toolbox: &Toolbox) -> Checked {
        self.against(text, toolbox.reports(), toolbox.matches(), toolbox.facts())
    }

    fn against(&self, text: &str, reports: &[Report], matches: &[Match], facts: &[Facts]) -> Checked {
        let written = written::find(text);
        let mut checked = Checked {
            unverified: Vec::new(),
            marked: text.to_owned(),
        };
        if written.is_empty() {
            return checked;
        }
        let known = Known::new(self.question, self.today, reports, matches, facts);
        for one in written.iter().rev() {
            if known.accounts_for(&one.what) {
                continue;
            }
            let figure = text[one.start..one.end].trim().to_owned();
            checked.marked.insert_str(behind(text, one.end), MARK);
            checked.unverified.retain(|known| *known != figure);
            checked.unverified.push(figure);
        }
        checked.unverified.reverse();
        checked
    }
}

/// Where the mark of what ends at `end` goes.
fn behind(text: &str, end: usize) -> usize {
    let rest = &text[end..];
    let trimmed = rest.trim_start_matches([' ', '\u{a0}', '\u{202f}']);
    let gap = rest.len() - trimmed.len();
    BEHIND
        .iter()
        .find(|unit| gap <= 3 && trimmed.starts_with(**unit))
        .map_or(end, |unit| end + gap + unit.len())
}
