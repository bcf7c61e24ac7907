//! Reports: one file each, SQL over the mirror, or over what 1C has just computed.

mod account_analysis;
mod account_card;
mod breakdown;
mod cash;
mod cash_flow;
mod catalogue;
mod counterparty_card;
mod csv;
mod documents;
mod parameters;
mod payables;
mod postings;
mod receivables;
mod sales;
mod scope;
mod statement;
mod stock;
mod stock_snapshot;
mod stock_turnover;
mod table;
mod taxes;
mod trial_balance;

use common::Locale;
use common::contract::onec::{Citation, DataSource, Report, ReportId, ReportQuery};
use common::db::{StoreError, StoreResult};
use common::http::Cursor;
use sqlx::PgConnection;

pub(crate) use catalogue::{info, validate};
pub(crate) use csv::lines as csv_lines;
pub(crate) use scope::{Scope, choose_infobase};
pub(crate) use trial_balance::accounts as asked_accounts;

use crate::error::Error;
use table::{Heading, Table};

/// The mirror is kept in the currency of the books.
const CURRENCY: &str = "RUB";

/// Computes a report. `live` holds what 1C has computed, as JSON for the SQL of the report.
pub(crate) async fn compute(
    connection: &mut PgConnection,
    report: ReportId,
    scope: &Scope,
    live: Option<&str>,
    locale: Locale,
) -> Result<Report, Error> {
    hint(connection).await?;
    let mut table = match report {
        ReportId::Receivables => receivables::run(connection, scope, live, locale).await?,
        ReportId::Payables => payables::run(connection, scope, live, locale).await?,
        ReportId::Stock => stock::run(connection, scope, live, locale).await?,
        ReportId::Sales | ReportId::GrossProfit => sales::run(connection, report, scope, locale).await?,
        ReportId::Cash => cash::run(connection, scope, live, locale).await?,
        ReportId::CashFlow => cash_flow::run(connection, scope, locale).await?,
        ReportId::Taxes => taxes::run(connection, scope, live, locale).await?,
        ReportId::TrialBalance => trial_balance::run(connection, scope, live, locale).await?,
        ReportId::AccountAnalysis => account_analysis::run(connection, scope, live, locale).await?,
        ReportId::AccountCard => account_card::run(connection, scope, locale).await?,
        ReportId::StockTurnover => stock_turnover::run(connection, scope, locale).await?,
        ReportId::Statement => statement::run(connection, scope, locale).await?,
        ReportId::CounterpartyCard => counterparty_card::run(connection, scope, locale).await?,
        ReportId::Documents => documents::run(connection, scope, locale).await?,
        ReportId::Postings => postings::run(connection, scope, locale).await?,
    };
    // Rows of the pages before.
    table.rows.drain(..scope.skip().min(table.rows.len()));
    let source = scope.query.source.unwrap_or_default();
    let onec_reachable = source == DataSource::Live || scope.infobase.reachable != Some(false);
    Ok(finish(report, scope, table, locale, onec_reachable))
}

/// Plans for the parameters at hand: those for any would have to allow for every filter that may be
/// absent. Compiling them takes longer than it saves; sorting on disk does too.
async fn hint(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!(
        "select set_config('plan_cache_mode', 'force_custom_plan', true) as plans,
                set_config('jit', 'off', true) as jit, set_config('work_mem', '64MB', true) as memory"
    )
    .fetch_one(connection)
    .await
    .store("report_hint")?;
    Ok(())
}

