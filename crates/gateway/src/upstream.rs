//! The replicas of each service, and which of them gets the next request.
//!
//! Of two replicas taken at random the one gets it that is expected to be the cheaper: "power of two
//! choices" comes close to the best choice without asking all, and does not send everybody to the same
//! one at the same time, as the best choice does.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::HeaderValue;
use http::uri::Authority;
use url::{Position, Url};

use crate::breaker::{self, Breaker, Outcome, Permit};
use crate::metrics;
use crate::outliers::{self, Counts};
use crate::replica::{Readiness, Replica};
use crate::retry_budget::RetryBudget;
use crate::routing::Service;

/// What a request without an answer counts as.
const FAILURE: Duration = Duration::from_secs(1);

/// Addresses of one service, separated by commas in a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses(pub Vec<Authority>);

/// The text is not a list of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a list of addresses such as http://host:8000, separated by commas")]
pub struct NotAddresses;

impl FromStr for Addresses {
    type Err = NotAddresses;

    fn from_str(text: &str) -> Result<Self, NotAddresses> {
        let addresses: Vec<Authority> = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(authority)
            .collect::<Option<_>>()
            .ok_or(NotAddresses)?;
        if addresses.is_empty() {
            return Err(NotAddresses);
        }
        Ok(Self(addresses))
    }
}

/// Host and port of a URL that has nothing else.
fn authority(text: &str) -> Option<Authority> {
    let url = Url::parse(text).ok()?;
    let bare = url.scheme() == "http"
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !bare {
        return None;
    }
    url[Position::BeforeHost..Position::AfterPort].parse().ok()
}

/// An address that needs no name server.
pub(crate) fn literal(authority: &Authority) -> Option<SocketAddr> {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let address = host.parse().ok()?;
    Some(SocketAddr::new(address, authority.port_u16().unwrap_or(80)))
}

/// One service.
#[derive(Debug)]
pub(crate) struct Upstream {
    service: Service,
    settings: breaker::Settings,
    replicas: ArcSwap<Vec<Arc<Replica>>>,
    breaker: Mutex<Breaker>,
    pub(crate) retries: RetryBudget,
}

impl Upstream {
    /// The service at the addresses that need no name server; the others come with
    /// [`Upstream::replace`].
    pub(crate) fn new(service: Service, addresses: &Addresses, settings: breaker::Settings) -> Self {
        let replicas = addresses
            .0
            .iter()
            .filter_map(|authority| Some((literal(authority)?, authority)))
            .map(|(address, authority)| Arc::new(replica(service, address, authority, settings, false)))
            .collect();
        // Failures in a row are of one replica; the service as a whole goes by the share of them.
        let of_service = breaker::Settings {
            consecutive: u32::MAX,
            ..settings
        };
        metrics::service_breaker_state(service, breaker::State::Closed);
        Self {
            service,
            settings,
            replicas: ArcSwap::from_pointee(replicas),
            breaker: Mutex::new(Breaker::new(of_service)),
            retries: RetryBudget::new(Instant::now()),
        }
    }

    pub(crate) fn service(&self) -> Service {
        self.service
    }

    pub(crate) fn replicas(&self) -> Arc<Vec<Arc<Replica>>> {
        self.replicas.load_full()
    }

    /// Puts another list in place. Replicas that stay keep what is known of them; those that leave
    /// finish what they have.
    pub(crate) fn replace(&self, addresses: &[(SocketAddr, Authority)]) {
        let before = self.replicas.load_full();
        let mut seen = HashSet::new();
        let mut changed = false;
        let after: Vec<Arc<Replica>> = addresses
            .iter()
            .filter(|(address, _)| seen.insert(*address))
            .map(
                |(address, authority)| match before.iter().find(|known| known.address == *address) {
                    Some(known) => known.clone(),
                    None => {
                        changed = true;
                        let slow_start = !before.is_empty();
                        Arc::new(replica(
                            self.service,
                            *address,
                            authority,
                            self.settings,
                            slow_start,
                        ))
                    }
                },
            )
            .collect();
        for left in before.iter().filter(|known| !seen.contains(&known.address)) {
            changed = true;
            left.leave();
        }
        if changed {
            let names: Vec<&str> = after.iter().map(|replica| replica.name.as_str()).collect();
            tracing::info!(
                labels.upstream = self.service.name(),
                "{} is now at {}",
                self.service.name(),
                names.join(", ")
            );
            self.replicas.store(Arc::new(after));
        }
    }

