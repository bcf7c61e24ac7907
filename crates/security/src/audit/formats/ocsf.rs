//! Open Cybersecurity Schema Framework, version 1.3: Account Change (3001), Authentication (3002), User
//! Access Management (3005) and, for all else, API Activity (6003).

use serde_json::{Value, json};

use crate::DEFINITION;
use crate::audit::{Entry, INSTALLATION};

const OTHER: i64 = 99;

/// One entry as an event.
pub(super) fn event(entry: &Entry) -> Value {
    let (class, activity) = class(&entry.action);
    let succeeded = entry.outcome == "success";
    let user = entry
        .actor_id
        .map(|id| json!({"uid": id, "type": entry.actor_role}));
    let mut event = json!({
        "category_uid": class / 1000,
        "class_uid": class,
        "activity_id": activity,
        "type_uid": class * 100 + activity,
        "time": entry.occurred_at.timestamp_millis(),
        "severity_id": if succeeded { 1 } else { 3 },
        "status_id": if succeeded { 1 } else { 2 },
        "status": entry.outcome,
        "message": entry.action,
        "metadata": {
            "version": "1.3.0",
            "uid": entry.id,
            "sequence": entry.sequence,
            "logged_time": entry.recorded_at.timestamp_millis(),
            "product": {
                "name": DEFINITION.name,
                "vendor_name": "AI Assistants for 1C",
                "version": DEFINITION.version,
            },
        },
        "unmapped": {
            "source": entry.source,
            "target": entry.target,
            "company_id": (entry.company_id != INSTALLATION).then_some(entry.company_id),
            "details": entry.details.as_deref().and_then(|details| serde_json::from_str::<Value>(details).ok()),
            "hash": hex::encode(&entry.hash),
        },
    });
    event["actor"] = match &user {
        Some(user) => json!({"user": user}),
        None => json!({"app_name": entry.source}),
    };
    if let Some(ip) = &entry.ip {
        event["src_endpoint"] = json!({"ip": ip});
    }
    if class == 6003 {
        event["api"] = json!({
            "operation": entry.action,
            "service": {"name": entry.source},
            "request": entry.request_id.as_ref().map(|id| json!({"uid": id})),
        });
    } else {
        // The account that it happened to: the target where that is one.
        let target = entry
            .target
            .as_deref()
            .and_then(|target| target.strip_prefix("user:"));
        event["user"] = target
            .map(|id| json!({"uid": id}))
            .or(user)
            .unwrap_or_else(|| json!({"uid": "unknown"}));
    }
    event
}

/// `class_uid` and `activity_id` of an action.
fn class(action: &str) -> (i64, i64) {
    let (area, verb) = action.split_once('.').unwrap_or((action, ""));
    let last = verb.rsplit('_').next().unwrap_or_default();
    match (area, verb) {
        ("auth", "logged_out" | "browser_logged_out") => (3002, 2),
        ("auth", "login_succeeded" | "login_failed" | "stepped_up") => (3002, 1),
        ("auth", "registered") => (3001, 1),
        ("auth", _) => (3002, OTHER),
        ("roles" | "service_accounts" | "api_keys", _) => match last {
            "created" | "assigned" => (3005, 1),
            "deleted" | "revoked" | "removed" => (3005, 2),
            _ => (3005, OTHER),
        },
        ("users", _) => match last {
            "created" | "registered" | "invited" | "imported" => (3001, 1),
            "enabled" => (3001, 2),
            "disabled" => (3001, 5),
            "deleted" => (3001, 6),
            _ => (3001, OTHER),
        },
        _ => match last {
            "created" | "added" | "generated" => (6003, 1),
            "viewed" | "asked" | "read" | "exported" => (6003, 2),
            "changed" | "updated" | "set" => (6003, 3),
            "deleted" | "removed" => (6003, 4),
            _ => (6003, OTHER),
        },
    }
}
