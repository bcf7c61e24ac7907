//! How other calls of `cargo dev` reach a running stack: one line of JSON each way over a Unix
//! socket in its folder.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use crate::stack::Status;

/// What a running stack can be told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Tell the status.
    Status,
    /// Start a program that does not run.
    Start(String),
    /// Stop a program.
    Stop(String),
    /// End everything.
    Down,
}

/// What it answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To [`Command::Status`].
    Status(Box<Status>),
    /// Done.
    Done,
    /// Not possible, and why.
    Refused(String),
}

/// A command with the way for its reply.
pub type Order = (Command, oneshot::Sender<Reply>);

/// Listens on the socket and passes commands on.
///
/// # Errors
/// When the socket cannot be made.
pub fn listen(socket: &Path, orders: mpsc::Sender<Order>) -> Result<()> {
    // Left by a stack that was killed; a living one was looked for before.
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).with_context(|| format!("listen on {}", socket.display()))?;
    #[expect(clippy::disallowed_methods, reason = "ends with the program")]
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let orders = orders.clone();
            tokio::spawn(async move {
                // A caller that goes away needs no reply.
                let _ = answer(stream, orders).await;
            });
        }
    });
    Ok(())
}

async fn answer(stream: UnixStream, orders: mpsc::Sender<Order>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let command = serde_json::from_str(&line)?;
    let (sender, receiver) = oneshot::channel();
    orders.send((command, sender)).await?;
    let mut reply = serde_json::to_string(&receiver.await?)?;
    reply.push('\n');
    stream.get_mut().write_all(reply.as_bytes()).await?;
    Ok(())
}

/// True when a stack listens on the socket.
pub async fn is_running(socket: &Path) -> bool {
    UnixStream::connect(socket).await.is_ok()
}

/// Sends a command to the stack that listens on the socket.
///
/// # Errors
/// When no stack runs or it refuses.
pub async fn send(socket: &Path, command: &Command) -> Result<Reply> {
    let Ok(mut stream) = UnixStream::connect(socket).await else {
        bail!("no stack is running; start one with: cargo dev");
    };
    let mut line = serde_json::to_string(command)?;
    line.push('\n');
    stream.write_all(line.as_bytes()).await?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply).await?;
    match serde_json::from_str(&reply).context("the stack ended without a reply")? {
        Reply::Refused(why) => bail!(why),
        reply => Ok(reply),
    }
}
