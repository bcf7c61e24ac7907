//! Settings of the gateway.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::config::{self, Reader};

use crate::breaker;
use crate::client_address::{Network, NotANetwork, TrustedProxies};
use crate::cors::AllowedOrigins;
use crate::inspection;
use crate::limit::Quotas;
use crate::route_settings;
use crate::routing::{Patience, Route, Service, TABLE};
use crate::upstream::Addresses;

/// All settings. The doc comment of a field names its variable.
#[derive(Debug, Clone)]
pub struct Config {
    /// `REDIS_URL`, `REDIS_PASSWORD`.
    pub redis: config::Redis,
    /// `JWKS_URL`, `JWT_ISSUER`, `JWT_AUDIENCE`.
    pub auth: config::Auth,
    /// `BREAKER_OPEN_FOR` (5s): how long a replica that failed is left alone at first.
    pub breaker: breaker::Settings,
    /// `RATE_LIMIT_PATIENCE` (50ms): how long a request waits for Redis before it is counted
    /// locally.
    pub rate_limit_patience: Duration,
    /// `GATEWAY_THREADS` (as many as there are processors): threads that serve requests.
    pub threads: NonZeroU32,
    /// What a reload may change.
    pub reloadable: Reloadable,
}

/// Settings that are read again at SIGHUP.
#[derive(Debug, Clone)]
pub struct Reloadable {
    /// `AI_ASSISTANT_URL`, `ONEC_INTEGRATION_URL`, `USER_MANAGEMENT_URL`, `ANALYTICS_URL`,
    /// `SECURITY_URL`: the replicas of each service, `http://host:port`, separated by commas. On
    /// loopback by default. All addresses of a host name are replicas. In the order of
    /// [`Service::ALL`].
    pub upstreams: [Addresses; 5],
    /// `ROUTES_FILE` (none): a file that changes lines of the route table and adds others.
    pub routes: Arc<[Route]>,
    /// `UPSTREAM_DNS_REFRESH` (10s): how often host names are looked up again.
    pub dns_refresh: Duration,
    /// `UPSTREAM_CHECK_INTERVAL` (2s) and `UPSTREAM_CHECK_PORT_OFFSET` (1000).
    pub checks: Checks,
    /// `UPSTREAM_TIMEOUT` (30s) and `UPSTREAM_MODEL_TIMEOUT` (120s). `REQUEST_TIMEOUT`, which all
    /// services have, bounds both.
    pub timeouts: Timeouts,
    /// `RATE_LIMIT_ANONYMOUS` (60), `RATE_LIMIT_ADDRESS` (6000), `RATE_LIMIT_USER` (600),
    /// `RATE_LIMIT_CHAT` (60): requests per minute.
    pub quotas: Quotas,
    /// `CORS_ALLOWED_ORIGINS` (none): origins of pages that may call, separated by commas.
    pub allowed_origins: AllowedOrigins,
    /// `TRUSTED_PROXIES` (none): addresses or networks of the proxies in front, whose
    /// `X-Forwarded-For` and `X-Forwarded-Proto` are believed, separated by commas.
    pub trusted_proxies: TrustedProxies,
    /// `COMPRESSION` (true): texts are compressed for clients that read gzip. Off where a proxy in front
    /// does it.
    pub compression: bool,
    /// `INSPECTION_MODE` (block), `INSPECTION_ROUTES` (`/api/ai/*`, `/v1/*`, `/mcp` and `/api/1c/commerceml/*` are
    /// monitored, `/api/security/scan` is left alone) and `INSPECTION_THRESHOLD` (5): what is done with requests that
    /// look like attacks.
    pub inspection: inspection::Settings,
    /// `NEVER_BANNED` (none): addresses or networks that no ban shuts out, separated by commas. Nor is
    /// loopback ever shut out.
    pub never_banned: TrustedProxies,
    /// `TLS_TERMINATED` (false): clients reach the gateway only by HTTPS, which ends in front of
    /// it, at one of the trusted proxies; browsers are then told to stay with HTTPS.
    pub tls_terminated: bool,
}

/// How replicas are asked whether they are ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    /// How often; never when zero.
    pub every: Duration,
    /// How far the admin port is above the port of the API.
    pub port_offset: u16,
}

