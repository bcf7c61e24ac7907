//! Reading objects of 1C around a change.

use bytes::Bytes;
use common::http::Problem;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::problem::Failure;
use super::validate::Declared;
use crate::catalogue::values;
use crate::error::Error;
use crate::infobase::{Connection, InfobaseError};
use crate::jobs::probe;
use crate::odata::{Collection, Filter, Literal, OdataError, Patience, Query, Row};
use crate::state::AppState;

/// An object as it is in 1C.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// The version that 1C counts; not told by all sets.
    pub(crate) version: Option<String>,
    pub(crate) is_posted: bool,
    /// All properties, in the form of [`values::object`].
    pub(crate) values: Map<String, Value>,
}

impl Object {
    /// The object in a row.
    pub(crate) fn of(row: &Row<'_>, declared: &Declared) -> Result<Self, OdataError> {
        Ok(Self {
            version: row.text("DataVersion")?,
            is_posted: row.boolean("Posted")?.unwrap_or(false),
            values: values::object(row, &declared.entity.properties, &declared.parts)?,
        })
    }

    /// What people know it by.
    pub(crate) fn name(&self) -> String {
        let text = |name: &str| self.values.get(name).and_then(Value::as_str).unwrap_or_default();
        match (text("Description"), text("Number")) {
            ("", "") => text("Code").to_owned(),
            ("", number) => dated(number, text("Date")),
            (name, _) => name.to_owned(),
        }
    }
}

/// Number and day of a document.
pub(crate) fn dated(number: &str, date: &str) -> String {
    let mut parts = date.get(..10).unwrap_or_default().split('-');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(year), Some(month), Some(day)) => format!("{number} от {day}.{month}.{year}"),
        _ => number.to_owned(),
    }
}

/// The object of a set with that key; none when there is none.
pub(crate) async fn object(
    onec: &Connection,
    declared: &Declared,
    reference: Uuid,
) -> Result<Option<Object>, OdataError> {
    let query = Query::set(&declared.entity.stored.name)
        .filter(Filter::eq("Ref_Key", &Literal::Guid(reference)))
        .top(1);
    let body = onec.client.rows(&query, Patience::Person).await?;
    let found = Collection::parse(&body)?.value;
    found.first().map(|row| Object::of(row, declared)).transpose()
}

/// Rows for a person who waits; how 1C answered is noted.
pub(crate) async fn rows(
    state: &AppState,
    infobase: Uuid,
    onec: &Connection,
    query: &Query,
) -> Result<Bytes, Problem> {
    let answer = onec.client.rows(query, Patience::Person).await;
    told(state, infobase, answer).await
}

/// What 1C answered, or the problem; how it answered is noted.
pub(crate) async fn told<T>(
    state: &AppState,
    infobase: Uuid,
    answer: Result<T, OdataError>,
) -> Result<T, Problem> {
    match answer {
        Ok(answer) => {
            probe::note(state, infobase, None).await?;
            Ok(answer)
        }
        Err(error) => {
            let error = InfobaseError::from(error);
            probe::note(state, infobase, Some(&error)).await?;
            Err(Error::from(error).into())
        }
    }
}

/// The same for an object that has to be there.
pub(crate) async fn existing(
    state: &AppState,
    infobase: Uuid,
    onec: &Connection,
    declared: &Declared,
    reference: Uuid,
) -> Result<Object, Problem> {
    let found = object(onec, declared, reference).await;
    let found = told(state, infobase, found).await?;
    found.ok_or_else(|| Failure::ObjectNotFound.into())
}
