//! Requests that could be read in two ways, and heads that cannot be read at all.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{World, raw, soon};

#[tokio::test]
async fn what_could_be_two_requests_is_refused_as_a_whole() {
    let world = World::new().await;
    let token = world.issuer.token(&[]);
    let smuggled = "GET /api/users/me HTTP/1.1\r\nHost: g\r\n\r\n";
    for (name, rest, code) in [
        (
            "a length, then chunks",
            format!("Host: g\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
            "request.framing_invalid",
        ),
        (
            "chunks, then a length",
            format!("Host: g\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{smuggled}"),
            "request.framing_invalid",
        ),
        (
            "another coding too",
            format!(
                "Host: g\r\nTransfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n{smuggled}"
            ),
            "request.framing_invalid",
        ),
        (
            "no host",
            "Connection: close\r\n\r\n".to_owned(),
            "request.host_invalid",
        ),
        (
            "two hosts",
            "Host: g\r\nHost: h\r\nConnection: close\r\n\r\n".to_owned(),
            "request.host_invalid",
        ),
        (
            "two lengths",
            "Host: g\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n".to_owned(),
            "request.head_invalid",
        ),
        (
            "a list of lengths",
            "Host: g\r\nContent-Length: 5, 5\r\n\r\n".to_owned(),
            "request.head_invalid",
        ),
        (
            "a length with a sign",
            "Host: g\r\nContent-Length: +5\r\n\r\n".to_owned(),
            "request.head_invalid",
        ),
        (
            "a line that goes on",
            "Host: g\r\nX-A: 1\r\n 2\r\n\r\n".to_owned(),
            "request.head_invalid",
        ),
        (
            "a space before the colon",
            "Host: g\r\nTransfer-Encoding : chunked\r\n\r\n".to_owned(),
            "request.head_invalid",
        ),
        (
            "chunks that are not the last coding",
            "Host: g\r\nTransfer-Encoding: chunked, identity\r\n\r\n".to_owned(),
            "request.head_invalid",
        ),
    ] {
        let head = format!("POST /api/1c/sync HTTP/1.1\r\nAuthorization: Bearer {token}\r\n{rest}");
        let (status, text) = raw(world.server.address(), &head).await;
        assert_eq!(status, 400, "{name}: {text}");
        assert!(text.contains(&format!("\"{code}\"")), "{name}: {text}");
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{name}: {text}");
    }
}

#[tokio::test]
async fn a_body_in_chunks_is_one_request() {
    let world = World::new().await;
    let token = world.issuer.token(&[]);
    let head = format!(
        "POST /api/1c/sync HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n\
         4\r\ntext\r\n0\r\n\r\nGET /api/1c/next HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    );
    let (status, text) = raw(world.server.address(), &head).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("\"body\":\"text\""), "{text}");
    assert!(text.contains("\"path\":\"/next\""), "{text}");
    assert_eq!(text.matches("HTTP/1.1 200").count(), 2, "{text}");
}

#[tokio::test]
async fn the_rest_of_a_refused_body_is_no_other_request() {
    let world = World::new().await;
    let body = "x".repeat(50_000);
    let head =
        format!("POST /api/users/auth/login HTTP/1.1\r\nHost: g\r\nContent-Length: 100000\r\n\r\n{body}");
    let (status, text) = raw(world.server.address(), &head).await;
    assert_eq!(status, 413, "{text}");
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
}

#[tokio::test]
async fn heads_that_are_too_large_or_no_heads_get_an_answer_with_words() {
    let world = World::new().await;
    let many: String = (0..120).map(|n| format!("X-{n}: 1\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "x".repeat(70_000));
    for (head, status, code) in [
        (
            format!("GET / HTTP/1.1\r\nHost: g\r\n{many}\r\n"),
            431,
            "request.head_too_large",
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: g\r\n{long}\r\n"),
            431,
            "request.head_too_large",
        ),
        ("nonsense\r\n\r\n".to_owned(), 400, "request.head_invalid"),
    ] {
        let (got, text) = raw(world.server.address(), &head).await;
        assert_eq!(got, status, "{text}");
        assert!(text.contains(&format!("\"{code}\"")), "{text}");
        assert!(text.contains("content-type: application/problem+json"), "{text}");
        assert!(text.contains("connection: close"), "{text}");
    }
    let metrics = common::telemetry::render_metrics();
    let counted = metrics.lines().any(|line| {
        line.starts_with("gateway_unreadable_requests_total{status=\"431\"}") && !line.ends_with(" 0")
    });
    assert!(counted, "{metrics}");
}

/// The time limit of a head is ten seconds, so this test takes as long.
#[tokio::test]
async fn clients_that_are_slow_on_purpose_are_turned_away_and_delay_nobody() {
    const SLOW: usize = 200;
    let world = World::new().await;
    let address = world.server.address();
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET /api/1c/reports HTTP/1.1\r\nHost: g\r\nX-Slow: ")
            .await
            .unwrap();
        slow.push(stream);
    }
    let user = world.user();
    for _ in 0..20 {
        let answer = soon("an ordinary answer", user.get("/api/1c/reports")).await;
        assert_eq!(answer.status, 200);
    }
    // A byte now and then does not help.
    for stream in &mut slow {
        stream.write_all(b"x").await.unwrap();
    }
    let ends = slow.into_iter().map(|mut stream| async move {
        let mut text = String::new();
        let read = stream.read_to_string(&mut text);
        tokio::time::timeout(Duration::from_secs(30), read)
            .await
            .unwrap()
            .unwrap();
        text
    });
    for text in futures_util::future::join_all(ends).await {
        assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
        assert!(text.contains("\"request.head_timeout\""), "{text}");
    }
}

#[tokio::test]
async fn an_idle_connection_ends_without_a_word() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.server.address()).await.unwrap();
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: g\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    tokio::time::timeout(Duration::from_secs(30), read)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}
