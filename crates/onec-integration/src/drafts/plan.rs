//! Makes a draft: what would be written, and what that changes. 1C is only read.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use common::Text;
use common::db::StoreResult;
use common::http::{Problem, Violations};
use common::ids;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::differences::{Difference, planned};
use super::problem::Failure;
use super::reading::{Object, existing};
use super::references::References;
use super::validate::{Cell, Checked, Declared, Fields, check};
use super::values::{wire, wire_object};
use crate::catalogue::access::{Companies, Entity, rows_type};
use crate::catalogue::values::Parts;
use crate::error::Error;
use crate::infobase::Connection;
use crate::state::AppState;
use crate::store::infobases::Infobase;
use crate::store::{catalogue, drafts};

/// What somebody wants written.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) entity: String,
    /// The object to change; a new one is made without it.
    pub(crate) reference: Option<Uuid>,
    pub(crate) values: Map<String, Value>,
    pub(crate) post: bool,
}

/// What is written when the draft is confirmed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) entity: String,
    pub(crate) reference: Uuid,
    pub(crate) is_new: bool,
    pub(crate) post: bool,
    /// The version that the change is based on.
    pub(crate) version: Option<String>,
    pub(crate) was_posted: bool,
    /// What people know the object by.
    pub(crate) name: String,
    /// What is written, and what stood there.
    pub(crate) values: Map<String, Value>,
    pub(crate) before: Option<Map<String, Value>>,
    /// The same as 1C takes it.
    pub(crate) body: Value,
    pub(crate) undo: Option<Value>,
    pub(crate) differences: Vec<Difference>,
    /// Names of objects by their keys.
    pub(crate) names: Map<String, Value>,
    pub(crate) warnings: Vec<Warning>,
    /// Companies that the object belongs to, before or after.
    pub(crate) companies: Vec<Uuid>,
}

/// What a person should know before confirming.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Warning {
    pub(crate) ru: String,
    pub(crate) en: String,
}

impl Warning {
    fn new(ru: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            ru: ru.into(),
            en: en.into(),
        }
    }
}

