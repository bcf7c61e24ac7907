//! The circuit breaker of one replica: a pure state machine that is told the time.
//!
//! Closed, it counts; open, it refuses at once; half-open, it lets one request through at a time
//! to see whether the replica works again.

use std::time::{Duration, Instant};

/// When the breaker opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// This many failures in a row open it.
    pub consecutive: u32,
    /// It also opens when half of at least this many requests within [`WINDOW`] failed.
    pub minimum: u32,
    /// How long it stays open the first time; each time after a failed probe it is doubled.
    pub open_for: Duration,
    /// The longest it stays open.
    pub open_at_most: Duration,
    /// This many successful probes close it.
    pub probes: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            consecutive: 5,
            minimum: 20,
            open_for: Duration::from_secs(5),
            open_at_most: Duration::from_secs(60),
            probes: 3,
        }
    }
}

/// The span within which the share of failures is looked at.
pub const WINDOW: Duration = Duration::from_secs(10);
const BUCKETS: usize = 10;

/// How a request through the breaker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The replica answered.
    Success,
    /// The replica could not be reached, broke off or did not answer in time.
    Failure,
    /// Nothing was learnt about the replica: the client went away.
    Unknown,
}

/// What the breaker does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Requests pass.
    Closed,
    /// One request at a time passes.
    HalfOpen,
    /// No request passes.
    Open,
}

/// Leave to send one request; to be given back with [`Breaker::record`].
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    /// The number of state changes before it, so that a late answer does not count in another
    /// state.
    epoch: u64,
}

/// The breaker.
#[derive(Debug)]
pub struct Breaker {
    settings: Settings,
    epoch: u64,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Closed {
        in_a_row: u32,
        window: Window,
    },
    Open {
        until: Instant,
        lasted: Duration,
    },
    HalfOpen {
        probing: bool,
        successes: u32,
        lasted: Duration,
    },
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            epoch: 0,
            phase: Phase::closed(),
        }
    }

    /// What it does now.
    #[must_use]
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// Asks to send a request.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn acquire(&mut self, now: Instant) -> Result<Permit, Duration> {
        if let Phase::Open { until, lasted } = self.phase {
            if now < until {
                return Err(until - now);
            }
            self.enter(Phase::HalfOpen {
                probing: false,
                successes: 0,
                lasted,
            });
        }
        if let Phase::HalfOpen { probing, .. } = &mut self.phase {
            if *probing {
                // The probe ends within the time limit of a request; soon is a fair guess.
                return Err(Duration::from_secs(1));
            }
            *probing = true;
        }
        Ok(Permit { epoch: self.epoch })
    }

    /// Tells how the request ended.
    pub fn record(&mut self, now: Instant, permit: Permit, outcome: Outcome) {
        if permit.epoch != self.epoch {
            return;
        }
        match &mut self.phase {
            Phase::Closed { in_a_row, window } => {
                match outcome {
                    Outcome::Unknown => return,
                    Outcome::Success => *in_a_row = 0,
                    Outcome::Failure => *in_a_row += 1,
                }
                window.add(now, outcome == Outcome::Failure);
                let (total, failed) = window.sums();
                let too_many = total >= self.settings.minimum && failed * 2 >= total;
                if *in_a_row >= self.settings.consecutive || (too_many && outcome == Outcome::Failure) {
                    self.open(now, self.settings.open_for);
                }
            }
            Phase::HalfOpen {
                probing,
                successes,
                lasted,
            } => {
                *probing = false;
                match outcome {
                    Outcome::Unknown => {}
                    Outcome::Success => {
                        *successes += 1;
                        if *successes >= self.settings.probes {
                            self.enter(Phase::closed());
                        }
                    }
                    Outcome::Failure => {
                        let longer = (*lasted * 2).min(self.settings.open_at_most);
                        self.open(now, longer);
                    }
                }
            }
            // No permit is given while it is open.
            Phase::Open { .. } => {}
        }
    }

    fn open(&mut self, now: Instant, lasts: Duration) {
        self.enter(Phase::Open {
            until: now + lasts,
            lasted: lasts,
        });
    }

    fn enter(&mut self, phase: Phase) {
        self.epoch += 1;
        self.phase = phase;
    }
}

impl Phase {
    fn closed() -> Self {
        Self::Closed {
            in_a_row: 0,
            window: Window::default(),
        }
    }
}

/// Counts of the last [`WINDOW`], in buckets of a tenth of it.
#[derive(Debug, Default)]
struct Window {
    /// Start of the newest bucket.
    newest_from: Option<Instant>,
    newest: usize,
    total: [u32; BUCKETS],
    failed: [u32; BUCKETS],
}

impl Window {
    fn add(&mut self, now: Instant, failure: bool) {
        let width = WINDOW / 10;
        let mut from = *self.newest_from.get_or_insert(now);
        let mut steps = 0;
        while now.saturating_duration_since(from) >= width {
            if steps == BUCKETS {
                // Everything is older than the window; the rest of a long pause is skipped.
                from = now;
                break;
            }
            from += width;
            steps += 1;
            self.newest = (self.newest + 1) % BUCKETS;
            self.total[self.newest] = 0;
            self.failed[self.newest] = 0;
        }
        self.newest_from = Some(from);
        self.total[self.newest] += 1;
        self.failed[self.newest] += u32::from(failure);
    }

