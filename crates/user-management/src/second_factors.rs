//! Second factors of an account: applications that make codes, passkeys, and recovery codes.

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use common::sealing::{self, Sealer};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;
use url::Url;
use uuid::Uuid;

use crate::account::{AccountKey, User};
use crate::challenges::Taken;
use crate::error::Error;
use crate::login::{self, Method};
use crate::record::LoginFailure;
use crate::webauthn::{Assertion, RelyingParty};
use crate::{recovery, store, totp};

/// What second factors are kept and verified with. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SecondFactors(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sealer: Sealer,
    recovery_key: hmac::Key,
    relying_party: Option<RelyingParty>,
}

/// What somebody shows as a second factor.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A code of an authenticator application.
    Code(SecretString),
    /// A recovery code.
    Recovery(SecretString),
    /// A passkey's signature.
    Passkey(Assertion),
}

impl SecondFactors {
    pub(crate) fn new(secret: &SecretString, public_url: Option<&Url>) -> Result<Self, Unspecified> {
        let recovery_key = sealing::derive(secret, "user-management recovery codes")?;
        Ok(Self(Arc::new(Inner {
            sealer: Sealer::new(secret, "user-management second factors")?,
            recovery_key: hmac::Key::new(hmac::HMAC_SHA256, &recovery_key),
            relying_party: public_url.and_then(RelyingParty::of),
        })))
    }

    /// We, as passkeys know us.
    pub(crate) fn relying_party(&self) -> Result<&RelyingParty, Error> {
        self.0.relying_party.as_ref().ok_or(Error::PasskeysUnavailable)
    }

    /// Begins to add an application; returns the secret that it is to be given.
    pub(crate) async fn begin_totp(
        &self,
        connection: &mut PgConnection,
        user: Uuid,
        now: DateTime<Utc>,
    ) -> Result<SecretString, Error> {
        let secret = rand::random::<[u8; totp::SECRET_BYTES]>();
        let sealed = self
            .0
            .sealer
            .seal(user.as_bytes(), &secret)
            .map_err(|_| Error::Sealing)?;
        if !store::totp::put_pending(connection, user, &sealed, now).await? {
            return Err(Error::TotpExists);
        }
        Ok(SecretString::from(totp::base32(&secret)))
    }

    /// Takes a code of an application, which counts from the first on. `pending` tells whether one
    /// that has not counted yet is meant.
    async fn take_code(
        &self,
        connection: &mut PgConnection,
        user: Uuid,
        code: &SecretString,
        pending: bool,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let Some(stored) = store::totp::hold(connection, user).await? else {
            return Ok(false);
        };
        if stored.confirmed == pending {
            return Ok(false);
        }
        let secret = self.0.sealer.open(user.as_bytes(), &stored.sealed_secret);
        let secret = secret.map_err(|_| Error::Sealing)?;
        let Some(step) = totp::step_of(&secret, code.expose_secret(), stored.last_step, now) else {
            return Ok(false);
        };
        store::totp::take_step(connection, user, step, now).await?;
        Ok(true)
    }

