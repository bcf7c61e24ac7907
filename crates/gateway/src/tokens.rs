//! Tokens that have been verified a moment ago need no second verification.
//!
//! A signature costs tens of microseconds, a look into a map a tenth of one. What can change
//! within the life of an entry, the expiry and the revocation of its session, is looked at each
//! time; a key that is withdrawn counts after [`TRUST`] at the latest.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::auth::{Authenticator, Identity, Revocations};
use common::clock::Clock;
use common::http::Problem;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::recent::Recent;
use crate::ticks::coarse_now;

/// How long a verification is believed.
const TRUST: Duration = Duration::from_secs(60);
/// Tokens kept; about a kilobyte each.
const CAPACITY: usize = 4096;
/// A longer header is verified each time instead of filling the memory.
const MAX_HEADER_BYTES: usize = 4096;

/// Verifies tokens and remembers the valid ones, by the whole header, never by a hash alone.
#[derive(Debug)]
pub(crate) struct Tokens {
    authenticator: Authenticator,
    revocations: Revocations,
    clock: Clock,
    known: Mutex<Recent<Box<[u8]>, Known>>,
}

#[derive(Debug)]
struct Known {
    identity: Arc<Identity>,
    verified: Instant,
}

impl Tokens {
    pub(crate) fn new(authenticator: Authenticator, revocations: Revocations, clock: Clock) -> Self {
        Self {
            authenticator,
            revocations,
            clock,
            known: Mutex::new(Recent::new(CAPACITY)),
        }
    }

    /// The caller named by the `Authorization` header, if its token is among the verified ones.
    pub(crate) fn known(&self, headers: &HeaderMap) -> Option<Arc<Identity>> {
        self.known_header(header_of(headers)?)
    }

    /// The caller named by the `Authorization` header; 401 without a valid token, 503 when the
    /// keys cannot be had.
    pub(crate) async fn verify(&self, headers: &HeaderMap) -> Result<Arc<Identity>, Problem> {
        let identity = Arc::new(self.authenticator.authenticate(headers).await?);
        if let Some(header) = header_of(headers) {
            let known = Known {
                identity: identity.clone(),
                verified: coarse_now(),
            };
            self.lock().insert(header.into(), known);
        }
        Ok(identity)
    }

    /// Only what is beyond doubt; anything else is verified again, which also finds the right
    /// words for the refusal.
    fn known_header(&self, header: &[u8]) -> Option<Arc<Identity>> {
        let mut tokens = self.lock();
        let known = match tokens.peek(header) {
            Some(known) => known,
            None => tokens.get(header)?,
        };
        let identity = known.identity.clone();
        let good = coarse_now().saturating_duration_since(known.verified) < TRUST
            && self.clock.now() < identity.expires_at
            && !self.revocations.contains(identity.session_id)
            && !self
                .revocations
                .outdated(identity.user_id, identity.rights_version);
        if !good {
            tokens.remove(header);
            return None;
        }
        Some(identity)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Recent<Box<[u8]>, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The header, when there is one that is worth remembering.
fn header_of(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) if value.len() <= MAX_HEADER_BYTES => Some(value.as_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;
    use common::auth::Keys;
    use common::config;
    use common::testing::{Grant, Issuer};
    use http::HeaderValue;

    use super::*;

    fn bearer(token: &str) -> HeaderMap {
        let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        HeaderMap::from_iter([(AUTHORIZATION, value)])
    }

    struct Bench {
        issuer: Issuer,
        keys: Keys,
        revocations: Revocations,
        clock: Clock,
        tokens: Tokens,
    }

    impl Bench {
        fn new() -> Self {
            let issuer = Issuer::new();
            let keys = Keys::local(&serde_json::from_value(issuer.jwks()).unwrap());
            let revocations = Revocations::new();
            let clock = Clock::fixed(Clock::system().now());
            let config = config::Auth {
                jwks_url: "http://127.0.0.1:1/".parse().unwrap(),
                issuer: config::Auth::ISSUER.to_owned(),
                audience: config::Auth::AUDIENCE.to_owned(),
            };
            let authenticator = Authenticator::new(&config, keys.clone(), revocations.clone(), clock.clone());
            let tokens = Tokens::new(authenticator, revocations.clone(), clock.clone());
            Self {
                issuer,
                keys,
                revocations,
                clock,
                tokens,
            }
        }

        fn forget_keys(&self) {
            self.keys
                .replace(&serde_json::from_str(r#"{"keys": []}"#).unwrap());
        }

        async fn identify(&self, headers: &HeaderMap) -> Result<Arc<Identity>, Problem> {
            match self.tokens.known(headers) {
                Some(identity) => Ok(identity),
                None => self.tokens.verify(headers).await,
            }
        }

        async fn refusal(&self, headers: &HeaderMap) -> Option<&'static str> {
            self.identify(headers).await.err().map(|problem| problem.code())
        }
    }

    #[tokio::test]
    async fn a_known_token_is_not_verified_again() {
        let bench = Bench::new();
        let grant = Grant::new(&[]);
        let known = bearer(&bench.issuer.sign(&grant));
        let other = bearer(&bench.issuer.token(&[]));
        assert_eq!(bench.refusal(&known).await, None);
        bench.forget_keys();
        let identity = bench.identify(&known).await.unwrap();
        assert_eq!(identity.user_id, grant.user_id);
        assert_eq!(bench.refusal(&other).await, Some("auth.token_invalid"));
        let mut both = known.clone();
        both.append(AUTHORIZATION, other[AUTHORIZATION].clone());
        assert_eq!(bench.refusal(&both).await, Some("auth.token_invalid"));
    }

    #[tokio::test]
    async fn a_known_token_ends_with_its_time_and_its_session() {
        let bench = Bench::new();
        let grant = Grant::new(&[]);
        let (first, second) = (
            bearer(&bench.issuer.sign(&grant)),
            bearer(&bench.issuer.token(&[])),
        );
        assert_eq!(bench.refusal(&first).await, None);
        assert_eq!(bench.refusal(&second).await, None);
        bench.revocations.insert(grant.session_id, bench.clock.now());
        assert_eq!(bench.refusal(&first).await, Some("auth.session_revoked"));
        let third = Grant::new(&[]);
        let user = third.user_id;
        let third = bearer(&bench.issuer.sign(&third));
        assert_eq!(bench.refusal(&third).await, None);
        bench.revocations.insert_rights(user, 2, bench.clock.now());
        assert_eq!(bench.refusal(&third).await, Some("auth.rights_changed"));
        bench.clock.advance(Duration::seconds(899));
        assert_eq!(bench.refusal(&second).await, None);
        bench.clock.advance(Duration::seconds(32));
        assert_eq!(bench.refusal(&second).await, Some("auth.token_expired"));
    }
}
