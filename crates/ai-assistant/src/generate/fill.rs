//! What goes into a template: the caller's parameters, names and reports of 1C.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use common::Locale;
use common::contract::onec::{Match, Report, ReportQuery, SubjectKind};
use minijinja::value::{Serde, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::order::Style;
use super::template::{self, Data, Definition, Kind, Variable};
use crate::builtin::{self, Fit, Surroundings};
use crate::error::Error;
use crate::tools::Toolbox;

/// Something that was left to be filled in by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Missing {
    /// The variable.
    pub(crate) name: String,
    /// What the text has in its place, without the brackets.
    pub(crate) title: String,
}

/// A template's values.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) context: Value,
    pub(super) missing: Vec<Missing>,
}

/// Finds everything that the template shows.
///
/// # Errors
/// When 1C data is needed and the caller may not read it, a name is unknown or fits several, or
/// onec-integration gives no data.
pub(super) async fn fill(
    definition: &Definition,
    parameters: &Map<String, Json>,
    style: Style,
    toolbox: &mut Toolbox,
    around: Surroundings,
) -> Result<Filled, Error> {
    let locale = style.language;
    let mut values: BTreeMap<String, Value> = BTreeMap::new();
    let mut missing = Vec::new();
    // What reports take in place of `$name`.
    let mut known: Map<String, Json> = Map::new();
    for variable in &definition.variables {
        let given = parameters
            .get(&variable.name)
            .filter(|value| !template::is_empty(value))
            .cloned();
        let value = given.or_else(|| default_of(variable, around.today));
        let value = match value {
            Some(value) => {
                let subject = match variable.kind.subject() {
                    Some(kind) => subject(variable, kind, &value, toolbox, around).await?,
                    None => None,
                };
                let taken = match (&subject, variable.kind.subject()) {
                    (Some(found), _) => Some(Json::String(found.id.to_string())),
                    (None, Some(_)) => None,
                    (None, None) => Some(value.clone()),
                };
                if let Some(taken) = taken {
                    known.insert(variable.name.clone(), taken);
                }
                shown(variable.kind, &value, subject.as_ref())
            }
            None if variable.blank => {
                let title = variable.title.get(locale).to_owned();
                let blank = blank(variable.kind, &title);
                missing.push(Missing {
                    name: variable.name.clone(),
                    title,
                });
                blank
            }
            None => continue,
        };
        values.insert(variable.name.clone(), value);
    }
    for data in &definition.data {
        if let Some(query) = query(data, &known) {
            if !around.may_read {
                return Err(Error::DataForbidden);
            }
            let report = toolbox.report(data.report, query).await.map_err(Error::Onec)?;
            values.insert(data.name.clone(), Value::from(Serde(Shown::from(&report))));
        }
    }
    values.insert("today".to_owned(), Value::from(around.today.to_string()));
    values.insert("tone".to_owned(), Value::from(Serde(style.tone)));
    values.insert("length".to_owned(), Value::from(Serde(style.length)));
    values.insert("language".to_owned(), Value::from(locale.tag()));
    Ok(Filled {
        context: Value::from(values),
        missing,
    })
}

/// A report as a template sees it.
#[derive(Serialize)]
struct Shown<'a> {
    title: &'a str,
    currency: &'a str,
    rows: &'a [Map<String, Json>],
    totals: &'a Map<String, Json>,
    row_count: u64,
}

impl<'a> From<&'a Report> for Shown<'a> {
    fn from(report: &'a Report) -> Self {
        Self {
            title: &report.title,
            currency: &report.currency,
            rows: &report.rows,
            totals: &report.totals,
            row_count: report.row_count,
        }
    }
}

fn default_of(variable: &Variable, today: NaiveDate) -> Option<Json> {
    let default = variable.default.as_deref()?;
    Some(Json::String(match (variable.kind, default) {
        (Kind::Date, "today") => today.to_string(),
        (Kind::Date, "year_start") => format!("{}-01-01", today.year()),
        _ => default.to_owned(),
    }))
}

/// A value as the body sees it.
fn shown(kind: Kind, value: &Json, subject: Option<&Match>) -> Value {
    match kind {
        Kind::Counterparty | Kind::Item => {
            let name =
                subject.map_or_else(|| value.as_str().unwrap_or_default(), |found| found.name.as_str());
            let code = subject.and_then(|found| found.code.as_deref());
            Value::from(Serde(BTreeMap::from([("name", Some(name)), ("code", code)])))
        }
        Kind::Number => {
            template::number(value).map_or(Value::UNDEFINED, |number| Value::from(number.to_string()))
        }
        Kind::Text | Kind::Date | Kind::Choice | Kind::List => Value::from(Serde(value)),
    }
}

/// The place to fill in by hand.
fn blank(kind: Kind, title: &str) -> Value {
    let place = Value::from_safe_string(format!("[{}]", title.to_lowercase()));
    match kind {
        Kind::Counterparty | Kind::Item => Value::from(BTreeMap::from([("name", place)])),
        Kind::List => Value::from(vec![place]),
        Kind::Text | Kind::Date | Kind::Number | Kind::Choice => place,
    }
}

/// The report's query, or nothing when a value for it is missing.
fn query(data: &Data, known: &Map<String, Json>) -> Option<ReportQuery> {
    let mut parameters = Map::new();
    for (name, value) in &data.parameters {
        let value = match template::reference(value) {
            Some(variable) => known.get(variable)?,
            None => value,
        };
        parameters.insert(name.clone(), value.clone());
    }
    serde_json::from_value(Json::Object(parameters)).ok()
}

/// What is called so in 1C. Where words will do, an unknown name is no mistake.
async fn subject(
    variable: &Variable,
    kind: SubjectKind,
    value: &Json,
    toolbox: &mut Toolbox,
    around: Surroundings,
) -> Result<Option<Match>, Error> {
    if !around.may_read {
        return if variable.required {
            Err(Error::DataForbidden)
        } else {
            Ok(None)
        };
    }
    let name = value.as_str().unwrap_or_default();
    let found = toolbox.find(kind, name).await.map_err(Error::Onec)?;
    let best = found.iter().map(|candidate| builtin::fit(name, candidate)).max();
    let mut fitting = found
        .into_iter()
        .filter(|candidate| Some(builtin::fit(name, candidate)) == best && best >= Some(Fit::Words));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(Some(one)),
        (None, _) if variable.required => Err(Error::SubjectNotFound(name.to_owned())),
        (None, _) => Ok(None),
        (Some(_), Some(_)) if !variable.required => Ok(None),
        (Some(one), Some(two)) => {
            let names = [one, two].into_iter().chain(fitting).map(|one| one.name);
            Err(Error::SubjectAmbiguous(names.take(10).collect()))
        }
    }
}

/// What a language is called among the parameters of a request.
pub(crate) fn locale_of(tag: &str) -> Option<Locale> {
    [Locale::Ru, Locale::En]
        .into_iter()
        .find(|locale| locale.tag() == tag)
}
