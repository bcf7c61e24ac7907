//! The audit log as a hash chain.
//!
//! An entry's hash is SHA-256 over the hash of its predecessor and all of its own fields, so that
//! a changed, removed or exchanged entry shows, unless all later ones are rewritten too.

use chrono::{DateTime, Utc};
use common::contract::events::{AuditEvent, Outcome};
use common::events::{Actor, Event};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Keeps these hashes apart from those of any other use of SHA-256, and names the encoding.
const DOMAIN: &[u8] = b"audit.v1";
/// Characters of a text field; what is longer is cut.
const MAX_TEXT: usize = 512;
/// Bytes of the particulars as JSON.
pub(crate) const MAX_DETAILS: usize = 16 * 1024;

/// The hash that the first entry continues from.
pub(crate) const GENESIS: [u8; 32] = [0; 32];

/// An entry that is to be appended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewEntry {
    pub(crate) id: Uuid,
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) source: String,
    pub(crate) action: String,
    pub(crate) outcome: Outcome,
    pub(crate) actor: Option<Actor>,
    pub(crate) target: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) details: Value,
}

/// An entry of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
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
    /// JSON, to the letter as it was hashed.
    pub(crate) details: String,
    pub(crate) prev_hash: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

impl NewEntry {
    /// The entry that an event of the audit stream asks for.
    ///
    /// # Errors
    /// When the event's data has another shape.
    pub(crate) fn from_event(event: &Event) -> Result<Self, serde_json::Error> {
        let data: AuditEvent = event.data()?;
        Ok(Self {
            id: event.id,
            occurred_at: event.time,
            source: event.source.clone(),
            action: data.action,
            outcome: data.outcome,
            actor: event.actor.clone(),
            target: data.target,
            ip: data.ip,
            request_id: event.request_id.clone(),
            details: data.details,
        })
    }

    /// The entry at its place in the chain. Texts lose control characters and excessive length,
    /// particulars lose secrets, before anything is hashed.
    pub(crate) fn chained(self, sequence: i64, prev_hash: &[u8], recorded_at: DateTime<Utc>) -> Entry {
        let clean = |text: Option<String>| text.map(|text| printable(&text));
        let mut entry = Entry {
            sequence,
            id: self.id,
            occurred_at: whole_microseconds(self.occurred_at),
            recorded_at: whole_microseconds(recorded_at),
            source: printable(&self.source),
            action: printable(&self.action),
            outcome: self.outcome.as_str().to_owned(),
            actor_id: self.actor.as_ref().map(|actor| actor.user_id),
            actor_role: clean(self.actor.map(|actor| actor.role)),
            target: clean(self.target),
            ip: clean(self.ip),
            request_id: clean(self.request_id),
            details: stored_details(self.details),
            prev_hash: prev_hash.to_vec(),
            hash: Vec::new(),
        };
        entry.hash = entry.computed_hash().to_vec();
        entry
    }
}

impl Entry {
    /// SHA-256 of the canonical encoding: the domain, the predecessor's hash, then every field in
    /// the order of declaration; numbers as 8 bytes big-endian, texts with their length before
    /// them, optional fields with a byte that tells whether they are there.
    pub(crate) fn computed_hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(DOMAIN);
        bytes(&mut hasher, &self.prev_hash);
        hasher.update(self.sequence.to_be_bytes());
        hasher.update(self.id.as_bytes());
        hasher.update(self.occurred_at.timestamp_micros().to_be_bytes());
        hasher.update(self.recorded_at.timestamp_micros().to_be_bytes());
        bytes(&mut hasher, self.source.as_bytes());
        bytes(&mut hasher, self.action.as_bytes());
        bytes(&mut hasher, self.outcome.as_bytes());
        optional(
            &mut hasher,
            self.actor_id.as_ref().map(|id| id.as_bytes().as_slice()),
        );
        for text in [&self.actor_role, &self.target, &self.ip, &self.request_id] {
            optional(&mut hasher, text.as_deref().map(str::as_bytes));
        }
        bytes(&mut hasher, self.details.as_bytes());
        hasher.finalize().into()
    }

    /// True when this entry is what `new` would have become, so that a repeated request gets the
    /// first answer.
    pub(crate) fn records(&self, new: NewEntry) -> bool {
        // Everything but the times, which differ between two attempts of one request.
        let mut wanted = new.chained(self.sequence, &self.prev_hash, self.recorded_at);
        wanted.occurred_at = self.occurred_at;
        wanted.ip.clone_from(&self.ip);
        wanted.request_id.clone_from(&self.request_id);
        wanted.computed_hash() == self.computed_hash()
    }
}

