//! The login of a browser. It is what other programs log their users in by (single sign-on), and
//! it gives no access to anything by itself: no API of ours takes the cookie.

use ::http::header::SET_COOKIE;
use ::http::{HeaderMap, HeaderValue};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::events::Actor;
use serde_json::json;
use uuid::Uuid;

use crate::account::{AccountKey, User, UserState};
use crate::cookies::{DeviceCookie, SameSite};
use crate::error::Error;
use crate::http::Client;
use crate::login::{self, Proof};
use crate::record::{self, Audited};
use crate::sessions::{EndReason, Grant, Kind, Session};
use crate::{AppState, metrics, store};

/// Cookie with the session.
const LOGIN: &str = "login";
/// Cookie that ties forms to the browser that they were shown in.
const FORM: &str = "form";
/// A browser in use is noted no more often than this.
const NOTE_EVERY: Duration = Duration::minutes(1);

/// Somebody who has logged in with the browser.
pub(crate) struct Person {
    pub(crate) user: User,
    pub(crate) session: Session,
}

/// Who has logged in with the browser that sent these headers.
pub(crate) async fn person(state: &AppState, headers: &HeaderMap) -> Result<Option<Person>, Error> {
    let Some(id) = session_id(state, headers) else {
        return Ok(None);
    };
    let now = state.clock.now();
    let mut connection = state.db.acquire().await.store("acquire")?;
    let session = store::sessions::find(&mut connection, id).await?;
    let Some(session) = session.filter(|session| session.kind == Kind::Cookie && session.is_alive(now))
    else {
        return Ok(None);
    };
    let user = store::users::find(&mut connection, session.user_id).await?;
    let Some(user) = user.filter(|user| user.state == UserState::Active) else {
        return Ok(None);
    };
    let idle_until = now + state.tokens.lifetimes().of(Kind::Cookie).0;
    if idle_until - session.refresh_expires_at >= NOTE_EVERY {
        store::oauth_sessions::touch(&mut connection, id, idle_until, now).await?;
    }
    Ok(Some(Person { user, session }))
}

/// Logs somebody in who has proved all that is asked for, and returns the cookies that tell so.
/// Their session goes on when it is the same person; another's ends.
pub(crate) async fn log_in(
    state: &AppState,
    user: User,
    proof: Proof,
    client: &Client,
    device: Option<&DeviceCookie>,
    headers: &HeaderMap,
) -> Result<HeaderMap, Error> {
    let before = person(state, headers).await?;
    let account = AccountKey::of(user.email.as_str());
    let session = match before {
        Some(before) if before.user.id == user.id => {
            let (id, amr) = (before.session.id, proof.amr());
            let mut transaction = state.db.begin().await.store("begin")?;
            store::oauth_sessions::prove(&mut transaction, id, &amr, proof.at).await?;
            record::login_succeeded(&mut transaction, &state.clock, client, &user, account, &proof).await?;
            transaction.commit().await.store("commit")?;
            metrics::login("success");
            id
        }
        before => {
            if let Some(before) = before {
                log_out(state, &before, client).await?;
            }
            login::open(state, user, proof, client, device, Grant::own(Kind::Cookie))
                .await?
                .session
        }
    };
    let known = state.cookies.know_device(device, account, state.clock.now());
    let mut set = HeaderMap::new();
    set.append(SET_COOKIE, known.map_err(Error::Header)?);
    set.append(SET_COOKIE, cookie(state, &value_of(state, session), None)?);
    Ok(set)
}

/// Ends the session of a browser, and those of programs that were granted in it without
/// `offline_access`.
pub(crate) async fn log_out(state: &AppState, person: &Person, client: &Client) -> Result<(), Error> {
    let (id, reason, now) = (person.session.id, EndReason::Logout, state.clock.now());
    let mut transaction = state.db.begin().await.store("begin")?;
    let ended = store::oauth_sessions::end_with_bound(&mut transaction, id, reason, now).await?;
    let audited = Audited {
        action: "auth.browser_logged_out",
        outcome: Outcome::Success,
        user: Some(person.user.id),
        details: json!({ "sessions": ended.len() }),
    };
    let actor = Actor {
        user_id: person.user.id,
        role: person.user.role.clone(),
    };
    audited
        .append(&mut transaction, &state.clock, Some(actor), Some(client))
        .await?;
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    Ok(())
}

