//! An infobase that people work in.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use chrono::DateTime;
use common::clock::Clock;
use common::testing::TestServer;
use onec_demo::truth::{self, Scope};
use onec_demo::{Base, ServerOptions};
use serde_json::Value;
use tower::ServiceExt;
use uuid::Uuid;

use crate::setup::{Service, Setup, base, day, grown};

/// What somebody did in the base since it was first read.
#[derive(Clone, Default)]
pub(crate) struct Edits {
    /// A document that was unposted.
    pub(crate) unposted: Option<Uuid>,
    /// A document that was removed.
    pub(crate) removed: Option<Uuid>,
    /// A document that was moved to a date before all that is read again.
    pub(crate) moved: Option<Uuid>,
    /// A counterparty that was renamed, and how.
    pub(crate) renamed: Option<(Uuid, String)>,
    /// An object with a value of the wrong type.
    pub(crate) malformed: Option<Uuid>,
    /// A document that 1C fails on whenever it is in an answer whole.
    pub(crate) poisonous: Option<Uuid>,
}

const LONG_AGO: &str = "2024-11-05T12:00:00";

impl Edits {
    /// True when the row is still there for a query; changes it as it was changed.
    fn apply(&self, path: &str, query: &str, row: &mut Value) -> bool {
        let is = |row: &Value, field: &str, id: Option<Uuid>| {
            id.is_some_and(|id| row[field].as_str() == Some(id.to_string().as_str()))
        };
        if path.contains("AccountingRegister_") {
            let by_recorder = query.contains("Recorder eq");
            if is(row, "Recorder", self.moved) {
                row["Period"] = LONG_AGO.into();
                return by_recorder;
            }
            return !is(row, "Recorder", self.unposted) && !is(row, "Recorder", self.removed);
        }
        if is(row, "Ref_Key", self.moved) && path.contains("Document_") {
            row["Date"] = LONG_AGO.into();
            return query.contains("Ref_Key eq");
        }
        if is(row, "Ref_Key", self.malformed) && row.get("DeletionMark").is_some() {
            row["DeletionMark"] = "oops".into();
        }
        if is(row, "Ref_Key", self.unposted) {
            row["Posted"] = false.into();
        }
        if let Some((id, name)) = &self.renamed
            && is(row, "Ref_Key", Some(*id))
        {
            row["DataVersion"] = "AAAAAAAETag=".into();
            if row.get("Description").is_some() {
                row["Description"] = name.as_str().into();
            }
        }
        !is(row, "Ref_Key", self.removed)
    }
}

/// A demo server whose base can be exchanged and edited.
pub(crate) struct Living {
    pub(crate) server: TestServer,
    state: Arc<Mutex<(Router, Edits)>>,
}

impl Living {
    pub(crate) async fn start(base: Arc<Base>) -> Self {
        let router = onec_demo::router(base, ServerOptions::default());
        let state = Arc::new(Mutex::new((router, Edits::default())));
        let shared = state.clone();
        let serve = Router::new().fallback(move |request: Request| {
            let (router, edits) = shared.lock().unwrap().clone();
            answer(router, edits, request)
        });
        Self {
            server: TestServer::serve(serve).await,
            state,
        }
    }

    fn exchange(&self, base: Arc<Base>) {
        self.state.lock().unwrap().0 = onec_demo::router(base, ServerOptions::default());
    }

    pub(crate) fn edit(&self, edits: Edits) {
        self.state.lock().unwrap().1 = edits;
    }
}

