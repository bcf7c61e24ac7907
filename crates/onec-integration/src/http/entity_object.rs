//! `/entities/{name}/object`: one object or record by its key, whole, as 1C has it now.

use std::collections::HashMap;

use axum::extract::State;
use chrono::{DateTime, NaiveDateTime, Utc};
use common::Text;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Path, Problem, Query as Parameters, Violations};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::entities::{load, open};
use super::entity_rows::companies;
use super::{Caller, audit};
use crate::catalogue::access::{self, Entity, rows_type, scope};
use crate::catalogue::values::{Parts, object};
use crate::drafts::problem::Failure;
use crate::drafts::reading;
use crate::error::Error;
use crate::infobase::InfobaseError;
use crate::odata::{Key, Literal, OdataError, Patience, Query, Row};
use crate::state::AppState;
use crate::store::catalogue::{self, StoredProperty};

/// An object.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ObjectView {
    infobase_id: Uuid,
    infobase: String,
    /// The set.
    object: String,
    /// All properties, tabular parts as lists of rows.
    values: Map<String, Value>,
    as_of: DateTime<Utc>,
}

/// Reads one.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(name): Path<String>,
    Parameters(mut given): Parameters<HashMap<String, String>>,
) -> Result<Json<ObjectView>, Problem> {
    let infobase = match given.remove("infobase").map(|id| id.parse()) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => {
            return Err(wrong(
                "infobase",
                Text::new("Это не идентификатор.", "This is no id."),
            ));
        }
    };
    let (infobase, onec) = open(&state, &identity, infobase).await?;
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let entity = load(&mut connection, infobase.id, &name).await?;
    let companies = companies(&mut connection, state.profiles, &identity, &infobase, None).await?;
    let is_scoped = match &companies {
        Some(companies) => {
            let owner = match &entity.stored.owner {
                Some(owner) => load(&mut connection, infobase.id, owner).await.ok(),
                None => None,
            };
            let condition = scope(&entity, owner.as_ref(), companies).map_err(Error::EntityDenied)?;
            condition.is_some()
        }
        None => false,
    };
    let key = key(&entity, &given)?;
    let mut parts = Parts::new();
    for of in entity
        .properties
        .iter()
        .filter_map(|property| rows_type(&property.edm_type))
    {
        let rows = catalogue::properties(&mut connection, infobase.id, of).await?;
        parts.insert(of.to_owned(), rows);
    }
    drop(connection);
    let as_of = state.clock.now();
    let answer = onec
        .client
        .rows(&Query::set(&name).key(key), Patience::Person)
        .await;
    let body = match answer {
        // 1C is well, and so is the set.
        Err(OdataError::NotFound(_)) => return Err(Failure::ObjectNotFound.into()),
        answer => reading::told(&state, infobase.id, answer).await?,
    };
    let unreadable = |error| Error::from(InfobaseError::from(OdataError::from(error)));
    let row = Row::parse(&body).map_err(unreadable)?;
    if let Some(companies) = companies.filter(|_| is_scoped)
        && !access::belongs(&entity, &row, &companies)
    {
        // Whether there is one of another company is not for the caller to know.
        return Err(Failure::ObjectNotFound.into());
    }
    let readable = entity
        .properties
        .iter()
        .filter(|property| property.edm_type != "Edm.Stream");
    let values = object(&row, readable, &parts).map_err(unreadable)?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let details = json!({"infobase_id": infobase.id, "parameters": given});
    let mut transaction = state.pool.begin().await.store("begin")?;
    let target = format!("entity:{name}");
    audit(
        &mut transaction,
        &state,
        &caller,
        "entities.viewed",
        target,
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(Json(ObjectView {
        infobase_id: infobase.id,
        infobase: infobase.name,
        object: name,
        values,
        as_of,
    }))
}

fn wrong(name: &str, detail: Text) -> Problem {
    let mut violations = Violations::new();
    violations.add(&format!("?{name}"), detail);
    violations.finish().err().unwrap_or_else(Problem::not_found)
}

