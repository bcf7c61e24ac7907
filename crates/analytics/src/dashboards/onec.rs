//! Panels of 1C, from onec-integration with the caller's token: the figures are those of the
//! companies that the caller may see.

use std::time::Duration;

use chrono::{Datelike, Days, NaiveDate};
use common::auth::Identity;
use common::contract::onec::{GroupBy, Report, ReportId, ReportQuery};
use common::http::{FieldError, Problem};
use common::{Locale, Text};
use serde_json::{Map, Value};

use super::frame::{Field, FieldKind, Fields, Frame};
use super::panel;
use super::time::{Range, Step};
use crate::charts::{Chart, ChartKind, decimal};
use crate::onec::OnecError;
use crate::state::AppState;

/// A panel that takes longer says so instead of holding up the dashboard.
const PATIENCE: Duration = Duration::from_secs(10);
/// Rows unless a panel asks for another number.
const ROWS: u32 = 15;
/// Rows of a series over time: each day of two months, in and out, and some to spare.
const POINTS: u32 = 1000;

/// The dates that a report is of.
enum Dates {
    /// A period.
    Period,
    /// The end of a day.
    Day,
    /// None.
    None,
}

const fn dates(report: ReportId) -> Dates {
    match report {
        ReportId::Receivables | ReportId::Payables | ReportId::Stock | ReportId::Cash => Dates::Day,
        ReportId::CounterpartyCard | ReportId::Postings => Dates::None,
        ReportId::Sales
        | ReportId::CashFlow
        | ReportId::Taxes
        | ReportId::TrialBalance
        | ReportId::AccountAnalysis
        | ReportId::AccountCard
        | ReportId::StockTurnover
        | ReportId::GrossProfit
        | ReportId::Statement
        | ReportId::Documents => Dates::Period,
    }
}

/// What a report is asked with: the parameters of the panel, and the dates of the range where the
/// panel sets none.
///
/// # Errors
/// When a parameter has a value that the report does not take, such as that of a variable.
pub(super) fn query(
    report: ReportId,
    params: &Map<String, Value>,
    range: Range,
) -> Result<ReportQuery, serde_json::Error> {
    let mut query: ReportQuery = serde_json::from_value(Value::Object(params.clone()))?;
    let (first, last) = range.days();
    match dates(report) {
        Dates::Period => {
            query.from = query.from.or(Some(first));
            query.to = query.to.or(Some(last));
        }
        Dates::Day => query.date = query.date.or(Some(last)),
        Dates::None => {}
    }
    let over_time = step_of(query.group_by).is_some();
    query.limit = query.limit.or(Some(if over_time { POINTS } else { ROWS }));
    Ok(query)
}

const fn step_of(group: Option<GroupBy>) -> Option<Step> {
    match group {
        Some(GroupBy::Day) => Some(Step::Day),
        Some(GroupBy::Week) => Some(Step::Week),
        Some(GroupBy::Month) => Some(Step::Month),
        _ => None,
    }
}

/// Asks for a report, and for its sums of the period before when `compare` says so.
pub(super) async fn ask(
    state: &AppState,
    caller: &Identity,
    report: ReportId,
    query: ReportQuery,
    before: Option<ReportQuery>,
    locale: Locale,
) -> Result<Frame, OnecError> {
    let current = state.onec.report(caller, report, &query, PATIENCE);
    let earlier = async {
        match &before {
            Some(before) => state
                .onec
                .report(caller, report, before, PATIENCE)
                .await
                .map(Some),
            None => Ok(None),
        }
    };
    let (current, earlier) = futures_util::try_join!(current, earlier)?;
    Ok(frame(current, earlier, locale))
}

fn frame(mut report: Report, before: Option<Report>, locale: Locale) -> Frame {
    // With it, debts by age add up to the debt.
    let sum = |key: &str| report.totals.get(key).and_then(decimal);
    if let (Some(debt), Some(overdue)) = (sum("debt"), sum("overdue")) {
        let not_due = (debt - overdue).to_string();
        report.totals.insert("not_due".to_owned(), not_due.into());
    }
    let mut fields: Vec<Field> = report.columns.iter().map(Field::from).collect();
    // Sums that are no columns.
    for (key, ru, en) in [
        ("in", "Поступления", "Received"),
        ("out", "Платежи", "Paid"),
        ("net", "Чистый поток", "Net flow"),
        ("not_due", "Не просрочено", "Not due yet"),
    ] {
        if report.totals.contains_key(key) && !fields.iter().any(|field| field.key == key) {
            fields.push(Field::new(key, Text::new(ru, en).get(locale), FieldKind::Money));
        }
    }
    let mut rows = report.rows;
    for row in &mut rows {
        // What the report calls the directions is meant for programs.
        if let Some(direction) = row.get_mut("direction") {
            let name = match direction.as_str() {
                Some("in") => Text::new("Поступления", "Received"),
                Some("out") => Text::new("Платежи", "Paid"),
                _ => continue,
            };
            *direction = name.get(locale).into();
        }
    }
    Frame {
        fields,
        rows,
        totals: report.totals,
        // A comparison is as fresh as its older part.
        as_of: before
            .as_ref()
            .map_or(report.as_of, |before| before.as_of.min(report.as_of)),
        previous: before.map(|before| before.totals),
        row_count: report.row_count,
        currency: report.currency,
    }
}

