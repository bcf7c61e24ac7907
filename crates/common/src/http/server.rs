//! Accepting connections and ending them in order.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures_util::FutureExt;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a client may take to send the head of a request, counted from the end of the previous
/// one: slow clients hold a connection, not a worker, but not for ever, and idle connections end.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Number of headers of a request.
const MAX_HEADERS: usize = 100;

/// How many connections that wait when the listener closes are still taken.
const MAX_LEFT_WAITING: usize = 1024;

/// How serving ends.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    /// How long connections are still taken. Every response then ends its connection, so that
    /// clients that keep connections move to other replicas, and a balancer has the time to notice
    /// that this one is not ready. Without it a request may meet the end of the connection it was
    /// sent on, and is lost.
    pub delay: Duration,
    /// How long requests in flight may take after that.
    pub grace: Duration,
}

impl Ending {
    /// No new connections at once; requests in flight may take `grace`.
    #[must_use]
    pub fn within(grace: Duration) -> Self {
        Self {
            delay: Duration::ZERO,
            grace,
        }
    }
}

/// Serves a router until `shutdown`, then ends as `ending` says. Handlers find the peer's address as
/// [`ConnectInfo`].
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken, ending: Ending) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(64 * 1024);
    let graceful = GracefulShutdown::new();
    let take = |(stream, peer): (TcpStream, SocketAddr)| {
        // Without this, small responses wait for acknowledgements of earlier ones.
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let draining = shutdown.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            answer(router.clone(), request, peer, draining.clone())
        });
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned();
        let connection = graceful.watch(connection);
        #[expect(clippy::disallowed_methods, reason = "GracefulShutdown waits for connections")]
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection ended early");
            }
        });
    };
    let closed = async {
        shutdown.cancelled().await;
        tokio::time::sleep(ending.delay).await;
    };
    tokio::pin!(closed);
    loop {
        let accepted = tokio::select! {
            // In this order: clients that keep coming cannot put off the end.
            biased;
            () = &mut closed => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(connection) => take(connection),
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
            Some(Ok(connection)) => take(connection),
            _ => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(ending.grace, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            "requests were still in flight after the {} s of grace",
            ending.grace.as_secs()
        );
    }
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
    draining: CancellationToken,
) -> Result<Response<Body>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    // HTTP/2 has its own way to say so, which the end of the delay brings; the header is forbidden there.
    let keeps = request.version() > Version::HTTP_11;
    let mut response = router.oneshot(request).await?;
    if draining.is_cancelled() && !keeps {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}
