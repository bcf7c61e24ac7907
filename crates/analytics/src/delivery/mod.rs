//! How a report that comes by itself gets to its readers.

mod mail;
mod settings;
mod webhook;

use std::fmt;

use common::{BoxError, Text};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

pub(crate) use mail::Post;
pub(crate) use settings::DeliverySettings;
pub(crate) use webhook::{Hooks, new_secret};

/// Readers of one report.
const MOST_RECIPIENTS: usize = 50;

/// Where a report goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Delivery {
    /// A letter with the file.
    Email {
        /// Addresses.
        recipients: Vec<String>,
    },
    /// A signed request with a link to the file.
    Webhook {
        /// Where to.
        url: Url,
    },
}

/// A finished report on its way.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// The same for every attempt, so that a receiver recognises a repetition.
    pub(crate) id: uuid::Uuid,
    /// When this attempt is made.
    pub(crate) at: chrono::DateTime<chrono::Utc>,
    pub(crate) schedule: String,
    pub(crate) title: String,
    pub(crate) contents: Contents,
    pub(crate) locale: common::Locale,
}

/// What there is to tell.
#[derive(Debug)]
pub(crate) enum Contents {
    /// The file.
    File {
        name: String,
        content_type: String,
        bytes: Vec<u8>,
        rows: i64,
        /// The whole address of it, while it lasts; none where the system's own address is unknown.
        link: Option<String>,
    },
    /// There is none, and why.
    Failure { code: String, detail: String },
}

/// Why a parcel was not delivered.
pub(crate) enum NotDelivered {
    /// It will never be.
    Refused(BoxError),
    /// It may be later.
    NotNow(BoxError),
}

impl fmt::Debug for NotDelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) | Self::NotNow(error) => error.fmt(f),
        }
    }
}

/// The ways out, as the operator has set them up.
#[derive(Debug)]
pub(crate) struct Ways {
    pub(crate) post: Post,
    pub(crate) hooks: Hooks,
}

impl Ways {
    /// # Errors
    /// When the TLS library cannot be set up.
    pub(crate) fn new(settings: &DeliverySettings) -> Result<Self, BoxError> {
        Ok(Self {
            post: Post::new(settings)?,
            hooks: Hooks::new(settings)?,
        })
    }

    /// Tells what is wrong with a destination, by the member that is wrong.
    pub(crate) fn check(&self, delivery: &Delivery) -> Result<(), (String, Text)> {
        match delivery {
            Delivery::Email { recipients } => {
                if !self.post.is_open() {
                    return Err((
                        "/kind".to_owned(),
                        Text::new(
                            "Почта не настроена: администратор задаёт SMTP_URL.",
                            "There is no mail: an administrator sets SMTP_URL.",
                        ),
                    ));
                }
                if !(1..=MOST_RECIPIENTS).contains(&recipients.len()) {
                    return Err((
                        "/recipients".to_owned(),
                        Text::new(
                            format!("От 1 до {MOST_RECIPIENTS} адресов."),
                            format!("1 to {MOST_RECIPIENTS} addresses."),
                        ),
                    ));
                }
                for (place, recipient) in recipients.iter().enumerate() {
                    self.post
                        .check(recipient)
                        .map_err(|text| (format!("/recipients/{place}"), text))?;
                }
                Ok(())
            }
            Delivery::Webhook { url } => self.hooks.check(url).map_err(|text| ("/url".to_owned(), text)),
        }
    }

    /// Delivers.
    pub(crate) async fn deliver(
        &self,
        delivery: &Delivery,
        secret: Option<&SecretString>,
        parcel: &Parcel,
    ) -> Result<(), NotDelivered> {
        match delivery {
            Delivery::Email { recipients } => self.post.send(recipients, parcel).await,
            Delivery::Webhook { url } => self.hooks.send(url, secret, parcel).await,
        }
    }
}
