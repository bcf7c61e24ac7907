//! The audit log as a hash chain.
//!
//! An entry's hash is SHA-256 over the hash of its predecessor and all of its own fields, so that a
//! changed, removed or exchanged entry shows, unless all later ones are rewritten too; signed
//! [`checkpoint`]s show that. Who did it and what was done are in the hash as salted commitments: when
//! the salt and the values are erased, nothing can be learnt from the commitment, and the chain still
//! verifies.
//!
//! There is one chain, numbered without gaps. Within it the entries of each company are numbered
//! without gaps as well, so that whoever may see one company alone knows that nothing is left out.

pub(crate) mod archive;
pub(crate) mod checkpoint;
pub(crate) mod clean;
pub(crate) mod encoding;
pub(crate) mod formats;
pub(crate) mod legacy;
pub(crate) mod line;
pub(crate) mod merkle;

use chrono::{DateTime, Utc};
use common::contract::events::{AuditEvent, Outcome};
use common::events::{Actor, Event};
use serde_json::Value;
use uuid::Uuid;

pub(crate) use clean::MAX_DETAILS;
use clean::{printable, stored_details};
use encoding::Canonical;

/// The hash that the first entry continues from.
pub(crate) const GENESIS: [u8; 32] = [0; 32];
/// The company of entries that belong to the whole installation.
pub(crate) const INSTALLATION: Uuid = Uuid::nil();
/// The action that tells which personal data were erased; its particulars are never erased.
pub(crate) const ERASED: &str = "audit.erased";
/// Bytes of a salt.
const SALT: usize = 16;

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

/// The place of an entry in the chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Number in the log, from 1.
    pub(crate) sequence: i64,
    /// Number among the entries of its company, from 1.
    pub(crate) company_sequence: i64,
    /// Hash of the entry before it.
    pub(crate) prev_hash: &'a [u8],
    /// When it is recorded.
    pub(crate) recorded_at: DateTime<Utc>,
}

/// An entry of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) sequence: i64,
    pub(crate) id: Uuid,
    /// [`INSTALLATION`] when it is not of one company.
    pub(crate) company_id: Uuid,
    pub(crate) company_sequence: i64,
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) recorded_at: DateTime<Utc>,
    pub(crate) source: String,
    pub(crate) action: String,
    pub(crate) outcome: String,
    pub(crate) request_id: Option<String>,
    pub(crate) who_commitment: Vec<u8>,
    /// None when who it was has been erased.
    pub(crate) who_salt: Option<Vec<u8>>,
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) actor_role: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) what_commitment: Vec<u8>,
    /// None when what it was has been erased.
    pub(crate) what_salt: Option<Vec<u8>>,
    pub(crate) target: Option<String>,
    /// JSON, to the letter as it was hashed.
    pub(crate) details: Option<String>,
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

    /// The company that the entry is about: `company_id` or `company` of the particulars, or a
    /// target `company:<id>`; [`INSTALLATION`] otherwise.
    pub(crate) fn company_id(&self) -> Uuid {
        let member = |name: &str| self.details.get(name).and_then(Value::as_str);
        let target = || {
            self.target
                .as_deref()
                .and_then(|target| target.strip_prefix("company:"))
        };
        [member("company_id"), member("company"), target()]
            .into_iter()
            .flatten()
            .find_map(|text| text.parse().ok())
            .unwrap_or(INSTALLATION)
    }

    /// The entry at its place in the chain. Texts lose control characters and excessive length,
    /// particulars lose secrets, before anything is hashed.
    pub(crate) fn chained(self, place: Place<'_>) -> Entry {
        let clean = |text: Option<String>| text.map(|text| printable(&text));
        let salt = || Some(rand::random::<[u8; SALT]>().to_vec());
        let mut entry = Entry {
            sequence: place.sequence,
            id: self.id,
            company_id: self.company_id(),
            company_sequence: place.company_sequence,
            occurred_at: whole_microseconds(self.occurred_at),
            recorded_at: whole_microseconds(place.recorded_at),
            source: printable(&self.source),
            action: printable(&self.action),
            outcome: self.outcome.as_str().to_owned(),
            request_id: clean(self.request_id),
            who_commitment: Vec::new(),
            who_salt: salt(),
            actor_id: self.actor.as_ref().map(|actor| actor.user_id),
            actor_role: clean(self.actor.map(|actor| actor.role)),
            ip: clean(self.ip),
            what_commitment: Vec::new(),
            what_salt: salt(),
            target: clean(self.target),
            details: Some(stored_details(self.details)),
            prev_hash: place.prev_hash.to_vec(),
            hash: Vec::new(),
        };
        entry.who_commitment = entry.computed_who().unwrap_or(GENESIS).to_vec();
        entry.what_commitment = entry.computed_what().unwrap_or(GENESIS).to_vec();
        entry.hash = entry.computed_hash().to_vec();
        entry
    }
}

