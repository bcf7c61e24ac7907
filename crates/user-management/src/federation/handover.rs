//! From the callback, which is a navigation of the browser, to the page, which wants tokens: a code
//! that works once, for a minute, and only with the cookie that came with it. The code is in the
//! fragment of the URL, which no server and no log sees.

use chrono::{DateTime, Duration, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::attempt::random;
use super::error::FederationError;
use super::person::Person;
use crate::error::Error;
use crate::store;

/// The name of the cookie.
pub(crate) const HANDOVER_COOKIE: &str = "oidc_handover";
/// For a page to fetch its tokens.
const LOGIN_LIFETIME: Duration = Duration::minutes(1);
/// For somebody to log in by password first.
const LINK_LIFETIME: Duration = Duration::minutes(10);

/// To whom.
#[derive(Debug, Clone)]
pub(crate) enum HandoverTo {
    /// The user has logged in.
    User(Uuid),
    /// Somebody has an identity that may be linked to an account once they log in to that.
    Link(Box<Person>),
}

/// What is handed over.
#[derive(Debug)]
pub(crate) struct Handover {
    pub(crate) provider: String,
    pub(crate) to: HandoverTo,
}

/// The two halves that open it.
#[derive(Debug)]
pub(crate) struct Halves {
    pub(crate) code: String,
    pub(crate) cookie: String,
    pub(crate) lifetime: Duration,
}

/// Stores it for the page.
pub(crate) async fn hand_over(
    connection: &mut PgConnection,
    handover: &Handover,
    now: DateTime<Utc>,
) -> Result<Halves, Error> {
    let lifetime = match handover.to {
        HandoverTo::User(_) => LOGIN_LIFETIME,
        HandoverTo::Link(_) => LINK_LIFETIME,
    };
    let halves = Halves {
        code: random(),
        cookie: random(),
        lifetime,
    };
    let (code, cookie) = (hash(&halves.code), hash(&halves.cookie));
    store::federation::insert_handover(connection, &code, &cookie, handover, now + lifetime).await?;
    Ok(halves)
}

/// Takes it, which works once.
pub(crate) async fn take(
    connection: &mut PgConnection,
    code: &str,
    cookie: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Handover, Error> {
    // Without the cookie it is used up all the same: somebody else has seen it.
    let cookie = cookie.unwrap_or_default();
    let taken = store::federation::take_handover(connection, &hash(code), &hash(cookie), now).await?;
    Ok(taken.ok_or(FederationError::CodeInvalid)?)
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}
