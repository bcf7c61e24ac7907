//! An entry as one line of JSON, with everything that is needed to compute its hash again.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Entry, INSTALLATION};

/// An entry as one line of NDJSON exports and of archives. Hashes and salts are hexadecimal.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Line {
    sequence: i64,
    id: Uuid,
    company_id: Option<Uuid>,
    company_sequence: i64,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    source: String,
    action: String,
    outcome: String,
    request_id: Option<String>,
    who_commitment: String,
    who_salt: Option<String>,
    actor_id: Option<Uuid>,
    actor_role: Option<String>,
    ip: Option<String>,
    what_commitment: String,
    what_salt: Option<String>,
    target: Option<String>,
    /// To the letter as it was hashed.
    #[schemars(with = "serde_json::Value")]
    details: Option<Box<RawValue>>,
    prev_hash: String,
    hash: String,
}

impl Line {
    /// The line of an entry.
    pub(crate) fn new(entry: &Entry) -> Self {
        let hexadecimal = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(hex::encode);
        let entry_details = entry.details.clone();
        Self {
            sequence: entry.sequence,
            id: entry.id,
            company_id: (entry.company_id != INSTALLATION).then_some(entry.company_id),
            company_sequence: entry.company_sequence,
            occurred_at: entry.occurred_at,
            recorded_at: entry.recorded_at,
            source: entry.source.clone(),
            action: entry.action.clone(),
            outcome: entry.outcome.clone(),
            request_id: entry.request_id.clone(),
            who_commitment: hex::encode(&entry.who_commitment),
            who_salt: hexadecimal(&entry.who_salt),
            actor_id: entry.actor_id,
            actor_role: entry.actor_role.clone(),
            ip: entry.ip.clone(),
            what_commitment: hex::encode(&entry.what_commitment),
            what_salt: hexadecimal(&entry.what_salt),
            target: entry.target.clone(),
            details: entry_details.and_then(|details| RawValue::from_string(details).ok()),
            prev_hash: hex::encode(&entry.prev_hash),
            hash: hex::encode(&entry.hash),
        }
    }

    /// The entry of the line; `None` when something is not hexadecimal.
    pub(crate) fn into_entry(self) -> Option<Entry> {
        let optional = |text: Option<String>| match text {
            Some(text) => hex::decode(text).ok().map(Some),
            None => Some(None),
        };
        Some(Entry {
            sequence: self.sequence,
            id: self.id,
            company_id: self.company_id.unwrap_or(INSTALLATION),
            company_sequence: self.company_sequence,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            source: self.source,
            action: self.action,
            outcome: self.outcome,
            request_id: self.request_id,
            who_commitment: hex::decode(self.who_commitment).ok()?,
            who_salt: optional(self.who_salt)?,
            actor_id: self.actor_id,
            actor_role: self.actor_role,
            ip: self.ip,
            what_commitment: hex::decode(self.what_commitment).ok()?,
            what_salt: optional(self.what_salt)?,
            target: self.target,
            details: self.details.map(|details| details.get().to_owned()),
            prev_hash: hex::decode(self.prev_hash).ok()?,
            hash: hex::decode(self.hash).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::{first, new};

    #[test]
    fn a_line_gives_the_entry_back() {
        let entry = first(new(1));
        let text = serde_json::to_string(&Line::new(&entry)).unwrap();
        assert!(!text.contains('\n'));
        let line: Line = serde_json::from_str(&text).unwrap();
        assert_eq!(line.into_entry().unwrap(), entry);
    }
}
