//! Settings. The doc comment of a field names its variable and its default.

use std::path::PathBuf;
use std::time::Duration;

use common::config::{Auth, Database, Reader, Redis};
use secrecy::{ExposeSecret, SecretString};

use crate::account::Email;
use crate::cookies::CookieSettings;
use crate::federation::FederationSettings;
use crate::mail::MailSettings;
use crate::oauth::ProviderSettings;
use crate::password::Policy;

/// What user-management is told from outside.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) database: Database,
    pub(crate) redis: Redis,
    pub(crate) auth: Auth,
    pub(crate) tokens: TokenSettings,
    pub(crate) passwords: PasswordSettings,
    pub(crate) throttle: ThrottleSettings,
    pub(crate) cookies: CookieSettings,
    pub(crate) registration: Registration,
    pub(crate) federation: FederationSettings,
    pub(crate) administrator: Option<Administrator>,
    pub(crate) provider: ProviderSettings,
    /// `SETUP_TOKEN`, 20 characters at least outside development: opens `POST /auth/setup` while there
    /// is no administrator. Without it one is made and written to the log.
    pub(crate) setup_token: Option<SecretString>,
    pub(crate) mail: MailSettings,
}

/// Who may have an account: `REGISTRATION`; `open` in development, `invite` elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registration {
    /// Everybody, of the least role.
    Open,
    /// Whom an administrator invites.
    Invite,
    /// Nobody: accounts are imported or come from another provider.
    Closed,
}

/// Lifetimes, and the secret under which keys are kept.
#[derive(Debug, Clone)]
pub(crate) struct TokenSettings {
    /// `JWT_SECRET_KEY`, 32 characters at least outside development. Signing keys are encrypted
    /// and refresh tokens derived with it; no token is signed with it.
    pub(crate) secret: SecretString,
    /// `ACCESS_TOKEN_TTL` (15m), an hour at most.
    pub(crate) access_ttl: Duration,
    /// `REFRESH_IDLE_TTL` (7d): a refresh token that lies unused so long ends.
    pub(crate) refresh_idle_ttl: Duration,
    /// `REFRESH_TTL` (30d): a session ends after so long, however busy it is.
    pub(crate) refresh_ttl: Duration,
    /// `WEB_SESSION_IDLE_TTL` (30m): the same for a browser, which keeps its token as a cookie.
    pub(crate) web_idle_ttl: Duration,
    /// `WEB_SESSION_TTL` (12h).
    pub(crate) web_ttl: Duration,
    /// `REFRESH_GRACE` (10s): a token that has just been replaced still gives its replacement.
    pub(crate) refresh_grace: Duration,
    /// `KEY_ROTATION` (30d): how long a key signs.
    pub(crate) key_rotation: Duration,
}

/// Rules and cost of passwords.
#[derive(Debug, Clone)]
pub(crate) struct PasswordSettings {
    /// `PASSWORD_MIN_LENGTH` (15, as SP 800-63B-4 asks of a password that is the only factor).
    pub(crate) min_length: usize,
    /// `PASSWORD_MIN_LENGTH_WITH_SECOND_FACTOR` (8): the same for an account with a second factor.
    pub(crate) min_length_with_second_factor: usize,
    /// `PASSWORD_FILTER_FILE`: leaked passwords, a file that `user-management passwords build-filter`
    /// made.
    pub(crate) leaked: Option<PathBuf>,
    /// `PASSWORD_HASH_MEMORY_KIB` (19456).
    pub(crate) memory_kib: u32,
    /// `PASSWORD_HASH_ITERATIONS` (2).
    pub(crate) iterations: u32,
    /// `PASSWORD_HASH_PARALLELISM` (1).
    pub(crate) parallelism: u32,
    /// `PASSWORD_HASH_CONCURRENCY` (number of processors): hashes computed at the same time.
    pub(crate) concurrency: usize,
    /// `PASSWORD_HASH_QUEUE` (64): requests that may wait for their turn; more get 503.
    pub(crate) queue: usize,
}

