//! Values of properties and how 1C compares them.

use std::borrow::Cow;
use std::cmp::Ordering;

use chrono::NaiveDateTime;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::calendar::{self, Stamp};
use crate::ids::{Kind, Ref};
use crate::infobase::Infobase;

/// A value of a property or of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(Cow<'a, str>),
    Date(NaiveDateTime),
    /// A guid written in a query.
    Guid(Uuid),
    /// A reference of one kind.
    Key(Ref),
    /// A reference of several kinds, or the result of `cast`.
    Composite(Ref),
}

impl<'a> Value<'a> {
    /// Text made for the purpose.
    pub(crate) fn text(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }

    /// Text the base holds.
    pub(crate) fn str(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Kopecks as roubles.
    pub(crate) fn money(kopecks: i64) -> Self {
        Self::Number(Decimal::new(kopecks, 2))
    }

    /// A whole number.
    pub(crate) fn whole(number: impl Into<i64>) -> Self {
        Self::Number(Decimal::from(number.into()))
    }

    /// A moment.
    pub(crate) fn date(stamp: Stamp) -> Self {
        Self::Date(calendar::moment(stamp))
    }

    /// A reference of one kind.
    pub(crate) fn key(kind: Kind, index: impl Into<u32>) -> Self {
        Self::Key(Ref::new(kind, index.into()))
    }

    /// Whether two values are equal in a query. A composite property never equals a bare guid: it wants a `cast`.
    pub(crate) fn equals(&self, other: &Self, base: &Infobase) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => same_text(a, b),
            (Self::Date(a), Self::Date(b)) => a == b,
            (Self::Guid(a), Self::Guid(b)) => a == b,
            (Self::Key(a), Self::Guid(b)) | (Self::Guid(b), Self::Key(a)) => base.guid(*a) == *b,
            (Self::Key(a) | Self::Composite(a), Self::Key(b) | Self::Composite(b)) => a == b,
            _ => false,
        }
    }

    /// Order of two values in a query: nothing when there is none.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Some(compare_text(a, b)),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// Whether this is a reference or a guid, which cannot be compared for order.
    pub(crate) fn is_reference(&self) -> bool {
        matches!(self, Self::Guid(_) | Self::Key(_) | Self::Composite(_))
    }

    /// Order of two values made ready for `$orderby`: nulls first, text letter by letter.
    pub(crate) fn sort(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Self::Null) => Ordering::Greater,
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.compare(other).unwrap_or(Ordering::Equal),
        }
    }
}

/// The form in which strings are compared: small letters, no spaces at the end.
pub(crate) fn folded(text: &str) -> String {
    text.trim_end_matches(' ').to_lowercase()
}

/// Equality of strings as the database has it: case and trailing spaces do not matter.
fn same_text(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim_end_matches(' '), b.trim_end_matches(' '));
    a == b || compare_text(a, b) == Ordering::Equal
}

fn compare_text(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_end_matches(' '), b.trim_end_matches(' '));
    a.chars()
        .flat_map(char::to_lowercase)
        .cmp(b.chars().flat_map(char::to_lowercase))
}
