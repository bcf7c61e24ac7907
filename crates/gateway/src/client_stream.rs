//! The client's end of a connection, watched for what hyper keeps to itself.
//!
//! A head that hyper cannot read it answers by itself, without a body, and one that does not come in time
//! not at all; of two statements about the length of a body it drops one without a word. Here the first
//! two become answers like all others, and the third can be asked about. Nothing is parsed: what counts is
//! whether a request is being answered, and which bytes have come since the last one.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use common::BoxError;
use common::http::Problem;
use http::StatusCode;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::body::Answer;
use crate::{metrics, problems};

/// The longest head that is looked at; the same that hyper reads.
pub(crate) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// A larger buffer is not kept for the next request.
const KEPT_BYTES: usize = 4 * 1024;
/// No answer that hyper makes by itself is longer.
const MAX_AUTOMATIC_BYTES: usize = 256;
/// How a client of HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2";

/// What is known of a connection. One thread has it; hyper wants a socket that could move.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// What has come since the last request began to be answered, unless it is part of its body.
    head: Mutex<Vec<u8>>,
    /// A request is being answered.
    answering: AtomicBool,
    /// HTTP/2, which has none of these problems.
    framed: AtomicBool,
    /// The client has ended it, or an answer that ends it has been given.
    ended: AtomicBool,
}

impl Watch {
    /// A request has come: true when its head says both how long its body is and that it comes in chunks.
    pub(crate) fn begin(&self, chunked: bool) -> bool {
        self.answering.store(true, Relaxed);
        let mut head = self.head();
        let conflict = chunked && has_length(&head);
        head.clear();
        if head.capacity() > KEPT_BYTES {
            *head = Vec::new();
        }
        conflict
    }

    fn head(&self) -> MutexGuard<'_, Vec<u8>> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn came(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.ended.store(true, Relaxed);
        }
        if self.answering.load(Relaxed) || self.framed.load(Relaxed) {
            return;
        }
        let mut head = self.head();
        if head.len() < MAX_HEAD_BYTES {
            head.extend_from_slice(bytes);
        }
        if head.starts_with(PREFACE) {
            self.framed.store(true, Relaxed);
            *head = Vec::new();
        }
    }

    /// True while a head is on its way.
    fn is_reading(&self) -> bool {
        let begun = self.head().iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
        begun && !self.answering.load(Relaxed) && !self.framed.load(Relaxed) && !self.ended.load(Relaxed)
    }

    /// The answer to give in place of one that hyper has made by itself.
    fn instead_of(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let status = bytes.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
        if bytes.len() > MAX_AUTOMATIC_BYTES || !self.is_reading() {
            return None;
        }
        let problem = match status {
            b"400" => problems::head_broken(),
            b"414" => problems::uri_too_long(),
            b"431" => problems::head_too_large(),
            _ => return None,
        };
        self.ended.store(true, Relaxed);
        metrics::unreadable(problem.status());
        Some(written(problem, !self.is_head()))
    }

    /// The answer to a head that has not come to its end.
    fn too_slow(&self) -> Vec<u8> {
        /// Slow clients come by the thousand and are let go together.
        static ANSWER: OnceLock<Vec<u8>> = OnceLock::new();
        metrics::unreadable(StatusCode::REQUEST_TIMEOUT);
        if self.is_head() {
            return written(problems::head_too_slow(), false);
        }
        ANSWER
            .get_or_init(|| written(problems::head_too_slow(), true))
            .clone()
    }

    /// True for a request whose answer has no body.
    fn is_head(&self) -> bool {
        self.head().starts_with(b"HEAD ")
    }
}

