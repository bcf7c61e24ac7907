//! A private Redis server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process::{Supervised, free_port, tail};
use crate::{Error, Program, locate};

const READY_WITHIN: Duration = Duration::from_secs(30);

/// Where a server keeps its data and how it listens.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// A folder that outlives the process; with it the append-only file is on. Without it nothing is kept.
    pub folder: Option<PathBuf>,
    /// TCP port on 127.0.0.1; a free one when absent.
    pub port: Option<u16>,
}

/// A running private Redis; stopped on drop.
#[derive(Debug)]
pub struct Redis {
    server: Supervised,
    port: u16,
}

impl Redis {
    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn start(options: &RedisOptions) -> Result<Self, Error> {
        let program = locate(Program::RedisServer)?;
        let (folder, temporary) = match &options.folder {
            Some(folder) => (folder.clone(), false),
            None => {
                let folder = tempfile::Builder::new()
                    .prefix("private-redis-")
                    .tempdir()
                    .map_err(Error::io("create a temporary folder"))?;
                // The supervisor removes it, since this process may die without running destructors.
                (folder.keep(), true)
            }
        };
        std::fs::create_dir_all(&folder).map_err(Error::io(format!("create {}", folder.display())))?;
        let port = match options.port {
            Some(port) => port,
            None => free_port()?,
        };
        let log = folder.join("redis.log");
        let append_only = if temporary { "no" } else { "yes" };
        let command: Vec<String> = [
            program.display().to_string().as_str(),
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            append_only,
            "--dir",
            &folder.display().to_string(),
            // Streams hold unread events: losing them to eviction would be silent.
            "--maxmemory-policy",
            "noeviction",
        ]
        .map(str::to_owned)
        .to_vec();
        let remove = temporary.then_some(folder.as_path());
        let mut server = Supervised::start(&command, "TERM", &log, remove)?;
        wait_until_ready(&mut server, port, &log)?;
        Ok(Self { server, port })
    }

    /// TCP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connection URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Stops the server and waits for it.
    pub fn stop(mut self) {
        self.server.stop();
    }
}

fn wait_until_ready(server: &mut Supervised, port: u16, log: &Path) -> Result<(), Error> {
    let deadline = Instant::now() + READY_WITHIN;
    while Instant::now() < deadline && server.is_running() {
        if ping(port).unwrap_or(false) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(Error::NotReady {
        program: "Redis",
        seconds: READY_WITHIN.as_secs(),
        log: tail(log),
    })
}

/// Redis answers `-LOADING` while it reads its append-only file: only `+PONG` is ready.
fn ping(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0_u8; 5];
    stream.read_exact(&mut answer)?;
    Ok(&answer == b"+PONG")
}
