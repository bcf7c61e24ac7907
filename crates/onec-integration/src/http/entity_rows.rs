//! `/entities/{name}/rows`: rows of any set that an infobase publishes, as 1C has them now.

use axum::extract::State;
use chrono::{DateTime, NaiveDateTime, Utc};
use common::Text;
use common::auth::Identity;
use common::contract::onec::DataSource;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Path, Problem, Query as Parameters, Violations};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::entities::{Position, load, open};
use super::{Caller, audit};
use crate::catalogue::access::{Companies, Entity, Lookup, rows_type, scope};
use crate::catalogue::values::{PRESENTATION, Parts, object};
use crate::error::Error;
use crate::infobase::{Connection, InfobaseError};
use crate::jobs::probe;
use crate::odata::parser::{self, FilterErrorKind};
use crate::odata::{Collection, Filter, Literal, OdataError, Patience, Query};
use crate::profile::Profiles;
use crate::state::AppState;
use crate::store::catalogue::{self, StoredProperty};
use crate::store::infobases::Infobase;

/// Rows when the caller does not say how many, and at most.
const DEFAULT_ROWS: u32 = 50;
const MOST_ROWS: u32 = 1000;

/// Which rows, and what of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowsQuery {
    infobase: Option<Uuid>,
    /// Rows of one company of the caller's only, and those that belong to no company.
    company: Option<Uuid>,
    /// A condition as `$filter` of OData.
    filter: Option<String>,
    /// Names of properties; all but tabular parts when absent.
    select: Option<String>,
    /// Names of references whose objects' names are told too.
    expand: Option<String>,
    /// Names of properties, each with `desc` after it or not.
    orderby: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// A column.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Column {
    name: String,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

/// Where the rows come from.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Source {
    infobase_id: Uuid,
    infobase: String,
    /// The set.
    object: String,
    /// The parameters that chose the rows.
    filter: Map<String, Value>,
    as_of: DateTime<Utc>,
    source: DataSource,
}

/// Rows.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Rows {
    columns: Vec<Column>,
    rows: Vec<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// True when 1C left out what its user may not see.
    partial: bool,
    as_of: DateTime<Utc>,
    source: DataSource,
    citations: Vec<Source>,
}

/// What is asked for, checked against the metadata.
struct Asked<'a> {
    chosen: Vec<&'a StoredProperty>,
    /// True when all are, so that 1C need not be told their names.
    is_all: bool,
    /// Names of references without `_Key`.
    expanded: Vec<String>,
    /// Properties, and whether the greatest comes first.
    order: Vec<(&'a StoredProperty, bool)>,
    limit: u32,
}

impl<'a> Asked<'a> {
    fn new(entity: &'a Entity, query: &RowsQuery) -> Result<Self, Problem> {
        let mut violations = Violations::new();
        let limit = query.limit.unwrap_or(DEFAULT_ROWS);
        violations.check(
            (1..=MOST_ROWS).contains(&limit),
            "?limit",
            Text::new(format!("От 1 до {MOST_ROWS}."), format!("1 to {MOST_ROWS}.")),
        );
        let mut chosen = Vec::new();
        for name in names(query.select.as_deref()) {
            match entity.property(name) {
                Some(property) => chosen.push(property),
                None => violations.add("?select", unknown(entity, name)),
            }
        }
        let is_all = chosen.is_empty();
        if is_all {
            let plain = |property: &&StoredProperty| {
                rows_type(&property.edm_type).is_none() && property.edm_type != "Edm.Stream"
            };
            chosen.extend(entity.properties.iter().filter(plain));
        }
        let mut expanded = Vec::new();
        for name in names(query.expand.as_deref()) {
            let plain = name.strip_suffix("_Key").unwrap_or(name);
            let found = entity.properties.iter().find(|property| {
                let is_named = property.navigation.as_deref() == Some(plain) || property.name == plain;
                is_named && entity.is_reference(property)
            });
            match found {
                Some(_) => expanded.push(plain.to_owned()),
                None => violations.add(
                    "?expand",
                    Text::new(
                        format!("У {} нет ссылки {name}.", entity.stored.name),
                        format!("{} has no reference {name}.", entity.stored.name),
                    ),
                ),
            }
        }
        let mut order = Vec::new();
        for item in names(query.orderby.as_deref()) {
            let mut words = item.split_whitespace();
            let name = words.next().unwrap_or_default();
            let direction = words.next();
            let is_known = matches!(direction, None | Some("asc" | "desc")) && words.next().is_none();
            match entity.property(name) {
                Some(property) if is_known && is_sortable(entity, property) => {
                    order.push((property, direction == Some("desc")));
                }
                Some(_) => violations.add(
                    "?orderby",
                    Text::new(
                        format!("По {item} упорядочить нельзя: 1С умеет это для строк, чисел и дат."),
                        format!("{item} gives no order: 1C sorts strings, numbers and dates."),
                    ),
                ),
                None => violations.add("?orderby", unknown(entity, name)),
            }
        }
        violations.finish()?;
        if order.is_empty() {
            let usual = ["Period", "Date", "Number", "Code", "LineNumber"];
            let found = usual.iter().filter_map(|name| entity.property(name));
            order.extend(
                found
                    .filter(|property| is_sortable(entity, property))
                    .map(|property| (property, false)),
            );
        }
        Ok(Self {
            chosen,
            is_all,
            expanded,
            order,
            limit,
        })
    }

