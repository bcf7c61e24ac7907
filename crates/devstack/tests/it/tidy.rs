//! The short law of the house, checked by machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use devstack::programs::repository;

const SERVICES: [&str; 6] = [
    "gateway",
    "ai-assistant",
    "onec-integration",
    "user-management",
    "analytics",
    "security",
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(repository().join("crates")).unwrap().flatten() {
        for folder in ["src", "tests", "examples"] {
            let folder = entry.path().join(folder);
            if folder.is_dir() {
                sources(&folder, &mut files);
            }
        }
    }
    assert!(files.len() > 100, "only {} files were found", files.len());
    files
}

#[test]
fn every_module_says_what_it_is_for_and_stays_readable() {
    let mut wrong = Vec::new();
    for file in all_sources() {
        let text = std::fs::read_to_string(&file).unwrap();
        if !text.starts_with("//!") {
            wrong.push(format!("{} does not begin with //!", file.display()));
        }
        let lines = text.lines().count();
        if lines > 700 {
            wrong.push(format!("{} has {lines} lines", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_main_is_one_call() {
    for service in SERVICES {
        let text =
            std::fs::read_to_string(repository().join(format!("crates/{service}/src/main.rs"))).unwrap();
        assert!(text.lines().count() <= 30, "{service}");
        assert!(text.contains("service::run("), "{service}");
    }
}

/// Codes are a promise to clients: each is written down in docs/errors.md.
#[test]
fn every_problem_code_is_documented() {
    let mut codes = BTreeSet::new();
    for file in all_sources()
        .into_iter()
        .filter(|file| file.components().any(|part| part.as_os_str() == "src"))
    {
        let text = std::fs::read_to_string(&file).unwrap();
        // A foreign system with errors of its own.
        if file.starts_with(repository().join("crates/onec-demo")) {
            continue;
        }
        codes.extend(problem_codes(&text));
        if file.file_name().is_some_and(|name| name == "error.rs") {
            codes.extend(codes_of_errors(&text));
        }
    }
    let documented: BTreeSet<String> = std::fs::read_to_string(repository().join("docs/errors.md"))
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned))
        .collect();
    assert!(codes.len() > 40, "only {} codes were found", codes.len());
    let missing: Vec<&String> = codes.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/errors.md: {missing:?}");
}

/// Whoever reads the audit log finds each action of user-management in docs/events.md.
#[test]
fn every_audit_action_of_accounts_is_documented() {
    let written = ["docs/events.md", "docs/errors.md"]
        .map(|file| std::fs::read_to_string(repository().join(file)).unwrap())
        .concat();
    let mut files = Vec::new();
    sources(&repository().join("crates/user-management/src"), &mut files);
    let mut names = BTreeSet::new();
    // Codes of OAuth errors look alike.
    for file in files.iter().filter(|file| !file.ends_with("oauth/error.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        let words = text.split('"').filter(|word| {
            let of_accounts = ["auth.", "users.", "roles.", "api_keys.", "oauth."];
            let name = of_accounts.iter().find_map(|prefix| word.strip_prefix(prefix));
            name.is_some_and(|name| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            })
        });
        names.extend(words.map(str::to_owned));
    }
    assert!(names.len() > 40, "only {} names were found", names.len());
    let missing: Vec<&String> = names
        .iter()
        .filter(|name| !written.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "not in docs/events.md: {missing:?}");
}

/// What an operator can set is written down in .env.example.
#[test]
fn every_variable_is_in_the_example() {
    let example = std::fs::read_to_string(repository().join(".env.example")).unwrap();
    let mut names = BTreeSet::new();
    for file in all_sources() {
        if file.ends_with("src/config.rs") || file.ends_with("config/sections.rs") {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            names.extend(
                code.split('"')
                    .skip(1)
                    .step_by(2)
                    .filter(|word| is_variable(word))
                    .map(str::to_owned),
            );
        }
    }
    assert!(names.len() > 40, "only {} variables were found", names.len());
    let missing: Vec<&String> = names
        .iter()
        .filter(|name| !example.lines().any(|line| mentions(line, name)))
        .collect();
    assert!(missing.is_empty(), "not in .env.example: {missing:?}");
}

fn is_variable(word: &str) -> bool {
    word.len() > 3
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn mentions(line: &str, name: &str) -> bool {
    line.trim_start_matches("# ")
        .strip_prefix(name)
        .is_some_and(|rest| rest.starts_with('='))
}

/// String literals that follow a status, as in `StatusCode::NOT_FOUND, "request.not_found"`.
/// Codes that a variant of an error stands for: `=> "area.what"`.
fn codes_of_errors(text: &str) -> Vec<String> {
    text.split("=> \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|code| {
            let (area, what) = code.split_once('.').unwrap_or_default();
            let is_name =
                |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            is_name(area) && is_name(what)
        })
        .map(str::to_owned)
        .collect()
}

fn problem_codes(text: &str) -> Vec<String> {
    text.split("StatusCode::")
        .skip(1)
        .filter_map(|rest| {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_uppercase() || c == '_');
            let rest = rest.strip_prefix(',')?.trim_start().strip_prefix('"')?;
            let code = rest.split('"').next()?;
            code.bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'.')
                .then(|| code.to_owned())
        })
        .collect()
}
