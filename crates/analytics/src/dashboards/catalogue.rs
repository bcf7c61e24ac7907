//! All that panels can ask for. A query is code of ours with typed parameters; users name it and
//! choose among its parameters.

use std::collections::BTreeSet;
use std::fmt;

use common::auth::{Identity, Permission};
use common::contract::onec::{ReportId, ReportQuery};
use common::http::Violations;
use common::{Locale, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::definition::QueryCall;

/// A query of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema)]
pub(crate) enum QueryId {
    /// A report of 1C, with the rights of the caller.
    Onec(ReportId),
    /// Figures of the system itself.
    Own(OwnQuery),
}

macro_rules! own_queries {
    ($($variant:ident = $name:literal, $permissions:expr, $ru:literal, $en:literal;)*) => {
        /// Queries over our own tables.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema)]
        pub(crate) enum OwnQuery { $($variant,)* }

        impl OwnQuery {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whoever has one of these may ask it.
            const fn permissions(self) -> &'static [Permission] {
                match self { $(Self::$variant => $permissions,)* }
            }

            fn title(self) -> Text {
                match self { $(Self::$variant => Text::new($ru, $en),)* }
            }
        }
    };
}

const ANALYTICS: &[Permission] = &[Permission::AnalyticsRead];
const SECURITY: &[Permission] = &[Permission::SecurityRead];

own_queries! {
    SystemTotals = "system.totals", ANALYTICS,
        "Запросы, доля ошибок и время ответа за период", "Requests, share of errors and response time of the period";
    SystemRequests = "system.requests", ANALYTICS, "Запросы и ошибки по времени", "Requests and errors over time";
    SystemLatency = "system.latency", ANALYTICS, "Время ответа по времени", "Response time over time";
    SystemTraffic = "system.traffic", ANALYTICS, "Запросы по сервисам и времени", "Requests by service over time";
    SystemServices = "system.services", ANALYTICS, "Сервисы: состояние, запросы, ошибки", "Services: state, requests, errors";
    SystemLoad = "system.load", ANALYTICS, "Запросы по часам недели", "Requests by hour of the week";
    SystemSync = "system.sync", &[Permission::AnalyticsRead, Permission::OnecRead],
        "Свежесть данных 1С по базам", "Freshness of 1C data by infobase";
    AiTotals = "ai.totals", ANALYTICS, "Вопросы, стоимость и пользователи за период", "Questions, cost and users of the period";
    AiCalls = "ai.calls", ANALYTICS, "Вопросы ассистенту по времени и исходу", "Questions to the assistant over time by outcome";
    AiCost = "ai.cost", ANALYTICS, "Стоимость моделей по времени", "Cost of models over time";
    AiTokens = "ai.tokens", ANALYTICS, "Токены по времени", "Tokens over time";
    AiModels = "ai.models", ANALYTICS, "Модели: вопросы, токены, стоимость", "Models: calls, tokens, cost";
    AiLoad = "ai.load", ANALYTICS, "Вопросы по часам недели", "Questions by hour of the week";
    UsersActive = "users.active", ANALYTICS, "Активные пользователи по времени", "Active users over time";
    SecurityTotals = "security.totals", SECURITY, "Входы, неудачи и отказы за период", "Logins, failures and refusals of the period";
    SecurityLogins = "security.logins", SECURITY, "Входы по времени", "Logins over time";
    SecurityRefusals = "security.refusals", SECURITY, "Отклонённые запросы по времени", "Refused requests over time";
    SecurityEvents = "security.events", SECURITY, "События входа по видам", "Events of logins by kind";
}

impl QueryId {
    /// All queries.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let reports = ReportId::ALL.into_iter().map(Self::Onec);
        reports.chain(OwnQuery::ALL.iter().copied().map(Self::Own))
    }

    fn from_name(name: &str) -> Option<Self> {
        if let Some(report) = name.strip_prefix("onec.") {
            return ReportId::from_name(report).map(Self::Onec);
        }
        OwnQuery::ALL
            .iter()
            .copied()
            .find(|query| query.as_str() == name)
            .map(Self::Own)
    }

    /// Whoever has one of these may ask it.
    fn permissions(self) -> &'static [Permission] {
        match self {
            Self::Onec(_) => &[Permission::OnecRead],
            Self::Own(query) => query.permissions(),
        }
    }

    /// The permission that the caller lacks, if any.
    pub(crate) fn lacks(self, caller: &Identity) -> Option<Permission> {
        let permissions = self.permissions();
        if permissions.iter().any(|permission| caller.may(*permission)) {
            None
        } else {
            permissions.first().copied()
        }
    }
}

impl fmt::Display for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Onec(report) => write!(f, "onec.{report}"),
            Self::Own(query) => f.write_str(query.as_str()),
        }
    }
}

impl Serialize for QueryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for QueryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| serde::de::Error::custom("there is no such query"))
    }
}

/// A query in the catalogue.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct QueryInfo {
    id: QueryId,
    title: String,
    /// Names of its parameters.
    params: Vec<&'static str>,
    /// Whoever has one of these may ask it.
    permissions: Vec<&'static str>,
    /// Whether the caller may.
    allowed: bool,
    /// For reports of 1C: where their columns and parameters are described.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<ReportId>,
}

