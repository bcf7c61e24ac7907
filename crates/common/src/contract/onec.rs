//! Reports and look-ups of onec-integration, as the assistant and analytics use them.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A report of onec-integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportId {
    /// Who owes us: debt, overdue, advance by customer, at a date.
    Receivables,
    /// Whom we owe: debt, overdue, advance, earliest due date by supplier, at a date.
    Payables,
    /// Quantity and cost by warehouse and item, at a date.
    Stock,
    /// Quantity, revenue, gross profit of a period by `group_by`.
    Sales,
    /// Money by bank account and cash desk, at a date.
    Cash,
    /// Money received and paid in a period, by counterparty.
    CashFlow,
    /// Taxes accrued, paid with money and offset otherwise in a period, by account (68 and 69).
    Taxes,
    /// Trial balance (оборотно-сальдовая ведомость) of a period, of one account or all; of one
    /// account also by an analytics (`breakdown`).
    TrialBalance,
    /// Turnovers of one account with each other account (анализ счёта) in a period.
    AccountAnalysis,
    /// Entries of one account in order, with a running balance (карточка счёта).
    AccountCard,
    /// Goods by warehouse and item: opening, received, issued, closing, in a period.
    StockTurnover,
    /// Revenue without VAT, cost of sales from the ledger, profit and margin of a period.
    GrossProfit,
    /// Reconciliation statement (акт сверки) with one counterparty for a period.
    Statement,
    /// Requisites of one counterparty.
    CounterpartyCard,
    /// The latest documents, or those that are not posted.
    Documents,
    /// Ledger entries (проводки) of the documents with a number.
    Postings,
}

impl ReportId {
    /// All reports.
    pub const ALL: [Self; 16] = [
        Self::Receivables,
        Self::Payables,
        Self::Stock,
        Self::Sales,
        Self::Cash,
        Self::CashFlow,
        Self::Taxes,
        Self::TrialBalance,
        Self::AccountAnalysis,
        Self::AccountCard,
        Self::StockTurnover,
        Self::GrossProfit,
        Self::Statement,
        Self::CounterpartyCard,
        Self::Documents,
        Self::Postings,
    ];

    /// The name in addresses and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receivables => "receivables",
            Self::Payables => "payables",
            Self::Stock => "stock",
            Self::Sales => "sales",
            Self::Cash => "cash",
            Self::CashFlow => "cash_flow",
            Self::Taxes => "taxes",
            Self::TrialBalance => "trial_balance",
            Self::AccountAnalysis => "account_analysis",
            Self::AccountCard => "account_card",
            Self::StockTurnover => "stock_turnover",
            Self::GrossProfit => "gross_profit",
            Self::Statement => "statement",
            Self::CounterpartyCard => "counterparty_card",
            Self::Documents => "documents",
            Self::Postings => "postings",
        }
    }

    /// The report of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|report| report.as_str() == name)
    }
}

impl fmt::Display for ReportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the rows of [`ReportId::Sales`], [`ReportId::GrossProfit`] and [`ReportId::CashFlow`] stand
/// for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// Customers.
    Counterparty,
    /// Managers.
    Manager,
    /// Items.
    Item,
    /// Groups that items are in.
    ItemGroup,
    /// Warehouses.
    Warehouse,
    /// Companies of ours.
    Company,
    /// Days.
    Day,
    /// Weeks, named by their Monday.
    Week,
    /// Months.
    Month,
}

impl GroupBy {
    /// The name in addresses and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counterparty => "counterparty",
            Self::Manager => "manager",
            Self::Item => "item",
            Self::ItemGroup => "item_group",
            Self::Warehouse => "warehouse",
            Self::Company => "company",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// Which period the figures of [`ReportId::Sales`] and [`ReportId::GrossProfit`] are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComparePeriod {
    /// The one just before: whole months go with whole months, else as many days.
    Previous,
    /// The same days a year ago.
    YearAgo,
}

