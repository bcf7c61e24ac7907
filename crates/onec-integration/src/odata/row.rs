//! Reading answers. Numbers stay text until they are decimals, so that money never passes through
//! a binary fraction.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDateTime};
use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::DataError;

/// Bodies of 1C may begin with a byte order mark.
pub(super) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// Rows of an entity set or of a virtual table.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Collection<'a> {
    /// The rows.
    #[serde(borrow)]
    pub(crate) value: Vec<Row<'a>>,
    /// How many there are in all, when that was asked for: a string.
    #[serde(rename = "odata.count", default)]
    count: Option<Cow<'a, str>>,
}

impl<'a> Collection<'a> {
    /// Reads a body.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, DataError> {
        serde_json::from_slice(without_bom(body)).map_err(DataError::Json)
    }

    /// How many rows there are in all, when that was asked for.
    pub(crate) fn count(&self) -> Option<u64> {
        self.count.as_deref()?.trim().parse().ok()
    }
}

/// An object of an answer. Accessors give `None` for null, for values that 1C calls empty and for
/// properties that are not there.
#[derive(Debug)]
pub(crate) struct Row<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Row<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Properties;
        impl<'de> Visitor<'de> for Properties {
            type Value = Row<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row<'de>, A::Error> {
                let mut properties = Vec::with_capacity(16);
                while let Some(Name(name)) = map.next_key::<Name<'de>>()? {
                    // Links that minimalmetadata adds are of no use.
                    if name.contains('@') {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        properties.push((name, map.next_value()?));
                    }
                }
                Ok(Row(properties))
            }
        }
        deserializer.deserialize_map(Properties)
    }
}

/// A property's name, borrowed where the JSON has no escapes in it.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Row<'a> {
    /// Reads a body that is one object.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, DataError> {
        serde_json::from_slice(without_bom(body)).map_err(DataError::Json)
    }

    /// True when there is such a property, whatever its value.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.names().any(|name| name == field)
    }

    /// Names of the properties, in the order of the answer.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    fn raw(&self, field: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(name, _)| name == field)
            .map(|(_, value)| value.get())
            .filter(|value| *value != "null")
    }

    /// A value of any simple type as text; `None` for null.
    pub(crate) fn text_of(&self, field: &str) -> Option<String> {
        let raw = self.raw(field)?;
        Some(string(raw).map_or_else(|| raw.to_owned(), Cow::into_owned))
    }

    /// A string without the spaces that pad it.
    pub(crate) fn text(&self, field: &str) -> Result<Option<String>, DataError> {
        let Some(raw) = self.raw(field) else {
            return Ok(None);
        };
        let text: Cow<'_, str> = string(raw).ok_or_else(|| wrong(field, "string"))?;
        let text = text.trim();
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    /// A number of any type: JSON numbers, and the strings that Int64 comes as.
    pub(crate) fn decimal(&self, field: &str) -> Result<Option<Decimal>, DataError> {
        let Some(raw) = self.raw(field) else {
            return Ok(None);
        };
        let text = raw.trim_matches('"').trim();
        if text.is_empty() {
            return Ok(None);
        }
        Decimal::from_str(text)
            .or_else(|_| Decimal::from_scientific(text))
            .map(Some)
            .map_err(|_| wrong(field, "number"))
    }

    /// A whole number.
    pub(crate) fn integer(&self, field: &str) -> Result<Option<i32>, DataError> {
        let Some(raw) = self.raw(field) else {
            return Ok(None);
        };
        let text = raw.trim_matches('"').trim();
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| wrong(field, "whole number"))
    }

    /// A boolean; null, where the attribute does not apply, is `None`.
    pub(crate) fn boolean(&self, field: &str) -> Result<Option<bool>, DataError> {
        match self.raw(field) {
            None => Ok(None),
            // Atom has no other values than strings.
            Some("true" | "\"true\"") => Ok(Some(true)),
            Some("false" | "\"false\"") => Ok(Some(false)),
            Some("\"\"") => Ok(None),
            Some(_) => Err(wrong(field, "boolean")),
        }
    }

    /// A naive local time; the empty date of 1C is `None`.
    pub(crate) fn moment(&self, field: &str) -> Result<Option<NaiveDateTime>, DataError> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        let moment =
            NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").map_err(|_| wrong(field, "date"))?;
        Ok((moment.year() > 1).then_some(moment))
    }

    /// A reference; the empty one is `None`. A value of another type than a reference, which fields
    /// of several types may hold, is `None` too.
    pub(crate) fn guid(&self, field: &str) -> Option<Uuid> {
        let text = string(self.raw(field)?)?;
        Uuid::parse_str(text.trim()).ok().filter(|guid| !guid.is_nil())
    }

    /// The entity set that a field of several types refers to: `X_Type` without its namespace.
    pub(crate) fn target(&self, field: &str) -> Option<String> {
        let text = string(self.raw(&format!("{field}_Type"))?)?;
        text.strip_prefix("StandardODATA.").map(str::to_owned)
    }

    /// The row with properties of another one that it does not have itself.
    pub(crate) fn with_missing(mut self, other: &Self, names: &[&str]) -> Self {
        for name in names {
            let given = other.0.iter().find(|(known, _)| known == name);
            if let Some((known, value)) = given
                && !self.0.iter().any(|(own, _)| own == known)
            {
                self.0.push((known.clone(), value));
            }
        }
        self
    }

    /// The object as JSON text, without what minimalmetadata adds.
    pub(crate) fn json(&self) -> String {
        self.json_with(|_, _| None)
    }

    /// The same with other values, as JSON text, for the properties that `change` gives one for.
    pub(super) fn json_with(&self, change: impl Fn(&str, &str) -> Option<String>) -> String {
        let size = self
            .0
            .iter()
            .map(|(name, value)| name.len() + value.get().len() + 4);
        let mut json = String::with_capacity(size.sum::<usize>() + 2);
        for (name, value) in &self.0 {
            json.push(if json.is_empty() { '{' } else { ',' });
            // A string always serialises.
            json.push_str(&serde_json::to_string(name).unwrap_or_default());
            json.push(':');
            match change(name, value.get()) {
                Some(other) => json.push_str(&other),
                None => json.push_str(value.get()),
            }
        }
        json.push_str(if json.is_empty() { "{}" } else { "}" });
        json
    }

    /// Rows of a tabular part.
    pub(crate) fn rows(&self, field: &str) -> Result<Vec<Row<'a>>, DataError> {
        match self.raw(field) {
            None => Ok(Vec::new()),
            Some(raw) => serde_json::from_str(raw).map_err(DataError::Json),
        }
    }
}

