//! Replicas that cost as little as possible: each request gets the same answer.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Where keys are asked for.
pub(crate) const KEYS_PATH: &str = "/.well-known/jwks.json";
/// Bytes of the body of an answer.
const BODY: usize = 128;

/// Starts replicas on threads of their own that last as long as the program. Each also publishes the keys.
pub(crate) fn start(count: usize, keys: String) -> Result<Vec<SocketAddr>> {
    let keys: Arc<str> = keys.into();
    (0..count)
        .map(|_| {
            let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
            let address = listener.local_addr()?;
            let keys = keys.clone();
            std::thread::Builder::new()
                .name("replica".to_owned())
                .spawn(move || serve(listener, keys))?;
            Ok(address)
        })
        .collect()
}

fn serve(listener: std::net::TcpListener, keys: Arc<str>) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let keys = keys.clone();
            tokio::task::spawn_local(async move {
                // The other side has gone; nobody is waiting for this.
                let _ = answer(stream, &keys).await;
            });
        }
    })
}

async fn answer(mut stream: TcpStream, keys: &str) -> std::io::Result<()> {
    let ordinary = response(&format!("{{\"data\":\"{}\"}}", "x".repeat(BODY - 11)));
    let published = response(keys);
    let mut buffer = vec![0; 16 * 1024];
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        // Requests here have no body, and one at a time is on a connection.
        if buffer[..filled].ends_with(b"\r\n\r\n") {
            let head = &buffer[..filled];
            let wants_keys = head.starts_with(b"GET /.well-known/");
            stream
                .write_all(if wants_keys { &published } else { &ordinary })
                .await?;
            filled = 0;
        }
    }
}

fn response(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}
