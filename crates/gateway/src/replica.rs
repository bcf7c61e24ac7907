//! One address of a service: how it does, and what it costs to ask it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;

use crate::breaker::{self, Breaker};
use crate::metrics;
use crate::outliers::Record;
use crate::routing::Service;

/// The latency of a replica that has not answered yet, while it has a request.
const UNKNOWN_LATENCY: Duration = Duration::from_millis(30);
/// In which time a latency is forgotten to about a third of it.
const DECAY: Duration = Duration::from_secs(10);
/// How long a replica that is new, or back, gets less than its share.
const SLOW_START: Duration = Duration::from_secs(10);
/// The least share at its beginning.
const LEAST_SHARE: f64 = 0.1;

/// What the checks of `/ready` have found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Nothing: it may have no such page that we can reach, or is on its way up. It is asked when no other
    /// is ready.
    Unknown,
    /// It says that it is ready.
    Ready,
    /// It said so once, and does not any more.
    NotReady,
}

/// A replica. All threads share it.
#[derive(Debug)]
pub(crate) struct Replica {
    /// Never the same for two of them, not even of the same address.
    pub(crate) id: u64,
    pub(crate) address: SocketAddr,
    /// The address as text, for logs and metrics.
    pub(crate) name: String,
    /// What requests name as `Host`: the service as it is configured.
    pub(crate) host: HeaderValue,
    service: Service,
    breaker: Mutex<Breaker>,
    in_flight: AtomicU32,
    latency: Mutex<Latency>,
    readiness: AtomicU32,
    /// How it does beside its peers.
    pub(crate) record: Record,
    /// Microseconds from the start of the process to the beginning of the slow start.
    slow_from: AtomicU64,
    epoch: Instant,
}

/// A moving average that jumps up to a peak and falls slowly, so that a slow replica is noticed by
/// its first slow answer (the "peak EWMA" of Finagle and linkerd).
#[derive(Debug, Clone, Copy)]
struct Latency {
    /// Seconds; `None` before the first answer.
    average: Option<f64>,
    at: Instant,
}

impl Latency {
    fn observe(&mut self, now: Instant, seconds: f64) {
        let average = match self.average {
            Some(average) if seconds < average => {
                let keep = decay(now.saturating_duration_since(self.at));
                average * keep + seconds * (1.0 - keep)
            }
            _ => seconds,
        };
        self.average = Some(average);
        self.at = now;
    }

    /// The average now: without answers it falls, so that a replica that was slow once is tried again.
    fn now(&self, now: Instant) -> Option<f64> {
        Some(self.average? * decay(now.saturating_duration_since(self.at)))
    }
}

fn decay(passed: Duration) -> f64 {
    (-passed.as_secs_f64() / DECAY.as_secs_f64()).exp()
}

