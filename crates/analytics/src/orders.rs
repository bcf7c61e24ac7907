//! An order of a report file: what is wanted, and getting its rows with the rights of whoever wants
//! it.

use std::time::Duration;

use chrono::NaiveDate;
use common::auth::{Permission, PermissionSet};
use common::contract::onec::{Report, ReportId, ReportQuery};
use common::db::StoreResult;
use common::http::Problem;
use common::{Locale, Text};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::Error;
use crate::reports::own::{Own, OwnQuery};
use crate::reports::relative::Relative;
use crate::reports::{Dialect, Format, Sheet};
use crate::state::AppState;

/// Rows that a file has at most: what onec-integration pages through.
pub(crate) const MAX_ROWS: u32 = 50_000;
/// Rows that it gives at once.
const PIECE: u32 = 1000;
/// How long it may take for one piece; the token is needed until then.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often everything is read anew when the copy of 1C's data changes meanwhile.
const TRIES: usize = 3;

/// A report with what its file is to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// A report of onec-integration or an own one.
    pub(crate) report: String,
    #[serde(default = "no_parameters")]
    pub(crate) parameters: Value,
    /// Instead of days among the parameters: days that go with the day of the report.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) period: Option<Relative>,
    pub(crate) format: Format,
    #[serde(default)]
    pub(crate) dialect: Dialect,
}

fn no_parameters() -> Value {
    json!({})
}

/// A report with its parameters understood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    Onec(ReportId, Box<ReportQuery>),
    Own(Own, OwnQuery),
}

impl Wanted {
    /// What the report takes, beside the right to have report files.
    pub(crate) fn permission(&self) -> Permission {
        match self {
            Self::Onec(..) => Permission::OnecRead,
            Self::Own(own, _) => own.permission(),
        }
    }

    /// Refuses whoever may not see the figures. onec-integration says that itself, with more words.
    pub(crate) fn require(&self, permissions: PermissionSet) -> Result<(), Problem> {
        match self {
            Self::Own(own, _) if !permissions.contains(own.permission()) => {
                Err(Problem::permission_denied(own.permission().as_str()))
            }
            Self::Onec(..) | Self::Own(..) => Ok(()),
        }
    }
}

impl Order {
    /// Understands the parameters, as seen from a day.
    pub(crate) fn wanted(&self, today: NaiveDate) -> Result<Wanted, Error> {
        let days = match self.period {
            Some(period) => Some(period.days(today).ok_or_else(|| self.wrong_period())?),
            None => None,
        };
        if let Some(own) = Own::from_name(&self.report) {
            let mut query: OwnQuery = self.parsed()?;
            if let Some((from, to)) = days {
                if query != OwnQuery::default() {
                    return Err(self.wrong_period());
                }
                (query.from, query.to) = (Some(from), Some(to));
            }
            return Ok(Wanted::Own(own, query));
        }
        let report = ReportId::from_name(&self.report).ok_or_else(|| {
            Error::member(
                "/report",
                Text::new("Такого отчёта нет.", "There is no such report."),
            )
        })?;
        let mut query: ReportQuery = self.parsed()?;
        if let Some((from, to)) = days {
            if query.from.is_some() || query.to.is_some() || query.date.is_some() {
                return Err(self.wrong_period());
            }
            match report {
                ReportId::Receivables | ReportId::Payables | ReportId::Stock | ReportId::Cash => {
                    query.date = Some(to);
                }
                ReportId::CounterpartyCard | ReportId::Postings => return Err(self.wrong_period()),
                _ => (query.from, query.to) = (Some(from), Some(to)),
            }
        }
        for (name, given) in [
            ("limit", query.limit.is_some()),
            ("cursor", query.cursor.is_some()),
        ] {
            if given {
                return Err(Error::member(
                    &format!("/parameters/{name}"),
                    Text::new(
                        format!("В файл попадают все строки: {name} не задаётся."),
                        format!("A file has all rows: there is no {name} to set."),
                    ),
                ));
            }
        }
        Ok(Wanted::Onec(report, Box::new(query)))
    }

    fn wrong_period(&self) -> Error {
        Error::member(
            "/period",
            Text::new(
                "Либо period, либо даты в parameters; у отчёта без дат нет ни того, ни другого.",
                "Either a period, or days among the parameters; a report without days has neither.",
            ),
        )
    }

    fn parsed<T: for<'de> Deserialize<'de>>(&self) -> Result<T, Error> {
        T::deserialize(&self.parameters)
            .map_err(|error| Error::member("/parameters", Text::same(error.to_string())))
    }
}

/// A report with all of its rows, in pieces as JSON lists.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) sheet: Sheet,
    pub(crate) pieces: Vec<Vec<u8>>,
}

/// Gets all rows of a report, with the rights that the token has.
///
/// # Errors
/// When there are more than a file may have, which is known with the first piece; when the figures
/// cannot be had.
pub(crate) async fn fetch(
    state: &AppState,
    token: &SecretString,
    wanted: &Wanted,
    locale: Locale,
) -> Result<Fetched, Error> {
    match wanted {
        Wanted::Onec(report, query) => fetch_onec(state, token, *report, query).await,
        Wanted::Own(own, query) => {
            let mut connection = state.db.acquire().await.store("acquire")?;
            let now = state.clock.now();
            let computed = own.compute(&mut connection, query, now, state.time_zone, MAX_ROWS, locale);
            let (sheet, rows) = computed.await?;
            within_limit(sheet.row_count)?;
            let pieces = rows.chunks(PIECE as usize).map(serde_json::to_vec);
            let pieces = pieces.collect::<Result<_, _>>()?;
            Ok(Fetched { sheet, pieces })
        }
    }
}

async fn fetch_onec(
    state: &AppState,
    token: &SecretString,
    report: ReportId,
    query: &ReportQuery,
) -> Result<Fetched, Error> {
    for _ in 0..TRIES {
        let mut query = ReportQuery {
            limit: Some(PIECE),
            ..query.clone()
        };
        let first = state.onec.report_by(token, report, &query, PATIENCE).await?;
        within_limit(first.row_count)?;
        // Later pieces are of the same parameters, those with a default too: today may become tomorrow.
        query = ReportQuery {
            limit: Some(PIECE),
            cursor: None,
            ..first.parameters.clone()
        };
        let mut read = first.rows.len() as u64;
        let mut pieces = vec![serde_json::to_vec(&first.rows)?];
        let mut next = first.next_cursor.clone();
        let mut same = true;
        while let Some(cursor) = next {
            query.cursor = Some(cursor);
            let piece = state.onec.report_by(token, report, &query, PATIENCE).await?;
            same = is_same(&first, &piece);
            if !same {
                break;
            }
            read += piece.rows.len() as u64;
            pieces.push(serde_json::to_vec(&piece.rows)?);
            next = piece.next_cursor;
        }
        if same && read == first.row_count {
            let sheet = Sheet::from(first);
            return Ok(Fetched { sheet, pieces });
        }
    }
    Err(Error::DataChanges)
}

/// True when both pieces are of the same state of the data.
fn is_same(first: &Report, piece: &Report) -> bool {
    first.as_of == piece.as_of && first.row_count == piece.row_count && first.totals == piece.totals
}

fn within_limit(rows: u64) -> Result<(), Error> {
    if rows > u64::from(MAX_ROWS) {
        Err(Error::RowLimitExceeded {
            limit: MAX_ROWS,
            actual: rows,
        })
    } else {
        Ok(())
    }
}
