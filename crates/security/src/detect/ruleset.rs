//! All rules: those of the product with what a file of the operator changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::contract::events::{AuditEvent, Outcome};
use serde::Deserialize;
use toml::{Table, Value};

use super::rule::{Field, Rule};

const BUILT_IN: &str = include_str!("rules.toml");

/// The rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidRules {
    #[error("the file is not TOML of rules: {0}")]
    Syntax(#[from] toml::de::Error),
    #[error("a rule has no id")]
    NoId,
    #[error("the rule `{0}`: {1}")]
    Rule(String, String),
}

/// Which audit entries are observations.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signal {
    pub(crate) name: String,
    actions: Vec<String>,
    /// All, when empty.
    #[serde(default)]
    outcomes: Vec<Outcome>,
    /// Whose observation it is.
    #[serde(default)]
    pub(crate) of: Whose,
    /// Whether the evidence repeats the entry's particulars.
    #[serde(default)]
    pub(crate) details: bool,
}

/// Whose observation an audit entry is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Whose {
    /// Of who acted.
    #[default]
    Actor,
    /// Of the user that it was done to.
    Target,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    signal: Vec<Signal>,
    #[serde(default)]
    rule: Vec<Rule>,
}

/// The rules in force. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Ruleset {
    rules: Arc<Vec<Arc<Rule>>>,
    signals: Arc<Vec<Signal>>,
}

impl Ruleset {
    /// The rules of the product, changed by the text of an operator's file.
    ///
    /// # Errors
    /// When the file is not TOML or one of the rules contradicts itself.
    pub(crate) fn new(own: Option<&str>) -> Result<Self, InvalidRules> {
        let mut tables: Table = toml::from_str(BUILT_IN)?;
        if let Some(own) = own {
            merge(&mut tables, toml::from_str(own)?)?;
        }
        let file: File = Value::Table(tables).try_into()?;
        for rule in &file.rule {
            if let Some(mistake) = rule.mistake() {
                return Err(InvalidRules::Rule(rule.id.clone(), mistake));
            }
            let known = |id: &String| {
                file.rule
                    .iter()
                    .any(|other| other.id == *id && other.by == rule.by)
            };
            if let Some(id) = rule.unless.iter().find(|id| !known(id)) {
                let mistake = format!("`unless` names `{id}`, which is no rule by the same field");
                return Err(InvalidRules::Rule(rule.id.clone(), mistake));
            }
        }
        Ok(Self {
            rules: Arc::new(file.rule.into_iter().map(Arc::new).collect()),
            signals: Arc::new(file.signal),
        })
    }

    /// All rules.
    pub(crate) fn all(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// The rule of that id.
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Rule>> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The rules in force that group by a field.
    pub(crate) fn by(&self, field: Field) -> impl Iterator<Item = &Arc<Rule>> {
        self.rules
            .iter()
            .filter(move |rule| rule.enabled && rule.by == field)
    }

    /// What an entry of the audit log is to the detectors.
    pub(crate) fn signals_of<'a>(&'a self, entry: &'a AuditEvent) -> impl Iterator<Item = &'a Signal> {
        self.signals.iter().filter(move |signal| {
            signal.actions.contains(&entry.action)
                && (signal.outcomes.is_empty() || signal.outcomes.contains(&entry.outcome))
        })
    }
}

/// Rules of `own` change the fields they name of the rules with their id; others are added.
fn merge(tables: &mut Table, own: Table) -> Result<(), InvalidRules> {
    for (name, value) in own {
        let (Some(Value::Array(known)), Value::Array(new)) = (tables.get_mut(&name), &value) else {
            // Of a name that is none of ours: told by the deserialiser.
            tables.insert(name, value);
            continue;
        };
        let id = |entry: &Value| {
            let key = if name == "rule" { "id" } else { "name" };
            entry.get(key).and_then(Value::as_str).map(str::to_owned)
        };
        let mut places: BTreeMap<String, usize> = known
            .iter()
            .enumerate()
            .filter_map(|(at, entry)| Some((id(entry)?, at)))
            .collect();
        for entry in new {
            let key = id(entry).ok_or(InvalidRules::NoId)?;
            match (places.get(&key).and_then(|at| known.get_mut(*at)), entry) {
                (Some(Value::Table(old)), Value::Table(fields)) => old.extend(fields.clone()),
                _ => {
                    places.insert(key, known.len());
                    known.push(entry.clone());
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threats::Severity;

    #[test]
    fn the_rules_of_the_product_can_be_used() {
        let rules = Ruleset::new(None).unwrap();
        assert!(rules.all().len() > 25);
        for rule in rules.all() {
            assert_ne!(rule.title.ru, rule.title.en, "{}", rule.id);
            assert_ne!(rule.advice.ru, rule.advice.en, "{}", rule.id);
            let twice = rules.all().iter().filter(|other| other.id == rule.id).count();
            assert_eq!(twice, 1, "{}", rule.id);
        }
    }

    #[test]
    fn an_operator_changes_fields_and_adds_rules() {
        let own = r#"
            [[rule]]
            id = "login_burst"
            count = 50
            respond = []

            [[rule]]
            id = "scanner"
            enabled = false

            [[rule]]
            id = "own"
            title = { ru = "а", en = "b" }
            advice = { ru = "а", en = "b" }
            severity = "critical"
            by = "who"
            signals = ["exported"]
            window = "1d"
        "#;
        let rules = Ruleset::new(Some(own)).unwrap();
        let burst = rules.get("login_burst").unwrap();
        assert_eq!(
            (burst.count, burst.respond.len(), burst.severity),
            (50, 0, Severity::Medium)
        );
        assert_eq!(rules.get("own").unwrap().severity, Severity::Critical);
        assert!(rules.by(Field::Ip).all(|rule| rule.id != "scanner"));
    }

    #[test]
    fn a_rule_that_cannot_work_is_named() {
        for (own, named) in [
            ("[[rule]]\nid = \"login_burst\"\ncount = 0", "login_burst"),
            ("[[rule]]\nid = \"login_burst\"\nwindow = \"soon\"", "soon"),
            ("[[rule]]\nid = \"login_burst\"\nthreshold = 4", "threshold"),
            ("[[rule]]\ncount = 4", "no id"),
            (
                "[[rule]]\nid = \"login_burst\"\nunless = [\"nothing\"]",
                "nothing",
            ),
            ("rule = [", "TOML"),
        ] {
            let error = Ruleset::new(Some(own)).unwrap_err().to_string();
            assert!(error.contains(named), "{own}: {error}");
        }
    }
}
