//! The replicas of each service, and which of them gets the next request.

use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::uri::Authority;
use url::{Position, Url};

use crate::breaker::{self, Breaker, Outcome, Permit};
use crate::metrics;
use crate::routing::Service;

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

/// One address of a service.
#[derive(Debug)]
struct Replica {
    authority: Authority,
    breaker: Mutex<Breaker>,
}

/// The replicas of one service.
#[derive(Debug)]
pub(crate) struct Upstream {
    service: Service,
    replicas: Box<[Arc<Replica>]>,
    next: AtomicUsize,
}

impl Upstream {
    pub(crate) fn new(service: Service, addresses: &Addresses, settings: breaker::Settings) -> Self {
        let replicas = addresses
            .0
            .iter()
            .map(|authority| {
                metrics::breaker_state(service, authority.as_str(), breaker::State::Closed);
                Arc::new(Replica {
                    authority: authority.clone(),
                    breaker: Mutex::new(Breaker::new(settings)),
                })
            })
            .collect();
        Self {
            service,
            replicas,
            next: AtomicUsize::new(0),
        }
    }

    pub(crate) fn service(&self) -> Service {
        self.service
    }

    /// Takes the replicas in turn, leaving out those whose breaker refuses and the one that was
    /// `tried` already.
    ///
    /// # Errors
    /// When no replica may be asked: how long until one may.
    pub(crate) fn pick(&self, tried: Option<&Lease>) -> Result<Lease, Duration> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut wait = None;
        for offset in 0..self.replicas.len() {
            let replica = &self.replicas[first.wrapping_add(offset) % self.replicas.len()];
            if tried.is_some_and(|tried| Arc::ptr_eq(&tried.replica, replica)) {
                continue;
            }
            match replica.change(self.service, |breaker| breaker.acquire(Instant::now())) {
                Ok(permit) => {
                    return Ok(Lease {
                        service: self.service,
                        replica: replica.clone(),
                        permit: Some(permit),
                    });
                }
                Err(after) => wait = Some(wait.map_or(after, |known: Duration| known.min(after))),
            }
        }
        Err(wait.unwrap_or(Duration::from_secs(1)))
    }
}

impl Replica {
    fn change<T>(&self, service: Service, change: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let before = breaker.state();
        let result = change(&mut breaker);
        let after = breaker.state();
        drop(breaker);
        if before != after {
            let replica = self.authority.as_str();
            metrics::breaker_state(service, replica, after);
            tracing::warn!(
                labels.upstream = service.name(),
                labels.replica = replica,
                "the circuit breaker went from {before:?} to {after:?}"
            );
        }
        result
    }
}

/// One request to one replica. Dropped without an outcome, it tells the breaker that nothing was
/// learnt: the client went away.
#[derive(Debug)]
pub(crate) struct Lease {
    service: Service,
    replica: Arc<Replica>,
    permit: Option<Permit>,
}

impl Lease {
    pub(crate) fn authority(&self) -> &Authority {
        &self.replica.authority
    }

    pub(crate) fn succeeded(&mut self) {
        self.record(Outcome::Success);
    }

    pub(crate) fn failed(&mut self) {
        self.record(Outcome::Failure);
    }

    fn record(&mut self, outcome: Outcome) {
        if let Some(permit) = self.permit.take() {
            self.replica.change(self.service, |breaker| {
                breaker.record(Instant::now(), permit, outcome);
            });
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.record(Outcome::Unknown);
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

    #[test]
    fn replicas_take_turns_and_open_ones_are_left_out() {
        let addresses = "http://a:1,http://b:1,http://c:1".parse().unwrap();
        let settings = breaker::Settings {
            consecutive: 1,
            ..breaker::Settings::default()
        };
        let upstream = Upstream::new(Service::Analytics, &addresses, settings);
        let turn = |fail: bool| {
            let mut lease = upstream.pick(None).unwrap();
            if fail {
                lease.failed();
            } else {
                lease.succeeded();
            }
            lease.authority().as_str().to_owned()
        };
        assert_eq!(
            [turn(false), turn(false), turn(false), turn(false)],
            ["a:1", "b:1", "c:1", "a:1"]
        );
        assert_eq!(turn(true), "b:1");
        for _ in 0..6 {
            assert_ne!(turn(false), "b:1");
        }
        let first = upstream.pick(None).unwrap();
        let second = upstream.pick(Some(&first)).unwrap();
        assert_ne!(first.authority(), second.authority());
        for mut lease in [first, second] {
            lease.failed();
        }
        let wait = upstream.pick(None).unwrap_err();
        assert!(
            wait <= settings.open_for && wait > Duration::from_secs(3),
            "{wait:?}"
        );
    }
}