/// The names that the steps of a period have in reports, first to last.
pub(super) fn step_names(query: &ReportQuery) -> Option<Vec<String>> {
    let step = step_of(query.group_by)?;
    let (from, to) = (query.from?, query.to?);
    let mut day = match step {
        Step::Week => from.checked_sub_days(Days::new(u64::from(from.weekday().num_days_from_monday())))?,
        Step::Month => from.with_day(1)?,
        Step::Day | Step::Hour => from,
    };
    let mut names = Vec::new();
    while day <= to && names.len() < 400 {
        names.push(match step {
            Step::Month => day.format("%Y-%m").to_string(),
            Step::Day | Step::Week | Step::Hour => day.to_string(),
        });
        day = match step {
            Step::Week => day.checked_add_days(Days::new(7))?,
            Step::Month => day.checked_add_months(chrono::Months::new(1))?,
            Step::Day | Step::Hour => day.checked_add_days(Days::new(1))?,
        };
    }
    Some(names)
}

/// A chart of a report, for a caller who has no dashboard in mind.
///
/// # Errors
/// 422 when the report has nothing that such a chart can show.
pub(crate) fn chart_of(
    report: Report,
    kind: ChartKind,
    title: Option<String>,
    fields: &Fields,
    zone: chrono_tz::Tz,
    locale: Locale,
) -> Result<Chart, Problem> {
    let names = step_names(&report.parameters);
    let title = title.unwrap_or_else(|| report.title.clone());
    let frame = frame(report, None, locale);
    let chart = panel::chart(&frame, kind, title, fields, None, names.as_deref(), locale);
    chart
        .map(|mut chart| {
            chart.note = Some(panel::as_of(frame.as_of, zone, locale));
            chart
        })
        .ok_or_else(|| {
            Problem::validation(vec![FieldError {
                pointer: "/report/fields".to_owned(),
                detail: Text::new(
                    "В отчёте нет таких полей или нечего показать на таком графике.",
                    "The report has no such fields, or nothing that such a chart can show.",
                ),
            }])
        })
}

/// Where a row of a panel leads: the report behind it, with the parameter that narrows it to what
/// the row is of.
pub(super) fn drill_down(report: ReportId, query: &ReportQuery) -> Value {
    let mut parameters = serde_json::to_value(query).unwrap_or_default();
    if let Some(parameters) = parameters.as_object_mut() {
        parameters.remove("limit");
    }
    let pairs: Vec<(String, String)> = parameters
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (!value.is_null()).then(|| (name.clone(), text))
        })
        .collect();
    let encoded = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    let row = match (report, query.group_by) {
        (ReportId::Receivables | ReportId::Payables, _) => {
            serde_json::json!({"report": "statement", "parameter": "counterparty", "field": "counterparty_id"})
        }
        (ReportId::Sales | ReportId::GrossProfit, None | Some(GroupBy::Counterparty)) => {
            serde_json::json!({"report": report, "parameter": "counterparty", "field": "key_id"})
        }
        (ReportId::Sales | ReportId::GrossProfit, Some(GroupBy::Item)) => {
            serde_json::json!({"report": report, "parameter": "item", "field": "key_id"})
        }
        (ReportId::Stock, _) => {
            serde_json::json!({"report": "stock_turnover", "parameter": "item", "field": "item_id"})
        }
        (ReportId::TrialBalance | ReportId::Taxes, _) => {
            serde_json::json!({"report": "account_card", "parameter": "account", "field": "account"})
        }
        (ReportId::Documents, _) => {
            serde_json::json!({"report": "postings", "parameter": "number", "field": "number"})
        }
        _ => Value::Null,
    };
    serde_json::json!({
        "report": report, "parameters": parameters, "href": format!("/api/1c/reports/{report}?{encoded}"), "row": row,
    })
}

/// Dates as a report's query has them, of the range before.
pub(super) fn earlier(
    report: ReportId,
    params: &Map<String, Value>,
    range: Range,
) -> Result<ReportQuery, serde_json::Error> {
    let mut params = params.clone();
    for name in ["from", "to", "date"] {
        params.remove(name);
    }
    let mut query = query(report, &params, range.previous())?;
    // Only the sums are shown, and they are of all rows.
    query.limit = Some(1);
    Ok(query)
}

/// A day of the range as text, for `$from` and `$to`.
pub(super) fn day(day: NaiveDate) -> Value {
    day.to_string().into()
}
