//! `user-management passwords build-filter <list> <filter>`: makes the list of leaked passwords that
//! `PASSWORD_FILTER_FILE` names.

use std::path::Path;
use std::process::ExitCode;

use crate::password;

const USAGE: &str = "user-management passwords build-filter <list> <filter>
  <list>    leaked passwords, one on each line, or the file of Have I Been Pwned that is ordered by hash
  <filter>  the file to be made, for PASSWORD_FILTER_FILE";

/// Does what the arguments say; `None` when they are not for here.
#[must_use]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]
pub fn command(arguments: &[String]) -> Option<ExitCode> {
    let (first, rest) = arguments.split_first()?;
    if first != "passwords" {
        return None;
    }
    let [action, list, filter] = rest else {
        eprintln!("{USAGE}");
        return Some(ExitCode::from(64));
    };
    if action != "build-filter" {
        eprintln!("{USAGE}");
        return Some(ExitCode::from(64));
    }
    match password::build_filter(Path::new(list), Path::new(filter)) {
        Ok(count) => {
            println!("{filter} holds {count} passwords");
            Some(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("{filter} could not be made of {list}: {error}");
            Some(ExitCode::FAILURE)
        }
    }
}
