//! How mails leave. The doc comment of a field names its variable and its default.

use std::path::PathBuf;

use common::config::Reader;
use lettre::message::Mailbox;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Where mails go, and what depends on it.
#[derive(Debug, Clone)]
pub(crate) struct MailSettings {
    pub(crate) route: RouteSettings,
    /// `SMTP_FROM`: the sender, such as `AI-ассистенты <robot@example.org>`.
    pub(crate) from: Mailbox,
    /// `EMAIL_VERIFICATION`: `required` or `off`. Required by default when there is an SMTP server:
    /// whoever registers has an account only after a letter has reached the address.
    pub(crate) verification: bool,
}

/// Where mails go.
#[derive(Debug, Clone)]
pub(crate) enum RouteSettings {
    /// `SMTP_URL`: `smtps://user:password@host`, or `smtp://host:587?tls=required` (STARTTLS), or plain
    /// `smtp://host` for a server within one's own network. A password in `SMTP_PASSWORD` is put in
    /// when the URL has none.
    Smtp(SecretString),
    /// `MAIL_DIR`, in development only: files, instead of mails.
    Folder(PathBuf),
    /// Nowhere: there are no letters.
    Nowhere,
}

impl MailSettings {
    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let url = reader.secret("SMTP_URL");
        let password = reader.secret("SMTP_PASSWORD");
        let from = reader.optional::<Mailbox>("SMTP_FROM");
        let folder = reader.optional::<PathBuf>("MAIL_DIR");
        let strict = reader.environment().is_strict();
        let default = if url.is_some() { "required" } else { "off" };
        let verification = reader.one_of("EMAIL_VERIFICATION", &["required", "off"], default);
        let (from, folder, verification) = (from?, folder?, verification? == "required");
        let route = match (url, folder) {
            (Some(url), _) => RouteSettings::Smtp(checked(reader, &url, password)?),
            (None, Some(_)) if strict => {
                reader.invalid("MAIL_DIR", "is for development only; set SMTP_URL");
                return None;
            }
            (None, Some(folder)) => RouteSettings::Folder(folder),
            (None, None) => RouteSettings::Nowhere,
        };
        if verification && matches!(route, RouteSettings::Nowhere) {
            reader.invalid("EMAIL_VERIFICATION", "needs SMTP_URL: no letter could be sent");
            return None;
        }
        let from = match (from, &route) {
            (Some(from), _) => from,
            (None, RouteSettings::Smtp(_)) => {
                reader.invalid("SMTP_FROM", "is not set, but SMTP_URL is");
                return None;
            }
            (None, _) => "robot@localhost".parse().ok()?,
        };
        Some(Self {
            route,
            from,
            verification,
        })
    }
}

fn checked(reader: &mut Reader, url: &SecretString, password: Option<SecretString>) -> Option<SecretString> {
    let parsed = Url::parse(url.expose_secret()).ok();
    let tls = |url: &Url| {
        url.query_pairs()
            .find(|(name, _)| name == "tls")
            .map(|(_, value)| value.into_owned())
    };
    let Some(mut url) = parsed.filter(|url| {
        let how = matches!(
            (url.scheme(), tls(url).as_deref()),
            ("smtps", _) | ("smtp", None | Some("required" | "opportunistic"))
        );
        how && url.has_host()
    }) else {
        reader.invalid(
            "SMTP_URL",
            "is not smtps://host, smtp://host?tls=required, smtp://host?tls=opportunistic or smtp://host",
        );
        return None;
    };
    if let (None, Some(password)) = (url.password(), password) {
        // Fails only for a URL without a host.
        let _ = url.set_password(Some(password.expose_secret()));
    }
    let secure = url.scheme() == "smtps" || tls(&url).as_deref() == Some("required");
    if url.password().is_some() && !secure && reader.environment().is_strict() {
        reader.invalid(
            "SMTP_URL",
            "would send a password over a connection that anybody can read; use smtps:// or ?tls=required",
        );
        return None;
    }
    Some(SecretString::from(url.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<MailSettings, common::config::ConfigErrors> {
        let mut reader = Reader::from_values(values.iter().copied());
        let settings = MailSettings::read(&mut reader);
        reader.finish(settings)
    }

    #[test]
    fn a_server_makes_verification_the_rule() {
        let settings = read(&[]).unwrap();
        assert!(matches!(settings.route, RouteSettings::Nowhere) && !settings.verification);
        let settings = read(&[("MAIL_DIR", "mail")]).unwrap();
        assert!(matches!(settings.route, RouteSettings::Folder(_)) && !settings.verification);
        let settings = read(&[
            ("SMTP_URL", "smtp://robot@mail:587?tls=required"),
            ("SMTP_PASSWORD", "a b@c"),
            ("SMTP_FROM", "AI-ассистенты <robot@example.org>"),
        ])
        .unwrap();
        assert!(settings.verification);
        let RouteSettings::Smtp(url) = settings.route else {
            unreachable!()
        };
        assert_eq!(
            url.expose_secret(),
            "smtp://robot:a%20b%40c@mail:587?tls=required"
        );
    }

    #[test]
    fn what_cannot_work_is_told_by_variable() {
        let from = ("SMTP_FROM", "robot@example.org");
        let production = ("ENVIRONMENT", "production");
        for (values, name) in [
            (vec![("SMTP_URL", "smtp://mail")], "SMTP_FROM"),
            (vec![("SMTP_URL", "http://mail"), from], "SMTP_URL"),
            (vec![("SMTP_URL", "smtp://mail?tls=perhaps"), from], "SMTP_URL"),
            (vec![("SMTP_URL", "mail"), from], "SMTP_URL"),
            (
                vec![production, ("SMTP_URL", "smtp://a:b@mail"), from],
                "SMTP_URL",
            ),
            (vec![production, ("MAIL_DIR", "mail")], "MAIL_DIR"),
            (vec![("EMAIL_VERIFICATION", "required")], "EMAIL_VERIFICATION"),
            (vec![("SMTP_FROM", "nobody")], "SMTP_FROM"),
        ] {
            let errors = read(&values).unwrap_err();
            assert_eq!(errors.entries()[0].0, name, "{values:?}");
            assert!(!errors.to_string().contains("a:b"));
        }
    }
}
