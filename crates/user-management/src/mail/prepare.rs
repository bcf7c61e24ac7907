//! From a queued mail to what is in it: who it is for is found out now, and its secret is made now.

use chrono::{DateTime, Utc};
use common::Locale;
use sqlx::PgConnection;
use uuid::Uuid;

use super::contents::{self, Contents};
use super::notices::Told;
use super::{Letter, Mailer};
use crate::account::{Email, User, UserState};
use crate::error::Error;
use crate::links::{self, Link, Purpose, Subject};
use crate::store;
use crate::store::registrations::Registration;

/// What a mail says, or `None` when there is nobody to say it to. The transaction is to be committed
/// before the mail is sent, so that nobody holds a secret that is not known here.
pub(crate) async fn prepare(
    connection: &mut PgConnection,
    mailer: &Mailer,
    recipient: &Email,
    letter: Letter,
    locale: Locale,
    now: DateTime<Utc>,
) -> Result<Option<Contents>, Error> {
    let mut writer = Writer {
        connection,
        base: mailer.base(),
        recipient,
        locale,
        now,
    };
    match letter {
        Letter::Registration { registration } => {
            let registration = store::registrations::find(writer.connection, registration, now).await?;
            match registration {
                Some(registration) => writer.registration(registration).await.map(Some),
                None => Ok(None),
            }
        }
        Letter::VerifyEmail => writer.verify_email().await,
        Letter::ResetPassword => writer.reset_password().await,
        Letter::ChangeEmail { user } => writer.change_email(user).await,
        Letter::Invite { invite } => writer.invite(invite).await,
        Letter::Notice {
            notice,
            at,
            ip,
            about,
            user: _,
        } => {
            let (about, ip) = (about.as_deref(), ip.as_deref());
            let told = Told {
                notice,
                about,
                at,
                ip,
            };
            Ok(Some(told.contents(recipient, locale)))
        }
    }
}

struct Writer<'a> {
    connection: &'a mut PgConnection,
    base: &'a str,
    recipient: &'a Email,
    locale: Locale,
    now: DateTime<Utc>,
}

impl Writer<'_> {
    async fn registration(&mut self, registration: Registration) -> Result<Contents, Error> {
        let user = store::users::find_by_email(self.connection, self.recipient).await?;
        if user.is_some() {
            // Told to the owner of the address alone.
            return Ok(contents::already_registered(
                links::page(self.base, Purpose::ResetPassword),
                self.locale,
            ));
        }
        let subject = Subject::Registration(registration.id);
        let link = self.link(Purpose::Registration, subject).await?;
        Ok(contents::registration(&registration.name, link, self.locale))
    }

    async fn verify_email(&mut self) -> Result<Option<Contents>, Error> {
        let recipient = self.recipient.as_str();
        if let Some(last) = store::registrations::find_last(self.connection, recipient, self.now).await? {
            return self.registration(last).await.map(Some);
        }
        let user = self.user_of_recipient().await?;
        let Some(user) = user.filter(|user| !user.email_verified) else {
            return Ok(None);
        };
        let link = self.link(Purpose::VerifyEmail, Subject::User(user.id)).await?;
        Ok(Some(contents::verify_email(link, self.locale)))
    }

    async fn reset_password(&mut self) -> Result<Option<Contents>, Error> {
        let Some(user) = self.user_of_recipient().await? else {
            return Ok(None);
        };
        let link = self.link(Purpose::ResetPassword, Subject::User(user.id)).await?;
        Ok(Some(contents::reset_password(link, self.locale)))
    }

    async fn change_email(&mut self, user: Uuid) -> Result<Option<Contents>, Error> {
        let user = store::users::find(self.connection, user).await?;
        let taken = store::users::find_by_email(self.connection, self.recipient).await?;
        let Some(user) = user.filter(|user| user.state == UserState::Active && taken.is_none()) else {
            return Ok(None);
        };
        let link = self.link(Purpose::ChangeEmail, Subject::User(user.id)).await?;
        Ok(Some(contents::change_email(link, self.locale)))
    }

    async fn invite(&mut self, invite: Uuid) -> Result<Option<Contents>, Error> {
        let Some(invite) = store::invites::find(self.connection, invite, self.now).await? else {
            return Ok(None);
        };
        let inviter = store::users::find(self.connection, invite.invited_by).await?;
        let roles = store::roles::list(self.connection).await?;
        let role = roles.into_iter().find(|role| role.name == invite.role);
        let (Some(inviter), Some(role)) = (inviter, role) else {
            return Ok(None);
        };
        let link = self.link(Purpose::Invite, Subject::Invite(invite.id)).await?;
        Ok(Some(contents::invite(
            &inviter.name,
            &role.title,
            link,
            self.locale,
        )))
    }

    /// The account of the recipient, if it is not shut.
    async fn user_of_recipient(&mut self) -> Result<Option<User>, Error> {
        let user = store::users::find_by_email(self.connection, self.recipient).await?;
        Ok(user.filter(|user| user.state != UserState::Disabled))
    }

    /// Makes a secret and the link that carries it.
    async fn link(&mut self, purpose: Purpose, subject: Subject) -> Result<String, Error> {
        let token = links::new_token();
        let link = Link::new(&token, purpose, subject, Some(self.recipient.as_str()), self.now);
        store::links::insert(self.connection, &link).await?;
        Ok(links::address(self.base, purpose, &token))
    }
}
