//! From the `Authorization` header to the caller.

use std::sync::Arc;

use chrono::DateTime;
use http::HeaderMap;
use http::StatusCode;
use http::header::AUTHORIZATION;
use jsonwebtoken::{Algorithm, Validation};
use secrecy::SecretString;

use super::{Claims, Identity, Keys, Revocations};
use crate::Text;
use crate::cache::Redis;
use crate::clock::Clock;
use crate::config;
use crate::http::Problem;
use crate::service::Context;

/// Clocks of two machines may differ by this many seconds.
const LEEWAY_SECONDS: i64 = 30;
/// A longer token is not ours; parsing it would only cost time.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Verifies access tokens (RFC 6750, RFC 9068). Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authenticator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: Keys,
    revocations: Revocations,
    validation: Validation,
    clock: Clock,
}

impl Authenticator {
    /// Accepts tokens of the configured issuer and audience that one of `keys` signed and whose
    /// session has not been revoked.
    #[must_use]
    pub fn new(config: &config::Auth, keys: Keys, revocations: Revocations, clock: Clock) -> Self {
        // Naming the one algorithm shuts out `none` and the use of a public key as an HMAC secret.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&config.issuer]);
        validation.set_audience(&[&config.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Checked below against our own clock.
        validation.validate_exp = false;
        Self(Arc::new(Inner {
            keys,
            revocations,
            validation,
            clock,
        }))
    }

    /// The authenticator of a running service: keys that user-management publishes, and revoked
    /// sessions followed from Redis in the background.
    ///
    /// # Errors
    /// When no HTTP client can be made, for lack of CA certificates.
    pub fn of_service(
        config: &config::Auth,
        redis: &Redis,
        context: &Context,
    ) -> Result<Self, reqwest::Error> {
        let keys = Keys::remote(config.jwks_url.clone())?;
        let revocations = Revocations::new();
        let clock = context.clock.clone();
        let following = revocations
            .clone()
            .follow(redis.clone(), clock.clone(), context.shutdown.clone());
        context.spawn("revocations", following);
        Ok(Self::new(config, keys, revocations, clock))
    }

    /// The caller named by the `Authorization` header.
    ///
    /// # Errors
    /// 401 without a valid token, 503 when the keys cannot be had.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Identity, Problem> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Err(Problem::token_required());
        };
        if values.next().is_some() {
            return Err(invalid_token());
        }
        let value = value.to_str().map_err(|_| invalid_token())?;
        let (scheme, token) = value.split_once(' ').ok_or_else(invalid_token)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Problem::token_required());
        }
        self.verify(token.trim()).await
    }

    /// The caller named by a token.
    ///
    /// # Errors
    /// 401 when the token is not valid, 503 when the keys cannot be had.
    pub async fn verify(&self, token: &str) -> Result<Identity, Problem> {
        let inner = &self.0;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(invalid_token());
        }
        let header = jsonwebtoken::decode_header(token).map_err(|error| invalid_token().source(error))?;
        let is_access_token = header
            .typ
            .as_deref()
            .is_some_and(|typ| typ.eq_ignore_ascii_case("at+jwt"));
        if header.alg != Algorithm::EdDSA || !is_access_token {
            return Err(invalid_token());
        }
        let kid = header.kid.ok_or_else(invalid_token)?;
        let key = inner
            .keys
            .get(&kid)
            .await
            .map_err(|error| Problem::unavailable("user-management").source(error))?;
        let key = key.ok_or_else(invalid_token)?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &inner.validation)
            .map_err(|error| invalid_token().source(error))?
            .claims;
        let now = inner.clock.now();
        if claims.exp.saturating_add(LEEWAY_SECONDS) <= now.timestamp() {
            return Err(expired_token());
        }
        if inner.revocations.contains(claims.sid) {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "auth.session_revoked",
                Text::new("Сеанс завершён", "The session has ended"),
            ));
        }
        if inner.revocations.outdated(claims.sub, claims.pv) {
            return Err(outdated_rights());
        }
        Ok(Identity {
            user_id: claims.sub,
            session_id: claims.sid,
            role: claims.role,
            permissions: claims.perms,
            companies: claims.companies,
            authenticated_at: DateTime::from_timestamp(claims.auth_time, 0).unwrap_or_default(),
            methods: claims.amr,
            client_id: claims.client_id,
            infobases: claims.infobases,
            rights_version: claims.pv,
            expires_at: DateTime::from_timestamp(claims.exp, 0).unwrap_or(now),
            token: SecretString::from(token),
        })
    }
}

fn invalid_token() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "auth.token_invalid",
        Text::new("Недействительный токен", "Invalid token"),
    )
}

fn outdated_rights() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "auth.rights_changed",
        Text::new("Права изменились", "The rights have changed"),
    )
    .detail(Text::new(
        "Обновите токен через /auth/refresh: новый получит нынешние права.",
        "Refresh the token at /auth/refresh: the new one has the present rights.",
    ))
}

fn expired_token() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "auth.token_expired",
        Text::new("Срок действия токена истёк", "The token has expired"),
    )
    .detail(Text::new(
        "Обновите токен через /auth/refresh или войдите снова.",
        "Refresh the token at /auth/refresh or log in again.",
    ))
}