impl Entry {
    /// The commitment to who did it; `None` when that has been erased.
    pub(crate) fn computed_who(&self) -> Option<[u8; 32]> {
        let salt = self.who_salt.as_ref()?;
        let id = self.actor_id.as_ref().map(|id| id.as_bytes().as_slice());
        let mut canonical = Canonical::new(b"audit.who.v2");
        canonical.bytes(salt).optional(id);
        canonical.optional_text(self.actor_role.as_deref());
        canonical.optional_text(self.ip.as_deref());
        Some(canonical.finish())
    }

    /// The commitment to what was done; `None` when that has been erased.
    pub(crate) fn computed_what(&self) -> Option<[u8; 32]> {
        let (salt, details) = (self.what_salt.as_ref()?, self.details.as_ref()?);
        let mut canonical = Canonical::new(b"audit.what.v2");
        canonical.bytes(salt).optional_text(self.target.as_deref());
        canonical.bytes(details.as_bytes());
        Some(canonical.finish())
    }

    /// SHA-256 of the canonical encoding (docs/audit.md).
    pub(crate) fn computed_hash(&self) -> [u8; 32] {
        self.computed_hash_at(self.sequence)
    }

    /// The hash that it would have with that number.
    pub(crate) fn computed_hash_at(&self, sequence: i64) -> [u8; 32] {
        let mut canonical = Canonical::new(b"audit.v2");
        canonical.bytes(&self.prev_hash).number(sequence);
        canonical
            .id(&self.id)
            .id(&self.company_id)
            .number(self.company_sequence);
        canonical.number(self.occurred_at.timestamp_micros());
        canonical.number(self.recorded_at.timestamp_micros());
        for text in [&self.source, &self.action, &self.outcome] {
            canonical.bytes(text.as_bytes());
        }
        canonical.optional_text(self.request_id.as_deref());
        canonical.bytes(&self.who_commitment).bytes(&self.what_commitment);
        canonical.finish()
    }

    /// True when the entry is what was hashed, as far as it has not been erased.
    pub(crate) fn is_intact(&self) -> bool {
        let fits = |computed: Option<[u8; 32]>, stored: &[u8]| computed.is_none_or(|hash| hash == stored);
        fits(self.computed_who(), &self.who_commitment)
            && fits(self.computed_what(), &self.what_commitment)
            && self.computed_hash() == self.hash.as_slice()
    }

    /// Whether a person did it, and whether it tells something about that person.
    pub(crate) fn is_about(&self, user: Uuid) -> (bool, bool) {
        let who = self.actor_id == Some(user);
        let target = self
            .target
            .as_deref()
            .and_then(|target| target.strip_prefix("user:"));
        let about = who || target.is_some_and(|id| id.parse() == Ok(user));
        (who, about && self.what_salt.is_some() && self.action != ERASED)
    }

    /// Takes away who, and what, with what could tell them.
    pub(crate) fn erase(&mut self, who: bool, what: bool) {
        if who {
            (self.who_salt, self.actor_id, self.actor_role, self.ip) = (None, None, None, None);
        }
        if what {
            (self.what_salt, self.target, self.details) = (None, None, None);
        }
    }

