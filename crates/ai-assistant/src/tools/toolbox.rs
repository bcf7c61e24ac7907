//! Running tools within limits.

use std::collections::HashMap;
use std::time::Duration;

use common::Locale;
use common::contract::onec::{CompanyInfo, InfobaseInfo, Match, Report, ReportQuery, SubjectKind};
use futures_util::{StreamExt, stream};
use http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Onec, OnecError, Tool, schema};
use crate::metrics;

/// What one answer may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Tool calls of one answer.
    pub(crate) calls: u32,
    /// Calls at the same time.
    pub(crate) parallel: usize,
    /// The same call is not made more often.
    pub(crate) repeats: u32,
    /// How long one call may take.
    pub(crate) timeout: Duration,
    /// Rows that a model is shown of one result.
    pub(crate) rows: usize,
    /// Bytes that a model is shown of one result.
    pub(crate) bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 16,
            parallel: 4,
            repeats: 2,
            timeout: Duration::from_secs(20),
            rows: 50,
            bytes: 24 * 1024,
        }
    }
}

/// Whose data is looked at, and as whom. The server sets it; a model cannot.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) token: SecretString,
    pub(crate) company: Option<Uuid>,
    pub(crate) infobase: Option<Uuid>,
    pub(crate) locale: Locale,
}

/// A call as an engine makes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ToolCall {
    /// The provider's id of the call.
    pub(crate) id: String,
    /// Name of the tool.
    pub(crate) name: String,
    /// Arguments; `Err` holds text that was no JSON object.
    pub(crate) arguments: Result<Map<String, Value>, String>,
}

/// What a model is told of the outcome of a call.
#[derive(Debug, Clone)]
pub(crate) struct ToolResult {
    pub(crate) id: String,
    pub(crate) content: String,
    pub(crate) is_error: bool,
}

/// Makes tool calls for one answer and keeps what they returned.
#[derive(Debug)]
pub(crate) struct Toolbox {
    onec: Onec,
    scope: Scope,
    limits: Limits,
    calls: u32,
    seen: HashMap<[u8; 32], u32>,
    reports: Vec<Report>,
    matches: Vec<Match>,
    unreachable: Option<OnecError>,
}

enum Outcome {
    Report(Box<Report>),
    Matches(Vec<Match>),
}

impl Toolbox {
    pub(crate) fn new(onec: Onec, scope: Scope, limits: Limits) -> Self {
        Self {
            onec,
            scope,
            limits,
            calls: 0,
            seen: HashMap::new(),
            reports: Vec::new(),
            matches: Vec::new(),
            unreachable: None,
        }
    }

    /// Calls made so far.
    pub(crate) fn calls(&self) -> u32 {
        self.calls
    }

    /// The reports so far, in the order of their numbers 1, 2, …
    pub(crate) fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// The names found so far.
    pub(crate) fn matches(&self) -> &[Match] {
        &self.matches
    }

    /// The error, once onec-integration did not answer.
    pub(crate) fn take_unreachable(&mut self) -> Option<OnecError> {
        self.unreachable.take()
    }

    /// A report for the built-in engine.
    pub(crate) async fn report(
        &mut self,
        report: common::contract::onec::ReportId,
        query: ReportQuery,
    ) -> Result<Report, OnecError> {
        self.calls += 1;
        let tool = Tool::Report(report);
        match timed(
            &self.onec,
            &self.scope,
            self.limits.timeout,
            tool,
            Request::Report(query),
        )
        .await?
        {
            Outcome::Report(report) => {
                self.reports.push((*report).clone());
                Ok(*report)
            }
            Outcome::Matches(_) => Err(OnecError::Malformed("not a report".into())),
        }
    }

    /// Names for the built-in engine.
    pub(crate) async fn find(&mut self, kind: SubjectKind, words: &str) -> Result<Vec<Match>, OnecError> {
        self.calls += 1;
        let request = Request::Search {
            kind,
            query: words.to_owned(),
            infobase: None,
        };
        match timed(
            &self.onec,
            &self.scope,
            self.limits.timeout,
            Tool::FindSubject,
            request,
        )
        .await?
        {
            Outcome::Matches(matches) => Ok(matches),
            Outcome::Report(_) => Err(OnecError::Malformed("not a list of names".into())),
        }
    }