    /// Leave for one request to the service, before a replica is chosen.
    ///
    /// # Errors
    /// When the service as a whole is left alone: how long until it may be asked.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Admission, Duration> {
        self.retries.earn();
        let permit = self.change(|breaker| breaker.acquire(Instant::now()))?;
        Ok(Admission {
            upstream: self.clone(),
            permit: Some(permit),
        })
    }

    /// A replica for a request, leaving out those whose breaker refuses and the one that was `tried`
    /// already. `random` decides.
    ///
    /// # Errors
    /// When no replica may be asked: how long until one may.
    pub(crate) fn pick(&self, tried: Option<&Lease>, random: u64) -> Result<Lease, Duration> {
        let replicas = self.replicas.load();
        let now = Instant::now();
        let untried =
            |replica: &&Arc<Replica>| tried.is_none_or(|tried| !Arc::ptr_eq(&tried.replica, replica));
        if let [only] = replicas.as_slice() {
            // The usual case needs no choice.
            return match tried {
                None => lease(only, now),
                Some(_) => Err(Duration::from_secs(1)),
            };
        }
        let usable = |replica: &&Arc<Replica>| {
            replica.readiness() != Readiness::NotReady && !replica.record.is_ejected(now)
        };
        // When most are gone, it is rather the checks that are wrong, and few cannot bear the load of all.
        let panic = replicas.iter().filter(usable).count() * 2 < replicas.len();
        let is_checked = replicas.iter().any(|one| one.readiness() == Readiness::Ready);
        let rank = |replica: &Arc<Replica>| match replica.readiness() {
            // Worse than its peers: only when the others refuse.
            Readiness::Ready | Readiness::Unknown if replica.record.is_ejected(now) => Some(1),
            Readiness::Ready => Some(0),
            // Where others answer the checks, one that never has is on its way up, or never will be.
            Readiness::Unknown => Some(u8::from(is_checked)),
            Readiness::NotReady => panic.then_some(0),
        };
        let mut wait = None;
        for wanted in 0..=1 {
            let mut candidates: Vec<&Arc<Replica>> = replicas
                .iter()
                .filter(untried)
                .filter(|replica| rank(replica) == Some(wanted))
                .collect();
            while let Some(index) = cheaper_of_two(&candidates, now, random) {
                match lease(candidates.swap_remove(index), now) {
                    Ok(lease) => return Ok(lease),
                    // Open: the next one.
                    Err(after) => wait = Some(wait.map_or(after, |known: Duration| known.min(after))),
                }
            }
        }
        Err(wait.unwrap_or(Duration::from_secs(1)))
    }

    pub(crate) fn breaker_state(&self) -> breaker::State {
        self.breaker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .state()
    }

    /// Looks at what the replicas have answered since the last look, and leaves out those that did worse
    /// than their peers.
    pub(crate) fn eject_outliers(&self, now: Instant) {
        let replicas = self.replicas.load_full();
        let counts: Vec<Counts> = replicas.iter().map(|replica| replica.record.take()).collect();
        let worse = outliers::find(&counts);
        let out = replicas
            .iter()
            .filter(|replica| replica.record.is_ejected(now))
            .count();
        let mut room = (replicas.len() / 2).saturating_sub(out);
        for replica in replicas.iter() {
            replica.record.calm_down(now);
        }
        for index in worse {
            let (replica, counts) = (&replicas[index], &counts[index]);
            if room == 0 || replica.record.is_ejected(now) {
                continue;
            }
            room -= 1;
            let time = replica.record.eject(now);
            metrics::ejected(self.service);
            tracing::warn!(
                labels.upstream = self.service.name(),
                labels.replica = replica.name,
                "the replica failed {} of {} requests, far more than its peers, and is left out for {} s",
                counts.failed,
                counts.total,
                time.as_secs()
            );
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let before = breaker.state();
        let result = change(&mut breaker);
        let after = breaker.state();
        drop(breaker);
        if before != after {
            metrics::service_breaker_state(self.service, after);
            tracing::warn!(
                labels.upstream = self.service.name(),
                "the circuit breaker of the service went from {before:?} to {after:?}"
            );
        }
        result
    }
}

