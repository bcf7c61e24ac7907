//! What a provider publishes of itself: its addresses and its keys, kept for a while.

use chrono::{DateTime, Duration, Utc};
use common::BoxError;
use jsonwebtoken::jwk::Jwk;
use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::settings::check_url;
use super::wire::{self, Request};

/// How long the document and the keys count before they are asked for again.
const FRESH_FOR: Duration = Duration::hours(1);
/// How long they still count while the provider does not answer.
const USABLE_FOR: Duration = Duration::hours(24);
/// A provider that failed, or a key that nobody knows, is not asked about more often than this.
const MIN_RETRY: Duration = Duration::seconds(5);

/// The part of the discovery document that we use (OpenID Connect Discovery 1.0, section 3).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    pub(super) userinfo_endpoint: Option<Url>,
    jwks_uri: Url,
    #[serde(default)]
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(super) code_challenge_methods_supported: Option<Vec<String>>,
    /// RFC 9207: the provider always names itself in the callback.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// Something that a provider publishes, with the time of asking.
#[derive(Debug)]
struct Kept<T> {
    value: Option<(T, DateTime<Utc>)>,
    failed_at: Option<DateTime<Utc>>,
}

/// The failure of the moment before, which is not tried out again.
#[derive(Debug, thiserror::Error)]
#[error("the provider failed a moment ago")]
struct FailedJustNow;

/// Something published at an address. One request at a time asks for it; the others wait for that.
#[derive(Debug)]
struct Source<T>(Mutex<Kept<T>>);

impl<T: Clone> Source<T> {
    fn new() -> Self {
        Self(Mutex::new(Kept {
            value: None,
            failed_at: None,
        }))
    }

    /// The value, asked for anew when it is older than `fresh_for`.
    async fn get(
        &self,
        fresh_for: Duration,
        now: DateTime<Utc>,
        ask: impl AsyncFnOnce() -> Result<T, BoxError>,
    ) -> Result<T, BoxError> {
        let mut kept = self.0.lock().await;
        if let Some((value, at)) = &kept.value
            && now - *at < fresh_for
        {
            return Ok(value.clone());
        }
        let failure: BoxError = if kept.failed_at.is_some_and(|at| now - at < MIN_RETRY) {
            FailedJustNow.into()
        } else {
            match ask().await {
                Ok(value) => {
                    kept.value = Some((value.clone(), now));
                    kept.failed_at = None;
                    return Ok(value);
                }
                Err(error) => {
                    kept.failed_at = Some(now);
                    error
                }
            }
        };
        match &kept.value {
            Some((value, at)) if now - *at < USABLE_FOR => Ok(value.clone()),
            _ => Err(failure),
        }
    }
}

/// What OpenID Connect providers publish.
#[derive(Debug)]
pub(super) struct Discovery {
    provider: String,
    issuer: String,
    client: Client,
    metadata: Source<Metadata>,
    keys: KeySet,
}

impl Discovery {
    pub(super) fn new(provider: &str, issuer: &str, client: Client) -> Self {
        Self {
            provider: provider.to_owned(),
            issuer: issuer.to_owned(),
            keys: KeySet::new(provider, client.clone()),
            client,
            metadata: Source::new(),
        }
    }

    /// The document.
    pub(super) async fn metadata(&self, now: DateTime<Utc>) -> Result<Metadata, BoxError> {
        self.metadata
            .get(FRESH_FOR, now, async || self.fetch().await)
            .await
    }

    async fn fetch(&self) -> Result<Metadata, BoxError> {
        let url = format!(
            "{}/.well-known/openid-configuration",
            self.issuer.trim_end_matches('/')
        );
        let metadata: Metadata = wire::call(&self.provider, Request::Discovery, self.client.get(url)).await?;
        // Another issuer's document would let it speak for people of this one.
        if metadata.issuer != self.issuer {
            return Err(format!(
                "the discovery document is of the issuer `{}`, not of `{}`",
                metadata.issuer, self.issuer
            )
            .into());
        }
        let own_machine = self.issuer.starts_with("http://");
        let addresses = [
            Some(&metadata.authorization_endpoint),
            Some(&metadata.token_endpoint),
            metadata.userinfo_endpoint.as_ref(),
            Some(&metadata.jwks_uri),
        ];
        for address in addresses.into_iter().flatten() {
            check_url(address, !own_machine).map_err(|wrong| format!("`{address}` {wrong}"))?;
        }
        let methods = metadata.code_challenge_methods_supported.as_ref();
        if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
            return Err("the provider knows PKCE, but not S256".into());
        }
        Ok(metadata)
    }

    /// The keys that may have signed something with that `kid`.
    pub(super) async fn keys(&self, kid: Option<&str>, now: DateTime<Utc>) -> Result<Vec<Jwk>, BoxError> {
        let metadata = self.metadata(now).await?;
        self.keys.get(&metadata.jwks_uri, kid, now).await
    }
}

/// The keys published at an address (RFC 7517).
#[derive(Debug)]
pub(crate) struct KeySet {
    provider: String,
    client: Client,
    keys: Source<Vec<Jwk>>,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

impl KeySet {
    pub(crate) fn new(provider: &str, client: Client) -> Self {
        Self {
            provider: provider.to_owned(),
            client,
            keys: Source::new(),
        }
    }

    /// The keys that may have signed something with that `kid`: those of the id, or all that have
    /// none. An unknown id makes us ask again, within limits.
    pub(crate) async fn get(
        &self,
        url: &Url,
        kid: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Jwk>, BoxError> {
        let fitting = |keys: Vec<Jwk>| -> Vec<Jwk> {
            let fits = |jwk: &Jwk| kid.is_none() || jwk.common.key_id.as_deref() == kid;
            keys.into_iter().filter(fits).collect()
        };
        let known = fitting(
            self.keys
                .get(FRESH_FOR, now, async || self.fetch(url).await)
                .await?,
        );
        if !known.is_empty() {
            return Ok(known);
        }
        Ok(fitting(
            self.keys
                .get(MIN_RETRY, now, async || self.fetch(url).await)
                .await?,
        ))
    }

    async fn fetch(&self, url: &Url) -> Result<Vec<Jwk>, BoxError> {
        let set: Set = wire::call(&self.provider, Request::Keys, self.client.get(url.clone())).await?;
        // A key of a kind that we do not know must not make the others unusable.
        Ok(set
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value(key).ok())
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn what_was_asked_for_is_kept_and_outlives_a_failure() {
        let source = Source::<u32>::new();
        let asked = AtomicU32::new(0);
        let at = |minutes| DateTime::UNIX_EPOCH + Duration::minutes(minutes);
        let well = async || Ok::<u32, BoxError>(asked.fetch_add(1, Ordering::Relaxed));
        let ill = async || {
            asked.fetch_add(1, Ordering::Relaxed);
            Err::<u32, BoxError>("down".into())
        };
        assert!(source.get(FRESH_FOR, at(0), ill).await.is_err());
        assert!(
            source.get(FRESH_FOR, at(0), well).await.is_err(),
            "too soon to ask again"
        );
        assert_eq!(source.get(FRESH_FOR, at(1), well).await.unwrap(), 1);
        assert_eq!(source.get(FRESH_FOR, at(59), well).await.unwrap(), 1);
        assert_eq!(
            source.get(FRESH_FOR, at(90), ill).await.unwrap(),
            1,
            "the former value"
        );
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        assert!(
            source.get(FRESH_FOR, at(2 + 24 * 60), ill).await.is_err(),
            "a day is too long"
        );
        assert_eq!(source.get(FRESH_FOR, at(3 + 24 * 60), well).await.unwrap(), 4);
    }
}
