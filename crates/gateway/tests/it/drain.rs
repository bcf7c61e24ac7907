//! The end of the gateway.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use common::http::layers::Limits;
use common::testing::Client;
use futures_util::{StreamExt, stream};
use http::Method;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::world::{World, eventually, soon};

#[tokio::test]
async fn a_stream_in_flight_is_finished_and_nobody_new_is_let_in() {
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let answer = move || async move {
        let receiver = receiver.lock().unwrap().take().unwrap();
        Body::from_stream(stream::unfold(receiver, |mut receiver| async {
            let part = receiver.recv().await?;
            Some((Ok::<_, Infallible>(part), receiver))
        }))
    };
    let router = Router::new().route("/stream", get(answer));
    let (app, issuer, _redis, _context, _stand_ins) = World::builder().assistant(router).build().await;
    let limits = Limits {
        max_concurrent: 16,
        max_body_bytes: 1 << 20,
        request_timeout: Duration::from_secs(30),
    };
    let router = common::service::router(gateway::DEFINITION, app, limits);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let serving = common::http::server::serve(listener, router, shutdown.clone(), Duration::from_secs(20));
    let client = Client::anonymous(format!("http://{address}")).with_token(issuer.token(&[]));
    let using = async {
        let answer = common::http::client::send(client.request(Method::GET, "/api/ai/stream"));
        let mut body = soon("the head", answer).await.unwrap().bytes_stream();
        sender.send(Bytes::from_static(b"one")).await.unwrap();
        assert_eq!(soon("the first part", body.next()).await.unwrap().unwrap(), "one");

        shutdown.cancel();
        eventually("the door is closed", async || {
            TcpStream::connect(address).await.is_err()
        })
        .await;
        sender.send(Bytes::from_static(b"two")).await.unwrap();
        assert_eq!(
            soon("the second part", body.next()).await.unwrap().unwrap(),
            "two"
        );
        drop(sender);
        assert!(soon("the end", body.next()).await.is_none());
    };
    soon(
        "the end of the gateway",
        futures_util::future::join(serving, using),
    )
    .await;
}