impl Replica {
    pub(crate) fn new(
        service: Service,
        address: SocketAddr,
        host: HeaderValue,
        settings: breaker::Settings,
        slow_start: bool,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let now = Instant::now();
        // Replicas of the start are all new together; none of them has to be spared.
        let epoch = if slow_start {
            now
        } else {
            now.checked_sub(SLOW_START).unwrap_or(now)
        };
        let name = address.to_string();
        metrics::replica_came(service, &name);
        metrics::breaker_state(service, &name, breaker::State::Closed);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            address,
            name,
            host,
            service,
            breaker: Mutex::new(Breaker::new(settings)),
            in_flight: AtomicU32::new(0),
            latency: Mutex::new(Latency {
                average: None,
                at: now,
            }),
            readiness: AtomicU32::new(0),
            record: Record::new(now),
            slow_from: AtomicU64::new(0),
            epoch,
        }
    }

    pub(crate) fn readiness(&self) -> Readiness {
        match self.readiness.load(Ordering::Relaxed) {
            0 => Readiness::Unknown,
            1 => Readiness::Ready,
            _ => Readiness::NotReady,
        }
    }

    /// Sets what a check has found; a replica that is back begins slowly.
    pub(crate) fn found(&self, readiness: Readiness) {
        let before = self.readiness();
        if before == readiness {
            return;
        }
        if before == Readiness::NotReady {
            let since = self.epoch.elapsed().as_micros();
            self.slow_from
                .store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        let value = match readiness {
            Readiness::Unknown => 0,
            Readiness::Ready => 1,
            Readiness::NotReady => 2,
        };
        self.readiness.store(value, Ordering::Relaxed);
        metrics::replica_ready(self.service, &self.name, readiness != Readiness::NotReady);
        if before != Readiness::Unknown {
            tracing::warn!(
                labels.upstream = self.service.name(),
                labels.replica = self.name,
                "the replica went from {before:?} to {readiness:?}"
            );
        }
    }

    /// Requests to it that are not answered yet.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes note of how long the head of an answer took.
    pub(crate) fn observe(&self, now: Instant, latency: Duration) {
        self.latency
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .observe(now, latency.as_secs_f64());
    }

    /// Seconds that the head of an answer takes lately.
    pub(crate) fn latency(&self, now: Instant) -> Option<f64> {
        self.latency
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .now(now)
    }

    /// What one more request to it is expected to cost, in any unit.
    pub(crate) fn cost(&self, now: Instant) -> f64 {
        let in_flight = self.in_flight();
        let latency = match self.latency(now) {
            Some(latency) => latency,
            // The first request finds out.
            None if in_flight == 0 => 0.0,
            None => UNKNOWN_LATENCY.as_secs_f64(),
        };
        latency * (f64::from(in_flight) + 1.0) / self.share(now)
    }

    /// 1 except in a slow start.
    fn share(&self, now: Instant) -> f64 {
        let began = Duration::from_micros(self.slow_from.load(Ordering::Relaxed));
        let age = now.saturating_duration_since(self.epoch).saturating_sub(began);
        let age = self.record.back_for(now).map_or(age, |back| back.min(age));
        (age.as_secs_f64() / SLOW_START.as_secs_f64()).clamp(LEAST_SHARE, 1.0)
    }

    /// Asks or tells the breaker.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let before = breaker.state();
        let result = change(&mut breaker);
        let after = breaker.state();
        drop(breaker);
        if before != after {
            metrics::breaker_state(self.service, &self.name, after);
            tracing::warn!(
                labels.upstream = self.service.name(),
                labels.replica = self.name,
                "the circuit breaker went from {before:?} to {after:?}"
            );
        }
        result
    }

    pub(crate) fn breaker_state(&self) -> breaker::State {
        self.breaker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .state()
    }

    /// It has left the list; its last requests go on.
    pub(crate) fn leave(&self) {
        metrics::replica_left(self.service, &self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(slow_start: bool) -> Replica {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let host = HeaderValue::from_static("a:1");
        Replica::new(
            Service::Analytics,
            address,
            host,
            breaker::Settings::default(),
            slow_start,
        )
    }

    #[test]
    fn a_peak_counts_at_once_and_is_forgotten_slowly() {
        let replica = replica(false);
        let now = Instant::now();
        replica.observe(now, Duration::from_millis(1));
        replica.observe(now, Duration::from_millis(100));
        assert_eq!(replica.latency(now), Some(0.1));
        let later = now + Duration::from_secs(1);
        replica.observe(later, Duration::from_millis(1));
        let latency = replica.latency(later).unwrap();
        assert!((0.08..0.1).contains(&latency), "{latency}");
        let much_later = now + Duration::from_secs(60);
        assert!(replica.latency(much_later).unwrap() < 0.001);
    }

    #[test]
    fn requests_in_flight_and_a_slow_start_cost() {
        let old = replica(false);
        let now = Instant::now();
        old.observe(now, Duration::from_millis(10));
        let idle = old.cost(now);
        old.begin();
        assert!((old.cost(now) - 2.0 * idle).abs() < 1e-9);
        old.end();

        let new = replica(true);
        assert!(new.cost(now) < idle, "an unknown replica is tried");
        let at = new.epoch;
        new.observe(at, Duration::from_millis(10));
        let factor = new.cost(at) / 0.01;
        assert!((9.9..10.1).contains(&factor), "{factor}");
        let half = at + SLOW_START / 2;
        let factor = new.cost(half) / new.latency(half).unwrap();
        assert!((1.9..2.1).contains(&factor), "{factor}");
        let grown = at + SLOW_START * 2;
        let factor = new.cost(grown) / new.latency(grown).unwrap();
        assert!((0.99..1.01).contains(&factor), "{factor}");
    }

    #[test]
    fn a_replica_that_is_back_begins_slowly() {
        let replica = replica(false);
        let now = Instant::now();
        assert!((replica.share(now) - 1.0).abs() < 1e-9);
        replica.found(Readiness::Ready);
        assert!((replica.share(Instant::now()) - 1.0).abs() < 1e-9);
        replica.found(Readiness::NotReady);
        replica.found(Readiness::Ready);
        assert!(replica.share(Instant::now()) < 0.2);
    }
}