/// A `Set-Cookie` that makes the browser forget.
pub(crate) fn forget(state: &AppState) -> Result<HeaderValue, Error> {
    cookie(state, "", Some(Duration::zero()))
}

fn cookie(state: &AppState, value: &str, max_age: Option<Duration>) -> Result<HeaderValue, Error> {
    // Lax: a program sends the browser here by a redirect, and the cookie has to come along.
    let set = state.cookies.set(LOGIN, value, SameSite::Lax, max_age);
    set.map_err(Error::Header)
}

fn value_of(state: &AppState, session: Uuid) -> String {
    let mac = hmac::sign(state.provider.cookie_key(), session.as_bytes());
    let bytes = [session.as_bytes().as_slice(), mac.as_ref()].concat();
    format!("bs_{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The session that a cookie of ours names.
fn session_id(state: &AppState, headers: &HeaderMap) -> Option<Uuid> {
    let value = state.cookies.get(headers, LOGIN)?;
    let bytes = URL_SAFE_NO_PAD.decode(value.strip_prefix("bs_")?).ok()?;
    let (id, mac) = bytes.split_first_chunk::<16>()?;
    hmac::verify(state.provider.cookie_key(), id, mac).ok()?;
    Some(Uuid::from_bytes(*id))
}

/// What ties forms to a browser: a page of another site can make the browser send a form, but
/// knows no token that goes with its cookie.
#[derive(Debug)]
pub(crate) struct FormKey {
    nonce: String,
    /// Present when the browser has to be given the cookie.
    pub(crate) set_cookie: Option<HeaderValue>,
}

impl FormKey {
    /// Of the browser that sent these headers.
    pub(crate) fn of(state: &AppState, headers: &HeaderMap) -> Result<Self, Error> {
        if let Some(nonce) = state.cookies.get(headers, FORM).filter(|nonce| is_nonce(nonce)) {
            return Ok(Self {
                nonce: nonce.to_owned(),
                set_cookie: None,
            });
        }
        let nonce = URL_SAFE_NO_PAD.encode(rand::random::<[u8; NONCE_BYTES]>());
        let set = state.cookies.set(FORM, &nonce, SameSite::Lax, None);
        Ok(Self {
            set_cookie: Some(set.map_err(Error::Header)?),
            nonce,
        })
    }

    /// The hidden field of a form, for somebody who has logged in or nobody.
    pub(crate) fn token(&self, state: &AppState, person: Option<&Person>) -> String {
        let mac = hmac::sign(state.provider.form_key(), &self.message(person));
        URL_SAFE_NO_PAD.encode(mac)
    }

    /// True when the form was shown in this browser, to the same person.
    pub(crate) fn accepts(&self, state: &AppState, person: Option<&Person>, token: Option<&str>) -> bool {
        let Some(mac) = token.and_then(|token| URL_SAFE_NO_PAD.decode(token).ok()) else {
            return false;
        };
        self.set_cookie.is_none()
            && hmac::verify(state.provider.form_key(), &self.message(person), &mac).is_ok()
    }

    fn message(&self, person: Option<&Person>) -> Vec<u8> {
        let session = person.map_or(Uuid::nil(), |person| person.session.id);
        [session.as_bytes(), self.nonce.as_bytes()].concat()
    }
}

const NONCE_BYTES: usize = 16;

fn is_nonce(text: &str) -> bool {
    URL_SAFE_NO_PAD
        .decode(text)
        .is_ok_and(|bytes| bytes.len() == NONCE_BYTES)
}
