//! Running the query of a panel.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use common::auth::Identity;
use common::db::StoreError;
use common::http::Problem;
use common::telemetry::Chain;
use common::{Locale, Text};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::cache::{self, Answer, Key};
use super::catalogue::QueryId;
use super::definition::QueryCall;
use super::time::{Range, Step};
use super::{onec, own};
use crate::state::AppState;

/// How long figures of 1C are shown again: its copy is synchronised every few minutes.
const FRESH_ONEC: Duration = Duration::seconds(60);
/// How long figures of the system are shown again: rollups are counted every ten seconds.
const FRESH_OWN: Duration = Duration::seconds(15);

/// What all panels of a dashboard have in common.
#[derive(Debug)]
pub(super) struct Look<'a> {
    pub(super) state: &'a AppState,
    pub(super) caller: &'a Identity,
    pub(super) range: Range,
    /// The range as it was asked for.
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    /// What the viewer chose; `company` and `infobase` too.
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) now: DateTime<Utc>,
    pub(super) locale: Locale,
    pub(super) refresh: bool,
}

/// An answer with what was asked for.
pub(super) struct Ran {
    pub(super) answer: Answer,
    /// For reports of 1C: where the panel leads.
    pub(super) drill_down: Value,
    /// The names of the steps of a series of 1C, those without rows too.
    pub(super) names: Option<Vec<String>>,
    /// The step of a series.
    pub(super) step: Step,
}

impl Look<'_> {
    /// The parameters with their variables replaced. One whose variable has no value is left out.
    fn params(&self, call: &QueryCall) -> Map<String, Value> {
        let (first, last) = self.range.days();
        let mut params = Map::new();
        for (name, value) in &call.params {
            let Some(variable) = value.as_str().and_then(|text| text.strip_prefix('$')) else {
                params.insert(name.clone(), value.clone());
                continue;
            };
            let value = match variable {
                "from" => Some(onec::day(first)),
                "to" => Some(onec::day(last)),
                "step" => Some(match (call.id, self.range.step()) {
                    // 1C keeps days.
                    (QueryId::Onec(_), Step::Hour) => "day".into(),
                    (_, step) => step.as_str().into(),
                }),
                other => self.variables.get(other).map(|text| typed(name, text)),
            };
            if let Some(value) = value {
                params.insert(name.clone(), value);
            }
        }
        if let QueryId::Onec(_) = call.id {
            for name in ["company", "infobase"] {
                if let (Some(value), false) = (self.variables.get(name), params.contains_key(name)) {
                    params.insert(name.to_owned(), value.as_str().into());
                }
            }
        }
        params
    }

    /// Runs a query with the rights of the viewer.
    pub(super) async fn run(&self, call: &QueryCall, compare: bool) -> Ran {
        if let Some(permission) = call.id.lacks(self.caller) {
            let problem = Problem::permission_denied(permission.as_str());
            return self.failed(&problem);
        }
        let params = self.params(call);
        match call.id {
            QueryId::Onec(report) => {
                let queries = onec::query(report, &params, self.range).and_then(|query| {
                    let before = compare
                        .then(|| onec::earlier(report, &params, self.range))
                        .transpose()?;
                    Ok((query, before))
                });
                let (query, before) = match queries {
                    Ok(queries) => queries,
                    Err(error) => return self.failed(&Problem::bad_request(Text::same(error.to_string()))),
                };
                let drill_down = onec::drill_down(report, &query);
                let names = onec::step_names(&query);
                let ask = async {
                    let asked = onec::ask(self.state, self.caller, report, query, before, self.locale).await;
                    asked.map_err(|error| {
                        tracing::debug!(error = %Chain(&error), "a panel of the report `{report}` has no data");
                        error.summary()
                    })
                };
                Ran {
                    answer: self.answer(call, params, compare, FRESH_ONEC, ask).await,
                    drill_down,
                    names,
                    step: self.range.step(),
                }
            }
            QueryId::Own(query) => {
                let step = match params.get("step").and_then(Value::as_str) {
                    Some("hour") if self.range.span.seconds() <= 32 * 86_400 => Step::Hour,
                    Some("day") => Step::Day,
                    Some("week") => Step::Week,
                    Some("month") => Step::Month,
                    _ => self.range.step(),
                };
                let asked = own::Asked {
                    caller: self.caller,
                    range: self.range,
                    step,
                    compare,
                    now: self.now,
                    locale: self.locale,
                };
                let ask = async {
                    let asked = own::ask(self.state, query, asked).await;
                    asked.map_err(|error| store_summary(error, self.locale))
                };
                Ran {
                    answer: self.answer(call, params, compare, FRESH_OWN, ask).await,
                    drill_down: Value::Null,
                    names: None,
                    step,
                }
            }
        }
    }

    async fn answer(
        &self,
        call: &QueryCall,
        params: Map<String, Value>,
        compare: bool,
        fresh: Duration,
        ask: impl Future<Output = Result<super::Frame, Value>>,
    ) -> Answer {
        let (permissions, companies, infobases) = cache::sight(self.caller);
        let (query, params) = (call.id.to_string(), Value::Object(params));
        let key = Key {
            query: &query,
            params: &params,
            from: self.from,
            to: self.to,
            zone: self.range.zone.name(),
            locale: self.locale.tag(),
            compare,
            permissions,
            companies,
            infobases,
        };
        let cache = &self.state.dashboards;
        cache.answer(&key, self.now, fresh, self.refresh, ask).await
    }

    fn failed(&self, problem: &Problem) -> Ran {
        Ran {
            answer: Answer {
                frame: None,
                generated_at: self.now,
                cached: false,
                stale: false,
                error: Some(summary(problem, self.locale)),
            },
            drill_down: Value::Null,
            names: None,
            step: self.range.step(),
        }
    }
}

/// The value of a variable as the parameter has it.
fn typed(parameter: &str, text: &str) -> Value {
    match parameter {
        "limit" => text
            .parse::<u32>()
            .map_or_else(|_| text.into(), |limit| limit.min(200).into()),
        "overdue" | "unposted" | "subaccounts" => {
            text.parse::<bool>().map_or_else(|_| text.into(), Value::from)
        }
        _ => text.into(),
    }
}

fn summary(problem: &Problem, locale: Locale) -> Value {
    let problem = problem.to_json(locale, None);
    json!({"code": problem["code"], "title": problem["title"], "detail": problem["detail"]})
}

/// Why there are no figures of ours.
fn store_summary(error: StoreError, locale: Locale) -> Value {
    // 57014: the statement took longer than the pool allows.
    let timed_out = error
        .source
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == "57014");
    tracing::warn!(error = %Chain(&error), "a panel has no data");
    let problem = if timed_out {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "analytics.query_timeout",
            Text::new("Запрос выполнялся слишком долго", "The query took too long"),
        )
        .detail(Text::new("Выберите период короче.", "Choose a shorter period."))
    } else if error.is_unavailable() {
        Problem::unavailable("postgres")
    } else {
        Problem::internal("a panel")
    };
    summary(&problem, locale)
}
