//! What the gateway itself refuses, in words.

use std::time::Duration;

use common::Text;
use common::http::Problem;
use http::StatusCode;

use crate::headers::whole_seconds;
use crate::limit::Verdict;
use crate::path::BadPath;
use crate::routing::Service;

pub(crate) fn bad_path(error: BadPath) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "gateway.path_invalid",
        Text::new("Недопустимый путь", "Invalid path"),
    )
    .detail(match error {
        BadPath::NotAbsolute => Text::new(
            "Путь должен начинаться с косой черты.",
            "The path must begin with a slash.",
        ),
        BadPath::BrokenEncoding => Text::new(
            "После знака процента нужны две шестнадцатеричные цифры.",
            "A percent sign needs two hexadecimal digits after it.",
        ),
        BadPath::Ambiguous => Text::new(
            "Путь содержит закодированную косую черту, обратную косую черту или управляющий символ.",
            "The path has an encoded slash, a backslash or a control character.",
        ),
    })
}

pub(crate) fn uri_too_long() -> Problem {
    Problem::new(
        StatusCode::URI_TOO_LONG,
        "request.uri_too_long",
        Text::new("Слишком длинный адрес", "URI too long"),
    )
}

/// 400: not a head of HTTP.
pub(crate) fn head_broken() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "request.head_invalid",
        Text::new("Это не запрос HTTP", "This is not a request of HTTP"),
    )
}

/// 431: too many headers, or too long ones.
pub(crate) fn head_too_large() -> Problem {
    Problem::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "request.head_too_large",
        Text::new("Слишком большие заголовки", "Headers too large"),
    )
    .detail(Text::new(
        "Заголовков может быть не больше 100, и вместе не больше 64 КиБ.",
        "There may be 100 headers at most, and 64 KiB of them.",
    ))
}

/// 408: the head began to come and did not end.
pub(crate) fn head_too_slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "request.head_timeout",
        Text::new(
            "Заголовки запроса не пришли вовремя",
            "The headers did not come in time",
        ),
    )
}

/// 400: where the body ends can be read in two ways.
pub(crate) fn framing_invalid() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "request.framing_invalid",
        Text::new(
            "Неясно, где кончается запрос",
            "It is not clear where the request ends",
        ),
    )
    .detail(Text::new(
        "Длина тела указывается один раз: Content-Length или Transfer-Encoding: chunked.",
        "The length of the body is stated once: by Content-Length or by Transfer-Encoding: chunked.",
    ))
}

/// 400: no host, several, or none that could be one.
pub(crate) fn host_invalid() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "request.host_invalid",
        Text::new("Недопустимый заголовок Host", "Invalid Host header"),
    )
}

pub(crate) fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "request.method_not_allowed",
        Text::new("Метод не поддерживается", "Method not allowed"),
    )
}

pub(crate) fn upgrade_not_supported() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "gateway.upgrade_not_supported",
        Text::new(
            "WebSocket здесь не поддерживается",
            "WebSocket is not supported here",
        ),
    )
    .detail(Text::new(
        "WebSocket открывается запросом GET по HTTP/1.1 с токеном.",
        "A WebSocket is opened by GET over HTTP/1.1 with a token.",
    ))
}

pub(crate) fn rate_limited(verdict: &Verdict) -> Problem {
    let seconds = whole_seconds(verdict.retry_after).max(1);
    let limit = verdict.limit;
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "gateway.rate_limited",
        Text::new("Слишком много запросов", "Too many requests"),
    )
    .detail(Text::new(
        format!("Разрешено {limit} в минуту; повторите через {seconds} с."),
        format!("{limit} per minute are allowed; try again in {seconds} s."),
    ))
    .retry_after(seconds)
}

/// 403: shut out for a time, whatever is asked for.
pub(crate) fn banned(rest: Duration) -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "gateway.banned",
        Text::new("Доступ временно закрыт", "Access is closed for a time"),
    )
    .detail(Text::new(
        "Запросы отсюда выглядели как нападение. Обратитесь к администратору.",
        "Requests from here looked like an attack. Ask the administrator.",
    ))
    .retry_after(whole_seconds(rest).max(1))
}

/// 403: what the request carries looks like an attack. Its id leads to what was found, at security.
pub(crate) fn request_blocked() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "gateway.request_blocked",
        Text::new("Запрос похож на атаку", "The request looks like an attack"),
    )
    .detail(Text::new(
        "Если это ошибка, сообщите администратору номер запроса (request_id).",
        "If that is a mistake, give the administrator the number of the request (request_id).",
    ))
}

pub(crate) fn body_too_large(limit: u64) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "request.too_large",
        Text::new("Слишком большой запрос", "Request too large"),
    )
    .detail(Text::new(
        format!("Тело запроса может занимать не больше {limit} байт."),
        format!("The body may have {limit} bytes at most."),
    ))
}

pub(crate) fn body_broken() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "request.incomplete",
        Text::new("Тело запроса оборвалось", "The request body broke off"),
    )
}

pub(crate) fn body_too_slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "request.body_timeout",
        Text::new(
            "Тело запроса не пришло вовремя",
            "The request body did not come in time",
        ),
    )
}

/// 503: no replica takes requests, so nothing was sent.
pub(crate) fn upstream_unavailable(service: Service, retry_after: u64) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "gateway.upstream_unavailable",
        Text::new("Сервис временно недоступен", "Service temporarily unavailable"),
    )
    .detail(which(service))
    .retry_after(retry_after)
}

/// 502: the request was sent, and may have had its effect.
pub(crate) fn upstream_broken(service: Service) -> Problem {
    Problem::new(
        StatusCode::BAD_GATEWAY,
        "gateway.upstream_broken",
        Text::new("Сервис оборвал соединение", "The service broke off"),
    )
    .detail(which(service))
}

/// 504: the request was sent, and may still have its effect.
pub(crate) fn upstream_timeout(service: Service) -> Problem {
    Problem::new(
        StatusCode::GATEWAY_TIMEOUT,
        "gateway.upstream_timeout",
        Text::new("Сервис не ответил вовремя", "The service did not answer in time"),
    )
    .detail(which(service))
}

fn which(service: Service) -> Text {
    let name = service.name();
    Text::new(format!("Сервис: {name}."), format!("Service: {name}."))
}
