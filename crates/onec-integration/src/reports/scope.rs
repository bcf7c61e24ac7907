//! What a report is about: the infobase, the companies that the caller may see, and the objects
//! that the parameters name.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use common::Text;
use common::auth::Identity;
use common::contract::onec::{ComparePeriod, DataSource, GroupBy, ReportId, ReportQuery};
use common::db::{StoreError, StoreResult};
use common::http::{Cursor, FieldError, Problem};
use serde_json::{Map, Value};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Error;
use crate::infobase::{InfobaseError, Zone};
use crate::profile::Profile;
use crate::sight::Sight;
use crate::state::AppState;
use crate::store::infobases::{self, Infobase, Kind};

/// Rows when the caller does not say how many.
const DEFAULT_ROWS: u32 = 50;
/// Rows of a CSV at most.
const CSV_ROWS: u32 = 50_000;
/// Rows that pages of JSON go through at most.
pub(super) const MOST_SKIPPED: u64 = CSV_ROWS as u64;

/// Everything that a report's SQL needs.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) infobase: Infobase,
    pub(crate) profile: &'static Profile,
    /// The parameters with defaults filled in.
    pub(crate) query: ReportQuery,
    /// References of the companies; `None` for all.
    pub(crate) companies: Option<Vec<Uuid>>,
    /// References of one counterparty, or of those in a folder.
    pub(crate) counterparties: Option<Vec<Uuid>>,
    /// References of one item, or of those in a group.
    pub(crate) items: Option<Vec<Uuid>>,
    /// References of one warehouse, or of those in a group.
    pub(crate) warehouses: Option<Vec<Uuid>>,
    /// Reference of one manager.
    pub(crate) manager: Option<Uuid>,
    /// The parameters with names, for people.
    pub(crate) filter: Map<String, Value>,
    /// The moment that the data is of.
    pub(crate) as_of: DateTime<Utc>,
    /// The wall clock of the infobase.
    today: NaiveDate,
    /// Rows of the pages before.
    skip: u32,
    /// All rows that fit into a file, instead of a page.
    all: bool,
}

/// The infobase named, or the only one, among those that the caller may see.
pub(crate) async fn choose_infobase(
    connection: &mut PgConnection,
    identity: &Identity,
    id: Option<Uuid>,
    pointer: &str,
) -> Result<Infobase, Problem> {
    let sight = Sight::of(identity);
    let mut visible = infobases::list(connection, &sight).await?;
    if let Some(id) = id {
        let found = visible.into_iter().find(|infobase| infobase.id == id);
        return Ok(found.ok_or(Error::InfobaseNotFound)?);
    }
    // A base that only pushes goods and prices has to be named when there is another.
    if visible.len() > 1 && visible.iter().any(|infobase| infobase.kind == Kind::Odata) {
        visible.retain(|infobase| infobase.kind == Kind::Odata);
    }
    match visible.len() {
        0 if sight.companies.is_some() => Err(Error::CompanyNotFound.into()),
        0 if sight.infobases.is_some() => Err(Error::InfobaseNotFound.into()),
        0 => Err(Error::NoInfobase.into()),
        1 => Ok(visible.remove(0)),
        _ => {
            let listed: Vec<String> = visible
                .iter()
                .map(|infobase| format!("{} ({})", infobase.id, infobase.name))
                .collect();
            let listed = listed.join(", ");
            Err(Problem::validation(vec![FieldError {
                pointer: pointer.to_owned(),
                detail: Text::new(
                    format!("Подключено несколько информационных баз: укажите одну. Есть {listed}."),
                    format!("Several infobases are connected: name one. There are {listed}."),
                ),
            }]))
        }
    }
}

