//! Figures that 1C computes now, in virtual tables of its ledger.

use std::collections::HashMap;

use chrono::{NaiveDateTime, TimeDelta};
use common::contract::onec::ReportId;
use common::db::StoreResult;
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::Error;
use crate::infobase::{Connection, InfobaseError};
use crate::odata::{Collection, DataError, Filter, Literal, OdataError, Patience, Query, Row, VirtualTable};
use crate::profile::{Analytics, LedgerPlan, Plan};
use crate::reports::Scope;

/// More accounts than this are not named in the request: its address would be too long.
const MOST_NAMED: usize = 15;

/// A balance by account and analytics, as `onec.balances` takes it.
#[derive(Debug, Default, Serialize)]
struct Balance {
    account: Option<Uuid>,
    company: Option<Uuid>,
    counterparty: Option<Uuid>,
    contract: Option<Uuid>,
    document: Option<Uuid>,
    item: Option<Uuid>,
    warehouse: Option<Uuid>,
    place: Option<Uuid>,
    amount: Decimal,
    quantity: Decimal,
}

/// An account's opening balance and turnovers, as `onec.turnovers` takes them.
#[derive(Debug, Default, Serialize)]
struct Turnover {
    account: Option<Uuid>,
    company: Option<Uuid>,
    opening: Decimal,
    debit: Decimal,
    credit: Decimal,
}

/// A turnover between accounts, as `onec.correspondence` gives it.
#[derive(Debug, Serialize)]
struct Pair {
    debit_account: Option<Uuid>,
    credit_account: Option<Uuid>,
    company: Option<Uuid>,
    amount: Decimal,
}

/// Opening balances and turnovers between accounts.
#[derive(Debug, Serialize)]
struct Analysis {
    balances: String,
    correspondence: Vec<Pair>,
}

/// Asks 1C for what a report needs; the answer goes into the SQL of the report.
pub(crate) async fn fetch(
    pool: &PgPool,
    connection: &Connection,
    report: ReportId,
    scope: &Scope,
) -> Result<String, Error> {
    // Without virtual tables of a ledger there is nothing to ask for.
    if !scope.profile.has_ledger() {
        return Err(Error::LiveNotSupported(report));
    }
    let plan = connection.plan().await?;
    let ledger = plan.ledger.as_ref().ok_or(InfobaseError::NothingPublished)?;
    let chart = plan.chart();
    let codes = match report {
        ReportId::Receivables => Some(chart.receivables.clone()),
        ReportId::Payables => Some(chart.payables.clone()),
        ReportId::Stock => Some(chart.stock.clone()),
        ReportId::Cash => Some(chart.cash.clone()),
        ReportId::Taxes => Some(chart.taxes.clone()),
        ReportId::TrialBalance | ReportId::AccountAnalysis => crate::reports::asked_accounts(scope),
        ReportId::Sales
        | ReportId::GrossProfit
        | ReportId::StockTurnover
        | ReportId::AccountCard
        | ReportId::CashFlow
        | ReportId::Statement
        | ReportId::CounterpartyCard
        | ReportId::Documents
        | ReportId::Postings => return Err(Error::LiveNotSupported(report)),
    };
    let accounts = match &codes {
        Some(codes) => accounts(pool, scope.infobase.id, codes).await?,
        None => Vec::new(),
    };
    let reader = Reader {
        connection,
        plan: &plan,
        ledger,
        accounts: &accounts,
    };
    let json = match report {
        ReportId::Taxes | ReportId::AccountAnalysis => {
            let balances = reader.balances(scope.since()).await?;
            let pairs = reader.correspondence(scope.since(), scope.until()).await?;
            serde_json::to_string(&Analysis {
                // A text: the SQL of balances takes one.
                balances: serde_json::to_string(&balances).unwrap_or_default(),
                correspondence: pairs,
            })
        }
        ReportId::TrialBalance => {
            let rows = reader.turnovers(scope.since(), scope.until()).await?;
            serde_json::to_string(&rows)
        }
        _ => serde_json::to_string(&reader.balances(scope.before()).await?),
    };
    Ok(json.unwrap_or_default())
}

/// Takes no connection of the database for longer than the look-up: 1C may compute for a minute.
async fn accounts(pool: &PgPool, infobase: Uuid, codes: &[String]) -> Result<Vec<Uuid>, Error> {
    let refs = sqlx::query_scalar!(
        r#"select ref as "ref!" from onec.accounts_under($1, $2)"#,
        infobase,
        codes
    )
    .fetch_all(pool)
    .await
    .store("accounts_under")?;
    Ok(refs)
}

struct Reader<'a> {
    connection: &'a Connection,
    plan: &'a Plan,
    ledger: &'a LedgerPlan,
    /// Empty for all.
    accounts: &'a [Uuid],
}