/// By what the balance of one account is broken down (субконто).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Breakdown {
    /// Counterparties.
    Counterparty,
    /// Contracts.
    Contract,
    /// Documents of settlements.
    Document,
    /// Items.
    Item,
    /// Warehouses.
    Warehouse,
    /// Bank accounts and cash desks.
    MoneyPlace,
}

/// Where the figures of a report are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataSource {
    /// In our synchronised copy; `as_of` tells how fresh it is.
    #[default]
    Mirror,
    /// In 1C, now.
    Live,
}

/// Parameters of a report, in the query string of `GET /reports/{id}`. Those that a report does
/// not know are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportQuery {
    /// The infobase; may be left out when there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub infobase: Option<Uuid>,
    /// One company of the caller's; all of the caller's when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub company: Option<Uuid>,
    /// For balances: the end of this day; today when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub date: Option<NaiveDate>,
    /// For turnovers: the first day of the period; of this month when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<NaiveDate>,
    /// For turnovers: the last day of the period; today when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<NaiveDate>,
    /// What the rows stand for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group_by: Option<GroupBy>,
    /// The second dimension of the rows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub then_by: Option<GroupBy>,
    /// The period to compare with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compare: Option<ComparePeriod>,
    /// The first day of a period to compare with, instead of `compare`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compare_from: Option<NaiveDate>,
    /// Its last day.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compare_to: Option<NaiveDate>,
    /// One counterparty, by the id of [`Match`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub counterparty: Option<Uuid>,
    /// One item or group of items.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub item: Option<Uuid>,
    /// One warehouse.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub warehouse: Option<Uuid>,
    /// One manager.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manager: Option<Uuid>,
    /// An account of the chart with its sub-accounts, such as `62`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<String>,
    /// For the trial balance of one account: by what it is broken down.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub breakdown: Option<Breakdown>,
    /// For the trial balance: sub-accounts on their own (the default), or added up to accounts of
    /// the first level.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subaccounts: Option<bool>,
    /// Number of a document.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub number: Option<String>,
    /// For documents: only those that are not posted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unposted: Option<bool>,
    /// For debts: only overdue ones.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub overdue: Option<bool>,
    /// Rows at most; 50 when absent, 1000 at most. Totals are of all rows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit: Option<u32>,
    /// `next_cursor` of the answer before: its parameters have to be the same.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cursor: Option<String>,
    /// Mirror or live.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<DataSource>,
}

/// Type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// A JSON string.
    Text,
    /// Money in the currency of the report: a JSON string with two decimals.
    Money,
    /// A quantity: a JSON string.
    Quantity,
    /// A JSON integer.
    Integer,
    /// A calendar day, `YYYY-MM-DD`.
    Date,
    /// A JSON boolean.
    Boolean,
    /// An id of ours, not for display.
    Id,
}

/// A column of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Column {
    /// Key in the rows.
    pub key: String,
    /// Heading, in the language of the request.
    pub title: String,
    /// Type of its values.
    pub kind: ColumnKind,
}

/// Where figures come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Citation {
    /// The infobase.
    pub infobase_id: Uuid,
    /// Its name.
    pub infobase: String,
    /// The 1C object that was read, such as `AccountingRegister_Хозрасчетный`.
    pub object: String,
    /// The report that computed it; none for rows as 1C has them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub report: Option<ReportId>,
    /// The parameters that chose the rows, with names of objects instead of ids, for people.
    pub filter: Map<String, Value>,
    /// The moment the data is of.
    pub as_of: DateTime<Utc>,
    /// Mirror or live.
    pub source: DataSource,
}