impl Plan {
    /// SHA-256 in hex: what is confirmed is what was shown.
    pub(crate) fn digest(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        let hash = Sha256::digest(text.as_bytes());
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What is published of the set of a draft.
pub(crate) async fn declared(
    connection: &mut sqlx::PgConnection,
    infobase: Uuid,
    name: &str,
) -> Result<Declared, Problem> {
    let stored = catalogue::get(connection, infobase, name)
        .await?
        .filter(|stored| stored.published)
        .ok_or(Error::EntityNotFound)?;
    if stored.owner.is_some() || !matches!(stored.kind.as_str(), "Catalog" | "Document") {
        let mut violations = Violations::new();
        violations.add(
            "/entity",
            Text::new(
                "Записывать можно справочники и документы целиком.",
                "Catalogs and documents are written, as whole objects.",
            ),
        );
        violations.finish()?;
    }
    let properties = catalogue::properties(connection, infobase, name).await?;
    let mut parts = Parts::new();
    let mut enumerations = HashMap::new();
    for property in &properties {
        if let Some(of) = rows_type(&property.edm_type) {
            let mut rows = catalogue::properties(connection, infobase, of).await?;
            // Only the set of the rows tells where their references lead to.
            let set = of.strip_suffix("_RowType").unwrap_or(of);
            let of_set = catalogue::properties(connection, infobase, set).await?;
            for row in rows.iter_mut().filter(|row| row.target.is_none()) {
                let same = of_set.iter().find(|property| property.name == row.name);
                row.target = same.and_then(|property| property.target.clone());
            }
            parts.insert(of.to_owned(), rows);
        }
    }
    for property in properties.iter().chain(parts.values().flatten()) {
        let of = property.edm_type.strip_prefix("StandardODATA.");
        let name = match of {
            Some(of) => of,
            None if property.edm_type == "Edm.String" => &property.name,
            None => continue,
        };
        if let Some(members) = drafts::members(connection, infobase, name).await? {
            enumerations.insert(name.to_owned(), members);
        }
    }
    Ok(Declared {
        entity: Entity { stored, properties },
        parts,
        enumerations,
    })
}

/// The companies that an object belongs to, if a caller of these companies may write it.
fn companies_of(
    entity: &Entity,
    companies: &Companies,
    object: &Map<String, Value>,
) -> Result<Vec<Uuid>, Failure> {
    let is_company = entity.stored.name == companies.set;
    let found: Vec<Uuid> = entity
        .properties
        .iter()
        .filter(|property| property.target.as_deref() == Some(&companies.set))
        .filter_map(|property| object.get(&property.name)?.as_str()?.parse().ok())
        .collect();
    let is_own = found.iter().all(|company| companies.references.contains(company));
    if is_company || found.is_empty() || !is_own {
        return Err(Failure::NotOwn);
    }
    Ok(found)
}

/// Checks a request and tells what it would write.
pub(crate) async fn make(
    state: &AppState,
    infobase: &Infobase,
    onec: &Connection,
    companies: Option<&Companies>,
    request: Request,
) -> Result<Plan, Problem> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let declared = declared(&mut connection, infobase.id, &request.entity).await?;
    let functions = catalogue::functions(&mut connection, infobase.id, &request.entity).await?;
    drop(connection);
    let is_new = request.reference.is_none();
    let can_post = functions.iter().any(|function| function.name == "Post");
    let mut violations = Violations::new();
    violations.check(
        !request.post || can_post,
        "/post",
        Text::new("Это не проводится.", "This is not posted."),
    );
    let checked = check(
        &declared,
        &request.values,
        (is_new, request.post),
        &mut violations,
    );
    if let Some(companies) = companies {
        let has_company = declared
            .entity
            .properties
            .iter()
            .any(|property| property.target.as_deref() == Some(&companies.set));
        if !has_company || declared.entity.stored.name == companies.set {
            return Err(Failure::NotOwn.into());
        }
    }
    let current = match request.reference {
        Some(reference) => Some(existing(state, infobase.id, onec, &declared, reference).await?),
        None => None,
    };
    // Another company's object looks as if it were not there.
    let mut belongs_to = match (companies, &current) {
        (Some(companies), Some(current)) => {
            companies_of(&declared.entity, companies, &current.values).map_err(|_| Failure::ObjectNotFound)?
        }
        _ => Vec::new(),
    };
    let mut references = References::new(state, infobase.id, onec, companies);
    let keys = Box::pin(references.resolve(&checked.references, &mut violations)).await?;
    violations.finish()?;
    let mut warnings = unchecked(&checked);
    let mut values = filled(checked, &keys);
    if is_new && declared.entity.stored.kind == "Document" && !values.contains_key("Date") {
        let now = onec.zone.local(state.clock.now()).format("%Y-%m-%dT%H:%M:%S");
        values.insert("Date".to_owned(), now.to_string().into());
        warnings.push(Warning::new(
            "Дата не указана: взято текущее время базы.",
            "No date is given: the present time of the infobase is taken.",
        ));
    }
    let mut whole = current
        .as_ref()
        .map(|current| current.values.clone())
        .unwrap_or_default();
    whole.extend(values.clone());
    if let Some(companies) = companies {
        belongs_to.extend(companies_of(&declared.entity, companies, &whole)?);
    }
    let before: Option<Map<String, Value>> = current.as_ref().map(|current| {
        let was = |name: &String| {
            (
                name.clone(),
                current.values.get(name).cloned().unwrap_or_default(),
            )
        };
        values.keys().map(was).collect()
    });
    for (set, keys) in referred(&declared, before.as_ref()) {
        references.name(&set, &keys).await?;
    }
    warnings.extend(unseen(&references));
    let names = std::mem::take(&mut references.names);
    warnings.extend(advice(&declared, current.as_ref(), &request, &whole));
    let differences = planned(&declared, before.as_ref(), &values);
    let reference = request.reference.unwrap_or_else(ids::new_id);
    let mut body = sent(&declared, &values);
    if is_new {
        body.insert("Ref_Key".to_owned(), reference.to_string().into());
    }
    Ok(Plan {
        entity: request.entity,
        reference,
        is_new,
        post: request.post,
        version: current.as_ref().and_then(|current| current.version.clone()),
        was_posted: current.as_ref().is_some_and(|current| current.is_posted),
        name: current.as_ref().map(Object::name).unwrap_or_default(),
        undo: before.as_ref().map(|before| sent(&declared, before).into()),
        body: body.into(),
        values,
        before,
        differences,
        names,
        warnings,
        companies: belongs_to,
    })
}

fn filled(checked: Checked, keys: &[Uuid]) -> Map<String, Value> {
    let fill = |fields: Fields| -> Map<String, Value> {
        fields
            .into_iter()
            .map(|(name, cell)| match cell {
                Cell::Value(value) => (name, value),
                Cell::Reference(at) => (name, keys.get(at).map(Uuid::to_string).into()),
            })
            .collect()
    };
    let mut values = fill(checked.fields);
    for (name, rows) in checked.parts {
        let rows: Vec<Value> = (1_u64..)
            .zip(rows)
            .map(|(line, fields)| {
                let mut row = fill(fields);
                row.insert("LineNumber".to_owned(), line.into());
                row.into()
            })
            .collect();
        values.insert(name, rows.into());
    }
    values
}

/// Values as 1C takes them.
pub(crate) fn sent(declared: &Declared, values: &Map<String, Value>) -> Map<String, Value> {
    let mut body = Map::new();
    for property in &declared.entity.properties {
        let Some(value) = values.get(&property.name) else {
            continue;
        };
        let value = match (declared.rows(property), value) {
            (Some(of), Value::Array(rows)) => rows
                .iter()
                .filter_map(Value::as_object)
                .map(|row| {
                    let mut row = wire_object(row, of);
                    // 1C knows whose row it is.
                    row.remove("Ref_Key");
                    Value::Object(row)
                })
                .collect(),
            _ => wire(&property.edm_type, value),
        };
        body.insert(property.name.clone(), value);
    }
    body
}

/// The objects that an object refers to, by their sets.
fn referred(declared: &Declared, object: Option<&Map<String, Value>>) -> HashMap<String, Vec<Uuid>> {
    let mut all: HashMap<String, Vec<Uuid>> = HashMap::new();
    let mut note = |target: &Option<String>, value: Option<&Value>| {
        let key = value.and_then(Value::as_str).and_then(|text| text.parse().ok());
        if let (Some(target), Some(key)) = (target, key) {
            all.entry(target.clone()).or_default().push(key);
        }
    };
    for property in &declared.entity.properties {
        let value = object.and_then(|object| object.get(&property.name));
        note(&property.target, value);
        if let (Some(of), Some(Value::Array(rows))) = (declared.rows(property), value) {
            for row in rows {
                for property in of {
                    note(&property.target, row.get(&property.name));
                }
            }
        }
    }
    for keys in all.values_mut() {
        keys.sort_unstable();
        keys.dedup();
    }
    all
}

/// References of which the metadata do not tell where they lead to.
fn unchecked(checked: &Checked) -> Vec<Warning> {
    if checked.unchecked.is_empty() {
        return Vec::new();
    }
    let list: Vec<&str> = checked.unchecked.iter().map(String::as_str).collect();
    let list = list.join(", ");
    vec![Warning::new(
        format!("Ссылки не проверены, их объекты не опубликованы: {list}."),
        format!("References are not checked, since their objects are not published: {list}."),
    )]
}

fn unseen(references: &References<'_>) -> Option<Warning> {
    if references.unseen.is_empty() {
        return None;
    }
    let list = references.unseen.join(", ");
    Some(Warning::new(
        format!("Не опубликованы {list}: ссылки на них не проверены."),
        format!("{list} are not published: references to them are not checked."),
    ))
}

/// What is worth knowing before confirming.
fn advice(
    declared: &Declared,
    current: Option<&Object>,
    request: &Request,
    whole: &Map<String, Value>,
) -> Vec<Warning> {
    let mut all = vec![Warning::new(
        "1С ничего не заполнит сама: счета, НДС и суммы записываются как указаны, проверки формы не выполняются.",
        "1C fills nothing in by itself: accounts, VAT and sums are written as given; checks of the form do not run.",
    )];
    let replaced: Vec<&str> = declared
        .entity
        .properties
        .iter()
        .filter(|property| declared.rows(property).is_some() && request.values.contains_key(&property.name))
        .map(|property| property.name.as_str())
        .collect();
    if current.is_some() && !replaced.is_empty() {
        let list = replaced.join(", ");
        all.push(Warning::new(
            format!("Табличная часть заменяется целиком: {list}."),
            format!("A tabular part is replaced whole: {list}."),
        ));
    }
    if current.is_some_and(|current| current.is_posted) && !request.post {
        all.push(Warning::new(
            "Документ проведён: движения не изменятся, пока его не проведут ещё раз.",
            "The document is posted: its movements stay as they are until it is posted again.",
        ));
    }
    all.extend(sums(declared, whole));
    all
}

/// Whether the rows add up to the sum of the document, where it has both.
fn sums(declared: &Declared, whole: &Map<String, Value>) -> Option<Warning> {
    let number = |value: Option<&Value>| -> Option<Decimal> { value?.as_str()?.parse().ok() };
    let told = number(whole.get("СуммаДокумента"));
    let mut found = false;
    let mut total = Decimal::ZERO;
    let is_vat_on_top = whole.get("СуммаВключаетНДС") == Some(&Value::Bool(false));
    for property in &declared.entity.properties {
        let Some(Value::Array(rows)) = whole.get(&property.name) else {
            continue;
        };
        for row in rows {
            if let Some(sum) = number(row.get("Сумма")) {
                found = true;
                total = total.checked_add(sum)?;
                if is_vat_on_top {
                    total = total.checked_add(number(row.get("СуммаНДС")).unwrap_or_default())?;
                }
            }
        }
    }
    declared.entity.property("СуммаДокумента")?;
    let told = told.unwrap_or_default();
    (found && total != told).then(|| {
        let (told, total) = (told.normalize(), total.normalize());
        Warning::new(
            format!("СуммаДокумента {told}, а строки дают {total}."),
            format!("СуммаДокумента is {told}, but the rows add up to {total}."),
        )
    })
}

/// How long a draft may be confirmed.
pub(crate) fn expiry(now: DateTime<Utc>) -> DateTime<Utc> {
    now + chrono::TimeDelta::minutes(10)
}
