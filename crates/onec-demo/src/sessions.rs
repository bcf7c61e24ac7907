//! Sessions with the infobase and the licences they take.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `reuseSessions` of the publication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum ReuseSessions {
    /// Each request opens a session and ends it.
    DontUse,
    /// A client may open a session with `IBSession: start` and stay in it by cookie.
    Use,
    /// The server keeps sessions and gives them to requests by itself; what clients say of sessions is not looked at.
    #[default]
    AutoUse,
}

/// How sessions are kept.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) reuse: ReuseSessions,
    /// How long a session lives without requests.
    pub(crate) max_age: Duration,
    /// How many sessions there may be at a time; zero for any number.
    pub(crate) licences: usize,
}

/// What a client says of sessions.
pub(crate) struct Wish {
    /// `IBSession`.
    pub(crate) header: Option<String>,
    /// `ibsession` among the cookies.
    pub(crate) cookie: Option<String>,
}

/// Why a request gets no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSession {
    Licence,
    Unknown,
}

#[derive(Default)]
struct Kept {
    /// Sessions that clients stay in, and when they were last used.
    named: HashMap<Uuid, Instant>,
    /// Idle sessions of the server's own.
    idle: Vec<Instant>,
    /// Sessions of the requests under way that are not named.
    busy: usize,
    last: Option<Instant>,
}

/// All sessions of a server.
#[derive(Default)]
pub(crate) struct Sessions {
    kept: Mutex<Kept>,
}

/// The session of a request under way.
pub(crate) struct Seat {
    sessions: Arc<Sessions>,
    limits: Limits,
    /// The session opened for this client.
    pub(crate) opened: Option<Uuid>,
    named: bool,
}

fn now() -> Instant {
    Instant::now()
}

impl Sessions {
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody has asked anything for `idle`.
    pub(crate) fn is_cold(&self, idle: Duration) -> bool {
        let mut kept = self.lock();
        let cold = kept.last.is_none_or(|last| last.elapsed() >= idle);
        kept.last = Some(now());
        cold
    }

    /// Sessions there are: those of clients, idle ones, busy ones.
    pub(crate) fn count(&self) -> (usize, usize, usize) {
        let kept = self.lock();
        (kept.named.len(), kept.idle.len(), kept.busy)
    }

    /// Ends all sessions that are not busy.
    pub(crate) fn end_all(&self) {
        let mut kept = self.lock();
        kept.named.clear();
        kept.idle.clear();
    }

    /// A session for a request.
    pub(crate) fn take(self: &Arc<Self>, limits: Limits, wish: &Wish) -> Result<Seat, NoSession> {
        let mut kept = self.lock();
        let fresh = |since: &Instant| since.elapsed() < limits.max_age;
        kept.named.retain(|_, since| fresh(since));
        kept.idle.retain(fresh);
        let mut seat = Seat {
            sessions: Arc::clone(self),
            limits,
            opened: None,
            // Until it is counted as busy, so that giving up leaves the counts alone.
            named: true,
        };
        if limits.reuse == ReuseSessions::Use
            && let Some(cookie) = &wish.cookie
        {
            let name = cookie.parse().map_err(|_| NoSession::Unknown)?;
            let since = kept.named.get_mut(&name).ok_or(NoSession::Unknown)?;
            *since = now();
            if wish.header.as_deref() == Some("finish") {
                kept.named.remove(&name);
            }
            return Ok(seat);
        }
        if limits.reuse == ReuseSessions::AutoUse && kept.idle.pop().is_some() {
            kept.busy += 1;
            seat.named = false;
            return Ok(seat);
        }
        let taken = kept.named.len() + kept.idle.len() + kept.busy;
        if limits.licences > 0 && taken >= limits.licences {
            return Err(NoSession::Licence);
        }
        if limits.reuse == ReuseSessions::Use && wish.header.as_deref() == Some("start") {
            let name = Uuid::from_u128(unique());
            kept.named.insert(name, now());
            seat.opened = Some(name);
        } else {
            kept.busy += 1;
            seat.named = false;
        }
        Ok(seat)
    }
}

/// A number that has not been given before.
fn unique() -> u128 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    u128::from(NEXT.fetch_add(1, Ordering::Relaxed)) << 64
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.named {
            return;
        }
        let mut kept = self.sessions.lock();
        kept.busy = kept.busy.saturating_sub(1);
        if self.limits.reuse == ReuseSessions::AutoUse {
            kept.idle.push(now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: Wish = Wish {
        header: None,
        cookie: None,
    };

    fn limits(reuse: ReuseSessions, licences: usize, seconds: u64) -> Limits {
        Limits {
            reuse,
            max_age: Duration::from_secs(seconds),
            licences,
        }
    }

    #[test]
    fn a_licence_is_taken_for_as_long_as_a_request_lasts() {
        let sessions = Arc::new(Sessions::default());
        let rules = limits(ReuseSessions::DontUse, 1, 20);
        let seat = sessions.take(rules, &SILENT).ok().unwrap();
        assert_eq!(sessions.take(rules, &SILENT).err(), Some(NoSession::Licence));
        drop(seat);
        assert!(sessions.take(rules, &SILENT).is_ok());
        assert_eq!(sessions.count(), (0, 0, 0));
    }

    #[test]
    fn the_server_gives_its_idle_sessions_out_again() {
        let sessions = Arc::new(Sessions::default());
        let rules = limits(ReuseSessions::AutoUse, 1, 20);
        drop(sessions.take(rules, &SILENT));
        assert_eq!(sessions.count(), (0, 1, 0));
        drop(sessions.take(rules, &SILENT));
        assert_eq!(sessions.count(), (0, 1, 0));
        drop(sessions.take(limits(ReuseSessions::AutoUse, 1, 0), &SILENT));
        assert_eq!(sessions.count(), (0, 1, 0));
    }
}