impl Scope {
    /// Resolves the parameters of a report for a caller.
    pub(crate) async fn resolve(
        connection: &mut PgConnection,
        state: &AppState,
        identity: &Identity,
        report: ReportId,
        mut query: ReportQuery,
        all: bool,
    ) -> Result<Self, Problem> {
        let infobase = match (query.infobase, query.company) {
            // A company tells its infobase.
            (None, Some(company)) => {
                let of_company = company_infobase(connection, identity, company).await?;
                let of_company = of_company.ok_or(Error::CompanyNotFound)?;
                choose_infobase(connection, identity, Some(of_company), "?infobase").await?
            }
            (infobase, _) => choose_infobase(connection, identity, infobase, "?infobase").await?,
        };
        super::stock_snapshot::check(&infobase, report, &query)?;
        query.infobase = Some(infobase.id);
        let skip = match query.cursor.as_deref() {
            Some(cursor) => Cursor::decode::<u32>(cursor)?,
            None => 0,
        };
        let mut filter = Map::new();
        let companies = companies(connection, identity, &infobase, query.company, &mut filter).await?;
        let as_of = infobase.as_of.ok_or_else(|| never_synchronised(&infobase))?;
        let profile = infobase
            .profile
            .as_deref()
            .and_then(|id| state.profiles.by_id(id))
            .ok_or(Error::NotSynchronised)?;
        if !is_kept(profile, report) {
            return Err(Error::ReportNotKept(report).into());
        }
        let zone = Zone::parse(&infobase.time_zone).ok_or(Error::Infobase(InfobaseError::Settings))?;
        let now = state.clock.now();
        let today = zone.today(now);
        fill_defaults(report, &mut query, today, &mut filter);
        let id = infobase.id;
        let subject = |value: Option<Uuid>, table: Subject| (value, table);
        let mut lists = [None, None, None];
        for (list, (value, table)) in lists.iter_mut().zip([
            subject(query.counterparty, Subject::Counterparty),
            subject(query.item, Subject::Item),
            subject(query.warehouse, Subject::Warehouse),
        ]) {
            if let Some(value) = value {
                *list = Some(below(connection, id, value, table, &mut filter).await?);
            }
        }
        let manager = match query.manager {
            Some(value) => below(connection, id, value, Subject::Manager, &mut filter)
                .await?
                .into_iter()
                .next(),
            None => None,
        };
        let [counterparties, items, warehouses] = lists;
        let live = query.source == Some(DataSource::Live);
        Ok(Self {
            profile,
            companies,
            counterparties,
            items,
            warehouses,
            manager,
            filter,
            as_of: if live { now } else { as_of },
            infobase,
            query,
            today,
            skip: skip.min(CSV_ROWS),
            all,
        })
    }

    /// The first moment after the day that balances are of.
    pub(crate) fn before(&self) -> NaiveDateTime {
        next_day(self.date())
    }

    /// The day that balances are of.
    pub(crate) fn date(&self) -> NaiveDate {
        self.query.date.unwrap_or(self.today)
    }

    /// First moment of the period.
    pub(crate) fn since(&self) -> NaiveDateTime {
        self.query
            .from
            .unwrap_or(NaiveDate::MIN)
            .max(earliest())
            .and_time(NaiveTime::MIN)
    }

    /// First moment after the period.
    pub(crate) fn until(&self) -> NaiveDateTime {
        next_day(self.query.to.unwrap_or(self.today))
    }

    /// Rows at most, those of the pages before among them.
    pub(crate) fn limit(&self) -> i64 {
        if self.all {
            return i64::from(CSV_ROWS);
        }
        i64::from(self.skip) + i64::from(self.query.limit.unwrap_or(DEFAULT_ROWS))
    }

    /// Rows of the pages before.
    pub(super) fn skip(&self) -> usize {
        usize::try_from(self.skip).unwrap_or(usize::MAX)
    }

    /// The period that figures are compared with: its first moment, and the first after.
    pub(super) fn compared(&self) -> Option<(NaiveDateTime, NaiveDateTime)> {
        let query = &self.query;
        let (from, to) = query.compare_from.zip(query.compare_to)?;
        Some((from.and_time(NaiveTime::MIN), next_day(to)))
    }
}

/// Whether a configuration keeps what a report is made of. Stocks may also be pushed.
fn is_kept(profile: &Profile, report: ReportId) -> bool {
    let chart = &profile.chart;
    match report {
        ReportId::Receivables => !chart.receivables.is_empty(),
        ReportId::Payables => !chart.payables.is_empty(),
        ReportId::Cash => !chart.cash.is_empty(),
        ReportId::Taxes => !chart.taxes.is_empty(),
        ReportId::TrialBalance | ReportId::AccountAnalysis | ReportId::AccountCard | ReportId::Postings => {
            profile.has_ledger()
        }
        _ => true,
    }
}

/// The first day that 1C knows.
fn earliest() -> NaiveDate {
    NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default()
}

fn next_day(day: NaiveDate) -> NaiveDateTime {
    day.checked_add_days(Days::new(1))
        .unwrap_or(day)
        .and_time(NaiveTime::MIN)
}

