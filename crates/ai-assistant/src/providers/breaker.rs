//! Leaves a provider alone that has failed several times in a row: a pure state machine that is
//! told the time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// When a breaker opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaking {
    /// This many failures in a row open it.
    pub failures: u32,
    /// How long it stays open the first time; each time after a failed trial it is doubled, up
    /// to ten times this.
    pub rest: Duration,
}

/// What a breaker does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Requests pass.
    Closed,
    /// One request at a time passes, to see whether the provider works again.
    Trial,
    /// No request passes.
    Open,
}

/// The breaker of one provider.
#[derive(Debug)]
pub(super) struct Breaker {
    settings: Breaking,
    /// Failures since the last success.
    in_a_row: u32,
    /// Until when it is open, and how long that is in all.
    open: Option<(DateTime<Utc>, TimeDelta)>,
    trying: bool,
}

impl Breaker {
    pub(super) fn new(settings: Breaking) -> Self {
        Self {
            settings,
            in_a_row: 0,
            open: None,
            trying: false,
        }
    }

    pub(super) fn state(&self, now: DateTime<Utc>) -> State {
        match self.open {
            None => State::Closed,
            Some((until, _)) if now < until => State::Open,
            Some(_) => State::Trial,
        }
    }

    /// Asks to send a request; it is to be ended by `success`, `failure` or `nothing`.
    pub(super) fn admits(&mut self, now: DateTime<Utc>) -> bool {
        match self.state(now) {
            State::Closed => true,
            State::Open => false,
            State::Trial => !std::mem::replace(&mut self.trying, true),
        }
    }

    pub(super) fn success(&mut self) {
        *self = Self::new(self.settings);
    }

    pub(super) fn failure(&mut self, now: DateTime<Utc>) {
        let rest = TimeDelta::from_std(self.settings.rest).unwrap_or(TimeDelta::MAX);
        self.in_a_row = self.in_a_row.saturating_add(1);
        match self.state(now) {
            State::Closed if self.in_a_row >= self.settings.failures => {
                self.open = Some((now + rest, rest));
            }
            State::Trial if self.trying => {
                let lasted = self.open.map_or(rest, |(_, lasted)| lasted);
                let longer = (lasted * 2).min(rest * 10);
                self.open = Some((now + longer, longer));
            }
            // A request that was sent before it opened says nothing new.
            State::Closed | State::Trial | State::Open => {}
        }
        self.trying = false;
    }

    /// The request said nothing of the provider: it was cancelled, or refused for its content.
    pub(super) fn nothing(&mut self) {
        self.trying = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench(Breaker, DateTime<Utc>);

    impl Bench {
        fn new() -> Self {
            let settings = Breaking {
                failures: 3,
                rest: Duration::from_secs(30),
            };
            Self(Breaker::new(settings), DateTime::UNIX_EPOCH)
        }

        fn fails(&mut self, times: u32) -> &mut Self {
            for _ in 0..times {
                assert!(self.0.admits(self.1));
                self.0.failure(self.1);
            }
            self
        }

        fn after(&mut self, seconds: i64) -> &mut Self {
            self.1 += TimeDelta::seconds(seconds);
            self
        }

        fn is(&mut self, state: State) -> &mut Self {
            assert_eq!(self.0.state(self.1), state);
            self
        }
    }

    #[test]
    fn failures_in_a_row_open_it() {
        let mut bench = Bench::new();
        bench.fails(2).is(State::Closed).0.success();
        bench.fails(2).is(State::Closed).fails(1).is(State::Open);
        assert!(!bench.0.admits(bench.1));
        bench.after(29).is(State::Open).after(1).is(State::Trial);
    }

    #[test]
    fn one_trial_at_a_time_and_a_success_closes_it() {
        let mut bench = Bench::new();
        bench.fails(3).after(30);
        assert!(bench.0.admits(bench.1) && !bench.0.admits(bench.1));
        bench.0.nothing();
        assert!(bench.0.admits(bench.1));
        bench.0.success();
        bench.is(State::Closed).fails(2).is(State::Closed);
    }

    #[test]
    fn a_failed_trial_doubles_the_rest_up_to_ten_times() {
        let mut bench = Bench::new();
        bench.fails(3);
        for (waited, next) in [(30, 60), (60, 120), (120, 240), (240, 300), (300, 300)] {
            bench
                .after(waited)
                .fails(1)
                .is(State::Open)
                .after(next - 1)
                .is(State::Open);
            bench.after(1 - next);
        }
    }

    #[test]
    fn late_failures_do_not_prolong_it() {
        let mut bench = Bench::new();
        let later = bench.fails(3).after(10).1;
        bench.0.failure(later);
        bench.after(20).is(State::Trial);
    }
}
