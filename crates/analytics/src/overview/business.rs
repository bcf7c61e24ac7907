//! Panels about the business, from onec-integration with the caller's token: the figures are those
//! of the companies that the caller may see.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use common::auth::Identity;
use common::contract::onec::{Report, ReportId, ReportQuery};
use common::{Locale, Text};
use serde_json::{Value, json};

use super::{Panel, PanelKind};
use crate::onec::OnecError;
use crate::period::month_to_date;
use crate::state::AppState;

/// A panel that takes longer says so instead of holding up the dashboard.
const PATIENCE: Duration = Duration::from_secs(10);
/// Debtors that are listed.
const TOP: u32 = 5;

pub(super) async fn panels(
    state: &AppState,
    caller: &Identity,
    now: DateTime<Utc>,
    locale: Locale,
) -> Vec<Panel> {
    let today = now.with_timezone(&state.time_zone).date_naive();
    let (month, before) = month_to_date(today);
    let (receivables, cash, current, previous, stock) = futures_util::join!(
        ask(state, caller, ReportId::Receivables, at(today, TOP)),
        ask(state, caller, ReportId::Cash, at(today, 50)),
        ask(state, caller, ReportId::Sales, within(month)),
        ask(state, caller, ReportId::Sales, within(before)),
        ask(state, caller, ReportId::Stock, at(today, 1)),
    );
    let panel = |id, title: Text| Shell {
        id,
        title: title.get(locale).to_owned(),
    };
    vec![
        panel("receivables", Text::new("Дебиторская задолженность", "Receivables")).fill(receivables, |report| {
            json!({
                "total": report.totals.get("debt"), "overdue": report.totals.get("overdue"),
                "columns": report.columns, "top": report.rows,
            })
        }),
        panel("cash", Text::new("Деньги", "Cash")).fill(cash, |report| {
            json!({ "total": report.totals.get("balance"), "accounts": report.rows })
        }),
        panel("sales", Text::new("Продажи с начала месяца", "Sales this month")).fill(
            current.and_then(|current| Ok((current, previous?))),
            |(current, previous): &(Report, Report)| {
                json!({ "current": sales(current, month), "previous": sales(previous, before) })
            },
        ),
        panel("stock", Text::new("Стоимость запасов", "Stock value"))
            .fill(stock, |report| json!({ "total": report.totals.get("cost") })),
    ]
}

/// A panel without its data.
struct Shell {
    id: &'static str,
    title: String,
}

/// What a panel says about its source.
trait Source {
    fn as_of(&self) -> DateTime<Utc>;
}

impl Source for Report {
    fn as_of(&self) -> DateTime<Utc> {
        self.as_of
    }
}

/// The older of the two, since a comparison is as fresh as its older part.
impl Source for (Report, Report) {
    fn as_of(&self) -> DateTime<Utc> {
        self.0.as_of.min(self.1.as_of)
    }
}

impl Shell {
    fn fill<S: Source>(self, source: Result<S, OnecError>, data: impl Fn(&S) -> Value) -> Panel {
        let (as_of, data, error) = match &source {
            Ok(source) => (Some(source.as_of()), Some(data(source)), None),
            Err(error) => {
                tracing::debug!(error = %common::telemetry::Chain(error), "the panel `{}` has no data", self.id);
                (None, None, Some(error.summary()))
            }
        };
        Panel {
            id: self.id,
            kind: PanelKind::Stat,
            title: self.title,
            unit: "RUB",
            as_of,
            data,
            error,
        }
    }
}

async fn ask(
    state: &AppState,
    caller: &Identity,
    report: ReportId,
    query: ReportQuery,
) -> Result<Report, OnecError> {
    state.onec.report(caller, report, &query, PATIENCE).await
}

fn at(date: NaiveDate, limit: u32) -> ReportQuery {
    ReportQuery {
        date: Some(date),
        limit: Some(limit),
        ..ReportQuery::default()
    }
}

fn within((from, to): (NaiveDate, NaiveDate)) -> ReportQuery {
    ReportQuery {
        from: Some(from),
        to: Some(to),
        // Only the totals are shown, and they are of all rows.
        limit: Some(1),
        ..ReportQuery::default()
    }
}

fn sales(report: &Report, (from, to): (NaiveDate, NaiveDate)) -> Value {
    json!({
        "from": from, "to": to,
        "revenue": report.totals.get("revenue"), "gross_profit": report.totals.get("gross_profit"),
    })
}
