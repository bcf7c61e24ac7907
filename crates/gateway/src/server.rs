//! Taking connections and giving each to the thread with the fewest.
//!
//! The kernel could spread connections over several listeners by itself (`SO_REUSEPORT`), but does so by
//! a hash: the few long connections of a proxy in front would meet on one thread, and connections that
//! wait at a listener that closes would be reset. One step more per connection, none per request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::service::Serving;
use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::metrics;
use crate::state::AppState;
use crate::worker::{self, Accepted, Orders};

/// How many connections that wait when the listener closes are still taken.
const MAX_LEFT_WAITING: usize = 1024;
/// Threads need a moment more than the grace of the requests.
const MARGIN: Duration = Duration::from_secs(1);

struct Thread {
    connections: UnboundedSender<Accepted>,
    load: Arc<AtomicUsize>,
    ended: oneshot::Receiver<()>,
}

/// Serves a listener until the drain, then ends as it is told.
pub(crate) async fn serve(listener: TcpListener, serving: Serving, gateway: AppState, threads: usize) {
    gateway.limits.set(&serving.limits);
    let threads: Vec<Thread> = (0..threads)
        .filter_map(|number| start(number, &gateway, &serving))
        .collect();
    if threads.is_empty() {
        tracing::error!("no thread could be started; nobody is served");
        return;
    }
    let give = |(stream, peer): (tokio::net::TcpStream, std::net::SocketAddr)| {
        let least = threads
            .iter()
            .min_by_key(|thread| thread.load.load(Ordering::Relaxed));
        match (least, stream.into_std()) {
            (Some(thread), Ok(stream)) => {
                thread.load.fetch_add(1, Ordering::Relaxed);
                // Fails only when the thread has died, which drops the connection.
                let _ = thread.connections.send((stream, peer));
            }
            (_, Err(error)) => tracing::warn!(%error, "a connection could not be given to a thread"),
            (None, _) => {}
        }
    };
    let closed = async {
        serving.drain.cancelled().await;
        tokio::time::sleep(serving.ending.delay).await;
    };
    tokio::pin!(closed);
    let mut gauge = tokio::time::interval(Duration::from_secs(1));
    loop {
        let accepted = tokio::select! {
            // In this order: clients that keep coming cannot put off the end.
            biased;
            () = &mut closed => break,
            _ = gauge.tick() => {
                metrics::in_flight(gateway.limits.in_flight(), gateway.limits.most());
                let loads = threads.iter().map(|thread| thread.load.load(Ordering::Relaxed));
                metrics::connections(loads.sum());
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(connection) => give(connection),
            Err(error) => {
                // Out of descriptors or a connection that is gone again: neither ends the service.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    // Connections that the kernel has taken already would be reset with the listener.
    for _ in 0..MAX_LEFT_WAITING {
        match listener.accept().now_or_never() {
            Some(Ok(connection)) => give(connection),
            _ => break,
        }
    }
    drop(listener);
    let ends: Vec<oneshot::Receiver<()>> = threads.into_iter().map(|thread| thread.ended).collect();
    let all = futures_util::future::join_all(ends);
    let _ = tokio::time::timeout(serving.ending.grace + MARGIN, all).await;
    gateway.log.written().await;
}

fn start(number: usize, gateway: &AppState, serving: &Serving) -> Option<Thread> {
    let (connections, receiver) = unbounded_channel();
    let (end, ended) = oneshot::channel();
    let load = Arc::new(AtomicUsize::new(0));
    let orders = Orders {
        gateway: gateway.clone(),
        connections: receiver,
        load: load.clone(),
        draining: serving.drain.clone(),
        grace: serving.ending.grace,
    };
    let body = move || {
        if let Err(error) = worker::run(orders) {
            tracing::error!(%error, "a thread has no runtime");
        }
        let _ = end.send(());
    };
    let started = std::thread::Builder::new()
        .name(format!("gateway-{number}"))
        .spawn(body);
    match started {
        Ok(_) => Some(Thread {
            connections,
            load,
            ended,
        }),
        Err(error) => {
            tracing::error!(%error, "a thread could not be started");
            None
        }
    }
}
