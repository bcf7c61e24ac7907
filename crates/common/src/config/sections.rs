//! Sections that several services share. The doc comment of a field names its variable.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::Reader;

/// Characters that a password of PostgreSQL or Redis must have outside development.
const MIN_PASSWORD: usize = 12;

/// Puts a password into a URL that has none.
fn put_password(url: &mut Url, password: Option<SecretString>) {
    if let (None, Some(password)) = (url.password(), password) {
        // Fails only for URLs without a host, which the connection reports better.
        let _ = url.set_password(Some(password.expose_secret()));
    }
}

/// Listening and limits of a service.
#[derive(Debug, Clone)]
pub struct Http {
    /// `LISTEN_HOST` and `PORT`: where the API listens. Loopback by default.
    pub address: SocketAddr,
    /// `LISTEN_HOST` and `ADMIN_PORT` (`PORT` + 1000): `/live`, `/ready`, `/metrics`.
    pub admin_address: SocketAddr,
    /// `DRAIN_DELAY` (0s): how long connections are still taken after SIGTERM, each for one request.
    /// Behind a balancer: longer than it keeps idle connections (4 s for our gateway).
    pub drain_delay: Duration,
    /// `SHUTDOWN_GRACE` (30s): how long requests in flight may take after that.
    pub shutdown_grace: Duration,
    /// `MAX_CONCURRENT_REQUESTS` (1024): beyond it requests get 503 with Retry-After.
    pub max_concurrent: usize,
    /// `MAX_BODY_BYTES` (10 MiB): a larger request body gets 413.
    pub max_body_bytes: usize,
    /// `REQUEST_TIMEOUT` (150s): how long a handler may take before its response begins.
    pub request_timeout: Duration,
}

impl Http {
    /// Reads the section; `port` is the service's own default.
    pub fn read(reader: &mut Reader, port: u16) -> Option<Self> {
        let host = reader.parse("LISTEN_HOST", IpAddr::V4(Ipv4Addr::LOCALHOST));
        let port = reader.parse("PORT", port);
        let admin_port = reader.optional::<u16>("ADMIN_PORT");
        let drain_delay = reader.duration("DRAIN_DELAY", Duration::ZERO);
        let shutdown_grace = reader.duration("SHUTDOWN_GRACE", Duration::from_secs(30));
        let max_concurrent = reader.parse("MAX_CONCURRENT_REQUESTS", 1024);
        let max_body_bytes = reader.parse("MAX_BODY_BYTES", 10 * 1024 * 1024);
        let request_timeout = reader.duration("REQUEST_TIMEOUT", Duration::from_secs(150));
        let (host, port) = (host?, port?);
        let Some(admin_port) = admin_port?.or_else(|| port.checked_add(1000)) else {
            reader.invalid("ADMIN_PORT", "must be set when PORT is above 64535");
            return None;
        };
        Some(Self {
            address: SocketAddr::new(host, port),
            admin_address: SocketAddr::new(host, admin_port),
            drain_delay: drain_delay?,
            shutdown_grace: shutdown_grace?,
            max_concurrent: max_concurrent?,
            max_body_bytes: max_body_bytes?,
            request_timeout: request_timeout?,
        })
    }
}

/// How the program logs.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// `LOG_FORMAT`: `json` (ECS field names) or `pretty`; pretty when standard error is a terminal.
    pub json: bool,
    /// `LOG_LEVEL` (info): trace, debug, info, warn, error; or `LOG_FILTER` with directives of
    /// `tracing_subscriber::EnvFilter`, which wins.
    pub filter: String,
}

impl Telemetry {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        use std::io::IsTerminal;
        let default = if std::io::stderr().is_terminal() {
            "pretty"
        } else {
            "json"
        };
        let format = reader.one_of("LOG_FORMAT", &["json", "pretty"], default);
        let level = reader.one_of("LOG_LEVEL", &["trace", "debug", "info", "warn", "error"], "info");
        let filter = reader.optional::<String>("LOG_FILTER");
        if let Some(Some(filter)) = &filter
            && let Err(error) = tracing_subscriber::EnvFilter::try_new(filter)
        {
            reader.invalid("LOG_FILTER", error.to_string());
        }
        let level = level?;
        // Chatter of libraries only helps at the most detailed level.
        let filter = filter?.unwrap_or_else(|| match level {
            "trace" => "trace".to_owned(),
            level => format!("{level},hyper=warn,h2=warn,rustls=warn,reqwest=warn,sqlx=warn"),
        });
        Some(Self {
            json: format? == "json",
            filter,
        })
    }
}

