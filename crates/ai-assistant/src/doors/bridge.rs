//! `ai-assistant mcp-stdio`: the MCP server of this system for clients that start a program and
//! speak with it over its standard streams, such as Claude Desktop, whose own connectors cannot
//! reach an address inside a company. Each line is one message; each is passed on by HTTP.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::config::{ConfigErrors, Reader};
use common::http::client;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::header::{ACCEPT, CONTENT_TYPE};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use url::Url;
use uuid::Uuid;

/// A report may take a while.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Greatest answer that is passed on, bytes.
const MAX_BYTES: usize = 8 * 1024 * 1024;
const VERSION_MEMBER: &str = "io.modelcontextprotocol/protocolVersion";

/// Why the bridge cannot work.
#[derive(Debug, thiserror::Error)]
enum BridgeError {
    /// Variables are missing or wrong.
    #[error(transparent)]
    Settings(#[from] ConfigErrors),
    /// An HTTP client cannot be made.
    #[error("an HTTP client cannot be made")]
    Client(#[from] reqwest::Error),
    /// The program has no standard streams.
    #[error("standard input or output is broken")]
    Streams(#[from] std::io::Error),
}

/// Where messages go.
#[derive(Debug)]
struct Bridge {
    url: Url,
    key: SecretString,
    headers: Vec<(&'static str, Uuid)>,
    client: Client,
    /// The version that `initialize` agreed on.
    version: Mutex<Option<String>>,
}

/// Passes messages on until standard input ends.
///
/// `MCP_URL` is the address of the server (`https://…/mcp`), `MCP_KEY` an API key or an access
/// token; `MCP_COMPANY_ID` and `MCP_INFOBASE_ID` limit all calls to a company or an infobase.
#[must_use]
#[expect(clippy::print_stderr, reason = "standard output belongs to the protocol")]
pub fn mcp_stdio() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime
        .map_err(BridgeError::from)
        .and_then(|runtime| runtime.block_on(run(Reader::from_process("mcp-stdio"))));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(reader: Reader) -> Result<(), BridgeError> {
    let bridge = Arc::new(Bridge::new(reader)?);
    let (sender, mut lines) = mpsc::channel::<String>(64);
    // Standard input cannot be read without a thread; it ends with the program.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let mut running = FuturesUnordered::new();
    let mut open = true;
    while open || !running.is_empty() {
        tokio::select! {
            line = lines.recv(), if open => match line {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => {
                    let bridge = bridge.clone();
                    running.push(async move { bridge.pass(&line).await });
                }
                None => open = false,
            },
            Some(answers) = running.next(), if !running.is_empty() => {
                let mut out = std::io::stdout().lock();
                for answer in answers {
                    writeln!(out, "{answer}")?;
                }
                out.flush()?;
            }
        }
    }
    Ok(())
}

impl Bridge {
    fn new(mut reader: Reader) -> Result<Self, BridgeError> {
        let url = reader.required::<Url>("MCP_URL");
        let key = reader.secret("MCP_KEY");
        if key.is_none() {
            reader.invalid("MCP_KEY", "is not set");
        }
        let company = reader.optional::<Uuid>("MCP_COMPANY_ID");
        let infobase = reader.optional::<Uuid>("MCP_INFOBASE_ID");
        let read = match (url, key, company, infobase) {
            (Some(url), Some(key), Some(company), Some(infobase)) => Some((url, key, company, infobase)),
            _ => None,
        };
        let (url, key, company, infobase) = reader.finish(read)?;
        let headers = [("x-company-id", company), ("x-infobase-id", infobase)];
        Ok(Self {
            url,
            key,
            headers: headers
                .into_iter()
                .filter_map(|(name, id)| Some((name, id?)))
                .collect(),
            client: client::builder().timeout(TIMEOUT).build()?,
            version: Mutex::new(None),
        })
    }

    /// Passes one message on and gives the messages that answer it.
    async fn pass(&self, line: &str) -> Vec<Value> {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            return vec![error_of(&Value::Null, -32700, "the line is no JSON")];
        };
        let id = message.get("id").filter(|_| message.get("method").is_some());
        match self.post(&message).await {
            Ok(answers) => answers,
            // Nobody waits for the answer to a notification.
            Err(why) => id.map(|id| error_of(id, -32603, &why)).into_iter().collect(),
        }
    }

    async fn post(&self, message: &Value) -> Result<Vec<Value>, String> {
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .bearer_auth(self.key.expose_secret())
            .body(message.to_string());
        for (name, id) in &self.headers {
            request = request.header(*name, id.to_string());
        }
        for (name, value) in self.protocol_headers(message) {
            request = request.header(name, value);
        }
        let response = client::send(request)
            .await
            .map_err(|error| format!("the MCP server does not answer: {}", error.without_url()))?;
        let status = response.status();
        let is_stream = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let body = read(response).await?;
        let answers: Vec<Value> = if is_stream {
            body.lines()
                .filter_map(|line| line.strip_prefix("data:"))
                .filter_map(|data| serde_json::from_str(data.trim()).ok())
                .collect()
        } else {
            serde_json::from_str(&body).ok().into_iter().collect()
        };
        let answers: Vec<Value> = answers
            .into_iter()
            .filter(|answer: &Value| answer.get("jsonrpc").is_some())
            .collect();
        if !status.is_success() && answers.is_empty() {
            return Err(refusal(status.as_u16(), &body));
        }
        for answer in &answers {
            if let Some(version) = answer["result"]["protocolVersion"].as_str() {
                *self.version.lock().unwrap_or_else(PoisonError::into_inner) = Some(version.to_owned());
            }
        }
        Ok(answers)
    }

    /// What the protocol wants to see in headers too.
    fn protocol_headers(&self, message: &Value) -> HashMap<&'static str, String> {
        let mut headers = HashMap::new();
        let of_message = message["params"]["_meta"][VERSION_MEMBER].as_str();
        let agreed = self
            .version
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(version) = of_message.map(str::to_owned).or(agreed) {
            headers.insert("mcp-protocol-version", version);
        }
        if let (Some(_), Some(method)) = (of_message, message["method"].as_str()) {
            headers.insert("mcp-method", method.to_owned());
            let name = message["params"]["name"]
                .as_str()
                .or(message["params"]["uri"].as_str());
            if let Some(name) = name.filter(|name| name.is_ascii()) {
                headers.insert("mcp-name", name.to_owned());
            }
        }
        headers
    }
}

async fn read(mut response: reqwest::Response) -> Result<String, String> {
    let mut body = Vec::new();
    loop {
        let chunk = response
            .chunk()
            .await
            .map_err(|error| format!("the answer broke off: {}", error.without_url()))?;
        let Some(chunk) = chunk else { break };
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(format!("the answer is longer than {MAX_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// What the server says of a refusal, in words for the person at the client.
fn refusal(status: u16, body: &str) -> String {
    let problem: Value = serde_json::from_str(body).unwrap_or_default();
    let title = problem["title"].as_str().unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or_default();
    format!("{status} {title} {detail}").trim().to_owned()
}

fn error_of(id: &Value, code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bridge(url: &str) -> Bridge {
        Bridge::new(Reader::from_values([("MCP_URL", url), ("MCP_KEY", "ak_x")])).unwrap()
    }

    #[test]
    fn settings_are_named() {
        let error = Bridge::new(Reader::from_values([("MCP_COMPANY_ID", "x")])).unwrap_err();
        let error = error.to_string();
        for name in ["MCP_URL", "MCP_KEY", "MCP_COMPANY_ID"] {
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn the_newer_protocol_wants_headers() {
        let bridge = bridge("http://127.0.0.1:9/mcp");
        let older = bridge.protocol_headers(&json!({"method": "tools/call", "params": {"name": "get_cash"}}));
        assert!(older.is_empty());
        let newer = bridge.protocol_headers(&json!({"method": "tools/call",
            "params": {"name": "get_cash", "_meta": {VERSION_MEMBER: "2026-07-28"}}}));
        assert_eq!(newer["mcp-protocol-version"], "2026-07-28");
        assert_eq!(
            (newer["mcp-method"].as_str(), newer["mcp-name"].as_str()),
            ("tools/call", "get_cash")
        );
    }

    #[tokio::test]
    async fn what_cannot_be_passed_on_is_answered() {
        let bridge = bridge("http://127.0.0.1:9/mcp");
        assert_eq!(bridge.pass("{").await[0]["error"]["code"], -32700);
        let asked = json!({"jsonrpc": "2.0", "id": 7, "method": "ping"}).to_string();
        let answered = bridge.pass(&asked).await;
        assert_eq!(
            (&answered[0]["id"], &answered[0]["error"]["code"]),
            (&json!(7), &json!(-32603))
        );
        let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
        assert!(bridge.pass(&told).await.is_empty());
    }
}