/// Limits on guessing from one address.
#[derive(Debug, Clone)]
pub(crate) struct ThrottleSettings {
    /// `LOGIN_FAILURES_PER_ADDRESS` (20): failures after which an address gets 429.
    pub(crate) failures_per_address: u32,
    /// `LOGIN_FAILURES_PER_NETWORK` (200): the same for a /24 of IPv4 or a /48 of IPv6.
    pub(crate) failures_per_network: u32,
    /// `LOGIN_FAILURES_WINDOW` (10m): counted over this time from the first.
    pub(crate) window: Duration,
}

/// The first administrator: `ADMIN_EMAIL` and `ADMIN_PASSWORD`, made at start when there is none.
#[derive(Debug, Clone)]
pub(crate) struct Administrator {
    pub(crate) email: Email,
    pub(crate) password: SecretString,
}

const DEVELOPMENT_SECRET: &str = "development-only-secret-of-user-management";
const MIN_SECRET_LENGTH: usize = 32;
const MIN_SETUP_TOKEN_LENGTH: usize = 20;

impl Config {
    /// Reads all settings.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let database = Database::read(reader);
        let redis = Redis::read(reader);
        let auth = Auth::read(reader);
        let tokens = TokenSettings::read(reader);
        let passwords = PasswordSettings::read(reader);
        let throttle = ThrottleSettings::read(reader);
        let cookies = CookieSettings::read(reader);
        let federation = FederationSettings::read(reader);
        let default = if reader.environment().is_strict() {
            "invite"
        } else {
            "open"
        };
        let registration = reader.one_of("REGISTRATION", &["open", "invite", "closed"], default);
        let mail = MailSettings::read(reader);
        let setup_token = reader.secret("SETUP_TOKEN");
        if let Some(token) = &setup_token {
            // What is wrong is recorded.
            let _ = reader.refuse_weak("SETUP_TOKEN", token.expose_secret(), MIN_SETUP_TOKEN_LENGTH, "");
        }
        let min_length = passwords
            .as_ref()
            .map_or(Policy::DEFAULT_MIN_LENGTH, |p| p.min_length);
        let administrator = Administrator::read(reader, min_length);
        let public_url = cookies.as_ref().and_then(|cookies| cookies.public_url.as_ref());
        let provider = ProviderSettings::read(reader, public_url);
        Some(Self {
            database: database?,
            redis: redis?,
            auth: auth?,
            tokens: tokens?,
            passwords: passwords?,
            throttle: throttle?,
            cookies: cookies?,
            registration: match registration? {
                "open" => Registration::Open,
                "invite" => Registration::Invite,
                _ => Registration::Closed,
            },
            federation: federation?,
            administrator: administrator?,
            provider: provider?,
            setup_token,
            mail: mail?,
        })
    }
}

impl TokenSettings {
    fn read(reader: &mut Reader) -> Option<Self> {
        let secret = reader.strong_secret("JWT_SECRET_KEY", MIN_SECRET_LENGTH, DEVELOPMENT_SECRET);
        let access_ttl = reader.duration("ACCESS_TOKEN_TTL", minutes(15));
        let refresh_idle_ttl = reader.duration("REFRESH_IDLE_TTL", days(7));
        let refresh_ttl = reader.duration("REFRESH_TTL", days(30));
        let web_idle_ttl = reader.duration("WEB_SESSION_IDLE_TTL", minutes(30));
        let web_ttl = reader.duration("WEB_SESSION_TTL", minutes(12 * 60));
        let refresh_grace = reader.duration("REFRESH_GRACE", Duration::from_secs(10));
        let key_rotation = reader.duration("KEY_ROTATION", days(30));
        within(
            reader,
            "ACCESS_TOKEN_TTL",
            access_ttl,
            Duration::from_secs(30),
            minutes(60),
        );
        within(
            reader,
            "REFRESH_IDLE_TTL",
            refresh_idle_ttl,
            minutes(1),
            days(365),
        );
        within(reader, "REFRESH_TTL", refresh_ttl, minutes(1), days(365));
        within(
            reader,
            "WEB_SESSION_IDLE_TTL",
            web_idle_ttl,
            minutes(1),
            days(365),
        );
        within(reader, "WEB_SESSION_TTL", web_ttl, minutes(1), days(365));
        within(reader, "REFRESH_GRACE", refresh_grace, Duration::ZERO, minutes(1));
        within(reader, "KEY_ROTATION", key_rotation, minutes(60), days(365));
        Some(Self {
            secret: secret?,
            access_ttl: access_ttl?,
            refresh_idle_ttl: refresh_idle_ttl?,
            refresh_ttl: refresh_ttl?,
            web_idle_ttl: web_idle_ttl?,
            web_ttl: web_ttl?,
            refresh_grace: refresh_grace?,
            key_rotation: key_rotation?,
        })
    }
}

