//! Which answers of a route are kept, and for whom.

use std::time::Duration;

/// Whose copy of an answer may be shown to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A session sees its own copies only.
    Session,
    /// All see the same.
    Public,
}

/// Which answers to `GET` are kept for the next who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// None.
    Never,
    /// Those whose `Cache-Control` says so.
    AsTold,
    /// Every 200, for so long, unless its `Cache-Control` says otherwise.
    For {
        /// How long.
        time: Duration,
        /// For whom.
        scope: Scope,
    },
}
