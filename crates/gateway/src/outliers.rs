//! Replicas that fail far more requests than their peers: they are left out for a while.
//!
//! A circuit breaker looks at one replica and at broken connections. This looks at what replicas answer,
//! side by side: when all fail alike, something behind them is broken and nothing is gained by asking
//! fewer; when one fails more than chance explains, it is that one.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Between two looks.
pub(crate) const EVERY: Duration = Duration::from_secs(10);
/// A replica with fewer requests in that time is not judged.
const LEAST: u32 = 20;
/// So many standard errors apart, two shares differ by more than chance: once in 30 000 looks.
const APART: f64 = 4.0;
/// A smaller difference between the shares of failures is not worth the loss of a replica.
const WORTH: f64 = 0.2;
/// The first time, and the most.
const OUT: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(300));

/// What a replica has answered since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) total: u32,
    /// 5xx, no answer, or none in time.
    pub(crate) failed: u32,
}

impl Counts {
    fn share(self) -> f64 {
        f64::from(self.failed) / f64::from(self.total.max(1))
    }
}

/// The places of those that do worse than the others together, the worst first: a test of two
/// proportions, of each replica against the rest.
pub(crate) fn find(counts: &[Counts]) -> Vec<usize> {
    let sum = counts.iter().fold(Counts::default(), |sum, one| Counts {
        total: sum.total.saturating_add(one.total),
        failed: sum.failed.saturating_add(one.failed),
    });
    let mut worse: Vec<(usize, f64)> = counts
        .iter()
        .enumerate()
        .filter_map(|(index, one)| {
            let rest = Counts {
                total: sum.total - one.total,
                failed: sum.failed - one.failed,
            };
            let difference = one.share() - rest.share();
            if one.total < LEAST || rest.total < LEAST || difference < WORTH {
                return None;
            }
            let pooled = sum.share();
            let spread = 1.0 / f64::from(one.total) + 1.0 / f64::from(rest.total);
            let error = (pooled * (1.0 - pooled) * spread).sqrt();
            (difference > APART * error).then_some((index, difference))
        })
        .collect();
    worse.sort_by(|a, b| b.1.total_cmp(&a.1));
    worse.into_iter().map(|(index, _)| index).collect()
}

/// How one replica does. All threads write into it.
#[derive(Debug)]
pub(crate) struct Record {
    epoch: Instant,
    total: AtomicU32,
    failed: AtomicU32,
    /// Milliseconds since `epoch`; zero before the first time.
    out_until: AtomicU64,
    /// How often in a row.
    times: AtomicU32,
}

impl Record {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            epoch: now,
            total: AtomicU32::new(0),
            failed: AtomicU32::new(0),
            out_until: AtomicU64::new(0),
            times: AtomicU32::new(0),
        }
    }

    /// One more request.
    pub(crate) fn add(&self, failed: bool) {
        self.total.fetch_add(1, Ordering::Relaxed);
        if failed {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The counts, which begin anew.
    pub(crate) fn take(&self) -> Counts {
        // A request between the two lines is counted at the next look.
        let failed = self.failed.swap(0, Ordering::Relaxed);
        let total = self.total.swap(0, Ordering::Relaxed).max(failed);
        Counts { total, failed }
    }

    /// True while it is left out.
    pub(crate) fn is_ejected(&self, now: Instant) -> bool {
        self.out_until.load(Ordering::Relaxed) > self.millis(now)
    }

    /// How long it has been back; `None` when it never was out.
    pub(crate) fn back_for(&self, now: Instant) -> Option<Duration> {
        let until = self.out_until.load(Ordering::Relaxed);
        (until != 0).then(|| Duration::from_millis(self.millis(now).saturating_sub(until)))
    }

    /// Leaves it out, each time in a row for longer; how long.
    pub(crate) fn eject(&self, now: Instant) -> Duration {
        let times = self.times.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let time = (OUT.0 * times).min(OUT.1);
        let until = self.millis(now + time);
        self.out_until.store(until, Ordering::Relaxed);
        time
    }

    /// A look at a replica that is not out: after as long as it was out, the last time is forgotten.
    pub(crate) fn calm_down(&self, now: Instant) {
        let times = self.times.load(Ordering::Relaxed);
        if times > 0 && self.back_for(now).is_some_and(|back| back > OUT.0 * times) {
            self.times.store(times - 1, Ordering::Relaxed);
        }
    }

    fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(counts: &[(u32, u32)]) -> Vec<usize> {
        let counts: Vec<Counts> = counts
            .iter()
            .map(|(failed, total)| Counts {
                total: *total,
                failed: *failed,
            })
            .collect();
        find(&counts)
    }

    #[test]
    fn who_fails_more_than_chance_explains_is_found() {
        assert_eq!(found(&[(100, 100), (0, 100)]), [0]);
        assert_eq!(found(&[(1, 100), (60, 100), (0, 90)]), [1]);
        // The worst first.
        assert_eq!(
            found(&[(0, 500), (60, 100), (90, 100), (0, 500), (2, 500)]),
            [2, 1]
        );
    }

    #[test]
    fn who_does_as_the_others_or_has_done_little_is_not() {
        let none: [usize; 0] = [];
        assert_eq!(found(&[]), none);
        // All alike: something behind them is broken.
        assert_eq!(found(&[(100, 100), (97, 100), (99, 100)]), none);
        assert_eq!(found(&[(100, 100)]), none);
        assert_eq!(found(&[(19, 19), (0, 100)]), none);
        assert_eq!(found(&[(100, 100), (0, 19)]), none);
        // Chance.
        assert_eq!(found(&[(6, 20), (1, 20)]), none);
        // No chance, but little.
        assert_eq!(found(&[(1500, 10_000), (100, 10_000)]), none);
    }

    #[test]
    fn each_time_in_a_row_lasts_longer() {
        let now = Instant::now();
        let record = Record::new(now);
        assert_eq!((record.is_ejected(now), record.back_for(now)), (false, None));
        let mut at = now;
        for seconds in [30, 60, 90] {
            assert_eq!(record.eject(at), Duration::from_secs(seconds));
            assert!(record.is_ejected(at));
            at += Duration::from_secs(seconds);
            assert!(!record.is_ejected(at));
            assert_eq!(record.back_for(at), Some(Duration::ZERO));
        }
        at += Duration::from_secs(91);
        record.calm_down(at);
        assert_eq!(record.eject(at), Duration::from_secs(90));
        for _ in 0..20 {
            record.eject(at);
        }
        assert_eq!(record.eject(at), Duration::from_secs(300));
    }

    #[test]
    fn counts_begin_anew_at_each_look() {
        let record = Record::new(Instant::now());
        record.add(true);
        record.add(false);
        assert_eq!(record.take(), Counts { total: 2, failed: 1 });
        assert_eq!(record.take(), Counts::default());
    }
}
