//! Building and finding the programs of the stack.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::plan::Program;

/// Optimised or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Cargo's `dev` profile.
    Debug,
    /// Cargo's `release` profile.
    Release,
}

/// The folder in which Cargo puts programs of a profile, known from where this program lies.
///
/// # Errors
/// When this program does not lie in a target folder.
pub fn folder(profile: Profile) -> Result<PathBuf> {
    let this = std::env::current_exe().context("find this program")?;
    // Tests lie one folder deeper than programs.
    let target = this
        .ancestors()
        .skip(1)
        .find(|folder| folder.ends_with("debug") || folder.ends_with("release"))
        .and_then(Path::parent)
        .context("this program does not lie in a target folder of Cargo")?;
    Ok(target.join(match profile {
        Profile::Debug => "debug",
        Profile::Release => "release",
    }))
}

/// Builds the programs, as far as they are not up to date.
///
/// # Errors
/// When the build fails; the compiler has then said why.
pub fn build(profile: Profile, programs: &[Program]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = folder(profile)?;
    let mut command = Command::new(cargo);
    command
        .arg("build")
        .arg("--quiet")
        .arg("--target-dir")
        .arg(target.parent().unwrap_or(&target));
    if profile == Profile::Release {
        command.arg("--release");
    }
    for program in programs {
        command.args(["--package", program.name(), "--bin", program.name()]);
    }
    let status = command
        .current_dir(repository())
        .status()
        .context("run cargo build")?;
    ensure!(status.success(), "the programs could not be built");
    Ok(())
}

/// Builds those programs that do not exist yet; for tests, whose programs `cargo test --workspace`
/// has built.
///
/// # Errors
/// As [`build`].
pub fn build_missing(profile: Profile) -> Result<PathBuf> {
    let folder = folder(profile)?;
    let missing: Vec<Program> = Program::ALL
        .into_iter()
        .filter(|program| !folder.join(program.name()).exists())
        .collect();
    if !missing.is_empty() {
        build(profile, &missing)?;
    }
    Ok(folder)
}

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
