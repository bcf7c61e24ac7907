//! Running tools within the limits of one answer.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use common::Locale;
use common::contract::onec::{CompanyInfo, InfobaseInfo, Match, Report, ReportId, ReportQuery, SubjectKind};
use futures_util::{StreamExt, stream};
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::call_log::{Brought, CallLog, Outcome};
use super::entities::Rows;
use super::found::{Facts, Found, Source};
use super::perform::timed;
use super::request::Request;
use super::{
    Drafted, Limits, Onec, OnecError, ReportFile, Scope, Tool, ToolCall, ToolResult, ToolSpec, schema, shown,
};
use crate::metrics;

/// Properties of a set that a model is shown.
const PROPERTIES: usize = 150;

/// Makes tool calls for one answer and keeps what they returned.
#[derive(Debug)]
pub(crate) struct Toolbox {
    onec: Onec,
    scope: Scope,
    limits: Limits,
    begun: Instant,
    log: CallLog,
    is_reading_only: bool,
    calls: u32,
    seen: HashMap<[u8; 32], u32>,
    /// Why no more calls are made.
    closed: Option<String>,
    reports: Vec<Report>,
    rows: Vec<Rows>,
    /// What is referred to by numbers, in their order.
    order: Vec<Place>,
    matches: Vec<Match>,
    facts: Vec<Facts>,
    /// Drafts by the id of their call.
    drafts: Vec<(String, Drafted)>,
    files: Vec<ReportFile>,
    unreachable: Option<OnecError>,
}

/// Where a source is kept.
#[derive(Debug, Clone, Copy)]
enum Place {
    Report(usize),
    Rows(usize),
}

/// Why a call is not made; the text tells a model what to change.
#[derive(Debug)]
enum Refusal {
    /// Its arguments or a limit do not allow it.
    Refused(String),
    /// The caller lacks the right.
    Denied(String),
}

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self::Refused(text)
    }
}

impl Toolbox {
    pub(crate) fn new(onec: Onec, scope: Scope, limits: Limits) -> Self {
        Self {
            onec,
            scope,
            limits,
            begun: Instant::now(),
            log: CallLog::default(),
            is_reading_only: false,
            calls: 0,
            seen: HashMap::new(),
            closed: None,
            reports: Vec::new(),
            rows: Vec::new(),
            order: Vec::new(),
            matches: Vec::new(),
            facts: Vec::new(),
            drafts: Vec::new(),
            files: Vec::new(),
            unreachable: None,
        }
    }

    /// The same, that writes its calls into this log.
    pub(crate) fn logged(self, log: &CallLog) -> Self {
        log.restart();
        Self {
            log: log.clone(),
            ..self
        }
    }

    /// The same without tools that prepare changes.
    pub(crate) fn reading_only(self) -> Self {
        Self {
            is_reading_only: true,
            ..self
        }
    }

    /// What a model may be offered: the tools that the caller's permissions open.
    pub(crate) fn specs(&self) -> Vec<ToolSpec> {
        let mut specs = schema::specs(self.scope.permissions);
        if self.is_reading_only {
            specs.retain(|spec| Tool::from_name(&spec.name).is_some_and(Tool::is_reading));
        }
        specs
    }

    /// Calls made so far.
    pub(crate) fn calls(&self) -> u32 {
        self.calls
    }