/// How long the head of an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Of an ordinary request.
    pub ordinary: Duration,
    /// Of a question to a model.
    pub model: Duration,
}

impl Timeouts {
    pub(crate) fn of(self, patience: Patience) -> Duration {
        match patience {
            Patience::Ordinary => self.ordinary,
            Patience::Model => self.model,
        }
    }
}

impl Config {
    /// Reads all settings.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let redis = config::Redis::read(reader);
        let auth = config::Auth::read(reader);
        let breaker = breaker::Settings::default();
        let open_for = reader.duration("BREAKER_OPEN_FOR", breaker.open_for);
        let rate_limit_patience = reader.duration("RATE_LIMIT_PATIENCE", Duration::from_millis(50));
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = at_least_one(reader, "GATEWAY_THREADS", u32::try_from(processors).unwrap_or(1));
        let reloadable = Reloadable::read(reader);
        Some(Self {
            redis: redis?,
            auth: auth?,
            breaker: breaker::Settings {
                open_for: open_for?,
                ..breaker
            },
            rate_limit_patience: rate_limit_patience?,
            threads: threads?,
            reloadable: reloadable?,
        })
    }
}

impl Reloadable {
    fn read(reader: &mut Reader) -> Option<Self> {
        let upstreams = Service::ALL.map(|service| addresses(reader, service));
        let routes = routes(reader);
        let dns_refresh = reader.duration("UPSTREAM_DNS_REFRESH", Duration::from_secs(10));
        let check_every = reader.duration("UPSTREAM_CHECK_INTERVAL", Duration::from_secs(2));
        let check_port_offset = reader.parse("UPSTREAM_CHECK_PORT_OFFSET", 1000);
        let ordinary = reader.duration("UPSTREAM_TIMEOUT", Duration::from_secs(30));
        let model = reader.duration("UPSTREAM_MODEL_TIMEOUT", Duration::from_secs(120));
        let anonymous = at_least_one(reader, "RATE_LIMIT_ANONYMOUS", 60);
        let address = at_least_one(reader, "RATE_LIMIT_ADDRESS", 6000);
        let user = at_least_one(reader, "RATE_LIMIT_USER", 600);
        let chat = at_least_one(reader, "RATE_LIMIT_CHAT", 60);
        let allowed_origins = reader.parse("CORS_ALLOWED_ORIGINS", AllowedOrigins::default());
        let trusted_proxies = trusted_proxies(reader);
        let compression = reader.parse("COMPRESSION", true);
        let inspection = inspection(reader, routes.as_deref().unwrap_or(&TABLE));
        let never_banned = networks(reader, "NEVER_BANNED");
        let tls_terminated = reader.parse("TLS_TERMINATED", false);
        if let (Some(proxies), Some(true)) = (&trusted_proxies, tls_terminated)
            && proxies.0.is_empty()
        {
            reader.invalid(
                "TRUSTED_PROXIES",
                "must name the proxy where TLS ends: without it all clients share one address and its rate limit",
            );
        }
        let [assistant, onec, users, analytics, security] = upstreams;
        Some(Self {
            upstreams: [assistant?, onec?, users?, analytics?, security?],
            routes: routes?,
            dns_refresh: dns_refresh?.max(Duration::from_secs(1)),
            checks: Checks {
                every: check_every?,
                port_offset: check_port_offset?,
            },
            timeouts: Timeouts {
                ordinary: ordinary?,
                model: model?,
            },
            quotas: Quotas {
                anonymous: anonymous?,
                address: address?,
                user: user?,
                chat: chat?,
            },
            allowed_origins: allowed_origins?,
            trusted_proxies: trusted_proxies?,
            compression: compression?,
            inspection: inspection?,
            never_banned: never_banned?,
            tls_terminated: tls_terminated?,
        })
    }
}

fn routes(reader: &mut Reader) -> Option<Arc<[Route]>> {
    let Some(file) = reader.optional::<PathBuf>("ROUTES_FILE")? else {
        return Some(TABLE.into());
    };
    let read = std::fs::read_to_string(&file).map_err(|error| error.to_string());
    match read.and_then(|text| route_settings::apply(&TABLE, &text).map_err(|error| error.to_string())) {
        Ok(routes) => Some(routes.into()),
        Err(error) => {
            reader.invalid("ROUTES_FILE", format!("({}): {error}", file.display()));
            None
        }
    }
}

