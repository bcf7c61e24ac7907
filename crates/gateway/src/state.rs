//! What all requests share.

use std::sync::Arc;

use common::BoxError;
use common::auth::{Authenticator, Keys, Revocations};
use common::cache::Redis;
use common::clock::Clock;
use common::service::Context;

use crate::api_keys::ApiKeys;
use crate::client::Client;
use crate::client_address::TrustedProxies;
use crate::config::{Config, Timeouts};
use crate::cors::AllowedOrigins;
use crate::events::{BUFFER, EventBuffer};
use crate::limit::Limiter;
use crate::routing::Service;
use crate::tokens::Tokens;
use crate::upstream::Upstream;

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
    pub(crate) edge: Edge,
    pub(crate) limiter: Limiter,
    pub(crate) tokens: Tokens,
    pub(crate) api_keys: ApiKeys,
    pub(crate) events: EventBuffer,
    pub(crate) client: Client,
    pub(crate) timeouts: Timeouts,
    pub(crate) clock: Clock,
    upstreams: [Upstream; 5],
}

/// How the gateway is reached.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) allowed_origins: AllowedOrigins,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) tls_terminated: bool,
}

impl AppState {
    /// Builds the state and starts its background tasks.
    pub(crate) fn new(config: Config, redis: Redis, context: &Context) -> Result<Self, BoxError> {
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
        context.spawn("request events", publisher.run(shutdown));
        let upstream =
            |service: Service| Upstream::new(service, &config.upstreams[service.index()], config.breaker);
        Ok(Self(Arc::new(Gateway {
            edge: Edge {
                allowed_origins: config.allowed_origins,
                trusted_proxies: config.trusted_proxies,
                tls_terminated: config.tls_terminated,
            },
            limiter: Limiter::new(redis, config.quotas, config.rate_limit_patience),
            api_keys: ApiKeys::new(authenticator.clone(), revocations.clone(), clock.clone()),
            tokens: Tokens::new(authenticator, revocations, clock.clone()),
            events,
            client: Client::new(),
            timeouts: config.timeouts,
            clock,
            upstreams: Service::ALL.map(upstream),
        })))
    }
}

impl Gateway {
    pub(crate) fn upstream(&self, service: Service) -> &Upstream {
        &self.upstreams[service.index()]
    }
}
