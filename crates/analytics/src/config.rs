//! Settings of the service.

use std::time::Duration;

use chrono_tz::Tz;
use common::config::{self, Reader};
use secrecy::SecretString;
use url::Url;

use crate::delivery::DeliverySettings;

/// Key of development, so that nothing has to be configured on one's own machine.
const DEVELOPMENT_KEY: &str = "development-only-reports-encryption-key";

/// Settings of the service, beside those of every service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database.
    pub database: config::Database,
    /// Event streams and revoked sessions.
    pub redis: config::Redis,
    /// How access tokens are verified.
    pub auth: config::Auth,
    /// `ONEC_INTEGRATION_URL` (`http://127.0.0.1:8001`): where reports and panels get 1C's figures.
    pub onec_integration: Url,
    /// `GATEWAY_URL`, `AI_ASSISTANT_URL`, `ONEC_INTEGRATION_URL`, `USER_MANAGEMENT_URL`,
    /// `SECURITY_URL`: the services whose health is shown, with the addresses of their replicas
    /// (comma-separated).
    pub services: Vec<(&'static str, Vec<Url>)>,
    /// `TIME_ZONE` (`Europe/Moscow`): what a day is on dashboards and in reports.
    pub time_zone: Tz,
    /// `EVENTS_RETENTION` (90d): how long raw events are kept; older arrivals are refused.
    pub events_retention: Duration,
    /// `REPORT_FILE_TTL` (24h): how long a report file can be downloaded.
    pub report_file_ttl: Duration,
    /// `REPORTS_ENCRYPTION_KEY` (at least 32 characters outside of development): signs links to
    /// report files, encrypts the keys that schedules run with, and makes the pseudonyms that users
    /// are counted under. After a change old links do not
    /// open, and schedules have to be saved again.
    pub reports_key: SecretString,
    /// Where reports that come by themselves may go.
    pub(crate) delivery: DeliverySettings,
    /// `ROLLUP_EVERY` (10s): how often changed hours are counted again.
    pub rollup_every: Duration,
    /// `PROMETHEUS_URL` (none): the Prometheus that knows how busy the services are.
    pub prometheus: Option<Url>,
}

impl Config {
    /// Reads the settings.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let database = config::Database::read(reader);
        let redis = config::Redis::read(reader);
        let auth = config::Auth::read(reader);
        let onec = addresses(reader, "ONEC_INTEGRATION_URL", "http://127.0.0.1:8001");
        let gateway = addresses(reader, "GATEWAY_URL", "http://127.0.0.1:3000");
        let assistant = addresses(reader, "AI_ASSISTANT_URL", "http://127.0.0.1:8000");
        let users = addresses(reader, "USER_MANAGEMENT_URL", "http://127.0.0.1:8002");
        let security = addresses(reader, "SECURITY_URL", "http://127.0.0.1:8004");
        let time_zone = reader.parse("TIME_ZONE", Tz::Europe__Moscow);
        let events_retention = reader.duration("EVENTS_RETENTION", Duration::from_secs(90 * 86_400));
        let report_file_ttl = reader.duration("REPORT_FILE_TTL", Duration::from_secs(86_400));
        let reports_key = reader.strong_secret("REPORTS_ENCRYPTION_KEY", 32, DEVELOPMENT_KEY);
        let delivery = DeliverySettings::read(reader);
        let rollup_every = reader.duration("ROLLUP_EVERY", Duration::from_secs(10));
        if rollup_every.is_some_and(|every| every.is_zero()) {
            reader.invalid("ROLLUP_EVERY", "is zero");
        }
        let prometheus = reader.optional::<Url>("PROMETHEUS_URL");
        let onec = onec?;
        Some(Self {
            database: database?,
            redis: redis?,
            auth: auth?,
            onec_integration: onec.first()?.clone(),
            services: vec![
                ("gateway", gateway?),
                ("ai-assistant", assistant?),
                ("onec-integration", onec),
                ("user-management", users?),
                ("security", security?),
            ],
            time_zone: time_zone?,
            events_retention: events_retention?,
            report_file_ttl: report_file_ttl?,
            reports_key: reports_key?,
            delivery: delivery?,
            rollup_every: rollup_every?,
            prometheus: prometheus?,
        })
    }
}

fn addresses(reader: &mut Reader, name: &str, default: &str) -> Option<Vec<Url>> {
    let list = reader.parse(name, default.to_owned())?;
    let parsed: Result<Vec<Url>, _> = list
        .split(',')
        .map(str::trim)
        .filter(|address| !address.is_empty())
        .map(Url::parse)
        .collect();
    match parsed {
        Ok(addresses) if !addresses.is_empty() && addresses.iter().all(|url| url.has_host()) => {
            Some(addresses)
        }
        Ok(_) => {
            reader.invalid(name, "names no host");
            None
        }
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
    fn replicas_are_listed_and_mistakes_are_named() {
        let mut reader = Reader::from_values([
            ("DATABASE_URL", "postgres://localhost/x"),
            ("REDIS_URL", "redis://localhost/"),
            ("SECURITY_URL", "http://one:1, http://two:2"),
        ]);
        let config = Config::read(&mut reader);
        let config = reader.finish(config).unwrap();
        assert_eq!(config.services[4].1.len(), 2);
        assert_eq!(config.onec_integration.as_str(), "http://127.0.0.1:8001/");

        let mut reader = Reader::from_values([
            ("GATEWAY_URL", "nowhere"),
            ("TIME_ZONE", "Mars/Olympus"),
            ("ROLLUP_EVERY", "0s"),
        ]);
        let config = Config::read(&mut reader);
        let errors = reader.finish(config).unwrap_err();
        let names: Vec<&str> = errors.entries().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "DATABASE_URL",
                "REDIS_URL",
                "GATEWAY_URL",
                "TIME_ZONE",
                "ROLLUP_EVERY"
            ]
        );
    }
}