fn addresses(reader: &mut Reader, service: Service) -> Option<Addresses> {
    let (name, default) = match service {
        Service::AiAssistant => ("AI_ASSISTANT_URL", "127.0.0.1:8000"),
        Service::OnecIntegration => ("ONEC_INTEGRATION_URL", "127.0.0.1:8001"),
        Service::UserManagement => ("USER_MANAGEMENT_URL", "127.0.0.1:8002"),
        Service::Analytics => ("ANALYTICS_URL", "127.0.0.1:8003"),
        Service::Security => ("SECURITY_URL", "127.0.0.1:8004"),
    };
    let default = http::uri::Authority::from_static(default);
    reader.parse(name, Addresses(vec![default]))
}

fn at_least_one(reader: &mut Reader, name: &str, default: u32) -> Option<NonZeroU32> {
    let number = NonZeroU32::new(reader.parse(name, default)?);
    if number.is_none() {
        reader.invalid(name, "must be at least 1");
    }
    number
}

fn inspection(reader: &mut Reader, routes: &[Route]) -> Option<inspection::Settings> {
    let default = inspection::Settings::default();
    let mode = reader.parse("INSPECTION_MODE", default.mode);
    let modes = reader.parse("INSPECTION_ROUTES", default.routes);
    let threshold = at_least_one(reader, "INSPECTION_THRESHOLD", default.threshold);
    let unknown = modes.as_ref().and_then(|modes| {
        let mut labels = modes.0.iter().map(|(label, _)| label);
        labels
            .find(|label| !routes.iter().any(|route| route.label == **label))
            .cloned()
    });
    if let Some(label) = unknown {
        reader.invalid("INSPECTION_ROUTES", format!("names {label}, which is no route"));
    }
    Some(inspection::Settings {
        mode: mode?,
        routes: modes?,
        threshold: threshold?.get(),
    })
}

fn trusted_proxies(reader: &mut Reader) -> Option<TrustedProxies> {
    networks(reader, "TRUSTED_PROXIES")
}

fn networks(reader: &mut Reader, name: &str) -> Option<TrustedProxies> {
    let text = reader.parse(name, String::new())?;
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let networks: Result<Vec<Network>, NotANetwork> = parts.map(str::parse).collect();
    match networks {
        Ok(networks) => Some(TrustedProxies(networks)),
        Err(error) => {
            reader.invalid(name, error.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_redis_is_enough() {
        let mut reader = Reader::from_values([("REDIS_URL", "redis://127.0.0.1:6379/")]);
        let config = Config::read(&mut reader);
        let config = reader.finish(config).unwrap();
        let ports: Vec<_> = config
            .reloadable
            .upstreams
            .iter()
            .map(|addresses| addresses.0[0].port_u16())
            .collect();
        assert_eq!(ports, [8000, 8001, 8002, 8003, 8004].map(Some));
        assert_eq!(config.reloadable.quotas.user.get(), 600);
    }

    #[test]
    fn tls_ends_at_a_known_proxy() {
        let read = |proxies: &'static str| {
            let mut reader = Reader::from_values([
                ("REDIS_URL", "redis://127.0.0.1:6379/"),
                ("TLS_TERMINATED", "true"),
                ("TRUSTED_PROXIES", proxies),
            ]);
            let config = Config::read(&mut reader);
            reader.finish(config)
        };
        assert!(read("10.0.0.0/8, fd00::1").is_ok());
        assert_eq!(read("").unwrap_err().entries()[0].0, "TRUSTED_PROXIES");
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let mut reader = Reader::from_values([
            ("AI_ASSISTANT_URL", "assistant:8000"),
            ("RATE_LIMIT_CHAT", "0"),
            ("CORS_ALLOWED_ORIGINS", "*"),
            ("TRUSTED_PROXIES", "10.0.0.0/64"),
            ("TLS_TERMINATED", "perhaps"),
        ]);
        let config = Config::read(&mut reader);
        let errors = reader.finish(config).unwrap_err();
        let names: Vec<&str> = errors.entries().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "REDIS_URL",
                "AI_ASSISTANT_URL",
                "RATE_LIMIT_CHAT",
                "CORS_ALLOWED_ORIGINS",
                "TRUSTED_PROXIES",
                "TLS_TERMINATED",
            ]
        );
    }
}
