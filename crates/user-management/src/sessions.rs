//! Sessions: opened by a login, carried on by refresh tokens, ended by a logout, by a change of
//! rights, or because a refresh token was stolen.
//!
//! Each refresh replaces the refresh token. Generations are counted, never compared by time. A
//! token that has just been replaced still gives its replacement, because two tabs of a browser
//! refresh at once and answers get lost; an older one means that somebody has a copy, and ends the
//! session.

use chrono::{DateTime, Utc};
use common::clock::Clock;
use common::ids;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::account::{AccountKey, User};
use crate::error::Error;
use crate::http::Client;
use crate::login::Proof;
use crate::record;
use crate::store;
use crate::tokens::{Lifetimes, Presented, Tokens};
use secrecy::SecretString;

/// A session as it is stored.
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) refresh_seed: Vec<u8>,
    pub(crate) generation: i32,
    pub(crate) rotated_at: DateTime<Utc>,
    pub(crate) refresh_expires_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) access_expires_at: DateTime<Utc>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    /// How the user proved who they are (RFC 8176), and when last.
    pub(crate) amr: Vec<String>,
    pub(crate) auth_time: DateTime<Utc>,
    /// The OAuth client that it was opened for; `None` for our own API and web page.
    pub(crate) client_id: Option<String>,
    /// What it may be used for; `None` for everything that the user may do.
    pub(crate) scope: Option<Vec<String>>,
    pub(crate) kind: Kind,
}

/// Who keeps the refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A program.
    Bearer,
    /// A browser, as a cookie that no script can read.
    Cookie,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Cookie => "cookie",
        }
    }

    /// The kind of a stored name.
    pub(crate) fn from_name(name: &str) -> Self {
        if name == "cookie" {
            Self::Cookie
        } else {
            Self::Bearer
        }
    }
}

/// What a session is opened for.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    /// The OAuth client; `None` for our own API and web page.
    pub(crate) client_id: Option<String>,
    /// `None` for everything that the user may do.
    pub(crate) scope: Option<Vec<String>>,
    pub(crate) kind: Kind,
}

impl Grant {
    /// For our own API or web page.
    pub(crate) fn own(kind: Kind) -> Self {
        Self {
            client_id: None,
            scope: None,
            kind,
        }
    }

    /// True when a refresh token of the session may be used by whoever has this grant.
    fn covers(&self, session: &Session) -> bool {
        self.client_id == session.client_id && self.kind == session.kind
    }
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EndReason {
    Logout,
    RoleChanged,
    RefreshReused,
    PasswordReset,
    /// The OAuth client gave its token back, or its user took the consent back.
    TokenRevoked,
    /// An authorization code was used twice.
    CodeReused,
    /// The OAuth client does not exist any more, or has another secret after a theft.
    ClientRemoved,
    /// By the user or an administrator, from the list of sessions.
    Revoked,
    SecondFactorsReset,
    PasswordChanged,
    /// An administrator has shut the account.
    Deactivated,
    Deleted,
}

impl EndReason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::RoleChanged => "role_changed",
            Self::RefreshReused => "refresh_reused",
            Self::PasswordReset => "password_reset",
            Self::TokenRevoked => "token_revoked",
            Self::CodeReused => "code_reused",
            Self::ClientRemoved => "client_removed",
            Self::Revoked => "revoked",
            Self::SecondFactorsReset => "second_factors_reset",
            Self::PasswordChanged => "password_changed",
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
        }
    }
}

/// A session that has just been ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) id: Uuid,
    /// When its last access token ends.
    pub(crate) access_expires_at: DateTime<Utc>,
}

/// What a refresh token is to its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// The active one.
    Active,
    /// The one before, within the grace time.
    JustReplaced,
    /// Replaced long ago: there are two holders.
    Reused,
    /// The session has ended.
    Over,
}

impl Session {
    fn open(user_id: Uuid, proof: &Proof, grant: Grant, lifetimes: Lifetimes, now: DateTime<Utc>) -> Self {
        let (_, whole) = lifetimes.of(grant.kind);
        let mut session = Self {
            id: ids::new_id(),
            user_id,
            refresh_seed: rand::random::<[u8; 32]>().to_vec(),
            generation: 0,
            rotated_at: now,
            refresh_expires_at: now,
            expires_at: now + whole,
            access_expires_at: now,
            ended_at: None,
            amr: proof.amr(),
            auth_time: proof.at,
            client_id: grant.client_id,
            scope: grant.scope,
            kind: grant.kind,
        };
        session.rotate(lifetimes, now);
        session
    }

