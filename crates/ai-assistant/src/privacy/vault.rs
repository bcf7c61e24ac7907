//! Which token stands for what, within one conversation.

use std::collections::HashMap;

use super::kind::{Kind, Span};

/// A token with what it stands for, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) kind: Kind,
    pub(crate) number: u32,
    /// What makes two spellings the same thing.
    pub(crate) key: String,
    pub(crate) value: String,
}

impl Secret {
    /// `[ORG-1]`.
    pub(crate) fn token(&self) -> String {
        token(self.kind, self.number)
    }
}

/// `[ORG-1]`.
pub(super) fn token(kind: Kind, number: u32) -> String {
    format!("[{}-{number}]", kind.word())
}

/// The tokens of a conversation.
#[derive(Debug, Default)]
pub(crate) struct Vault {
    numbers: HashMap<(Kind, String), u32>,
    values: HashMap<(Kind, u32), String>,
    last: HashMap<Kind, u32>,
    /// Those that were not there at the beginning.
    fresh: Vec<Secret>,
}

impl Vault {
    /// The tokens that were given before.
    pub(crate) fn new(secrets: Vec<Secret>) -> Self {
        let mut vault = Self::default();
        for secret in secrets {
            vault.put(secret);
        }
        vault
    }

    fn put(&mut self, secret: Secret) {
        let last = self.last.entry(secret.kind).or_default();
        *last = (*last).max(secret.number);
        self.numbers.insert((secret.kind, secret.key), secret.number);
        self.values.insert((secret.kind, secret.number), secret.value);
    }

    /// The token of what was found.
    pub(super) fn token_for(&mut self, span: &Span) -> String {
        let known = self.numbers.get(&(span.kind, span.key.clone())).copied();
        let number = known.unwrap_or_else(|| {
            let secret = Secret {
                kind: span.kind,
                number: self.last.get(&span.kind).copied().unwrap_or_default() + 1,
                key: span.key.clone(),
                value: span.value.clone(),
            };
            self.fresh.push(secret.clone());
            let number = secret.number;
            self.put(secret);
            number
        });
        token(span.kind, number)
    }

    /// What a token stands for.
    pub(super) fn value(&self, kind: Kind, number: u32) -> Option<&str> {
        self.values.get(&(kind, number)).map(String::as_str)
    }

    /// What a token in its exact spelling stands for; without its key.
    pub(super) fn secret(&self, token: &str) -> Option<Secret> {
        let (word, number) = token.strip_prefix('[')?.strip_suffix(']')?.split_once('-')?;
        let (kind, number) = (Kind::from_word(word)?, number.parse().ok()?);
        Some(Secret {
            kind,
            number,
            key: String::new(),
            value: self.value(kind, number)?.to_owned(),
        })
    }

    /// Tokens given since the beginning, which have to be kept.
    pub(crate) fn fresh(&self) -> &[Secret] {
        &self.fresh
    }
}
