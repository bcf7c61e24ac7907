//! The own reports: use of models, availability of services, logins.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use common::auth::Permission;
use common::contract::onec::{Column, ColumnKind};
use common::db::StoreError;
use common::{Locale, Text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use super::{Row, Sheet, availability, logins, usage};

/// An own report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// Calls of models by day, with tokens and cost.
    Usage,
    /// Requests by service and day: how many failed, how long they took.
    Availability,
    /// Logins and failed attempts by day.
    Logins,
}

/// Parameters of the own reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnQuery {
    /// The first day; of this month when absent.
    pub(crate) from: Option<NaiveDate>,
    /// The last day; today when absent.
    pub(crate) to: Option<NaiveDate>,
}

/// The days of a report, in the zone that they are days of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Days {
    pub(super) from: NaiveDate,
    pub(super) to: NaiveDate,
    pub(super) zone: Tz,
}

/// Rows of an own report with what they add up to.
pub(super) struct Computed {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
    pub(super) totals: Map<String, Value>,
}

impl Own {
    pub(crate) const ALL: [Self; 3] = [Self::Usage, Self::Availability, Self::Logins];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Availability => "availability",
            Self::Logins => "logins",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.as_str() == name)
    }

    /// Who may have it.
    pub(crate) const fn permission(self) -> Permission {
        match self {
            Self::Usage | Self::Availability => Permission::AnalyticsRead,
            Self::Logins => Permission::SecurityRead,
        }
    }

    pub(crate) fn title(self) -> Text {
        match self {
            Self::Usage => Text::new("Использование моделей", "Use of models"),
            Self::Availability => Text::new("Доступность сервисов", "Availability of services"),
            Self::Logins => Text::new("Входы в систему", "Logins"),
        }
    }

    pub(crate) fn description(self) -> Text {
        match self {
            Self::Usage => Text::new(
                "Запросы к моделям по дням: ошибки, токены, стоимость",
                "Calls of models by day: failures, tokens, cost",
            ),
            Self::Availability => Text::new(
                "Запросы к сервисам по дням: доля успешных, время ответа p50, p95 и p99",
                "Requests by service and day: share that succeeded, p50, p95 and p99 of the time to answer",
            ),
            Self::Logins => Text::new(
                "Удачные и неудачные входы, регистрации и выходы по дням",
                "Logins that succeeded and failed, registrations and logouts by day",
            ),
        }
    }

    /// Computes the report; one row more than `limit` tells that there are too many.
    pub(crate) async fn compute(
        self,
        connection: &mut PgConnection,
        query: &OwnQuery,
        now: DateTime<Utc>,
        zone: Tz,
        limit: u32,
        locale: Locale,
    ) -> Result<(Sheet, Vec<Row>), StoreError> {
        let today = now.with_timezone(&zone).date_naive();
        let to = query.to.unwrap_or(today);
        let from = query.from.unwrap_or_else(|| to.with_day(1).unwrap_or(to));
        let days = Days { from, to, zone };
        let limit = i64::from(limit) + 1;
        let computed = match self {
            Self::Usage => usage::compute(connection, days, limit, locale).await?,
            Self::Availability => availability::compute(connection, days, locale).await?,
            Self::Logins => logins::compute(connection, days, locale).await?,
        };
        let sheet = Sheet {
            report: self.as_str().to_owned(),
            title: self.title().get(locale).to_owned(),
            parameters: json!({ "from": from, "to": to }),
            currency: None,
            columns: computed.columns,
            totals: computed.totals,
            row_count: computed.rows.len() as u64,
            as_of: now,
            citations: Vec::new(),
        };
        Ok((sheet, computed.rows))
    }
}

/// A column of an own report.
pub(super) fn column(
    locale: Locale,
    key: &str,
    kind: ColumnKind,
    ru: &'static str,
    en: &'static str,
) -> Column {
    Column {
        key: key.to_owned(),
        title: Text::new(ru, en).get(locale).to_owned(),
        kind,
    }
}

/// The members of a JSON object.
pub(super) fn members(value: Value) -> Row {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
