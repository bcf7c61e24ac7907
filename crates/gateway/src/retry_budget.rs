//! How many requests may be sent a second time: a share of those that come, so that a service in
//! trouble does not get more of them the worse it does.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Each request earns so much of a retry.
const SHARE: f64 = 0.2;
/// What is earned without requests: three retries a second.
const RESERVE_PER_SECOND: f64 = 3.0;
/// The most that can be saved.
const MOST: f64 = 20.0;

/// The budget of one service.
#[derive(Debug)]
pub(crate) struct RetryBudget(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Retries that may be made.
    retries: f64,
    at: Instant,
}

impl RetryBudget {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new(State {
            retries: RESERVE_PER_SECOND,
            at: now,
        }))
    }

    /// A request has come.
    pub(crate) fn earn(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.retries = (state.retries + SHARE).min(MOST);
    }

    /// True when one request may be sent again.
    pub(crate) fn spend(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now
            .saturating_duration_since(state.at)
            .min(Duration::from_secs(1));
        // The reserve is for a service with few requests, so it does not add to what is saved.
        let reserve = passed.as_secs_f64() * RESERVE_PER_SECOND;
        if state.retries < RESERVE_PER_SECOND {
            state.retries = (state.retries + reserve).min(RESERVE_PER_SECOND);
        }
        state.at = now;
        if state.retries < 1.0 {
            return false;
        }
        state.retries -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_the_requests_may_be_sent_again() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        let mut retries = 0;
        for _ in 0..1000 {
            budget.earn();
            retries += u32::from(budget.spend(now));
        }
        assert!((200..=203).contains(&retries), "{retries}");
        // Three a second are left for a service that is seldom asked.
        let spend = |at: Instant| (0..10).filter(|_| budget.spend(at)).count();
        assert_eq!(spend(now), 0);
        assert_eq!(spend(now + Duration::from_secs(1)), 3);
        // A long quiet time saves nothing.
        assert_eq!(spend(now + Duration::from_secs(100)), 3);
    }
}
