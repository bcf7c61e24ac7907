//! Where mails leave: an SMTP server, or a folder on a developer's machine.

use std::path::PathBuf;
use std::time::Duration;

use common::BoxError;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;
use url::Url;

use super::contents::Contents;
use super::settings::{MailSettings, RouteSettings};

/// How long one step of the conversation with the server may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends mails.
pub(crate) struct Post {
    route: Route,
    from: Mailbox,
}

enum Route {
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    Folder(PathBuf),
    Nowhere,
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Post(..)")
    }
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSent {
    /// The server will never take it: there is no such mailbox, or it must not be written to.
    #[error("the mail server refuses the recipient for good")]
    Refused(#[source] BoxError),
    /// It may be taken later.
    #[error("the mail could not be sent")]
    NotNow(#[source] BoxError),
}

impl Post {
    /// # Errors
    /// When the TLS library cannot be set up.
    pub(crate) fn new(settings: &MailSettings, base: &str) -> Result<Self, BoxError> {
        let route = match &settings.route {
            RouteSettings::Nowhere => Route::Nowhere,
            RouteSettings::Folder(folder) => Route::Folder(folder.clone()),
            RouteSettings::Smtp(url) => {
                let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())?
                    .timeout(Some(PATIENCE));
                if let Some(host) = Url::parse(base)
                    .ok()
                    .and_then(|url| url.domain().map(str::to_owned))
                {
                    builder = builder.hello_name(ClientId::Domain(host));
                }
                Route::Smtp(Box::new(builder.build()))
            }
        };
        Ok(Self {
            route,
            from: settings.from.clone(),
        })
    }

    /// Sends one mail. `id` makes it recognisable when it has to be sent twice.
    pub(crate) async fn send(&self, id: &str, recipient: &str, contents: &Contents) -> Result<(), NotSent> {
        let message = self.message(id, recipient, contents).map_err(NotSent::Refused)?;
        match &self.route {
            Route::Smtp(transport) => {
                transport.send(message).await.map(drop).map_err(|error| {
                    // 550, 551, 553: no such mailbox; 552: too large (RFC 5321, section 4.2.3).
                    let status = error.status().map(u16::from);
                    if matches!(status, Some(550..=553)) {
                        NotSent::Refused(error.into())
                    } else {
                        NotSent::NotNow(error.into())
                    }
                })
            }
            Route::Folder(folder) => {
                let path = folder.join(format!("{id}.eml"));
                write(&path, &message.formatted())
                    .await
                    .map_err(NotSent::NotNow)?;
                let link = contents.link.as_deref().unwrap_or("without a link");
                tracing::info!("a mail was written to {}: {link}", path.display());
                Ok(())
            }
            Route::Nowhere => Err(NotSent::NotNow("SMTP_URL is not set".into())),
        }
    }

    fn message(&self, id: &str, recipient: &str, contents: &Contents) -> Result<Message, BoxError> {
        let address: Address = recipient.parse()?;
        let domain = self.from.email.domain();
        let message = Message::builder()
            .message_id(Some(format!("<{id}@{domain}>")))
            .from(self.from.clone())
            .to(Mailbox::new(None, address))
            .subject(contents.subject.clone())
            // No answers of machines to a machine (RFC 3834).
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(
                contents.text.clone(),
                contents.html.clone(),
            ))?;
        Ok(message)
    }
}

async fn write(path: &std::path::Path, message: &[u8]) -> Result<(), BoxError> {
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    Ok(tokio::fs::write(path, message).await?)
}

/// `Auto-Submitted: auto-generated`.
#[derive(Clone)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, BoxError> {
        Ok(Self)
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
