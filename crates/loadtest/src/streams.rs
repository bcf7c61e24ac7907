//! How long an event is under way: from the service's writing it to the client's having it.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// Events of a stream, and the pause before each: long enough that nobody is still busy with the last one.
const EVENTS: usize = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// Starts a service whose streams tell in each event when it was written, counted from `epoch`. It also
/// publishes the keys.
pub(crate) fn service(epoch: Instant, keys: String) -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    std::thread::Builder::new()
        .name("streams".to_owned())
        .spawn(move || {
            for stream in listener.incoming().flatten() {
                let keys = keys.clone();
                // A thread that cannot be started ends the connection, which ends the measurement.
                let _ = std::thread::Builder::new().spawn(move || serve(stream, epoch, &keys));
            }
        })?;
    Ok(address)
}

fn serve(mut stream: TcpStream, epoch: Instant, keys: &str) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 16 * 1024];
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..])?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        if !buffer[..filled].ends_with(b"\r\n\r\n") {
            continue;
        }
        let wants_keys = buffer.starts_with(b"GET /.well-known/");
        filled = 0;
        if wants_keys {
            let length = keys.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{keys}"
            )?;
            continue;
        }
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )?;
        for _ in 0..EVENTS {
            std::thread::sleep(PAUSE);
            let event = format!("data: {:020}\n\n", epoch.elapsed().as_nanos());
            // In one piece: what is measured is one way, not two.
            stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
        }
        stream.write_all(b"0\r\n\r\n")?;
    }
}

/// Reads streams from each target in turn; a table of the delays, in microseconds.
pub(crate) fn measure(
    targets: &[(&str, SocketAddr)],
    token: &str,
    epoch: Instant,
    rounds: usize,
) -> Result<String> {
    let mut delays: Vec<Vec<u64>> = vec![Vec::new(); targets.len()];
    for _ in 0..rounds {
        for ((_, address), delays) in targets.iter().zip(&mut delays) {
            delays.extend(read(*address, token, epoch)?);
        }
    }
    let mut table = String::from("| an event | p50 us | p99 us | most us |\n|---|---|---|---|\n");
    for ((name, _), delays) in targets.iter().zip(&mut delays) {
        delays.sort_unstable();
        let at = |part: usize| delays[(delays.len() * part / 100).min(delays.len() - 1)] / 1000;
        writeln!(table, "| {name} | {} | {} | {} |", at(50), at(99), at(100))?;
    }
    Ok(table)
}

/// Nanoseconds that each event of one stream was under way.
fn read(address: SocketAddr, token: &str, epoch: Instant) -> Result<Vec<u64>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        stream,
        "GET /api/analytics/stream HTTP/1.1\r\nHost: streams.test\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    let mut delays = Vec::new();
    let mut buffer = [0; 4096];
    while delays.len() < EVENTS {
        let count = stream.read(&mut buffer)?;
        let now = u64::try_from(epoch.elapsed().as_nanos())?;
        ensure!(count > 0, "the stream ended early: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        while let Some(at) = text.find("data: ") {
            let Some(number) = text.get(at + 6..at + 26) else {
                break;
            };
            delays.push(now.saturating_sub(number.parse()?));
            text.drain(..at + 26);
        }
    }
    Ok(delays)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_read_with_its_delay() {
        let epoch = Instant::now();
        let address = service(epoch, "{}".to_owned()).unwrap();
        let delays = read(address, "token", epoch).unwrap();
        assert_eq!(delays.len(), EVENTS);
        let most = Duration::from_secs(5).as_nanos();
        assert!(delays.iter().all(|delay| u128::from(*delay) < most));
    }
}
