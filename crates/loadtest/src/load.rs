//! The clients: connections that are kept, each with one request at a time.
//!
//! With a rate, requests have a time at which they are due, and latency counts from that time: a server
//! that stalls does not make its clients ask less.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) duration: Duration,
    pub(crate) rate: Option<u32>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Load {
    pub(crate) elapsed: Duration,
    pub(crate) latencies: Vec<Duration>,
    /// Answers other than 200.
    pub(crate) failed: usize,
}

/// Asks for as long as the plan says.
pub(crate) fn run(plan: &Plan, tokens: &[String]) -> Result<Load> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let requests: Rc<[Vec<u8>]> = tokens.iter().map(|token| request(token)).collect();
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let load = Rc::new(RefCell::new(Load::default()));
        let started = Instant::now();
        let clients: Vec<_> = (0..plan.connections)
            .map(|number| {
                let client = client(number, *plan, requests.clone(), load.clone(), started);
                tokio::task::spawn_local(client)
            })
            .collect();
        for client in clients {
            client.await??;
        }
        let mut load = load.take();
        load.elapsed = started.elapsed();
        ensure!(!load.latencies.is_empty(), "there was no answer");
        Ok(load)
    })
}

fn request(token: &str) -> Vec<u8> {
    format!(
        "GET /api/analytics/metrics?period=month HTTP/1.1\r\nHost: gateway.test\r\nUser-Agent: loadtest/1\r\n\
         Accept: application/json\r\nAccept-Language: ru\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

async fn client(
    number: usize,
    plan: Plan,
    requests: Rc<[Vec<u8>]>,
    load: Rc<RefCell<Load>>,
    started: Instant,
) -> Result<()> {
    let mut stream = TcpStream::connect(plan.address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    let pause = plan
        .rate
        .map(|rate| Duration::from_secs_f64(plan.connections as f64 / f64::from(rate)));
    let mut turn = 0_u32;
    // Clients begin one after another, evenly.
    let offset = pause.map_or(Duration::ZERO, |pause| {
        pause.mul_f64(number as f64 / plan.connections as f64)
    });
    let mut which = number * 7919;
    loop {
        let due = match pause {
            // A timer is a little late each time, which is not the server's doing.
            Some(pause) => {
                let due = started + offset + pause * turn;
                if Instant::now() < due {
                    tokio::time::sleep_until(due.into()).await;
                    Instant::now()
                } else {
                    due
                }
            }
            None => Instant::now(),
        };
        if started.elapsed() >= plan.duration {
            return Ok(());
        }
        turn += 1;
        which = which.wrapping_add(31);
        stream.write_all(&requests[which % requests.len()]).await?;
        let ok = answer(&mut stream, &mut buffer).await?;
        let mut load = load.borrow_mut();
        load.latencies.push(due.elapsed());
        load.failed += usize::from(!ok);
    }
}

/// Reads one answer; true when it is a 200.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<bool> {
    let mut filled = 0;
    let mut wanted = None;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        ensure!(count > 0, "the connection ended before the answer");
        filled += count;
        if wanted.is_none() {
            wanted = whole_length(&buffer[..filled]);
        }
        if wanted.is_some_and(|wanted| filled >= wanted) {
            return Ok(buffer.starts_with(b"HTTP/1.1 200"));
        }
    }
}

/// Bytes of an answer with its body, once the head is there. All answers here tell their length.
fn whole_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    Some(head + length.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::whole_length;

    #[test]
    fn an_answer_is_whole_with_its_body() {
        assert_eq!(whole_length(b"HTTP/1.1 200 OK\r\ncontent-le"), None);
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
        assert_eq!(whole_length(head), Some(head.len() + 3));
        let none = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(whole_length(none), Some(none.len()));
    }
}
