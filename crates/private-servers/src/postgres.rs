//! A private PostgreSQL cluster.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Supervised, free_port, tail};
use crate::{Error, Program, locate};

/// How long a cluster may take to accept connections, recovery after a crash included.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// The account that PostgreSQL runs as when this process is root.
const NOBODY: u32 = 65534;

/// Where a cluster lives and how it listens.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// A folder that outlives the process; without it a temporary one is used and removed.
    pub folder: Option<PathBuf>,
    /// TCP port on 127.0.0.1; a free one when absent.
    pub port: Option<u16>,
    /// Durability can be given up in tests: a crash may lose or break the cluster.
    pub durable: bool,
}

/// A running private cluster; stopped on drop.
#[derive(Debug)]
pub struct Postgres {
    server: Supervised,
    port: u16,
    bin: PathBuf,
}

impl Postgres {
    /// Initialises the cluster if its folder is empty, starts it and waits until it answers.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn start(options: &PostgresOptions) -> Result<Self, Error> {
        let initdb = locate(Program::Initdb)?;
        let bin = initdb.parent().map(Path::to_path_buf).unwrap_or_default();
        let (folder, temporary) = match &options.folder {
            Some(folder) => (folder.clone(), false),
            None => (temporary_folder()?, true),
        };
        std::fs::create_dir_all(&folder).map_err(Error::io(format!("create {}", folder.display())))?;
        let data = folder.join("data");
        let log = folder.join("postgres.log");
        if nix::unistd::geteuid().is_root() {
            give_to_nobody(&folder)?;
        }
        if !data.join("PG_VERSION").exists() {
            run(as_postgres(&initdb)
                .args([
                    "--no-sync",
                    "--auth=trust",
                    "--username=postgres",
                    "--encoding=UTF8",
                ])
                .args(["--locale=C.UTF-8", "--pgdata"])
                .arg(&data))?;
        }
        let port = match options.port {
            Some(port) => port,
            None => free_port()?,
        };
        let mut command = command_line(&bin.join("postgres"));
        command.extend(["-D".to_owned(), data.display().to_string()]);
        let mut settings = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            format!("unix_socket_directories={}", folder.display()),
            "max_connections=300".to_owned(),
        ];
        if !options.durable {
            settings
                .extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned));
        }
        for setting in settings {
            command.extend(["-c".to_owned(), setting]);
        }
        let remove = temporary.then_some(folder.as_path());
        let mut server = Supervised::start(&command, "INT", &log, remove)?;
        wait_until_ready(&mut server, &bin, port, &log)?;
        Ok(Self { server, port, bin })
    }

    /// TCP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connection URL of a database in this cluster, as its superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Creates the database unless it exists.
    ///
    /// # Errors
    /// [`Error::Command`] with what `psql` printed.
    pub fn create_database(&self, name: &str) -> Result<(), Error> {
        let exists = self.psql(
            "postgres",
            &format!("select 1 from pg_database where datname = '{name}'"),
        )?;
        if exists.trim() != "1" {
            self.psql("postgres", &format!("create database \"{name}\""))?;
        }
        Ok(())
    }

    /// Runs one statement by `psql` and returns its unaligned output.
    ///
    /// # Errors
    /// [`Error::Command`] with what `psql` printed.
    pub fn psql(&self, database: &str, statement: &str) -> Result<String, Error> {
        run(Command::new(self.bin.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement])
            .arg(self.url(database)))
    }

    /// Stops the cluster and waits for it.
    pub fn stop(mut self) {
        self.server.stop();
    }
}

fn wait_until_ready(server: &mut Supervised, bin: &Path, port: u16, log: &Path) -> Result<(), Error> {
    let deadline = Instant::now() + READY_WITHIN;
    while Instant::now() < deadline && server.is_running() {
        let ready = Command::new(bin.join("pg_isready"))
            .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])
            .status()
            .is_ok_and(|status| status.success());
        if ready {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(Error::NotReady {
        program: "PostgreSQL",
        seconds: READY_WITHIN.as_secs(),
        log: tail(log),
    })
}

fn temporary_folder() -> Result<PathBuf, Error> {
    let folder = tempfile::Builder::new()
        .prefix("private-postgres-")
        .tempdir()
        .map_err(Error::io("create a temporary folder"))?;
    // The supervisor removes it, since this process may die without running destructors.
    Ok(folder.keep())
}

fn give_to_nobody(folder: &Path) -> Result<(), Error> {
    let nobody = nix::unistd::Uid::from_raw(NOBODY);
    let group = nix::unistd::Gid::from_raw(NOBODY);
    nix::unistd::chown(folder, Some(nobody), Some(group)).map_err(|errno| Error::Io {
        action: format!("chown {}", folder.display()),
        source: errno.into(),
    })
}

/// The start of a command line that runs `program` as an account PostgreSQL accepts.
fn command_line(program: &Path) -> Vec<String> {
    let program = program.display().to_string();
    if nix::unistd::geteuid().is_root() {
        let user = format!("--reuid={NOBODY}");
        let group = format!("--regid={NOBODY}");
        vec![
            "setpriv".to_owned(),
            user,
            group,
            "--clear-groups".to_owned(),
            program,
        ]
    } else {
        vec![program]
    }
}

fn as_postgres(program: &Path) -> Command {
    let words = command_line(program);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    // `nobody` may not enter the folder of the caller.
    command.current_dir("/");
    command
}

fn run(command: &mut Command) -> Result<String, Error> {
    let line = format!("{command:?}");
    let output = command.output().map_err(Error::io(line.clone()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let printed = [output.stdout, output.stderr].concat();
        Err(Error::Command {
            command: line,
            output: String::from_utf8_lossy(&printed).into_owned(),
        })
    }
}
