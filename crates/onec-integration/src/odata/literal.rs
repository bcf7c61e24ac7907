//! Values as they are written in a query. Each type has one way to be written, so that no value
//! can end its literal and become a part of the query.

use std::fmt;

use chrono::NaiveDateTime;
use rust_decimal::Decimal;
use uuid::Uuid;

/// A value of a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal<'a> {
    /// A reference of one type.
    Guid(Uuid),
    /// A reference in a field of several types, which equals nothing but a cast one: reference and
    /// the entity set that it belongs to.
    Cast(Uuid, &'a str),
    /// A naive local time of the infobase.
    DateTime(NaiveDateTime),
    /// A string; also the member of an enumeration, which 1C keeps as its name.
    Text(&'a str),
    /// A number of any type.
    Number(Decimal),
    /// A boolean.
    Bool(bool),
    /// No value.
    Null,
}

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guid(guid) => write!(f, "guid'{guid}'"),
            Self::Cast(guid, set) => write!(f, "cast(guid'{guid}','{}')", set.replace('\'', "''")),
            Self::DateTime(moment) => write!(f, "datetime'{}'", moment.format("%Y-%m-%dT%H:%M:%S")),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Null => f.write_str("null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_form() {
        let guid = Uuid::from_u128(0x1fa1_a135_d89b_11e6_8343_4016_7e25_31c3);
        let moment = chrono::NaiveDate::from_ymd_opt(2026, 2, 28)
            .unwrap()
            .and_hms_opt(23, 59, 59)
            .unwrap();
        for (literal, text) in [
            (Literal::Guid(guid), "guid'1fa1a135-d89b-11e6-8343-40167e2531c3'"),
            (
                Literal::Cast(guid, "Catalog_Контрагенты"),
                "cast(guid'1fa1a135-d89b-11e6-8343-40167e2531c3','Catalog_Контрагенты')",
            ),
            (Literal::DateTime(moment), "datetime'2026-02-28T23:59:59'"),
            (Literal::Text("it's' or true"), "'it''s'' or true'"),
            (Literal::Number(Decimal::new(1050, 2)), "10.50"),
            (Literal::Bool(true), "true"),
            (Literal::Null, "null"),
        ] {
            assert_eq!(literal.to_string(), text);
        }
    }
}
