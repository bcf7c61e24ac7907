//! user-management, asked to end sessions and to require a new password.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use common::BoxError;
use common::config::Reader;
use common::http::client;
use http::StatusCode;
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::Url;
use uuid::Uuid;

/// A response must not hold the next one up for long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The service account by which responses act.
#[derive(Debug, Clone)]
pub(crate) struct IdentitySettings {
    /// `RESPONSE_IDENTITY_URL`: where user-management is; the origin of `JWKS_URL` by default.
    url: Url,
    /// `RESPONSE_CLIENT_ID`: a service account with the permission `users:admin` for all companies.
    client_id: String,
    /// `RESPONSE_CLIENT_SECRET`.
    client_secret: SecretString,
}

impl IdentitySettings {
    /// Reads the settings; the inner `None` when there is no account.
    #[expect(
        clippy::option_option,
        reason = "the outer one tells of a mistake, as everywhere in settings"
    )]
    pub(crate) fn read(reader: &mut Reader) -> Option<Option<Self>> {
        let client_id = reader.optional::<String>("RESPONSE_CLIENT_ID");
        let client_secret = reader.secret("RESPONSE_CLIENT_SECRET");
        let own = reader.optional::<Url>("RESPONSE_IDENTITY_URL")?;
        let jwks = reader.optional::<Url>("JWKS_URL")?;
        match (client_id?, client_secret, own.or(jwks)) {
            (None, None, _) => Some(None),
            (Some(client_id), Some(client_secret), Some(url)) => {
                let url = url.join("/").ok()?;
                Some(Some(Self {
                    url,
                    client_id,
                    client_secret,
                }))
            }
            _ => {
                reader.invalid("RESPONSE_CLIENT_SECRET", "and RESPONSE_CLIENT_ID need each other");
                None
            }
        }
    }
}

/// user-management could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// It may answer later.
    #[error("user-management cannot be asked now")]
    NotNow(#[source] BoxError),
    /// It will always refuse.
    #[error("user-management refuses: {0}")]
    Refused(StatusCode),
}

impl From<reqwest::Error> for IdentityError {
    fn from(error: reqwest::Error) -> Self {
        Self::NotNow(error.into())
    }
}

/// A client of user-management with a token of its own.
#[derive(Debug)]
pub(crate) struct IdentityService {
    settings: IdentitySettings,
    client: Client,
    token: Mutex<Option<(SecretString, Instant)>>,
}

#[derive(Deserialize)]
struct Token {
    access_token: SecretString,
    expires_in: u64,
}

impl IdentityService {
    pub(crate) fn new(settings: IdentitySettings) -> Result<Self, BoxError> {
        Ok(Self {
            settings,
            client: client::builder().timeout(PATIENCE).build()?,
            token: Mutex::default(),
        })
    }

    /// Ends all sessions of a user.
    pub(crate) async fn revoke_sessions(&self, user: Uuid) -> Result<(), IdentityError> {
        self.call(|service| {
            Ok(service
                .client
                .delete(service.at(&format!("users/{user}/sessions"))?))
        })
        .await
    }

    /// Requires a new password of a user, or no longer; the sessions end with it.
    pub(crate) async fn require_new_password(&self, user: Uuid, must: bool) -> Result<(), IdentityError> {
        self.call(|service| {
            let request = service.client.patch(service.at(&format!("users/{user}"))?);
            Ok(request.json(&json!({ "must_change_password": must })))
        })
        .await
    }

    fn at(&self, path: &str) -> Result<Url, IdentityError> {
        let url = self.settings.url.join(path);
        url.map_err(|error| IdentityError::NotNow(error.into()))
    }

    async fn call(
        &self,
        request: impl Fn(&Self) -> Result<RequestBuilder, IdentityError> + Send + Sync,
    ) -> Result<(), IdentityError> {
        for attempt in 0..2 {
            let token = self.token().await?;
            let answer = client::send(request(self)?.bearer_auth(token.expose_secret())).await?;
            let status = answer.status();
            if status == StatusCode::UNAUTHORIZED && attempt == 0 {
                // Its rights or its secret were changed; a new token may do.
                *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
                continue;
            }
            // Whoever does not exist any more has no sessions.
            return if status.is_success() || status == StatusCode::NOT_FOUND {
                Ok(())
            } else if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                Err(IdentityError::NotNow(format!("status {status}").into()))
            } else {
                Err(IdentityError::Refused(status))
            };
        }
        Err(IdentityError::Refused(StatusCode::UNAUTHORIZED))
    }

    async fn token(&self) -> Result<SecretString, IdentityError> {
        let known = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((token, until)) = known
            && until > Instant::now()
        {
            return Ok(token);
        }
        let secret = self.settings.client_secret.expose_secret();
        let request = self
            .client
            .post(self.at("oauth2/token")?)
            .basic_auth(&self.settings.client_id, Some(secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        let answer = client::send(request).await?;
        if answer.status().is_client_error() {
            return Err(IdentityError::Refused(answer.status()));
        }
        let token: Token = answer.error_for_status()?.json().await?;
        let until = Instant::now() + Duration::from_secs(token.expires_in.saturating_sub(30));
        let known = Some((token.access_token.clone(), until));
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(token.access_token)
    }
}