/// The period of a comparison.
fn compared_period(from: NaiveDate, to: NaiveDate, compare: ComparePeriod) -> Option<(NaiveDate, NaiveDate)> {
    match compare {
        ComparePeriod::YearAgo => Some((
            from.checked_sub_months(Months::new(12))?,
            to.checked_sub_months(Months::new(12))?,
        )),
        ComparePeriod::Previous => {
            let before = from.pred_opt()?;
            let next = to.succ_opt()?;
            if from.day() == 1 && next.day() == 1 {
                let months = (next.year() - from.year()) * 12 + i32::try_from(next.month()).ok()?
                    - i32::try_from(from.month()).ok()?;
                let months = Months::new(u32::try_from(months).ok()?);
                return Some((from.checked_sub_months(months)?, before));
            }
            let days = u64::try_from((next - from).num_days()).ok()?;
            Some((from.checked_sub_days(Days::new(days))?, before))
        }
    }
}

/// Days, rows and grouping that the caller did not name, as the report takes them.
fn fill_defaults(
    report: ReportId,
    query: &mut ReportQuery,
    today: NaiveDate,
    filter: &mut Map<String, Value>,
) {
    match report {
        ReportId::Receivables | ReportId::Payables | ReportId::Stock | ReportId::Cash => {
            query.date = query.date.or(Some(today));
        }
        ReportId::Sales
        | ReportId::CashFlow
        | ReportId::Taxes
        | ReportId::TrialBalance
        | ReportId::AccountAnalysis
        | ReportId::AccountCard
        | ReportId::StockTurnover
        | ReportId::GrossProfit
        | ReportId::Statement => {
            let to = query
                .to
                .unwrap_or_else(|| query.from.map_or(today, |from| from.max(today)));
            query.to = Some(to);
            query.from = query.from.or_else(|| to.with_day(1));
        }
        ReportId::CounterpartyCard | ReportId::Documents | ReportId::Postings => {}
    }
    if matches!(
        report,
        ReportId::Sales | ReportId::GrossProfit | ReportId::CashFlow
    ) {
        query.group_by = query.group_by.or(Some(GroupBy::Counterparty));
    }
    if let (Some(compare), Some(from), Some(to)) = (query.compare, query.from, query.to)
        && let Some((from, to)) = compared_period(from, to, compare)
    {
        query.compare_from = Some(from);
        query.compare_to = Some(to);
    }
    query.limit = query.limit.or(Some(DEFAULT_ROWS));
    query.source = query.source.or(Some(DataSource::Mirror));
    let shown = serde_json::to_value(&*query).unwrap_or_default();
    for name in [
        "date",
        "from",
        "to",
        "compare_from",
        "compare_to",
        "group_by",
        "then_by",
        "account",
        "breakdown",
        "subaccounts",
        "number",
        "unposted",
        "overdue",
    ] {
        if let Some(value) = shown.get(name) {
            filter.insert(name.to_owned(), value.clone());
        }
    }
}

/// The infobase of a company of the caller's.
async fn company_infobase(
    connection: &mut PgConnection,
    identity: &Identity,
    company: Uuid,
) -> Result<Option<Uuid>, StoreError> {
    let sight = Sight::of(identity);
    sqlx::query_scalar!(
        "select infobase_id from onec.companies
         where id = $1 and ($2::uuid[] is null or id = any($2)) and ($3::uuid[] is null or infobase_id = any($3))",
        company,
        sight.companies.as_deref(),
        sight.infobases.as_deref(),
    )
    .fetch_optional(connection)
    .await
    .store("company_infobase")
}

/// Why there are no figures yet: they are on their way, or no profile knows where they would be.
fn never_synchronised(infobase: &Infobase) -> Error {
    let unknown = InfobaseError::UnknownConfiguration;
    if infobase.error_code.as_deref() == Some(unknown.code()) {
        return Error::Infobase(unknown);
    }
    Error::NotSynchronised
}

