//! Logging in: first factor, second factor, session. Nothing of HTTP but the client's address.

mod confirm;
mod proof;
mod second_factor;
mod step_up;

use chrono::{DateTime, Utc};
use common::db::StoreResult;
use common::telemetry::Chain;
use secrecy::SecretString;
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) use confirm::confirm_password;
pub(crate) use proof::{Method, Proof};
pub(crate) use second_factor::{by_passkey, by_second_factor};
pub(crate) use step_up::{Due, Shown, begin as begin_step_up, require_fresh, step_up};

use crate::account::{AccountKey, Email, User};
use crate::challenges::{Challenge, Purpose};
use crate::cookies::DeviceCookie;
use crate::error::Error;
use crate::http::Client;
use crate::password::Verdict;
use crate::record::{self, LoginFailure};
use crate::sessions::{self, Grant, Issued};
use crate::throttle::{self, FORGET_FAILURES_AFTER};
use crate::{AppState, challenges, devices, metrics, store};

/// What a factor led to.
#[derive(Debug)]
pub(crate) enum Step {
    /// All that the account asks for has been proved.
    Done {
        /// Who it is.
        user: User,
        /// By what.
        proof: Proof,
    },
    /// A second factor is due.
    SecondFactor(Challenge),
}

/// The password step, with all that slows guessing down. Unknown account, wrong password and locked
/// account take the same way through the same statements and get the same answer.
pub(crate) async fn by_password(
    state: &AppState,
    client: &Client,
    device: Option<&DeviceCookie>,
    email: &str,
    password: &SecretString,
) -> Result<Step, Error> {
    let account = AccountKey::of(email);
    let device = device.filter(|device| device.is_of(account));
    // A known device is not made to wait for what others did at the same address.
    if device.is_none()
        && let Some(retry_after) = state.address_limit.wait(client.ip).await
    {
        metrics::login("address_limited");
        return Err(Error::TooManyFailures { retry_after });
    }
    let credentials = match email.parse::<Email>() {
        Ok(email) => {
            let mut connection = state.db.acquire().await.store("acquire")?;
            store::users::credentials(&mut connection, &email).await?
        }
        Err(_) => None,
    };
    let stored = credentials.as_ref().map(|(_, hash, _)| hash.clone());
    let verdict = state.passwords.verify(password, stored).await.inspect_err(|_| {
        metrics::login("overloaded");
    })?;
    let attempt = Attempt {
        account,
        counted_as: device.map_or(account, |device| device.key(account)),
        user: credentials.as_ref().map(|(id, ..)| *id),
        verdict,
    };
    match attempt.decide(state, client).await? {
        Ok(user) => {
            let mut proof = Proof::by(Method::Pwd, state.clock.now());
            if let Some((id, hash, version)) = credentials {
                proof.password = Some(version);
                if verdict == (Verdict::Right { outdated: true }) {
                    rehash(state, id, &hash, password).await;
                }
            }
            after_first_factor(state, user, proof, client).await
        }
        Err(failure) => {
            metrics::login(failure.as_str());
            if device.is_none() {
                state.address_limit.count(client.ip).await;
            }
            Err(Error::InvalidCredentials)
        }
    }
}

/// One password that was tried.
struct Attempt {
    account: AccountKey,
    /// Whose failures count: the account's, or those of a device that is known for it.
    counted_as: AccountKey,
    user: Option<Uuid>,
    verdict: Verdict,
}

impl Attempt {
    /// Records the attempt in one transaction. The lock is looked at under the row's lock after the
    /// password was compared: of many guesses sent at once, those beyond the allowed number count as
    /// wrong even when one is right.
    async fn decide(self, state: &AppState, client: &Client) -> Result<Result<User, LoginFailure>, Error> {
        let now = state.clock.now();
        let mut transaction = state.db.begin().await.store("begin")?;
        let failures = store::login_failures::hold(&mut transaction, self.counted_as, now).await?;
        // During a lock the verdict is not looked at, so that the time tells nothing of it either.
        let result = if let Some(failure) = failures.refusal(now) {
            Err(failure)
        } else {
            match (self.user, self.verdict) {
                (Some(id), Verdict::Right { .. }) => store::users::find_steady(&mut transaction, id)
                    .await?
                    .ok_or(LoginFailure::UnknownAccount),
                (Some(_), Verdict::Wrong) => Err(LoginFailure::WrongPassword),
                (None, _) => Err(LoginFailure::UnknownAccount),
            }
        };
        match &result {
            Ok(_) => {
                store::login_failures::clear(&mut transaction, self.account).await?;
                store::login_failures::clear(&mut transaction, self.counted_as).await?;
            }
            Err(failure) => {
                count(&mut transaction, self.counted_as, *failure, now).await?;
                let (user, account) = (self.user, self.account);
                record::login_failed(&mut transaction, &state.clock, client, user, account, *failure).await?;
            }
        }
        transaction.commit().await.store("commit")?;
        Ok(result)
    }
}

