//! Generic access and drafts of the stand-in for onec-integration.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::onec::{BOOKS, Onec, debts, problem};

/// A set of documents.
pub(crate) const INVOICES: &str = "Document_Счет";
/// The digest of every draft.
pub(crate) const DIGEST: &str = "d1e5d1e5d1e5";

pub(crate) fn router() -> Router<Onec> {
    Router::new()
        .route("/entities", get(entities))
        .route("/entities/{name}", get(entity))
        .route("/entities/{name}/rows", get(rows))
        .route("/documents/drafts", post(draft))
        .route("/reports/generate", post(report_file))
}

async fn entities(State(onec): State<Onec>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    onec.note(format!("/entities?{}", query.unwrap_or_default()), &headers);
    let items: Vec<Value> = (0..120)
        .map(|number| json!({"name": format!("Catalog_{number}"), "kind": "Catalog", "owner": null, "properties": 5}))
        .collect();
    axum::Json(json!({ "items": items })).into_response()
}

async fn entity(
    State(onec): State<Onec>,
    headers: HeaderMap,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    onec.note(
        format!("/entities/{name}?{}", query.unwrap_or_default()),
        &headers,
    );
    if let Some(response) = onec.trouble().await {
        return response;
    }
    if name != INVOICES {
        return problem(404, "onec.entity_not_found", "Такого набора нет");
    }
    axum::Json(json!({
        "infobase_id": BOOKS, "name": name, "kind": "Document", "owner": null,
        "properties": [
            {"name": "Ref_Key", "type": "Edm.Guid", "nullable": false, "is_key": true, "is_composite": false},
            {"name": "Number", "type": "Edm.String", "nullable": true, "is_key": false, "is_composite": false},
            {"name": "Date", "type": "Edm.DateTime", "nullable": true, "is_key": false, "is_composite": false},
            {"name": "СуммаДокумента", "type": "Edm.Double", "nullable": true, "is_key": false, "is_composite": false},
            {"name": "Контрагент_Key", "type": "Edm.Guid", "nullable": true, "is_key": false, "is_composite": false,
             "target": "Catalog_Контрагенты", "navigation": "Контрагент"},
        ],
        "parts": [], "functions": [],
    }))
    .into_response()
}

async fn rows(
    State(onec): State<Onec>,
    headers: HeaderMap,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    onec.note(format!("/entities/{name}/rows?{query}"), &headers);
    if let Some(response) = onec.trouble().await {
        return response;
    }
    let own = onec.companies_of(&headers);
    let asked = url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == "company")
        .map(|(_, company)| company.into_owned());
    if let (Some(own), Some(asked)) = (&own, &asked)
        && !own.contains(asked)
    {
        return problem(404, "onec.company_not_found", "Организация не найдена");
    }
    let rows: Vec<Value> = debts()
        .into_iter()
        .filter(|(id, ..)| {
            let id = id.to_string();
            own.as_ref().is_none_or(|own| own.contains(&id)) && asked.as_ref().is_none_or(|asked| *asked == id)
        })
        .map(|(_, name, debt)| json!({"Number": "0001", "Date": "2026-10-05T00:00:00", "СуммаДокумента": debt, "Контрагент____Presentation": name}))
        .collect();
    axum::Json(json!({
        "columns": [
            {"name": "Number", "type": "Edm.String"}, {"name": "Date", "type": "Edm.DateTime"},
            {"name": "СуммаДокумента", "type": "Edm.Double"},
        ],
        "rows": rows, "partial": false, "as_of": "2026-11-24T10:00:00Z", "source": "live", "next_cursor": "more",
        "citations": [{"infobase_id": BOOKS, "infobase": "Демо", "object": name, "filter": {}, "as_of": "2026-11-24T10:00:00Z", "source": "live"}],
    }))
    .into_response()
}

/// As analytics does.
async fn report_file(
    State(onec): State<Onec>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response {
    onec.note(format!("/reports/generate {body}"), &headers);
    if let Some(response) = onec.trouble().await {
        return response;
    }
    let id = Uuid::from_u128(91);
    let told = json!({"job_id": id, "status_url": format!("/api/analytics/reports/jobs/{id}")});
    (StatusCode::ACCEPTED, axum::Json(told)).into_response()
}

async fn draft(
    State(onec): State<Onec>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response {
    onec.note("/documents/drafts".to_owned(), &headers);
    if let Some(response) = onec.trouble().await {
        return response;
    }
    let own = onec.companies_of(&headers);
    let company = body["company_id"].as_str();
    if let (Some(own), Some(company)) = (&own, company)
        && !own.iter().any(|id| id == company)
    {
        return problem(404, "onec.company_not_found", "Организация не найдена");
    }
    onec.keep_draft(body.clone());
    let told = json!({
        "id": Uuid::from_u128(77), "infobase_id": BOOKS, "entity": body["entity"], "ref": Uuid::from_u128(78), "is_new": true,
        "name": "", "post": body["post"], "state": "pending", "values": body["values"], "differences": [],
        "warnings": ["Не указан договор."], "digest": DIGEST, "created_at": "2026-11-24T10:00:00Z",
        "expires_at": "2026-11-24T10:30:00Z",
    });
    (StatusCode::CREATED, axum::Json(told)).into_response()
}
