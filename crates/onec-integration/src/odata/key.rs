//! Keys of objects and records.

use std::fmt;

use uuid::Uuid;

use super::Literal;
use super::expression::Path;

/// What stands in the parentheses after an entity set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    /// An object, or the records of a register whose recorders are of one type.
    pub(crate) fn object(reference: Uuid) -> Self {
        Self(Literal::Guid(reference).to_string())
    }

    /// Named parts: of the row of a tabular part, of a record of a register, of the records of a recorder.
    pub(crate) fn of(parts: &[(&str, Literal<'_>)]) -> Self {
        let parts: Vec<String> = parts
            .iter()
            .map(|(name, value)| format!("{}={value}", Path::new(name)))
            .collect();
        Self(parts.join(","))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_cannot_end_its_key(text in ".{0,20}", name in ".{0,20}") {
            let key = Key::of(&[(&name, Literal::Text(&text))]).to_string();
            let (_, value) = key.split_once('=').unwrap();
            let inner = value.strip_prefix('\'').unwrap().strip_suffix("')").unwrap();
            prop_assert_eq!(inner.replace("''", ""), text.replace('\'', ""));
        }
    }
}
