//! Common Event Format, version 0: a line of text that most SIEMs read.

use std::fmt::Write;
use std::net::IpAddr;

use crate::DEFINITION;
use crate::audit::{Entry, INSTALLATION};

/// One entry as a line.
pub(super) fn line(entry: &Entry) -> String {
    let severity = match entry.outcome.as_str() {
        "denied" => 6,
        "failure" => 5,
        _ => 3,
    };
    let action = header(&entry.action);
    let mut line = format!(
        "CEF:0|AI Assistants for 1C|{}|{}|{action}|{action}|{severity}|",
        DEFINITION.name, DEFINITION.version
    );
    let mut add = |name: &str, value: &str| {
        let _ = write!(line, "{name}={} ", extension(value));
    };
    add("rt", &entry.recorded_at.timestamp_millis().to_string());
    add("end", &entry.occurred_at.timestamp_millis().to_string());
    add("externalId", &entry.id.to_string());
    add("outcome", &entry.outcome);
    add("sproc", &entry.source);
    if let Some(actor) = entry.actor_id {
        add("suid", &actor.to_string());
    }
    if let Some(role) = &entry.actor_role {
        add("spriv", role);
    }
    match entry.ip.as_deref().map(str::parse) {
        Some(Ok(IpAddr::V4(ip))) => add("src", &ip.to_string()),
        Some(Ok(IpAddr::V6(ip))) => {
            add("c6a2Label", "Source IPv6 Address");
            add("c6a2", &ip.to_string());
        }
        _ => {}
    }
    add("cn1Label", "sequence");
    add("cn1", &entry.sequence.to_string());
    let company = (entry.company_id != INSTALLATION).then(|| entry.company_id.to_string());
    for (number, label, value) in [
        (1, "target", entry.target.as_deref()),
        (2, "company", company.as_deref()),
        (3, "requestId", entry.request_id.as_deref()),
        (4, "hash", Some(hex::encode(&entry.hash).as_str())),
    ] {
        if let Some(value) = value {
            add(&format!("cs{number}Label"), label);
            add(&format!("cs{number}"), value);
        }
    }
    if let Some(details) = &entry.details {
        add("msg", details);
    }
    line.pop();
    line.push('\n');
    line
}

fn header(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|")
}

fn extension(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('=', "\\=");
    text.replace('\r', "\\r").replace('\n', "\\n")
}
