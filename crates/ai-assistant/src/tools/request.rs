//! A call whose arguments were understood.

use common::contract::onec::{ReportId, ReportQuery, SubjectKind};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::arguments::{self, EntityKind};
use super::{Tool, entities, schema};

/// What is asked of onec-integration.
#[derive(Debug, Clone)]
pub(super) enum Request {
    Report(ReportId, Box<ReportQuery>),
    Search {
        kind: SubjectKind,
        query: String,
        infobase: Option<Uuid>,
    },
    Companies {
        infobase: Option<Uuid>,
    },
    Entities {
        kind: Option<EntityKind>,
        query: Option<String>,
        infobase: Option<Uuid>,
    },
    Entity {
        name: String,
        infobase: Option<Uuid>,
    },
    Rows(Box<arguments::Rows>),
    Draft(Box<arguments::Draft>),
    ReportFile(ReportId, Box<ReportQuery>),
}

impl Request {
    /// The tool that it is of.
    pub(super) fn tool(&self) -> Tool {
        match self {
            Self::Report(report, _) => Tool::Report(*report),
            Self::Search { .. } => Tool::FindSubject,
            Self::Companies { .. } => Tool::Companies,
            Self::Entities { .. } => Tool::Entities,
            Self::Entity { .. } => Tool::Entity,
            Self::Rows(_) => Tool::Rows,
            Self::Draft(_) => Tool::Draft,
            Self::ReportFile(..) => Tool::ReportFile,
        }
    }

    /// Understands arguments; the text of a refusal tells a model what to change.
    pub(super) fn parse(tool: Tool, arguments: &Map<String, Value>) -> Result<Self, String> {
        let schema = schema::parameters_of(tool);
        let known: Vec<&str> = schema
            .and_then(|schema| schema["properties"].as_object())
            .into_iter()
            .flat_map(|properties| properties.keys().map(String::as_str))
            .collect();
        if let Some(unknown) = arguments.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("Аргумента «{unknown}» нет. Есть: {}.", known.join(", ")));
        }
        // Models like to send null for what they leave out.
        let given: Map<String, Value> = arguments
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let required = schema.and_then(|schema| schema["required"].as_array());
        let missing = required
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .find(|name| !given.contains_key(*name));
        if let Some(missing) = missing {
            return Err(format!("Не хватает аргумента «{missing}»."));
        }
        let given = Value::Object(given);
        Ok(match tool {
            Tool::FindSubject => {
                let search: arguments::Search = typed(given)?;
                if search.query.0.trim().is_empty() {
                    return Err("Пустой query: назови, что искать.".to_owned());
                }
                Self::Search {
                    kind: search.kind.into(),
                    query: search.query.0,
                    infobase: search.infobase,
                }
            }
            Tool::Companies => Self::Companies {
                infobase: typed::<arguments::Companies>(given)?.infobase,
            },
            Tool::Report(report) => {
                let query = arguments::report_query(report, given).map_err(|error| wrong(&error))?;
                if let (Some(from), Some(to)) = (query.from, query.to)
                    && from > to
                {
                    return Err("from позже to: поменяй их местами.".to_owned());
                }
                Self::Report(report, Box::new(query))
            }
            Tool::ReportFile => {
                let asked: arguments::ReportAsFile = typed(given)?;
                let report = asked.report.0;
                let mut parameters = asked.parameters.unwrap_or_default();
                if let Some(infobase) = asked.infobase {
                    parameters.insert("infobase".to_owned(), Value::String(infobase.to_string()));
                }
                // As its own tool takes them.
                match Self::parse(Tool::Report(report), &parameters)? {
                    Self::Report(report, query) => Self::ReportFile(report, query),
                    other => other,
                }
            }
            Tool::Entities => {
                let asked: arguments::Entities = typed(given)?;
                Self::Entities {
                    kind: asked.kind,
                    query: asked.query,
                    infobase: asked.infobase,
                }
            }
            Tool::Entity => {
                let asked: arguments::Entity = typed(given)?;
                entities::checked(&asked.entity)?;
                Self::Entity {
                    name: asked.entity,
                    infobase: asked.infobase,
                }
            }
            Tool::Rows => {
                let asked: arguments::Rows = typed(given)?;
                entities::checked(&asked.entity)?;
                Self::Rows(Box::new(asked))
            }
            Tool::Draft => {
                let asked: arguments::Draft = typed(given)?;
                entities::checked(&asked.entity)?;
                Self::Draft(Box::new(asked))
            }
        })
    }
}

fn typed<T: DeserializeOwned>(arguments: Value) -> Result<T, String> {
    serde_json::from_value(arguments).map_err(|error| wrong(&error))
}

fn wrong(error: &serde_json::Error) -> String {
    format!("Неверные аргументы: {error}. Исправь их и повтори.")
}
