//! Elastic Common Schema.

use serde_json::{Map, Value, json};

use crate::audit::{Entry, INSTALLATION};

/// One entry as a document.
pub(super) fn event(entry: &Entry) -> Value {
    let (category, kind) = category(&entry.action);
    let outcome = if entry.outcome == "success" {
        "success"
    } else {
        "failure"
    };
    let mut kinds = vec![kind];
    if entry.outcome == "denied" {
        kinds.push("denied");
    }
    let mut labels = Map::new();
    let company = (entry.company_id != INSTALLATION).then(|| entry.company_id.to_string());
    for (name, value) in [
        ("target", entry.target.clone()),
        ("company_id", company),
        ("hash", Some(hex::encode(&entry.hash))),
        ("details", entry.details.clone()),
    ] {
        labels.extend(value.map(|value| (name.to_owned(), Value::from(value))));
    }
    let mut event = json!({
        "@timestamp": entry.occurred_at,
        "ecs": {"version": "8.17.0"},
        "message": entry.action,
        "service": {"name": entry.source},
        "event": {
            "id": entry.id,
            "kind": "event",
            "category": [category],
            "type": kinds,
            "action": entry.action,
            "outcome": outcome,
            "created": entry.recorded_at,
            "sequence": entry.sequence,
            "dataset": "security.audit",
        },
        "labels": labels,
    });
    if let Some(actor) = entry.actor_id {
        event["user"] = json!({"id": actor});
        if let Some(role) = &entry.actor_role {
            event["user"]["roles"] = json!([role]);
        }
    }
    if let Some(ip) = &entry.ip {
        event["source"] = json!({"ip": ip});
    }
    if let Some(request) = &entry.request_id {
        event["http"] = json!({"request": {"id": request}});
    }
    event
}

/// `event.category` and `event.type` of an action.
fn category(action: &str) -> (&'static str, &'static str) {
    let (area, verb) = action.split_once('.').unwrap_or((action, ""));
    let kind = match verb.rsplit('_').next().unwrap_or_default() {
        "created" | "registered" | "invited" | "added" | "imported" => "creation",
        "deleted" | "removed" | "revoked" => "deletion",
        "changed" | "set" | "reset" | "updated" => "change",
        _ => "info",
    };
    match area {
        "auth" => ("authentication", "info"),
        "users" | "roles" | "api_keys" | "service_accounts" | "sessions" => ("iam", kind),
        "audit" | "privacy" | "budget" | "infobases" | "alerts" => ("configuration", kind),
        _ => ("api", kind),
    }
}