/// The references of the companies that the caller may see and asks for.
async fn companies(
    connection: &mut PgConnection,
    identity: &Identity,
    infobase: &Infobase,
    asked: Option<Uuid>,
    filter: &mut Map<String, Value>,
) -> Result<Option<Vec<Uuid>>, Problem> {
    let restriction = identity.companies.restriction();
    if asked.is_none() && restriction.is_none() {
        return Ok(None);
    }
    let found = sqlx::query!(
        r#"select ref as "reference", name from onec.companies
         where infobase_id = $1 and ($2::uuid is null or id = $2) and ($3::uuid[] is null or id = any($3))"#,
        infobase.id,
        asked,
        restriction.as_deref(),
    )
    .fetch_all(connection)
    .await
    .store("companies_of_caller")?;
    if asked.is_some() {
        let company = found.first().ok_or(Error::CompanyNotFound)?;
        filter.insert("company".to_owned(), company.name.clone().into());
    }
    Ok(Some(found.into_iter().map(|company| company.reference).collect()))
}

#[derive(Debug, Clone, Copy)]
enum Subject {
    Counterparty,
    Item,
    Warehouse,
    Manager,
}

/// The references of an object and of all below it, when it is a folder.
async fn below(
    connection: &mut PgConnection,
    infobase: Uuid,
    id: Uuid,
    subject: Subject,
    filter: &mut Map<String, Value>,
) -> Result<Vec<Uuid>, Problem> {
    struct Found {
        reference: Option<Uuid>,
        name: Option<String>,
    }
    let (parameter, found) = match subject {
        Subject::Counterparty => (
            "counterparty",
            sqlx::query_as!(
                Found,
                r#"with recursive tree as (
                       select ref, name, 0 as depth from onec.counterparties where infobase_id = $1 and id = $2
                       union all
                       select child.ref, child.name, depth + 1 from onec.counterparties child
                       join tree on child.parent = tree.ref and child.infobase_id = $1 and depth < 20
                   ) select ref as "reference", name from tree order by depth"#,
                infobase,
                id
            )
            .fetch_all(connection)
            .await,
        ),
        Subject::Item => (
            "item",
            sqlx::query_as!(
                Found,
                r#"with recursive tree as (
                       select ref, name, 0 as depth from onec.items where infobase_id = $1 and id = $2
                       union all
                       select child.ref, child.name, depth + 1 from onec.items child
                       join tree on child.parent = tree.ref and child.infobase_id = $1 and depth < 20
                   ) select ref as "reference", name from tree order by depth"#,
                infobase,
                id
            )
            .fetch_all(connection)
            .await,
        ),
        Subject::Warehouse => (
            "warehouse",
            sqlx::query_as!(
                Found,
                r#"with recursive tree as (
                       select ref, name, 0 as depth from onec.warehouses where infobase_id = $1 and id = $2
                       union all
                       select child.ref, child.name, depth + 1 from onec.warehouses child
                       join tree on child.parent = tree.ref and child.infobase_id = $1 and depth < 20
                   ) select ref as "reference", name from tree order by depth"#,
                infobase,
                id
            )
            .fetch_all(connection)
            .await,
        ),
        Subject::Manager => (
            "manager",
            sqlx::query_as!(
                Found,
                r#"select ref as "reference?", name as "name?" from onec.managers where infobase_id = $1 and id = $2"#,
                infobase,
                id
            )
            .fetch_all(connection)
            .await,
        ),
    };
    let found = found.store("subject_resolve")?;
    let Some(first) = found.first() else {
        return Err(Error::SubjectNotFound(parameter).into());
    };
    filter.insert(
        parameter.to_owned(),
        first.name.clone().unwrap_or_default().into(),
    );
    Ok(found.into_iter().filter_map(|row| row.reference).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_compared_with_those_of_their_length() {
        let day = |text: &str| -> NaiveDate { text.parse().unwrap() };
        let compared = |from, to, compare| {
            let (from, to) = compared_period(day(from), day(to), compare).unwrap();
            format!("{from} {to}")
        };
        let (previous, year) = (ComparePeriod::Previous, ComparePeriod::YearAgo);
        assert_eq!(
            compared("2025-03-01", "2025-03-31", previous),
            "2025-02-01 2025-02-28"
        );
        assert_eq!(
            compared("2025-01-01", "2025-03-31", previous),
            "2024-10-01 2024-12-31"
        );
        assert_eq!(
            compared("2025-03-01", "2025-03-10", previous),
            "2025-02-19 2025-02-28"
        );
        assert_eq!(
            compared("2025-03-01", "2025-03-31", year),
            "2024-03-01 2024-03-31"
        );
        assert_eq!(
            compared("2024-02-29", "2024-02-29", year),
            "2023-02-28 2023-02-28"
        );
    }
}