    fn select(&self, entity: &Entity) -> Vec<String> {
        let has_parts = entity
            .properties
            .iter()
            .any(|property| rows_type(&property.edm_type).is_some());
        let mut select: Vec<String> = if !self.is_all {
            // The value that the list goes on after is needed as well.
            let first = self.order.first().map(|(property, _)| *property);
            let mut names: Vec<String> = self.chosen.iter().map(|property| property.name.clone()).collect();
            names.extend(
                first
                    .map(|property| property.name.clone())
                    .filter(|name| !self.chosen.iter().any(|chosen| &chosen.name == name)),
            );
            names
        } else if has_parts {
            vec!["**".to_owned()]
        } else if self.expanded.is_empty() {
            Vec::new()
        } else {
            vec!["*".to_owned()]
        };
        select.extend(self.expanded.iter().map(|name| format!("{name}{PRESENTATION}")));
        select
    }
}

fn names(list: Option<&str>) -> impl Iterator<Item = &str> {
    list.unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

fn unknown(entity: &Entity, name: &str) -> Text {
    Text::new(
        format!("У {} нет реквизита {name}.", entity.stored.name),
        format!("{} has no property {name}.", entity.stored.name),
    )
}

/// 1C sorts references by what they are called, slowly, and refuses other types.
fn is_sortable(entity: &Entity, property: &StoredProperty) -> bool {
    let is_scalar = matches!(
        property.edm_type.as_str(),
        "Edm.String" | "Edm.DateTime" | "Edm.Int16" | "Edm.Int32" | "Edm.Int64" | "Edm.Double"
    );
    is_scalar && !entity.is_reference(property)
}

/// A position's value as a literal of the property, where values can be compared exactly.
fn literal(property: &StoredProperty, value: &str) -> Option<Literal<'static>> {
    match property.edm_type.as_str() {
        "Edm.DateTime" => NaiveDateTime::parse_from_str(value, "%Y-%m-%dT%H:%M:%S")
            .ok()
            .map(Literal::DateTime),
        "Edm.Int16" | "Edm.Int32" | "Edm.Int64" => value.parse::<Decimal>().ok().map(Literal::Number),
        _ => None,
    }
}