    /// True while neither its end nor want of use has come.
    pub(crate) fn is_alive(&self, now: DateTime<Utc>) -> bool {
        self.ended_at.is_none() && now < self.refresh_expires_at && now < self.expires_at
    }

    fn judge(&self, generation: i32, lifetimes: Lifetimes, now: DateTime<Utc>) -> Use {
        if !self.is_alive(now) {
            return Use::Over;
        }
        match self.generation - generation {
            0 => Use::Active,
            1 if now - self.rotated_at <= lifetimes.grace => Use::JustReplaced,
            1.. => Use::Reused,
            // A generation to come: the database was put back to an earlier state.
            _ => Use::Over,
        }
    }

    fn rotate(&mut self, lifetimes: Lifetimes, now: DateTime<Utc>) {
        self.generation += 1;
        self.rotated_at = now;
        self.refresh_expires_at = self.expires_at.min(now + lifetimes.of(self.kind).0);
        self.note_access(lifetimes, now);
    }

    /// Remembers that an access token is issued now.
    fn note_access(&mut self, lifetimes: Lifetimes, now: DateTime<Utc>) {
        self.access_expires_at = self.access_expires_at.max(now + lifetimes.access);
    }
}

/// What a login or a refresh gives.
pub(crate) struct Issued {
    pub(crate) session: Uuid,
    pub(crate) kind: Kind,
    pub(crate) access_token: String,
    pub(crate) access_expires_in: i64,
    pub(crate) refresh_token: SecretString,
    pub(crate) refresh_expires_in: i64,
    pub(crate) user: User,
}

fn issue(tokens: &Tokens, session: &Session, user: User, now: DateTime<Utc>) -> Result<Issued, Error> {
    Ok(Issued {
        session: session.id,
        kind: session.kind,
        access_token: tokens.access(&user, session, now)?,
        access_expires_in: tokens.lifetimes().access.num_seconds(),
        refresh_token: tokens.refresh(session),
        refresh_expires_in: (session.refresh_expires_at - now).num_seconds(),
        user,
    })
}

/// Opens a session for a user who has just proved who they are.
pub(crate) async fn open(
    connection: &mut PgConnection,
    tokens: &Tokens,
    user: User,
    proof: &Proof,
    client: &Client,
    grant: Grant,
    now: DateTime<Utc>,
) -> Result<Issued, Error> {
    let session = Session::open(user.id, proof, grant, tokens.lifetimes(), now);
    store::sessions::insert(
        connection,
        &session,
        &client.ip.to_string(),
        client.user_agent.as_deref(),
    )
    .await?;
    issue(tokens, &session, user, now)
}

/// An access token alone.
pub(crate) struct Access {
    pub(crate) token: String,
    pub(crate) expires_in: i64,
}

/// Notes for a session of the user that they have proved again who they are; what they proved as a
/// first factor when it was opened stays. The access token that it returns tells of it.
pub(crate) async fn prove(
    connection: &mut PgConnection,
    tokens: &Tokens,
    session: Uuid,
    user: Uuid,
    proof: &Proof,
    client: &Client,
    now: DateTime<Utc>,
) -> Result<Access, Error> {
    // The user before the session, as everywhere.
    let user = store::users::find_steady(connection, user).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    let session = store::sessions::find_locked(connection, session).await?;
    let session = session.filter(|session| session.user_id == user.id && session.ended_at.is_none());
    let mut session = session.ok_or(Error::SessionEnded)?;
    let mut whole = Proof::from_names(&session.amr, now);
    whole.methods.retain(|method| !method.is_second_factor());
    session.amr = proof
        .methods
        .iter()
        .fold(whole, |whole, method| whole.and(*method, now))
        .amr();
    session.auth_time = proof.at;
    session.note_access(tokens.lifetimes(), now);
    store::sessions::update(connection, &session, now, &client.ip.to_string()).await?;
    Ok(Access {
        token: tokens.access(&user, &session, now)?,
        expires_in: tokens.lifetimes().access.num_seconds(),
    })
}

/// How the use of a refresh token ended.
pub(crate) enum Refreshed {
    /// New tokens.
    Issued(Box<Issued>),
    /// The token had been replaced long ago; the session has been ended.
    Reused(Ended),
    /// The token opens nothing.
    Invalid,
}

