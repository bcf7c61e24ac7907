//! What a client says to a virtual table: the arguments of the method, and the fields its query options name.

use super::super::error::Refusal;
use super::super::expression::Expression;
use super::super::lexer::moment;
use super::super::parser;
use super::super::query::Options;
use super::super::source::Source;
use crate::calendar;
use crate::infobase::Infobase;

/// What the caller of a method wrote in the brackets.
pub(crate) struct Arguments(pub(super) Vec<(String, String)>);

impl Arguments {
    /// The text of an argument that is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|text| !text.is_empty())
    }

    /// A moment, on the scale of stamps.
    pub(crate) fn moment(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let inner = text
            .strip_prefix("datetime'")
            .and_then(|inner| inner.strip_suffix('\''))
            .unwrap_or(text);
        let parsed = moment(inner).ok_or_else(|| Refusal::value(inner, "Edm.DateTime"))?;
        Ok(Some(calendar::seconds(parsed)))
    }

    /// A condition, whichever way its inner quotes are written.
    pub(crate) fn condition(
        &self,
        base: &Infobase,
        source: &Source,
        name: &str,
    ) -> Result<Option<Expression>, Refusal> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        if text.contains("''")
            && let Ok(parsed) = parser::filter(base, source, &text.replace("''", "'"))
        {
            return Ok(Some(parsed));
        }
        parser::filter(base, source, text).map(Some)
    }
}

/// A name among the fields a client mentions decides what sums are broken down by.
pub(crate) struct Mentioned<'a> {
    select: Option<Vec<&'a str>>,
    rest: String,
}

impl<'a> Mentioned<'a> {
    /// Reads the options.
    pub(crate) fn new(options: &'a Options) -> Self {
        let names = |list: &'a str| {
            list.split(',')
                .map(|name| name.trim().split('/').next().unwrap_or(""))
                .collect::<Vec<_>>()
        };
        let select = options
            .select
            .as_deref()
            .map(names)
            .filter(|list| !list.contains(&"*") && !list.contains(&"**"));
        let rest = [&options.filter, &options.orderby]
            .map(|text| text.as_deref().unwrap_or(""))
            .join(" ");
        Self { select, rest }
    }

    /// Whether `$filter` or `$orderby` has this word.
    pub(crate) fn word(&self, name: &str) -> bool {
        self.rest
            .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
            .any(|word| word == name)
    }

    /// Whether a field is named, by itself or through its navigation property.
    pub(crate) fn has(&self, name: &str) -> bool {
        let plain = name.strip_suffix("_Key").unwrap_or(name);
        let typed = format!("{plain}_Type");
        let shown = format!("{plain}____Presentation");
        let listed = self
            .select
            .iter()
            .flatten()
            .any(|one| [name, plain, &typed, &shown].contains(one));
        listed || self.word(name) || self.word(plain) || self.word(&typed)
    }

    /// Whether a dimension takes part: all do unless `$select` leaves it out.
    pub(crate) fn keeps(&self, name: &str) -> bool {
        self.select.is_none() || self.has(name)
    }
}

/// Splits a list of dimensions; `Склад` stands for `Склад_Key`.
pub(crate) fn named_dimension(list: &str, name: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|one| one == name || Some(one) == name.strip_suffix("_Key"))
}
