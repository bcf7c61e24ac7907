//! One program of the stack and its log.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

/// Where the lines of programs go.
pub type LogSink = tokio::sync::mpsc::UnboundedSender<String>;

/// How a program is started.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Name in the log.
    pub name: &'static str,
    /// The program file.
    pub file: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its variables, over those of this process.
    pub variables: Vec<(String, String)>,
}

/// A running program.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    log: LogSink,
}

impl Process {
    /// Starts the program. Its output goes to `log` line by line, each prefixed by the name.
    ///
    /// # Errors
    /// When the file cannot be run.
    pub fn start(recipe: &Recipe, log: &LogSink) -> Result<Self> {
        let mut child = Command::new(&recipe.file)
            .args(&recipe.arguments)
            .envs(recipe.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // In a group of its own, so that Ctrl-C reaches this program only, which then ends the
            // others in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {}", recipe.file.display()))?;
        forward(recipe.name, child.stdout.take(), log);
        forward(recipe.name, child.stderr.take(), log);
        Ok(Self {
            name: recipe.name,
            child,
            log: log.clone(),
        })
    }

    /// Id of the process while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// How the program ended, if it has.
    pub fn ended(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(describe)
    }

    /// Asks the program to end, and kills it when it has not after `patience`.
    pub async fn stop(&mut self, patience: Duration) {
        let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) else {
            return;
        };
        // An error means that it has ended already.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            let line = format!(
                "{} did not end within {} s and is killed",
                self.name,
                patience.as_secs()
            );
            // The receiver ends last.
            let _ = self.log.send(line);
            let _ = self.child.kill().await;
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown end".to_owned(),
    }
}

fn forward(name: &'static str, output: Option<impl AsyncRead + Unpin + Send + 'static>, log: &LogSink) {
    let Some(output) = output else { return };
    let log = log.clone();
    #[expect(clippy::disallowed_methods, reason = "ends with the program's output")]
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            // The receiver ends last.
            let _ = log.send(format!("{name:<17} | {line}"));
        }
    });
}