async fn answer(router: Router, edits: Edits, request: Request) -> Response {
    let decode = |text: &str| -> String {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let path = decode(request.uri().path());
    let query = decode(request.uri().query().unwrap_or_default());
    let response = router.oneshot(request).await.into_response();
    let is_json = response
        .headers()
        .get("content-type")
        .is_some_and(|value| value.to_str().unwrap().starts_with("application/json"));
    if !is_json {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    parts.headers.remove("content-length");
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let Ok(mut body) = serde_json::from_slice::<Value>(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes))
    else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    let is_poison = |row: &Value| {
        row.get("Number").is_some()
            && edits
                .poisonous
                .is_some_and(|id| row["Ref_Key"] == id.to_string().as_str())
    };
    if let Some(rows) = body["value"].as_array_mut() {
        if rows.iter().any(is_poison) {
            return axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        rows.retain_mut(|row| edits.apply(&path, &query, row));
    }
    Response::from_parts(parts, Body::from(body.to_string()))
}

/// A service that was synchronised on the first of April 2025.
pub(crate) async fn service(living: &Living) -> Service {
    let mut setup = Setup::new(Some(&living.server.url())).await;
    setup.clock = Clock::fixed(
        DateTime::parse_from_rfc3339("2025-04-01T09:00:00Z")
            .unwrap()
            .to_utc(),
    );
    let service = setup.start().await;
    let job = service.job_end().await;
    assert_eq!(job["state"], "succeeded", "{job}");
    service
}

pub(crate) async fn report(service: &Service, path: &str) -> Value {
    service
        .admin()
        .get(&format!("/reports/{path}&limit=1000"))
        .await
        .json()
}

/// What tells one state of the mirror from another.
async fn data_version(service: &Service) -> String {
    let infobases: Value = service.admin().get("/infobases").await.json();
    infobases["items"][0]["data_version"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn new_documents_are_seen() {
    let living = Living::start(base()).await;
    let service = service(&living).await;
    let later = grown("2025-04-08");
    living.exchange(later.clone());
    let before = report(&service, "receivables?date=2025-04-07").await;
    let version = data_version(&service).await;
    service.context.clock.advance(chrono::TimeDelta::days(7));
    let job = service.synchronise(false).await;
    assert_eq!(job["full"], false);
    let after = report(&service, "receivables?date=2025-04-07").await;
    assert_ne!(before["totals"], after["totals"]);
    assert!(
        after["as_of"].as_str() > before["as_of"].as_str(),
        "{}",
        after["as_of"]
    );
    let truth = truth::receivables(&later, Scope::ALL, day("2025-04-07"));
    for (name, total) in &truth.totals {
        assert_eq!(&after["totals"][name], total, "{name}");
    }
    let truth = truth::trial_balance(&later, Scope::ALL, day("2025-04-01"), day("2025-04-07"), "");
    let balance = report(&service, "trial_balance?from=2025-04-01&to=2025-04-07").await;
    assert_eq!(balance["totals"], Value::Object(truth.totals));
    let changed = data_version(&service).await;
    assert_ne!(changed, version);
    // A second look finds nothing to write.
    let job = service.synchronise(false).await;
    assert_eq!(job["rows"], 0, "{job}");
    assert_eq!(data_version(&service).await, changed);
}

/// A posted sale of the last weeks: reference, number and amount.
async fn sale(service: &Service, offset: i64) -> (Uuid, String, rust_decimal::Decimal) {
    sqlx::query_as(
        "select ref, number, amount from onec.documents
         where entity = 'sale' and posted and not deleted and date < '2025-03-25' order by date desc offset $1 limit 1",
    )
    .bind(offset)
    .fetch_one(&service.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn unposted_removed_moved_and_renamed_objects_are_seen() {
    let living = Living::start(base()).await;
    let service = service(&living).await;
    let sales = "sales?from=2025-03-01&to=2025-03-31&group_by=month";
    let before = report(&service, sales).await;
    let (unposted, removed, moved) = (
        sale(&service, 0).await,
        sale(&service, 1).await,
        sale(&service, 2).await,
    );
    let name = report(&service, "receivables?date=2025-03-31").await["rows"][0]["counterparty"].clone();
    let renamed: Uuid = sqlx::query_scalar("select ref from onec.counterparties where name = $1")
        .bind(name.as_str())
        .fetch_one(&service.pool)
        .await
        .unwrap();
    living.edit(Edits {
        unposted: Some(unposted.0),
        removed: Some(removed.0),
        moved: Some(moved.0),
        renamed: Some((renamed, "Совсем другое имя".to_owned())),
        ..Edits::default()
    });
    service.synchronise(false).await;

    let decimal = |report: &Value| -> rust_decimal::Decimal {
        report["totals"]["revenue"].as_str().unwrap().parse().unwrap()
    };
    let after = report(&service, sales).await;
    assert_eq!(
        decimal(&before) - decimal(&after),
        unposted.2 + removed.2 + moved.2
    );
    let november = report(&service, "sales?from=2024-11-05&to=2024-11-05&group_by=day").await;
    let truth = truth::sales(
        &base(),
        Scope::ALL,
        day("2024-11-05"),
        day("2024-11-05"),
        truth::By::Day,
    );
    let truth: rust_decimal::Decimal = truth.total("revenue").parse().unwrap();
    assert_eq!(decimal(&november) - truth, moved.2);
    let entries = async |document: Uuid| -> (i64, Option<chrono::NaiveDateTime>) {
        sqlx::query_as("select count(*), max(period) from onec.ledger_entries where recorder = $1")
            .bind(document)
            .fetch_one(&service.pool)
            .await
            .unwrap()
    };
    assert_eq!(entries(unposted.0).await.0, 0);
    assert_eq!(entries(removed.0).await.0, 0);
    let (count, period) = entries(moved.0).await;
    assert!(count > 0);
    assert_eq!(period, Some(LONG_AGO.parse().unwrap()));
    let listed = report(
        &service,
        &format!(
            "documents?unposted=true&number={}",
            crate::reports::encode(&unposted.1)
        ),
    )
    .await;
    assert_eq!(listed["row_count"], 1);
    let debts = report(&service, "receivables?date=2025-03-31").await;
    assert!(
        debts["rows"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["counterparty"] == "Совсем другое имя")
    );

    // A full reading comes to the same.
    let totals = report(&service, "trial_balance?from=2025-01-01&to=2025-03-31").await;
    living.edit(Edits::default());
    service.synchronise(true).await;
    let restored = report(&service, sales).await;
    assert_eq!(restored["totals"], before["totals"]);
    let truth = truth::trial_balance(&base(), Scope::ALL, day("2025-01-01"), day("2025-03-31"), "");
    let balance = report(&service, "trial_balance?from=2025-01-01&to=2025-03-31").await;
    assert_eq!(balance["totals"], Value::Object(truth.totals));
    assert_ne!(balance["totals"], totals["totals"]);
}
