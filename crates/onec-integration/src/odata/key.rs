//! Keys of objects and records.

use std::fmt;

use chrono::NaiveDateTime;
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

    /// A row of a tabular part.
    pub(crate) fn row(reference: Uuid, line: u32) -> Self {
        let reference = Literal::Guid(reference);
        Self::of(&[
            ("Ref_Key", reference),
            ("LineNumber", Literal::Number(line.into())),
        ])
    }

    /// A record of an information register: its period, if it has periods, and dimensions.
    pub(crate) fn record(period: Option<NaiveDateTime>, dimensions: &[(&str, Literal<'_>)]) -> Self {
        let period = period.map(|moment| ("Period", Literal::DateTime(moment)));
        let parts: Vec<_> = period.into_iter().chain(dimensions.iter().cloned()).collect();
        Self::of(&parts)
    }

    /// The records of a recorder, in a register whose recorders are of several types: the reference
    /// is a string there.
    pub(crate) fn recorder(reference: Uuid, set: &str) -> Self {
        let set = Path::new(set);
        Self(format!(
            "Recorder='{reference}', Recorder_Type='StandardODATA.{set}'"
        ))
    }

    /// The records of a recorder, in a register whose recorders are of one type.
    pub(crate) fn only_recorder(reference: Uuid) -> Self {
        Self::of(&[("Recorder_Key", Literal::Guid(reference))])
    }

    /// The value of a constant.
    pub(crate) fn constant() -> Self {
        Self::object(Uuid::nil())
    }

    /// Named parts.
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

    #[test]
    fn each_kind_of_key_has_its_form() {
        let guid = Uuid::from_u128(0x1fa1_a135_d89b_11e6_8343_4016_7e25_31c3);
        let text = "1fa1a135-d89b-11e6-8343-40167e2531c3";
        let period = chrono::NaiveDate::from_ymd_opt(2008, 2, 5)
            .unwrap()
            .and_hms_opt(0, 0, 0);
        for (key, written) in [
            (Key::object(guid), format!("(guid'{text}')")),
            (Key::row(guid, 1), format!("(Ref_Key=guid'{text}',LineNumber=1)")),
            (
                Key::record(period, &[("Валюта_Key", Literal::Guid(guid))]),
                format!("(Period=datetime'2008-02-05T00:00:00',Валюта_Key=guid'{text}')"),
            ),
            (
                Key::recorder(guid, "Document_ЗаказКлиента"),
                format!("(Recorder='{text}', Recorder_Type='StandardODATA.Document_ЗаказКлиента')"),
            ),
            (Key::only_recorder(guid), format!("(Recorder_Key=guid'{text}')")),
            (
                Key::constant(),
                "(guid'00000000-0000-0000-0000-000000000000')".to_owned(),
            ),
        ] {
            assert_eq!(key.to_string(), written);
        }
    }

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
