//! Identifiers.

use uuid::Uuid;

/// A new UUIDv7 (RFC 9562, section 5.7): unique, and ordered by creation time, so that it makes a
/// good primary key.
#[must_use]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}