    /// True when this entry is what `new` would have become, so that a repeated request gets the
    /// first answer. Times, address and request id differ between two attempts of one request, and
    /// what has been erased cannot be compared.
    pub(crate) fn records(&self, new: NewEntry) -> bool {
        let wanted = new.chained(Place {
            sequence: self.sequence,
            company_sequence: self.company_sequence,
            prev_hash: &self.prev_hash,
            recorded_at: self.recorded_at,
        });
        let same = (&self.source, &self.action, &self.outcome)
            == (&wanted.source, &wanted.action, &wanted.outcome)
            && self.company_id == wanted.company_id;
        let who = self.who_salt.is_none()
            || (self.actor_id, &self.actor_role) == (wanted.actor_id, &wanted.actor_role);
        let what =
            self.what_salt.is_none() || (&self.target, &self.details) == (&wanted.target, &wanted.details);
        same && who && what
    }
}

/// PostgreSQL keeps no more, and the hash must be the same after reading back.
fn whole_microseconds(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(DateTime::UNIX_EPOCH)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

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

    /// The first entry of a chain.
    pub(crate) fn first(entry: NewEntry) -> Entry {
        at(entry, 1, &GENESIS)
    }

    /// An entry at a place.
    pub(crate) fn at(entry: NewEntry, sequence: i64, prev_hash: &[u8]) -> Entry {
        entry.chained(Place {
            sequence,
            company_sequence: sequence,
            prev_hash,
            recorded_at: DateTime::UNIX_EPOCH,
        })
    }

    #[test]
    fn fields_cannot_flow_into_each_other() {
        let entry = first(new(1));
        let with = |source: &str, action: &str| {
            let mut entry = entry.clone();
            (entry.source, entry.action) = (source.to_owned(), action.to_owned());
            entry.computed_hash()
        };
        assert_ne!(with("ab", "c"), with("a", "bc"));
        let mut moved = entry.clone();
        (moved.actor_role, moved.ip) = (None, Some("admin".to_owned()));
        assert_ne!(moved.computed_who(), entry.computed_who());
    }

    #[test]
    fn what_is_stored_has_no_secrets_and_no_line_breaks() {
        let mut entry = new(1);
        entry.target = Some("user:1\r\nfake line\0".to_owned());
        entry.details = json!({"new_password": "hunter2", "nested": [{"Api_Key": "k"}], "tokens": 5});
        let entry = first(entry);
        assert_eq!(entry.target.as_deref(), Some("user:1\\r\\nfake line\\u{0}"));
        let details = entry.details.unwrap();
        assert!(!details.contains("hunter2"), "{details}");
        assert!(details.contains("\"tokens\":5"), "{details}");
        assert_eq!(entry.occurred_at.timestamp_subsec_nanos() % 1000, 0);
    }

    #[test]
    fn a_repetition_is_recognised_and_a_difference_too() {
        let entry = first(new(1));
        let mut later = new(1);
        later.occurred_at += chrono::Duration::seconds(5);
        later.request_id = Some("second attempt".to_owned());
        assert!(entry.records(later));
        let mut other = new(1);
        other.action = "users.deleted".to_owned();
        assert!(!entry.records(other));
    }

    #[test]
    fn an_erased_entry_is_intact_and_tells_nothing() {
        let mut entry = first(new(1));
        let mut twin = entry.clone();
        assert_eq!(entry.is_about(Uuid::from_u128(7)), (true, true));
        assert_eq!(entry.is_about(Uuid::from_u128(1)), (false, false));
        entry.erase(true, true);
        assert!(entry.is_intact());
        assert!(entry.records(new(1)), "it cannot be compared any more");
        // Two entries about the same have different commitments: nobody can compare them.
        assert_ne!(first(new(1)).who_commitment, twin.who_commitment);
        twin.actor_role = Some("user".to_owned());
        assert!(!twin.is_intact());
    }

    #[test]
    fn an_entry_is_of_the_company_that_it_is_about() {
        let company = Uuid::from_u128(42);
        assert_eq!(new(1).company_id(), INSTALLATION);
        let mut entry = new(1);
        entry.details = json!({"company_id": company});
        assert_eq!(entry.company_id(), company);
        entry.details = json!({"company": "Ромашка"});
        entry.target = Some(format!("company:{company}"));
        assert_eq!(entry.company_id(), company);
    }
}