impl Reader<'_> {
    async fn rows(&self, table: VirtualTable) -> Result<bytes::Bytes, InfobaseError> {
        let mut query = Query::table(&self.ledger.register, table);
        if self.accounts.len() <= MOST_NAMED
            && let Some(filter) =
                Filter::any_of("Account_Key", self.accounts.iter().copied().map(Literal::Guid))
        {
            query = query.filter(filter);
        }
        Ok(self.connection.client.rows(&query, Patience::Person).await?)
    }

    async fn balances(&self, before: NaiveDateTime) -> Result<Vec<Balance>, InfobaseError> {
        let body = self.rows(VirtualTable::balance(before)).await?;
        let rows = Collection::parse(&body).map_err(OdataError::from)?.value;
        let rows: Result<_, DataError> = rows.iter().map(|row| self.balance(row)).collect();
        Ok(rows.map_err(OdataError::from)?)
    }

    fn balance(&self, row: &Row<'_>) -> Result<Balance, DataError> {
        let mut balance = Balance {
            account: row.guid("Account_Key"),
            company: row.guid(&format!("{}_Key", self.ledger.company)),
            amount: row
                .decimal(&format!("{}Balance", self.ledger.amount))?
                .unwrap_or_default(),
            quantity: row
                .decimal(&format!("{}Balance", self.ledger.quantity))?
                .unwrap_or_default(),
            ..Balance::default()
        };
        for field in ["ExtDimension1", "ExtDimension2", "ExtDimension3"] {
            let kind = row.target(field).and_then(|set| self.plan.analytics(&set));
            let Some((kind, value)) = kind.zip(row.guid(field)) else {
                continue;
            };
            let slot = match kind {
                Analytics::Counterparty => &mut balance.counterparty,
                Analytics::Contract => &mut balance.contract,
                Analytics::Document => &mut balance.document,
                Analytics::Item => &mut balance.item,
                Analytics::Warehouse => &mut balance.warehouse,
                Analytics::Place => &mut balance.place,
            };
            *slot = Some(value);
        }
        Ok(balance)
    }

    /// Of all accounts: which of both sides is asked for is known to the SQL of the report.
    async fn correspondence(
        &self,
        since: NaiveDateTime,
        until: NaiveDateTime,
    ) -> Result<Vec<Pair>, InfobaseError> {
        let company = format!("{}_Key", self.ledger.company);
        let amount = format!("{}Turnover", self.ledger.amount);
        let table = VirtualTable::dr_cr_turnovers(since, until - TimeDelta::seconds(1));
        let query = Query::table(&self.ledger.register, table).select([
            "AccountDr_Key",
            "AccountCr_Key",
            company.as_str(),
            amount.as_str(),
        ]);
        let body = self.connection.client.rows(&query, Patience::Person).await?;
        let rows = Collection::parse(&body).map_err(OdataError::from)?.value;
        let rows: Result<_, DataError> = rows
            .iter()
            .map(|row| {
                Ok(Pair {
                    debit_account: row.guid("AccountDr_Key"),
                    credit_account: row.guid("AccountCr_Key"),
                    company: row.guid(&company),
                    amount: row.decimal(&amount)?.unwrap_or_default(),
                })
            })
            .collect();
        Ok(rows.map_err(OdataError::from)?)
    }

    async fn turnovers(
        &self,
        since: NaiveDateTime,
        until: NaiveDateTime,
    ) -> Result<Vec<Turnover>, InfobaseError> {
        let mut sums: HashMap<(Option<Uuid>, Option<Uuid>), Turnover> = HashMap::new();
        for balance in self.balances(since).await? {
            let key = (balance.account, balance.company);
            sums.entry(key).or_default().opening += balance.amount;
        }
        // The end of a period of turnovers belongs to it.
        let body = self
            .rows(VirtualTable::turnovers(since, until - TimeDelta::seconds(1)))
            .await?;
        for row in Collection::parse(&body).map_err(OdataError::from)?.value {
            let key = (
                row.guid("Account_Key"),
                row.guid(&format!("{}_Key", self.ledger.company)),
            );
            let sum = sums.entry(key).or_default();
            let side = |side: &str| {
                let field = format!("{}Turnover{side}", self.ledger.amount);
                row.decimal(&field).map(Option::unwrap_or_default)
            };
            sum.debit += side("Dr").map_err(OdataError::from)?;
            sum.credit += side("Cr").map_err(OdataError::from)?;
        }
        Ok(sums
            .into_iter()
            .map(|((account, company), sum)| Turnover {
                account,
                company,
                ..sum
            })
            .collect())
    }
}