fn replica(
    service: Service,
    address: SocketAddr,
    authority: &Authority,
    settings: breaker::Settings,
    slow_start: bool,
) -> Replica {
    let host = HeaderValue::from_str(authority.as_str());
    let host = host.unwrap_or(HeaderValue::from_static("localhost"));
    Replica::new(service, address, host, settings, slow_start)
}

fn cheaper_of_two(candidates: &[&Arc<Replica>], now: Instant, random: u64) -> Option<usize> {
    match candidates {
        [] => None,
        [_] => Some(0),
        many => {
            let count = many.len() as u64;
            let first = random % count;
            let second = (first + 1 + (random >> 32) % (count - 1)) % count;
            let (first, second) = (
                usize::try_from(first).unwrap_or(0),
                usize::try_from(second).unwrap_or(0),
            );
            let cheaper = many[first].cost(now) <= many[second].cost(now);
            Some(if cheaper { first } else { second })
        }
    }
}

fn lease(replica: &Arc<Replica>, now: Instant) -> Result<Lease, Duration> {
    let permit = replica.change(|breaker| breaker.acquire(now))?;
    replica.begin();
    Ok(Lease {
        replica: replica.clone(),
        permit: Some(permit),
        began: now,
    })
}

/// Leave to ask a service. Dropped without an outcome, it tells the breaker that nothing was learnt.
#[derive(Debug)]
pub(crate) struct Admission {
    upstream: Arc<Upstream>,
    permit: Option<Permit>,
}

impl Admission {
    /// Tells whether the request was answered, by whichever replica.
    pub(crate) fn ended(mut self, outcome: Outcome) {
        self.record(outcome);
    }

    fn record(&mut self, outcome: Outcome) {
        if let Some(permit) = self.permit.take() {
            self.upstream
                .change(|breaker| breaker.record(Instant::now(), permit, outcome));
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.record(Outcome::Unknown);
    }
}

/// One request to one replica. Dropped without an outcome, it tells the breaker that nothing was
/// learnt: the client went away.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) replica: Arc<Replica>,
    permit: Option<Permit>,
    began: Instant,
}

impl Lease {
    /// The head of an answer is here; with `error`, the service says that it went wrong (5xx).
    pub(crate) fn succeeded(&mut self, error: bool) {
        let now = Instant::now();
        self.replica.record.add(error);
        self.replica
            .observe(now, now.saturating_duration_since(self.began));
        self.record(now, Outcome::Success);
    }

    /// There was no answer. That counts as a slow one too, so that others are asked rather.
    pub(crate) fn failed(&mut self) {
        let now = Instant::now();
        self.replica.record.add(true);
        let latency = now.saturating_duration_since(self.began).max(FAILURE);
        self.replica.observe(now, latency);
        self.record(now, Outcome::Failure);
    }