    /// Makes the calls of one turn of a model, several at a time, and answers each of them.
    pub(crate) async fn run(&mut self, calls: Vec<ToolCall>) -> Vec<ToolResult> {
        let mut prepared = Vec::with_capacity(calls.len());
        for call in calls {
            let request = self.admit(&call);
            prepared.push((call, request));
        }
        let (onec, scope, limits) = (self.onec.clone(), self.scope.clone(), self.limits);
        let outcomes: Vec<_> = stream::iter(prepared)
            .map(|(call, request)| {
                let (onec, scope) = (&onec, &scope);
                async move {
                    let outcome = match request {
                        Ok((tool, request)) => Ok(timed(onec, scope, limits.timeout, tool, request).await),
                        Err(refusal) => Err(refusal),
                    };
                    (call, outcome)
                }
            })
            .buffered(limits.parallel)
            .collect()
            .await;
        outcomes
            .into_iter()
            .map(|(call, outcome)| {
                let (content, is_error) = match outcome {
                    Ok(Ok(outcome)) => (self.keep(outcome), false),
                    Ok(Err(error)) => (self.explain(error), true),
                    Err(refusal) => (refusal, true),
                };
                ToolResult {
                    id: call.id,
                    content,
                    is_error,
                }
            })
            .collect()
    }

    /// Checks a call before anything is done; the text of a refusal says what to change.
    fn admit(&mut self, call: &ToolCall) -> Result<(Tool, Request), String> {
        let Some(tool) = Tool::from_name(&call.name) else {
            return Err(format!("Инструмента «{}» нет. Есть: {}.", call.name, names()));
        };
        if self.calls >= self.limits.calls {
            return Err(format!(
                "Больше {} вызовов на один ответ нельзя. Ответь по тому, что уже известно, и скажи, чего не хватило.",
                self.limits.calls
            ));
        }
        let arguments = match &call.arguments {
            Ok(arguments) => arguments,
            Err(text) => {
                return Err(format!(
                    "Аргументы — не объект JSON ({text}). Повтори вызов с объектом JSON."
                ));
            }
        };
        let request = Request::parse(tool, arguments)?;
        let canonical = Value::Object(arguments.clone()).to_string();
        let digest: [u8; 32] = Sha256::digest(format!("{}\n{canonical}", call.name)).into();
        let times = self.seen.entry(digest).or_default();
        *times += 1;
        if *times > self.limits.repeats {
            return Err("Этот же вызов уже сделан, ответ будет тем же. Используй полученный результат или измени аргументы.".to_owned());
        }
        self.calls += 1;
        Ok((tool, request))
    }

    fn keep(&mut self, outcome: Outcome) -> String {
        match outcome {
            Outcome::Report(report) => {
                self.reports.push(*report);
                let number = self.reports.len();
                self.reports
                    .last()
                    .map(|report| shown(number, report, self.limits))
                    .unwrap_or_default()
            }
            Outcome::Matches(matches) => {
                self.matches.extend(matches.iter().cloned());
                if matches.is_empty() {
                    "Ничего похожего не найдено. Спроси пользователя точное название.".to_owned()
                } else {
                    json!({ "matches": matches }).to_string()
                }
            }
        }
    }

    fn explain(&mut self, error: OnecError) -> String {
        match error {
            OnecError::Refused { status, message, .. } => match status {
                StatusCode::FORBIDDEN => format!(
                    "Нет доступа: {message} Скажи пользователю, что прав не хватает; не повторяй вызов."
                ),
                StatusCode::NOT_FOUND => {
                    format!("Не найдено: {message} Проверь идентификатор через find_subject.")
                }
                _ => format!("Отказ: {message} Исправь аргументы и повтори."),
            },
            OnecError::Malformed(_) => "Ответ источника данных не читается. Не повторяй вызов.".to_owned(),
            unreachable @ OnecError::Unreachable(_) => {
                self.unreachable = Some(unreachable);
                "Источник данных не отвечает. Скажи об этом пользователю и не называй цифр.".to_owned()
            }
        }
    }
}

fn names() -> String {
    Tool::all()
        .iter()
        .map(|tool| tool.name())
        .collect::<Vec<_>>()
        .join(", ")
}

