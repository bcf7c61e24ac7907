//! Child processes that end with this process.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::Error;

/// A server process behind a supervisor shell that holds the reading end of a pipe. When this
/// process drops the writing end, or dies, the shell stops the server and cleans up.
#[derive(Debug)]
pub(crate) struct Supervised {
    child: Child,
    leash: Option<ChildStdin>,
}

/// The supervisor: start the server, wait for the leash to be let go, stop the server, clean up.
/// `$1` is the signal that stops the server quickly but safely, `$2` a folder to remove or "",
/// `$3` the server's log, the rest is the server's command.
const SUPERVISOR: &str = r#"
signal=$1; remove=$2; log=$3; shift 3
"$@" </dev/null >>"$log" 2>&1 &
server=$!
cat >/dev/null
kill -s "$signal" "$server" 2>/dev/null
wait "$server" 2>/dev/null
if [ -n "$remove" ]; then rm -rf "$remove"; fi
"#;

impl Supervised {
    /// Starts `command` under a supervisor in a session of its own, so that Ctrl-C in a terminal
    /// reaches only the program that owns the server.
    pub(crate) fn start(
        command: &[String],
        stop_signal: &str,
        log: &Path,
        remove_folder: Option<&Path>,
    ) -> Result<Self, Error> {
        let mut child = Command::new("setsid")
            .arg("sh")
            .arg("-c")
            .arg(SUPERVISOR)
            .arg("private-server")
            .arg(stop_signal)
            .arg(remove_folder.unwrap_or(Path::new("")))
            .arg(log)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io(format!("start {}", command.join(" "))))?;
        let leash = child.stdin.take();
        Ok(Self { child, leash })
    }

    /// True while the supervisor, and so the server, runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Stops the server and waits for it.
    pub(crate) fn stop(&mut self) {
        drop(self.leash.take());
        // The supervisor ends when its server has; an error means that it is gone already.
        let _ = self.child.wait();
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A TCP port on loopback that was free a moment ago.
///
/// # Errors
/// [`Error::Io`] when loopback has no free port.
pub fn free_port() -> Result<u16, Error> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(Error::io("find a free port"))?;
    Ok(listener
        .local_addr()
        .map_err(Error::io("find a free port"))?
        .port())
}

/// The last lines of a log, for error messages.
pub(crate) fn tail(log: &Path) -> String {
    let Ok(mut file) = std::fs::File::open(log) else {
        return String::new();
    };
    let length = file.metadata().map_or(0, |m| m.len());
    // A log that cannot be read only makes the message shorter.
    let _ = file.seek(SeekFrom::Start(length.saturating_sub(2000)));
    let mut bytes = Vec::new();
    let _ = file.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
