//! What is different between two states of an object.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::validate::Declared;
use super::values::{empty, presented};
use crate::store::catalogue::StoredProperty;

/// A property that becomes, or became, another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Difference {
    pub(crate) property: String,
    /// None where there is no object yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Value>,
    /// For a tabular part: its rows that become others. The part is replaced whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rows: Vec<RowDifference>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replaces_whole_part: bool,
}

/// A row that is added, removed or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RowDifference {
    pub(crate) line: usize,
    /// None for a row that is added.
    pub(crate) before: Option<Value>,
    /// None for a row that is removed.
    pub(crate) after: Option<Value>,
}

/// How `meant` changes an object; without `before` all of it is new.
pub(crate) fn planned(
    declared: &Declared,
    before: Option<&Map<String, Value>>,
    meant: &Map<String, Value>,
) -> Vec<Difference> {
    let mut all = Vec::new();
    for property in &declared.entity.properties {
        let Some(after) = meant.get(&property.name) else {
            continue;
        };
        let was = before.and_then(|before| before.get(&property.name));
        if let (Some(of), Value::Array(rows)) = (declared.rows(property), after) {
            let rows = part(of, was, rows);
            if !rows.is_empty() {
                all.push(Difference {
                    property: property.name.clone(),
                    before: None,
                    after: None,
                    rows,
                    replaces_whole_part: before.is_some(),
                });
            }
        } else if was != Some(after) {
            all.push(Difference {
                property: property.name.clone(),
                before: was.cloned(),
                after: Some(after.clone()),
                rows: Vec::new(),
                replaces_whole_part: false,
            });
        }
    }
    all
}

/// Rows of a part that is replaced. What a new row does not tell is empty.
fn part(of: &[StoredProperty], before: Option<&Value>, after: &[Value]) -> Vec<RowDifference> {
    let none = Vec::new();
    let before = before.and_then(Value::as_array).unwrap_or(&none);
    let mut rows = Vec::new();
    for number in 0..before.len().max(after.len()) {
        let was = before.get(number).and_then(Value::as_object);
        let is = after.get(number).and_then(Value::as_object);
        let (was, is) = match (was, is) {
            (Some(was), Some(is)) => {
                let mut changed = (Map::new(), Map::new());
                for property in of {
                    let name = &property.name;
                    if matches!(name.as_str(), "Ref_Key" | "LineNumber") {
                        continue;
                    }
                    let nothing = empty(&property.edm_type);
                    let old = was.get(name).unwrap_or(&nothing);
                    let new = is.get(name).unwrap_or(&nothing);
                    // The type alone is not a change that a person sees.
                    if old != new && !(new == &nothing && old == &Value::Null) {
                        changed.0.insert(name.clone(), old.clone());
                        changed.1.insert(name.clone(), new.clone());
                    }
                }
                if changed.0.is_empty() {
                    continue;
                }
                (Some(changed.0), Some(changed.1))
            }
            (was, is) => (was.map(told), is.map(told)),
        };
        rows.push(RowDifference {
            line: number + 1,
            before: was.map(Value::Object),
            after: is.map(Value::Object),
        });
    }
    rows
}

fn told(row: &Map<String, Value>) -> Map<String, Value> {
    let keys = ["Ref_Key", "LineNumber"];
    row.iter()
        .filter(|(name, _)| !keys.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What was written otherwise than it was meant: only what was given is compared, since 1C's own code
/// fills in the rest.
pub(crate) fn unmet(
    declared: &Declared,
    meant: &Map<String, Value>,
    found: &Map<String, Value>,
) -> Vec<Difference> {
    let mut all = Vec::new();
    for (name, meant) in meant {
        let found = found.get(name).unwrap_or(&Value::Null);
        let property = declared.entity.property(name);
        let is_part = property.is_some_and(|property| declared.rows(property).is_some());
        let mut difference = Difference {
            property: name.clone(),
            before: None,
            after: None,
            rows: Vec::new(),
            replaces_whole_part: false,
        };
        if is_part {
            difference.rows = unmet_rows(meant, found);
            if !difference.rows.is_empty() {
                all.push(difference);
            }
        } else if meant != found {
            difference.before = Some(meant.clone());
            difference.after = Some(found.clone());
            all.push(difference);
        }
    }
    all
}

fn unmet_rows(meant: &Value, found: &Value) -> Vec<RowDifference> {
    let none = Vec::new();
    let meant = meant.as_array().unwrap_or(&none);
    let found = found.as_array().unwrap_or(&none);
    let mut rows = Vec::new();
    for number in 0..meant.len().max(found.len()) {
        let asked = meant.get(number).and_then(Value::as_object);
        let is = found.get(number).and_then(Value::as_object);
        let (asked, is) = match (asked, is) {
            (Some(asked), Some(is)) => {
                let other = asked
                    .iter()
                    .filter(|(name, value)| *name != "LineNumber" && is.get(*name) != Some(*value));
                let (mut left, mut right) = (Map::new(), Map::new());
                for (name, value) in other {
                    left.insert(name.clone(), value.clone());
                    right.insert(name.clone(), is.get(name).cloned().unwrap_or_default());
                }
                if left.is_empty() {
                    continue;
                }
                (Some(left), Some(right))
            }
            (asked, is) => (asked.cloned(), is.map(told)),
        };
        rows.push(RowDifference {
            line: number + 1,
            before: asked.map(Value::Object),
            after: is.map(Value::Object),
        });
    }
    rows
}

/// The differences with the names of objects beside references.
pub(crate) fn named(differences: &[Difference], names: &Map<String, Value>) -> Value {
    let with_names = |difference: &Difference| {
        let mut shown = Map::new();
        let told = serde_json::to_value(difference).unwrap_or_default();
        if let Value::Object(told) = told {
            shown.extend(told);
        }
        for (side, value) in [("before", &difference.before), ("after", &difference.after)] {
            let name = value
                .as_ref()
                .and_then(Value::as_str)
                .and_then(|text| names.get(text));
            if let Some(name) = name {
                shown.insert(format!("{side}_name"), name.clone());
            }
        }
        if let Some(Value::Array(rows)) = shown.get_mut("rows") {
            for row in rows {
                for side in ["before", "after"] {
                    if let Some(Value::Object(values)) = row.get(side) {
                        let values = presented(values, names);
                        if let Some(place) = row.get_mut(side) {
                            *place = Value::Object(values);
                        }
                    }
                }
            }
        }
        Value::Object(shown)
    };
    differences.iter().map(with_names).collect()
}
