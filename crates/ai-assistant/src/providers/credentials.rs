//! How requests to a provider are signed.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use common::clock::Clock;
use common::http::client;
use common::ids;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::{Failure, ProviderError, failure};

/// A token is renewed so long before it ends.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

/// How requests are signed.
#[derive(Debug)]
pub(super) enum Credentials {
    /// Not at all.
    None,
    /// `Authorization: <scheme> <key>`, such as `Bearer` or Yandex's `Api-Key`.
    Authorization(&'static str, SecretString),
    /// `x-api-key`, with the version that Anthropic wants.
    Anthropic(Option<SecretString>, http::HeaderValue),
    /// A short-lived token that a key is exchanged for.
    Exchange(Box<Exchange>),
}

impl Credentials {
    pub(super) async fn sign(
        &self,
        request: reqwest::RequestBuilder,
        http: &reqwest::Client,
    ) -> Result<reqwest::RequestBuilder, ProviderError> {
        Ok(match self {
            Self::None => request,
            Self::Authorization(scheme, key) => {
                request.header("authorization", format!("{scheme} {}", key.expose_secret()))
            }
            Self::Anthropic(key, version) => {
                let request = request.header("anthropic-version", version);
                match key {
                    Some(key) => request.header("x-api-key", key.expose_secret()),
                    None => request,
                }
            }
            Self::Exchange(exchange) => request.bearer_auth(exchange.token(http).await?.expose_secret()),
        })
    }

    /// The provider refused them: a token that is kept is got anew. True when there was one.
    pub(super) fn forget(&self) -> bool {
        match self {
            Self::None | Self::Authorization(..) | Self::Anthropic(..) => false,
            Self::Exchange(exchange) => exchange.forget(),
        }
    }
}

/// GigaChat's exchange of a key for a token of half an hour.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) url: Url,
    pub(super) key: SecretString,
    /// `GIGACHAT_API_PERS`, `GIGACHAT_API_B2B` or `GIGACHAT_API_CORP`.
    pub(super) scope: String,
    pub(super) clock: Clock,
    pub(super) kept: Mutex<Option<(SecretString, DateTime<Utc>)>>,
    /// One exchange at a time.
    pub(super) turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    access_token: SecretString,
    /// Milliseconds since 1970.
    expires_at: i64,
}

impl Exchange {
    fn fresh(&self) -> Option<SecretString> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (token, until) = kept.as_ref()?;
        (self.clock.now() + MARGIN < *until).then(|| token.clone())
    }

    fn forget(&self) -> bool {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .is_some()
    }

    async fn token(&self, http: &reqwest::Client) -> Result<SecretString, ProviderError> {
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        let _turn = self.turn.lock().await;
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        let request = http
            .post(self.url.clone())
            .header("authorization", format!("Basic {}", self.key.expose_secret()))
            .header("rquid", ids::new_id().to_string())
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("scope={}", self.scope));
        let response = client::send(request).await.map_err(ProviderError::unreachable)?;
        if !response.status().is_success() {
            return Err(failure::of_response(response, self.clock.now()).await);
        }
        let answer: Answer = response
            .json()
            .await
            .map_err(|error| ProviderError::because(Failure::Malformed, error.without_url()))?;
        let until = DateTime::from_timestamp_millis(answer.expires_at).unwrap_or(DateTime::UNIX_EPOCH);
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((answer.access_token.clone(), until));
        Ok(answer.access_token)
    }
}
