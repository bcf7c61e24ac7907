//! Letters.

use std::time::Duration;

use common::{BoxError, Locale};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;
use uuid::Uuid;

use super::settings::MailSettings;
use super::{Message, NotDelivered};

/// How long one step of the conversation with the server may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A mail server and who is written to.
pub(crate) struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mail(..)")
    }
}

impl Mail {
    pub(super) fn new(settings: &MailSettings) -> Result<Self, BoxError> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(settings.url.expose_secret())?;
        Ok(Self {
            transport: builder.timeout(Some(PATIENCE)).build(),
            from: settings.from.clone(),
            to: settings.to.clone(),
        })
    }

    pub(super) async fn deliver(
        &self,
        id: Uuid,
        message: &Message,
        locale: Locale,
    ) -> Result<(), NotDelivered> {
        let refused = |error: lettre::error::Error| NotDelivered::Refused(error.to_string());
        let domain = self.from.email.domain();
        let mut letter = lettre::Message::builder()
            // The same at each attempt: mail programs show a repetition once.
            .message_id(Some(format!("<{id}@{domain}>")))
            .from(self.from.clone())
            .subject(message.headline(locale))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            letter = letter.to(to.clone());
        }
        let letter = letter.body(message.text(locale)).map_err(refused)?;
        match self.transport.send(letter).await {
            Ok(_) => Ok(()),
            // No such mailbox, or too large (RFC 5321, section 4.2.3).
            Err(error) if matches!(error.status().map(u16::from), Some(550..=553)) => {
                Err(NotDelivered::Refused(error.to_string()))
            }
            Err(error) => Err(NotDelivered::NotNow(error.into())),
        }
    }
}
