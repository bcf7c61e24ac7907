//! Secrets that travel in links: each opens one thing, once, for a while.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What a secret opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Makes the account that somebody has registered.
    Registration,
    /// Confirms the address of an account.
    VerifyEmail,
    /// Sets a new password.
    ResetPassword,
    /// Gives an account the address that the secret was sent to.
    ChangeEmail,
    /// Makes the account that an administrator offered.
    Invite,
    /// Makes the first administrator.
    Setup,
}

impl Purpose {
    /// The name in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::ChangeEmail => "change_email",
            Self::Invite => "invite",
            Self::Setup => "setup",
        }
    }

    /// How long the secret is good for after it was made.
    pub(crate) fn lifetime(self) -> Duration {
        match self {
            Self::ResetPassword => Duration::minutes(30),
            Self::ChangeEmail => Duration::hours(1),
            Self::Registration | Self::VerifyEmail | Self::Setup => Duration::hours(24),
            Self::Invite => Duration::hours(72),
        }
    }

    /// The page that asks for what is missing, below the system's address; see `http::account_pages`.
    pub(crate) fn page(self) -> &'static str {
        match self {
            Self::Registration | Self::VerifyEmail | Self::ChangeEmail => "account/verify-email",
            Self::ResetPassword => "account/reset-password",
            Self::Invite => "account/invite",
            Self::Setup => "account/setup",
        }
    }
}

/// Whose thing a secret opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    User(Uuid),
    Registration(Uuid),
    Invite(Uuid),
    /// The system itself, before anybody is there.
    Nobody,
}

/// A secret as it is stored: its hash and what it opens.
#[derive(Debug)]
pub(crate) struct Link<'a> {
    pub(crate) token_hash: [u8; 32],
    pub(crate) purpose: Purpose,
    pub(crate) subject: Subject,
    /// The address that it is sent to.
    pub(crate) email: Option<&'a str>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// A new secret of 256 bits.
pub(crate) fn new_token() -> SecretString {
    SecretString::from(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// The hash of a secret, as it is looked up.
pub(crate) fn hash(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret().trim()).into()
}

impl<'a> Link<'a> {
    /// What is stored for a secret that is made now.
    pub(crate) fn new(
        token: &SecretString,
        purpose: Purpose,
        subject: Subject,
        email: Option<&'a str>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            token_hash: hash(token),
            purpose,
            subject,
            email,
            created_at: now,
            expires_at: now + purpose.lifetime(),
        }
    }
}

/// The address of the page that takes the secret. Queries are in no log of ours, the page tells no
/// other site where it was, and the secret opens one thing once.
pub(crate) fn address(base: &str, purpose: Purpose, token: &SecretString) -> String {
    format!("{}?token={}", page(base, purpose), token.expose_secret())
}

/// The address of the page for a purpose.
pub(crate) fn page(base: &str, purpose: Purpose) -> String {
    format!("{}/{}", base.trim_end_matches('/'), purpose.page())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_are_found_by_their_hash() {
        let (one, other) = (new_token(), new_token());
        assert_eq!(one.expose_secret().len(), 43);
        assert_ne!(hash(&one), hash(&other));
        // As a mail program may cut it out.
        let pasted = SecretString::from(format!(" {}\n", one.expose_secret()));
        assert_eq!(hash(&pasted), hash(&one));
    }

    #[test]
    fn a_link_leads_to_the_page_of_its_purpose() {
        let token = SecretString::from("abc");
        let address = address("https://ai.example.org/", Purpose::ResetPassword, &token);
        assert_eq!(address, "https://ai.example.org/account/reset-password?token=abc");
    }
}
