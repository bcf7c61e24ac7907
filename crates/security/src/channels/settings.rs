//! Who is told of alerts. The doc comment of a field names its variable.

use common::Locale;
use common::config::Reader;
use lettre::message::{Mailbox, Mailboxes};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::telegram::Telegram;
use super::webhook::Webhook;
use crate::threats::Severity;

/// Characters that the secret of a webhook must have outside of development.
const MIN_SECRET: usize = 16;

/// All of them.
#[derive(Debug, Clone)]
pub(crate) struct ChannelSettings {
    /// `THREATS_MIN_SEVERITY` (high): low, medium, high or critical; people are not told of less.
    pub(super) least: Severity,
    /// `THREATS_LANGUAGE` (ru): of letters and messages.
    pub(super) locale: Locale,
    /// `THREATS_WEBHOOK_URL` with `THREATS_WEBHOOK_SECRET`.
    pub(super) webhook: Option<Webhook>,
    /// `THREATS_EMAIL`: addresses, separated by commas; needs `SMTP_URL` and `SMTP_FROM`.
    pub(super) mail: Option<MailSettings>,
    /// `THREATS_TELEGRAM_CHAT` with `THREATS_TELEGRAM_TOKEN`; `THREATS_TELEGRAM_URL` for a Bot API of one's own.
    pub(super) telegram: Option<Telegram>,
    /// `THREATS_ALERTMANAGER_URL`: open alerts are kept there by its API v2.
    pub(super) alertmanager: Option<Url>,
}

/// A mail server and who is written to.
#[derive(Debug, Clone)]
pub(crate) struct MailSettings {
    pub(super) url: SecretString,
    pub(super) from: Mailbox,
    pub(super) to: Vec<Mailbox>,
}

impl Default for ChannelSettings {
    fn default() -> Self {
        Self {
            least: Severity::High,
            locale: Locale::Ru,
            webhook: None,
            mail: None,
            telegram: None,
            alertmanager: None,
        }
    }
}

impl ChannelSettings {
    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let least = reader.one_of(
            "THREATS_MIN_SEVERITY",
            &["low", "medium", "high", "critical"],
            "high",
        );
        let language = reader.one_of("THREATS_LANGUAGE", &["ru", "en"], "ru");
        let webhook = webhook(reader);
        let mail = mail(reader);
        let telegram = telegram(reader);
        let alertmanager = reader.optional::<Url>("THREATS_ALERTMANAGER_URL");
        Some(Self {
            least: Severity::from_name(least?)?,
            locale: if language? == "en" { Locale::En } else { Locale::Ru },
            webhook: webhook?,
            mail: mail?,
            telegram: telegram?,
            alertmanager: alertmanager?,
        })
    }
}

#[expect(
    clippy::option_option,
    reason = "the outer one tells of a mistake, as everywhere in settings"
)]
fn webhook(reader: &mut Reader) -> Option<Option<Webhook>> {
    let url = reader.optional::<Url>("THREATS_WEBHOOK_URL");
    let secret = reader.secret("THREATS_WEBHOOK_SECRET");
    match (url?, secret) {
        (None, _) => Some(None),
        (Some(url), Some(secret)) => {
            reader.refuse_weak("THREATS_WEBHOOK_SECRET", secret.expose_secret(), MIN_SECRET, "")?;
            Some(Some(Webhook { url, secret }))
        }
        (Some(_), None) => {
            reader.invalid("THREATS_WEBHOOK_SECRET", "is not set, but THREATS_WEBHOOK_URL is");
            None
        }
    }
}

#[expect(
    clippy::option_option,
    reason = "the outer one tells of a mistake, as everywhere in settings"
)]
fn mail(reader: &mut Reader) -> Option<Option<MailSettings>> {
    let to = reader.optional::<Mailboxes>("THREATS_EMAIL");
    let url = reader.secret("SMTP_URL");
    let password = reader.secret("SMTP_PASSWORD");
    let from = reader.optional::<Mailbox>("SMTP_FROM");
    let (Some(to), from) = (to?, from?) else {
        return Some(None);
    };
    let (Some(url), Some(from)) = (url, from) else {
        reader.invalid("THREATS_EMAIL", "needs SMTP_URL and SMTP_FROM");
        return None;
    };
    let Ok(mut parsed) = Url::parse(url.expose_secret()) else {
        reader.invalid(
            "SMTP_URL",
            "is not smtps://host, smtp://host?tls=required or smtp://host",
        );
        return None;
    };
    if let (None, Some(password)) = (parsed.password(), password) {
        // Fails only for a URL without a host.
        let _ = parsed.set_password(Some(password.expose_secret()));
    }
    Some(Some(MailSettings {
        url: SecretString::from(parsed.to_string()),
        from,
        to: to.into_iter().collect(),
    }))
}

#[expect(
    clippy::option_option,
    reason = "the outer one tells of a mistake, as everywhere in settings"
)]
fn telegram(reader: &mut Reader) -> Option<Option<Telegram>> {
    let chat = reader.optional::<String>("THREATS_TELEGRAM_CHAT");
    let token = reader.secret("THREATS_TELEGRAM_TOKEN");
    let api = reader.optional::<Url>("THREATS_TELEGRAM_URL");
    let api = match api? {
        Some(api) => api,
        None => Url::parse("https://api.telegram.org/").ok()?,
    };
    match (chat?, token) {
        (None, _) => Some(None),
        (Some(chat), Some(token)) => Some(Some(Telegram { api, token, chat })),
        (Some(_), None) => {
            reader.invalid(
                "THREATS_TELEGRAM_TOKEN",
                "is not set, but THREATS_TELEGRAM_CHAT is",
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<ChannelSettings, common::config::ConfigErrors> {
        let mut reader = Reader::from_values(values.iter().copied());
        let settings = ChannelSettings::read(&mut reader);
        reader.finish(settings)
    }

    #[test]
    fn channels_are_configured_whole_or_not_at_all() {
        assert!(read(&[]).unwrap().webhook.is_none());
        let mail = ("SMTP_URL", "smtp://mail");
        // Who uses the mail server for something else only is not written to.
        assert!(
            read(&[mail, ("SMTP_FROM", "robot@example.org")])
                .unwrap()
                .mail
                .is_none()
        );
        let all = read(&[
            mail,
            ("SMTP_FROM", "robot@example.org"),
            ("THREATS_EMAIL", "one@example.org, Two <two@example.org>"),
            ("THREATS_WEBHOOK_URL", "https://hooks.example.org/1"),
            ("THREATS_WEBHOOK_SECRET", "a-long-secret-of-the-receiver"),
            ("THREATS_TELEGRAM_CHAT", "-100123"),
            ("THREATS_TELEGRAM_TOKEN", "1:abc"),
        ])
        .unwrap();
        assert_eq!(all.mail.unwrap().to.len(), 2);
        assert!(all.webhook.is_some() && all.telegram.is_some());
        for (values, name) in [
            (
                vec![("THREATS_WEBHOOK_URL", "https://hooks.example.org/1")],
                "THREATS_WEBHOOK_SECRET",
            ),
            (vec![("THREATS_EMAIL", "one@example.org")], "THREATS_EMAIL"),
            (vec![("THREATS_EMAIL", "nobody")], "THREATS_EMAIL"),
            (vec![("THREATS_TELEGRAM_CHAT", "1")], "THREATS_TELEGRAM_TOKEN"),
            (vec![("THREATS_MIN_SEVERITY", "awful")], "THREATS_MIN_SEVERITY"),
        ] {
            assert_eq!(read(&values).unwrap_err().entries()[0].0, name, "{values:?}");
        }
    }
}