fn finish(report: ReportId, scope: &Scope, table: Table, locale: Locale, onec_reachable: bool) -> Report {
    let source = scope.query.source.unwrap_or_default();
    let citations = objects(report, scope)
        .into_iter()
        .map(|object| Citation {
            infobase_id: scope.infobase.id,
            infobase: scope.infobase.name.clone(),
            object,
            report: Some(report),
            filter: scope.filter.clone(),
            as_of: scope.as_of,
            source,
        })
        .collect();
    let seen = scope.skip() as u64 + table.rows.len() as u64;
    let truncated = table.row_count > table.rows.len() as u64;
    // Further than what is skipped at most, there is CSV.
    let more = table.row_count > seen && !table.rows.is_empty() && seen < scope::MOST_SKIPPED;
    Report {
        report,
        title: info(report, locale).title,
        parameters: scope.query.clone(),
        currency: CURRENCY.to_owned(),
        columns: table.columns,
        rows: table.rows,
        totals: table.totals,
        row_count: table.row_count,
        truncated,
        next_cursor: more.then(|| Cursor::encode(&seen)),
        as_of: scope.as_of,
        source,
        onec_reachable,
        citations,
    }
}

/// The columns of a report.
fn headings(report: ReportId, query: &ReportQuery) -> Vec<Heading> {
    match report {
        ReportId::Receivables => receivables::headings(receivables::ADVANCE).to_vec(),
        ReportId::Payables => receivables::headings(payables::ADVANCE).to_vec(),
        ReportId::Stock => stock::HEADINGS.to_vec(),
        ReportId::Sales | ReportId::GrossProfit => sales::headings(report, query),
        ReportId::Cash => cash::HEADINGS.to_vec(),
        ReportId::CashFlow => cash_flow::headings(query).to_vec(),
        ReportId::Taxes => taxes::HEADINGS.to_vec(),
        ReportId::TrialBalance => trial_balance::HEADINGS.to_vec(),
        ReportId::AccountAnalysis => account_analysis::HEADINGS.to_vec(),
        ReportId::AccountCard => account_card::HEADINGS.to_vec(),
        ReportId::StockTurnover => stock_turnover::HEADINGS.to_vec(),
        ReportId::Statement => statement::HEADINGS.to_vec(),
        ReportId::CounterpartyCard => counterparty_card::HEADINGS.to_vec(),
        ReportId::Documents => documents::HEADINGS.to_vec(),
        ReportId::Postings => postings::HEADINGS.to_vec(),
    }
}

/// The objects of 1C that a report reads.
fn objects(report: ReportId, scope: &Scope) -> Vec<String> {
    let profile = scope.profile;
    let documents = |entities: &[&str]| {
        entities
            .iter()
            .filter_map(|entity| profile.document_set(entity).map(str::to_owned))
            .collect()
    };
    match report {
        ReportId::Receivables
        | ReportId::Payables
        | ReportId::Stock
        | ReportId::Cash
        | ReportId::Taxes
        | ReportId::TrialBalance
        | ReportId::AccountAnalysis
        | ReportId::AccountCard
        | ReportId::StockTurnover
        | ReportId::Statement
        | ReportId::Postings => {
            let chart = &profile.chart;
            let settlements = [chart.receivables.as_slice(), &chart.payables].concat();
            profile.sources(match report {
                ReportId::Receivables => &chart.receivables,
                ReportId::Payables => &chart.payables,
                ReportId::Stock | ReportId::StockTurnover => &chart.stock,
                ReportId::Statement => &settlements,
                ReportId::Cash => &chart.cash,
                _ => &[],
            })
        }
        ReportId::Sales | ReportId::GrossProfit => {
            let mut objects: Vec<String> = documents(&["sale"]);
            objects.extend(profile.sources(&profile.chart.cost_of_sales));
            objects
        }
        ReportId::CashFlow => documents(&["bank_in", "bank_out", "cash_in", "cash_out"]),
        ReportId::CounterpartyCard => profile
            .catalog_set("counterparties")
            .map(str::to_owned)
            .into_iter()
            .collect(),
        ReportId::Documents => documents(&[
            "sale",
            "purchase",
            "invoice",
            "bank_in",
            "bank_out",
            "cash_in",
            "cash_out",
            "operation",
        ]),
    }
}