/// A computed report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Which report.
    pub report: ReportId,
    /// Its title, in the language of the request.
    pub title: String,
    /// The parameters, with defaults filled in.
    pub parameters: ReportQuery,
    /// Currency of the money columns (ISO 4217).
    pub currency: String,
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// The rows, each a value per column key.
    pub rows: Vec<Map<String, Value>>,
    /// Totals of all rows, by column key, whether they are returned or not.
    pub totals: Map<String, Value>,
    /// How many rows there are.
    pub row_count: u64,
    /// True when not all of them are returned.
    pub truncated: bool,
    /// The `cursor` of the rows that follow; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_cursor: Option<String>,
    /// The moment the data is of.
    pub as_of: DateTime<Utc>,
    /// Mirror or live.
    pub source: DataSource,
    /// False when 1C did not answer at the last attempt, so that the copy may be old.
    pub onec_reachable: bool,
    /// Where the figures come from.
    pub citations: Vec<Citation>,
}

/// Type of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    /// A string.
    Text,
    /// A calendar day, `YYYY-MM-DD`.
    Date,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// An id of ours.
    Id,
    /// One of `values`.
    Choice,
}

/// A parameter that a report knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ParameterInfo {
    /// Its name in [`ReportQuery`].
    pub name: String,
    /// What it is, in the language of the request.
    pub title: String,
    /// Type of its value.
    pub kind: ParameterKind,
    /// True when the report cannot do without it.
    pub required: bool,
    /// The values allowed, for a choice.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub values: Vec<String>,
    /// What it is when absent, if that can be said beforehand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub default: Option<String>,
}

/// A report in the catalogue `GET /reports`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportInfo {
    /// Which report.
    pub id: ReportId,
    /// Its title, as 1C names it.
    pub title: String,
    /// What it tells.
    pub description: String,
    /// The parameters that it knows.
    pub parameters: Vec<ParameterInfo>,
    /// Its columns, with the default parameters.
    pub columns: Vec<Column>,
    /// True when 1C can compute it (`source=live`).
    pub live: bool,
}

/// Kind of a thing that has a name in 1C.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// Customers and suppliers.
    Counterparty,
    /// Goods and services, and their groups.
    Item,
    /// Warehouses.
    Warehouse,
    /// People responsible for documents.
    Manager,
    /// Our organisations.
    Company,
}

/// One name of `GET /names?kind=…&limit=…&cursor=…`, in `{items: […], next_cursor}`: all that the
/// caller may see are listed, so that they can be recognised in texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Named {
    /// Kind.
    pub kind: SubjectKind,
    /// Name in 1C.
    pub name: String,
    /// The name in full, where it differs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub full_name: Option<String>,
    /// True for people, entrepreneurs among them.
    pub person: bool,
}

/// An infobase as `GET /infobases` tells of it, as far as other services need it; in `{items: […]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InfobaseInfo {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// `odata`, or `commerceml` for one that only pushes goods, prices and stocks.
    pub kind: String,
    /// What people call its configuration, once it is known.
    #[serde(default)]
    pub configuration: Option<String>,
    /// Whether 1C answered the last call; none before the first.
    #[serde(default)]
    pub reachable: Option<bool>,
    /// Another one for each state of the mirror; none before the first synchronisation ended.
    #[serde(default)]
    pub data_version: Option<String>,
}

/// A company of ours as `GET /companies` tells of it, as far as other services need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompanyInfo {
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<Uuid>,
    /// The infobase that it is kept in.
    pub infobase_id: Uuid,
    /// Its name.
    pub name: String,
    /// Its tax number; empty when 1C has none.
    pub inn: String,
}

/// One result of `GET /search?kind=…&q=…&limit=…`, best first, in `{items: […]}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Match {
    /// Id to use in [`ReportQuery`].
    pub id: Uuid,
    /// The infobase that it is of: the same counterparty of two infobases is two results.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub infobase_id: Option<Uuid>,
    /// Kind.
    pub kind: SubjectKind,
    /// Name in 1C.
    pub name: String,
    /// ИНН of a counterparty or company, article of an item.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    /// Likeness of the name to the words asked for, 0 to 1. Words are compared by trigrams
    /// without case and with ё as е.
    pub score: f32,
}
