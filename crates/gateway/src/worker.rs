//! One thread of the data plane: its connections, and what it keeps for itself.
//!
//! Each thread has a runtime of its own and finishes the requests of the connections that it was given:
//! nothing of a request goes to another thread and back. What threads share (replicas, leases, tokens)
//! is shared by atomics and short locks.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::Future;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue, TRANSFER_ENCODING};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use crate::access_log::AccessLog;
use crate::client_stream::{Answering, ClientStream, MAX_HEAD_BYTES, Watch};
use crate::connections::Pool;
use crate::meters::Meters;
use crate::pipeline;
use crate::state::AppState;
use crate::ticks::{self, CoarseTimer, TICK};

/// How long a client may take to send the head of a request, counted from the end of the previous
/// one: slow clients hold a connection, not a thread, but not for ever, and idle connections end.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Number of headers of a request.
const MAX_HEADERS: usize = 100;

/// A connection that somebody has made.
pub(crate) type Accepted = (TcpStream, SocketAddr);

/// What one thread keeps for itself.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) gateway: AppState,
    pub(crate) pool: Rc<Pool>,
    pub(crate) meters: Meters,
    pub(crate) log: RefCell<AccessLog>,
    random: Cell<u64>,
    pub(crate) draining: CancellationToken,
}

impl Worker {
    fn new(gateway: AppState, draining: CancellationToken) -> Self {
        let log = RefCell::new(AccessLog::new(gateway.log.clone()));
        Self {
            gateway,
            pool: Rc::default(),
            meters: Meters::new(),
            log,
            random: Cell::new(common::ids::new_id().as_u64_pair().1),
            draining,
        }
    }

    /// Numbers to choose by (SplitMix64).
    pub(crate) fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// What the thread is told.
#[derive(Debug)]
pub(crate) struct Orders {
    pub(crate) gateway: AppState,
    pub(crate) connections: UnboundedReceiver<Accepted>,
    /// Connections of this thread.
    pub(crate) load: Arc<AtomicUsize>,
    /// From then on every response ends its connection.
    pub(crate) draining: CancellationToken,
    /// How long requests in flight may take once no connection comes any more.
    pub(crate) grace: Duration,
}

/// Runs the thread until no connection comes any more and the last one has ended.
pub(crate) fn run(orders: Orders) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, serve(orders));
    Ok(())
}

async fn serve(mut orders: Orders) {
    let worker = Rc::new(Worker::new(orders.gateway, orders.draining));
    tokio::task::spawn_local(keep_time(worker.clone()));
    let builder = protocols();
    let graceful = GracefulShutdown::new();
    while let Some((stream, peer)) = orders.connections.recv().await {
        let taken = Taken::new(orders.load.clone());
        let stream = match tokio::net::TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken over");
                continue;
            }
        };
        // Without this, small responses wait for acknowledgements of earlier ones.
        let _ = stream.set_nodelay(true);
        let worker = worker.clone();
        let (stream, watch) = ClientStream::new(stream);
        // In a box, so that connections without a request do not keep its space.
        let service = hyper::service::service_fn(move |request| {
            Box::pin(answer(worker.clone(), watch.clone(), peer, request))
        });
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection ended early");
            }
            drop(taken);
        });
    }
    if tokio::time::timeout(orders.grace, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            "requests were still in flight after the {} s of grace",
            orders.grace.as_secs()
        );
    }
    worker.log.borrow_mut().flush();
}

/// Ticks: time limits, buffers, idle connections.
async fn keep_time(worker: Rc<Worker>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut turn = 0_u8;
    loop {
        interval.tick().await;
        ticks::tick();
        worker.log.borrow_mut().flush();
        turn = (turn + 1) % 10;
        if turn == 0 {
            worker.pool.sweep();
        }
    }
}

fn protocols() -> auto::Builder<LocalExecutor> {
    let mut builder = auto::Builder::new(LocalExecutor);
    builder
        .http1()
        .timer(CoarseTimer)
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .keep_alive(true);
    builder.http2().timer(CoarseTimer).max_header_list_size(64 * 1024);
    builder
}

async fn answer(
    worker: Rc<Worker>,
    watch: Arc<Watch>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Answering>, Infallible> {
    let conflict = watch.begin(request.headers().contains_key(TRANSFER_ENCODING));
    // HTTP/2 has its own way to say so, which the end of the delay brings; the header is forbidden there.
    let keeps = request.version() > Version::HTTP_11;
    let mut response = pipeline::handle(&worker, peer, request, conflict).await;
    if worker.draining.is_cancelled() && !keeps {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Answering::new(body, watch)))
}

/// Counts a connection for as long as it lasts.
struct Taken(Arc<AtomicUsize>);

impl Taken {
    /// The one who gave the connection has counted it.
    fn new(load: Arc<AtomicUsize>) -> Self {
        Self(load)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Tasks stay on the thread.
#[derive(Debug, Clone, Copy)]
struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