/// Reads rows.
pub(crate) async fn rows(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(name): Path<String>,
    Parameters(query): Parameters<RowsQuery>,
) -> Result<Json<Rows>, Problem> {
    let position = Position::decode(query.cursor.as_deref())?;
    let (infobase, onec) = open(&state, &identity, query.infobase).await?;
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let entity = load(&mut connection, infobase.id, &name).await?;
    let companies = companies(
        &mut connection,
        state.profiles,
        &identity,
        &infobase,
        query.company,
    )
    .await?;
    let asked = Asked::new(&entity, &query)?;
    let scoped = match &companies {
        Some(companies) => {
            let owner = match &entity.stored.owner {
                Some(owner) => load(&mut connection, infobase.id, owner).await.ok(),
                None => None,
            };
            scope(&entity, owner.as_ref(), companies).map_err(Error::EntityDenied)?
        }
        None => None,
    };
    let restricted_to = companies.as_ref().map(|companies| companies.set.as_str());
    let mut conditions: Vec<Filter> = scoped.into_iter().collect();
    if let Some(text) = query.filter.as_deref().filter(|text| !text.trim().is_empty()) {
        conditions.push(
            condition(
                &mut Lookup::new(&mut connection, infobase.id, restricted_to),
                &name,
                "?filter",
                text,
            )
            .await?,
        );
    }
    if let (Some(value), Some((property, is_descending))) = (&position.after, asked.order.first()) {
        let value = literal(property, value).ok_or_else(bad_cursor)?;
        conditions.push(if *is_descending {
            Filter::le(&property.name, &value)
        } else {
            Filter::ge(&property.name, &value)
        });
    }
    let mut parts = Parts::new();
    for of in asked
        .chosen
        .iter()
        .filter_map(|property| rows_type(&property.edm_type))
    {
        let rows = catalogue::properties(&mut connection, infobase.id, of).await?;
        parts.insert(of.to_owned(), rows);
    }
    drop(connection);
    let mut request = Query::set(&name)
        .select(asked.select(&entity))
        .orderby(asked.order.iter().map(|(property, is_descending)| {
            let direction = if *is_descending { " desc" } else { "" };
            format!("{}{direction}", property.name)
        }))
        // One more tells whether the list goes on.
        .top(asked.limit + 1)
        .skip(position.skip);
    if let Some(filter) = conditions.into_iter().reduce(|all, one| all.and(&one)) {
        request = request.filter(filter);
    }
    if !request.fits(infobase.base_url.as_deref().map_or(0, str::len)) {
        return Err(Error::QueryTooLong.into());
    }
    let as_of = state.clock.now();
    let (body, partial) = fetch(&state, &infobase, &onec, &request).await?;
    let unreadable = |error| Error::from(InfobaseError::from(OdataError::from(error)));
    let mut found = Collection::parse(&body).map_err(unreadable)?.value;
    let goes_on = found.len() > asked.limit as usize;
    found.truncate(asked.limit as usize);
    let mut rows = Vec::with_capacity(found.len());
    let mut values = Vec::with_capacity(found.len());
    for row in &found {
        let mut shown = object(row, asked.chosen.iter().copied(), &parts).map_err(unreadable)?;
        for name in &asked.expanded {
            let name = format!("{name}{PRESENTATION}");
            let value = row.text(&name).map_err(unreadable)?;
            shown.insert(name, value.into());
        }
        rows.push(shown);
        let first = asked.order.first().map(|(property, _)| *property);
        let value = first.and_then(|property| {
            let value = row.text_of(&property.name)?;
            literal(property, &value).map(|_| value)
        });
        values.push(value);
    }
    let filter = told(&query);
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let details = json!({"infobase_id": infobase.id, "parameters": filter, "rows": rows.len()});
    let mut transaction = state.pool.begin().await.store("begin")?;
    audit(
        &mut transaction,
        &state,
        &caller,
        "entities.viewed",
        format!("entity:{name}"),
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    let columns = asked.chosen.iter().map(|property| Column {
        name: property.name.clone(),
        r#type: property.edm_type.clone(),
        target: property.target.clone(),
    });
    Ok(Json(Rows {
        columns: columns.collect(),
        next_cursor: goes_on.then(|| position.next(&values).encode()),
        rows,
        partial,
        as_of,
        source: DataSource::Live,
        citations: vec![Source {
            infobase_id: infobase.id,
            infobase: infobase.name,
            object: name,
            filter,
            as_of,
            source: DataSource::Live,
        }],
    }))
}

/// The parameters that chose the rows.
fn told(query: &RowsQuery) -> Map<String, Value> {
    let given = [
        ("filter", &query.filter),
        ("select", &query.select),
        ("expand", &query.expand),
        ("orderby", &query.orderby),
    ];
    let mut told: Map<String, Value> = given
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())))
        .collect();
    told.extend(
        query
            .company
            .map(|company| ("company".to_owned(), json!(company))),
    );
    told
}

fn bad_cursor() -> Problem {
    Problem::bad_request(Text::new(
        "Курсор относится к другому списку.",
        "The cursor is of another list.",
    ))
}

