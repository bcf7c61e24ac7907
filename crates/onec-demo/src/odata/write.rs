//! Writing: POST, PATCH, PUT, DELETE, posting of documents.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::error::Refusal;
use super::lexer::moment;
use super::query::Options;
use super::source::Source;
use super::url::{self, Segment, find, key_of};
use super::{Answer, Request, Session, changes, format, view};
use crate::company::catalogs::TAX_KIND;
use crate::ids::{Kind, Ref};
use crate::infobase::{Draft, Infobase};
use crate::schema::{Edm, EntitySet, Row, SCHEMA, Shape, Value};

/// A request that changes something.
pub(crate) struct Change<'a> {
    pub(crate) method: &'a str,
    pub(crate) body: &'a [u8],
    /// The version of the object the client has seen.
    pub(crate) if_match: Option<&'a str>,
    /// Whether `if_match` is looked at.
    pub(crate) enforce: bool,
    /// `1C_OData-DataLoadMode`.
    pub(crate) loading: bool,
    /// The user may not change data.
    pub(crate) read_only: bool,
}

/// What a change is answered with.
pub(crate) struct Outcome {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) answer: Option<Answer>,
}

impl Outcome {
    const fn bare(status: u16) -> Self {
        Self {
            status,
            location: None,
            answer: None,
        }
    }
}

/// Carries a change out.
pub(crate) fn change(
    infobase: &mut Infobase,
    request: &Request<'_>,
    change: &Change<'_>,
) -> Result<Outcome, Refusal> {
    let path = url::decode(request.path)?;
    let segments = url::segments(&path);
    let not_here = || Refusal::http_method(change.method);
    let (first, rest) = segments.split_first().ok_or_else(not_here)?;
    if changes::FUNCTIONS.contains(&first.name.as_str()) {
        if change.method != "POST" || !rest.is_empty() {
            return Err(not_here());
        }
        let answer = changes::run(infobase, request, &first.name)?;
        return Ok(Outcome {
            answer,
            ..Outcome::bare(200)
        });
    }
    let at = infobase
        .position(&first.name)
        .filter(|at| !request.unpublished && SCHEMA.sets[*at].is_public())
        .ok_or_else(|| Refusal::unknown_entity(&first.name))?;
    if change.read_only {
        return Err(not_here());
    }
    let mut writing = Writing {
        infobase,
        request,
        change,
        at,
        set: &SCHEMA.sets[at],
    };
    match (&first.arguments, change.method, rest) {
        (None, "POST", []) => writing.post(),
        (Some(key), "POST", [action]) => writing.act(key, action),
        (Some(key), "PATCH" | "MERGE" | "PUT", []) => writing.edit(key),
        (Some(key), "DELETE", []) => writing.delete(key),
        _ => Err(not_here()),
    }
}

struct Writing<'a> {
    infobase: &'a mut Infobase,
    request: &'a Request<'a>,
    change: &'a Change<'a>,
    at: usize,
    set: &'static EntitySet,
}

