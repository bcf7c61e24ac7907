//! How a dashboard or a chart is wanted, and the answer in that form.

use std::collections::BTreeMap;

use ::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use ::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use common::http::{FieldError, Json, Problem};
use common::telemetry::RequestContext;
use common::{Locale, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::charts::{self, PngError, Style, Svg, Theme};
use crate::dashboards::{self, Board, Request};

/// Pictures that are drawn at once: each takes a processor for a while.
static DRAWING: Semaphore = Semaphore::const_new(2);

/// Forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    Json,
    Html,
    Svg,
    Png,
}

impl Form {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "json" => Self::Json,
            "html" => Self::Html,
            "svg" => Self::Svg,
            "png" => Self::Png,
            _ => return None,
        })
    }

    /// What a client that names no form accepts first; JSON unless it says otherwise.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let accepted = headers
            .get(ACCEPT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        accepted
            .split(',')
            .find_map(|range| match range.split(';').next()?.trim() {
                "text/html" => Some(Self::Html),
                "image/svg+xml" => Some(Self::Svg),
                "image/png" => Some(Self::Png),
                "application/json" => Some(Self::Json),
                _ => None,
            })
            .unwrap_or(Self::Json)
    }
}

/// How it is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) form: Form,
    pub(super) theme: Theme,
    /// Pixels.
    pub(super) width: u32,
    /// Pixels of a PNG for each of the picture.
    pub(super) scale: f32,
}

fn wrong(name: &str, ru: impl Into<String>, en: impl Into<String>) -> FieldError {
    FieldError {
        pointer: format!("?{name}"),
        detail: Text::new(ru.into(), en.into()),
    }
}

fn in_range(name: &str, text: &str, range: &std::ops::RangeInclusive<u32>) -> Result<u32, FieldError> {
    let (low, high) = (range.start(), range.end());
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| wrong(name, format!("От {low} до {high}."), format!("{low} to {high}.")))
}

/// Reads the parameters of a dashboard's address.
///
/// # Errors
/// 400 with each that is wrong.
pub(super) fn read(
    query: &BTreeMap<String, String>,
    headers: &HeaderMap,
    width: u32,
) -> Result<(Request, Shape), Problem> {
    let mut request = Request::default();
    let mut shape = Shape {
        form: Form::accepted(headers),
        theme: Theme::Light,
        width,
        scale: 2.0,
    };
    let mut errors = Vec::new();
    for (name, text) in query {
        if let Err(error) = take(name, text, &mut request, &mut shape) {
            errors.push(error);
        }
    }
    if errors.is_empty() {
        return Ok((request, shape));
    }
    let title = Text::new("Неверные параметры запроса", "Invalid query parameters");
    Err(Problem::new(StatusCode::BAD_REQUEST, "request.invalid_query", title).errors(errors))
}

fn take(name: &str, text: &str, request: &mut Request, shape: &mut Shape) -> Result<(), FieldError> {
    let id = || {
        text.parse()
            .map(Some)
            .map_err(|_| wrong(name, "Нужен идентификатор (UUID).", "An id (UUID) is needed."))
    };
    match name {
        "from" => request.from = Some(text.to_owned()),
        "to" => request.to = Some(text.to_owned()),
        // The short form of the ranges that are asked for most.
        "range" => {
            let from = match text {
                "24h" => "now-24h",
                "7d" => "now-7d",
                "30d" => "now-30d",
                _ => return Err(wrong(name, "24h, 7d или 30d.", "24h, 7d or 30d.")),
            };
            request.from = Some(from.to_owned());
            request.to = Some("now".to_owned());
        }
        "tz" => {
            let zone = text.parse();
            request.zone = Some(zone.map_err(|_| {
                wrong(
                    name,
                    "Часовой пояс, например Europe/Moscow.",
                    "A time zone, such as Europe/Moscow.",
                )
            })?);
        }
        "company" => request.company = id()?,
        "infobase" => request.infobase = id()?,
        "refresh" => {
            request.refresh = text
                .parse()
                .map_err(|_| wrong(name, "true или false.", "true or false."))?;
        }
        "format" => {
            shape.form = Form::from_name(text)
                .ok_or_else(|| wrong(name, "json, html, svg или png.", "json, html, svg or png."))?;
        }
        "theme" => {
            shape.theme = match text {
                "light" => Theme::Light,
                "dark" => Theme::Dark,
                _ => return Err(wrong(name, "light или dark.", "light or dark.")),
            };
        }
        "width" => shape.width = in_range(name, text, &charts::WIDTHS)?,
        "scale" => {
            shape.scale = match in_range(name, text, &(1..=3))? {
                1 => 1.0,
                2 => 2.0,
                _ => 3.0,
            };
        }
        other => match other.strip_prefix("var.") {
            Some(variable) => {
                request.variables.insert(variable.to_owned(), text.to_owned());
            }
            None => {
                return Err(wrong(
                    other,
                    "Такого параметра нет.",
                    "There is no such parameter.",
                ));
            }
        },
    }
    Ok(())
}