/// The companies that a caller is restricted to, or the one of them that a request is about.
pub(super) async fn companies(
    connection: &mut sqlx::PgConnection,
    profiles: Profiles,
    identity: &Identity,
    infobase: &Infobase,
    company: Option<Uuid>,
) -> Result<Option<Companies>, Problem> {
    let restriction = match company {
        Some(company) if identity.companies.contains(company) => vec![company],
        Some(_) => return Err(Error::CompanyNotFound.into()),
        None => match identity.companies.restriction() {
            Some(restriction) => restriction,
            None => return Ok(None),
        },
    };
    let profile = infobase.profile.as_deref().and_then(|id| profiles.by_id(id));
    // Which set holds the companies is known of known configurations only.
    let set = profile
        .and_then(|profile| profile.catalog_set("companies"))
        .ok_or(Error::EntityDenied(
            crate::catalogue::access::Denied::NotByCompany,
        ))?;
    let references = catalogue::companies(connection, infobase.id, &restriction).await?;
    Ok(Some(Companies {
        set: set.to_owned(),
        references,
    }))
}

/// A filter as it was written, checked.
pub(super) async fn condition(
    lookup: &mut Lookup<'_>,
    entity: &str,
    pointer: &str,
    text: &str,
) -> Result<Filter, Problem> {
    let wrong = |offset: usize, detail: Text| {
        let place = offset + 1;
        let mut violations = Violations::new();
        let detail = Text::new(
            format!("Символ {place}: {}", detail.get(common::Locale::Ru)),
            format!("Character {place}: {}", detail.get(common::Locale::En)),
        );
        violations.add(pointer, detail);
        violations.finish().err()
    };
    let expression = match parser::parse(text) {
        Ok(expression) => expression,
        Err(error) => {
            let problem = wrong(error.offset, explain(error.kind));
            return Err(problem.unwrap_or_else(Problem::not_found));
        }
    };
    if let Err(error) = lookup.check(entity, &expression).await? {
        let problem = wrong(error.offset, error.detail);
        return Err(problem.unwrap_or_else(Problem::not_found));
    }
    Ok(Filter::new(expression))
}

/// What is wrong with a filter, in plain words.
fn explain(kind: FilterErrorKind) -> Text {
    match kind {
        FilterErrorKind::TooComplex => Text::new("условие слишком длинное.", "the condition is too long."),
        FilterErrorKind::OperandExpected => Text::new(
            "здесь нужен реквизит или значение.",
            "a property or a value is needed here.",
        ),
        FilterErrorKind::Unexpected => Text::new("здесь это лишнее.", "this does not belong here."),
        FilterErrorKind::BadLiteral => Text::new("так значение не пишется.", "a value is not written so."),
        FilterErrorKind::UnknownFunction => Text::new("в 1С нет такой функции.", "1C has no such function."),
        FilterErrorKind::WrongArguments => Text::new(
            "у функции другое число параметров.",
            "the function has another number of arguments.",
        ),
        FilterErrorKind::OpenString => Text::new(
            "у строки нет закрывающего апострофа.",
            "the string has no closing apostrophe.",
        ),
    }
}

/// Asks 1C; when it denies some of the rows, asks for those that it does not. True when some may
/// have been left out.
async fn fetch(
    state: &AppState,
    infobase: &Infobase,
    onec: &Connection,
    query: &Query,
) -> Result<(bytes::Bytes, bool), Problem> {
    let mut answer = onec
        .client
        .rows(query, Patience::Person)
        .await
        .map(|body| (body, false));
    if let Err(OdataError::AccessDenied(_)) = answer {
        let allowed = query.clone().allowed_only();
        answer = onec
            .client
            .rows(&allowed, Patience::Person)
            .await
            .map(|body| (body, true));
    }
    match answer {
        Ok(answer) => {
            probe::note(state, infobase.id, None).await?;
            Ok(answer)
        }
        Err(error) => {
            if matches!(error, OdataError::NotPublished(_)) {
                onec.forget_plan().await;
            }
            let error = InfobaseError::from(error);
            probe::note(state, infobase.id, Some(&error)).await?;
            Err(Error::from(error).into())
        }
    }
}