/// A problem as the last answer of a connection. It has no id: nothing that is logged has one either.
fn written(problem: Problem, with_body: bool) -> Vec<u8> {
    let answer = axum::response::IntoResponse::into_response(problem);
    let status = answer.status();
    let (parts, body) = answer.into_parts();
    // It is in memory, so nothing has to be waited for.
    let collected = futures_util::FutureExt::now_or_never(http_body_util::BodyExt::collect(body));
    let body = collected
        .and_then(Result::ok)
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut out = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in &parts.headers {
        if *name != http::header::CONTENT_LENGTH && *name != http::header::CONNECTION {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
    let rest = format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    out.extend_from_slice(rest.as_bytes());
    if with_body {
        out.extend_from_slice(&body);
    }
    out
}

/// True for a head with a `Content-Length`. Heads that came together with the end of an earlier request
/// are not known here; hyper goes by the chunks then, and ends the connection after the answer.
fn has_length(bytes: &[u8]) -> bool {
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or(bytes.len());
    bytes[..end]
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split_at_checked(14))
        .any(|(name, _)| name.eq_ignore_ascii_case(b"content-length"))
}

/// The socket of a client.
#[derive(Debug)]
pub(crate) struct ClientStream {
    socket: TcpStream,
    watch: Arc<Watch>,
    /// An answer in place of hyper's, and how much of it has been written.
    instead: Option<(Vec<u8>, usize)>,
}

impl ClientStream {
    pub(crate) fn new(socket: TcpStream) -> (Self, Arc<Watch>) {
        let watch = Arc::new(Watch::default());
        let stream = Self {
            socket,
            watch: watch.clone(),
            instead: None,
        };
        (stream, watch)
    }

    /// Writes the answer in place of `bytes`, if there is one: then they count as written.
    fn poll_instead(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Option<io::Result<usize>>> {
        if self.instead.is_none() {
            self.instead = self.watch.instead_of(bytes).map(|answer| (answer, 0));
        }
        let Some((answer, written)) = &mut self.instead else {
            return Poll::Ready(None);
        };
        while *written < answer.len() {
            match ready!(Pin::new(&mut self.socket).poll_write(cx, &answer[*written..])) {
                Ok(count @ 1..) => *written += count,
                Ok(0) => return Poll::Ready(Some(Err(io::ErrorKind::WriteZero.into()))),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        self.instead = None;
        Poll::Ready(Some(Ok(bytes.len())))
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.socket).poll_read(cx, buf));
        match &read {
            Ok(()) => self.watch.came(&buf.filled()[before..]),
            Err(_) => self.watch.ended.store(true, Relaxed),
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match ready!(self.poll_instead(cx, buf)) {
            Some(written) => Poll::Ready(written),
            None => Pin::new(&mut self.socket).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = bufs
            && let Some(written) = ready!(self.poll_instead(cx, only))
        {
            return Poll::Ready(written);
        }
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What comes after the last answer, the rest of a refused body for one, gets none.
        self.watch.ended.store(true, Relaxed);
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        // hyper lets go of a head that does not come to its end in time.
        if self.watch.is_reading() {
            let answer = self.watch.too_slow();
            // Nobody waits here: a client that takes no bytes gets none.
            let _ = self.socket.try_write(&answer);
        }
    }
}

/// The body of an answer; with its end the next head may come.
#[derive(Debug)]
pub(crate) struct Answering {
    body: Answer,
    watch: Arc<Watch>,
}

impl Answering {
    pub(crate) fn new(body: Answer, watch: Arc<Watch>) -> Self {
        Self { body, watch }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.watch.answering.store(false, Relaxed);
    }
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_statements_about_a_length_are_seen_in_any_order_and_case() {
        let conflict = |head: &str| {
            let watch = Watch::default();
            watch.came(head.as_bytes());
            watch.begin(true)
        };
        assert!(conflict(
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        ));
        assert!(conflict(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nCONTENT-length: 1\r\n\r\n"
        ));
        // In a body, it is a text like any other.
        assert!(!conflict(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nContent-Length: 1"
        ));
        assert!(!conflict(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX-Content-Length: 1\r\n\r\n"
        ));
    }

    #[test]
    fn only_answers_to_an_unread_head_are_replaced() {
        let automatic =
            b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let watch = Watch::default();
        assert_eq!(watch.instead_of(automatic), None, "nothing has come");
        watch.came(b"GET / HTTP/1.1\r\n");
        watch.begin(false);
        watch.came(b"a body");
        assert_eq!(watch.instead_of(automatic), None, "a request is being answered");
        watch.answering.store(false, Relaxed);
        watch.came(b"GET / HTTP/1.1\r\nX: ");
        assert_eq!(watch.instead_of(b"HTTP/1.1 200 OK\r\n\r\n"), None);
        let own = String::from_utf8(watch.instead_of(automatic).unwrap()).unwrap();
        assert!(
            own.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"),
            "{own}"
        );
        assert!(own.contains("connection: close\r\n"), "{own}");
        assert!(own.contains("\"request.head_too_large\""), "{own}");
        assert!(!watch.is_reading());
    }

    #[test]
    fn http_2_is_left_alone() {
        let watch = Watch::default();
        watch.came(b"PRI * HT");
        assert!(watch.is_reading());
        watch.came(b"TP/2.0\r\n\r\nSM\r\n\r\n");
        assert!(!watch.is_reading());
        assert!(watch.head().is_empty());
    }
}
