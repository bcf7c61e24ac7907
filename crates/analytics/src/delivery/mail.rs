//! Letters with a report: by an SMTP server, or into a folder on a developer's machine.

use std::path::PathBuf;
use std::time::Duration;

use common::{BoxError, Locale, Text};
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;

use super::settings::DeliverySettings;
use super::{Contents, NotDelivered, Parcel};

/// How long one step of the conversation with the server may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Servers seldom take larger letters; Base64 adds a third. A larger file comes as a link.
const LARGEST_ATTACHMENT: usize = 15 << 20;

/// Sends letters.
pub(crate) struct Post {
    route: Route,
    from: Mailbox,
    domains: Vec<String>,
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

impl Post {
    pub(super) fn new(settings: &DeliverySettings) -> Result<Self, BoxError> {
        let route = match (&settings.smtp, &settings.folder) {
            (Some(url), _) => {
                let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())?;
                Route::Smtp(Box::new(builder.timeout(Some(PATIENCE)).build()))
            }
            (None, Some(folder)) => Route::Folder(folder.clone()),
            (None, None) => Route::Nowhere,
        };
        Ok(Self {
            route,
            from: settings.from.clone(),
            domains: settings.domains.clone(),
        })
    }

    /// Whether there are letters at all.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.route, Route::Nowhere)
    }

    /// Whether an address may be written to.
    pub(super) fn check(&self, recipient: &str) -> Result<(), Text> {
        let address: Address = recipient
            .parse()
            .map_err(|_| Text::new("Это не адрес почты.", "This is no mail address."))?;
        let domain = address.domain().to_lowercase();
        if self.domains.is_empty() || self.domains.contains(&domain) {
            return Ok(());
        }
        Err(Text::new(
            format!(
                "На адреса {domain} отчёты не отправляются: так решил администратор (REPORT_EMAIL_DOMAINS)."
            ),
            format!("Reports are not sent to {domain}: an administrator decided so (REPORT_EMAIL_DOMAINS)."),
        ))
    }

    pub(super) async fn send(&self, recipients: &[String], parcel: &Parcel) -> Result<(), NotDelivered> {
        // The settings may have changed since the schedule was saved.
        for recipient in recipients {
            self.check(recipient)
                .map_err(|text| NotDelivered::Refused(text.get(Locale::En).to_owned().into()))?;
        }
        let message = self.message(recipients, parcel).map_err(NotDelivered::Refused)?;
        match &self.route {
            Route::Smtp(transport) => transport.send(message).await.map(drop).map_err(|error| {
                // 550, 551, 553: no such mailbox; 552: too large (RFC 5321, section 4.2.3).
                if matches!(error.status().map(u16::from), Some(550..=553)) {
                    NotDelivered::Refused(error.into())
                } else {
                    NotDelivered::NotNow(error.into())
                }
            }),
            Route::Folder(folder) => {
                let path = folder.join(format!("report-{}.eml", parcel.id));
                let written = async {
                    tokio::fs::create_dir_all(folder).await?;
                    tokio::fs::write(&path, message.formatted()).await
                };
                written
                    .await
                    .map_err(|error| NotDelivered::NotNow(error.into()))?;
                tracing::info!("a letter was written to {}", path.display());
                Ok(())
            }
            Route::Nowhere => Err(NotDelivered::NotNow("SMTP_URL is not set".into())),
        }
    }

    fn message(&self, recipients: &[String], parcel: &Parcel) -> Result<Message, BoxError> {
        let domain = self.from.email.domain();
        let mut message = Message::builder()
            .message_id(Some(format!("<{}@{domain}>", parcel.id)))
            .from(self.from.clone())
            .subject(subject(parcel))
            // No answers of machines to a machine (RFC 3834).
            .header(AutoSubmitted);
        for recipient in recipients {
            message = message.to(Mailbox::new(None, recipient.parse()?));
        }
        let text = |link_only: bool| SinglePart::plain(body(parcel, link_only));
        Ok(match &parcel.contents {
            Contents::File {
                name,
                content_type,
                bytes,
                ..
            } if bytes.len() <= LARGEST_ATTACHMENT => {
                let file =
                    Attachment::new(name.clone()).body(bytes.clone(), ContentType::parse(content_type)?);
                let parts = MultiPart::mixed().singlepart(text(false)).singlepart(file);
                message.multipart(parts)?
            }
            Contents::File { .. } | Contents::Failure { .. } => message.singlepart(text(true))?,
        })
    }
}

fn subject(parcel: &Parcel) -> String {
    match &parcel.contents {
        Contents::File { .. } => parcel.schedule.clone(),
        Contents::Failure { .. } => Text::new(
            format!("Отчёт не сформирован: {}", parcel.schedule),
            format!("No report: {}", parcel.schedule),
        )
        .get(parcel.locale)
        .to_owned(),
    }
}

fn body(parcel: &Parcel, link_only: bool) -> String {
    match &parcel.contents {
        Contents::File { rows, link, .. } => {
            let place = match (link_only, link) {
                (false, None) => Text::new("Отчёт во вложении.", "The report is attached."),
                (false, Some(link)) => Text::new(
                    format!("Отчёт во вложении и, пока действует ссылка, здесь:\n{link}"),
                    format!("The report is attached, and here while the link lasts:\n{link}"),
                ),
                (true, Some(link)) => Text::new(
                    format!("Файл велик для письма. Он здесь, пока действует ссылка:\n{link}"),
                    format!("The file is too large for a letter. It is here while the link lasts:\n{link}"),
                ),
                (true, None) => Text::new(
                    "Файл велик для письма. Он в списке ваших отчётов.",
                    "The file is too large for a letter. It is in the list of your reports.",
                ),
            };
            format!(
                "{}\n\n{}\n\n{} {rows}\n",
                parcel.title,
                place.get(parcel.locale),
                Text::new("Строк:", "Rows:").get(parcel.locale),
            )
        }
        Contents::Failure { code, detail } => format!("{}\n\n{detail}\n\n{code}\n", parcel.title),
    }
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
