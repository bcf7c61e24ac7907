//! Extractors that reject with a [`Problem`] naming the wrong member.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{FieldError, Problem};
use crate::Text;

/// A JSON body; as a response, JSON with status 200.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T, S> FromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "request.unsupported_media_type",
                Text::new("Неподдерживаемый тип содержимого", "Unsupported media type"),
            )
            .detail(Text::new(
                "Тело запроса должно иметь Content-Type: application/json.",
                "The body must have Content-Type: application/json.",
            )));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A body that could not be read whole.
pub(super) fn unread(rejection: BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return payload_too_large();
    }
    Problem::bad_request(Text::new(
        "Тело запроса не дочитано.",
        "The body could not be read.",
    ))
    .source(rejection)
}

/// 413 with `request.too_large`.
pub(super) fn payload_too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "request.too_large",
        Text::new("Слишком большой запрос", "Request too large"),
    )
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let inner = error.inner();
        if inner.is_data() {
            // `Display` of a data error quotes the input, which belongs to the client itself.
            let detail = inner.to_string();
            let message = detail.split(" at line ").next().unwrap_or_default().to_owned();
            let pointer = json_pointer(error.path());
            Problem::validation(vec![FieldError {
                pointer,
                detail: Text::same(message),
            }])
        } else {
            invalid_json(inner)
        }
    })?;
    deserializer.end().map_err(|error| invalid_json(&error))?;
    Ok(value)
}

fn invalid_json(error: &serde_json::Error) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "request.invalid_json",
        Text::new("Тело запроса — не JSON", "The body is not JSON"),
    )
    .detail(Text::new(
        format!(
            "Ошибка разбора в строке {}, позиция {}.",
            error.line(),
            error.column()
        ),
        format!(
            "Syntax error at line {}, column {}.",
            error.line(),
            error.column()
        ),
    ))
}

fn json_pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => "/?".to_owned(),
        })
        .collect()
}

/// Query parameters.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T, S> FromRequestParts<S> for Query<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parse_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// What [`Query`] does, of a query string.
///
/// # Errors
/// 400 with the name of the parameter that is wrong.
pub fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    serde_path_to_error::deserialize(form_pairs(query)).map_err(|error| {
        let path = error.path().to_string();
        let pointer = if path == "." {
            "?".to_owned()
        } else {
            format!("?{path}")
        };
        let detail = Text::same(error.into_inner().to_string());
        Problem::new(
            StatusCode::BAD_REQUEST,
            "request.invalid_query",
            Text::new("Неверные параметры запроса", "Invalid query parameters"),
        )
        .errors(vec![FieldError { pointer, detail }])
    })
}

fn form_pairs(query: &str) -> serde_urlencoded::Deserializer<'_> {
    serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(query.as_bytes()))
}

/// Path parameters. One that cannot be parsed names nothing that exists: 404.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T, S> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(value)| Self(value))
            .map_err(|_| Problem::not_found())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Locale;

    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only parsed")]
    struct Order {
        lines: Vec<Line>,
    }
    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only parsed")]
    struct Line {
        quantity: u32,
    }

    #[test]
    fn a_wrong_member_is_named_by_its_pointer() {
        let problem = parse::<Order>(br#"{"lines":[{"quantity":1},{"quantity":"many"}]}"#).unwrap_err();
        assert_eq!(problem.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let body = problem.to_json(Locale::En, None);
        assert_eq!(body["errors"][0]["pointer"], "/lines/1/quantity");
    }

    #[test]
    fn broken_json_is_a_bad_request() {
        for body in [&b"{\"lines\":"[..], b"", b"{\"lines\":[]} trailing"] {
            let problem = parse::<Order>(body).unwrap_err();
            assert_eq!(problem.code(), "request.invalid_json");
        }
    }
}
