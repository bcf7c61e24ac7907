//! Logging in with a token of a Supabase project.
//!
//! A token that the project's published keys verify is trusted by itself. One that it signed with
//! its shared secret is shown to the project, and so is the first one of every person: only the
//! project can say whether the address is theirs, for people may write `user_metadata` themselves.

use chrono::{DateTime, Utc};
use common::BoxError;
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use url::Url;

use super::discovery::KeySet;
use super::error::FederationError;
use super::id_token::{self, Expected};
use super::person::{Person, subject_of};
use super::settings::{Rules, SUPABASE, SupabaseSettings};
use super::wire::{self, CallError, Request};
use crate::account::PersonName;
use crate::jws::{Header, JwsError};

/// A project.
#[derive(Debug)]
pub(crate) struct Supabase {
    key: SecretString,
    rules: Rules,
    client: Client,
    issuer: String,
    jwks_url: Url,
    user_url: Url,
    keys: KeySet,
}

/// What `aud` and `role` of a person's token are; the `anon` key has another role.
const AUTHENTICATED: &str = "authenticated";

impl Supabase {
    pub(super) fn new(settings: SupabaseSettings) -> Result<Self, BoxError> {
        let client = wire::new_client()?;
        let issuer = format!("{}/auth/v1", settings.url.as_str().trim_end_matches('/'));
        Ok(Self {
            jwks_url: format!("{issuer}/.well-known/jwks.json").parse()?,
            user_url: format!("{issuer}/user").parse()?,
            keys: KeySet::new(SUPABASE, client.clone()),
            issuer,
            client,
            key: settings.key,
            rules: settings.rules,
        })
    }

    /// The id under which identities are kept.
    pub(crate) fn id(&self) -> &'static str {
        SUPABASE
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    fn unavailable(source: impl Into<BoxError>) -> FederationError {
        FederationError::Unavailable {
            provider: SUPABASE.to_owned(),
            source: source.into(),
        }
    }

    fn untrusted(source: impl Into<BoxError>) -> FederationError {
        FederationError::Untrusted {
            provider: SUPABASE.to_owned(),
            source: source.into(),
        }
    }

    /// Whose token it is, as far as the token itself tells; `None` when only the project can tell.
    pub(crate) async fn by_token(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Person>, FederationError> {
        let header = match Header::read(token) {
            Ok(header) => header,
            // Signed with the project's shared secret, which we do not have.
            Err(JwsError::Algorithm) => return Ok(None),
            Err(error) => return Err(Self::untrusted(error)),
        };
        let keys = self.keys.get(&self.jwks_url, header.kid.as_deref(), now).await;
        let keys = keys.map_err(Self::unavailable)?;
        let expected = Expected {
            issuer: &self.issuer,
            audience: AUTHENTICATED,
            nonce: None,
        };
        let claims = id_token::verify(token, &header, &keys, expected, now).map_err(Self::untrusted)?;
        if claims.get("role").and_then(Value::as_str) != Some(AUTHENTICATED) {
            return Err(Self::untrusted("the token is not a person's"));
        }
        self.describe(&claims, "sub", false).map(Some)
    }

    /// Whose token it is, as the project says.
    pub(crate) async fn by_project(&self, token: &str) -> Result<Person, FederationError> {
        let request = self
            .client
            .get(self.user_url.clone())
            .header("apikey", self.key.expose_secret())
            .bearer_auth(token);
        let answer = wire::call::<Map<String, Value>>(SUPABASE, Request::Userinfo, request).await;
        let user = answer.map_err(|error| match error {
            CallError::Status(status, _) if status.is_client_error() => {
                Self::untrusted(format!("the project refuses the token with status {status}"))
            }
            error => Self::unavailable(error),
        })?;
        if user.get("aud").and_then(Value::as_str) != Some(AUTHENTICATED) {
            return Err(Self::untrusted("the token is not a person's"));
        }
        let confirmed = user.get("email_confirmed_at").is_some_and(Value::is_string);
        self.describe(&user, "id", confirmed)
    }

    fn describe(
        &self,
        claims: &Map<String, Value>,
        subject: &str,
        confirmed: bool,
    ) -> Result<Person, FederationError> {
        if claims.get("is_anonymous").and_then(Value::as_bool) == Some(true) {
            return Err(Self::untrusted("the person is anonymous"));
        }
        let subject = claims.get(subject).and_then(subject_of);
        let subject = subject.ok_or_else(|| Self::untrusted("the token names nobody"))?;
        let email = claims.get("email").and_then(Value::as_str);
        let email = email.and_then(|email| email.parse().ok());
        let metadata = claims.get("user_metadata").and_then(Value::as_object);
        let name = |member: &str| {
            metadata
                .and_then(|metadata| metadata.get(member))
                .and_then(Value::as_str)
        };
        let name = name("full_name").or_else(|| name("name"));
        let mut claims = claims.clone();
        // Rules about roles must not go by what people write themselves.
        claims.remove("user_metadata");
        Ok(Person {
            issuer: self.issuer.clone(),
            subject,
            email_verified: email.is_some() && (confirmed || self.rules.trust_email),
            email,
            name: name.and_then(|name| PersonName::parse(name).ok()),
            claims,
        })
    }
}