/// Counts a failure in the row that is held, and locks when there are too many.
pub(crate) async fn count(
    connection: &mut PgConnection,
    key: AccountKey,
    failure: LoginFailure,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    // A lock that guesses could prolong would keep the owner out for good.
    if matches!(failure, LoginFailure::Locked | LoginFailure::Blocked) {
        return Ok(());
    }
    let forget_before = now - FORGET_FAILURES_AFTER;
    let failures = store::login_failures::count(connection, key, now, forget_before).await?;
    if let Some(lock) = throttle::lock_after(failures) {
        store::login_failures::lock(connection, key, now + lock).await?;
    }
    Ok(())
}

/// Replaces a hash that is cheaper than configured now. A failure only means that it stays until
/// the next login.
async fn rehash(state: &AppState, id: Uuid, outdated: &str, password: &SecretString) {
    let replaced: Result<(), Error> = async {
        let hash = state.passwords.hash(password).await?;
        let mut connection = state.db.acquire().await.store("acquire")?;
        store::users::replace_hash(&mut connection, id, outdated, &hash).await?;
        Ok(())
    }
    .await;
    if let Err(error) = replaced {
        tracing::warn!(error = %Chain(&error), "an outdated password hash stays for now");
    }
}

/// What follows any first factor: the account may ask for a second one.
pub(crate) async fn after_first_factor(
    state: &AppState,
    user: User,
    proof: Proof,
    client: &Client,
) -> Result<Step, Error> {
    if proof.has_second_factor() {
        return Ok(Step::Done { user, proof });
    }
    let mut connection = state.db.acquire().await.store("acquire")?;
    let methods = store::second_factors::methods(&mut connection, user.id).await?;
    if methods.is_empty() {
        return Ok(Step::Done { user, proof });
    }
    let now = state.clock.now();
    let challenge = challenges::begin(
        &mut connection,
        Purpose::SecondFactor,
        Some(user.id),
        &proof,
        methods,
        now,
    );
    let challenge = challenge.await?;
    tracing::debug!(client.ip = %client.ip, "a second factor is due");
    Ok(Step::SecondFactor(challenge))
}

/// Opens a session for somebody who has proved all that is asked for, and makes its tokens.
pub(crate) async fn open(
    state: &AppState,
    user: User,
    proof: Proof,
    client: &Client,
    device: Option<&DeviceCookie>,
    grant: Grant,
) -> Result<Issued, Error> {
    let mut transaction = state.db.begin().await.store("begin")?;
    // Read again: between two factors an administrator may have changed or removed the account.
    let user = store::users::find_steady(&mut transaction, user.id).await?;
    let user = user.ok_or(Error::InvalidCredentials)?;
    // A password may have been replaced since it was compared: what it opened has been ended already.
    if let Some(version) = proof.password
        && store::users::password_version(&mut transaction, user.id).await? != Some(version)
    {
        return Err(Error::InvalidCredentials);
    }
    let own = grant.client_id.is_none();
    let now = state.clock.now();
    if own {
        let account = AccountKey::of(user.email.as_str());
        record::login_succeeded(&mut transaction, &state.clock, client, &user, account, &proof).await?;
        devices::note_login(&mut transaction, &state.mailer, &user, client, device, now).await?;
    }
    let issued = sessions::open(&mut transaction, &state.tokens, user, &proof, client, grant, now).await?;
    transaction.commit().await.store("commit")?;
    if own {
        metrics::login("success");
    }
    Ok(issued)
}