impl Writing<'_> {
    fn body(&self) -> Result<Map<String, Json>, Refusal> {
        let broken = || Refusal::internal("Ошибка разбора JSON: непредвиденный символ при чтении");
        match serde_json::from_slice(self.change.body) {
            Ok(Json::Object(members)) => Ok(members),
            _ => Err(broken()),
        }
    }

    fn post(&mut self) -> Result<Outcome, Refusal> {
        match self.set.shape {
            Shape::Rows(_) => Err(Refusal::part_row()),
            Shape::Object(kind) => {
                let draft = self.draft(true)?;
                let row = self.infobase.create(self.at, kind, draft)?;
                let mut outcome = self.entity(201, row)?;
                let location = format!(
                    "{}{}{}",
                    self.request.root,
                    self.set.name,
                    key_of(self.infobase, self.set, row)
                );
                outcome.location = Some(location);
                // The version is not known yet when the answer is written.
                if let (Some(answer), Value::Text(version)) = (
                    &mut outcome.answer,
                    self.infobase.named(self.at, row, "DataVersion"),
                ) {
                    answer.replace(&version, "AAAAAAAAAAA=");
                }
                Ok(outcome)
            }
            Shape::RecordSets => self.record_set(None),
            Shape::Records if self.set.recorder.is_none() => {
                let values = self.draft(false)?.values;
                let mut wanted = Vec::new();
                for name in self.set.key {
                    let column = self.set.column(name).ok_or_else(|| Refusal::key_part(name))?;
                    let given = values.iter().find(|(at, _)| *at == column);
                    wanted.push(given.ok_or_else(|| Refusal::key_part(name))?.clone());
                }
                let rows = self.infobase.rows(self.at);
                let taken = rows.iter().any(|row| {
                    wanted
                        .iter()
                        .all(|(at, value)| self.infobase.value(self.at, row, *at) == *value)
                });
                if taken {
                    return Err(Refusal::key_exists(&self.set.name));
                }
                let row = self.infobase.record(self.at, None, values);
                self.entity(200, row)
            }
            _ => Err(Refusal::http_method(self.change.method)),
        }
    }

    fn act(&mut self, key: &str, action: &Segment) -> Result<Outcome, Refusal> {
        let document = match self.set.shape {
            Shape::Object(kind) if !kind.title().is_empty() => kind,
            _ => return Err(Refusal::method_not_found()),
        };
        let row = find(self.infobase, self.at, key)?;
        let reference = Ref::new(document, row);
        match action.name.as_str() {
            "Post" => {
                for (name, value) in url::options(self.request.query)? {
                    match (name.as_str(), value.as_str()) {
                        ("PostingModeOperational", "true" | "false") => {}
                        ("PostingModeOperational", other) => {
                            return Err(Refusal::value(other, "Edm.Boolean"));
                        }
                        ("$format", _) => {}
                        _ => return Err(Refusal::unknown_option(&name)),
                    }
                }
                self.infobase.post(reference)?;
            }
            "Unpost" => self.infobase.unpost(reference)?,
            _ => return Err(Refusal::method_not_found()),
        }
        Ok(Outcome::bare(200))
    }

    /// Refuses when the client has seen another version than there is.
    fn seen(&self, row: Row) -> Result<(), Refusal> {
        let Some(seen) = self.change.if_match.filter(|_| self.change.enforce) else {
            return Ok(());
        };
        let seen = seen.trim_start_matches("W/").trim_matches('"');
        let now = self.infobase.named(self.at, row, "DataVersion");
        if seen == "*" || now == Value::str(seen) {
            Ok(())
        } else {
            Err(Refusal::precondition())
        }
    }

    fn edit(&mut self, key: &str) -> Result<Outcome, Refusal> {
        match self.set.shape {
            Shape::Object(kind) => {
                let row = find(self.infobase, self.at, key)?;
                self.seen(row)?;
                let mut draft = self.draft(false)?;
                if self.change.method == "PUT" {
                    self.complete(&draft)?;
                }
                draft.key = None;
                self.infobase.update(self.at, kind, row, draft)?;
                self.entity(200, row)
            }
            Shape::RecordSets => {
                let row = find(self.infobase, self.at, key);
                let recorder = match row.map(|row| self.infobase.named(self.at, row, "Recorder")) {
                    Ok(Value::Composite(recorder)) => Some(recorder),
                    _ => None,
                };
                self.record_set(recorder)
            }
            Shape::Records if self.set.recorder.is_none() => {
                let row = find(self.infobase, self.at, key)?;
                let values = self.draft(false)?.values;
                let row = self.infobase.record(self.at, Some(row), values);
                self.entity(200, row)
            }
            _ => Err(Refusal::http_method(self.change.method)),
        }
    }

    /// PUT wants every property.
    fn complete(&self, draft: &Draft) -> Result<(), Refusal> {
        let own = ["Ref_Key", "DataVersion", "Predefined", "PredefinedDataName"];
        for (at, column) in self.set.columns.iter().enumerate() {
            if !own.contains(&column.name) && !draft.values.iter().any(|(given, _)| *given == at) {
                return Err(Refusal::required(column.name));
            }
        }
        for (at, part) in self.set.parts.iter().enumerate() {
            if !draft.parts.iter().any(|(given, _)| *given == at) {
                return Err(Refusal::required(part.name));
            }
        }
        Ok(())
    }

    fn delete(&mut self, key: &str) -> Result<Outcome, Refusal> {
        let row = find(self.infobase, self.at, key)?;
        match self.set.shape {
            Shape::Object(kind) => {
                self.seen(row)?;
                self.infobase.delete(self.at, kind, row)?;
            }
            Shape::RecordSets => {
                if let Value::Composite(recorder) = self.infobase.named(self.at, row, "Recorder") {
                    self.infobase.replace_records(self.at, recorder, Vec::new());
                }
            }
            Shape::Records if self.set.recorder.is_none() => self.infobase.forget_record(self.at, row),
            _ => return Err(Refusal::http_method(self.change.method)),
        }
        Ok(Outcome::bare(204))
    }

    /// Writes all records of a recorder.
    fn record_set(&mut self, recorder: Option<Ref>) -> Result<Outcome, Refusal> {
        let members = self.body()?;
        let recorder = match recorder {
            Some(recorder) => recorder,
            None => match composite(self.infobase, "Recorder", &members)? {
                Some(found) if !found.is_none() => found,
                _ => return Err(Refusal::key_part("Recorder")),
            },
        };
        let flat = self.set.parts[0].set;
        let Some(Json::Array(rows)) = members.get("RecordSet") else {
            return Err(Refusal::required("RecordSet"));
        };
        let columns = &SCHEMA.sets[flat].columns;
        let mut records = Vec::new();
        for (number, row) in (1_i64..).zip(rows) {
            let members = row.as_object().ok_or_else(|| Refusal::request("RecordSet"))?;
            let values = self.values(flat, members, true)?;
            let mut cells: Vec<Value<'static>> = columns
                .iter()
                .map(|column| crate::infobase::blank(column.edm))
                .collect();
            for (at, value) in values {
                cells[at] = value;
            }
            for (at, column) in columns.iter().enumerate() {
                match column.name {
                    "Recorder" => cells[at] = Value::Composite(recorder),
                    "LineNumber" => cells[at] = Value::whole(number),
                    "Active" => cells[at] = Value::Bool(true),
                    _ => {}
                }
            }
            records.push(cells);
        }
        self.infobase.replace_records(self.at, recorder, records);
        match self.infobase.home(self.at, recorder) {
            Some(row) => self.entity(200, row),
            None => Ok(Outcome::bare(200)),
        }
    }

    /// The whole entity, as it is now.
    fn entity(&self, status: u16, row: Row) -> Result<Outcome, Refusal> {
        let base = Arc::new(self.infobase.clone());
        let session = Session {
            base: &base,
            request: self.request,
            format: format(self.request.query, self.request.accept)?,
            options: Options::default(),
        };
        let view = view::everything(&Source::Set(self.at));
        Ok(Outcome {
            answer: Some(session.single(self.at, row, view)),
            ..Outcome::bare(status)
        })
    }

    fn draft(&mut self, new: bool) -> Result<Draft, Refusal> {
        let members = self.body()?;
        if self.change.loading && matches!(self.set.shape, Shape::Object(Kind::ExchangeNode)) {
            return Err(Refusal::load_mode(&self.set.name));
        }
        let mut draft = Draft {
            values: self.values(self.at, &members, false)?,
            loading: self.change.loading,
            ..Draft::default()
        };
        if new && let Some(Json::String(text)) = members.get("Ref_Key") {
            draft.key = Some(guid(text)?);
        }
        for (number, part) in self.set.parts.iter().enumerate() {
            let Some(value) = members.get(part.name) else {
                continue;
            };
            let rows = value.as_array().ok_or_else(|| Refusal::request(part.name))?;
            let mut lines = Vec::new();
            for (place, row) in (1_u64..).zip(rows) {
                let members = row.as_object().ok_or_else(|| Refusal::request(part.name))?;
                let line = members.get("LineNumber").and_then(|value| match value {
                    Json::String(text) => text.parse::<u64>().ok(),
                    other => other.as_u64(),
                });
                match line {
                    None => return Err(Refusal::internal("Произошла внутренняя ошибка OData сервиса")),
                    Some(line) if line != place => {
                        return Err(Refusal::bad_value("LineNumber", &line.to_string()));
                    }
                    Some(_) => lines.push(self.values(part.set, members, true)?),
                }
            }
            draft.parts.push((number, lines));
        }
        Ok(draft)
    }

    /// Values of the properties that are known; the rest is not looked at.
    fn values(
        &mut self,
        set: usize,
        members: &Map<String, Json>,
        row: bool,
    ) -> Result<Vec<(usize, Value<'static>)>, Refusal> {
        let mut list = Vec::new();
        for (at, column) in SCHEMA.sets[set].columns.iter().enumerate() {
            if column.edm == Edm::Own || (row && column.name == "LineNumber") {
                continue;
            }
            if let Some(Json::String(link)) = column
                .navigation()
                .and_then(|name| members.get(&format!("{name}@odata.bind")))
            {
                let found = bound(self.infobase, link)?;
                list.push((
                    at,
                    if column.edm == Edm::Composite {
                        Value::Composite(found)
                    } else {
                        Value::Key(found)
                    },
                ));
                continue;
            }
            let value = match column.edm {
                Edm::Composite => composite(self.infobase, column.name, members)?.map(Value::Composite),
                _ => match members.get(column.name) {
                    Some(value) => scalar(self.infobase, column.name, column.edm, value)?,
                    None => None,
                },
            };
            list.extend(value.map(|value| (at, value)));
        }
        Ok(list)
    }
}

