//! Tokens back into what they stand for, in a stream whose pieces may cut them anywhere.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use super::kind::Kind;
use super::vault::Vault;

/// Longest spelling of a token, bytes.
const MOST: usize = 40;

/// Puts back what was hidden. One for each stream.
#[derive(Debug, Clone)]
pub(crate) struct Unmasker {
    vault: Arc<Mutex<Vault>>,
    /// What may be the beginning of a token.
    held: String,
    /// The last character that was given out.
    last: Option<char>,
}

/// What begins at a place of a text.
enum Found {
    /// A token of so many bytes.
    Token(Kind, u32, usize),
    /// Perhaps a token, when more comes.
    Begun,
    Nothing,
}

impl Unmasker {
    pub(super) fn new(vault: Arc<Mutex<Vault>>) -> Self {
        Self {
            vault,
            held: String::new(),
            last: None,
        }
    }

    /// The next piece of the text; what may be a token cut in two is held back.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        self.give(false)
    }

    /// The rest, when no more comes.
    pub(crate) fn finish(&mut self) -> String {
        let rest = self.give(true);
        self.last = None;
        rest
    }

    /// A whole text.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut fresh = Self::new(self.vault.clone());
        fresh.push(text) + &fresh.finish()
    }

    /// All strings of a value, such as the arguments of a tool.
    pub(crate) fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Value::Object(map) => Value::Object(self.object(map)),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
        }
    }

    /// All strings of an object.
    pub(crate) fn object(&self, map: Map<String, Value>) -> Map<String, Value> {
        map.into_iter()
            .map(|(key, value)| (key, self.json(value)))
            .collect()
    }

    fn give(&mut self, ended: bool) -> String {
        let text = std::mem::take(&mut self.held);
        let mut given = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let before = given.chars().next_back().or(self.last);
            match token_at(&text[at..], before, ended) {
                Found::Token(kind, number, length) => {
                    let vault = self.vault.lock().unwrap_or_else(PoisonError::into_inner);
                    match vault.value(kind, number) {
                        Some(value) => given.push_str(value),
                        None => given.push_str(&text[at..at + length]),
                    }
                    at += length;
                }
                Found::Begun => {
                    text[at..].clone_into(&mut self.held);
                    break;
                }
                Found::Nothing => {
                    given.push(c);
                    at += c.len_utf8();
                }
            }
        }
        self.last = given.chars().next_back().or(self.last);
        given
    }
}

/// Reads `[ORG-1]` and what models make of it: `ORG-1`, `\[ORG-1\]`, `[org‑1]`.
fn token_at(text: &str, before: Option<char>, ended: bool) -> Found {
    let mut rest = Rest { text, at: 0 };
    let escaped = rest.take('\\');
    let bracket = rest.take('[');
    if escaped && !bracket {
        return begun_if(rest.is_empty() && !ended);
    }
    if !bracket && before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '[')) {
        return Found::Nothing;
    }
    let word = rest.take_while(|c| c.is_ascii_alphabetic());
    let kind = if word.len() > 6 {
        None
    } else {
        Kind::from_word(word)
    };
    if rest.is_empty() {
        let may_grow = Kind::ALL.iter().any(|kind| {
            word.len() <= kind.word().len() && kind.word()[..word.len()].eq_ignore_ascii_case(word)
        });
        return begun_if(!ended && may_grow && (bracket || !word.is_empty()));
    }
    let Some(kind) = kind else {
        return Found::Nothing;
    };
    // A backslash may escape the hyphen too.
    let _ = rest.take('\\');
    let hyphen = |c: char| matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    let hyphens = rest.take_while(hyphen);
    if hyphens.chars().count() != 1 {
        return begun_if(rest.is_empty() && !ended && hyphens.is_empty());
    }
    let digits = rest.take_while(|c| c.is_ascii_digit());
    if digits.is_empty() || digits.len() > 7 {
        return begun_if(rest.is_empty() && !ended && digits.is_empty());
    }
    let behind_digits = rest.at;
    let number = digits.parse().unwrap_or_default();
    if !bracket {
        return match rest.first() {
            None if !ended => Found::Begun,
            Some(c) if c.is_alphanumeric() || c == '_' => Found::Nothing,
            _ => Found::Token(kind, number, behind_digits),
        };
    }
    let _ = rest.take('\\');
    if rest.take(']') {
        return Found::Token(kind, number, rest.at);
    }
    begun_if(rest.is_empty() && !ended)
}

fn begun_if(begun: bool) -> Found {
    if begun { Found::Begun } else { Found::Nothing }
}

/// What has not been read yet.
struct Rest<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    fn first(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn is_empty(&self) -> bool {
        self.at == self.text.len()
    }

    fn take(&mut self, wanted: char) -> bool {
        let taken = self.first() == Some(wanted);
        if taken {
            self.at += wanted.len_utf8();
        }
        taken
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest
            .char_indices()
            .find(|(at, c)| !wanted(*c) || *at > MOST)
            .map_or(rest.len(), |(at, _)| at);
        self.at += end;
        &rest[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::super::vault::Secret;
    use super::*;

    fn unmasker() -> Unmasker {
        let secret = |kind, number, value: &str| Secret {
            kind,
            number,
            key: value.to_owned(),
            value: value.to_owned(),
        };
        let vault = Vault::new(vec![
            secret(Kind::Organisation, 1, "ООО «Ромашка»"),
            secret(Kind::Organisation, 12, "Вектор"),
            secret(Kind::Person, 1, "Иванова А. П."),
            secret(Kind::Phone, 3, "+7 495 123-45-67"),
        ]);
        Unmasker::new(Arc::new(Mutex::new(vault)))
    }

    const TEXT: &str = "Долг [ORG-1] — 5 [1], [ORG-12]: **[PER-1]**, \\[PHONE-3\\], org-1, ORG‑12. ORG-123, XORG-1, [ORG-7] O [ORG-1";
    const WHOLE: &str = "Долг ООО «Ромашка» — 5 [1], Вектор: **Иванова А. П.**, +7 495 123-45-67, ООО «Ромашка», Вектор. ORG-123, XORG-1, [ORG-7] O [ORG-1";

    #[test]
    fn a_token_may_be_cut_anywhere() {
        assert_eq!(unmasker().text(TEXT), WHOLE);
        let places: Vec<usize> = TEXT.char_indices().map(|(at, _)| at).collect();
        for one in &places {
            for two in places.iter().filter(|two| *two >= one) {
                let mut stream = unmasker();
                let mut text = stream.push(&TEXT[..*one]);
                text += &stream.push(&TEXT[*one..*two]);
                text += &stream.push(&TEXT[*two..]);
                text += &stream.finish();
                assert_eq!(text, WHOLE, "{one} {two}");
            }
        }
        let mut stream = unmasker();
        let mut text: String = TEXT.chars().map(|c| stream.push(&c.to_string())).collect();
        text += &stream.finish();
        assert_eq!(text, WHOLE);
    }

    #[test]
    fn ordinary_text_is_not_held_back() {
        let mut stream = unmasker();
        assert_eq!(stream.push("Всего 5 200,50 ₽ "), "Всего 5 200,50 ₽ ");
        assert_eq!(stream.push("[1] и "), "[1] и ");
    }

    #[test]
    fn arguments_of_tools_are_put_back() {
        let arguments = serde_json::json!({"query": "[ORG-1]", "limit": 5, "more": ["PER-1"]});
        assert_eq!(
            unmasker().json(arguments),
            serde_json::json!({"query": "ООО «Ромашка»", "limit": 5, "more": ["Иванова А. П."]})
        );
    }
}