/// The key of the properties that the metadata call so, each in the form of its type.
fn key(entity: &Entity, given: &HashMap<String, String>) -> Result<Key, Problem> {
    let mut violations = Violations::new();
    let declared: Vec<&StoredProperty> = entity.properties.iter().filter(|p| p.is_key).collect();
    for name in given.keys() {
        if !declared.iter().any(|property| &property.name == name) {
            let names: Vec<&str> = declared.iter().map(|property| property.name.as_str()).collect();
            let names = names.join(", ");
            violations.add(
                &format!("?{name}"),
                Text::new(
                    format!("Ключ состоит из: {names}."),
                    format!("The key is made of: {names}."),
                ),
            );
        }
    }
    let mut parts = Vec::with_capacity(declared.len());
    for property in declared {
        let value = given.get(&property.name).and_then(|text| literal(property, text));
        match value {
            Some(value) => parts.push((property.name.as_str(), value)),
            None => violations.add(
                &format!("?{}", property.name),
                Text::new(
                    format!("Нужно значение типа {}.", property.edm_type),
                    format!("A value of the type {} is needed.", property.edm_type),
                ),
            ),
        }
    }
    violations.finish()?;
    Ok(match parts.as_slice() {
        [("Ref_Key", Literal::Guid(reference))] => Key::object(*reference),
        parts => Key::of(parts),
    })
}

/// A value as its type is written in a key. References of several types are strings there.
fn literal<'a>(property: &StoredProperty, text: &'a str) -> Option<Literal<'a>> {
    match property.edm_type.as_str() {
        "Edm.Guid" => text.parse().ok().map(Literal::Guid),
        "Edm.DateTime" => NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S")
            .ok()
            .map(Literal::DateTime),
        "Edm.Boolean" => text.parse().ok().map(Literal::Bool),
        "Edm.Byte" | "Edm.Int16" | "Edm.Int32" | "Edm.Int64" | "Edm.Double" | "Edm.Decimal" => {
            text.parse::<Decimal>().ok().map(Literal::Number)
        }
        "Edm.String" => Some(Literal::Text(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::catalogue::Stored;

    fn entity(keys: &[(&str, &str)]) -> Entity {
        Entity {
            stored: Stored {
                name: "X".to_owned(),
                kind: "Catalog".to_owned(),
                published: true,
                owner: None,
            },
            properties: keys
                .iter()
                .map(|(name, edm_type)| StoredProperty {
                    name: (*name).to_owned(),
                    edm_type: (*edm_type).to_owned(),
                    nullable: false,
                    is_key: true,
                    target: None,
                    navigation: None,
                })
                .collect(),
        }
    }

    /// The forms that the platform documents, and those seen in answers of real bases.
    #[test]
    fn each_kind_of_key_has_its_form() {
        let guid = "1fa1a135-d89b-11e6-8343-40167e2531c3";
        let recorder = "StandardODATA.Document_ЗаказКлиента";
        type Part<'a> = (&'a str, &'a str, &'a str);
        let cases: [(&[Part<'_>], String); 6] = [
            (&[("Ref_Key", "Edm.Guid", guid)], format!("(guid'{guid}')")),
            (
                &[("Ref_Key", "Edm.Guid", guid), ("LineNumber", "Edm.Int64", "1")],
                format!("(Ref_Key=guid'{guid}',LineNumber=1)"),
            ),
            (
                &[
                    ("Period", "Edm.DateTime", "2008-02-05T00:00:00"),
                    ("Валюта_Key", "Edm.Guid", guid),
                ],
                format!("(Period=datetime'2008-02-05T00:00:00',Валюта_Key=guid'{guid}')"),
            ),
            (
                &[
                    ("Recorder", "Edm.String", guid),
                    ("Recorder_Type", "Edm.String", recorder),
                ],
                format!("(Recorder='{guid}',Recorder_Type='{recorder}')"),
            ),
            (
                &[("Recorder_Key", "Edm.Guid", guid)],
                format!("(Recorder_Key=guid'{guid}')"),
            ),
            (
                &[("Код", "Edm.String", "д'Арк"), ("Да", "Edm.Boolean", "true")],
                "(Код='д''Арк',Да=true)".to_owned(),
            ),
        ];
        for (parts, written) in cases {
            let keys: Vec<(&str, &str)> = parts.iter().map(|(name, of, _)| (*name, *of)).collect();
            let given = parts
                .iter()
                .map(|(name, _, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            assert_eq!(key(&entity(&keys), &given).unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let entity = entity(&[("Ref_Key", "Edm.Guid")]);
        for given in [&[][..], &[("Ref_Key", "1) or (1")], &[("Code", "1")]] {
            let given = given
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            assert!(key(&entity, &given).is_err(), "{given:?}");
        }
    }
}
