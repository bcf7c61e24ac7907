//! Programs that are measured: starting, ending, processor time, and what Redis has done for them.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Ticks per second of the times in `/proc` (`USER_HZ`), on every Linux that there is.
const TICKS: u64 = 100;
/// Where what is measured runs, and everything else.
const MEASURED: &str = "1";
const OTHERS: &str = "0";

/// A program that ends with this value.
#[derive(Debug)]
pub(crate) struct Program(Child);

impl Program {
    /// Starts a program; with `pin` on the processor for what is measured.
    pub(crate) fn start(
        program: &Path,
        arguments: &[&OsStr],
        variables: &[(&str, String)],
        output: Stdio,
        pin: bool,
    ) -> Result<Self> {
        let mut command = if pin {
            let mut command = Command::new("taskset");
            command.args(["-c", MEASURED]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let child = command
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(output)
            .spawn();
        Ok(Self(child.with_context(|| {
            format!("{} could not be started", program.display())
        })?))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // By SIGTERM: nginx ends its workers then.
        let ended = Command::new("kill").arg(self.id().to_string()).status();
        if !ended.is_ok_and(|status| status.success()) {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}

/// Keeps this program, and what it starts without another wish, on the processor for others.
pub(crate) fn pin_self() -> Result<()> {
    let id = std::process::id().to_string();
    let pinned = Command::new("taskset")
        .args(["-acp", OTHERS, &id])
        .stdout(Stdio::null())
        .status()
        .context("taskset could not be started")?;
    ensure!(pinned.success(), "this program could not be pinned");
    Ok(())
}

/// Processor time of a process and its children so far.
pub(crate) fn processor_time(process: u32) -> Result<Duration> {
    let mut ticks = 0;
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end between the list and the look.
        if let Some(stat) = stat(id)
            && (id == process || stat.parent == process)
        {
            ticks += stat.ticks;
        }
    }
    Ok(Duration::from_millis(ticks * 1000 / TICKS))
}

/// True when there is such a program, by its path or on `PATH`.
pub(crate) fn exists(program: &Path) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).any(|folder| folder.join(program).is_file());
    found || program.is_file()
}

/// Memory of a process that is in use, in bytes.
pub(crate) fn memory(process: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(kib.context("the process tells no memory")? * 1024)
}

struct Stat {
    parent: u32,
    ticks: u64,
}

fn stat(process: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    parse(&text)
}

/// proc(5): the name may contain anything, so fields are counted from its closing bracket.
fn parse(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        ticks: fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?,
    })
}

/// Scripts that clients have sent to Redis so far: limits and events are all scripts.
pub(crate) fn redis_commands(url: &str) -> Result<u64> {
    let mut connection = connect(url)?;
    let info: String = redis::cmd("INFO").arg("commandstats").query(&mut connection)?;
    let calls = |name: &str| {
        let prefix = format!("cmdstat_{name}:calls=");
        let line = info.lines().find_map(|line| line.strip_prefix(&prefix));
        line.and_then(|line| line.split(',').next()?.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Ok(calls("evalsha") + calls("eval"))
}

/// Empties Redis.
pub(crate) fn flush(url: &str) -> Result<()> {
    redis::cmd("FLUSHALL").query::<()>(&mut connect(url)?)?;
    Ok(())
}

fn connect(url: &str) -> Result<redis::Connection> {
    Ok(redis::Client::open(url)?.get_connection()?)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn names_of_processes_may_have_brackets() {
        let text = "42 (a) b)) S 7 42 42 0 -1 4194560 1 0 0 0 30 12 0 0 20 0";
        let stat = parse(text).unwrap();
        assert_eq!((stat.parent, stat.ticks), (7, 42));
    }
}