    /// New recovery codes in the place of the former ones.
    pub(crate) async fn make_recovery_codes(
        &self,
        connection: &mut PgConnection,
        user: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Vec<SecretString>, Error> {
        let codes = recovery::make();
        let hashes: Vec<Vec<u8>> = codes.iter().map(|code| self.recovery_hash(user, code)).collect();
        store::recovery_codes::replace(connection, user, &hashes, now).await?;
        Ok(codes)
    }

    fn recovery_hash(&self, user: Uuid, code: &SecretString) -> Vec<u8> {
        let code = recovery::normalised(code.expose_secret());
        let message = [user.as_bytes().as_slice(), code.as_bytes()].concat();
        hmac::sign(&self.0.recovery_key, &message).as_ref().to_vec()
    }

    /// Checks an answer for a user, with the soft lock that passwords have: of an account whose
    /// password is known, a stranger gets five guesses and then ever longer pauses. The transaction
    /// is to be committed whatever the result.
    pub(crate) async fn check(
        &self,
        connection: &mut PgConnection,
        user: &User,
        challenge: Option<&Taken>,
        answer: &Answer,
        now: DateTime<Utc>,
    ) -> Result<Result<Method, LoginFailure>, Error> {
        let key = failures_key(user);
        let failures = store::login_failures::hold(connection, key, now).await?;
        if let Some(refusal) = failures.refusal(now) {
            return Ok(Err(refusal));
        }
        let result = self.judge(connection, user, challenge, answer, now).await?;
        match result {
            Ok(_) => store::login_failures::clear(connection, key).await?,
            Err(failure) => login::count(connection, key, failure, now).await?,
        }
        Ok(result)
    }

    async fn judge(
        &self,
        connection: &mut PgConnection,
        user: &User,
        challenge: Option<&Taken>,
        answer: &Answer,
        now: DateTime<Utc>,
    ) -> Result<Result<Method, LoginFailure>, Error> {
        let right = match answer {
            Answer::Code(code) => {
                let right = self.take_code(connection, user.id, code, false, now).await?;
                right.then_some(Method::Otp)
            }
            Answer::Recovery(code) => {
                let hash = self.recovery_hash(user.id, code);
                let right = store::recovery_codes::use_one(connection, user.id, &hash, now).await?;
                right.then_some(Method::Recovery)
            }
            Answer::Passkey(assertion) => {
                let expected = challenge.and_then(|challenge| challenge.passkey_challenge.as_deref());
                let Some(expected) = expected else {
                    return Ok(Err(LoginFailure::WrongPasskey));
                };
                return self
                    .check_passkey(connection, Some(user.id), expected, assertion, now)
                    .await
                    .map(|result| result.map(|_| Method::Passkey));
            }
        };
        Ok(right.ok_or(LoginFailure::WrongCode))
    }

    /// Checks the first code of an application that is being added.
    pub(crate) async fn confirm_totp(
        &self,
        connection: &mut PgConnection,
        user: &User,
        code: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Result<(), LoginFailure>, Error> {
        let key = failures_key(user);
        let failures = store::login_failures::hold(connection, key, now).await?;
        if let Some(refusal) = failures.refusal(now) {
            return Ok(Err(refusal));
        }
        if self.take_code(connection, user.id, code, true, now).await? {
            store::login_failures::clear(connection, key).await?;
            return Ok(Ok(()));
        }
        login::count(connection, key, LoginFailure::WrongCode, now).await?;
        Ok(Err(LoginFailure::WrongCode))
    }

    /// Checks a passkey's signature, of `user` or of whomever the passkey belongs to, and returns
    /// the user.
    pub(crate) async fn check_passkey(
        &self,
        connection: &mut PgConnection,
        user: Option<Uuid>,
        challenge: &[u8],
        assertion: &Assertion,
        now: DateTime<Utc>,
    ) -> Result<Result<Uuid, LoginFailure>, Error> {
        let relying_party = self.relying_party()?;
        let found = store::passkeys::hold(connection, &assertion.credential_id.0).await?;
        let Some(passkey) = found.filter(|passkey| user.is_none_or(|user| user == passkey.user_id)) else {
            return Ok(Err(LoginFailure::WrongPasskey));
        };
        let verified = relying_party.verify(
            challenge,
            assertion,
            passkey.user_id,
            &passkey.public_key,
            passkey.sign_count,
        );
        match verified {
            Ok(used) => {
                store::passkeys::note_use(connection, passkey.id, used, now).await?;
                Ok(Ok(passkey.user_id))
            }
            Err(refused) => {
                tracing::info!(error = %refused, "passkey {} was refused", passkey.id);
                Ok(Err(LoginFailure::from(refused)))
            }
        }
    }
}

/// Under what wrong second factors of an account are counted: not with wrong passwords, which
/// anybody can send.
pub(crate) fn failures_key(user: &User) -> AccountKey {
    AccountKey::of(user.email.as_str()).part("second factor", user.id.as_bytes())
}
