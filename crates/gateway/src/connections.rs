//! Connections of one thread to the replicas, and one request over one of them.
//!
//! A connection is driven by the task whose request is on it: there is no task per connection, no
//! channel between two and no wake-up from one to the other. Nobody drives an idle connection, so it is
//! looked at before it is used again: a connection that the replica has closed meanwhile is seen then.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use common::BoxError;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::body::Upload;
use crate::replica::Replica;
use crate::ticks;

/// Services are near; one that does not take a connection by then does not take any.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Idle connections end before the other side ends them (our own services after 10 s, uvicorn
/// after 5 s), because a request that meets the end of its connection is lost.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections of one thread to one replica.
const MOST_IDLE: usize = 256;
/// A connection is not used for ever, so that the work moves with the replicas behind a balancer.
const MOST_AGE: Duration = Duration::from_secs(10 * 60);
/// Bytes of the head of an answer.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum SendError {
    /// There is no connection, so nothing was sent.
    NotConnected(BoxError),
    /// The connection ended before anything of the request was written; here it is again.
    NotSent(Box<Request<Upload>>, BoxError),
    /// Something was sent, or may have been.
    Broken(BoxError),
}

/// A connection to a replica.
pub(crate) struct Wire {
    sender: SendRequest<Upload>,
    connection: Pin<Box<Connection<TokioIo<TcpStream>, Upload>>>,
    opened: Instant,
    /// True when the connection has ended and must not be driven any more.
    ended: bool,
    /// True when a request has been on it before: it may have been closed without our notice.
    pub(crate) used: bool,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// Opens a connection.
pub(crate) async fn connect(replica: &Replica) -> Result<TcpStream, BoxError> {
    let connecting = TcpStream::connect(replica.address);
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Wire {
    async fn open(replica: &Replica) -> Result<Self, BoxError> {
        let stream = connect(replica).await?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_HEAD_BYTES);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        Ok(Self {
            sender,
            connection: Box::pin(connection),
            opened: ticks::coarse_now(),
            ended: false,
            used: false,
        })
    }

    /// Drives the connection.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.ended && self.connection.as_mut().poll(cx).is_ready() {
            self.ended = true;
        }
    }

    /// Sends a request and waits for the head of the answer. Dropping the future ends the request at
    /// the service too, with the connection.
    pub(crate) async fn send(&mut self, request: Request<Upload>) -> Result<Response<Incoming>, SendError> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let answered = poll_fn(|cx| {
            if !self.ended && self.connection.as_mut().poll(cx).is_ready() {
                self.ended = true;
            }
            answer.as_mut().poll(cx)
        })
        .await;
        self.used = true;
        answered.map_err(|mut error| match error.take_message() {
            Some(request) => SendError::NotSent(Box::new(request), error.into_error().into()),
            None => SendError::Broken(error.into_error().into()),
        })
    }

    /// True when another request may be sent.
    fn is_fresh(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.ended && self.sender.is_ready()
    }
}

/// The idle connections of one thread.
#[derive(Debug, Default)]
pub(crate) struct Pool(RefCell<HashMap<u64, Vec<Idle>>>);

#[derive(Debug)]
struct Idle {
    wire: Wire,
    since: Instant,
}

impl Pool {
    /// A connection: the one used last, or a new one.
    ///
    /// # Errors
    /// [`SendError::NotConnected`] when the replica takes none.
    pub(crate) async fn connection(&self, replica: &Replica) -> Result<Wire, SendError> {
        while let Some(mut idle) = self.pop(replica.id) {
            if idle.wire.is_fresh() {
                return Ok(idle.wire);
            }
        }
        self.new_connection(replica).await
    }

    /// A new connection.
    ///
    /// # Errors
    /// [`SendError::NotConnected`] when the replica takes none.
    pub(crate) async fn new_connection(&self, replica: &Replica) -> Result<Wire, SendError> {
        Wire::open(replica).await.map_err(SendError::NotConnected)
    }

    fn pop(&self, replica: u64) -> Option<Idle> {
        self.0.borrow_mut().get_mut(&replica)?.pop()
    }

    /// Takes back a connection whose answer has been read to its end.
    fn put(&self, replica: u64, wire: Wire) {
        let now = ticks::coarse_now();
        if wire.ended || now.saturating_duration_since(wire.opened) > MOST_AGE {
            return;
        }
        let mut idle = self.0.borrow_mut();
        let idle = idle.entry(replica).or_default();
        if idle.len() < MOST_IDLE {
            idle.push(Idle { wire, since: now });
        }
    }

    /// Ends connections that have been idle for too long.
    pub(crate) fn sweep(&self) {
        let now = ticks::coarse_now();
        self.0.borrow_mut().retain(|_, idle| {
            idle.retain(|idle| now.saturating_duration_since(idle.since) < IDLE);
            !idle.is_empty()
        });
    }
}

/// The connection under an answer that is being read; at the end of the answer it goes back.
#[derive(Debug)]
pub(crate) struct Line {
    wire: Option<Wire>,
    replica: u64,
    pool: Rc<Pool>,
}

impl Line {
    pub(crate) fn new(wire: Wire, replica: u64, pool: Rc<Pool>) -> Self {
        Self {
            wire: Some(wire),
            replica,
            pool,
        }
    }

    /// Under an answer whose connection drives itself and is not kept.
    pub(crate) fn driven_elsewhere(pool: Rc<Pool>) -> Self {
        Self {
            wire: None,
            replica: 0,
            pool,
        }
    }

    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(wire) = &mut self.wire {
            wire.drive(cx);
        }
    }

    /// Gives the connection back. Only for an answer that has been read to its end; otherwise the
    /// connection ends with this value.
    pub(crate) fn give_back(&mut self) {
        if let Some(wire) = self.wire.take() {
            self.pool.put(self.replica, wire);
        }
    }
}

/// Polls something that its connection has to be driven for.
pub(crate) fn poll_driven<T>(
    line: &mut Line,
    cx: &mut Context<'_>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    // First what is there already, which also tells the connection that more is wanted.
    if let Poll::Ready(ready) = poll(cx) {
        return Poll::Ready(ready);
    }
    line.drive(cx);
    poll(cx)
}
