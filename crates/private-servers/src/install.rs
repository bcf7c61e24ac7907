//! Finding the servers' programs, and installing them where this process may.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// A program that comes with one of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// `initdb` of PostgreSQL; `pg_ctl`, `postgres` and `psql` are beside it.
    Initdb,
    /// `redis-server`.
    RedisServer,
}

impl Program {
    fn file_name(self) -> &'static str {
        match self {
            Self::Initdb => "initdb",
            Self::RedisServer => "redis-server",
        }
    }

    fn server(self) -> &'static str {
        match self {
            Self::Initdb => "PostgreSQL",
            Self::RedisServer => "Redis",
        }
    }

    fn debian_package(self) -> &'static str {
        match self {
            Self::Initdb => "postgresql",
            Self::RedisServer => "redis-server",
        }
    }

    /// The command that a person runs to install the program on this machine.
    fn install_command(self) -> String {
        let package = self.debian_package();
        if Path::new("/usr/bin/apt-get").exists() {
            format!("sudo apt-get install -y {package}")
        } else if Path::new("/usr/bin/dnf").exists() {
            let package = if self == Self::Initdb {
                "postgresql-server"
            } else {
                "redis"
            };
            format!("sudo dnf install -y {package}")
        } else {
            let package = if self == Self::Initdb {
                "postgresql"
            } else {
                "redis"
            };
            format!("brew install {package}")
        }
    }
}

/// The full path of a program; installs its Debian package first when it is missing and this
/// process is root on a machine with `apt-get`.
///
/// # Errors
/// [`Error::NotInstalled`] with the exact command for a person to run.
pub fn locate(program: Program) -> Result<PathBuf, Error> {
    if let Some(path) = find(program) {
        return Ok(path);
    }
    if nix::unistd::geteuid().is_root() && Path::new("/usr/bin/apt-get").exists() {
        install(program);
        if let Some(path) = find(program) {
            return Ok(path);
        }
    }
    Err(Error::NotInstalled {
        program: program.server(),
        command: program.install_command(),
    })
}

fn find(program: Program) -> Option<PathBuf> {
    let name = program.file_name();
    // Debian keeps PostgreSQL's own programs outside PATH, one folder per version: newest first.
    let mut folders: Vec<PathBuf> = Vec::new();
    if program == Program::Initdb
        && let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql")
    {
        let mut versions: Vec<(u32, PathBuf)> = versions
            .flatten()
            .filter_map(|v| Some((v.file_name().to_str()?.parse().ok()?, v.path().join("bin"))))
            .collect();
        versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        folders.extend(versions.into_iter().map(|(_, path)| path));
    }
    if let Some(path) = std::env::var_os("PATH") {
        folders.extend(std::env::split_paths(&path));
    }
    folders.extend(["/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"].map(PathBuf::from));
    folders
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Several test binaries may want the same package at once; dpkg's own lock orders them.
fn install(program: Program) {
    let run = |arguments: &[&str]| {
        Command::new("/usr/bin/apt-get")
            .args(["-o", "DPkg::Lock::Timeout=300", "-qq"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            // Without this the package starts a system-wide server of its own.
            .env("RUNLEVEL", "1")
            .output()
            .is_ok_and(|output| output.status.success())
    };
    let package = program.debian_package();
    if !run(&["install", "-y", "--no-install-recommends", package]) {
        run(&["update"]);
        run(&["install", "-y", "--no-install-recommends", package]);
    }
}
