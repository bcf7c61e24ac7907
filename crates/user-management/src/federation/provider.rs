//! One provider, and one login at it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use common::BoxError;
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::attempt::Attempt;
use super::discovery::{Discovery, Metadata};
use super::error::FederationError;
use super::id_token::{self, Expected};
use super::person::{Person, claim, subject_of};
use super::settings::{ClientAuth, OAuth2Settings, ProviderSettings, Rules, UserinfoBy};
use super::wire::{self, CallError, Request};
use crate::account::PersonName;
use crate::jws::Header;

/// A provider and what is known of it.
#[derive(Debug)]
pub(crate) struct Provider {
    settings: ProviderSettings,
    client: Client,
    discovery: Discovery,
    redirect_uri: String,
}

/// What the token endpoint answers.
#[derive(Deserialize)]
struct Tokens {
    access_token: SecretString,
    id_token: Option<String>,
}

/// Why a token endpoint refuses (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// The parameters with which a browser comes back.
pub(crate) type Callback = BTreeMap<String, String>;

impl Provider {
    pub(super) fn new(settings: ProviderSettings, public_url: Option<&Url>) -> Result<Self, BoxError> {
        let public_url = public_url.ok_or("PUBLIC_URL is not set, but identity providers are")?;
        let client = wire::new_client()?;
        Ok(Self {
            discovery: Discovery::new(&settings.id, &settings.issuer, client.clone()),
            redirect_uri: format!(
                "{}/api/users/auth/oidc/{}/callback",
                public_url.as_str().trim_end_matches('/'),
                settings.id
            ),
            client,
            settings,
        })
    }

    pub(crate) fn id(&self) -> &str {
        &self.settings.id
    }

    pub(crate) fn title(&self) -> &str {
        &self.settings.title
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.settings.rules
    }

    fn unavailable(&self, source: impl Into<BoxError>) -> FederationError {
        FederationError::Unavailable {
            provider: self.settings.id.clone(),
            source: source.into(),
        }
    }

    fn untrusted(&self, source: impl Into<BoxError>) -> FederationError {
        FederationError::Untrusted {
            provider: self.settings.id.clone(),
            source: source.into(),
        }
    }