/// Uses a refresh token, which has to be one that was given out under `grant` (its scope does not
/// matter). The transaction is to be committed whatever the result.
pub(crate) async fn refresh(
    connection: &mut PgConnection,
    tokens: &Tokens,
    token: &str,
    grant: &Grant,
    client: &Client,
    clock: &Clock,
) -> Result<Refreshed, Error> {
    let (lifetimes, now) = (tokens.lifetimes(), clock.now());
    let Some(presented) = Presented::parse(token) else {
        return Ok(Refreshed::Invalid);
    };
    // Nothing is locked before the token has proved to be ours. Then the user comes before the
    // session, as in a change of role: otherwise the two could wait for each other.
    let Some(session) = store::sessions::find(connection, presented.session).await? else {
        return Ok(Refreshed::Invalid);
    };
    if !tokens.made(&presented, &session) || !grant.covers(&session) {
        return Ok(Refreshed::Invalid);
    }
    let Some(user) = store::users::find_steady(connection, session.user_id).await? else {
        return Ok(Refreshed::Invalid);
    };
    let Some(mut session) = store::sessions::find_locked(connection, session.id).await? else {
        return Ok(Refreshed::Invalid);
    };
    match session.judge(presented.generation, lifetimes, now) {
        Use::Over => return Ok(Refreshed::Invalid),
        Use::Reused => {
            let reason = EndReason::RefreshReused;
            let ended = store::sessions::end(connection, session.id, user.id, reason, now).await?;
            let account = AccountKey::of(user.email.as_str());
            record::refresh_reused(connection, clock, client, &user, account).await?;
            return Ok(ended.map_or(Refreshed::Invalid, Refreshed::Reused));
        }
        Use::Active => session.rotate(lifetimes, now),
        Use::JustReplaced => session.note_access(lifetimes, now),
    }
    store::sessions::update(connection, &session, now, &client.ip.to_string()).await?;
    let issued = issue(tokens, &session, user, now)?;
    Ok(Refreshed::Issued(Box::new(issued)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::Method;
    use chrono::Duration;

    const LIFETIMES: Lifetimes = Lifetimes {
        access: Duration::minutes(15),
        refresh_idle: Duration::days(7),
        refresh: Duration::days(30),
        web_idle: Duration::minutes(30),
        web: Duration::hours(12),
        grace: Duration::seconds(10),
    };

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn opened(kind: Kind) -> Session {
        let proof = Proof::by(Method::Pwd, at(0));
        Session::open(ids::new_id(), &proof, Grant::own(kind), LIFETIMES, at(0))
    }

    #[test]
    fn the_token_before_the_active_one_has_a_grace_time_and_older_ones_none() {
        let mut session = opened(Kind::Bearer);
        assert_eq!(session.judge(1, LIFETIMES, at(0)), Use::Active);
        session.rotate(LIFETIMES, at(100));
        assert_eq!(session.judge(2, LIFETIMES, at(100)), Use::Active);
        assert_eq!(session.judge(1, LIFETIMES, at(110)), Use::JustReplaced);
        assert_eq!(session.judge(1, LIFETIMES, at(111)), Use::Reused);
        session.rotate(LIFETIMES, at(105));
        assert_eq!(
            session.judge(1, LIFETIMES, at(105)),
            Use::Reused,
            "two generations back, however fast"
        );
        assert_eq!(session.judge(4, LIFETIMES, at(105)), Use::Over);
        session.ended_at = Some(at(106));
        assert_eq!(session.judge(3, LIFETIMES, at(106)), Use::Over);
    }

    #[test]
    fn a_session_ends_for_want_of_use_and_in_the_end_anyway() {
        let day = 86_400;
        let mut session = opened(Kind::Bearer);
        assert_eq!(session.judge(1, LIFETIMES, at(7 * day - 1)), Use::Active);
        assert_eq!(session.judge(1, LIFETIMES, at(7 * day)), Use::Over);
        for _ in 0..5 {
            let now = session.rotated_at + Duration::days(6);
            session.rotate(LIFETIMES, now);
        }
        assert_eq!(session.rotated_at, at(30 * day));
        assert_eq!(session.refresh_expires_at, at(30 * day), "never past the end");
        assert_eq!(session.judge(6, LIFETIMES, at(30 * day)), Use::Over);
        let browser = opened(Kind::Cookie);
        assert_eq!(browser.judge(1, LIFETIMES, at(30 * 60 - 1)), Use::Active);
        assert_eq!(browser.judge(1, LIFETIMES, at(30 * 60)), Use::Over);
        assert_eq!(browser.expires_at, at(day / 2));
    }
}
