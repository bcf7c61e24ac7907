//! An HTTP service of the base: `/demo/hs/assistant/{health,stock/<article>,echo}`.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::json;

use crate::base::Base;
use crate::server::authorized;

struct World {
    base: Arc<Base>,
    credentials: String,
}

/// The routes of the services of `base`; `credentials` are `user:password`.
pub(crate) fn router(base: Arc<Base>, credentials: String) -> Router {
    Router::new()
        .route("/demo/hs/{*path}", any(serve))
        .with_state(Arc::new(World { base, credentials }))
}

/// 401 as 1C gives it.
pub(crate) fn unauthorized() -> Response {
    let realm = [(header::WWW_AUTHENTICATE, "Basic realm=\"1C:Enterprise 8\"")];
    (StatusCode::UNAUTHORIZED, realm, "401 Unauthorized").into_response()
}

/// 404 as the platform gives it when there is no such service: a page of an exception.
pub(crate) fn not_found(what: &str, name: &str) -> Response {
    let name = quick_xml::escape::escape(name);
    let page = format!(
        "<html><head><title>1C:Enterprise 8 application error</title></head><body><h1>Ошибка HTTP 404</h1>\
         <p>{what}: {name}</p></body></html>"
    );
    let content_type = [(header::CONTENT_TYPE, "text/html;charset=utf-8")];
    (StatusCode::NOT_FOUND, content_type, page).into_response()
}

fn answered(status: StatusCode, body: &serde_json::Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        // Nobody behind a gateway should see it.
        (header::SET_COOKIE, "ibsession=demo; Path=/demo/hs; HttpOnly"),
    ];
    (status, headers, Body::from(body.to_string())).into_response()
}

async fn serve(
    State(world): State<Arc<World>>,
    Path(path): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !authorized(&headers, &world.credentials) {
        return unauthorized();
    }
    let segments: Vec<&str> = path.split('/').collect();
    match (method, segments.as_slice()) {
        (Method::GET, ["assistant", "health"]) => answered(StatusCode::OK, &json!({"status": "ok"})),
        (Method::GET, ["assistant", "stock", article]) => stock(&world.base, article),
        (Method::GET, ["assistant", "broken"]) => {
            let page = "<html><head><title>1C:Enterprise 8 application error</title></head><body><p>Ошибка выполнения модуля</p></body></html>";
            let content_type = [(header::CONTENT_TYPE, "text/html;charset=utf-8")];
            (StatusCode::INTERNAL_SERVER_ERROR, content_type, page).into_response()
        }
        (method, ["assistant", "echo"]) => {
            let named = headers.iter().map(|(name, value)| {
                let value = value.to_str().unwrap_or_default();
                let value = if name == header::AUTHORIZATION {
                    "(hidden)"
                } else {
                    value
                };
                (name.as_str().to_owned(), json!(value))
            });
            let told = json!({
                "method": method.as_str(),
                "query": uri.query(),
                "headers": named.collect::<serde_json::Map<_, _>>(),
                "body": String::from_utf8_lossy(&body),
            });
            answered(StatusCode::OK, &told)
        }
        (_, ["assistant", ..]) => answered(StatusCode::NOT_FOUND, &json!({"error": "Метод не найден"})),
        (_, segments) => not_found("HTTP-сервис не найден", segments.first().unwrap_or(&"")),
    }
}

fn stock(base: &Base, article: &str) -> Response {
    let found = base
        .items
        .iter()
        .position(|item| item.article == article && !article.is_empty());
    let Some((at, item)) = found.and_then(|at| Some((u32::try_from(at).ok()?, base.items.get(at)?))) else {
        return answered(
            StatusCode::NOT_FOUND,
            &json!({"error": "Номенклатура не найдена"}),
        );
    };
    let rows = base.stock.rows.iter().filter(|row| row.item == at);
    let quantity: i64 = rows
        .map(|row| i64::from(row.quantity) * if row.receipt { 1 } else { -1 })
        .sum();
    answered(
        StatusCode::OK,
        &json!({"article": item.article, "name": item.name, "quantity": quantity}),
    )
}