    /// Where to send the browser.
    pub(crate) async fn authorization_url(
        &self,
        attempt: &Attempt,
        now: DateTime<Utc>,
    ) -> Result<Url, FederationError> {
        let mut url = match &self.settings.oauth2 {
            Some(oauth2) => oauth2.authorization_endpoint.clone(),
            None => self.metadata(now).await?.authorization_endpoint,
        };
        let challenge = attempt.challenge();
        let scope = self.settings.scopes.join(" ");
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("state", &attempt.state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if !scope.is_empty() {
            query.append_pair("scope", &scope);
        }
        if self.settings.oauth2.is_none() {
            query.append_pair("nonce", &attempt.nonce);
        }
        query.extend_pairs(&self.settings.authorization_params);
        drop(query);
        Ok(url)
    }

    async fn metadata(&self, now: DateTime<Utc>) -> Result<Metadata, FederationError> {
        self.discovery
            .metadata(now)
            .await
            .map_err(|error| self.unavailable(error))
    }

    /// Who it is that comes back. The attempt is the browser's own: state and cookie fit.
    pub(crate) async fn person(
        &self,
        attempt: &Attempt,
        callback: &Callback,
        now: DateTime<Utc>,
    ) -> Result<Person, FederationError> {
        match &self.settings.oauth2 {
            Some(oauth2) => self.person_by_oauth2(oauth2, attempt, callback).await,
            None => self.person_by_openid(attempt, callback, now).await,
        }
    }

    async fn person_by_openid(
        &self,
        attempt: &Attempt,
        callback: &Callback,
        now: DateTime<Utc>,
    ) -> Result<Person, FederationError> {
        let metadata = self.metadata(now).await?;
        // Which provider answers: a code of one must not be sent to another (RFC 9207).
        let issuer = callback.get("iss");
        let must_say = metadata.authorization_response_iss_parameter_supported;
        if issuer.is_some_and(|issuer| *issuer != self.settings.issuer) || (must_say && issuer.is_none()) {
            return Err(self.untrusted("the callback names another issuer, or none"));
        }
        let auth = self
            .settings
            .client_auth
            .unwrap_or_else(|| preferred_auth(&metadata));
        let code = code_of(callback)?;
        let tokens = self
            .exchange(&metadata.token_endpoint, auth, attempt, code, &[])
            .await?;
        let id_token = tokens.id_token.as_deref();
        let id_token = id_token.ok_or_else(|| self.untrusted("there is no ID token"))?;
        let header = Header::read(id_token).map_err(|error| self.untrusted(error))?;
        let keys = self.discovery.keys(header.kid.as_deref(), now).await;
        let keys = keys.map_err(|error| self.unavailable(error))?;
        let expected = Expected {
            issuer: &self.settings.issuer,
            audience: &self.settings.client_id,
            nonce: Some(&attempt.nonce),
        };
        let access_token = tokens.access_token.expose_secret();
        let claims = id_token::verify(id_token, &header, &keys, expected, now)
            .and_then(|claims| {
                id_token::check_access_token(&claims, &header, access_token)?;
                Ok(claims)
            })
            .map_err(|error| self.untrusted(error))?;
        let claims = match &metadata.userinfo_endpoint {
            Some(endpoint) if self.lacks_something(&claims) => {
                let request = self.client.get(endpoint.clone()).bearer_auth(access_token);
                self.completed(claims, request).await?
            }
            _ => claims,
        };
        self.describe(claims, "sub", "email", &["name".to_owned()])
    }

    /// True when the userinfo endpoint may know more of what we look for.
    fn lacks_something(&self, claims: &Map<String, Value>) -> bool {
        let rules = self.settings.rules.roles.iter();
        let mut looked_for = ["email", "email_verified", "name"]
            .into_iter()
            .chain(rules.map(|rule| rule.claim.as_str()));
        looked_for.any(|name| claim(claims, name).is_none())
    }

    /// The claims of the ID token, and what the userinfo endpoint adds to them.
    async fn completed(
        &self,
        claims: Map<String, Value>,
        request: RequestBuilder,
    ) -> Result<Map<String, Value>, FederationError> {
        let answer = wire::call::<Map<String, Value>>(self.id(), Request::Userinfo, request).await;
        let mut more = answer.map_err(|error| self.unavailable(error))?;
        // Otherwise it may be about somebody else (OpenID Connect Core, section 5.3.2).
        if more.get("sub") != claims.get("sub") {
            return Err(self.untrusted("the userinfo endpoint speaks of another subject"));
        }
        // What was signed counts more. An address and the word for it belong together.
        if claims.contains_key("email") && more.get("email") != claims.get("email") {
            more.remove("email_verified");
        }
        more.extend(claims);
        Ok(more)
    }

    async fn person_by_oauth2(
        &self,
        oauth2: &OAuth2Settings,
        attempt: &Attempt,
        callback: &Callback,
    ) -> Result<Person, FederationError> {
        let passed_on: Vec<(&str, &str)> = oauth2
            .callback_params
            .iter()
            .filter_map(|name| Some((name.as_str(), callback.get(name)?.as_str())))
            .collect();
        let auth = self.settings.client_auth.unwrap_or(ClientAuth::Post);
        let code = code_of(callback)?;
        let tokens = self
            .exchange(&oauth2.token_endpoint, auth, attempt, code, &passed_on)
            .await?;
        let (token, endpoint) = (
            tokens.access_token.expose_secret(),
            oauth2.userinfo_endpoint.clone(),
        );
        let request = match oauth2.userinfo {
            UserinfoBy::Bearer => self.client.get(endpoint).bearer_auth(token),
            UserinfoBy::OauthHeader => self
                .client
                .get(endpoint)
                .header("authorization", format!("OAuth {token}")),
            UserinfoBy::Form => {
                let pairs = [("access_token", token), ("client_id", &self.settings.client_id)];
                wire::form(self.client.post(endpoint), &pairs)
            }
        };
        let answer = wire::call::<Map<String, Value>>(self.id(), Request::Userinfo, request).await;
        let claims = answer.map_err(|error| self.unavailable(error))?;
        self.describe(
            claims,
            &oauth2.subject,
            oauth2.email.as_deref().unwrap_or("email"),
            &oauth2.name,
        )
    }

    /// Changes the code for tokens (RFC 6749, section 4.1.3).
    async fn exchange(
        &self,
        endpoint: &Url,
        auth: ClientAuth,
        attempt: &Attempt,
        code: &str,
        more: &[(&str, &str)],
    ) -> Result<Tokens, FederationError> {
        let client_id = self.settings.client_id.as_str();
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", &attempt.verifier),
        ];
        pairs.extend_from_slice(more);
        let mut request = self.client.post(endpoint.clone());
        match (&self.settings.client_secret, auth) {
            (Some(secret), ClientAuth::Basic) => {
                let credentials = format!("{}:{}", encoded(client_id), encoded(secret.expose_secret()));
                request = request.header("authorization", format!("Basic {}", STANDARD.encode(credentials)));
            }
            (Some(secret), ClientAuth::Post) => {
                pairs.extend([
                    ("client_id", client_id),
                    ("client_secret", secret.expose_secret()),
                ]);
            }
            (None, _) => pairs.push(("client_id", client_id)),
        }
        let answer = wire::call::<Value>(self.id(), Request::Token, wire::form(request, &pairs)).await;
        let answer = match answer {
            Err(CallError::Status(status, body)) => {
                return Err(match serde_json::from_slice::<Refusal>(&body) {
                    // The code is old, used, or was never meant for us.
                    Ok(refusal) if refusal.error == "invalid_grant" => {
                        FederationError::Refused(refusal.error)
                    }
                    Ok(refusal) => self.unavailable(format!("the token endpoint refuses: {}", refusal.error)),
                    Err(_) => self.unavailable(CallError::Status(status, Vec::new())),
                });
            }
            Err(error) => return Err(self.unavailable(error)),
            Ok(answer) => answer,
        };
        // Some providers refuse with status 200.
        if let Some(error) = answer.get("error").and_then(Value::as_str) {
            return Err(FederationError::Refused(error.to_owned()));
        }
        serde_json::from_value(answer)
            .map_err(|_| self.unavailable("the token endpoint gave no access token"))
    }

