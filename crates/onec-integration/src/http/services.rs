//! What all calls of services of 1C have in common, and `/hs`: HTTP services passed through.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use common::Text;
use common::auth::{Companies, Identity};
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{ClientIp, FieldError, Problem};
use http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};
use std::time::Instant;
use uuid::Uuid;

use super::{Caller, audit_as};
use crate::error::Error;
use crate::hs::{self, Exception, PathError};
use crate::infobase::{Connection, InfobaseError};
use crate::metrics::REQUEST_DURATION;
use crate::odata::OdataError;
use crate::reports::choose_infobase;
use crate::state::AppState;
use crate::store::infobases::Infobase;

/// The query parameter of `/hs` that is ours.
const INFOBASE: &str = "infobase_id";

/// The infobase that a caller wants to call services of. They run with all rights of the integration
/// user and cannot be limited to companies, so only those who may see every company may call them.
pub(super) async fn reach(
    state: &AppState,
    identity: &Identity,
    infobase: Option<Uuid>,
    pointer: &str,
) -> Result<(Infobase, Arc<Connection>), Problem> {
    if identity.companies != Companies::All {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "onec.services_need_all_companies",
            Text::new(
                "Сервисы 1С доступны только с доступом ко всем организациям",
                "Services of 1C need access to all companies",
            ),
        )
        .detail(Text::new(
            "Сервисы 1С работают с правами пользователя интеграции, и ограничить их вашими организациями нельзя. \
             Попросите администратора выдать доступ ко всем организациям.",
            "Services of 1C run with the rights of the integration user and cannot be limited to your companies. \
             Ask an administrator for access to all companies.",
        )));
    }
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let infobase = choose_infobase(&mut connection, identity, infobase, pointer).await?;
    drop(connection);
    let connection = state.connections.of(&infobase).await.map_err(Error::from)?;
    Ok((infobase, connection))
}

/// Records that a service was called: which one and how it ended, never what was said.
pub(super) async fn record(
    state: &AppState,
    caller: &Caller<'_>,
    infobase: Uuid,
    action: &str,
    called: Value,
    failure: Option<&str>,
) -> Result<(), Problem> {
    let outcome = match failure {
        Some(_) => Outcome::Failure,
        None => Outcome::Success,
    };
    let mut details = called;
    if let (Some(details), Some(code)) = (details.as_object_mut(), failure) {
        details.insert("error".to_owned(), code.into());
    }
    let mut transaction = state.pool.begin().await.store("begin")?;
    let target = format!("infobase:{infobase}");
    audit_as(
        &mut transaction,
        state,
        caller,
        (action, outcome),
        target,
        details,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(())
}

/// Passes a request on to an HTTP service of the configuration.
pub(crate) async fn pass(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (query, wanted) = hs::split_query(uri.query().unwrap_or_default(), INFOBASE);
    let wanted = match wanted.map(|id| id.parse::<Uuid>()).transpose() {
        Ok(wanted) => wanted,
        Err(_) => {
            return Err(Problem::validation(vec![FieldError {
                pointer: format!("?{INFOBASE}"),
                detail: Text::new("Нужен идентификатор базы.", "The id of an infobase is needed."),
            }]));
        }
    };
    let path = uri.path().strip_prefix("/hs/").unwrap_or_default();
    let segments = hs::segments(path).map_err(refused)?;
    let pointer = format!("?{INFOBASE}");
    let (infobase, connection) = reach(&state, &identity, wanted, &pointer).await?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    // The rest of the path may hold names and numbers of objects.
    let service: String = segments.iter().take(1).cloned().collect();
    let called = json!({"method": method.as_str(), "service": service});
    if !hs::is_allowed(&segments, &infobase.http_services) {
        let refusal = "onec.http_path_not_allowed";
        record(
            &state,
            &caller,
            infobase.id,
            "http_services.called",
            called,
            Some(refusal),
        )
        .await?;
        return Err(refused(PathError::NotAllowed));
    }
    let body = axum::body::to_bytes(body, hs::LARGEST_REQUEST)
        .await
        .map_err(|_| too_large())?;
    // The answer to HEAD is that to GET without its body, which our server leaves out.
    let method = if method == Method::HEAD {
        Method::GET
    } else {
        method
    };
    let transport = &connection.transport;
    let address = hs::address(transport.http(), &segments, query.as_deref());
    let mut request = transport.request(method, address.as_str());
    for name in hs::FORWARDED {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    if !body.is_empty() {
        request = request.body(body);
    }
    let started = Instant::now();
    let answered = send(transport, request).await;
    let failure = match &answered {
        Ok(_) => None,
        Err(Exception::NotFound) => Some("onec.http_service_not_found"),
        Err(Exception::Platform(error)) => Some(error.code()),
    };
    metrics::histogram!(REQUEST_DURATION, "operation" => "http_service", "outcome" => failure.unwrap_or("ok"))
        .record(started.elapsed().as_secs_f64());
    record(
        &state,
        &caller,
        infobase.id,
        "http_services.called",
        called,
        failure,
    )
    .await?;
    answered.map_err(|exception| match exception {
        Exception::NotFound => Problem::new(
            StatusCode::NOT_FOUND,
            "onec.http_service_not_found",
            Text::new(
                "Такой HTTP-сервис не опубликован",
                "There is no such HTTP service",
            ),
        ),
        Exception::Platform(error) => Error::from(InfobaseError::from(error)).into(),
    })
}

async fn send(
    transport: &crate::transport::Transport,
    request: reqwest::RequestBuilder,
) -> Result<Response, Exception> {
    let answer = transport.send(request).await.map_err(Exception::Platform)?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer
        .bytes(hs::LARGEST_ANSWER)
        .await
        .map_err(Exception::Platform)?;
    if let Some(exception) = hs::exception(status, &headers, &body) {
        return Err(exception);
    }
    if status.is_informational() {
        return Err(Exception::Platform(OdataError::NotOdata));
    }
    let mut kept = hs::returned(&headers);
    // A page of 1C must not act in the name of our own.
    kept.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    kept.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok((status, kept, body).into_response())
}

fn refused(error: PathError) -> Problem {
    match error {
        PathError::Suspicious => Problem::bad_request(Text::new(
            "В пути есть части, которые не передаются в 1С: «..», пустые или с закодированной косой чертой.",
            "The path has parts that are not passed on to 1C: `..`, empty ones or encoded slashes.",
        )),
        PathError::NotAllowed => Problem::new(
            StatusCode::FORBIDDEN,
            "onec.http_path_not_allowed",
            Text::new("Этот HTTP-сервис не разрешён", "This HTTP service is not allowed"),
        )
        .detail(Text::new(
            "Администратор разрешает пути в настройках информационной базы (http_services).",
            "An administrator allows paths in the settings of the infobase (http_services).",
        )),
    }
}

/// 413, as for every body that is too large.
pub(super) fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "request.too_large",
        Text::new("Слишком большой запрос", "Request too large"),
    )
}