    fn record(&mut self, now: Instant, outcome: Outcome) {
        if let Some(permit) = self.permit.take() {
            self.replica
                .change(|breaker| breaker.record(now, permit, outcome));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.replica.end();
        if self.permit.is_some() {
            self.record(Instant::now(), Outcome::Unknown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_with_ports() {
        let addresses: Addresses = "http://10.0.0.1:8000, http://ai-assistant:8000/ ,http://[::1]:1"
            .parse()
            .unwrap();
        let texts: Vec<&str> = addresses.0.iter().map(Authority::as_str).collect();
        assert_eq!(texts, ["10.0.0.1:8000", "ai-assistant:8000", "[::1]:1"]);
        let literals: Vec<_> = addresses.0.iter().map(literal).collect();
        let known = |text: &str| Some(text.parse::<SocketAddr>().unwrap());
        assert_eq!(literals, [known("10.0.0.1:8000"), None, known("[::1]:1")]);
        for text in [
            "",
            ",",
            "host:8000",
            "https://host",
            "http://u:p@host",
            "http://host/path",
            "http://h?q",
        ] {
            assert_eq!(text.parse::<Addresses>(), Err(NotAddresses), "{text}");
        }
    }

    fn upstream(addresses: &str) -> Upstream {
        let settings = breaker::Settings {
            consecutive: 1,
            ..breaker::Settings::default()
        };
        Upstream::new(Service::Analytics, &addresses.parse().unwrap(), settings)
    }

    #[test]
    fn a_replica_that_never_was_ready_waits_while_others_are() {
        let upstream = upstream("http://127.0.0.1:1,http://127.0.0.1:2,http://127.0.0.1:3");
        let replicas = upstream.replicas.load();
        let [first, second, new] = replicas.as_slice() else {
            unreachable!("three addresses are three replicas");
        };
        let mut random = random();
        let mut is_asked =
            || (0..200).any(|_| Arc::ptr_eq(&upstream.pick(None, random()).unwrap().replica, new));
        assert!(is_asked(), "nobody has answered a check");
        first.found(Readiness::Ready);
        second.found(Readiness::Ready);
        assert!(!is_asked());
        new.found(Readiness::Ready);
        assert!(is_asked());
    }

    /// Numbers that look random, the same each time.
    fn random() -> impl FnMut() -> u64 {
        let mut state = 7_u64;
        move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state.rotate_left(17)
        }
    }

    #[test]
    fn who_fails_beside_others_that_work_is_left_out_and_shown_no_more_when_it_leaves() {
        common::telemetry::install_recorder();
        let upstream = upstream("http://127.0.0.1:21,http://127.0.0.1:22");
        let replicas = upstream.replicas();
        for _ in 0..50 {
            replicas[0].record.add(true);
            replicas[1].record.add(false);
        }
        let now = Instant::now();
        upstream.eject_outliers(now);
        assert!(replicas[0].record.is_ejected(now) && !replicas[1].record.is_ejected(now));
        let mut random = random();
        for _ in 0..50 {
            let lease = upstream.pick(None, random()).unwrap();
            assert_eq!(lease.replica.address, replicas[1].address);
        }
        // The next look finds nothing, and half of them stay in any case.
        upstream.eject_outliers(now);
        for _ in 0..50 {
            replicas[1].record.add(true);
            replicas[0].record.add(false);
        }
        upstream.eject_outliers(now);
        assert!(!replicas[1].record.is_ejected(now));
        // It is still there for whoever has nobody else.
        let first = upstream.pick(None, 0).unwrap();
        let second = upstream.pick(Some(&first), 0).unwrap();
        assert_eq!(second.replica.address, replicas[0].address);

        let shown = || common::telemetry::render_metrics().contains("replica=\"127.0.0.1:21\"");
        assert!(shown());
        let authority = Authority::from_static("127.0.0.1:22");
        upstream.replace(&[(replicas[1].address, authority.clone())]);
        assert!(!shown());
        let back = Authority::from_static("127.0.0.1:21");
        upstream.replace(&[(replicas[1].address, authority), (replicas[0].address, back)]);
        assert!(shown());
    }

    #[test]
    fn a_slow_replica_gets_less_and_an_open_one_nothing() {
        let upstream = upstream("http://127.0.0.1:1,http://127.0.0.1:2,http://127.0.0.1:3");
        let mut random = random();
        let now = Instant::now();
        for (replica, millis) in upstream.replicas().iter().zip([1, 1, 50]) {
            replica.observe(now, Duration::from_millis(millis));
        }
        let mut counts = [0; 3];
        for _ in 0..300 {
            let lease = upstream.pick(None, random()).unwrap();
            counts[usize::from(lease.replica.address.port()) - 1] += 1;
        }
        // Of two, the slow one is never the cheaper.
        assert!(counts[0] > 100 && counts[1] > 100 && counts[2] == 0, "{counts:?}");

        // Forty-nine requests wait at each of the fast ones: now the slow one is as good.
        let leases: Vec<Lease> = (0..120).map(|_| upstream.pick(None, random()).unwrap()).collect();
        let slow = leases
            .iter()
            .filter(|lease| lease.replica.address.port() == 3)
            .count();
        assert!((1..20).contains(&slow), "{slow}");
        drop(leases);

        let mut failing = upstream.pick(None, random()).unwrap();
        let failed = failing.replica.address;
        failing.failed();
        for _ in 0..50 {
            let lease = upstream.pick(None, random()).unwrap();
            assert_ne!(lease.replica.address, failed);
            let other = upstream.pick(Some(&lease), random()).unwrap();
            assert_ne!(other.replica.address, lease.replica.address);
        }
        let mut rest = [
            upstream.pick(None, random()).unwrap(),
            upstream.pick(None, random()).unwrap(),
        ];
        rest.iter_mut().for_each(Lease::failed);
        while let Ok(mut lease) = upstream.pick(None, random()) {
            lease.failed();
        }
        let wait = upstream.pick(None, random()).unwrap_err();
        let longest = breaker::Settings::default().open_for;
        assert!(wait <= longest && wait > Duration::from_secs(3), "{wait:?}");
    }

    #[test]
    fn who_is_not_ready_gets_nothing_unless_most_are_not() {
        let upstream = upstream("http://127.0.0.1:1,http://127.0.0.1:2,http://127.0.0.1:3");
        let mut random = random();
        let replicas = upstream.replicas();
        let mut asked = || {
            let leases = (0..60).map(|_| upstream.pick(None, random()).unwrap());
            let ports: HashSet<u16> = leases.map(|lease| lease.replica.address.port()).collect();
            let mut ports: Vec<u16> = ports.into_iter().collect();
            ports.sort_unstable();
            ports
        };
        replicas[0].found(Readiness::NotReady);
        assert_eq!(asked(), [2, 3]);
        replicas[1].found(Readiness::NotReady);
        assert_eq!(asked(), [1, 2, 3]);
        for replica in replicas.iter() {
            replica.found(Readiness::Ready);
        }
        assert_eq!(asked(), [1, 2, 3]);
    }

    #[test]
    fn what_is_known_of_a_replica_outlives_a_new_list() {
        let upstream = upstream("http://127.0.0.1:1,http://127.0.0.1:2");
        let before = upstream.replicas();
        let authority = Authority::from_static("analytics:8003");
        let address = |port: u16| (SocketAddr::from(([127, 0, 0, 1], port)), authority.clone());
        upstream.replace(&[address(2), address(3), address(3)]);
        let after = upstream.replicas();
        assert_eq!(after.len(), 2);
        assert!(Arc::ptr_eq(&after[0], &before[1]));
        assert_eq!(after[1].host, "analytics:8003");
        upstream.replace(&[]);
        assert!(upstream.pick(None, 0).is_err());
    }

    #[test]
    fn a_service_most_of_whose_requests_fail_is_left_alone() {
        let upstream = Arc::new(upstream("http://127.0.0.1:1"));
        for n in 0..20 {
            let outcome = if n % 2 == 0 {
                Outcome::Success
            } else {
                Outcome::Failure
            };
            upstream.admit().unwrap().ended(outcome);
        }
        assert!(upstream.admit().is_err());
        assert_eq!(upstream.breaker_state(), breaker::State::Open);
    }
}