    fn describe(
        &self,
        claims: Map<String, Value>,
        subject: &str,
        email: &str,
        name: &[String],
    ) -> Result<Person, FederationError> {
        let subject = claim(&claims, subject).and_then(subject_of);
        let subject = subject.ok_or_else(|| self.untrusted("the provider does not tell who it is"))?;
        let email = claim(&claims, email).and_then(Value::as_str);
        let email = email.and_then(|email| email.parse().ok());
        // Some providers send it as text.
        let says_verified = match claims.get("email_verified") {
            Some(Value::Bool(verified)) => *verified,
            Some(Value::String(text)) => text == "true",
            _ => false,
        };
        let parts = name
            .iter()
            .filter_map(|part| claim(&claims, part).and_then(Value::as_str));
        let name = parts
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        Ok(Person {
            issuer: self.settings.issuer.clone(),
            subject,
            email_verified: email.is_some() && (says_verified || self.settings.rules.trust_email),
            email,
            name: PersonName::parse(&name).ok(),
            claims,
        })
    }
}

/// The code, or why there is none.
fn code_of(callback: &Callback) -> Result<&str, FederationError> {
    match (callback.get("code"), callback.get("error")) {
        (Some(code), None) => Ok(code),
        // The text is a stranger's: only for the log, and short.
        (_, Some(error)) => Err(FederationError::Refused(error.chars().take(64).collect())),
        (None, None) => Err(FederationError::Refused("neither code nor error".to_owned())),
    }
}

/// `client_secret_basic` is the default of the specification.
fn preferred_auth(metadata: &Metadata) -> ClientAuth {
    let methods = metadata.token_endpoint_auth_methods_supported.as_ref();
    let has = |name: &str| methods.is_some_and(|methods| methods.iter().any(|method| method == name));
    if has("client_secret_post") && !has("client_secret_basic") {
        ClientAuth::Post
    } else {
        ClientAuth::Basic
    }
}

/// RFC 6749, section 2.3.1: encoded as in a form before it becomes Basic.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
