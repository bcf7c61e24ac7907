//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use common::BoxError;
use common::auth::{Authenticator, Keys, Revocations};
use common::cache::Redis;
use common::clock::Clock;
use common::http::layers;
use common::service::{Check, Context};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::access_log::Writer;
use crate::api_keys::ApiKeys;
use crate::bans::Bans;
use crate::config::{Config, Reloadable};
use crate::events::{BUFFER, EventBuffer};
use crate::limit::Limiter;
use crate::response_cache::ResponseCache;
use crate::routing::Service;
use crate::tokens::Tokens;
use crate::upstream::Upstream;
use crate::{health_checks, outliers, resolve};

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct AppState(Arc<Gateway>);

impl std::ops::Deref for AppState {
    type Target = Gateway;

    fn deref(&self) -> &Gateway {
        &self.0
    }
}

#[derive(Debug)]
pub(crate) struct Gateway {
    /// What a reload replaces.
    pub(crate) settings: ArcSwap<Reloadable>,
    /// Tells that it has been replaced.
    pub(crate) reloaded: Notify,
    pub(crate) limits: Limits,
    pub(crate) limiter: Limiter,
    pub(crate) bans: Bans,
    pub(crate) tokens: Tokens,
    pub(crate) api_keys: ApiKeys,
    pub(crate) events: EventBuffer,
    pub(crate) log: Writer,
    pub(crate) cache: Arc<ResponseCache>,
    pub(crate) clock: Clock,
    /// What `GET /health` looks at.
    pub(crate) checks: Vec<Check>,
    /// Cancelled once the names of services have been looked up for the first time.
    pub(crate) resolved: CancellationToken,
    upstreams: [Arc<Upstream>; 5],
}

/// Limits that all services have, as the settings say.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    in_flight: AtomicUsize,
    most: AtomicUsize,
    most_body_bytes: AtomicU64,
    longest_millis: AtomicU64,
}

impl Limits {
    pub(crate) fn set(&self, limits: &layers::Limits) {
        self.most.store(limits.max_concurrent, Ordering::Relaxed);
        self.most_body_bytes
            .store(limits.max_body_bytes as u64, Ordering::Relaxed);
        let millis = u64::try_from(limits.request_timeout.as_millis()).unwrap_or(u64::MAX);
        self.longest_millis.store(millis, Ordering::Relaxed);
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    pub(crate) fn most_body_bytes(&self) -> u64 {
        self.most_body_bytes.load(Ordering::Relaxed)
    }

    /// How long the head of any answer may take.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_millis(self.longest_millis.load(Ordering::Relaxed))
    }

    /// A place for one more request; `None` when there is none.
    pub(crate) fn enter(&self) -> Option<Place<'_>> {
        if self.in_flight.fetch_add(1, Ordering::Relaxed) >= self.most() {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Place(self))
    }
}

/// The place of a request in flight.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a Limits);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AppState {
    /// Builds the state and starts its background tasks.
    pub(crate) fn new(config: Config, context: &Context) -> Result<Self, BoxError> {
        let redis = Redis::new(&config.redis)?;
        let (clock, shutdown) = (context.clock.clone(), context.shutdown.clone());
        let revocations = Revocations::new();
        let keys = Keys::remote(config.auth.jwks_url.clone())?;
        let authenticator = Authenticator::new(&config.auth, keys, revocations.clone(), clock.clone());
        context.spawn(
            "revocations",
            revocations
                .clone()
                .follow(redis.clone(), clock.clone(), shutdown.clone()),
        );
        let (events, publisher) = EventBuffer::new(redis.clone(), BUFFER);
        context.spawn("request events", publisher.run(shutdown.clone()));
        let bans = Bans::default();
        context.spawn("bans", bans.clone().follow(redis.clone(), shutdown.clone()));
        let settings = config.reloadable;
        let limiter = Limiter::new(redis.clone(), settings.quotas, config.rate_limit_patience);
        context.spawn("rate limit leases", limiter.keep_leases(shutdown.clone()));
        let upstream = |service: Service| {
            let addresses = &settings.upstreams[service.index()];
            Arc::new(Upstream::new(service, addresses, config.breaker))
        };
        let state = Self(Arc::new(Gateway {
            upstreams: Service::ALL.map(upstream),
            settings: ArcSwap::from_pointee(settings),
            reloaded: Notify::new(),
            limits: Limits::default(),
            limiter,
            bans,
            api_keys: ApiKeys::new(authenticator.clone(), revocations.clone(), clock.clone()),
            tokens: Tokens::new(authenticator, revocations, clock.clone()),
            events,
            log: Writer::start(),
            cache: Arc::new(ResponseCache::new(redis.clone(), config.rate_limit_patience)),
            clock,
            checks: vec![Check::redis(&redis)],
            resolved: CancellationToken::new(),
        }));
        context.spawn(
            "addresses of services",
            resolve::keep(state.clone(), shutdown.clone()),
        );
        context.spawn("outliers", eject_outliers(state.clone(), shutdown.clone()));
        let checks = health_checks::checks(state.clone(), shutdown)?;
        context.spawn("checks of replicas", checks);
        Ok(state)
    }
}

/// Leaves out replicas that do worse than their peers, until `shutdown`.
async fn eject_outliers(gateway: AppState, shutdown: CancellationToken) {
    while shutdown
        .run_until_cancelled(tokio::time::sleep(outliers::EVERY))
        .await
        .is_some()
    {
        for upstream in &gateway.upstreams {
            upstream.eject_outliers(Instant::now());
        }
    }
}

impl Gateway {
    pub(crate) fn upstream(&self, service: Service) -> &Arc<Upstream> {
        &self.upstreams[service.index()]
    }
}