impl PasswordSettings {
    fn read(reader: &mut Reader) -> Option<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let min_length = reader.parse("PASSWORD_MIN_LENGTH", Policy::DEFAULT_MIN_LENGTH);
        let shorter = "PASSWORD_MIN_LENGTH_WITH_SECOND_FACTOR";
        let min_length_with_second_factor =
            reader.parse(shorter, Policy::DEFAULT_MIN_LENGTH_WITH_SECOND_FACTOR);
        let leaked = reader.optional("PASSWORD_FILTER_FILE");
        let memory_kib = reader.parse("PASSWORD_HASH_MEMORY_KIB", 19_456_u32);
        let iterations = reader.parse("PASSWORD_HASH_ITERATIONS", 2_u32);
        let parallelism = reader.parse("PASSWORD_HASH_PARALLELISM", 1_u32);
        let concurrency = reader.parse("PASSWORD_HASH_CONCURRENCY", processors);
        let queue = reader.parse("PASSWORD_HASH_QUEUE", 64_usize);
        within(reader, "PASSWORD_MIN_LENGTH", min_length, 8, 64);
        within(reader, shorter, min_length_with_second_factor, 8, 64);
        within(reader, "PASSWORD_HASH_ITERATIONS", iterations, 1, 64);
        within(reader, "PASSWORD_HASH_PARALLELISM", parallelism, 1, 64);
        // argon2 needs eight blocks of 1 KiB for each lane; RFC 9106, section 3.1.
        let least = parallelism.unwrap_or(1).saturating_mul(8);
        within(reader, "PASSWORD_HASH_MEMORY_KIB", memory_kib, least, 4_194_304);
        within(reader, "PASSWORD_HASH_CONCURRENCY", concurrency, 1, 1024);
        within(reader, "PASSWORD_HASH_QUEUE", queue, 0, 100_000);
        Some(Self {
            min_length: min_length?,
            min_length_with_second_factor: min_length_with_second_factor?,
            leaked: leaked?,
            memory_kib: memory_kib?,
            iterations: iterations?,
            parallelism: parallelism?,
            concurrency: concurrency?,
            queue: queue?,
        })
    }
}

impl ThrottleSettings {
    fn read(reader: &mut Reader) -> Option<Self> {
        let failures_per_address = reader.parse("LOGIN_FAILURES_PER_ADDRESS", 20_u32);
        let failures_per_network = reader.parse("LOGIN_FAILURES_PER_NETWORK", 200_u32);
        let window = reader.duration("LOGIN_FAILURES_WINDOW", minutes(10));
        within(
            reader,
            "LOGIN_FAILURES_PER_ADDRESS",
            failures_per_address,
            1,
            1_000_000,
        );
        within(
            reader,
            "LOGIN_FAILURES_PER_NETWORK",
            failures_per_network,
            1,
            1_000_000,
        );
        within(
            reader,
            "LOGIN_FAILURES_WINDOW",
            window,
            Duration::from_secs(1),
            days(1),
        );
        Some(Self {
            failures_per_address: failures_per_address?,
            failures_per_network: failures_per_network?,
            window: window?,
        })
    }
}

