//! Logging in at providers that are not ours.

mod browser;
mod external;
mod links;
mod login;
mod oauth2;
mod programs;
mod provider;
mod refusals;
mod rules;
mod supabase;

use std::io::Write;

use tempfile::NamedTempFile;

use crate::harness::{Service, with_settings};
use browser::Browser;
use provider::{CLIENT_ID, CLIENT_SECRET, Provider};

/// A service that knows one provider, `test`.
pub(crate) struct Federated {
    pub(crate) service: Service,
    pub(crate) provider: Provider,
}

/// With `more` as further lines of the provider's settings, `users` as its rules about people.
pub(crate) async fn federated(more: &str, users: &str) -> Federated {
    let provider = Provider::start().await;
    provider.now(|behaviour| behaviour.callback_issuer = Some(provider.url()));
    let url = provider.url();
    let text = format!(
        "[[providers]]\nid = \"test\"\ntitle = \"Вход компании\"\nissuer = \"{url}\"\nclient_id = \"{CLIENT_ID}\"\n\
         client_secret = \"{CLIENT_SECRET}\"\n{}\n[providers.users]\n{users}\n",
        more.replace("PROVIDER", &url),
    );
    let file = settings_file(&text);
    let service = with_settings(&[("OIDC_PROVIDERS_FILE", file.path().to_str().unwrap())]).await;
    Federated { service, provider }
}

pub(crate) fn settings_file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

impl Federated {
    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser::new(&self.service)
    }
}
