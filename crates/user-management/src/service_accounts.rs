//! Accounts of programs: what may be changed of them. Their tokens are those of an OAuth client
//! (`client_credentials`) or of API keys.

use crate::account::{PersonName, UserState, folded};
use crate::rights::Rights;

/// What an administrator decides of a service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) name: PersonName,
    pub(crate) rights: Rights,
    /// Disabled, it gets no tokens.
    pub(crate) state: UserState,
}

/// What a search for a service account looks at.
pub(crate) fn search_text(name: &PersonName, client_id: &str) -> String {
    format!("{}\n{}", folded(name.as_str()), folded(client_id))
}