fn guid(text: &str) -> Result<Uuid, Refusal> {
    text.parse().map_err(|_| Refusal::value(text, "Edm.Guid"))
}

/// `Catalog_X(guid'…')`, with or without the service's address before it.
fn bound(infobase: &mut Infobase, link: &str) -> Result<Ref, Refusal> {
    let last = link.rsplit('/').next().unwrap_or(link);
    let wrong = || Refusal::bad_value("odata.bind", link);
    let (name, rest) = last.split_once("(guid'").ok_or_else(wrong)?;
    let kind = infobase
        .kind_named(name)
        .ok_or_else(|| Refusal::unknown_entity(name))?;
    let key = guid(rest.trim_end_matches("')"))?;
    Ok(infobase.refer(kind, key))
}

/// A reference whose kind is said beside it; nothing if it is not there.
fn composite(
    infobase: &mut Infobase,
    name: &str,
    members: &Map<String, Json>,
) -> Result<Option<Ref>, Refusal> {
    let Some(value) = members.get(name) else {
        return Ok(None);
    };
    let Some(text) = value.as_str().filter(|text| !text.is_empty()) else {
        return Ok(Some(Ref::NONE));
    };
    let kind = members
        .get(&format!("{name}_Type"))
        .and_then(Json::as_str)
        .unwrap_or("");
    let kind = kind.strip_prefix("StandardODATA.").unwrap_or(kind);
    if text == TAX_KIND && kind == infobase.set_name(Kind::TaxPayment) {
        return Ok(Some(Ref::new(Kind::TaxPayment, 0)));
    }
    match infobase.kind_named(kind) {
        Some(kind) => {
            let key = guid(text)?;
            Ok(Some(infobase.refer(kind, key)))
        }
        None => Ok(Some(Ref::NONE)),
    }
}

