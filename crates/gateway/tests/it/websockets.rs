//! WebSockets pass through; the frames are nobody's business on the way.

use std::net::SocketAddr;

use axum::Router;
use common::testing::TestServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{World, raw, soon, stand_in};

async fn head_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

/// Opens a WebSocket and sends the first bytes before the answer.
async fn open(address: SocketAddr, token: &str, early: &str) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "GET /api/analytics/live HTTP/1.1\r\nHost: g\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Authorization: Bearer {token}\r\n\r\n{early}"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    client
}

#[tokio::test]
async fn bytes_pass_both_ways_after_the_service_has_agreed() {
    let service = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let world = World::builder()
        .set(
            "ANALYTICS_URL",
            format!("http://{}", service.local_addr().unwrap()),
        )
        .start()
        .await;
    let mut client = open(world.server.address(), &world.issuer.token(&[]), "").await;
    let (mut inside, _) = soon("the service is asked", service.accept()).await.unwrap();
    let asked = head_of(&mut inside).await;
    for line in [
        "get /live http/1.1\r\n",
        "connection: upgrade\r\n",
        "upgrade: websocket\r\n",
        "sec-websocket-key: dghlihnhbxbszsbub25jzq==\r\n",
    ] {
        assert!(asked.contains(line), "{line} {asked}");
    }
    let answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello";
    inside.write_all(answer).await.unwrap();
    let answered = soon("the 101", head_of(&mut client)).await;
    assert!(answered.starts_with("http/1.1 101 "), "{answered}");
    assert!(answered.contains("sec-websocket-accept: s3pp"), "{answered}");
    let mut five = [0; 5];
    soon("bytes to the client", client.read_exact(&mut five))
        .await
        .unwrap();
    assert_eq!(&five, b"hello");
    client.write_all(b"there").await.unwrap();
    soon("bytes to the service", inside.read_exact(&mut five))
        .await
        .unwrap();
    assert_eq!(&five, b"there");
    // The end of one side is the end of both.
    drop(client);
    let mut rest = Vec::new();
    soon("the end", inside.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_service_may_decline_and_nothing_goes_past_it() {
    let other = TestServer::serve(stand_in("analytics", Router::new())).await;
    let world = World::builder().set("ANALYTICS_URL", other.url()).start().await;
    // What comes before the 101 would be a second request if it were passed on.
    let early = "GET /secret HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut client = open(world.server.address(), &world.issuer.token(&[]), early).await;
    let head = soon("the answer", head_of(&mut client)).await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(!head.contains("upgrade:"), "{head}");
    let without_token = "GET /api/analytics/live HTTP/1.1\r\nHost: g\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(raw(world.server.address(), without_token).await.0, 401);
    let public =
        "GET /api/ai/health HTTP/1.1\r\nHost: g\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n";
    let (status, text) = raw(world.server.address(), public).await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("gateway.upgrade_not_supported"), "{text}");
}