    /// The reports so far, in their order.
    pub(crate) fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// What an answer refers to by 1, 2, …
    pub(crate) fn sources(&self) -> impl Iterator<Item = Source<'_>> {
        self.order.iter().filter_map(|place| match place {
            Place::Report(at) => self.reports.get(*at).map(Source::Report),
            Place::Rows(at) => self.rows.get(*at).map(Source::Rows),
        })
    }

    /// The names found so far.
    pub(crate) fn matches(&self) -> &[Match] {
        &self.matches
    }

    /// Figures and names besides those of reports and matches.
    pub(crate) fn facts(&self) -> &[Facts] {
        &self.facts
    }

    /// Adds what the answer may rest on besides the results of tools.
    pub(crate) fn add_facts(&mut self, facts: impl IntoIterator<Item = Facts>) {
        self.facts.extend(facts);
    }

    /// The drafts so far.
    pub(crate) fn drafts(&self) -> impl Iterator<Item = &Drafted> {
        self.drafts.iter().map(|(_, draft)| draft)
    }

    /// The files so far.
    pub(crate) fn files(&self) -> &[ReportFile] {
        &self.files
    }

    /// The draft that a call made.
    pub(crate) fn draft_of(&self, call: &str) -> Option<&Drafted> {
        let found = self.drafts.iter().find(|(id, _)| id == call);
        found.map(|(_, draft)| draft)
    }

    /// True when no more calls are made: the model has to answer.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_some() || self.remaining().is_zero()
    }

    /// The error, once onec-integration did not answer.
    pub(crate) fn take_unreachable(&mut self) -> Option<OnecError> {
        self.unreachable.take()
    }

    fn remaining(&self) -> Duration {
        self.limits.deadline.saturating_sub(self.begun.elapsed())
    }

    /// How long a call that begins now may take.
    fn patience(&self) -> Duration {
        self.limits.timeout.min(self.remaining())
    }

    /// A report for the built-in engine.
    pub(crate) async fn report(&mut self, report: ReportId, query: ReportQuery) -> Result<Report, OnecError> {
        let arguments = serde_json::to_value(&query).unwrap_or_default();
        match self
            .one(Request::Report(report, Box::new(query)), arguments)
            .await?
        {
            Found::Report(report) => {
                self.order.push(Place::Report(self.reports.len()));
                self.reports.push((*report).clone());
                Ok(*report)
            }
            _ => Err(OnecError::Malformed("not a report".into())),
        }
    }

    /// Names for the built-in engine.
    pub(crate) async fn find(&mut self, kind: SubjectKind, words: &str) -> Result<Vec<Match>, OnecError> {
        let arguments = json!({"kind": kind, "query": words});
        let request = Request::Search {
            kind,
            query: words.to_owned(),
            infobase: None,
        };
        match self.one(request, arguments).await? {
            Found::Matches(matches) => Ok(matches),
            _ => Err(OnecError::Malformed("not a list of names".into())),
        }
    }

    /// One call of the built-in engine.
    async fn one(&mut self, request: Request, arguments: Value) -> Result<Found, OnecError> {
        self.calls += 1;
        let arguments = match arguments {
            Value::Object(map) => Ok(map),
            other => Err(other.to_string()),
        };
        let ticket = self.log.begin(request.tool().name(), &arguments);
        let begun = Instant::now();
        let found = timed(&self.onec, &self.scope, self.patience(), request).await;
        match &found {
            Ok(found) => {
                let (rows, source) = match found {
                    Found::Report(report) => {
                        (Some(report.row_count), u32::try_from(self.order.len() + 1).ok())
                    }
                    Found::Matches(matches) => (Some(matches.len() as u64), None),
                    _ => (None, None),
                };
                let brought = Brought {
                    source,
                    rows,
                    shown: rows,
                };
                self.log.end(ticket, begun.elapsed(), brought);
            }
            Err(error) => self
                .log
                .fail(ticket, begun.elapsed(), Outcome::of(error), &told(error)),
        }
        found
    }

    /// Makes the calls of one turn of a model, several at a time, and answers each of them.
    pub(crate) async fn run(&mut self, calls: Vec<ToolCall>) -> Vec<ToolResult> {
        let mut prepared = Vec::with_capacity(calls.len());
        for call in calls {
            let ticket = self.log.begin(&call.name, &call.arguments);
            let request = self.admit(&call);
            prepared.push((call, ticket, request));
        }
        let (onec, scope, limits) = (self.onec.clone(), self.scope.clone(), self.limits);
        let (begun, deadline) = (self.begun, self.limits.deadline);
        let outcomes: Vec<_> = stream::iter(prepared)
            .map(|(call, ticket, request)| {
                let (onec, scope) = (&onec, &scope);
                async move {
                    let started = Instant::now();
                    let outcome = match request {
                        Ok(request) => {
                            let patience = limits.timeout.min(deadline.saturating_sub(begun.elapsed()));
                            Ok(timed(onec, scope, patience, request).await)
                        }
                        Err(refusal) => Err(refusal),
                    };
                    (call, ticket, started.elapsed(), outcome)
                }
            })
            .buffered(limits.parallel)
            .collect()
            .await;
        let mut results = Vec::with_capacity(outcomes.len());
        for (call, ticket, took, outcome) in outcomes {
            let kept = match outcome {
                Ok(Ok(found)) => self.keep(&call, found),
                Ok(Err(error)) => {
                    self.log.fail(ticket, took, Outcome::of(&error), &told(&error));
                    results.push(failed(call, self.explain(error)));
                    continue;
                }
                Err(Refusal::Denied(text)) => {
                    self.log.fail(ticket, took, Outcome::Denied, &text);
                    results.push(failed(call, text));
                    continue;
                }
                Err(Refusal::Refused(text)) => Err(text),
            };
            match kept {
                Ok((content, brought)) => {
                    self.log.end(ticket, took, brought);
                    results.push(ToolResult {
                        id: call.id,
                        content,
                        is_error: false,
                    });
                }
                Err(text) => {
                    self.log.fail(ticket, took, Outcome::Refused, &text);
                    results.push(failed(call, text));
                }
            }
        }
        results
    }

    /// Checks a call before anything is done.
    fn admit(&mut self, call: &ToolCall) -> Result<Request, Refusal> {
        let offered = || {
            let specs = self.specs();
            let names: Vec<&str> = specs.iter().map(|spec| &*spec.name).collect();
            names.join(", ")
        };
        let Some(tool) = Tool::from_name(&call.name) else {
            let text = format!("Инструмента «{}» нет. Есть: {}.", call.name, offered());
            return Err(text.into());
        };
        if !tool.is_open_to(self.scope.permissions) {
            metrics::tool_denied(tool.name());
            return Err(Refusal::Denied(format!(
                "Нет права {}: скажи пользователю, что его прав не хватает; не повторяй вызов.",
                tool.permission().as_str()
            )));
        }
        if self.is_reading_only && !tool.is_reading() {
            let text = format!("Инструмента «{}» здесь нет. Есть: {}.", call.name, offered());
            return Err(text.into());
        }
        if let Some(closed) = &self.closed {
            return Err(closed.clone().into());
        }
        if self.remaining().is_zero() {
            let text = "Время на запросы вышло. Ответь по тому, что уже известно, и скажи, чего не хватило.";
            return Err(text.to_owned().into());
        }
        if self.calls >= self.limits.calls {
            let text = format!(
                "Больше {} вызовов на один ответ нельзя. Ответь по тому, что уже известно, и скажи, чего не хватило.",
                self.limits.calls
            );
            self.closed = Some(text.clone());
            return Err(text.into());
        }
        let arguments = match &call.arguments {
            Ok(arguments) => arguments,
            Err(text) => {
                let text = format!("Аргументы — не объект JSON ({text}). Повтори вызов с объектом JSON.");
                return Err(text.into());
            }
        };
        let request = Request::parse(tool, arguments)?;
        let canonical = Value::Object(arguments.clone()).to_string();
        let digest: [u8; 32] = Sha256::digest(format!("{}\n{canonical}", call.name)).into();
        let times = self.seen.entry(digest).or_default();
        *times += 1;
        if *times > self.limits.repeats {
            let text = "Этот же вызов уже сделан, ответ будет тем же. Больше вызовов не будет: ответь по тому, что получено, и скажи, чего не хватило.".to_owned();
            self.closed = Some(text.clone());
            return Err(text.into());
        }
        self.calls += 1;
        Ok(request)
    }

    /// Keeps what a call brought and tells the model; `Err` is a refusal.
    fn keep(&mut self, call: &ToolCall, found: Found) -> Result<(String, Brought), String> {
        let number = self.order.len() + 1;
        let source = u32::try_from(number).ok();
        let counted = |rows: usize, shown: usize| Brought {
            source: None,
            rows: Some(rows as u64),
            shown: Some(shown as u64),
        };
        Ok(match found {
            Found::Report(report) => {
                let shown = shown::report(number, &report, self.limits);
                let brought = Brought {
                    source,
                    rows: Some(report.row_count),
                    shown: Some(shown.rows as u64),
                };
                self.order.push(Place::Report(self.reports.len()));
                self.reports.push(*report);
                (shown.content, brought)
            }
            Found::Rows(rows) => {
                let entity = rows.citations.first().map_or("", |citation| &citation.object);
                let shown = shown::rows(number, entity, &rows, self.limits);
                let brought = Brought {
                    source,
                    ..counted(rows.rows().len(), shown.rows)
                };
                self.facts.push(Facts {
                    sheet: rows.sheet(shown.rows),
                    totals: Vec::new(),
                });
                self.order.push(Place::Rows(self.rows.len()));
                self.rows.push(*rows);
                (shown.content, brought)
            }
            Found::Matches(matches) => {
                self.matches.extend(matches.iter().cloned());
                let brought = counted(matches.len(), matches.len());
                if matches.is_empty() {
                    let text = "Ничего похожего не найдено. Спроси пользователя точное название.";
                    (text.to_owned(), brought)
                } else {
                    (json!({ "matches": matches }).to_string(), brought)
                }
            }
            Found::Companies(companies) => {
                self.facts.push(Facts::of_companies(&companies));
                let shown = shown::list("companies", &companies, self.limits);
                (shown.content, counted(companies.len(), shown.rows))
            }
            Found::Entities(entities) => {
                // They are short, and a model has to find the right one.
                let limits = Limits {
                    rows: entities.len(),
                    ..self.limits
                };
                let shown = shown::list("entities", &entities, limits);
                (shown.content, counted(entities.len(), shown.rows))
            }
            Found::Entity(entity) => (entity.shown(PROPERTIES), Brought::default()),
            Found::Draft(draft) => {
                let content = draft.shown();
                self.drafts.push((call.id.clone(), *draft));
                (content, Brought::default())
            }
            Found::File(file) => {
                let content = file.shown();
                self.files.push(*file);
                (content, Brought::default())
            }
            Found::Refused(text) => return Err(text),
        })
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

fn failed(call: ToolCall, content: String) -> ToolResult {
    ToolResult {
        id: call.id,
        content,
        is_error: true,
    }
}

/// An error as it is kept: for people who look at what an answer rests on.
fn told(error: &OnecError) -> String {
    match error {
        OnecError::Refused { code, message, .. } => format!("{code}: {message}"),
        OnecError::Unreachable(_) | OnecError::Malformed(_) => error.to_string(),
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
        tokio::time::timeout(self.patience(), asked)
            .await
            .unwrap_or_else(|elapsed| Err(OnecError::Unreachable(elapsed.into())))
    }

    /// The companies that the caller sees, for the built-in engine.
    pub(crate) async fn companies(&self) -> Result<Vec<CompanyInfo>, OnecError> {
        let asked = self.onec.companies(&self.scope.token);
        tokio::time::timeout(self.patience(), asked)
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
    use common::auth::Permission;
    use secrecy::SecretString;

    use super::*;

    fn toolbox() -> Toolbox {
        let onec = {
            let nobody: url::Url = "http://127.0.0.1:9/".parse().unwrap();
            Onec::new(nobody.clone(), nobody, Duration::from_secs(1)).unwrap()
        };
        let scope = Scope {
            token: SecretString::from("token"),
            permissions: [Permission::OnecRead].into_iter().collect(),
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
            assert!(
                matches!(&refusal, Refusal::Refused(text) if text.contains(expected)),
                "{refusal:?}"
            );
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
        assert!(matches!(third, Err(Refusal::Refused(text)) if text.contains("уже сделан")));
        // That ends the use of tools.
        assert!(toolbox.is_closed());
        assert!(toolbox.admit(&call("get_stock", json!({}))).is_err());
    }

    #[test]
    fn tools_are_as_many_as_the_permissions_open() {
        let mut reader = toolbox();
        assert!(reader.specs().iter().all(|spec| spec.name != "draft_document"));
        let draft = json!({"entity": "Document_Счет", "values": {}});
        let denied = reader.admit(&call("draft_document", draft.clone()));
        assert!(matches!(denied, Err(Refusal::Denied(text)) if text.contains("onec:write")));
        let mut writer = toolbox();
        writer.scope.permissions = [Permission::OnecRead, Permission::OnecWrite]
            .into_iter()
            .collect();
        assert_eq!(writer.specs().len(), reader.specs().len() + 1);
        assert!(writer.admit(&call("draft_document", draft.clone())).is_ok());
        let mut letter = writer.reading_only();
        assert_eq!(letter.specs().len(), reader.specs().len());
        assert!(letter.admit(&call("draft_document", draft)).is_err());
        let mut nobody = toolbox();
        // Nobody drafts what they cannot read.
        nobody.scope.permissions = [Permission::OnecWrite].into_iter().collect();
        assert!(nobody.specs().is_empty());
        assert!(nobody.admit(&call("get_cash", json!({}))).is_err());
    }

    #[test]
    fn no_call_begins_after_the_deadline() {
        let mut toolbox = toolbox();
        toolbox.limits.deadline = Duration::ZERO;
        assert!(toolbox.is_closed());
        let late = toolbox.admit(&call("get_cash", json!({})));
        assert!(matches!(late, Err(Refusal::Refused(text)) if text.contains("Время")));
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
