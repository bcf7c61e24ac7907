//! Letters to users: queued in the transaction of what they tell of, written and sent by a job.
//!
//! A queued mail holds no secret and does not say whether its recipient has an account: that is
//! found out when it is sent. Whoever asks for a letter to a stranger's address therefore gets the
//! same answer in the same time whether there is such an account or not.

mod contents;
mod notices;
mod post;
mod prepare;
mod settings;

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use common::db::StoreError;
use common::{Locale, ids};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) use notices::Notice;
pub(crate) use post::{NotSent, Post};
pub(crate) use prepare::prepare;
pub(crate) use settings::MailSettings;

use crate::account::{Email, User};
use crate::error::Error;
use crate::http::Client;
use crate::store;
use crate::store::mails::NewMail;
use settings::RouteSettings;

/// Letters that strangers may ask for: to one address within an hour.
const PER_RECIPIENT: i64 = 5;
/// And from one address of the network, behind which a whole office may be.
const PER_CLIENT: i64 = 20;
const LIMITED_OVER: Duration = Duration::hours(1);

/// What a letter is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Letter {
    /// To confirm a registration; or that there is an account already.
    Registration { registration: Uuid },
    /// To confirm the address of a registration or an account, once more.
    VerifyEmail,
    /// To set a new password.
    ResetPassword,
    /// To take over a new address.
    ChangeEmail { user: Uuid },
    /// To accept an invite.
    Invite { invite: Uuid },
    /// That something has happened to the account.
    Notice {
        notice: Notice,
        at: DateTime<Utc>,
        /// The client's address, when it was not the service itself.
        ip: Option<String>,
        /// What it was done with.
        #[serde(default)]
        about: Option<String>,
        /// Whose account it is, so that the letter goes with it.
        #[serde(default)]
        user: Option<Uuid>,
    },
}

impl Letter {
    /// The name in the database, in metrics and in logs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Registration { .. } => "registration",
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::ChangeEmail { .. } => "change_email",
            Self::Invite { .. } => "invite",
            Self::Notice { .. } => "notice",
        }
    }
}

/// A letter with its address.
#[derive(Debug)]
pub(crate) struct Mail<'a> {
    pub(crate) to: &'a Email,
    pub(crate) letter: Letter,
    pub(crate) locale: Locale,
}

/// Puts mails into the queue. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Mailer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    on: bool,
    verification: bool,
    /// The address of the system as users know it; links in letters begin with it.
    base: String,
}

impl Mailer {
    /// `base` is the address of the system as users know it.
    pub(crate) fn new(settings: &MailSettings, base: &str) -> Self {
        Self(Arc::new(Inner {
            on: !matches!(settings.route, RouteSettings::Nowhere),
            verification: settings.verification,
            base: base.to_owned(),
        }))
    }

    /// True when letters reach somebody.
    pub(crate) fn is_on(&self) -> bool {
        self.0.on
    }

    /// True when whoever registers has to show that the address is theirs.
    pub(crate) fn verification(&self) -> bool {
        self.0.verification
    }

    /// The address of the system as users know it.
    pub(crate) fn base(&self) -> &str {
        &self.0.base
    }

    /// Queues a mail. Where there are no letters, or nobody at the address, nothing happens.
    pub(crate) async fn enqueue(
        &self,
        connection: &mut PgConnection,
        mail: Mail<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        if self.is_on() && !mail.to.is_nobodys() {
            insert(connection, &mail, None, now).await?;
        }
        Ok(())
    }

    /// Tells the owner of an account what a client has just done to it. `about` is the name of what it
    /// was done with.
    pub(crate) async fn notify(
        &self,
        connection: &mut PgConnection,
        user: &User,
        notice: Notice,
        about: Option<&str>,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let letter = Letter::Notice {
            notice,
            at: now,
            ip: Some(client.ip.to_string()),
            about: about.map(str::to_owned),
            user: Some(user.id),
        };
        let mail = Mail {
            to: &user.email,
            letter,
            locale: user.locale,
        };
        self.enqueue(connection, mail, now).await
    }

    /// Queues a mail that a stranger asks for. So many to one recipient are enough: more are left out,
    /// and nobody is told.
    ///
    /// # Errors
    /// When there are no letters, or the client has asked for too many.
    pub(crate) async fn enqueue_for_stranger(
        &self,
        connection: &mut PgConnection,
        mail: Mail<'_>,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        if !self.is_on() {
            return Err(Error::MailNotConfigured);
        }
        let ip = client.ip.to_string();
        let since = now - LIMITED_OVER;
        let asked = store::mails::asked_since(connection, mail.to.as_str(), &ip, since).await?;
        if asked.by_client >= PER_CLIENT {
            return Err(Error::TooManyMails);
        }
        if asked.for_recipient < PER_RECIPIENT {
            insert(connection, &mail, Some(&ip), now).await?;
        }
        Ok(())
    }
}

async fn insert(
    connection: &mut PgConnection,
    mail: &Mail<'_>,
    client: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let params = serde_json::to_value(&mail.letter).unwrap_or_default();
    let new = NewMail {
        id: ids::new_id(),
        recipient: mail.to.as_str(),
        kind: mail.letter.kind(),
        locale: mail.locale.tag(),
        params: &params,
        client,
        created_at: now,
    };
    store::mails::insert(connection, &new).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_survives_the_queue() {
        for letter in [
            Letter::Registration {
                registration: ids::new_id(),
            },
            Letter::VerifyEmail,
            Letter::Notice {
                notice: Notice::EmailChanged,
                at: DateTime::UNIX_EPOCH,
                ip: None,
                about: None,
                user: None,
            },
        ] {
            let stored = serde_json::to_value(&letter).unwrap();
            assert_eq!(stored["kind"], letter.kind());
            assert_eq!(serde_json::from_value::<Letter>(stored).unwrap(), letter);
        }
        let earlier = serde_json::json!({
            "kind": "notice", "notice": "password_changed", "at": "2026-01-01T00:00:00Z", "ip": null
        });
        assert!(serde_json::from_value::<Letter>(earlier).is_ok());
    }
}
