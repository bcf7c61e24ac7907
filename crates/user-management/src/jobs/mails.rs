//! Sends the mails of the queue, one after another.

use std::time::{Duration, Instant};

use common::clock::Clock;
use common::db::StoreResult;
use common::telemetry::Chain;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::account::{Email, locale_of};
use crate::error::Error;
use crate::mail::{self, Letter, Mailer, NotSent, Post};
use crate::store::mails::StoredMail;
use crate::{metrics, store};

const PAUSE: Duration = Duration::from_secs(1);
const TIDY_EVERY: Duration = Duration::from_secs(15);
/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: chrono::Duration = chrono::Duration::seconds(30);
const LONGEST_PAUSE: chrono::Duration = chrono::Duration::hours(1);
/// A letter that could not be sent for so long is of no use to anybody.
const GIVE_UP_AFTER: chrono::Duration = chrono::Duration::hours(48);
/// Mails that ended are remembered so long: to limit what strangers ask for, and to look into it.
const KEEP_ENDED: chrono::Duration = chrono::Duration::days(7);

/// What the job needs.
#[derive(Debug)]
pub(crate) struct Postman {
    pub(crate) db: PgPool,
    pub(crate) mailer: Mailer,
    pub(crate) post: Post,
    pub(crate) clock: Clock,
}

pub(crate) async fn run(postman: Postman, shutdown: CancellationToken) {
    let mut tidied: Option<Instant> = None;
    loop {
        let mut pause = PAUSE;
        match postman.send_next().await {
            Ok(true) => pause = Duration::ZERO,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "the queue of mails cannot be read; trying again");
            }
        }
        if tidied.is_none_or(|at| at.elapsed() >= TIDY_EVERY) {
            tidied = Some(Instant::now());
            if let Err(error) = postman.tidy().await {
                tracing::warn!(error = %Chain(&error), "old mails and links were not deleted; trying again");
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

impl Postman {
    /// Sends a mail that is due; false when there is none.
    async fn send_next(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut transaction = self.db.begin().await.store("begin")?;
        let Some(mail) = store::mails::next_due(&mut transaction, now).await? else {
            return Ok(false);
        };
        let letter = serde_json::from_value::<Letter>(mail.params.clone());
        let recipient = Email::from_stored(mail.recipient.clone());
        let contents = match letter {
            Ok(letter) => {
                let locale = locale_of(&mail.locale);
                mail::prepare(&mut transaction, &self.mailer, &recipient, letter, locale, now).await?
            }
            // Queued by another version.
            Err(_) => None,
        };
        let Some(contents) = contents else {
            store::mails::end(&mut transaction, mail.id, "dropped", now).await?;
            transaction.commit().await.store("commit")?;
            metrics::mail("dropped");
            return Ok(true);
        };
        store::mails::begin_attempt(&mut transaction, mail.id, now + pause_after(mail.attempts)).await?;
        transaction.commit().await.store("commit")?;

        let sent = self
            .post
            .send(&mail.id.to_string(), &mail.recipient, &contents)
            .await;
        self.note(&mail, sent).await?;
        Ok(true)
    }

    async fn note(&self, mail: &StoredMail, sent: Result<(), NotSent>) -> Result<(), Error> {
        let now = self.clock.now();
        let (id, kind) = (mail.id, &mail.kind);
        let outcome = match sent {
            Ok(()) => "sent",
            Err(error @ NotSent::Refused(_)) => {
                tracing::warn!(error = %Chain(&error), "the mail {id} ({kind}) is given up");
                "failed"
            }
            Err(error @ NotSent::NotNow(_)) => {
                if now - mail.created_at < GIVE_UP_AFTER {
                    tracing::warn!(error = %Chain(&error), "the mail {id} ({kind}) will be sent later");
                    metrics::mail("delayed");
                    return Ok(());
                }
                tracing::error!(error = %Chain(&error), "the mail {id} ({kind}) is given up after two days");
                "failed"
            }
        };
        let mut connection = self.db.acquire().await.store("acquire")?;
        store::mails::end(&mut connection, id, outcome, now).await?;
        metrics::mail(outcome);
        Ok(())
    }

    async fn tidy(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let mut connection = self.db.acquire().await.store("acquire")?;
        store::mails::delete_ended(&mut connection, now - KEEP_ENDED).await?;
        store::links::delete_ended(&mut connection, now).await?;
        store::registrations::delete_ended(&mut connection, now).await?;
        store::invites::delete_ended(&mut connection, now).await?;
        let (waiting, oldest) = store::mails::waiting(&mut connection).await?;
        metrics::mails_waiting(waiting, oldest.map_or(0, |oldest| (now - oldest).num_seconds()));
        Ok(())
    }
}

fn pause_after(attempts: i32) -> chrono::Duration {
    let factor = 2_i32
        .checked_pow(u32::try_from(attempts).unwrap_or(0))
        .unwrap_or(i32::MAX);
    FIRST_PAUSE
        .checked_mul(factor)
        .unwrap_or(LONGEST_PAUSE)
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let seconds: Vec<i64> = (0..9)
            .map(|attempts| pause_after(attempts).num_seconds())
            .collect();
        assert_eq!(seconds, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(pause_after(i32::MAX), LONGEST_PAUSE);
    }
}
