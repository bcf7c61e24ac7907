//! Entries of `security.audit_log`, which earlier releases append to. They are taken over into the
//! log of today, after their own chain has been followed.

use chrono::{DateTime, Utc};
use common::contract::events::Outcome;
use common::events::Actor;
use serde_json::Value;
use uuid::Uuid;

use super::NewEntry;
use super::encoding::Canonical;

/// An entry as the earlier releases wrote it.
#[derive(Debug, Clone)]
pub(crate) struct LegacyEntry {
    pub(crate) sequence: i64,
    pub(crate) id: Uuid,
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) recorded_at: DateTime<Utc>,
    pub(crate) source: String,
    pub(crate) action: String,
    pub(crate) outcome: String,
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) actor_role: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) details: String,
    pub(crate) prev_hash: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

impl LegacyEntry {
    /// True when the entry is what was hashed.
    pub(crate) fn is_intact(&self) -> bool {
        let mut canonical = Canonical::new(b"audit.v1");
        canonical
            .bytes(&self.prev_hash)
            .number(self.sequence)
            .id(&self.id);
        canonical.number(self.occurred_at.timestamp_micros());
        canonical.number(self.recorded_at.timestamp_micros());
        for text in [&self.source, &self.action, &self.outcome] {
            canonical.bytes(text.as_bytes());
        }
        canonical.optional(self.actor_id.as_ref().map(|id| id.as_bytes().as_slice()));
        for text in [&self.actor_role, &self.target, &self.ip, &self.request_id] {
            canonical.optional_text(text.as_deref());
        }
        canonical.bytes(self.details.as_bytes());
        canonical.finish() == self.hash.as_slice()
    }

    /// The same for the log of today. It is recorded anew; the old table keeps when it was first.
    pub(crate) fn renewed(self) -> NewEntry {
        let role = self.actor_role.unwrap_or_default();
        NewEntry {
            id: self.id,
            occurred_at: self.occurred_at,
            source: self.source,
            action: self.action,
            outcome: match self.outcome.as_str() {
                "failure" => Outcome::Failure,
                "denied" => Outcome::Denied,
                _ => Outcome::Success,
            },
            actor: self.actor_id.map(|user_id| Actor { user_id, role }),
            target: self.target,
            ip: self.ip,
            request_id: self.request_id,
            details: serde_json::from_str(&self.details).unwrap_or(Value::Null),
        }
    }
}
