//! What is hidden from models of others, and the names of its tokens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kind of a hidden text. A token is `[ORG-1]`: the kind and a number within the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Customers, suppliers and our own companies.
    Organisation,
    Person,
    /// Goods and services.
    Item,
    Inn,
    Kpp,
    Ogrn,
    Snils,
    Phone,
    Email,
    /// Bank accounts.
    Account,
    Bic,
    Card,
    /// Series and number of a passport.
    Passport,
    Address,
    /// Text that looks like a token of ours and is not one.
    Literal,
}

impl Kind {
    pub(crate) const ALL: [Self; 15] = [
        Self::Organisation,
        Self::Person,
        Self::Item,
        Self::Inn,
        Self::Kpp,
        Self::Ogrn,
        Self::Snils,
        Self::Phone,
        Self::Email,
        Self::Account,
        Self::Bic,
        Self::Card,
        Self::Passport,
        Self::Address,
        Self::Literal,
    ];

    /// The word in tokens.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Organisation => "ORG",
            Self::Person => "PER",
            Self::Item => "ITEM",
            Self::Inn => "INN",
            Self::Kpp => "KPP",
            Self::Ogrn => "OGRN",
            Self::Snils => "SNILS",
            Self::Phone => "PHONE",
            Self::Email => "EMAIL",
            Self::Account => "ACC",
            Self::Bic => "BIC",
            Self::Card => "CARD",
            Self::Passport => "PASS",
            Self::Address => "ADDR",
            Self::Literal => "TXT",
        }
    }

    /// The kind of that word, in any case.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word().eq_ignore_ascii_case(word))
    }

    /// The name in JSON, in the database and in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Person => "person",
            Self::Item => "item",
            Self::Inn => "inn",
            Self::Kpp => "kpp",
            Self::Ogrn => "ogrn",
            Self::Snils => "snils",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Account => "account",
            Self::Bic => "bic",
            Self::Card => "card",
            Self::Passport => "passport",
            Self::Address => "address",
            Self::Literal => "literal",
        }
    }

    /// The kind of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A place in a text that has to be hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// Byte where it begins.
    pub(crate) start: usize,
    /// Byte behind its end.
    pub(crate) end: usize,
    pub(crate) kind: Kind,
    /// What makes two spellings the same thing.
    pub(crate) key: String,
    /// What the token is replaced by when it comes back.
    pub(crate) value: String,
}
