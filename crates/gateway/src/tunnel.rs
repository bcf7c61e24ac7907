//! WebSockets (RFC 6455): once a service has agreed with 101, bytes go both ways until one side ends.
//!
//! Nothing is passed on before the 101: a client that speaks too early would otherwise talk to the
//! service past every check.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::http::Problem;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::client::conn::http1;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio_util::sync::CancellationToken;

use crate::body::{Answer, Download, Upload};
use crate::connections::{Line, connect};
use crate::headers;
use crate::metrics::{self, Failure};
use crate::problems;
use crate::routing::Service;
use crate::ticks::{Deadline, coarse_now};
use crate::upstream::{Lease, Upstream};
use crate::worker::Worker;

/// A tunnel that is silent for longer ends.
const SILENCE: Duration = Duration::from_secs(5 * 60);
/// Bytes that one direction holds.
const BUFFER: usize = 16 * 1024;

/// Asks a replica of the service for a WebSocket.
///
/// # Errors
/// A [`Problem`] when there is no answer.
pub(crate) async fn open(
    worker: &Worker,
    upstream: &Upstream,
    mut request: Request<Upload>,
    client: OnUpgrade,
    patience: Duration,
) -> Result<Response<Answer>, Problem> {
    let service = upstream.service();
    let unavailable =
        |wait: Duration| problems::upstream_unavailable(service, headers::whole_seconds(wait).max(1));
    let mut lease = upstream.pick(None, worker.random()).map_err(unavailable)?;
    headers::ask_for_websocket(request.headers_mut(), &lease.replica.host);
    let sending = send(&lease, request);
    let sent = tokio::select! {
        sent = sending => sent,
        () = Deadline::after(patience) => {
            lease.failed();
            metrics::upstream_failed(service, Failure::Timeout);
            return Err(problems::upstream_timeout(service));
        }
    };
    let mut response = match sent {
        Ok(response) => response,
        Err(error) => {
            lease.failed();
            metrics::upstream_failed(service, Failure::Broken);
            return Err(problems::upstream_broken(service).source(error));
        }
    };
    lease.succeeded(response.status().is_server_error());
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(declined(response, service, worker));
    }
    let inside = hyper::upgrade::on(&mut response);
    let end = worker.draining.clone();
    // It outlives the request, and ends with the thread at the latest.
    tokio::task::spawn_local(async move {
        // Counts as a request in flight of the replica for as long as it lasts.
        let _lease = lease;
        match tokio::try_join!(client, inside) {
            Ok((outside, inside)) => pass(outside, inside, end).await,
            Err(error) => tracing::debug!(%error, "a WebSocket did not come about"),
        }
    });
    let (mut parts, _) = response.into_parts();
    headers::remove_hop_by_hop(&mut parts.headers);
    parts
        .headers
        .insert(CONNECTION, HeaderValue::from_static("upgrade"));
    parts
        .headers
        .insert(UPGRADE, HeaderValue::from_static("websocket"));
    parts.extensions.clear();
    Ok(Response::from_parts(
        parts,
        Answer::Own(axum::body::Body::empty()),
    ))
}

async fn send(
    lease: &Lease,
    request: Request<Upload>,
) -> Result<Response<hyper::body::Incoming>, common::BoxError> {
    let stream = connect(&lease.replica).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(connection.with_upgrades());
    Ok(sender.send_request(request).await?)
}

/// The service wants no WebSocket here; its answer is like any other, on a connection of its own.
fn declined(
    response: Response<hyper::body::Incoming>,
    service: Service,
    worker: &Worker,
) -> Response<Answer> {
    let (mut parts, body) = response.into_parts();
    headers::remove_hop_by_hop(&mut parts.headers);
    parts.extensions.clear();
    let line = Line::driven_elsewhere(worker.pool.clone());
    Response::from_parts(
        parts,
        Answer::Service(Download::new(body, line, service, SILENCE)),
    )
}

/// Passes bytes both ways until one side ends, nobody has said anything for long, or the gateway ends.
async fn pass(outside: Upgraded, inside: Upgraded, end: CancellationToken) {
    let (from_client, to_client) = tokio::io::split(TokioIo::new(outside));
    let (from_service, to_service) = tokio::io::split(TokioIo::new(inside));
    let heard = Rc::new(Cell::new(coarse_now()));
    tokio::select! {
        // Either end is the end: a WebSocket closes by a frame, not by half a connection.
        () = copy(from_client, to_service, &heard) => {}
        () = copy(from_service, to_client, &heard) => {}
        () = silence(&heard) => {}
        () = end.cancelled() => {}
    }
}

async fn copy(
    mut from: ReadHalf<TokioIo<Upgraded>>,
    mut to: WriteHalf<TokioIo<Upgraded>>,
    heard: &Cell<Instant>,
) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        heard.set(coarse_now());
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

async fn silence(heard: &Cell<Instant>) {
    loop {
        let until = heard.get() + SILENCE;
        Deadline::at(until).await;
        if heard.get() + SILENCE <= until {
            return;
        }
    }
}
