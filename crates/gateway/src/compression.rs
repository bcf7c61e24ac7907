//! Answers made smaller on their way out, for clients that read gzip (RFC 9110, section 12.5.3).
//!
//! Frame by frame: what a service has sent is on its way to the client before the service goes on. Streams
//! of events are left alone, and so are the answers of user-management: where secrets stand beside what the
//! client itself has written, the length of the compressed text betrays them (BREACH).

use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use common::BoxError;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    IF_MATCH, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::body::Answer;
use crate::routing::{Route, Service};

/// A shorter answer gains nothing.
const LEAST_BYTES: u64 = 1024;
/// So much is gathered before it is passed on, as long as more is there already.
const PART: usize = 8 * 1024;
/// Texts of an API shrink to a quarter at the least effort, and to a fifth at the usual one, which costs
/// three times as much.
const LEVEL: Compression = Compression::fast();
/// What the tag of an answer gets, since its bytes are others.
const SUFFIX: &str = "-gzip\"";

/// True when the client reads gzip.
pub(crate) fn accepted(headers: &HeaderMap) -> bool {
    let mut any = false;
    let mut gzip = None;
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    let items = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    for item in items {
        let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
        let weight = parameters.trim().strip_prefix("q=").map(str::trim);
        let wanted = weight.and_then(|weight| weight.parse::<f32>().ok()) != Some(0.0);
        match coding.trim() {
            coding if coding.eq_ignore_ascii_case("gzip") => gzip = Some(wanted),
            "*" => any = wanted,
            _ => {}
        }
    }
    gzip.unwrap_or(any)
}

/// Gives the tags that a client got with a compressed answer back as the service knows them.
pub(crate) fn restore_tags(headers: &mut HeaderMap) {
    for name in [IF_MATCH, IF_NONE_MATCH] {
        let Some(value) = headers.get(&name).and_then(|value| value.to_str().ok()) else {
            continue;
        };
        if value.contains(SUFFIX)
            && let Ok(restored) = HeaderValue::from_str(&value.replace(SUFFIX, "\""))
        {
            headers.insert(name, restored);
        }
    }
}

/// The answer as it goes out; with `accepted`, it may be compressed.
pub(crate) fn finish(
    mut response: Response<Answer>,
    route: Option<Route>,
    accepted: bool,
) -> Response<Answer> {
    let secret = route.is_none_or(|route| route.service == Service::UserManagement);
    if secret || !is_worth_it(&response) {
        return response;
    }
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    if !accepted {
        return response;
    }
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.remove(CONTENT_LENGTH);
    headers.remove(ACCEPT_RANGES);
    let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok());
    let tag = tag.and_then(|tag| tag.strip_suffix('"'));
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&format!("{tag}{SUFFIX}")).ok()) {
        headers.insert(ETAG, tag);
    }
    response.map(|body| Answer::Packed(Box::new(Gzip::new(body))))
}

fn is_worth_it(response: &Response<Answer>) -> bool {
    let headers = response.headers();
    let text = |name| headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
    let contains = |text: &[u8], part: &[u8]| text.windows(part.len()).any(|window| window == part);
    response.status() == StatusCode::OK
        && !headers.contains_key(CONTENT_ENCODING)
        && response
            .body()
            .size_hint()
            .upper()
            .is_none_or(|bytes| bytes >= LEAST_BYTES)
        && is_text(text(CONTENT_TYPE))
        && !contains(text(CACHE_CONTROL), b"no-transform")
}

/// Kinds that are texts; pictures, archives and office documents are compressed already.
fn is_text(kind: &[u8]) -> bool {
    let end = kind.iter().position(|byte| *byte == b';');
    let kind = kind[..end.unwrap_or(kind.len())].trim_ascii();
    match kind {
        b"text/event-stream" => false,
        b"application/json"
        | b"application/xml"
        | b"application/javascript"
        | b"application/x-ndjson"
        | b"image/svg+xml" => true,
        other => other.starts_with(b"text/") || other.ends_with(b"+json") || other.ends_with(b"+xml"),
    }
}

/// A body on its way through the compressor.
#[derive(Debug)]
pub(crate) struct Gzip {
    body: Answer,
    /// `None` once the end has been written.
    encoder: Option<GzEncoder<Vec<u8>>>,
    /// Something is in the compressor that the client has not got.
    held: bool,
    trailers: Option<HeaderMap>,
}

impl Gzip {
    fn new(body: Answer) -> Self {
        Self {
            body,
            encoder: Some(GzEncoder::new(Vec::new(), LEVEL)),
            held: false,
            trailers: None,
        }
    }

    /// What has come out of the compressor so far.
    fn taken(&mut self) -> Bytes {
        let out = self
            .encoder
            .as_mut()
            .map(|encoder| std::mem::take(encoder.get_mut()));
        out.unwrap_or_default().into()
    }

    fn finish(&mut self) -> Result<Bytes, BoxError> {
        match self.encoder.take() {
            Some(encoder) => Ok(encoder.finish()?.into()),
            None => Ok(Bytes::new()),
        }
    }
}

impl HttpBody for Gzip {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let this = &mut *self;
            let Some(encoder) = &mut this.encoder else {
                let trailers = this.trailers.take();
                return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
            };
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        encoder.write_all(&data)?;
                        this.held = true;
                        if encoder.get_ref().len() >= PART {
                            return Poll::Ready(Some(Ok(Frame::data(this.taken()))));
                        }
                    }
                    Err(frame) => {
                        this.trailers = frame.into_trailers().ok();
                        return Poll::Ready(Some(this.finish().map(Frame::data)));
                    }
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(Some(this.finish().map(Frame::data))),
                Poll::Pending if this.held => {
                    encoder.flush()?;
                    this.held = false;
                    return Poll::Ready(Some(Ok(Frame::data(this.taken()))));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_say_what_they_read() {
        for (value, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5, br", true),
            ("*", true),
            ("*;q=0, gzip", true),
            ("gzip;q=0, *", false),
            ("gzip; q=0", false),
            ("gzip;q=0.000", false),
            ("br", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            assert_eq!(accepted(&headers), expected, "{value}");
        }
        assert!(!accepted(&HeaderMap::new()));
    }

    #[test]
    fn texts_shrink_and_pictures_do_not() {
        for (kind, expected) in [
            ("application/json", true),
            ("application/problem+json; charset=utf-8", true),
            ("text/csv ; header=present", true),
            ("image/svg+xml", true),
            ("text/event-stream", false),
            ("application/pdf", false),
            ("image/png", false),
            ("", false),
        ] {
            assert_eq!(is_text(kind.as_bytes()), expected, "{kind}");
        }
    }

    #[test]
    fn tags_come_back_as_the_service_knows_them() {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, HeaderValue::from_static("\"7-gzip\""));
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("W/\"a-gzip\", \"b\""));
        restore_tags(&mut headers);
        assert_eq!(headers[IF_MATCH], "\"7\"");
        assert_eq!(headers[IF_NONE_MATCH], "W/\"a\", \"b\"");
    }
}
