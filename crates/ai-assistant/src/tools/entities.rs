//! Generic access: what onec-integration tells of sets and rows, and conditions as it takes them.
//!
//! A model never writes a query: it names properties, comparisons and values, and the condition is put
//! together here, by the types that the infobase publishes.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use common::contract::onec::{Citation, Column, ColumnKind};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::arguments::{self, Condition};
use crate::attachments::Sheet;

/// Characters of a name.
const MAX_NAME: usize = 150;
/// Conditions of one call.
const MAX_CONDITIONS: usize = 10;

/// A set in the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Listed {
    name: String,
    kind: String,
}

/// A set.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Entity {
    name: String,
    kind: String,
    properties: Vec<Property>,
    #[serde(default)]
    parts: Vec<Part>,
}

/// A property.
#[derive(Debug, Clone, Deserialize)]
struct Property {
    name: String,
    r#type: String,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    navigation: Option<String>,
}

/// A tabular part.
#[derive(Debug, Clone, Deserialize)]
struct Part {
    name: String,
    properties: Vec<Property>,
}

/// Rows of a set.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Rows {
    columns: Vec<RowsColumn>,
    pub(super) rows: Vec<Map<String, Value>>,
    #[serde(default)]
    next_cursor: Option<String>,
    pub(super) partial: bool,
    pub(crate) as_of: DateTime<Utc>,
    pub(crate) citations: Vec<Citation>,
}

#[derive(Debug, Clone, Deserialize)]
struct RowsColumn {
    name: String,
    r#type: String,
}

/// True for what may be the name of a set or property; a slash is in those of properties of references.
fn is_name(name: &str, may_walk: bool) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    !name.is_empty()
        && name.chars().count() <= MAX_NAME
        && name
            .split('/')
            .all(|part| !part.is_empty() && part.chars().all(is_letter))
        && (may_walk || !name.contains('/'))
}

/// Checks the name of a set.
pub(super) fn checked(name: &str) -> Result<(), String> {
    if is_name(name, false) {
        Ok(())
    } else {
        Err(format!("«{name}» — не имя набора. Имена даёт list_entities."))
    }
}

impl Property {
    fn shown(&self) -> String {
        let kind = match self.r#type.as_str() {
            "Edm.String" => "строка",
            "Edm.DateTime" => "дата",
            "Edm.Boolean" => "да/нет",
            "Edm.Guid" => "ссылка",
            "Edm.Int16" | "Edm.Int32" | "Edm.Int64" | "Edm.Double" | "Edm.Decimal" => "число",
            other => other,
        };
        match &self.target {
            Some(target) => format!("{}: {kind} → {target}", self.name),
            None => format!("{}: {kind}", self.name),
        }
    }
}

impl Entity {
    /// What a model is told: names and types, as many as fit.
    pub(super) fn shown(&self, most: usize) -> String {
        let list = |properties: &[Property]| -> Vec<String> {
            properties.iter().take(most).map(Property::shown).collect()
        };
        let parts: Map<String, Value> = self
            .parts
            .iter()
            .map(|part| (part.name.clone(), json!(list(&part.properties))))
            .collect();
        json!({
            "entity": self.name,
            "kind": self.kind,
            "properties": list(&self.properties),
            "parts": parts,
            "note": (self.properties.len() > most).then(|| format!("показано {most} из {}", self.properties.len())),
        })
        .to_string()
    }

    /// The parameters of a request for rows.
    ///
    /// # Errors
    /// A text for the model, when it names what is not there.
    pub(super) fn query(&self, asked: &arguments::Rows) -> Result<Vec<(&'static str, String)>, String> {
        let mut query = Vec::new();
        let conditions = asked.conditions.as_deref().unwrap_or_default();
        if conditions.len() > MAX_CONDITIONS {
            return Err(format!("Условий не больше {MAX_CONDITIONS}."));
        }
        let mut filter = Vec::with_capacity(conditions.len());
        for condition in conditions {
            filter.push(self.condition(condition)?);
        }
        if !filter.is_empty() {
            query.push(("filter", filter.join(" and ")));
        }
        for (key, names) in [("select", &asked.select), ("expand", &asked.names)] {
            let names = names.as_deref().unwrap_or_default();
            for name in names {
                self.property(name)?;
            }
            if !names.is_empty() {
                query.push((key, names.join(",")));
            }
        }
        if let Some(property) = &asked.order_by {
            self.property(property)?;
            let direction = if asked.descending == Some(true) {
                " desc"
            } else {
                ""
            };
            query.push(("orderby", format!("{property}{direction}")));
        }
        if let Some(limit) = asked.limit {
            query.push(("limit", limit.0.min(200).to_string()));
        }
        Ok(query)
    }

