//! The end of serving: connections that clients keep are ended before the listener closes.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use common::http::server::{self, Ending};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Sends one request and reads its answer, which is `hello`.
async fn ask(connection: &mut TcpStream) -> String {
    connection.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        let mut part = [0_u8; 1024];
        let read = connection.read(&mut part).await.unwrap();
        assert!(read > 0, "the connection ended before the answer");
        answer.extend_from_slice(&part[..read]);
    }
    String::from_utf8(answer).unwrap().to_lowercase()
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

#[tokio::test]
async fn during_the_delay_every_answer_ends_its_connection() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let ending = Ending {
        delay: Duration::from_secs(2),
        grace: Duration::from_secs(10),
    };
    let router = Router::new().route("/", get(|| async { "hello" }));
    let serving = server::serve(listener, router, shutdown.clone(), ending);
    let using = async {
        let mut kept = connect(address).await;
        assert!(!ask(&mut kept).await.contains("connection: close"));

        shutdown.cancel();
        assert!(ask(&mut kept).await.contains("connection: close"));
        assert_eq!(kept.read(&mut [0_u8; 1]).await.unwrap(), 0, "the connection ends");

        // Somebody who does not know yet is served as well.
        let mut new = connect(address).await;
        assert!(ask(&mut new).await.contains("connection: close"));
    };
    futures_util::future::join(serving, using).await;
    assert!(TcpStream::connect(address).await.is_err());
}
