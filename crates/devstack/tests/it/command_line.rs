//! What a person types.

use std::process::{Command, Output};

use devstack::programs::{self, Profile};
use serde_json::Value;

use crate::support::{free_row, is_running};

fn dev(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_devstack"))
        .args(arguments)
        .output()
        .unwrap()
}

fn succeed(arguments: &[&str]) -> String {
    let output = dev(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{arguments:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[test]
fn a_detached_stack_is_reached_and_ended_and_leaves_no_process() {
    programs::build_missing(Profile::Debug).unwrap();
    let row = free_row().to_string();
    let ports = ["--ports-from", row.as_str(), "--no-build"];
    let with = |words: &[&'static str]| -> Vec<&str> { words.iter().copied().chain(ports).collect() };
    let text = succeed(&with(&["up", "--detach"]));
    assert!(text.contains("accountant@demo.local"), "{text}");

    let status: Value = serde_json::from_str(&succeed(&with(&["status", "--json"]))).unwrap();
    let services = status["services"].as_array().unwrap();
    assert_eq!(services.len(), 7);
    assert!(
        services.iter().all(|service| service["state"] == "ready"),
        "{status}"
    );
    let roles: Vec<&str> = status["logins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["role"].as_str().unwrap())
        .collect();
    assert_eq!(
        roles,
        ["admin", "director", "accountant", "manager", "security", "user"]
    );

    let answer = succeed(&with(&["ask", "Сколько денег на счетах и в кассе?"]));
    assert!(answer.contains("[1]"), "{answer}");
    assert!(
        !dev(&with(&["up", "--detach"])).status.success(),
        "a second start on the same ports is refused"
    );

    succeed(&with(&["down"]));
    for service in services {
        let pid = u32::try_from(service["pid"].as_u64().unwrap()).unwrap();
        assert!(!is_running(pid), "{} is left", service["name"]);
    }
    assert!(!dev(&with(&["status"])).status.success());
    succeed(&with(&["reset"]));
}

#[test]
fn all_mistakes_of_a_configuration_are_named_at_once() {
    let folder = programs::build_missing(Profile::Debug).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    for service in [
        "user-management",
        "onec-integration",
        "ai-assistant",
        "analytics",
        "security",
    ] {
        let output = Command::new(folder.join(service))
            .current_dir(elsewhere.path())
            .env_remove("DATABASE_URL")
            .env("PORT", "eighty")
            .env("LOG_LEVEL", "loud")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(64), "{service}");
        let text = String::from_utf8_lossy(&output.stderr);
        for name in ["DATABASE_URL", "PORT", "LOG_LEVEL"] {
            assert_eq!(
                text.matches(&format!("\n  {name} ")).count(),
                1,
                "{service}: {text}"
            );
        }
    }
}