fn bytes(hasher: &mut Sha256, value: &[u8]) {
    hasher.update((value.len() as u64).to_be_bytes());
    hasher.update(value);
}

fn optional(hasher: &mut Sha256, value: Option<&[u8]>) {
    match value {
        Some(value) => {
            hasher.update([1]);
            bytes(hasher, value);
        }
        None => hasher.update([0]),
    }
}

/// PostgreSQL keeps no more, and the hash must be the same after reading back.
fn whole_microseconds(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(DateTime::UNIX_EPOCH)
}

/// Control characters as escapes, so that no entry can pass for two lines of an export (OWASP
/// ASVS 16.4.1).
fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars().take(MAX_TEXT) {
        if character.is_control() {
            clean.extend(character.escape_default());
        } else {
            clean.push(character);
        }
    }
    clean
}

fn stored_details(mut details: Value) -> String {
    mask_secrets(&mut details);
    let text = details.to_string();
    if text.len() > MAX_DETAILS {
        json!({ "omitted_bytes": text.len() }).to_string()
    } else {
        text
    }
}

fn mask_secrets(value: &mut Value) {
    const SECRET: [&str; 7] = [
        "password",
        "passwd",
        "secret",
        "token",
        "authorization",
        "api_key",
        "cookie",
    ];
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.to_lowercase();
                if member.is_string() && SECRET.iter().any(|secret| name.contains(secret)) {
                    *member = Value::from("***");
                } else {
                    mask_secrets(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask_secrets),
        _ => {}
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An entry for tests of the chain.
    pub(crate) fn new(n: u128) -> NewEntry {
        NewEntry {
            id: Uuid::from_u128(n),
            occurred_at: DateTime::from_timestamp_nanos(1_700_000_000_123_456_789),
            source: "test".to_owned(),
            action: "users.role_changed".to_owned(),
            outcome: Outcome::Success,
            actor: Some(Actor {
                user_id: Uuid::from_u128(7),
                role: "admin".to_owned(),
            }),
            target: Some("user:1".to_owned()),
            ip: None,
            request_id: None,
            details: json!({"from": "user", "to": "admin"}),
        }
    }

    #[test]
    fn fields_cannot_flow_into_each_other() {
        let mut one = new(1);
        one.source = "ab".to_owned();
        one.action = "c".to_owned();
        let mut other = new(1);
        other.source = "a".to_owned();
        other.action = "bc".to_owned();
        let hash = |entry: NewEntry| entry.chained(1, &GENESIS, DateTime::UNIX_EPOCH).hash;
        assert_ne!(hash(one), hash(other));
    }

    #[test]
    fn what_is_stored_has_no_secrets_and_no_line_breaks() {
        let mut entry = new(1);
        entry.target = Some("user:1\r\nfake line\0".to_owned());
        entry.details = json!({"new_password": "hunter2", "nested": [{"Api_Key": "k"}], "tokens": 5});
        let entry = entry.chained(1, &GENESIS, DateTime::UNIX_EPOCH);
        assert_eq!(entry.target.as_deref(), Some("user:1\\r\\nfake line\\u{0}"));
        assert!(!entry.details.contains("hunter2"), "{}", entry.details);
        assert!(entry.details.contains("\"tokens\":5"), "{}", entry.details);
        assert_eq!(entry.occurred_at.timestamp_subsec_nanos() % 1000, 0);
    }

    #[test]
    fn a_repetition_is_recognised_and_a_difference_too() {
        let entry = new(1).chained(1, &GENESIS, DateTime::UNIX_EPOCH);
        let mut later = new(1);
        later.occurred_at += chrono::Duration::seconds(5);
        later.request_id = Some("second attempt".to_owned());
        assert!(entry.records(later));
        let mut other = new(1);
        other.action = "users.deleted".to_owned();
        assert!(!entry.records(other));
    }
}