/// A value of a type; nothing for what is passed over in silence.
fn scalar(
    infobase: &mut Infobase,
    name: &str,
    edm: Edm,
    value: &Json,
) -> Result<Option<Value<'static>>, Refusal> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    };
    let number = || {
        text.parse::<Decimal>()
            .or_else(|_| Decimal::from_scientific(&text))
            .ok()
    };
    Ok(match edm {
        Edm::Bool => match (value, text.as_str()) {
            (Json::Null, _) => Some(Value::Null),
            (_, "true") => Some(Value::Bool(true)),
            (_, "false") => Some(Value::Bool(false)),
            _ => return Err(Refusal::value(&text, "Edm.Boolean")),
        },
        Edm::Int16 | Edm::Int64 => number().map(Value::Number),
        Edm::Double => match number() {
            Some(number) => Some(Value::Number(number.round_dp(4))),
            None if value.is_null() => Some(Value::whole(0)),
            None => return Err(Refusal::value(&text, "Edm.Double")),
        },
        Edm::Date => Some(Value::Date(
            moment(&text).ok_or_else(|| Refusal::value(&text, "Edm.DateTime"))?,
        )),
        Edm::Text => Some(Value::text(cut(name, text))),
        Edm::Key(_) if value.is_null() => Some(Value::Key(Ref::NONE)),
        Edm::Key(kind) => {
            let key = guid(&text)?;
            Some(Value::Key(infobase.refer(kind, key)))
        }
        Edm::Own | Edm::Composite => None,
    })
}

/// A string no longer than the property is.
fn cut(name: &str, text: String) -> String {
    let longest = match name {
        "Code" | "Number" => 11,
        "ИНН" => 12,
        "КПП" => 9,
        "ОГРН" => 15,
        "Артикул" => 25,
        "Description" => 100,
        "Номер" | "НомерСчета" => 50,
        "Комментарий" | "НазначениеПлатежа" | "Содержание" | "Представление" =>
        {
            return text;
        }
        _ => 150,
    };
    text.chars().take(longest).collect()
}
