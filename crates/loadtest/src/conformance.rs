//! The same odd requests for nginx, HAProxy and the gateway: what each answers, and what the service behind
//! it gets to see.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;

use crate::odd_requests::{self, INSIDE, OddRequest, PATH};

/// A connection on which nothing comes for so long is taken for finished.
const QUIET: Duration = Duration::from_millis(700);
/// Headers whose way through is looked at.
const WATCHED: [&str; 6] = ["x_user_id", "x-user-id", "x-hop", "upgrade", "x-a", "x-b"];

/// What the service has seen since it was asked last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn add(&self, text: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Starts a service that notes each request in its own words and answers 200.
pub(crate) fn service(seen: Seen, keys: String) -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    std::thread::Builder::new()
        .name("service".to_owned())
        .spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, keys) = (seen.clone(), keys.clone());
                // A thread that cannot be started closes the connection, which shows in the table.
                let _ = std::thread::Builder::new().spawn(move || serve(stream, &seen, &keys));
            }
        })?;
    Ok(address)
}

fn serve(mut stream: TcpStream, seen: &Seen, keys: &str) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(end) = fill_until(&mut stream, &mut buffer, b"\r\n\r\n")? else {
            return Ok(());
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end);
        let field = |wanted: &str| {
            head.lines().skip(1).find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
            })
        };
        let first = head.lines().next().unwrap_or_default().to_owned();
        let mut body = Vec::new();
        if field("transfer-encoding").is_some() {
            loop {
                let Some(end) = fill_until(&mut stream, &mut buffer, b"\r\n")? else {
                    return Ok(());
                };
                let line = String::from_utf8_lossy(&buffer[..end]).into_owned();
                buffer.drain(..end);
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16).unwrap_or(0);
                let Some(part) = take(&mut stream, &mut buffer, size + 2)? else {
                    return Ok(());
                };
                if size == 0 {
                    break;
                }
                body.extend_from_slice(&part[..size]);
            }
        } else if let Some(length) = field("content-length").and_then(|length| length.parse().ok()) {
            match take(&mut stream, &mut buffer, length)? {
                Some(bytes) => body = bytes,
                None => return Ok(()),
            }
        }
        let wants_keys = first.contains("/.well-known/");
        if !wants_keys && !first.contains("/ready") {
            let mut words = first.split(' ');
            let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let mut text = format!("{method} {}", shortened(target));
            if !body.is_empty() {
                let _ = write!(text, " [{}]", String::from_utf8_lossy(&body));
            }
            for name in WATCHED {
                if let Some(value) = field(name) {
                    let _ = write!(text, " {name}={value}");
                }
            }
            seen.add(text);
        }
        let body = if wants_keys { keys } else { "{}" };
        let is_head = first.starts_with("HEAD ");
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
            body.len(),
            if is_head { "" } else { body }
        );
        stream.write_all(answer.as_bytes())?;
    }
}

/// Where the text ends that the buffer is to have; `None` at the end of the connection.
fn fill_until(stream: &mut TcpStream, buffer: &mut Vec<u8>, text: &[u8]) -> std::io::Result<Option<usize>> {
    loop {
        if let Some(at) = buffer.windows(text.len()).position(|window| window == text) {
            return Ok(Some(at + text.len()));
        }
        if !fill(stream, buffer)? {
            return Ok(None);
        }
    }
}

fn take(stream: &mut TcpStream, buffer: &mut Vec<u8>, count: usize) -> std::io::Result<Option<Vec<u8>>> {
    while buffer.len() < count {
        if !fill(stream, buffer)? {
            return Ok(None);
        }
    }
    Ok(Some(buffer.drain(..count).collect()))
}

fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut part = [0; 16 * 1024];
    let count = stream.read(&mut part)?;
    buffer.extend_from_slice(&part[..count]);
    Ok(count > 0)
}

/// The path of the table is as good as its end.
fn shortened(target: &str) -> String {
    let target = target.replace(PATH, "…").replace(INSIDE, "…");
    if target.chars().count() > 40 {
        let start: String = target.chars().take(30).collect();
        return format!("{start}...");
    }
    target
}

/// What one of them makes of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Statuses, or what happened instead.
    answered: String,
    /// What the service saw.
    seen: Vec<String>,
}

impl Outcome {
    fn text(&self) -> String {
        if self.seen.is_empty() {
            return self.answered.clone();
        }
        let seen: Vec<String> = self
            .seen
            .iter()
            .map(|text| format!("`{}`", escaped(text)))
            .collect();
        format!("{}: {}", self.answered, seen.join(", "))
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('|', "\\|");
    text.chars()
        .flat_map(|one| {
            if one.is_control() {
                one.escape_default().collect::<Vec<_>>()
            } else {
                vec![one]
            }
        })
        .collect()
}

fn ask(address: SocketAddr, request: &OddRequest, seen: &Seen) -> Result<Outcome> {
    seen.take();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(QUIET))?;
    // A server may refuse before it has read everything.
    let _ = stream.write_all(&request.bytes);
    let mut answer = Vec::new();
    let mut part = [0; 16 * 1024];
    let mut open = false;
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&part[..count]),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                open = true;
                break;
            }
            Err(_) => break,
        }
    }
    let statuses = statuses(&answer);
    let answered = match (statuses.is_empty(), answer.is_empty(), open) {
        (false, _, _) => statuses.join(" "),
        (true, false, _) => "a body without a head".to_owned(),
        (true, true, true) => "waits".to_owned(),
        (true, true, false) => "closes".to_owned(),
    };
    Ok(Outcome {
        answered,
        seen: seen.take(),
    })
}

/// The final and interim statuses of an answer: bodies here never begin like one.
fn statuses(answer: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(answer);
    let heads = text.match_indices("HTTP/1.");
    heads
        .filter_map(|(at, _)| text.get(at + 9..at + 12))
        .filter(|status| status.bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

/// Asks everybody everything; a table in Markdown.
pub(crate) fn table(targets: &[(&str, SocketAddr)], seen: &Seen) -> Result<String> {
    let mut table = String::new();
    let names: Vec<&str> = targets.iter().map(|(name, _)| *name).collect();
    writeln!(
        table,
        "| Request | {} | Why the gateway does otherwise |",
        names.join(" | ")
    )?;
    writeln!(table, "|---|{}---|", "---|".repeat(names.len()))?;
    for request in odd_requests::all() {
        let mut outcomes = Vec::new();
        for (_, address) in targets {
            outcomes.push(ask(*address, &request, seen)?);
        }
        let differs = outcomes
            .iter()
            .any(|outcome| outcome.answered != outcomes[outcomes.len() - 1].answered)
            || outcomes
                .iter()
                .any(|outcome| outcome.seen != outcomes[outcomes.len() - 1].seen);
        let cells: Vec<String> = outcomes.iter().map(Outcome::text).collect();
        let reason = if differs { request.reason } else { "" };
        writeln!(table, "| {} | {} | {reason} |", request.name, cells.join(" | "))?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_of_all_answers_are_found() {
        let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.0 404 Not\r\n";
        assert_eq!(statuses(answer), ["100", "200", "404"]);
        assert!(statuses(b"{}").is_empty());
    }

    #[test]
    fn the_service_says_what_it_saw() {
        let seen = Seen::default();
        let address = service(seen.clone(), "{}".to_owned()).unwrap();
        let chunks = odd_requests::all()
            .into_iter()
            .find(|request| request.name == "chunks")
            .unwrap();
        let outcome = ask(address, &chunks, &seen).unwrap();
        assert_eq!(outcome.answered, "200");
        assert_eq!(outcome.seen, ["POST … [text]"]);
    }
}
