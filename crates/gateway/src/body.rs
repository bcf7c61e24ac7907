//! Bodies on their way through: passed on frame by frame, never gathered.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use common::BoxError;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use crate::compression::Gzip;
use crate::connections::{Line, poll_driven};
use crate::metrics::{self, Failure};
use crate::routing::Service;
use crate::ticks::{Deadline, coarse_now};

/// The body of a request is larger than its route allows.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the body is larger than the route allows")]
pub(crate) struct TooLarge;

/// A body that stops with an error after so many bytes.
///
/// It is a handle: the one copy is sent, the other knows how far it has come. A body of which nothing
/// was read can be sent again.
#[derive(Debug, Clone)]
pub(crate) struct Upload(Option<Rc<Shared>>);

#[derive(Debug)]
struct Shared {
    source: RefCell<Source>,
    limit: u64,
    bytes: Cell<u64>,
    polled: Cell<bool>,
    waiting: Cell<bool>,
    too_large: Cell<bool>,
    broken: Cell<bool>,
}

/// Where a body comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// From a client.
    Client(Incoming),
    /// From a client, with its beginning already here.
    Begun {
        /// The beginning.
        frames: VecDeque<Frame<Bytes>>,
        /// What has not come yet.
        rest: Incoming,
    },
    /// From the gateway itself.
    Own(Option<Bytes>),
}

impl Upload {
    pub(crate) fn new(source: Source, limit: u64) -> Self {
        let empty = match &source {
            Source::Client(body) => body.is_end_stream(),
            Source::Begun { frames, rest } => frames.is_empty() && rest.is_end_stream(),
            Source::Own(bytes) => bytes.is_none(),
        };
        // Most requests have no body, and pay nothing for one.
        Self((!empty).then(|| {
            Rc::new(Shared {
                source: RefCell::new(source),
                limit,
                bytes: Cell::new(0),
                polled: Cell::new(false),
                waiting: Cell::new(false),
                too_large: Cell::new(false),
                broken: Cell::new(false),
            })
        }))
    }

    /// True when there is no body.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// True when the body is still whole and can be sent again.
    pub(crate) fn is_untouched(&self) -> bool {
        !self.ask(|shared| shared.polled.get())
    }

    /// Bytes that have passed.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.bytes.get())
    }

    /// True while the next part has to come from the client.
    pub(crate) fn waits_for_client(&self) -> bool {
        self.ask(|shared| shared.waiting.get())
    }

    /// True when the body went over the limit.
    pub(crate) fn is_too_large(&self) -> bool {
        self.ask(|shared| shared.too_large.get())
    }

    /// True when the client broke off.
    pub(crate) fn is_broken(&self) -> bool {
        self.ask(|shared| shared.broken.get())
    }

    fn ask(&self, question: impl FnOnce(&Shared) -> bool) -> bool {
        self.0.as_deref().is_some_and(question)
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(shared) = self.0.as_deref() else {
            return Poll::Ready(None);
        };
        shared.polled.set(true);
        let polled = match &mut *shared.source.borrow_mut() {
            Source::Client(body) => Pin::new(body).poll_frame(cx),
            Source::Begun { frames, rest } => match frames.pop_front() {
                Some(frame) => Poll::Ready(Some(Ok(frame))),
                None => Pin::new(rest).poll_frame(cx),
            },
            Source::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
        };
        shared.waiting.set(polled.is_pending());
        let frame = match ready!(polled) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                shared.broken.set(true);
                return Poll::Ready(Some(Err(error.into())));
            }
            None => return Poll::Ready(None),
        };
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        let bytes = shared.bytes.get() + length;
        shared.bytes.set(bytes);
        if bytes > shared.limit {
            shared.too_large.set(true);
            return Poll::Ready(Some(Err(TooLarge.into())));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        let Some(shared) = self.0.as_deref() else {
            return true;
        };
        match &*shared.source.borrow() {
            Source::Client(body) => body.is_end_stream(),
            Source::Begun { frames, rest } => frames.is_empty() && rest.is_end_stream(),
            Source::Own(bytes) => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let Some(shared) = self.0.as_deref() else {
            return SizeHint::with_exact(0);
        };
        match &*shared.source.borrow() {
            Source::Client(body) => body.size_hint(),
            Source::Begun { frames, rest } => {
                let here = frames.iter().filter_map(Frame::data_ref);
                let here: u64 = here.map(|data| data.len() as u64).sum();
                let rest = rest.size_hint();
                let mut whole = SizeHint::new();
                whole.set_lower(here + rest.lower());
                if let Some(most) = rest.upper() {
                    whole.set_upper(here + most);
                }
                whole
            }
            Source::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
        }
    }
}

/// The body of an answer of the gateway.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Made here.
    Own(Body),
    /// Passed on.
    Service(Download),
    /// Either of them, compressed.
    Packed(Box<Gzip>),
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Service(body) => Pin::new(body).poll_frame(cx),
            Self::Packed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Service(body) => body.is_end_stream(),
            Self::Packed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Service(body) => body.size_hint(),
            Self::Packed(body) => body.size_hint(),
        }
    }
}

/// The answer of a service took too long between two parts.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer stopped before its end")]
struct Stalled;

/// The body of an answer of a service. It may last for hours, as streams of events do, but not be
/// silent for longer than `patience`.
#[derive(Debug)]
pub(crate) struct Download {
    body: Incoming,
    line: Line,
    service: Service,
    patience: Duration,
    silence: Option<Deadline>,
}

impl Download {
    pub(crate) fn new(body: Incoming, line: Line, service: Service, patience: Duration) -> Self {
        Self {
            body,
            line,
            service,
            patience,
            silence: None,
        }
    }
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let body = &mut this.body;
        match poll_driven(&mut this.line, cx, |cx| Pin::new(&mut *body).poll_frame(cx)) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(silence) = &mut this.silence {
                    silence.reset(coarse_now() + this.patience);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                metrics::upstream_failed(this.service, Failure::Stalled);
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                this.line.give_back();
                Poll::Ready(None)
            }
            Poll::Pending => {
                let patience = this.patience;
                let silence = this
                    .silence
                    .get_or_insert_with(|| Deadline::at(coarse_now() + patience));
                if !silence.poll_passed(cx) {
                    return Poll::Pending;
                }
                metrics::upstream_failed(this.service, Failure::Stalled);
                Poll::Ready(Some(Err(Stalled.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        // A short answer is never asked for its end: all of it came with its length.
        if self.body.is_end_stream() {
            self.line.give_back();
        }
    }
}
