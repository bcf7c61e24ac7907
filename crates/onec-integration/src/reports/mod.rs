//! Reports: one file each, SQL over the mirror, or over what 1C has just computed.

mod cash;
mod cash_flow;
mod catalogue;
mod counterparty_card;
mod documents;
mod payables;
mod postings;
mod receivables;
mod sales;
mod scope;
mod statement;
mod stock;
mod stock_snapshot;
mod table;
mod taxes;
mod trial_balance;

use common::Locale;
use common::contract::onec::{Citation, DataSource, Report, ReportId};
use sqlx::PgConnection;

pub(crate) use catalogue::{info, validate};
pub(crate) use scope::{Scope, choose_infobase};
pub(crate) use trial_balance::accounts as asked_accounts;

use crate::error::Error;
use table::Table;

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
    let table = match report {
        ReportId::Receivables => receivables::run(connection, scope, live, locale).await?,
        ReportId::Payables => payables::run(connection, scope, live, locale).await?,
        ReportId::Stock => stock::run(connection, scope, live, locale).await?,
        ReportId::Sales => sales::run(connection, scope, locale).await?,
        ReportId::Cash => cash::run(connection, scope, live, locale).await?,
        ReportId::CashFlow => cash_flow::run(connection, scope, locale).await?,
        ReportId::Taxes => taxes::run(connection, scope, live, locale).await?,
        ReportId::TrialBalance => trial_balance::run(connection, scope, live, locale).await?,
        ReportId::Statement => statement::run(connection, scope, locale).await?,
        ReportId::CounterpartyCard => counterparty_card::run(connection, scope, locale).await?,
        ReportId::Documents => documents::run(connection, scope, locale).await?,
        ReportId::Postings => postings::run(connection, scope, locale).await?,
    };
    let source = scope.query.source.unwrap_or_default();
    let onec_reachable = source == DataSource::Live || scope.infobase.reachable != Some(false);
    Ok(finish(report, scope, table, locale, onec_reachable))
}

fn finish(report: ReportId, scope: &Scope, table: Table, locale: Locale, onec_reachable: bool) -> Report {
    let source = scope.query.source.unwrap_or_default();
    let citations = objects(report, scope)
        .into_iter()
        .map(|object| Citation {
            infobase_id: scope.infobase.id,
            infobase: scope.infobase.name.clone(),
            object,
            report,
            filter: scope.filter.clone(),
            as_of: scope.as_of,
            source,
        })
        .collect();
    let truncated = table.row_count > table.rows.len() as u64;
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
        as_of: scope.as_of,
        source,
        onec_reachable,
        citations,
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
        | ReportId::Statement
        | ReportId::Postings => vec![profile.ledger_register().to_owned()],
        ReportId::Sales => documents(&["sale"]),
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