impl Administrator {
    /// A short password is accepted in development only: it is often typed there.
    fn read(reader: &mut Reader, min_length: usize) -> Option<Option<Self>> {
        let email = reader.optional::<Email>("ADMIN_EMAIL");
        let password = reader.secret("ADMIN_PASSWORD");
        let email = email?;
        let (email, password) = match (email, password) {
            (None, None) => return Some(None),
            (Some(email), Some(password)) => (email, password),
            (None, Some(_)) => {
                reader.invalid("ADMIN_EMAIL", "is not set, but ADMIN_PASSWORD is");
                return None;
            }
            (Some(_), None) => {
                reader.invalid("ADMIN_PASSWORD", "is not set, but ADMIN_EMAIL is");
                return None;
            }
        };
        if reader.environment().is_strict() {
            let objections =
                Policy::new(min_length, min_length).objections(password.expose_secret(), &email, true);
            for objection in &objections {
                let objection = objection.get(common::Locale::En);
                reader.invalid("ADMIN_PASSWORD", format!("is refused: {objection}"));
            }
            if !objections.is_empty() {
                return None;
            }
        }
        Some(Some(Self { email, password }))
    }
}

fn within<T: PartialOrd + std::fmt::Debug>(
    reader: &mut Reader,
    name: &str,
    value: Option<T>,
    least: T,
    most: T,
) {
    if value.is_some_and(|value| value < least || value > most) {
        reader.invalid(name, format!("is not within {least:?} to {most:?}"));
    }
}

fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

fn days(n: u64) -> Duration {
    Duration::from_secs(n * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(extra: &[(&str, &str)]) -> Result<Config, common::config::ConfigErrors> {
        let mut values = vec![
            ("DATABASE_URL", "postgres://127.0.0.1/x"),
            ("REDIS_URL", "redis://127.0.0.1/"),
        ];
        values.extend_from_slice(extra);
        let mut reader = Reader::from_values(values);
        let config = Config::read(&mut reader);
        reader.finish(config)
    }

    #[test]
    fn development_needs_no_settings_but_addresses() {
        let config = read(&[]).unwrap();
        assert_eq!(config.registration, Registration::Open);
        assert_eq!(config.passwords.min_length, 15);
        assert_eq!(config.tokens.access_ttl, minutes(15));
        assert!(config.administrator.is_none());
    }

    #[test]
    fn production_closes_registration_and_refuses_weak_secrets() {
        let errors = read(&[
            ("ENVIRONMENT", "production"),
            ("ADMIN_EMAIL", "admin@example.com"),
            ("ADMIN_PASSWORD", "admin"),
        ])
        .unwrap_err();
        let names: Vec<&str> = errors.entries().iter().map(|(name, _)| name.as_str()).collect();
        assert!(names.contains(&"JWT_SECRET_KEY"), "{names:?}");
        assert!(names.contains(&"ADMIN_PASSWORD"), "{names:?}");
        let config = read(&[
            ("ENVIRONMENT", "production"),
            ("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef"),
            ("ADMIN_EMAIL", "Admin@Example.com"),
            ("ADMIN_PASSWORD", "gentle otters sing at noon"),
        ])
        .unwrap();
        assert_eq!(config.registration, Registration::Invite);
        assert_eq!(config.administrator.unwrap().email.as_str(), "admin@example.com");
    }

    #[test]
    fn a_short_administrator_password_is_for_development_only() {
        let settings = [("ADMIN_EMAIL", "admin@example.com"), ("ADMIN_PASSWORD", "admin")];
        assert!(read(&settings).unwrap().administrator.is_some());
        assert!(
            read(&settings[..1]).is_err(),
            "an e-mail address without a password"
        );
        assert!(
            read(&settings[1..]).is_err(),
            "a password without an e-mail address"
        );
    }

    #[test]
    fn limits_are_checked() {
        for (name, value) in [
            ("ACCESS_TOKEN_TTL", "2h"),
            ("KEY_ROTATION", "5m"),
            ("PASSWORD_MIN_LENGTH", "4"),
            ("PASSWORD_HASH_MEMORY_KIB", "4"),
            ("PASSWORD_HASH_CONCURRENCY", "0"),
            ("LOGIN_FAILURES_PER_ADDRESS", "0"),
            ("LOGIN_FAILURES_PER_NETWORK", "0"),
            ("WEB_SESSION_TTL", "1s"),
            ("PUBLIC_URL", "ftp://example.com"),
            ("REGISTRATION", "maybe"),
            ("EMAIL_VERIFICATION", "maybe"),
        ] {
            let errors = read(&[(name, value)]).unwrap_err();
            assert_eq!(errors.entries()[0].0, name);
        }
    }
}
