//! The HTTP client of the gateway and its connections. Nothing else knows which client it is.

use std::time::Duration;

use common::BoxError;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::body::Upload;

/// Services are near; one that does not take a connection by then does not take any.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Idle connections end before the other side ends them (our own services after 10 s, uvicorn
/// after 5 s), because a request that meets the end of its connection is lost.
const POOL_IDLE: Duration = Duration::from_secs(4);
const POOL_SIZE: usize = 256;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum SendError {
    /// There is no connection, so nothing was sent.
    NotConnected(BoxError),
    /// Something was sent, or may have been.
    Broken(BoxError),
}

/// Sends requests over pooled connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Client(Pooled<HttpConnector, Upload>);

impl Client {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Pooled::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_SIZE)
            .build(connector);
        Self(client)
    }

    /// Sends a request and returns the head of the answer with its body still to come. Dropping
    /// the future, or the body, ends the request at the service too.
    pub(crate) async fn send(&self, request: Request<Upload>) -> Result<Response<Incoming>, SendError> {
        self.0.request(request).await.map_err(|error| {
            if error.is_connect() {
                SendError::NotConnected(error.into())
            } else {
                SendError::Broken(error.into())
            }
        })
    }
}
