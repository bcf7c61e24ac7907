//! Bodies on their way through: passed on frame by frame, never gathered.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use common::BoxError;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::metrics::{self, Failure};
use crate::routing::Service;

/// The body of a request is larger than its route allows.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the body is larger than the route allows")]
pub(crate) struct TooLarge;

/// A body that stops with an error after so many bytes.
///
/// It is a handle: a request that could not be sent gives its copy up, and the body, of which
/// nothing was read, goes with the next attempt.
#[derive(Debug, Clone)]
pub(crate) struct Upload(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    body: Mutex<Body>,
    limit: u64,
    bytes: AtomicU64,
    polled: AtomicBool,
    waiting: AtomicBool,
    too_large: AtomicBool,
    broken: AtomicBool,
}

impl Upload {
    pub(crate) fn new(body: Body, limit: u64) -> Self {
        Self(Arc::new(Shared {
            body: Mutex::new(body),
            limit,
            bytes: AtomicU64::new(0),
            polled: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
            too_large: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        }))
    }

    /// True when the body is still whole and can be sent again.
    pub(crate) fn is_untouched(&self) -> bool {
        !self.0.polled.load(Ordering::Acquire)
    }

    /// Bytes that have passed.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Acquire)
    }

    /// True while the next part has to come from the client.
    pub(crate) fn waits_for_client(&self) -> bool {
        self.0.waiting.load(Ordering::Acquire)
    }

    /// True when the body went over the limit.
    pub(crate) fn is_too_large(&self) -> bool {
        self.0.too_large.load(Ordering::Acquire)
    }

    /// True when the client broke off.
    pub(crate) fn is_broken(&self) -> bool {
        self.0.broken.load(Ordering::Acquire)
    }

    fn body(&self) -> MutexGuard<'_, Body> {
        self.0.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let shared = &*self.0;
        shared.polled.store(true, Ordering::Release);
        let polled = Pin::new(&mut *self.body()).poll_frame(cx);
        shared.waiting.store(polled.is_pending(), Ordering::Release);
        let frame = match ready!(polled) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                shared.broken.store(true, Ordering::Release);
                return Poll::Ready(Some(Err(error.into())));
            }
            None => return Poll::Ready(None),
        };
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        let bytes = shared.bytes.fetch_add(length, Ordering::AcqRel) + length;
        if bytes > shared.limit {
            shared.too_large.store(true, Ordering::Release);
            return Poll::Ready(Some(Err(TooLarge.into())));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}

/// The answer of a service took too long between two parts.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer stopped before its end")]
struct Stalled;

/// The body of an answer. It may last for hours, as streams of events do, but not be silent for
/// longer than `patience`.
pub(crate) struct Download {
    body: Incoming,
    service: Service,
    patience: Duration,
    silence: Pin<Box<Sleep>>,
}

impl Download {
    pub(crate) fn new(body: Incoming, service: Service, patience: Duration) -> Self {
        Self {
            body,
            service,
            patience,
            silence: Box::pin(tokio::time::sleep(patience)),
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
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.silence.as_mut().reset(Instant::now() + this.patience);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                metrics::upstream_failed(this.service, Failure::Stalled);
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                ready!(this.silence.as_mut().poll(cx));
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
