//! `/entities/{name}/tables/{table}`: balances, turnovers and slices of any register, as 1C computes them.

use axum::extract::State;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use common::Text;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Path, Problem, Query as Parameters, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::entities::{load, open};
use super::entity_rows::{companies, condition};
use super::{Caller, audit};
use crate::catalogue::access::{Denied, Lookup, company_fields, rows_type};
use crate::catalogue::values::{Parts, object};
use crate::drafts::reading;
use crate::error::Error;
use crate::infobase::{InfobaseError, Zone};
use crate::odata::{Collection, OdataError, Query, VirtualTable};
use crate::state::AppState;
use crate::store::catalogue::{self, StoredFunction, StoredProperty};

/// Rows when the caller does not say how many, and at most.
const DEFAULT_ROWS: u32 = 100;
const MOST_ROWS: u32 = 1000;

/// What is to be computed. Which of these a table takes, its function in the metadata says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableQuery {
    infobase: Option<Uuid>,
    /// The day at whose end balances and slices are taken; today when absent.
    date: Option<NaiveDate>,
    /// First and last day of turnovers; this month when absent.
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    /// Names of dimensions by which rows are told apart.
    dimensions: Option<String>,
    /// Ids of kinds of analytics, of a register of accounting.
    extra_dimensions: Option<String>,
    balanced_extra_dimensions: Option<String>,
    /// A condition on the rows, as `$filter` of OData.
    filter: Option<String>,
    /// Conditions on accounts: by references, not by texts.
    account_filter: Option<String>,
    balanced_account_filter: Option<String>,
    limit: Option<u32>,
}

/// A computed table.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TableView {
    infobase_id: Uuid,
    infobase: String,
    /// Register and table.
    object: String,
    columns: Vec<Column>,
    rows: Vec<Map<String, Value>>,
    /// True when 1C has more rows than were asked for.
    truncated: bool,
    as_of: DateTime<Utc>,
}

/// A column.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Column {
    name: String,
    r#type: String,
}

