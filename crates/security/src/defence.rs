//! What detection, responses and notifications share: rules, settings and the ways out.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::BoxError;
use common::cache::Redis;
use common::config::Reader;
use tokio::sync::Notify;

use crate::channels::{ChannelSettings, Channels};
use crate::detect::Ruleset;
use crate::identity::{IdentityService, IdentitySettings};

/// Settings of the defence. The doc comment of a field names its variable and its default.
#[derive(Debug, Clone)]
pub struct DefenceSettings {
    /// `DETECTION_RULES_FILE`: TOML that changes rules of the detectors and adds others.
    pub(crate) rules_file: Option<PathBuf>,
    /// `OBSERVATIONS_RETENTION` (30d): how long what the detectors look at is kept, for trying rules out.
    pub(crate) retention: Duration,
    /// `RESPONSES` (enforce): `enforce` or `off`; whether rules ban addresses and end sessions by themselves.
    pub(crate) enforce: bool,
    /// `BAN_SHARED_USERS` (5): an address from which so many different users have logged in within a day is
    /// shared (an office, a mobile provider): a ban shuts out only those who show no token there.
    pub(crate) shared_users: i64,
    pub(crate) identity: Option<IdentitySettings>,
    pub(crate) channels: ChannelSettings,
    /// Whether the environment refuses weak secrets.
    pub(crate) strict: bool,
    /// Whether the database is on this machine.
    pub(crate) local_database: bool,
}

impl Default for DefenceSettings {
    fn default() -> Self {
        Self {
            rules_file: None,
            retention: Duration::from_secs(30 * 86_400),
            enforce: true,
            shared_users: 5,
            identity: None,
            channels: ChannelSettings::default(),
            strict: false,
            local_database: true,
        }
    }
}

impl DefenceSettings {
    /// Reads the settings.
    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let rules_file = reader.optional("DETECTION_RULES_FILE");
        let retention = reader.duration("OBSERVATIONS_RETENTION", Duration::from_secs(30 * 86_400));
        let responses = reader.one_of("RESPONSES", &["enforce", "off"], "enforce");
        let shared_users = reader.parse::<i64>("BAN_SHARED_USERS", 5);
        let identity = IdentitySettings::read(reader);
        let channels = ChannelSettings::read(reader);
        let strict = reader.environment().is_strict();
        let database = reader.optional::<url::Url>("DATABASE_URL").flatten();
        let local_database =
            database.is_some_and(|url| matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")));
        if retention.is_some_and(|retention| retention < Duration::from_secs(86_400)) {
            reader.invalid(
                "OBSERVATIONS_RETENTION",
                "is shorter than a day, which the longest windows need",
            );
        }
        if shared_users.is_some_and(|users| users < 1) {
            reader.invalid("BAN_SHARED_USERS", "must be at least 1");
        }
        Some(Self {
            rules_file: rules_file?,
            retention: retention?,
            enforce: responses? == "enforce",
            shared_users: shared_users?,
            identity: identity?,
            channels: channels?,
            strict,
            local_database,
        })
    }
}

/// Rules, settings and the ways out. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Defence(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: Ruleset,
    settings: DefenceSettings,
    redis: Option<Redis>,
    identity: Option<IdentityService>,
    channels: Channels,
    bells: [Notify; 3],
}

impl Defence {
    /// The defence by these settings.
    ///
    /// # Errors
    /// When the file of rules cannot be read or used, or a client cannot be made.
    pub fn new(settings: DefenceSettings, redis: Option<Redis>) -> Result<Self, BoxError> {
        let own = match &settings.rules_file {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                Some(text.map_err(|error| format!("DETECTION_RULES_FILE {}: {error}", path.display()))?)
            }
            None => None,
        };
        let rules = Ruleset::new(own.as_deref()).map_err(|error| format!("DETECTION_RULES_FILE: {error}"))?;
        let identity = settings.identity.clone().map(IdentityService::new).transpose()?;
        let channels = Channels::new(&settings.channels)?;
        Ok(Self(Arc::new(Inner {
            rules,
            settings,
            redis,
            identity,
            channels,
            bells: Default::default(),
        })))
    }

    pub(crate) fn rules(&self) -> &Ruleset {
        &self.0.rules
    }

    pub(crate) fn settings(&self) -> &DefenceSettings {
        &self.0.settings
    }

    pub(crate) fn redis(&self) -> Option<&Redis> {
        self.0.redis.as_ref()
    }

    pub(crate) fn identity(&self) -> Option<&IdentityService> {
        self.0.identity.as_ref()
    }

    pub(crate) fn channels(&self) -> &Channels {
        &self.0.channels
    }

    /// Has all who wait look at now.
    pub(crate) fn ring(&self) {
        for bell in &self.0.bells {
            // Kept for one who is busy at this moment.
            bell.notify_one();
        }
    }

    /// Waits until the bell is rung or the time is over.
    pub(crate) async fn wait(&self, waiter: Waiter, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.0.bells[waiter as usize].notified()).await;
    }
}

/// Who waits for something to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Waiter {
    Responses,
    Deliveries,
    Alertmanager,
}
