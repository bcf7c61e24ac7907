//! The ways by which people are told of alerts.

mod mail;
mod message;
mod settings;
mod telegram;
mod webhook;

use std::time::Duration;

use common::BoxError;
use common::http::client;
use reqwest::Client;
use url::Url;
use uuid::Uuid;

pub(crate) use message::{Message, Told};
pub(crate) use settings::ChannelSettings;

use crate::threats::Severity;

/// A receiver that takes longer is as good as down.
const PATIENCE: Duration = Duration::from_secs(15);

/// A way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Webhook,
    Email,
    Telegram,
}

impl Channel {
    pub(crate) const ALL: [Self; 3] = [Self::Webhook, Self::Email, Self::Telegram];

    /// The name in JSON and in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Email => "email",
            Self::Telegram => "telegram",
        }
    }

    /// The channel of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == name)
    }
}

/// Why a message was not delivered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDelivered {
    /// The receiver may take it later.
    #[error("the receiver does not take the message now")]
    NotNow(#[source] BoxError),
    /// The receiver will never take it.
    #[error("the receiver refuses the message: {0}")]
    Refused(String),
    /// Nobody is configured any more.
    #[error("the channel is not configured")]
    NotConfigured,
}

impl From<reqwest::Error> for NotDelivered {
    fn from(error: reqwest::Error) -> Self {
        // The address of a bot has its secret in it.
        Self::NotNow(error.without_url().into())
    }
}

/// All ways out that are configured.
#[derive(Debug)]
pub(crate) struct Channels {
    http: Client,
    least: Severity,
    locale: common::Locale,
    webhook: Option<webhook::Webhook>,
    mail: Option<mail::Mail>,
    telegram: Option<telegram::Telegram>,
    alertmanager: Option<Url>,
}

impl Channels {
    pub(crate) fn new(settings: &ChannelSettings) -> Result<Self, BoxError> {
        Ok(Self {
            http: client::builder().timeout(PATIENCE).build()?,
            least: settings.least,
            locale: settings.locale,
            webhook: settings.webhook.clone(),
            mail: settings.mail.as_ref().map(mail::Mail::new).transpose()?,
            telegram: settings.telegram.clone(),
            alertmanager: settings.alertmanager.clone(),
        })
    }

    /// Who is told of threats of that severity.
    pub(crate) fn for_severity(&self, severity: Severity) -> Vec<Channel> {
        if severity < self.least {
            Vec::new()
        } else {
            self.configured()
        }
    }

    /// The channels that are configured.
    pub(crate) fn configured(&self) -> Vec<Channel> {
        let is_there = |channel: &Channel| match channel {
            Channel::Webhook => self.webhook.is_some(),
            Channel::Email => self.mail.is_some(),
            Channel::Telegram => self.telegram.is_some(),
        };
        Channel::ALL.into_iter().filter(is_there).collect()
    }

    /// Where an Alertmanager is.
    pub(crate) fn alertmanager(&self) -> Option<&Url> {
        self.alertmanager.as_ref()
    }

    /// The least severity that is told of.
    pub(crate) fn least(&self) -> Severity {
        self.least
    }

    /// A client for what is not a channel.
    pub(crate) fn http(&self) -> &Client {
        &self.http
    }

    /// Delivers a message. `id` is the same at each attempt, so that a receiver knows a repetition.
    pub(crate) async fn deliver(
        &self,
        channel: Channel,
        id: Uuid,
        message: &Message,
        now: i64,
    ) -> Result<(), NotDelivered> {
        match channel {
            Channel::Webhook => {
                let webhook = self.webhook.as_ref().ok_or(NotDelivered::NotConfigured)?;
                webhook.deliver(&self.http, id, message, now).await
            }
            Channel::Email => {
                let mail = self.mail.as_ref().ok_or(NotDelivered::NotConfigured)?;
                mail.deliver(id, message, self.locale).await
            }
            Channel::Telegram => {
                let telegram = self.telegram.as_ref().ok_or(NotDelivered::NotConfigured)?;
                telegram.deliver(&self.http, message, self.locale).await
            }
        }
    }
}

/// An answer as an outcome: what may pass is tried again, what will not is given up.
fn judged(status: http::StatusCode) -> Result<(), NotDelivered> {
    if status.is_success() {
        return Ok(());
    }
    let text = format!("status {status}");
    if status.is_server_error()
        || matches!(status.as_u16(), 401 | 403 | 404 | 408 | 425 | 429)
        || status.is_redirection()
    {
        // A wrong secret or address may be set right within the day.
        Err(NotDelivered::NotNow(text.into()))
    } else {
        Err(NotDelivered::Refused(text))
    }
}