/// The catalogue as a caller sees it.
pub(crate) fn catalogue(caller: &Identity, locale: Locale) -> Vec<QueryInfo> {
    QueryId::all()
        .map(|id| QueryInfo {
            id,
            title: match id {
                QueryId::Onec(report) => Text::new(
                    format!("Отчёт 1С «{report}»"),
                    format!("The report of 1C `{report}`"),
                ),
                QueryId::Own(query) => query.title(),
            }
            .get(locale)
            .to_owned(),
            params: match id {
                QueryId::Onec(report) => onec_params(report).to_vec(),
                QueryId::Own(_) => vec!["step"],
            },
            permissions: id
                .permissions()
                .iter()
                .map(|permission| permission.as_str())
                .collect(),
            allowed: id.lacks(caller).is_none(),
            report: match id {
                QueryId::Onec(report) => Some(report),
                QueryId::Own(_) => None,
            },
        })
        .collect()
}

/// Parameters of a report that a panel may set. Its dates are those of the dashboard unless set.
const fn onec_params(report: ReportId) -> &'static [&'static str] {
    match report {
        ReportId::Sales | ReportId::GrossProfit => &[
            "infobase",
            "company",
            "from",
            "to",
            "group_by",
            "then_by",
            "compare",
            "counterparty",
            "item",
            "warehouse",
            "manager",
            "limit",
        ],
        ReportId::CashFlow => &[
            "infobase",
            "company",
            "from",
            "to",
            "group_by",
            "counterparty",
            "limit",
        ],
        ReportId::TrialBalance => &[
            "infobase",
            "company",
            "from",
            "to",
            "account",
            "breakdown",
            "subaccounts",
            "limit",
        ],
        ReportId::AccountAnalysis => &["infobase", "company", "from", "to", "account", "limit"],
        ReportId::AccountCard => &[
            "infobase",
            "company",
            "from",
            "to",
            "account",
            "counterparty",
            "item",
            "warehouse",
            "limit",
        ],
        ReportId::StockTurnover => &["infobase", "company", "from", "to", "item", "warehouse", "limit"],
        ReportId::Statement => &["infobase", "company", "from", "to", "counterparty", "limit"],
        ReportId::Taxes => &["infobase", "company", "from", "to", "limit"],
        ReportId::Documents => &[
            "infobase",
            "company",
            "from",
            "to",
            "unposted",
            "counterparty",
            "manager",
            "number",
            "limit",
        ],
        ReportId::Receivables | ReportId::Payables => {
            &["infobase", "company", "date", "counterparty", "overdue", "limit"]
        }
        ReportId::Stock => &["infobase", "company", "date", "item", "warehouse", "limit"],
        ReportId::Cash => &["infobase", "company", "date", "limit"],
        ReportId::CounterpartyCard => &["infobase", "company", "counterparty", "limit"],
        ReportId::Postings => &["infobase", "company", "number", "limit"],
    }
}

impl QueryCall {
    /// Checks the parameters: each is one of the query's, with a value of its type or the name of
    /// a variable.
    pub(super) fn validate(&self, at: &str, variables: &BTreeSet<&str>, violations: &mut Violations) {
        let known = match self.id {
            QueryId::Onec(report) => onec_params(report),
            QueryId::Own(_) => &["step"],
        };
        let mut fixed = Map::new();
        for (name, value) in &self.params {
            let pointer = format!("{at}/{name}");
            violations.check(
                known.contains(&name.as_str()),
                &pointer,
                Text::new(
                    "Запрос не знает этого параметра.",
                    "The query does not know this parameter.",
                ),
            );
            match value.as_str().and_then(|text| text.strip_prefix('$')) {
                Some(variable) => violations.check(
                    variables.contains(variable),
                    &pointer,
                    Text::new("Такой переменной нет.", "There is no such variable."),
                ),
                None => {
                    fixed.insert(name.clone(), value.clone());
                }
            }
        }
        match self.id {
            QueryId::Onec(_) => {
                if let Some(limit) = fixed.get("limit") {
                    violations.check(
                        limit.as_u64().is_some_and(|limit| (1..=200).contains(&limit)),
                        &format!("{at}/limit"),
                        Text::new("От 1 до 200.", "1 to 200."),
                    );
                }
                // Each by itself, so that each is named.
                for (name, value) in &fixed {
                    let mut one = Map::new();
                    one.insert(name.clone(), value.clone());
                    let read = serde_json::from_value::<ReportQuery>(Value::Object(one));
                    if let Err(error) = read
                        && known.contains(&name.as_str())
                    {
                        violations.add(&format!("{at}/{name}"), Text::same(error.to_string()));
                    }
                }
            }
            QueryId::Own(_) => {
                if let Some(step) = fixed.get("step") {
                    let known = ["hour", "day", "week", "month"];
                    violations.check(
                        step.as_str().is_some_and(|step| known.contains(&step)),
                        &format!("{at}/step"),
                        Text::new("hour, day, week или month.", "hour, day, week or month."),
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_one_query_each() {
        let mut names = BTreeSet::new();
        for query in QueryId::all() {
            assert!(names.insert(query.to_string()), "{query}");
            assert_eq!(QueryId::from_name(&query.to_string()), Some(query));
            assert!(!query.permissions().is_empty(), "{query} would be for everybody");
        }
        assert_eq!(QueryId::from_name("onec.secrets"), None);
    }

    #[test]
    fn parameters_are_those_of_the_contract() {
        let id = uuid::Uuid::nil();
        let full = serde_json::json!({
            "infobase": id, "company": id, "date": "2026-01-01", "from": "2026-01-01", "to": "2026-01-01",
            "group_by": "day", "then_by": "item", "compare": "previous", "counterparty": id, "item": id,
            "warehouse": id, "manager": id, "account": "62", "breakdown": "document", "subaccounts": true,
            "number": "1", "unposted": true, "overdue": true, "limit": 1,
        });
        serde_json::from_value::<ReportQuery>(full.clone()).unwrap();
        for report in ReportId::ALL {
            for name in onec_params(report) {
                assert!(full.get(name).is_some(), "{report}: {name}");
            }
        }
    }
}
