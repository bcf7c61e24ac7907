//! Logging in at identity providers that are not ours: OpenID Connect and OAuth 2.0 with code and
//! PKCE, and Supabase.
//!
//! Reading order: `settings` (which providers, and what their users get), `discovery` (addresses and
//! keys of a provider), `id_token` (whose word counts), `provider` (one login at it), `attempt`
//! (what a browser carries meanwhile), `admission` (from a person at a provider to an account here),
//! `handover` (from the callback to the page), `supabase`.
//!
//! A person is known by issuer and subject. An e-mail address never leads to an account by itself:
//! who has the address at a provider logs in here once, and then links the two. No token is ever in
//! a URL.
//!
//! Written on `reqwest` and `jsonwebtoken`: the crate `openidconnect` depends on `rsa`, which
//! `deny.toml` refuses (RUSTSEC-2023-0071).

mod admission;
mod attempt;
mod discovery;
mod error;
mod handover;
mod id_token;
mod person;
mod provider;
mod settings;
mod supabase;
mod wire;

use std::sync::Arc;

use common::BoxError;
use common::sealing::Sealer;
use secrecy::SecretString;
use url::Url;

pub(crate) use admission::{Admission, admit, link};
pub(crate) use attempt::{
    Attempt, COOKIE as ATTEMPT_COOKIE, LIFETIME as ATTEMPT_LIFETIME, Purpose, ReturnTo,
};
pub(crate) use discovery::KeySet;
pub(crate) use error::FederationError;
pub(crate) use handover::{HANDOVER_COOKIE, Halves, Handover, HandoverTo, hand_over, take};
pub(crate) use person::Person;
pub(crate) use provider::{Callback, Provider};
pub(crate) use settings::{FederationSettings, Rules};
pub(crate) use supabase::Supabase;
pub(crate) use wire::key_client;

use attempt::Attempts;

/// The providers, and what logins at them need. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Federation(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    providers: Vec<Provider>,
    supabase: Option<Supabase>,
    attempts: Attempts,
    public_url: Option<Url>,
}

/// One identity that a user has at a provider.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) provider: String,
    pub(crate) email: Option<String>,
    pub(crate) linked_at: chrono::DateTime<chrono::Utc>,
    pub(crate) last_used_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl Federation {
    pub(crate) fn new(
        settings: FederationSettings,
        public_url: Option<Url>,
        secret: &SecretString,
    ) -> Result<Self, BoxError> {
        let providers = settings
            .providers
            .into_iter()
            .map(|settings| Provider::new(settings, public_url.as_ref()))
            .collect::<Result<_, _>>()?;
        let supabase = settings.supabase.map(Supabase::new).transpose()?;
        Ok(Self(Arc::new(Inner {
            providers,
            supabase,
            attempts: Attempts::new(Sealer::new(secret, "user-management logins at providers")?),
            public_url,
        })))
    }

    /// The providers in the order of the settings.
    pub(crate) fn providers(&self) -> &[Provider] {
        &self.0.providers
    }

    /// The provider of that id.
    pub(crate) fn provider(&self, id: &str) -> Result<&Provider, FederationError> {
        let found = self.0.providers.iter().find(|provider| provider.id() == id);
        found.ok_or(FederationError::UnknownProvider)
    }

    /// Supabase, where it is configured.
    pub(crate) fn supabase(&self) -> Result<&Supabase, FederationError> {
        self.0.supabase.as_ref().ok_or(FederationError::UnknownProvider)
    }

    pub(crate) fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    /// The address of a page of ours: `path` on the host that browsers know.
    pub(crate) fn page(&self, path: &ReturnTo) -> String {
        let base = self.0.public_url.as_ref().map_or("", Url::as_str);
        format!("{}{}", base.trim_end_matches('/'), path.as_str())
    }
}
