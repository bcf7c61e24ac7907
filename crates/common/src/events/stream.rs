//! The streams and who reads them.

/// Stream of events that a consumer could not make sense of, with the reason.
pub const DEAD_LETTERS: &str = "events:dead";

/// A stream of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// What users and services did, for the audit log.
    Audit,
    /// Logins, failures, registrations, logouts.
    Auth,
    /// Answers of the assistant with their tokens and cost.
    Usage,
    /// Requests through the gateway.
    Requests,
    /// Synchronisations with 1C.
    Sync,
}

impl Stream {
    /// All streams.
    pub const ALL: [Self; 5] = [Self::Audit, Self::Auth, Self::Usage, Self::Requests, Self::Sync];

    /// The key in Redis.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Audit => "events:audit",
            Self::Auth => "events:auth",
            Self::Usage => "events:usage",
            Self::Requests => "events:requests",
            Self::Sync => "events:sync",
        }
    }

    /// The stream of that key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stream| stream.key() == key)
    }

    /// The consumer groups that must have read an entry before it may be trimmed.
    #[must_use]
    pub const fn groups(self) -> &'static [&'static str] {
        match self {
            Self::Audit => &["security"],
            Self::Auth | Self::Requests | Self::Usage => &["analytics", "security"],
            Self::Sync => &["analytics"],
        }
    }
}
