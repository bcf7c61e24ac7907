//! The end of the gateway.

use std::convert::Infallible;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use common::http::layers::Limits;
use common::http::server::Ending;
use common::service::Serving;
use common::testing::{self, Client, TestServer};
use futures_util::{StreamExt, stream};
use http::Method;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::world::{World, eventually, soon, stand_in};

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
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let serving = Serving {
        limits: Limits {
            max_concurrent: 16,
            max_body_bytes: 1 << 20,
            request_timeout: Duration::from_secs(30),
        },
        drain: shutdown.clone(),
        ending: Ending::within(Duration::from_secs(20)),
    };
    let serving = (app.serve)(listener, serving);
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

#[tokio::test]
async fn the_program_ends_with_0_after_sigterm() {
    let redis = testing::redis().await;
    let users = TestServer::serve(stand_in("user-management", Router::new())).await;
    let free = async || {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        listener.local_addr().unwrap().port().to_string()
    };
    let (port, admin_port) = (free().await, free().await);
    let program = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .env_clear()
        .env("REDIS_URL", redis.url())
        .env("USER_MANAGEMENT_URL", users.url())
        .env("PORT", &port)
        .env("ADMIN_PORT", &admin_port)
        .env("LOG_FORMAT", "json")
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    eventually("the gateway listens", async || {
        TcpStream::connect(format!("127.0.0.1:{port}")).await.is_ok()
    })
    .await;
    let client = Client::anonymous(format!("http://127.0.0.1:{port}"));
    assert_eq!(client.get("/api/users/auth/login").await.status, 200);
    let admin = Client::anonymous(format!("http://127.0.0.1:{admin_port}"));
    assert!(
        admin
            .get("/metrics")
            .await
            .text()
            .contains("gateway_breaker_state")
    );
    let id = program.id().unwrap().to_string();
    let killed = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
    assert!(killed.success());
    let ended = soon("the end of the program", program.wait_with_output())
        .await
        .unwrap();
    assert_eq!(ended.status.code(), Some(0));
    // The line of the request is among the last, and is there.
    let log = String::from_utf8(ended.stderr).unwrap();
    let mut lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let line = lines.find(|line| line["url.path"] == "/api/users/auth/login");
    let line = line.expect("the line of the request");
    assert_eq!(line["http.response.status_code"], 200, "{line}");
    assert_eq!(line["labels.route"], "/api/users/auth/login", "{line}");
    assert_eq!(line["log.level"], "info", "{line}");
    let mut connection = redis.connect().connection();
    let events: usize = redis::AsyncCommands::xlen(&mut connection, "events:requests")
        .await
        .unwrap();
    assert_eq!(events, 1);
}