enum Request {
    Report(ReportQuery),
    Search {
        kind: SubjectKind,
        query: String,
        infobase: Option<Uuid>,
    },
}

#[derive(Deserialize)]
struct SearchArguments {
    kind: SubjectKind,
    query: String,
    infobase: Option<Uuid>,
}

impl Request {
    fn parse(tool: Tool, arguments: &Map<String, Value>) -> Result<Self, String> {
        let known = schema::parameters(tool);
        let is_known = |name: &&String| known.contains(&name.as_str()) || *name == schema::INFOBASE;
        if let Some(unknown) = arguments.keys().find(|name| !is_known(name)) {
            return Err(format!("Аргумента «{unknown}» нет. Есть: {}.", known.join(", ")));
        }
        // Models like to send null for what they leave out.
        let given: Map<String, Value> = arguments
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        if let Some(missing) = schema::required(tool)
            .iter()
            .find(|name| !given.contains_key(**name))
        {
            return Err(format!("Не хватает аргумента «{missing}»."));
        }
        let wrong = |error: serde_json::Error| format!("Неверные аргументы: {error}. Исправь их и повтори.");
        match tool {
            Tool::FindSubject => {
                let parsed: SearchArguments = serde_json::from_value(Value::Object(given)).map_err(wrong)?;
                if parsed.query.trim().is_empty() {
                    return Err("Пустой query: назови, что искать.".to_owned());
                }
                Ok(Self::Search {
                    kind: parsed.kind,
                    query: parsed.query,
                    infobase: parsed.infobase,
                })
            }
            Tool::Report(_) => {
                let query: ReportQuery = serde_json::from_value(Value::Object(given)).map_err(wrong)?;
                if let (Some(from), Some(to)) = (query.from, query.to)
                    && from > to
                {
                    return Err("from позже to: поменяй их местами.".to_owned());
                }
                Ok(Self::Report(query))
            }
        }
    }
}

async fn timed(
    onec: &Onec,
    scope: &Scope,
    timeout: Duration,
    tool: Tool,
    request: Request,
) -> Result<Outcome, OnecError> {
    let outcome = tokio::time::timeout(timeout, perform(onec, scope, tool, request))
        .await
        .unwrap_or_else(|elapsed| Err(OnecError::Unreachable(elapsed.into())));
    metrics::tool_called(tool.name(), outcome.as_ref().map(|_| ()));
    outcome
}

async fn perform(onec: &Onec, scope: &Scope, tool: Tool, request: Request) -> Result<Outcome, OnecError> {
    match (tool, request) {
        (Tool::Report(report), Request::Report(mut query)) => {
            // The request's company and infobase win; a model cannot name a company at all, and what it
            // names is read with the rights of the caller.
            query.company = scope.company.or(query.company);
            query.infobase = scope.infobase.or(query.infobase);
            let report = onec.report(&scope.token, report, &query).await?;
            Ok(Outcome::Report(Box::new(report)))
        }
        (
            _,
            Request::Search {
                kind,
                query,
                infobase,
            },
        ) => {
            let infobase = scope.infobase.or(infobase);
            let matches = onec.search(&scope.token, kind, &query, infobase, 10).await?;
            Ok(Outcome::Matches(matches))
        }
        (Tool::FindSubject, Request::Report(_)) => Err(OnecError::Malformed("not a search".into())),
    }
}

/// A report as a model sees it: as many rows as fit, and how many there are.
fn shown(number: usize, report: &Report, limits: Limits) -> String {
    let mut rows: Vec<&Map<String, Value>> = report.rows.iter().take(limits.rows).collect();
    loop {
        let total = usize::try_from(report.row_count).unwrap_or(usize::MAX);
        let note = (rows.len() < total)
            .then(|| format!("показано {} из {}; итоги — по всем строкам", rows.len(), total));
        let text = json!({
            "source": format!("[{number}]"),
            "report": report.report,
            "title": report.title,
            "parameters": report.parameters,
            "currency": report.currency,
            "as_of": report.as_of,
            "onec_reachable": report.onec_reachable,
            "rows": rows,
            "totals": report.totals,
            "row_count": report.row_count,
            "note": note,
        })
        .to_string();
        if text.len() <= limits.bytes || rows.is_empty() {
            return text;
        }
        rows.truncate(rows.len() / 2);
    }
}

