//! user-management, asked for the keys that schedules run with.
//!
//! A schedule runs when nobody is there, so it has an API key of its owner's: the owner sees it among
//! the own keys and may revoke it, and it never allows more than the owner may do at that moment.

use std::time::Duration;

use ::http::StatusCode;
use common::BoxError;
use common::auth::Permission;
use common::http::client;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::onec::OnecError;

/// Days that a key lives: as long as user-management allows.
const DAYS: i64 = 366;

/// Why there is no key, or no token for it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsersError {
    /// It did not answer, or with something that is not its contract.
    #[error("user-management does not answer")]
    Unavailable(#[source] BoxError),
    /// It refused, with a problem that is passed on.
    #[error("user-management refused")]
    Refused(#[source] OnecError),
}

/// A key as it is made.
#[derive(Debug, Deserialize)]
pub(crate) struct NewKey {
    pub(crate) id: Uuid,
    pub(crate) key: SecretString,
}

#[derive(Deserialize)]
struct Token {
    access_token: SecretString,
}

/// A client of user-management. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Users {
    base: Url,
    client: reqwest::Client,
}

impl Users {
    pub(crate) fn new(base: Url) -> reqwest::Result<Self> {
        let client = client::builder().timeout(Duration::from_secs(15)).build()?;
        Ok(Self { base, client })
    }

    /// Makes a key of the caller's. user-management may want the caller to log in again first.
    ///
    /// # Errors
    /// When it does not answer or refuses.
    pub(crate) async fn create_key(
        &self,
        token: &SecretString,
        name: &str,
        permissions: &[Permission],
    ) -> Result<NewKey, UsersError> {
        let permissions: Vec<&str> = permissions.iter().map(|one| one.as_str()).collect();
        let body = json!({ "name": name, "permissions": permissions, "expires_in_days": DAYS });
        let request = self.client.post(self.url("api-keys")).json(&body);
        let answer = self.send(request.bearer_auth(token.expose_secret())).await?;
        answer.json().await.map_err(unavailable)
    }

    /// Ends a key of the caller's; one that has ended already is as good.
    ///
    /// # Errors
    /// As [`Self::create_key`].
    pub(crate) async fn revoke_key(&self, token: &SecretString, id: Uuid) -> Result<(), UsersError> {
        let request = self.client.delete(self.url(&format!("api-keys/{id}")));
        match self.send(request.bearer_auth(token.expose_secret())).await {
            Ok(_) => Ok(()),
            Err(UsersError::Refused(OnecError::Refused { status, .. }))
                if status == StatusCode::NOT_FOUND =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// A token for a key: what the key and its owner may do now.
    ///
    /// # Errors
    /// As [`Self::create_key`]; refused when the key has ended or its owner may not log in.
    pub(crate) async fn exchange(&self, key: &SecretString) -> Result<SecretString, UsersError> {
        let body = json!({ "api_key": key.expose_secret() });
        let request = self.client.post(self.url("auth/api-keys/token")).json(&body);
        let token: Token = self.send(request).await?.json().await.map_err(unavailable)?;
        Ok(token.access_token)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base.as_str().trim_end_matches('/'))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, UsersError> {
        let response = client::send(request).await.map_err(unavailable)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = response.headers().get(::http::header::RETRY_AFTER).cloned();
        let problem: Value = response.json().await.map_err(unavailable)?;
        if problem["code"].is_string() && !status.is_server_error() {
            Err(UsersError::Refused(OnecError::Refused {
                status,
                retry_after,
                problem,
            }))
        } else {
            Err(UsersError::Unavailable(format!("an answer with {status}").into()))
        }
    }
}

fn unavailable(error: reqwest::Error) -> UsersError {
    UsersError::Unavailable(error.without_url().into())
}