    fn property(&self, name: &str) -> Result<&Property, String> {
        let plain = name.strip_suffix("_Key").unwrap_or(name);
        self.properties
            .iter()
            .find(|property| property.name == name || property.navigation.as_deref() == Some(plain))
            .ok_or_else(|| {
                format!(
                    "У {} нет реквизита «{name}». Реквизиты даёт describe_entity.",
                    self.name
                )
            })
    }

    fn condition(&self, condition: &Condition) -> Result<String, String> {
        let name = condition.property.as_str();
        if !is_name(name, true) {
            return Err(format!("«{name}» — не имя реквизита."));
        }
        // Of what a reference leads to, the value alone tells the type.
        let kind = match name.split_once('/') {
            Some((reference, _)) => {
                self.property(reference)?;
                None
            }
            None => Some(self.property(name)?.r#type.as_str()),
        };
        let wrong = || format!("Значение для «{name}» не подходит к его типу.");
        match condition.op.operator() {
            Some(operator) => {
                let literal = literal(kind, &condition.value).ok_or_else(wrong)?;
                Ok(format!("{name} {operator} {literal}"))
            }
            None => {
                // What it contains.
                let text = condition
                    .value
                    .as_str()
                    .filter(|text| !text.is_empty())
                    .ok_or_else(wrong)?;
                Ok(format!("substringof({},{name}) eq true", quoted(text)))
            }
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A value as OData writes it.
fn literal(kind: Option<&str>, value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    let guid = || text.parse::<Uuid>().ok().map(|id| format!("guid'{id}'"));
    let number = || {
        text.replace(',', ".")
            .parse::<Decimal>()
            .ok()
            .map(|number| number.to_string())
    };
    let truth = || match text.as_str() {
        "true" | "да" => Some("true".to_owned()),
        "false" | "нет" => Some("false".to_owned()),
        _ => None,
    };
    let moment = || {
        let at = text
            .parse::<NaiveDate>()
            .ok()
            .and_then(|day| day.and_hms_opt(0, 0, 0))
            .or_else(|| text.trim_end_matches('Z').parse::<NaiveDateTime>().ok())?;
        Some(format!("datetime'{}'", at.format("%Y-%m-%dT%H:%M:%S")))
    };
    match kind {
        Some("Edm.Guid") => guid(),
        Some("Edm.Boolean") => truth(),
        Some("Edm.DateTime") => moment(),
        Some("Edm.Int16" | "Edm.Int32" | "Edm.Int64" | "Edm.Double" | "Edm.Decimal") => number(),
        Some(_) => Some(quoted(&text)),
        None => guid()
            .or_else(moment)
            .or_else(|| value.is_boolean().then(truth).flatten())
            .or_else(|| value.is_number().then(number).flatten())
            .or_else(|| Some(quoted(&text))),
    }
}

impl Rows {
    /// True when there are more of them.
    pub(super) fn goes_on(&self) -> bool {
        self.next_cursor.is_some()
    }

    /// The columns as tables of answers have them.
    pub(crate) fn columns(&self) -> Vec<Column> {
        let of_type = |kind: &str| match kind {
            "Edm.Guid" => ColumnKind::Id,
            "Edm.Boolean" => ColumnKind::Boolean,
            "Edm.Int16" | "Edm.Int32" | "Edm.Int64" | "Edm.Double" | "Edm.Decimal" => ColumnKind::Quantity,
            _ => ColumnKind::Text,
        };
        let mut columns: Vec<Column> = self
            .columns
            .iter()
            .map(|column| Column {
                key: column.name.clone(),
                title: column.name.clone(),
                kind: of_type(&column.r#type),
            })
            .collect();
        // Names of the objects that references lead to.
        for key in self.rows.first().into_iter().flat_map(Map::keys) {
            if !columns.iter().any(|column| column.key == *key) {
                columns.push(Column {
                    key: key.clone(),
                    title: key.clone(),
                    kind: ColumnKind::Text,
                });
            }
        }
        columns
    }

    /// The rows.
    pub(crate) fn rows(&self) -> &[Map<String, Value>] {
        &self.rows
    }

    /// True when not all are here.
    pub(crate) fn is_partial(&self) -> bool {
        self.partial || self.goes_on()
    }

    /// The rows that a model was shown, as cells.
    pub(super) fn sheet(&self, shown: usize) -> Sheet {
        let columns = self.columns();
        let cell = |value: Option<&Value>| match value {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let rows = self.rows.iter().take(shown);
        Sheet {
            name: String::new(),
            rows: rows
                .map(|row| columns.iter().map(|column| cell(row.get(&column.key))).collect())
                .collect(),
            columns: columns.into_iter().map(|column| column.title).collect(),
            row_count: self.rows.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity() -> Entity {
        serde_json::from_value(json!({
            "name": "Document_Счет", "kind": "Document",
            "properties": [
                {"name": "Ref_Key", "type": "Edm.Guid"},
                {"name": "Number", "type": "Edm.String"},
                {"name": "Date", "type": "Edm.DateTime"},
                {"name": "СуммаДокумента", "type": "Edm.Double"},
                {"name": "Posted", "type": "Edm.Boolean"},
                {"name": "Контрагент_Key", "type": "Edm.Guid", "target": "Catalog_Контрагенты", "navigation": "Контрагент"},
            ],
            "parts": [{"name": "Товары", "properties": [{"name": "Сумма", "type": "Edm.Double"}]}],
        }))
        .unwrap()
    }

    fn filter(conditions: Value) -> Result<String, String> {
        let asked = json!({"entity": "Document_Счет", "conditions": conditions});
        let query = entity().query(&serde_json::from_value(asked).unwrap())?;
        Ok(query.into_iter().map(|(_, value)| value).collect())
    }

    #[test]
    fn conditions_follow_the_types_of_properties() {
        let id = Uuid::from_u128(5);
        for (condition, written) in [
            (
                json!({"property": "Number", "op": "eq", "value": "15"}),
                "Number eq '15'".to_owned(),
            ),
            (
                json!({"property": "Date", "op": "ge", "value": "2026-10-01"}),
                "Date ge datetime'2026-10-01T00:00:00'".to_owned(),
            ),
            (
                json!({"property": "СуммаДокумента", "op": "gt", "value": "1000,5"}),
                "СуммаДокумента gt 1000.5".to_owned(),
            ),
            (
                json!({"property": "Posted", "op": "eq", "value": false}),
                "Posted eq false".to_owned(),
            ),
            (
                json!({"property": "Контрагент_Key", "op": "eq", "value": id}),
                format!("Контрагент_Key eq guid'{id}'"),
            ),
            (
                json!({"property": "Контрагент/Description", "op": "contains", "value": "О'Кей' or true"}),
                "substringof('О''Кей'' or true',Контрагент/Description) eq true".to_owned(),
            ),
        ] {
            assert_eq!(filter(json!([condition])), Ok(written));
        }
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for (condition, part) in [
            (
                json!({"property": "Цена", "op": "eq", "value": "1"}),
                "нет реквизита",
            ),
            (
                json!({"property": "Number eq '1' or Number", "op": "ne", "value": "1"}),
                "не имя",
            ),
            (
                json!({"property": "Date", "op": "ge", "value": "вчера"}),
                "не подходит",
            ),
            (
                json!({"property": "СуммаДокумента", "op": "gt", "value": "1 or 1"}),
                "не подходит",
            ),
            (
                json!({"property": "Договор/Description", "op": "eq", "value": "x"}),
                "нет реквизита",
            ),
            (
                json!({"property": "Number", "op": "contains", "value": ""}),
                "не подходит",
            ),
        ] {
            let refusal = filter(json!([condition])).unwrap_err();
            assert!(refusal.contains(part), "{refusal}");
        }
        assert!(checked("Document_Счет").is_ok());
        for name in ["", "a/b", "../reports/cash", "a?b", "Catalog Х"] {
            assert!(checked(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_shape_is_told_shortly() {
        let told = entity().shown(5);
        assert!(
            told.contains("\"Number: строка\"")
                && told.contains("показано 5 из 6")
                && told.contains("Товары"),
            "{told}"
        );
    }
}
