//! Invites: an account that an administrator offers, with its role and companies.

use chrono::{DateTime, Utc};
use common::Locale;
use common::auth::Companies;
use uuid::Uuid;

use crate::account::Email;

/// An invite as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Invite {
    pub(crate) id: Uuid,
    pub(crate) email: Email,
    pub(crate) role: String,
    pub(crate) companies: Companies,
    /// The language of the letter, and of those that follow.
    pub(crate) locale: Locale,
    pub(crate) invited_by: Uuid,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}
