//! What a person is told.

use std::fmt::Write;

use serde_json::Value;

use crate::plan::DEMO_PASSWORD;
use crate::stack::Status;

/// The table of addresses and logins.
#[must_use]
pub fn table(status: &Status) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "\n  {:<18} {:<30} {:<30} {:<8} state",
        "service", "address", "admin", "pid"
    );
    for service in &status.services {
        let _ = writeln!(
            text,
            "  {:<18} {:<30} {:<30} {:<8} {}",
            service.name,
            service.address,
            service.admin_address.as_deref().unwrap_or("-"),
            service.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            service.state
        );
    }
    let _ = writeln!(text, "  {:<18} {}", "postgres", status.postgres);
    let _ = writeln!(text, "  {:<18} {}", "redis", status.redis);
    let _ = writeln!(text, "\n  Logins, password {DEMO_PASSWORD}:");
    for login in &status.logins {
        let _ = writeln!(text, "  {:<12} {}", login.role, login.email);
    }
    let _ = writeln!(text, "\n  Gateway: {}", status.gateway);
    text
}

/// A question and its answer with the sources.
#[must_use]
pub fn answer(question: &str, answer: &Value) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\n  ? {question}\n");
    for line in answer["answer"].as_str().unwrap_or_default().lines() {
        let _ = writeln!(text, "  {line}");
    }
    let citations = answer["citations"].as_array().cloned().unwrap_or_default();
    for citation in citations {
        let _ = writeln!(
            text,
            "  [{}] {} — {}, {}",
            citation["id"],
            citation["infobase"].as_str().unwrap_or_default(),
            citation["object"].as_str().unwrap_or_default(),
            citation["as_of"].as_str().unwrap_or_default()
        );
    }
    for notice in answer["notices"].as_array().cloned().unwrap_or_default() {
        let _ = writeln!(text, "  ! {}", notice.as_str().unwrap_or_default());
    }
    text
}