    fn sums(&self) -> (u32, u32) {
        (self.total.iter().sum(), self.failed.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Failure, Success, Unknown};

    struct Bench {
        breaker: Breaker,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                breaker: Breaker::new(Settings::default()),
                now: Instant::now(),
            }
        }

        fn after(&mut self, millis: u64) -> &mut Self {
            self.now += Duration::from_millis(millis);
            self
        }

        fn passes(&mut self, outcomes: &[Outcome]) -> &mut Self {
            for outcome in outcomes {
                let permit = self.breaker.acquire(self.now).unwrap();
                self.breaker.record(self.now, permit, *outcome);
            }
            self
        }

        fn refuses_for(&mut self, millis: u64) -> &mut Self {
            assert_eq!(self.breaker.acquire(self.now), Err(Duration::from_millis(millis)));
            self
        }

        fn is(&mut self, state: State) -> &mut Self {
            assert_eq!(self.breaker.state(), state);
            self
        }
    }

    #[test]
    fn five_failures_in_a_row_open_it() {
        let mut bench = Bench::new();
        bench.passes(&[Failure; 4]).is(State::Closed);
        bench.passes(&[Success]).passes(&[Failure; 4]).is(State::Closed);
        bench.passes(&[Failure]).is(State::Open).refuses_for(5000);
        bench.after(4999).refuses_for(1);
    }

    #[test]
    fn clients_that_leave_say_nothing_of_the_replica() {
        let mut bench = Bench::new();
        bench
            .passes(&[Failure; 4])
            .passes(&[Unknown; 100])
            .is(State::Closed);
        bench.passes(&[Failure]).is(State::Open);
    }

    #[test]
    fn half_of_twenty_within_ten_seconds_open_it() {
        let half = [Failure, Success];
        let mut bench = Bench::new();
        for _ in 0..9 {
            bench.passes(&half);
        }
        // The nineteenth request is too few, the twentieth makes it ten of twenty.
        bench
            .passes(&[Success])
            .is(State::Closed)
            .passes(&[Failure])
            .is(State::Open);

        let mut bench = Bench::new();
        for _ in 0..9 {
            bench.passes(&half).after(1500);
        }
        bench.passes(&half).is(State::Closed);

        let mut bench = Bench::new();
        for _ in 0..100 {
            bench.passes(&[Success, Failure, Success]);
        }
        bench.is(State::Closed);
    }

    #[test]
    fn old_counts_are_forgotten() {
        let mut bench = Bench::new();
        for _ in 0..9 {
            bench.passes(&[Success, Failure]);
        }
        bench.after(60_000).passes(&[Success, Failure]).is(State::Closed);
        for _ in 0..8 {
            bench.passes(&[Success, Failure]);
        }
        bench
            .is(State::Closed)
            .passes(&[Success, Failure])
            .is(State::Open);
    }

    #[test]
    fn one_probe_at_a_time_and_three_successes_close_it() {
        let mut bench = Bench::new();
        bench.passes(&[Failure; 5]).after(5000);
        let probe = bench.breaker.acquire(bench.now).unwrap();
        bench.is(State::HalfOpen).refuses_for(1000);
        let now = bench.now;
        bench.breaker.record(now, probe, Success);
        bench.passes(&[Success]).is(State::HalfOpen);
        // A probe whose client left makes room for the next one.
        bench.passes(&[Unknown]).is(State::HalfOpen);
        bench.passes(&[Success]).is(State::Closed);
        bench.passes(&[Failure; 4]).is(State::Closed);
    }

    #[test]
    fn a_failed_probe_doubles_the_wait_up_to_a_minute() {
        let mut bench = Bench::new();
        bench.passes(&[Failure; 5]).refuses_for(5000);
        for (waited, next) in [
            (5000, 10_000),
            (10_000, 20_000),
            (20_000, 40_000),
            (40_000, 60_000),
            (60_000, 60_000),
        ] {
            bench
                .after(waited)
                .passes(&[Failure])
                .is(State::Open)
                .refuses_for(next);
        }
        bench.after(60_000).passes(&[Success; 3]).is(State::Closed);
        bench.passes(&[Failure; 5]).refuses_for(5000);
    }

    #[test]
    fn late_answers_do_not_count_in_another_state() {
        let mut bench = Bench::new();
        let slow: Vec<Permit> = (0..3)
            .map(|_| bench.breaker.acquire(bench.now).unwrap())
            .collect();
        bench.passes(&[Failure; 5]).after(5000);
        let probe = bench.breaker.acquire(bench.now).unwrap();
        let now = bench.now;
        for (permit, outcome) in slow.into_iter().zip([Failure, Success, Unknown]) {
            bench.breaker.record(now, permit, outcome);
        }
        bench.is(State::HalfOpen).refuses_for(1000);
        bench.breaker.record(now, probe, Success);
        bench.passes(&[Success; 2]).is(State::Closed);
    }
}
