//! Errors as clients see them: `application/problem+json` (RFC 9457).

use std::error::Error;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::telemetry::{Chain, RequestContext};
use crate::{BoxError, Locale, Text};

/// An error on its way to a client. Nothing of its cause is shown; the cause is logged once, when
/// the response is made.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    code: &'static str,
    title: Text,
    detail: Option<Text>,
    errors: Vec<FieldError>,
    retry_after_seconds: Option<u64>,
    challenge: &'static str,
    source: Option<BoxError>,
    extensions: serde_json::Map<String, serde_json::Value>,
}

/// One wrong member of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body, or `?name` for a query parameter.
    pub pointer: String,
    /// What is wrong.
    pub detail: Text,
}

#[derive(Serialize)]
struct FieldErrorBody<'a> {
    pointer: &'a str,
    detail: &'a str,
}

impl Problem {
    /// A problem with a stable `code`, such as `onec.infobase_unreachable`, and a title that is
    /// the same for every occurrence of the code.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, title: Text) -> Self {
        Self(Box::new(Inner {
            status,
            code,
            title,
            detail: None,
            errors: Vec::new(),
            retry_after_seconds: None,
            challenge: "Bearer",
            source: None,
            extensions: serde_json::Map::new(),
        }))
    }

    /// What is particular to this occurrence.
    #[must_use]
    pub fn detail(mut self, detail: Text) -> Self {
        self.0.detail = Some(detail);
        self
    }

    /// The members of the request that are wrong.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// When it is worth trying again; sent as `Retry-After` too.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_seconds = Some(seconds.max(1));
        self
    }

    /// What `WWW-Authenticate` says with a 401, instead of `Bearer` alone.
    #[must_use]
    pub fn challenge(mut self, challenge: &'static str) -> Self {
        self.0.challenge = challenge;
        self
    }

    /// The cause, for the log only.
    #[must_use]
    pub fn source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// A member of the answer beside the standard ones (RFC 9457, section 3.2).
    #[must_use]
    pub fn extension(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.0.extensions.insert(name.to_owned(), value.into());
        self
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// 400 with `request.invalid`.
    #[must_use]
    pub fn bad_request(detail: Text) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "request.invalid",
            Text::new("Неверный запрос", "Bad request"),
        )
        .detail(detail)
    }

    /// 401 with `auth.token_required`: there is no token.
    #[must_use]
    pub fn token_required() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "auth.token_required",
            Text::new("Требуется вход", "Authentication required"),
        )
        .detail(Text::new(
            "Передайте токен доступа в заголовке Authorization: Bearer.",
            "Send an access token in the header Authorization: Bearer.",
        ))
    }

    /// 403 with `auth.permission_denied`.
    #[must_use]
    pub fn permission_denied(permission: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "auth.permission_denied",
            Text::new("Недостаточно прав", "Permission denied"),
        )
        .detail(Text::new(
            format!("Нужно право «{permission}». Его выдаёт администратор."),
            format!("The permission `{permission}` is needed; an administrator grants it."),
        ))
    }

    /// 404 with `request.not_found`; also where existence must not leak.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "request.not_found",
            Text::new("Не найдено", "Not found"),
        )
    }

    /// 412 with `request.version_mismatch` (RFC 9110, section 13.1.1).
    #[must_use]
    pub fn version_mismatch() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "request.version_mismatch",
            Text::new("Данные уже изменились", "The data has changed meanwhile"),
        )
        .detail(Text::new(
            "Прочитайте данные заново и повторите изменение с новым ETag в If-Match.",
            "Read the data again and repeat the change with the new ETag in If-Match.",
        ))
    }

    /// 503 with `dependency.unavailable`.
    #[must_use]
    pub fn unavailable(dependency: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "dependency.unavailable",
            Text::new("Сервис временно недоступен", "Service temporarily unavailable"),
        )
        .detail(Text::new(
            format!("Не отвечает: {dependency}."),
            format!("Not answering: {dependency}."),
        ))
        .retry_after(2)
    }

    /// 500 with `internal`. The cause is logged and never shown.
    #[must_use]
    pub fn internal(source: impl Into<BoxError>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            Text::new("Внутренняя ошибка", "Internal error"),
        )
        .detail(Text::new(
            "Ошибка записана в журнал; сообщите администратору идентификатор запроса.",
            "The error has been logged; tell the administrator the request id.",
        ))
        .source(source)
    }

    /// The problem as JSON, for places that are not a response, such as an event of a stream.
    #[must_use]
    pub fn to_json(&self, locale: Locale, request_id: Option<&str>) -> serde_json::Value {
        let inner = &self.0;
        let mut body = json!({
            "type": format!("urn:problem:{}", inner.code),
            "title": inner.title.get(locale),
            "status": inner.status.as_u16(),
            "code": inner.code,
        });
        let members = body.as_object_mut();
        let Some(members) = members else { return body };
        if let Some(detail) = &inner.detail {
            members.insert("detail".to_owned(), detail.get(locale).into());
        }
        if let Some(request_id) = request_id {
            members.insert("instance".to_owned(), format!("urn:request:{request_id}").into());
            members.insert("request_id".to_owned(), request_id.into());
        }
        if !inner.errors.is_empty() {
            let errors: Vec<_> = inner
                .errors
                .iter()
                .map(|e| {
                    json!(FieldErrorBody {
                        pointer: &e.pointer,
                        detail: e.detail.get(locale)
                    })
                })
                .collect();
            members.insert("errors".to_owned(), errors.into());
        }
        if let Some(seconds) = inner.retry_after_seconds {
            members.insert("retry_after_seconds".to_owned(), seconds.into());
        }
        members.extend(inner.extensions.clone());
        body
    }

    fn log(&self) {
        let inner = &self.0;
        let (code, status) = (inner.code, inner.status.as_u16());
        match &inner.source {
            Some(source) if inner.status.is_server_error() => {
                let source: &(dyn Error + 'static) = source.as_ref();
                tracing::error!(error = %Chain(source), error.code = code, "request failed with {status} {code}");
            }
            Some(source) => {
                let source: &(dyn Error + 'static) = source.as_ref();
                tracing::debug!(error = %Chain(source), error.code = code, "request refused with {status} {code}");
            }
            None => {}
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        let context = RequestContext::current();
        let locale = context.as_ref().map_or(Locale::default(), |c| c.locale);
        let body = self.to_json(locale, context.as_ref().map(|c| c.request_id.as_str()));
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(locale.tag()));
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                http::header::WWW_AUTHENTICATE,
                HeaderValue::from_static(self.0.challenge),
            );
        }
        if let Some(seconds) = self.0.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
            .extensions_mut()
            .insert(super::layers::ProblemCode(self.0.code));
        response
    }
}

/// Collects what is wrong with a request, so that a client learns all of it at once.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldError>);

impl Violations {
    /// Nothing wrong so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records that `detail` is wrong with the member at `pointer` unless `holds`.
    pub fn check(&mut self, holds: bool, pointer: &str, detail: Text) {
        if !holds {
            self.add(pointer, detail);
        }
    }

    /// Records a wrong member.
    pub fn add(&mut self, pointer: &str, detail: Text) {
        self.0.push(FieldError {
            pointer: pointer.to_owned(),
            detail,
        });
    }

    /// 422 with `request.validation_failed` when anything was wrong.
    ///
    /// # Errors
    /// The [`Problem`] that lists all violations.
    pub fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::validation(self.0))
        }
    }
}

impl Problem {
    /// 422 with `request.validation_failed`.
    #[must_use]
    pub fn validation(errors: Vec<FieldError>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "request.validation_failed",
            Text::new("Запрос не прошёл проверку", "The request failed validation"),
        )
        .errors(errors)
    }
}
