//! Public keys that access tokens are verified with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use tokio::sync::Mutex;
use url::Url;

use crate::BoxError;
use crate::http::client;
use crate::telemetry::Chain;

/// An unknown key id makes us ask again, but no more often than this: forged tokens must not turn
/// into a load on user-management.
const MIN_REFRESH: Duration = Duration::from_secs(5);
/// The same while there are no keys yet: those who come meanwhile are told at once instead of waiting
/// one after another for a service that does not answer.
const MIN_RETRY: Duration = Duration::from_secs(1);

/// The keys could not be had from user-management.
#[derive(Debug, thiserror::Error)]
#[error("the token keys could not be loaded")]
pub struct KeysUnavailable(#[source] pub BoxError);

/// A set of keys by key id, kept up to date.
#[derive(Debug, Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    keys: ArcSwap<HashMap<String, DecodingKey>>,
    source: Option<Source>,
}

struct Source {
    url: Url,
    client: reqwest::Client,
    last_attempt: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("ids", &self.keys.load().keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// Keys published at `url` as a JWK set (RFC 7517), loaded when first needed.
    ///
    /// # Errors
    /// When no HTTP client can be made, for lack of CA certificates.
    pub fn remote(url: Url) -> Result<Self, reqwest::Error> {
        let client = client::builder().timeout(Duration::from_secs(5)).build()?;
        let source = Source {
            url,
            client,
            last_attempt: Mutex::new(None),
        };
        Ok(Self(Arc::new(Inner {
            keys: ArcSwap::default(),
            source: Some(source),
        })))
    }

    /// Keys that the caller holds, as user-management does; see [`Keys::replace`].
    #[must_use]
    pub fn local(set: &JwkSet) -> Self {
        Self(Arc::new(Inner {
            keys: ArcSwap::from_pointee(decoding_keys(set)),
            source: None,
        }))
    }

    /// Puts another set in place.
    pub fn replace(&self, set: &JwkSet) {
        self.0.keys.store(Arc::new(decoding_keys(set)));
    }

    /// The key of that id; asks the source once more when the id is unknown.
    ///
    /// # Errors
    /// When the source does not answer.
    pub async fn get(&self, kid: &str) -> Result<Option<DecodingKey>, KeysUnavailable> {
        if let Some(key) = self.0.keys.load().get(kid) {
            return Ok(Some(key.clone()));
        }
        let Some(source) = &self.0.source else {
            return Ok(None);
        };
        // Callers that meet the same unknown key wait here for one request instead of sending many.
        let mut last_attempt = source.last_attempt.lock().await;
        if let Some(key) = self.0.keys.load().get(kid) {
            return Ok(Some(key.clone()));
        }
        let since = last_attempt.map(|at| at.elapsed());
        if self.0.keys.load().is_empty() {
            if since.is_some_and(|since| since < MIN_RETRY) {
                return Err(KeysUnavailable("the last attempt has just failed".into()));
            }
        } else if since.is_some_and(|since| since < MIN_REFRESH) {
            return Ok(None);
        }
        let fetched = fetch(source).await;
        // When it ended: an attempt may take longer than the pause after it.
        *last_attempt = Some(Instant::now());
        let set = fetched.map_err(|error| {
            tracing::warn!(error = %Chain(error.as_ref()), "the token keys could not be loaded from {}", source.url);
            KeysUnavailable(error)
        })?;
        self.replace(&set);
        Ok(self.0.keys.load().get(kid).cloned())
    }
}

async fn fetch(source: &Source) -> Result<JwkSet, BoxError> {
    let response = client::send(source.client.get(source.url.clone()))
        .await?
        .error_for_status()?;
    Ok(response.json::<JwkSet>().await?)
}

/// Keys of other kinds are left out: only EdDSA is accepted.
fn decoding_keys(set: &JwkSet) -> HashMap<String, DecodingKey> {
    set.keys
        .iter()
        .filter_map(|jwk| {
            let kid = jwk.common.key_id.clone()?;
            let jsonwebtoken::jwk::AlgorithmParameters::OctetKeyPair(_) = &jwk.algorithm else {
                return None;
            };
            Some((kid, DecodingKey::from_jwk(jwk).ok()?))
        })
        .collect()
}
