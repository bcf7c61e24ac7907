//! What a route carries.

use serde::{Deserialize, Serialize};

/// What a route carries, and so what counts as an attack there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Structured data of any other route.
    Data,
    /// Texts for the assistant.
    Chat,
    /// Sign-in and accounts: names, addresses and passwords, which are never looked at.
    Account,
    /// Data of 1C: filters of OData and texts of queries.
    Onec,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Data, Self::Chat, Self::Account, Self::Onec];

    /// The kind of the route that a path leads to, as clients of the gateway write it.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let starts = |prefix: &str| {
            path.get(..prefix.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
                && path[prefix.len()..]
                    .chars()
                    .next()
                    .is_none_or(|next| matches!(next, '/' | '?'))
        };
        if starts("/api/ai") || starts("/v1") || starts("/mcp") {
            Self::Chat
        } else if starts("/api/users") || starts("/account") {
            Self::Account
        } else if starts("/api/1c") || path.contains("/odata/standard.odata") {
            Self::Onec
        } else {
            Self::Data
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_decides() {
        for (path, kind) in [
            ("/api/ai/chat", Kind::Chat),
            ("/V1/chat/completions", Kind::Chat),
            ("/v1?x", Kind::Chat),
            ("/v10", Kind::Data),
            ("/api/users/auth/login", Kind::Account),
            ("/api/1c/companies?search=x", Kind::Onec),
            ("/trade/odata/standard.odata/Catalog_X", Kind::Onec),
            ("/api/analytics/reports", Kind::Data),
            ("", Kind::Data),
        ] {
            assert_eq!(Kind::of_path(path), kind, "{path}");
        }
    }
}