fn string(raw: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Name<'_>>(raw).ok().map(|Name(text)| text)
}

fn wrong(field: &str, expected: &'static str) -> DataError {
    DataError::Value {
        field: field.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    const BODY: &str = "\u{feff}{\"odata.metadata\":\"http://host/$metadata#X\",\"value\":[{\
        \"Ref_Key\":\"c5a0384c-e9e4-11e5-4487-000c295e30eb\",\"Пусто_Key\":\"00000000-0000-0000-0000-000000000000\",\
        \"LineNumber\":\"12\",\"Сумма\":336.1,\"Крупная\":90071992547409.93,\"Дробь\":1E-2,\"Нет\":null,\"Да\":true,\
        \"Код\":\"796   \",\"Пробелы\":\"  \",\"Дата\":\"2015-12-31T23:59:59\",\"Пустая\":\"0001-01-01T00:00:00\",\
        \"Владелец\":\"c5a0384c-e9e4-11e5-4487-000c295e30eb\",\"Владелец_Type\":\"StandardODATA.Catalog_Организации\",\
        \"Кавычки\":\"ООО \\\"Ромашка\\\"\",\"Товары\":[{\"LineNumber\":\"1\",\"Цена\":20000}],\
        \"Контрагент@navigationLinkUrl\":\"x\"}]}";

    #[test]
    fn values_are_read_by_their_type() {
        let rows = Collection::parse(BODY.as_bytes()).unwrap().value;
        let row = &rows[0];
        assert!(row.guid("Ref_Key").is_some());
        assert_eq!(row.guid("Пусто_Key"), None);
        assert_eq!(row.integer("LineNumber").unwrap(), Some(12));
        assert_eq!(row.decimal("Сумма").unwrap(), Some(dec!(336.1)));
        assert_eq!(row.decimal("Крупная").unwrap(), Some(dec!(90071992547409.93)));
        assert_eq!(row.decimal("Дробь").unwrap(), Some(dec!(0.01)));
        assert_eq!(row.decimal("LineNumber").unwrap(), Some(dec!(12)));
        assert_eq!(row.decimal("Нет").unwrap(), None);
        assert_eq!(row.boolean("Нет").unwrap(), None);
        assert_eq!(row.boolean("Да").unwrap(), Some(true));
        assert_eq!(row.text("Код").unwrap().as_deref(), Some("796"));
        assert_eq!(row.text("Пробелы").unwrap(), None);
        assert_eq!(row.text("Кавычки").unwrap().as_deref(), Some("ООО \"Ромашка\""));
        assert_eq!(
            row.moment("Дата").unwrap().unwrap().to_string(),
            "2015-12-31 23:59:59"
        );
        assert_eq!(row.moment("Пустая").unwrap(), None);
        assert_eq!(row.target("Владелец").as_deref(), Some("Catalog_Организации"));
        let lines = row.rows("Товары").unwrap();
        assert_eq!(lines[0].decimal("Цена").unwrap(), Some(dec!(20000)));
        assert!(row.rows("Услуги").unwrap().is_empty());
        assert_eq!(row.raw("Контрагент@navigationLinkUrl"), None);
    }

    #[test]
    fn a_value_of_another_type_is_an_error_that_names_the_property() {
        let body = r#"{"value":[{"Дата":"вчера","Сумма":"много","Да":"да"}]}"#;
        let rows = Collection::parse(body.as_bytes()).unwrap().value;
        assert_eq!(
            rows[0].moment("Дата").unwrap_err().to_string(),
            "`Дата` is not a date"
        );
        assert_eq!(
            rows[0].decimal("Сумма").unwrap_err().to_string(),
            "`Сумма` is not a number"
        );
        assert_eq!(
            rows[0].boolean("Да").unwrap_err().to_string(),
            "`Да` is not a boolean"
        );
        assert!(Collection::parse(b"<html>").is_err());
    }
}
