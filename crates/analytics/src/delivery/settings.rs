//! The ways out. The doc comment of a field names its variable and its default.

use std::path::PathBuf;

use common::config::Reader;
use lettre::message::Mailbox;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Where reports may go.
#[derive(Debug, Clone)]
pub(crate) struct DeliverySettings {
    /// `SMTP_URL`: as for user-management; a password in `SMTP_PASSWORD` is put in when the URL has
    /// none. Without it there are no letters.
    pub(super) smtp: Option<SecretString>,
    /// `MAIL_DIR`, in development only: files, instead of letters.
    pub(super) folder: Option<PathBuf>,
    /// `SMTP_FROM`: the sender.
    pub(super) from: Mailbox,
    /// `REPORT_EMAIL_DOMAINS`: domains that reports may be sent to, comma-separated; any when empty.
    pub(super) domains: Vec<String>,
    /// `REPORT_WEBHOOK_HOSTS`: hosts that webhooks may call, comma-separated; none when empty.
    /// Otherwise anybody with a schedule could have us call what only we can reach.
    pub(super) hosts: Vec<String>,
    /// `PUBLIC_URL`: how people reach this system; what links in letters begin with. Without it
    /// letters have the file only.
    pub(crate) public_url: Option<Url>,
    /// Outside of development webhooks are called by `https` only.
    pub(super) strict: bool,
}

impl DeliverySettings {
    /// Reads the settings.
    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let smtp = reader.secret("SMTP_URL");
        let password = reader.secret("SMTP_PASSWORD");
        let folder = reader.optional::<PathBuf>("MAIL_DIR");
        let from = reader.optional::<Mailbox>("SMTP_FROM");
        let domains = reader.parse("REPORT_EMAIL_DOMAINS", String::new());
        let hosts = reader.parse("REPORT_WEBHOOK_HOSTS", String::new());
        let public_url = reader.optional::<Url>("PUBLIC_URL");
        let strict = reader.environment().is_strict();
        let (from, folder) = (from?, folder?);
        if strict && smtp.is_none() && folder.is_some() {
            reader.invalid("MAIL_DIR", "is for development only; set SMTP_URL");
            return None;
        }
        let from = match from {
            Some(from) => from,
            None if smtp.is_some() => {
                reader.invalid("SMTP_FROM", "is not set, but SMTP_URL is");
                return None;
            }
            None => "robot@localhost".parse().ok()?,
        };
        let smtp = match smtp {
            Some(url) => Some(with_password(reader, &url, password)?),
            None => None,
        };
        Some(Self {
            smtp,
            folder,
            from,
            domains: list(&domains?),
            hosts: list(&hosts?),
            public_url: public_url?,
            strict,
        })
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',')
        .map(|name| name.trim().to_lowercase())
        .filter(|name| !name.is_empty())
        .collect()
}

fn with_password(
    reader: &mut Reader,
    url: &SecretString,
    password: Option<SecretString>,
) -> Option<SecretString> {
    let parsed = Url::parse(url.expose_secret()).ok();
    let Some(mut parsed) = parsed.filter(|url| matches!(url.scheme(), "smtp" | "smtps") && url.has_host())
    else {
        reader.invalid("SMTP_URL", "is not smtps://host or smtp://host");
        return None;
    };
    if let (None, Some(password)) = (parsed.password(), password) {
        // Fails only for a URL without a host.
        let _ = parsed.set_password(Some(password.expose_secret()));
    }
    Some(SecretString::from(parsed.to_string()))
}