/// The service's PostgreSQL database.
#[derive(Debug, Clone)]
pub struct Database {
    /// `DATABASE_URL`: `postgres://user:password@host:port/database`. A password in
    /// `POSTGRES_PASSWORD` is put in when the URL has none.
    pub url: SecretString,
    /// `DATABASE_MAX_CONNECTIONS` (10).
    pub max_connections: u32,
    /// `DATABASE_ACQUIRE_TIMEOUT` (5s): waiting longer for a connection gives 503.
    pub acquire_timeout: Duration,
    /// `DATABASE_CONNECT_WITHIN` (60s): how long a starting service waits for its database.
    pub connect_within: Duration,
}

impl Database {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let url = reader.required::<Url>("DATABASE_URL");
        let password = reader.secret("POSTGRES_PASSWORD");
        let max_connections = reader.parse("DATABASE_MAX_CONNECTIONS", 10);
        let acquire_timeout = reader.duration("DATABASE_ACQUIRE_TIMEOUT", Duration::from_secs(5));
        let connect_within = reader.duration("DATABASE_CONNECT_WITHIN", Duration::from_secs(60));
        let mut url = url?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            reader.invalid("DATABASE_URL", "does not begin with postgres://");
            return None;
        }
        put_password(&mut url, password);
        if let Some(password) = url.password() {
            reader.refuse_weak(
                "the password of DATABASE_URL (POSTGRES_PASSWORD)",
                password,
                MIN_PASSWORD,
                "",
            )?;
        }
        Some(Self {
            url: SecretString::from(url.to_string()),
            max_connections: max_connections?,
            acquire_timeout: acquire_timeout?,
            connect_within: connect_within?,
        })
    }
}

/// The Redis server that all services share.
#[derive(Debug, Clone)]
pub struct Redis {
    /// `REDIS_URL`: `redis://` or `rediss://`. A password in `REDIS_PASSWORD` is put in when the
    /// URL has none.
    pub url: SecretString,
}

impl Redis {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let url = reader.required::<Url>("REDIS_URL");
        let password = reader.secret("REDIS_PASSWORD");
        let mut url = url?;
        if !matches!(url.scheme(), "redis" | "rediss") {
            reader.invalid("REDIS_URL", "does not begin with redis:// or rediss://");
            return None;
        }
        put_password(&mut url, password);
        if let Some(password) = url.password() {
            reader.refuse_weak(
                "the password of REDIS_URL (REDIS_PASSWORD)",
                password,
                MIN_PASSWORD,
                "",
            )?;
        }
        Some(Self {
            url: SecretString::from(url.to_string()),
        })
    }
}

/// How access tokens are verified.
#[derive(Debug, Clone)]
pub struct Auth {
    /// `JWKS_URL`: where the public keys of user-management are published.
    pub jwks_url: Url,
    /// `JWT_ISSUER`: the only accepted `iss`.
    pub issuer: String,
    /// `JWT_AUDIENCE`: the only accepted `aud`.
    pub audience: String,
}

impl Auth {
    /// The default of `JWT_ISSUER`.
    pub const ISSUER: &'static str = "http://localhost:3000";
    /// The default of `JWT_AUDIENCE`.
    pub const AUDIENCE: &'static str = "ai-assistants-1c";

    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let jwks_url = reader.optional::<Url>("JWKS_URL");
        let issuer = reader.parse("JWT_ISSUER", Self::ISSUER.to_owned());
        let audience = reader.parse("JWT_AUDIENCE", Self::AUDIENCE.to_owned());
        let jwks_url = match jwks_url? {
            Some(url) => url,
            None => Url::parse("http://127.0.0.1:8002/.well-known/jwks.json").ok()?,
        };
        Some(Self {
            jwks_url,
            issuer: issuer?,
            audience: audience?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_refuses_the_documented_passwords() {
        let read = |environment: &str, password: &str| {
            let mut reader = Reader::from_values([
                ("ENVIRONMENT", environment),
                ("DATABASE_URL", "postgres://ai_user@db/ai"),
                ("POSTGRES_PASSWORD", password),
            ]);
            let database = Database::read(&mut reader);
            reader
                .finish(database)
                .map(|database| database.url.expose_secret().to_owned())
        };
        assert_eq!(
            read("development", "ai_password").unwrap(),
            "postgres://ai_user:ai_password@db/ai"
        );
        assert!(read("production", "ai_password").is_err());
        assert!(read("production", "short").is_err());
        assert!(read("production", "a-long-password-of-our-own").is_ok());
    }
}