/// Has 1C compute a table.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path((name, table)): Path<(String, String)>,
    Parameters(query): Parameters<TableQuery>,
) -> Result<Json<TableView>, Problem> {
    let (infobase, onec) = open(&state, &identity, query.infobase).await?;
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let entity = load(&mut connection, infobase.id, &name).await?;
    let functions = catalogue::functions(&mut connection, infobase.id, &name).await?;
    let function = functions
        .into_iter()
        .find(|function| function.name == table && !function.side_effecting)
        .ok_or(Error::EntityNotFound)?;
    let returned = function
        .return_type
        .as_deref()
        .and_then(rows_type)
        .unwrap_or(&name)
        .to_owned();
    let columns = catalogue::properties(&mut connection, infobase.id, &returned).await?;
    let limit = query.limit.unwrap_or(DEFAULT_ROWS);
    let zone = Zone::parse(&infobase.time_zone).ok_or(Error::Infobase(InfobaseError::Settings))?;
    let as_of = state.clock.now();
    let mut built = build(&function, &query, limit, zone.today(as_of))?;

    let restriction = companies(&mut connection, state.profiles, &identity, &infobase, None).await?;
    let restricted_to = restriction.as_ref().map(|companies| companies.set.clone());
    let own = match &restriction {
        Some(companies) => {
            // The types of tables do not tell what references lead to; the records of the register do.
            let records = load(&mut connection, infobase.id, &format!("{name}_RecordType")).await;
            let told_by = records.as_ref().unwrap_or(&entity);
            let own = company_fields(told_by, &columns, companies);
            Some(own.ok_or(Error::EntityDenied(Denied::NotByCompany))?)
        }
        None => None,
    };
    let mut lookup = Lookup::new(&mut connection, infobase.id, restricted_to.as_deref());
    // What was computed may be asked for, so this is no condition of the table.
    let mut filter = match given(query.filter.as_deref()) {
        Some(text) => Some(condition(&mut lookup, &returned, "?filter", text).await?),
        None => None,
    };
    for (pointer, text, is_balanced) in [
        ("?account_filter", &query.account_filter, false),
        ("?balanced_account_filter", &query.balanced_account_filter, true),
    ] {
        let Some(text) = given(text.as_deref()) else {
            continue;
        };
        let accounts = condition(&mut lookup, &returned, pointer, text).await?;
        built = if is_balanced {
            built.balanced_account_condition(&accounts)
        } else {
            built.account_condition(&accounts)
        }
        .map_err(|_| {
            wrong(
                pointer,
                Text::new(
                    "Счёт указывается ссылкой: Account_Key eq guid'…'.",
                    "An account is named by its reference: Account_Key eq guid'…'.",
                ),
            )
        })?;
    }
    drop(connection);
    if let Some(own) = own {
        // 1C computes less by a condition of the table than by a filter of what it has computed.
        let is_taken = function
            .parameters
            .iter()
            .any(|parameter| parameter == "Condition");
        match built.clone().condition(&own).ok().filter(|_| is_taken) {
            Some(conditioned) => built = conditioned,
            None => filter = Some(filter.map_or_else(|| own.clone(), |asked| asked.and(&own))),
        }
    }
    let mut request = Query::set(&name).of(built).top(limit + 1);
    if let Some(filter) = filter {
        request = request.filter(filter);
    }
    if !request.fits(infobase.base_url.as_deref().map_or(0, str::len)) {
        return Err(Error::QueryTooLong.into());
    }
    let body = reading::rows(&state, infobase.id, &onec, &request).await?;
    let unreadable = |error| Error::from(InfobaseError::from(OdataError::from(error)));
    let mut found = Collection::parse(&body).map_err(unreadable)?.value;
    let truncated = found.len() > limit as usize;
    found.truncate(limit as usize);
    let present: Vec<&StoredProperty> = columns
        .iter()
        .filter(|column| rows_type(&column.edm_type).is_none())
        .filter(|column| found.first().is_none_or(|row| row.has(&column.name)))
        .collect();
    let rows = found
        .iter()
        .map(|row| object(row, present.iter().copied(), &Parts::new()));
    let rows: Vec<Map<String, Value>> = rows.collect::<Result<_, _>>().map_err(unreadable)?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let details =
        json!({"infobase_id": infobase.id, "table": table, "filter": query.filter, "rows": rows.len()});
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
    Ok(Json(TableView {
        infobase_id: infobase.id,
        infobase: infobase.name,
        object: format!("{name}/{table}"),
        columns: present
            .iter()
            .map(|column| Column {
                name: column.name.clone(),
                r#type: column.edm_type.clone(),
            })
            .collect(),
        rows,
        truncated,
        as_of,
    }))
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn wrong(pointer: &str, detail: Text) -> Problem {
    let mut violations = Violations::new();
    violations.add(pointer, detail);
    violations.finish().err().unwrap_or_else(Problem::not_found)
}

/// The function with all of its parameters but conditions.
fn build(
    function: &StoredFunction,
    query: &TableQuery,
    limit: u32,
    today: NaiveDate,
) -> Result<VirtualTable, Problem> {
    let mut violations = Violations::new();
    let takes = |name: &str| function.parameters.iter().any(|parameter| parameter == name);
    violations.check(
        (1..=MOST_ROWS).contains(&limit),
        "?limit",
        Text::new(format!("От 1 до {MOST_ROWS}."), format!("1 to {MOST_ROWS}.")),
    );
    let from = query.from.unwrap_or_else(|| today.with_day(1).unwrap_or(today));
    let to = query.to.unwrap_or(today);
    violations.check(
        from <= to,
        "?to",
        Text::new("Не раньше начала периода.", "Not before the start of the period."),
    );
    for (pointer, is_given, parameter) in [
        ("?date", query.date.is_some(), "Period"),
        ("?from", query.from.is_some(), "StartPeriod"),
        ("?to", query.to.is_some(), "EndPeriod"),
        ("?dimensions", query.dimensions.is_some(), "Dimensions"),
        (
            "?extra_dimensions",
            query.extra_dimensions.is_some(),
            "ExtraDimensions",
        ),
        (
            "?balanced_extra_dimensions",
            query.balanced_extra_dimensions.is_some(),
            "BalancedExtraDimensions",
        ),
        (
            "?account_filter",
            query.account_filter.is_some(),
            "AccountCondition",
        ),
        (
            "?balanced_account_filter",
            query.balanced_account_filter.is_some(),
            "BalancedAccountCondition",
        ),
    ] {
        violations.check(
            !is_given || takes(parameter),
            pointer,
            Text::new(
                format!("У таблицы {} такого параметра нет.", function.name),
                format!("The table {} has no such parameter.", function.name),
            ),
        );
    }
    let kinds = |pointer: &str, list: Option<&str>, violations: &mut Violations| -> Vec<Uuid> {
        let kinds: Result<Vec<Uuid>, _> = names(list).map(str::parse).collect();
        kinds.unwrap_or_else(|_| {
            violations.add(pointer, Text::new("Нужны идентификаторы.", "Ids are needed."));
            Vec::new()
        })
    };
    let extra = kinds(
        "?extra_dimensions",
        query.extra_dimensions.as_deref(),
        &mut violations,
    );
    let balanced = kinds(
        "?balanced_extra_dimensions",
        query.balanced_extra_dimensions.as_deref(),
        &mut violations,
    );
    let table = table(&function.name, query.date.unwrap_or(today), (from, to), limit);
    violations.check(
        table.is_some(),
        "/table",
        Text::new("Эту таблицу прочитать нельзя.", "This table cannot be read."),
    );
    violations.finish()?;
    let mut table = table.ok_or(Error::EntityNotFound)?;
    let dimensions: Vec<&str> = names(query.dimensions.as_deref()).collect();
    if !dimensions.is_empty() {
        table = table.dimensions(&dimensions);
    }
    if !extra.is_empty() {
        table = table.extra_dimensions(&extra);
    }
    if !balanced.is_empty() {
        table = table.balanced_extra_dimensions(&balanced);
    }
    Ok(table)
}

/// The table of that name over days. 1C leaves out what moved exactly at the moment of a balance, and
/// takes in the ends of a period.
fn table(
    name: &str,
    date: NaiveDate,
    (from, to): (NaiveDate, NaiveDate),
    limit: u32,
) -> Option<VirtualTable> {
    let start = |day: NaiveDate| day.and_time(NaiveTime::MIN);
    let end = |day: NaiveDate| day.and_hms_opt(23, 59, 59).unwrap_or_else(|| start(day));
    let after: NaiveDateTime = start(date.checked_add_days(Days::new(1)).unwrap_or(date));
    Some(match name {
        "Balance" => VirtualTable::balance(after),
        "SliceLast" => VirtualTable::slice_last(Some(end(date))),
        "SliceFirst" => VirtualTable::slice_first(Some(start(date))),
        "Turnovers" => VirtualTable::turnovers(start(from), end(to)),
        "BalanceAndTurnovers" => VirtualTable::balance_and_turnovers(start(from), end(to)),
        "DrCrTurnovers" => VirtualTable::dr_cr_turnovers(start(from), end(to)),
        "RecordsWithExtDimensions" => {
            VirtualTable::records_with_ext_dimensions(start(from), end(to), limit.saturating_add(1))
        }
        "ExtDimensions" => VirtualTable::ext_dimensions(),
        "ScheduleData" => VirtualTable::schedule_data(),
        "ActualActionPeriod" => VirtualTable::actual_action_period(),
        _ => return None,
    })
}

fn names(list: Option<&str>) -> impl Iterator<Item = &str> {
    list.unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
}