impl Toolbox {
    /// The company that the request is limited to.
    pub(crate) fn company(&self) -> Option<Uuid> {
        self.scope.company
    }

    /// The infobase that the calls are limited to.
    pub(crate) fn infobase(&self) -> Option<Uuid> {
        self.scope.infobase
    }

    /// Limits the calls that follow to an infobase. Whether the caller may see it is for
    /// onec-integration to say.
    pub(crate) fn within(&mut self, infobase: Uuid) {
        self.scope.infobase = Some(infobase);
    }

    /// The infobases that the caller sees, for the built-in engine.
    pub(crate) async fn infobases(&self) -> Result<Vec<InfobaseInfo>, OnecError> {
        let asked = self.onec.infobases(&self.scope.token);
        tokio::time::timeout(self.limits.timeout, asked)
            .await
            .unwrap_or_else(|elapsed| Err(OnecError::Unreachable(elapsed.into())))
    }

    /// The companies that the caller sees, for the built-in engine.
    pub(crate) async fn companies(&self) -> Result<Vec<CompanyInfo>, OnecError> {
        let asked = self.onec.companies(&self.scope.token);
        tokio::time::timeout(self.limits.timeout, asked)
            .await
            .unwrap_or_else(|elapsed| Err(OnecError::Unreachable(elapsed.into())))
    }

    /// The language of titles in the answer.
    pub(crate) fn locale(&self) -> Locale {
        self.scope.locale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolbox() -> Toolbox {
        let onec = Onec::new("http://127.0.0.1:9/".parse().unwrap(), Duration::from_secs(1)).unwrap();
        let scope = Scope {
            token: SecretString::from("token"),
            company: None,
            infobase: None,
            locale: Locale::Ru,
        };
        Toolbox::new(onec, scope, Limits::default())
    }

    fn call(name: &str, arguments: Value) -> ToolCall {
        ToolCall {
            id: "1".to_owned(),
            name: name.to_owned(),
            arguments: arguments
                .as_object()
                .cloned()
                .ok_or_else(|| arguments.to_string()),
        }
    }

    #[test]
    fn wrong_calls_are_refused_with_what_to_change() {
        let mut toolbox = toolbox();
        for (name, arguments, expected) in [
            ("drop_table", json!({}), "Инструмента «drop_table» нет"),
            ("get_stock", json!([1]), "не объект JSON"),
            ("get_stock", json!({"company": "x"}), "Аргумента «company» нет"),
            (
                "get_statement",
                json!({"counterparty": null}),
                "Не хватает аргумента «counterparty»",
            ),
            ("get_sales", json!({"from": "2026-13-01"}), "Неверные аргументы"),
            (
                "get_sales",
                json!({"from": "2026-10-02", "to": "2026-10-01"}),
                "from позже to",
            ),
            (
                "find_subject",
                json!({"kind": "item", "query": " "}),
                "Пустой query",
            ),
        ] {
            let refusal = toolbox.admit(&call(name, arguments)).err().unwrap();
            assert!(refusal.contains(expected), "{refusal}");
        }
        assert_eq!(toolbox.calls(), 0);
    }

    #[test]
    fn the_third_identical_call_is_refused_whatever_the_order_of_arguments() {
        let mut toolbox = toolbox();
        for arguments in [
            json!({"date": "2026-10-31", "limit": 5}),
            json!({"limit": 5, "date": "2026-10-31"}),
        ] {
            assert!(toolbox.admit(&call("get_cash", arguments)).is_ok());
        }
        let third = toolbox.admit(&call("get_cash", json!({"date": "2026-10-31", "limit": 5})));
        assert!(third.err().unwrap().contains("уже сделан"));
    }

    #[test]
    fn no_more_than_sixteen_calls() {
        let mut toolbox = toolbox();
        for limit in 1..=16 {
            assert!(
                toolbox
                    .admit(&call("get_cash", json!({ "limit": limit })))
                    .is_ok()
            );
        }
        assert!(toolbox.admit(&call("get_cash", json!({}))).is_err());
    }
}