/// The dashboard in the form that is wanted, or 304 when the client has it already.
///
/// # Errors
/// When it cannot be drawn.
pub(super) async fn respond(board: &Board, shape: Shape, headers: &HeaderMap) -> Result<Response, Problem> {
    let locale = RequestContext::current_locale();
    let look = format!(
        "{}-{:?}-{:?}-{}-{}-{}",
        board.tag(),
        shape.form,
        shape.theme,
        shape.width,
        shape.scale,
        locale.tag()
    );
    let tag = format!("\"{}\"", look.to_ascii_lowercase());
    let known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        match shape.form {
            Form::Json => Json(board).into_response(),
            Form::Html => page(dashboards::html(board, shape.theme, locale)),
            Form::Svg => svg(&draw(board, shape, locale)),
            Form::Png => png(draw(board, shape, locale), shape.scale).await?,
        }
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    // Figures belong to one viewer, and are asked for again each time.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// One panel as it is, several as a dashboard.
fn draw(board: &Board, shape: Shape, locale: Locale) -> Svg {
    let width = f64::from(shape.width);
    dashboards::picture(board, shape.theme, locale, width)
}

/// A panel alone, without the heading of a dashboard.
///
/// # Errors
/// When it cannot be drawn.
pub(super) async fn respond_panel(
    board: &Board,
    shape: Shape,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let locale = RequestContext::current_locale();
    let Some(panel) = board.panels.first() else {
        return Err(Problem::not_found());
    };
    let style = Style {
        theme: shape.theme,
        locale,
        width: f64::from(shape.width),
        height: None,
    };
    match shape.form {
        Form::Json | Form::Html => respond(board, shape, headers).await,
        Form::Svg => Ok(svg(&dashboards::panel_picture(board, panel, style))),
        Form::Png => png(dashboards::panel_picture(board, panel, style), shape.scale).await,
    }
}

fn page(html: String) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_str(dashboards::policy())
                .unwrap_or(HeaderValue::from_static("default-src 'none'")),
        ),
    ];
    (headers, html).into_response()
}

/// An SVG as an answer: whatever is in it, nothing of it is run.
pub(super) fn svg(picture: &Svg) -> Response {
    let headers = [
        (CONTENT_TYPE, "image/svg+xml"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    (headers, picture.finish()).into_response()
}

/// A PNG as an answer.
///
/// # Errors
/// 422 when a letter cannot be drawn or the picture would be too large.
pub(super) async fn png(picture: Svg, scale: f32) -> Result<Response, Problem> {
    // A letter without a picture would silently be left out.
    if let Some(letter) = charts::missing_glyph(&picture.finish()) {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "analytics.glyph_missing",
            Text::new("Символ нельзя нарисовать", "A character cannot be drawn"),
        )
        .detail(Text::new(
            format!("В шрифте нет символа «{letter}»; возьмите SVG."),
            format!("The font has no `{letter}`; take the SVG."),
        )));
    }
    let _permit = DRAWING.acquire().await.map_err(Problem::internal)?;
    let drawn = tokio::task::spawn_blocking(move || charts::png(&picture, scale))
        .await
        .map_err(Problem::internal)?;
    match drawn {
        Ok(bytes) => Ok(([(CONTENT_TYPE, "image/png")], bytes).into_response()),
        Err(PngError::TooLarge) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "analytics.picture_too_large",
            Text::new("Слишком большая картинка", "The picture is too large"),
        )
        .detail(Text::new(
            "Уменьшите width или scale.",
            "Choose a smaller width or scale.",
        ))),
        Err(error) => Err(Problem::internal(error)),
    }
}
