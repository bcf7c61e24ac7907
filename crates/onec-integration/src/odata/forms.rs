//! Values in the form that 1C gives them in JSON. Atom has strings only; which of them are numbers and
//! truth values is told by the metadata.

use std::collections::HashMap;

use serde_json::Number;

use super::Row;
use super::atom::Properties;
use crate::catalogue::access::rows_type;

/// What a value is in JSON, when it is no string.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Number,
    Boolean,
    /// Rows of a type.
    Rows(String),
}

/// The properties of types whose values are no strings. `Edm.Int64` is a string in JSON too.
#[derive(Debug, Clone, Default)]
pub(crate) struct Forms(HashMap<String, HashMap<String, Form>>);

impl Forms {
    /// Adds a property of a type as the metadata declare it.
    pub(crate) fn declare(&mut self, of: &str, property: &str, edm_type: &str) {
        let form = match edm_type {
            "Edm.Boolean" => Form::Boolean,
            "Edm.Byte" | "Edm.SByte" | "Edm.Int16" | "Edm.Int32" | "Edm.Single" | "Edm.Double"
            | "Edm.Decimal" => Form::Number,
            other => match rows_type(other) {
                Some(rows) => Form::Rows(rows.to_owned()),
                None => return,
            },
        };
        let properties = self.0.entry(of.to_owned()).or_default();
        properties.insert(property.to_owned(), form);
    }

    /// An object of a set as JSON would have it. What does not fit its type stays a string, so that
    /// whoever reads it can say what is wrong with it.
    pub(crate) fn typed(&self, set: &str, properties: Properties) -> Properties {
        match properties.row() {
            Ok(row) => Properties::of_json(self.object(set, &row)),
            Err(_) => properties,
        }
    }

    fn object(&self, of: &str, row: &Row<'_>) -> String {
        let Some(forms) = self.0.get(of) else {
            return row.json();
        };
        row.json_with(|name, raw| match forms.get(name)? {
            Form::Rows(rows) => {
                let lines = row.rows(name).ok()?;
                let lines: Vec<String> = lines.iter().map(|line| self.object(rows, line)).collect();
                Some(format!("[{}]", lines.join(",")))
            }
            form => form.bare(raw),
        })
    }
}

impl Form {
    /// A string without its quotes, when that is a value of the form; empty ones are null.
    fn bare(&self, raw: &str) -> Option<String> {
        let text = raw.strip_prefix('"')?.strip_suffix('"')?.trim();
        if text.is_empty() {
            return Some("null".to_owned());
        }
        let fits = match self {
            Self::Boolean => matches!(text, "true" | "false"),
            Self::Number => serde_json::from_str::<Number>(text).is_ok(),
            Self::Rows(_) => false,
        };
        fits.then(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_the_form_that_json_has() {
        let mut forms = Forms::default();
        for (of, property, edm_type) in [
            ("Catalog_А", "Сумма", "Edm.Double"),
            ("Catalog_А", "Срок", "Edm.Int16"),
            ("Catalog_А", "Длинное", "Edm.Int64"),
            ("Catalog_А", "Да", "Edm.Boolean"),
            ("Catalog_А", "Нет", "Edm.Boolean"),
            ("Catalog_А", "Имя", "Edm.String"),
            (
                "Catalog_А",
                "Части",
                "Collection(StandardODATA.Catalog_А_Части_RowType)",
            ),
            ("Catalog_А_Части_RowType", "Цена", "Edm.Double"),
        ] {
            forms.declare(of, property, edm_type);
        }
        let atom = r#"{"Сумма":"90071992547409.93","Срок":"","Длинное":"7","Да":"true","Нет":null,"Имя":"12","Части":[{"Цена":"1.50","LineNumber":"1"}],"Чужое":"3"}"#;
        let json = r#"{"Сумма":90071992547409.93,"Срок":null,"Длинное":"7","Да":true,"Нет":null,"Имя":"12","Части":[{"Цена":1.50,"LineNumber":"1"}],"Чужое":"3"}"#;
        let typed = |set: &str, text: &str| forms.typed(set, Properties::of_json(text.to_owned()));
        assert_eq!(typed("Catalog_А", atom).as_json(), json);
        // Once more changes nothing, and of a set that is not known nothing is known.
        assert_eq!(typed("Catalog_А", json).as_json(), json);
        assert_eq!(typed("Catalog_Б", atom).as_json(), atom);
        // What is not of its type is left for the reader to refuse.
        let wrong = r#"{"Сумма":"много","Да":"oops","Части":"нет"}"#;
        assert_eq!(typed("Catalog_А", wrong).as_json(), wrong);
    }
}
