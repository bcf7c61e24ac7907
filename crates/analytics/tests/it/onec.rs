//! A stand-in for onec-integration, which can be made to fail.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use chrono::{DateTime, Utc};
use common::Text;
use common::auth::Permission;
use common::contract::onec::{DataSource, GroupBy, Report, ReportId, ReportQuery};
use common::http::routes::{Access, Routes};
use common::http::{Json, Path, Problem, Query};
use common::service::{App, Definition};
use common::testing::{Issuer, TestServer};
use http::StatusCode;
use serde_json::{Value, json};

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// There are more rows than it gives in pieces.
    TooMany,
    /// So many rows, in pieces.
    Many(u32),
    /// As many, and each piece is of another state of the data.
    Changing(u32),
    /// A name that no font has the letters of.
    Unprintable,
    /// 1C is away.
    InfobaseAway,
    /// Something answers that is not it.
    Garbage,
}

#[derive(Clone)]
struct Shared {
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Mutex<Vec<(String, ReportQuery)>>>,
}

pub(crate) struct StandIn {
    server: TestServer,
    shared: Shared,
}

impl StandIn {
    pub(crate) async fn start(issuer: &Issuer) -> Self {
        let shared = Shared {
            mood: Arc::new(Mutex::new(Mood::Well)),
            asked: Arc::default(),
        };
        let read = Access::Permission(Permission::OnecRead);
        let router = Routes::new()
            .get("/reports", read, catalogue)
            .get("/reports/{id}", read, report)
            .build(shared.clone(), issuer.authenticator());
        let definition = Definition {
            name: "onec-integration",
            port: 0,
            version: "9.9.9",
            schema: None,
        };
        let app = App {
            router,
            checks: Vec::new(),
        };
        Self {
            server: TestServer::start(definition, app).await,
            shared,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    /// The reports that were asked for, with their parameters.
    pub(crate) fn asked(&self) -> Vec<(String, ReportQuery)> {
        self.shared.asked.lock().unwrap().clone()
    }
}

async fn report(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Query(query): Query<ReportQuery>,
) -> Result<Json<Value>, Problem> {
    shared.asked.lock().unwrap().push((id.clone(), query.clone()));
    let mood = *shared.mood.lock().unwrap();
    match mood {
        Mood::Garbage => return Ok(Json(json!({"hello": "world"}))),
        Mood::InfobaseAway => {
            return Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "onec.infobase_unreachable",
                Text::new("База 1С не отвечает", "The 1C base does not answer"),
            )
            .retry_after(30));
        }
        Mood::Well | Mood::TooMany | Mood::Many(_) | Mood::Changing(_) | Mood::Unprintable => {}
    }
    let report = ReportId::from_name(&id).ok_or_else(Problem::not_found)?;
    let asked = query.clone();
    let mut report = computed(report, query);
    match mood {
        Mood::TooMany => {
            report.row_count = 60_000;
            report.truncated = true;
        }
        Mood::Many(rows) => piece(&mut report, &asked, rows),
        Mood::Changing(rows) => {
            piece(&mut report, &asked, rows);
            report.as_of = common::clock::Clock::system().now();
        }
        Mood::Unprintable => report.rows[0]["counterparty"] = json!("株式会社"),
        Mood::Well | Mood::Garbage | Mood::InfobaseAway => {}
    }
    Ok(Json(serde_json::to_value(report).unwrap()))
}

/// One piece of many rows: the debt of each is its number.
fn piece(report: &mut Report, query: &ReportQuery, rows: u32) {
    let from: u32 = query
        .cursor
        .as_deref()
        .map_or(0, |cursor| cursor.parse().unwrap());
    let until = rows.min(from + query.limit.unwrap_or(50));
    let row = |number: u32| {
        json!({"counterparty": format!("Покупатель № {number}"), "debt": format!("{number}.10"),
            "overdue": "0.00", "due_date": "2026-12-01"})
        .as_object()
        .unwrap()
        .clone()
    };
    report.rows = (from..until).map(row).collect();
    report.row_count = u64::from(rows);
    report.truncated = report.rows.len() < rows as usize;
    report.next_cursor = (until < rows).then(|| until.to_string());
    let sum = u64::from(rows) * u64::from(rows - 1) / 2;
    let tenths = u64::from(rows);
    let total = format!("{}.{}0", sum + tenths / 10, tenths % 10);
    report.totals = json!({"debt": total, "overdue": "0.00"})
        .as_object()
        .unwrap()
        .clone();
}

async fn catalogue() -> Json<Value> {
    Json(
        json!({"items": [{"id": "receivables", "title": "Задолженность покупателей", "description": "Кто должен",
        "parameters": [
            {"name": "overdue", "title": "Только просроченные", "kind": "boolean", "required": false},
            {"name": "limit", "title": "Строк", "kind": "integer", "required": false},
        ],
        "columns": [], "live": true}]}),
    )
}

pub(crate) fn as_of() -> DateTime<Utc> {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn computed(report: ReportId, parameters: ReportQuery) -> Report {
    let (columns, rows, totals) = match report {
        ReportId::Receivables => (
            json!([
                {"key": "counterparty_id", "title": "Ид", "kind": "id"},
                {"key": "counterparty", "title": "Контрагент", "kind": "text"},
                {"key": "debt", "title": "Долг", "kind": "money"},
                {"key": "overdue", "title": "Просрочено", "kind": "money"},
                {"key": "due_date", "title": "Срок", "kind": "date"},
            ]),
            json!([
                {"counterparty_id": "0198f000-0000-7000-8000-000000000001", "counterparty": "ООО «Ромашка»",
                 "debt": "1500000.50", "overdue": "0.00", "due_date": "2026-12-01"},
                {"counterparty_id": "0198f000-0000-7000-8000-000000000002", "counterparty": "=HYPERLINK(\"http://x\")",
                 "debt": "-10.00", "overdue": "10.00", "due_date": null},
            ]),
            json!({"debt": "1499990.50", "overdue": "10.00"}),
        ),
        ReportId::Cash => (
            json!([{"key": "account", "title": "Счёт", "kind": "text"}, {"key": "balance", "title": "Остаток", "kind": "money"}]),
            json!([{"account": "Расчётный", "balance": "77.00"}]),
            json!({"balance": "77.00"}),
        ),
        _ => (
            json!([{"key": "key", "title": "Ключ", "kind": "text"}, {"key": "revenue", "title": "Выручка", "kind": "money"}]),
            json!([{"key": first_key(&parameters), "revenue": "100.00"}]),
            json!({"revenue": "100.00", "gross_profit": "40.00", "cost": "60.00"}),
        ),
    };
    let rows: Vec<_> = serde_json::from_value(rows).unwrap();
    Report {
        report,
        title: "Отчёт".to_owned(),
        parameters,
        currency: "RUB".to_owned(),
        columns: serde_json::from_value(columns).unwrap(),
        row_count: rows.len() as u64,
        rows,
        totals: serde_json::from_value(totals).unwrap(),
        next_cursor: None,
        truncated: false,
        as_of: as_of(),
        source: DataSource::Mirror,
        onec_reachable: true,
        citations: Vec::new(),
    }
}

/// What the only row is of: the first day of the period, or everything.
fn first_key(parameters: &ReportQuery) -> String {
    match (parameters.group_by, parameters.from) {
        (Some(GroupBy::Day), Some(day)) => day.to_string(),
        _ => "всё".to_owned(),
    }
}
